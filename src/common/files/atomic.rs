//! A file under construction: it takes its name whole, or leaves nothing.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::disk::{self, DiskFile, Readers};
use super::{CHUNK, FileDigest, FileError, Sha256Digest, partial, sync_parent};

/// What becomes of a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    /// It is replaced.
    Replace,
    /// It stays, and the new file fails with [`io::ErrorKind::AlreadyExists`].
    Refuse,
}

/// A sink that counts and hashes what passes through it.
struct HashingFile {
    file: DiskFile,
    hasher: Sha256,
    bytes: u64,
}

impl Write for HashingFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file under construction. It appears under its name when [`finish`] has
/// written it to the device; dropped before that, it leaves nothing. Several
/// processes may make a file of one name at once: each has its own.
///
/// [`finish`]: AtomicFile::finish
pub struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    occupied: Occupied,
    is_placed: bool,
    // `None` only while `finish` takes the writer apart.
    writer: Option<BufWriter<HashingFile>>,
}

impl AtomicFile {
    /// Begins a file; what lies under `path` stays until [`AtomicFile::finish`],
    /// which replaces it.
    ///
    /// # Errors
    /// The directory is missing or not writable.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        Self::begin(path, Occupied::Replace, Readers::All)
    }

    /// Begins a file, and says what becomes of one that has its name, and who
    /// may read it. A name that is taken is refused at once where it shall be.
    ///
    /// # Errors
    /// The directory is missing or not writable, or the name is taken.
    pub fn begin(path: &Path, occupied: Occupied, readers: Readers) -> Result<Self, FileError> {
        if path.file_name().is_none() {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
            return Err(FileError::io("create", path)(why));
        }
        if occupied == Occupied::Refuse && path.symlink_metadata().is_ok() {
            return Err(FileError::io("create", path)(io::ErrorKind::AlreadyExists.into()));
        }
        let temporary = partial::fresh(path);
        let file =
            DiskFile::create_new(&temporary, readers).map_err(FileError::io("create", path))?;
        let sink = HashingFile { file, hasher: Sha256::new(), bytes: 0 };
        let writer = Some(BufWriter::with_capacity(CHUNK, sink));
        Ok(Self { path: path.to_owned(), temporary, occupied, is_placed: false, writer })
    }

    /// Name that the file will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes, syncs and renames; returns size and SHA-256.
    ///
    /// # Errors
    /// A full disk and the like; what had the file's name has it still then.
    pub fn finish(self) -> Result<FileDigest, FileError> {
        let path = self.path.clone();
        self.finish_as(|_| path)
    }

    /// As [`AtomicFile::finish`], under a name in the same directory that depends
    /// on what was written.
    ///
    /// # Errors
    /// As of [`AtomicFile::finish`].
    pub fn finish_as(
        mut self,
        name: impl FnOnce(&FileDigest) -> PathBuf,
    ) -> Result<FileDigest, FileError> {
        let Some(writer) = self.writer.take() else {
            return Err(FileError::io("finish", &self.path)(io::ErrorKind::BrokenPipe.into()));
        };
        let sink =
            writer.into_inner().map_err(|e| FileError::io("write", &self.path)(e.into_error()))?;
        sink.file.sync_all().map_err(FileError::io("flush", &self.path))?;
        let sha256 = Sha256Digest::from_hasher(sink.hasher);
        let digest = FileDigest { bytes: sink.bytes, sha256 };
        let path = name(&digest);
        match self.occupied {
            Occupied::Replace => disk::rename(&self.temporary, &path),
            Occupied::Refuse => disk::rename_new(&self.temporary, &path),
        }
        .map_err(FileError::io("rename", &path))?;
        self.is_placed = true;
        sync_parent(&path)?;
        Ok(digest)
    }

    fn writer(&mut self) -> io::Result<&mut BufWriter<HashingFile>> {
        self.writer.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.writer()?.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.is_placed {
            // What is still buffered need not reach a file that vanishes.
            self.writer.take().map(BufWriter::into_parts);
            let _ = disk::remove_file(&self.temporary);
        }
    }
}

/// Writes one file: `write` fills it, then it is flushed and renamed to `path`.
///
/// ```
/// use hetero2_common::files::write_atomically;
/// use std::io::Write;
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("note.txt");
/// let (digest, ()) = write_atomically(&path, |file| file.write_all(b"hello")).unwrap();
/// assert_eq!(digest.bytes, 5);
/// assert_eq!(std::fs::read(path).unwrap(), b"hello");
/// ```
///
/// # Errors
/// What `write` returns, or the system's refusal; nothing is left then.
pub fn write_atomically<T>(
    path: &Path,
    write: impl FnOnce(&mut AtomicFile) -> io::Result<T>,
) -> Result<(FileDigest, T), FileError> {
    filled(AtomicFile::create(path)?, write)
}

/// As [`write_atomically`], unless a file has the name.
///
/// # Errors
/// Also [`io::ErrorKind::AlreadyExists`].
pub fn write_new<T>(
    path: &Path,
    write: impl FnOnce(&mut AtomicFile) -> io::Result<T>,
) -> Result<(FileDigest, T), FileError> {
    filled(AtomicFile::begin(path, Occupied::Refuse, Readers::All)?, write)
}

/// As [`write_atomically`], for the owner's eyes only.
///
/// # Errors
/// As of [`write_atomically`].
pub fn write_private<T>(
    path: &Path,
    write: impl FnOnce(&mut AtomicFile) -> io::Result<T>,
) -> Result<(FileDigest, T), FileError> {
    filled(AtomicFile::begin(path, Occupied::Replace, Readers::Owner)?, write)
}

fn filled<T>(
    mut file: AtomicFile,
    write: impl FnOnce(&mut AtomicFile) -> io::Result<T>,
) -> Result<(FileDigest, T), FileError> {
    let path = file.path.clone();
    let value = write(&mut file).map_err(FileError::io("write", &path))?;
    Ok((file.finish()?, value))
}
