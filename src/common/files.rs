//! Files that are whole or absent: written under a temporary name, hashed on
//! the way, flushed to the device and renamed. Knows nothing of what they hold.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

pub use hetero2_contract::digest::{FileDigest, Sha256Digest};
use sha2::{Digest, Sha256};

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

/// Bytes moved at a time when files are hashed or copied.
pub const CHUNK: usize = 1 << 17;

/// A sink that counts and hashes what passes through it.
struct HashingFile {
    file: File,
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
/// written it to the device; dropped before that, it leaves nothing.
///
/// [`finish`]: AtomicFile::finish
pub struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    // `None` only while `finish` takes the writer apart.
    writer: Option<BufWriter<HashingFile>>,
}

impl AtomicFile {
    /// Begins a file; what lies under `path` stays until [`AtomicFile::finish`].
    ///
    /// # Errors
    /// The directory is missing or not writable.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let temporary = temporary_path(path)?;
        // A leftover of a killed process must not be followed if it is a link.
        match fs::remove_file(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(FileError::io("remove", &temporary)(e));
            }
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(FileError::io("create", &temporary))?;
        let sink = HashingFile { file, hasher: Sha256::new(), bytes: 0 };
        let writer = Some(BufWriter::with_capacity(CHUNK, sink));
        Ok(Self { path: path.to_owned(), temporary, writer })
    }

    /// Name that the file will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes, syncs and renames; returns size and SHA-256.
    ///
    /// # Errors
    /// A full disk and the like; nothing is left under the file's name then.
    pub fn finish(mut self) -> Result<FileDigest, FileError> {
        let Some(writer) = self.writer.take() else {
            return Err(FileError::io("finish", &self.path)(io::ErrorKind::BrokenPipe.into()));
        };
        let sink =
            writer.into_inner().map_err(|e| FileError::io("write", &self.path)(e.into_error()))?;
        sink.file.sync_all().map_err(FileError::io("flush", &self.path))?;
        fs::rename(&self.temporary, &self.path).map_err(FileError::io("rename", &self.path))?;
        sync_parent(&self.path)?;
        Ok(FileDigest { bytes: sink.bytes, sha256: Sha256Digest::from_hasher(sink.hasher) })
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
        // After a successful rename there is nothing under the temporary name.
        let _ = fs::remove_file(&self.temporary);
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
    let mut file = AtomicFile::create(path)?;
    let value = write(&mut file).map_err(FileError::io("write", path))?;
    Ok((file.finish()?, value))
}

/// Size and SHA-256 of the file at `path`, in bounded memory.
///
/// # Errors
/// The file is missing or unreadable.
pub fn digest_file(path: &Path) -> Result<FileDigest, FileError> {
    let mut file = File::open(path).map_err(FileError::io("read", path))?;
    digest_reader(&mut file).map_err(FileError::io("read", path))
}

/// Size and SHA-256 of what `reader` still gives, in bounded memory.
///
/// # Errors
/// What the reader returns.
pub fn digest_reader(reader: &mut dyn Read) -> io::Result<FileDigest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    Ok(FileDigest { bytes, sha256: Sha256Digest::from_hasher(hasher) })
}

/// Makes the renames in the directory of `path` durable.
pub fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = parent_of(path);
    // Directories cannot be opened everywhere; where they can, a failure counts.
    #[cfg(unix)]
    File::open(parent).and_then(|d| d.sync_all()).map_err(FileError::io("flush", parent))?;
    #[cfg(not(unix))]
    let _ = parent;
    Ok(())
}

/// Directory that `path` lies in; `.` for a bare name.
pub fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn temporary_path(path: &Path) -> Result<PathBuf, FileError> {
    let name = path.file_name().ok_or_else(|| {
        let why = io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
        FileError::io("create", path)(why)
    })?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(".partial");
    Ok(path.with_file_name(temporary))
}
