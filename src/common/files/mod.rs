//! Files that are whole or absent, and directories that are made, placed and
//! removed so that a crash, a full disk or a second process loses nothing.
//! Every change of the disk passes [`disk`]; a [`gate`] can stand before it.
//! Knows nothing of what the files hold.

mod atomic;
mod digest;
pub mod disk;
pub mod gate;
mod lock;
mod partial;
mod scratch;

use std::io;
use std::path::{Path, PathBuf};

pub use atomic::{AtomicFile, Occupied, write_atomically, write_new, write_private};
pub use digest::{CHUNK, FileDigest, Sha256Digest, digest_file, digest_reader};
pub use disk::Readers;
pub use lock::{Lock, LockError};
pub use partial::{Left, sweep};
pub use scratch::{Scratch, ScratchFile, replaced, restore};

/// A file operation that the system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    /// What was tried, as a verb: "write", "rename".
    pub action: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl FileError {
    /// Adapter for `map_err` on results of file operations.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// Makes the renames in the directory of `path` durable.
///
/// # Errors
/// The directory cannot be opened, or the disk refuses.
pub fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = parent_of(path);
    disk::sync_directory(parent).map_err(FileError::io("flush", parent))
}

/// Directory that `path` lies in; `.` for a bare name.
#[must_use]
pub fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
