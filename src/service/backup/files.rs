//! Files of a backup, hashed as they are written and read.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{BackupError, FileEntry};

/// A file being written, for its owner alone.
pub(super) struct Written {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
    size: u64,
}

impl Written {
    pub(super) fn create(path: &Path) -> Result<Self, BackupError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(BackupError::at("making", parent))?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(BackupError::at("making", path))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { path: path.to_owned(), file, digest: Sha256::new(), size: 0 })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).map_err(BackupError::at("writing", &self.path))
    }

    /// Flushes it to disk.
    pub(super) fn finish(self) -> Result<FileEntry, BackupError> {
        let failed = BackupError::at("writing", &self.path);
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(failed)?;
        Ok(FileEntry { size: self.size, sha256: hex::encode(self.digest.finalize()) })
    }
}

/// Size and digest of a file.
pub(super) fn measure(path: &Path) -> Result<FileEntry, BackupError> {
    let mut file = File::open(path).map_err(BackupError::at("reading", path))?;
    let (mut digest, mut size, mut block) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let count = file.read(&mut block).map_err(BackupError::at("reading", path))?;
        if count == 0 {
            return Ok(FileEntry { size, sha256: hex::encode(digest.finalize()) });
        }
        digest.update(&block[..count]);
        size += count as u64;
    }
}

/// Flushes the entries of a folder and of those in it.
pub(super) fn sync_folders(folder: &Path) -> Result<(), BackupError> {
    let failed = BackupError::at("reading", folder);
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.map_err(failed)? {
        if entry.file_type().map_err(BackupError::at("reading", folder))?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(folder)
}

/// Flushes the entries of a folder.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(BackupError::at("flushing", folder))
}
