//! Restores a backup into an empty database.
//!
//! Objects go first, each whole or not at all; then all rows in one transaction.
//! A kill leaves an empty database, and the same command again ends the work.

use std::path::Path;

use super::rows::load;
use super::{BackupError, Manifest, verify};
use crate::object::Objects;
use crate::store::{Store, migrate, statements};

statements! {
    ANY_ORG = "SELECT id FROM org LIMIT 1";
}
pub(crate) use ALL as STATEMENTS;

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Rows.
    pub rows: u64,
    /// Objects.
    pub objects: usize,
    /// Bytes of objects.
    pub bytes: u64,
}

/// Verifies the backup in `folder` and restores it into `store`, opened as its
/// owner, which must be empty, and `objects`. The database may be of the other
/// kind than the one that was backed up.
///
/// # Errors
///
/// Where the backup is damaged or newer, or the database is not empty: then it
/// is as it was.
pub async fn restore(
    folder: &Path,
    store: &Store,
    objects: &Objects,
) -> Result<Restored, BackupError> {
    let manifest = verify::verify(folder)?;
    migrate::migrate_to(store, manifest.schema).await?;
    refuse_rows(store).await?;
    let mut restored = Restored { rows: 0, objects: 0, bytes: 0 };
    for (path, entry) in &manifest.files {
        if let Some(name) = path.strip_prefix("objects/") {
            put(objects, name, &folder.join(path)).await?;
            restored.objects += 1;
            restored.bytes += entry.size;
        }
    }
    restored.rows = rows(folder, store, &manifest).await?;
    migrate::migrate(store).await?;
    Ok(restored)
}

async fn refuse_rows(store: &Store) -> Result<(), BackupError> {
    let mut tx = store.begin_read().await?;
    match tx.row(ANY_ORG, &[]).await? {
        Some(_) => Err(BackupError::NotEmpty),
        None => Ok(()),
    }
}

async fn put(objects: &Objects, name: &str, path: &Path) -> Result<(), BackupError> {
    use tokio::io::AsyncReadExt as _;
    let file = tokio::fs::File::open(path).await;
    let mut file = file.map_err(BackupError::at("reading", path))?;
    let mut put = objects.put(name);
    let mut block = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut block).await.map_err(BackupError::at("reading", path))?;
        if count == 0 {
            put.finish().await?;
            return Ok(());
        }
        put.write(&block[..count]).await?;
    }
}

async fn rows(folder: &Path, store: &Store, manifest: &Manifest) -> Result<u64, BackupError> {
    let mut tx = store.begin_write().await?;
    let mut count = 0;
    for table in migrate::tables_of(manifest.schema) {
        let path = folder.join(format!("tables/{table}.jsonl"));
        count += load(&mut tx, table, &path).await?;
    }
    tx.commit().await?;
    Ok(count)
}
