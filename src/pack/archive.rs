//! The reproducible zip of a pack.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::error::PackError;
use crate::files::{CHUNK, FileDigest, digest_file, parent_of, sync_parent};

/// Sizes from which an entry gets 64-bit fields; compression may add a little.
const LARGE: u64 = 0xff00_0000;
const DEFLATE_LEVEL: i64 = 6;

/// Zips the files `names` of `directory` into `path`: entries in the order given,
/// fixed times (1980-01-01), modes (0644) and compression. Memory: one buffer.
pub(super) fn write(
    path: &Path,
    directory: &Path,
    names: &[&str],
) -> Result<FileDigest, PackError> {
    let fail = PackError::zip;
    let temporary = tempfile::Builder::new()
        .prefix(".zip-")
        .tempfile_in(parent_of(path))
        .map_err(PackError::io("create", path))?;
    let file = temporary.as_file().try_clone().map_err(PackError::io("open", path))?;
    let mut zip = ZipWriter::new(io::BufWriter::with_capacity(CHUNK, file));
    for name in names {
        add(&mut zip, directory, name)?;
    }
    let file = zip.finish().map_err(fail(path))?;
    let file = file.into_inner().map_err(|e| PackError::io("write", path)(e.into_error()))?;
    set_mode(&file).map_err(PackError::io("write", path))?;
    file.sync_all().map_err(PackError::io("flush", path))?;
    let digest = digest_file(temporary.path())?;
    temporary.persist(path).map_err(|e| PackError::io("rename", path)(e.error))?;
    sync_parent(path)?;
    Ok(digest)
}

fn add<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    directory: &Path,
    name: &str,
) -> Result<(), PackError> {
    let path = directory.join(name);
    let mut source = File::open(&path).map_err(PackError::io("read", &path))?;
    let size = source.metadata().map_err(PackError::io("read", &path))?.len();
    // Parquet is compressed already; stored, it can be read inside the zip.
    let (method, level) = if name.ends_with(".parquet") {
        (CompressionMethod::Stored, None)
    } else {
        (CompressionMethod::Deflated, Some(DEFLATE_LEVEL))
    };
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .compression_level(level)
        .last_modified_time(DateTime::DEFAULT)
        .system(zip::System::Unix)
        .unix_permissions(0o644)
        .large_file(size >= LARGE);
    zip.start_file(name, options).map_err(PackError::zip(&path))?;
    // Equal pieces: what is deflated must not depend on how reads come back.
    let mut buffer = vec![0; CHUNK];
    loop {
        let filled = fill(&mut source, &mut buffer).map_err(PackError::io("read", &path))?;
        if filled == 0 {
            return Ok(());
        }
        zip.write_all(&buffer[..filled]).map_err(PackError::io("zip", &path))?;
    }
}

/// Reads until the buffer is full or the source ends.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Temporary files are private; a zip is as readable as other files.
fn set_mode(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}
