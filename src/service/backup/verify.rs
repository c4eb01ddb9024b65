//! Checks a backup against its manifest. It needs neither database nor keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::measure;
use super::rows::lines;
use super::{BackupError, FORMAT, MANIFEST, Manifest, is_plain};
use crate::store::migrate;

/// Most bytes of a manifest: some millions of objects.
const LARGEST: u64 = 1 << 30;

/// Reads every file of the backup in `folder`, and checks that it is what was
/// backed up, that nothing is missing or added, and that every object that a row
/// names is there.
///
/// # Errors
///
/// What differs first.
pub fn verify(folder: &Path) -> Result<Manifest, BackupError> {
    let manifest = read(folder)?;
    for (name, expected) in &manifest.files {
        let path = folder.join(name);
        let found = measure(&path)?;
        if found != *expected {
            let reason = format!(
                "it has {} bytes with SHA-256 {}, not {} with {}",
                found.size, found.sha256, expected.size, expected.sha256
            );
            return Err(BackupError::Damaged { path, reason });
        }
    }
    refuse_others(folder, folder, &manifest)?;
    for table in migrate::tables_of(manifest.schema) {
        let path = folder.join(format!("tables/{table}.jsonl"));
        let mut count = 0;
        for line in lines(&path)? {
            line?;
            count += 1;
        }
        if manifest.rows.get(table) != Some(&count) {
            let reason = format!("it has {count} rows");
            return Err(BackupError::Damaged { path, reason });
        }
    }
    for (object, size) in named(folder)? {
        let path = format!("objects/{object}");
        if manifest.files.get(&path).map(|file| file.size) != Some(size) {
            let reason = "a row names it, and it is not there as it was stored".to_owned();
            return Err(BackupError::Damaged { path: folder.join(path), reason });
        }
    }
    Ok(manifest)
}

/// The manifest of the backup in `folder`; nothing else is read.
pub(super) fn read(folder: &Path) -> Result<Manifest, BackupError> {
    let path = folder.join(MANIFEST);
    let failed = BackupError::at("reading", &path);
    let wrong = |reason: String| BackupError::Manifest { path: path.clone(), reason };
    let size = std::fs::metadata(&path).map(|metadata| metadata.len());
    let text = size.and_then(|size| match size > LARGEST {
        true => Err(std::io::Error::other("it is too large")),
        false => std::fs::read(&path),
    });
    let text = text.map_err(failed)?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    if manifest.format != FORMAT {
        return Err(wrong(format!("its format is {:?}", manifest.format)));
    }
    if let Some(name) = manifest.files.keys().find(|name| !is_plain(name)) {
        return Err(wrong(format!("{name:?} is no path in a backup")));
    }
    if manifest.schema > migrate::known() {
        let (found, known) = (manifest.schema, migrate::known());
        return Err(BackupError::Newer { found, known });
    }
    let missing = migrate::tables_of(manifest.schema)
        .find(|table| !manifest.files.contains_key(&format!("tables/{table}.jsonl")));
    match missing {
        Some(table) => Err(wrong(format!("it has no table {table}"))),
        None => Ok(manifest),
    }
}

fn refuse_others(root: &Path, folder: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let failed = BackupError::at("reading", folder);
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.map_err(failed)? {
        let path = entry.path();
        if path.is_dir() {
            refuse_others(root, &path, manifest)?;
            continue;
        }
        let name: PathBuf = path.strip_prefix(root).unwrap_or(&path).to_owned();
        let name: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        let name = name.join("/");
        if name != MANIFEST && !manifest.files.contains_key(&name) {
            let reason = "the manifest does not name it".to_owned();
            return Err(BackupError::Damaged { path, reason });
        }
    }
    Ok(())
}

/// Objects that the rows in `folder` name, with their stored sizes.
pub(super) fn named(folder: &Path) -> Result<BTreeMap<String, u64>, BackupError> {
    let mut named = BTreeMap::new();
    for table in ["blob", "upload_part"] {
        let path = folder.join(format!("tables/{table}.jsonl"));
        if !path.exists() {
            // An older schema has none.
            continue;
        }
        for line in lines(&path)? {
            let (number, line) = line?;
            let name = line.get("object_name").and_then(|name| name.as_str());
            let size = line.get("stored_size").and_then(|size| size.as_u64());
            let (Some(name), Some(size)) = (name, size) else {
                let reason = "it names no object".to_owned();
                return Err(BackupError::Row { path, line: number, reason });
            };
            named.insert(name.to_owned(), size);
        }
    }
    Ok(named)
}
