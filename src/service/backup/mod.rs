//! Backups: one moment of the database and the objects that it names, as files
//! that verify by themselves. It must not know HTTP.
//!
//! A backup is a folder of `tables/*.jsonl` (a row of a table in each line),
//! `objects/…` (as stored: encrypted) and `manifest.json`, which has the size
//! and SHA-256 of every other file. It appears whole or not at all. Whoever has
//! one but not the master key reads no data, but does read names, accounts and
//! hashes of passwords.

mod files;
mod restore;
mod rows;
#[cfg(test)]
mod tests;
mod verify;
mod write;

pub use restore::{Restored, restore};
pub use verify::verify;
pub use write::{Plan, backup};

pub(crate) use restore::STATEMENTS as RESTORE_STATEMENTS;
pub(crate) use write::STATEMENTS as WRITE_STATEMENTS;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::object::ObjectError;
use crate::store::StoreError;

/// What a backup calls itself.
const FORMAT: &str = "hetero2_backup.v1";

/// The file that describes the others.
const MANIFEST: &str = "manifest.json";

/// The master key, where it was asked for.
const MASTER_KEY: &str = "master.key";

/// What is in a backup: `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this form of backup.
    pub format: String,
    /// When the database was read, RFC 3339.
    pub made_at: String,
    /// The schema of its rows.
    pub schema: i64,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Every other file, by its path with `/`.
    pub files: BTreeMap<String, FileEntry>,
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Bytes.
    pub size: u64,
    /// SHA-256 as hex.
    pub sha256: String,
}

impl Manifest {
    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }

    /// How many objects there are.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.files.keys().filter(|path| path.starts_with("objects/")).count()
    }
}

/// Why there is no backup, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("{action} {path}")]
    File {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The folder is there already.
    #[error("{0} exists: a backup is written into a folder of its own")]
    Exists(PathBuf),
    /// The manifest is none of ours.
    #[error("{path} is no manifest of a backup: {reason}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is not what the manifest says.
    #[error("{path} is not what was backed up: {reason}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// The backup is of a newer server.
    #[error(
        "the backup has schema {found}, this program knows {known}: restore it with a newer one"
    )]
    Newer {
        /// The backup's schema.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// The database is not empty.
    #[error("the database is not empty: a backup is restored into a new one")]
    NotEmpty,
    /// A row is none of its table's.
    #[error("line {line} of {path} is no row of its table: {reason}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// The store of objects failed.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

/// Whether `path` is one that a backup may hold: plain names, nothing above.
fn is_plain(path: &str) -> bool {
    let is_plain_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    path.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain_byte))
}
