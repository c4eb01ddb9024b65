//! Sizes and SHA-256 of files. Knows nothing of what they hold.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::FileError;
pub use hetero2_contract::digest::{FileDigest, Sha256Digest};

/// Bytes moved at a time when files are hashed or copied.
pub const CHUNK: usize = 1 << 17;

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
