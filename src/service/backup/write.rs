//! Writes a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;

use super::files::{Written, sync_folder, sync_folders};
use super::rows::{dump, lines};
use super::{BackupError, FORMAT, FileEntry, MANIFEST, MASTER_KEY, Manifest, is_plain, verify};
use crate::object::{ObjectError, Objects};
use crate::store::{Store, migrate, statements, values};
use crate::time::Instant;

statements! {
    /// Of every organisation: for the owner.
    IS_NAMED = "SELECT object_name FROM blob WHERE object_name = $1 \
        UNION ALL SELECT object_name FROM upload_part WHERE object_name = $1";
}
pub(crate) use ALL as STATEMENTS;

/// What goes into a backup beside the database and its objects.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan<'a> {
    /// A former backup, whose objects are linked where they are the same: it
    /// must be on the same file system to save space.
    pub previous: Option<&'a Path>,
    /// The file of the master key. With it, whoever has the backup has the data.
    pub master_key: Option<&'a Path>,
}

/// Backs `store`, opened as its owner, and `objects` up into the new folder
/// `to`, and gives what is in it.
///
/// # Errors
///
/// Where `to` exists, an object that the database names is not there, or
/// something could not be read or written: then `to` is not there.
pub async fn backup(
    store: &Store,
    objects: &Objects,
    to: &Path,
    plan: Plan<'_>,
) -> Result<Manifest, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let (parent, name) = place(to)?;
    remove_partial(&parent, &name)?;
    let partial = tempfile::Builder::new()
        .prefix(&partial_prefix(&name))
        .tempdir_in(&parent)
        .map_err(BackupError::at("making a folder in", &parent))?;

    let folder = partial.path();
    let (mut manifest, named) = tables(store, folder).await?;
    let former = plan.previous.map(|path| verify::read(path).map(|found| (path, found)));
    let former = former.transpose()?;
    let mut gone = BTreeSet::new();
    for (object, size) in named {
        let path = format!("objects/{object}");
        if !is_plain(&path) {
            let reason = "its name is none of this server's".to_owned();
            return Err(BackupError::Damaged { path: path.into(), reason });
        }
        let linked = former.as_ref().and_then(|(from, found)| {
            let entry = found.files.get(&path).filter(|entry| entry.size == size)?;
            link(&from.join(&path), &folder.join(&path)).then(|| entry.clone())
        });
        let entry = match linked {
            Some(entry) => entry,
            None => match copy(objects, &object, &folder.join(&path)).await {
                Ok(entry) => entry,
                // An upload that ended, or was swept, since the database was read.
                Err(BackupError::Object(ObjectError::Missing(_)))
                    if !is_named(store, &object).await? =>
                {
                    gone.insert(object);
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        if entry.size != size {
            let (name, expected, found) = (object, size, entry.size);
            return Err(ObjectError::Size { name, expected, found }.into());
        }
        manifest.files.insert(path, entry);
    }
    forget(folder, &mut manifest, &gone)?;
    if let Some(key) = plan.master_key {
        let text = std::fs::read(key).map_err(BackupError::at("reading", key))?;
        let mut file = Written::create(&folder.join(MASTER_KEY))?;
        file.write(&text)?;
        manifest.files.insert(MASTER_KEY.to_owned(), file.finish()?);
    }
    let mut file = Written::create(&folder.join(MANIFEST))?;
    file.write(&serde_json::to_vec_pretty(&manifest).unwrap_or_default())?;
    file.finish()?;
    sync_folders(folder)?;
    // Not over another that came meanwhile: a folder that holds something stays.
    std::fs::rename(folder, to).map_err(BackupError::at("naming", to))?;
    let _ = partial.keep();
    sync_folder(&parent)?;
    Ok(manifest)
}

fn place(to: &Path) -> Result<(PathBuf, String), BackupError> {
    let name = to.file_name().ok_or_else(|| BackupError::Exists(to.to_owned()))?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new(".")).to_owned();
    std::fs::create_dir_all(&parent).map_err(BackupError::at("making", &parent))?;
    Ok((parent, name.to_string_lossy().into_owned()))
}

fn partial_prefix(name: &str) -> String {
    format!(".{name}.partial-")
}

/// What a backup of the same name left when it was killed.
fn remove_partial(parent: &Path, name: &str) -> Result<(), BackupError> {
    let failed = BackupError::at("reading", parent);
    let entries = std::fs::read_dir(parent).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.map_err(failed)? {
        if entry.file_name().to_string_lossy().starts_with(&partial_prefix(name)) {
            let path = entry.path();
            std::fs::remove_dir_all(&path).map_err(BackupError::at("removing", &path))?;
        }
    }
    Ok(())
}

/// Writes the rows of one moment; gives the objects that they name, with their
/// stored sizes.
async fn tables(
    store: &Store,
    folder: &Path,
) -> Result<(Manifest, BTreeMap<String, u64>), BackupError> {
    let mut tx = store.begin_snapshot().await?;
    let mut manifest = Manifest {
        format: FORMAT.to_owned(),
        made_at: Instant::now().rfc3339(),
        schema: migrate::applied(&mut tx).await?,
        rows: BTreeMap::new(),
        files: BTreeMap::new(),
    };
    if manifest.schema != migrate::known() {
        let (found, needed) = (manifest.schema, migrate::known());
        return Err(crate::store::StoreError::OldSchema { found, needed }.into());
    }
    for table in migrate::tables() {
        let path = format!("tables/{table}.jsonl");
        let mut file = Written::create(&folder.join(&path))?;
        let count = dump(&mut tx, table, &mut file).await?;
        manifest.rows.insert(table.to_owned(), count);
        manifest.files.insert(path, file.finish()?);
    }
    drop(tx);
    let named = verify::named(folder)?;
    Ok((manifest, named))
}

/// A name of the same bytes, where the file system has such.
fn link(from: &Path, to: &Path) -> bool {
    let made = to.parent().map(std::fs::create_dir_all);
    made.is_some_and(|made| made.is_ok()) && std::fs::hard_link(from, to).is_ok()
}

async fn copy(objects: &Objects, name: &str, to: &Path) -> Result<FileEntry, BackupError> {
    let mut stream = objects.raw(name).await?;
    let mut file = Written::create(to)?;
    while let Some(bytes) = stream.try_next().await.map_err(ObjectError::at("reading", name))? {
        file.write(&bytes)?;
    }
    file.finish()
}

async fn is_named(store: &Store, object: &str) -> Result<bool, BackupError> {
    let mut tx = store.begin_read().await?;
    Ok(tx.row(IS_NAMED, values![object]).await?.is_some())
}

/// Leaves out the rows of objects that are gone: parts, and uploads with blobs
/// that nothing uses.
pub(super) fn forget(
    folder: &Path,
    manifest: &mut Manifest,
    gone: &BTreeSet<String>,
) -> Result<(), BackupError> {
    if gone.is_empty() {
        return Ok(());
    }
    let mut blobs = BTreeSet::new();
    for (table, column) in
        [("blob", "object_name"), ("upload_part", "object_name"), ("upload", "blob_id")]
    {
        let path = format!("tables/{table}.jsonl");
        let (from, to) = (folder.join(&path), folder.join(format!("{path}.kept")));
        let (mut file, mut count) = (Written::create(&to)?, 0);
        for line in lines(&from)? {
            let (_, line) = line?;
            let text = |name: &str| line.get(name).and_then(|value| value.as_str());
            let value = text(column).unwrap_or_default();
            if gone.contains(value) || blobs.contains(value) {
                blobs.extend(text("id").filter(|_| table == "blob").map(str::to_owned));
                continue;
            }
            let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
            bytes.push(b'\n');
            file.write(&bytes)?;
            count += 1;
        }
        let entry = file.finish()?;
        std::fs::rename(&to, &from).map_err(BackupError::at("naming", &from))?;
        manifest.files.insert(path, entry);
        manifest.rows.insert(table.to_owned(), count);
    }
    Ok(())
}
