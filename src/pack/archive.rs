//! The reproducible zip of a pack.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::error::PackError;
use crate::files::{CHUNK, FileDigest, digest_file, parent_of, sync_parent};

/// Sizes from which an entry gets 64-bit fields; compression may add a little.
const LARGE: u64 = 0xff00_0000;
/// Half the time of level 6, for files that are 1 % larger.
const DEFLATE_LEVEL: i64 = 4;

/// Zips the files `names` of `directory` into `path`: entries in the order given,
/// fixed times (1980-01-01), modes (0644) and compression. Files are deflated
/// side by side, each into a part of its own; the bytes are those of one after
/// the other. Memory: one buffer a thread.
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
    for (name, part) in names.iter().zip(parts(path, directory, names)) {
        match part? {
            Some(part) => {
                let part = ZipArchive::new(io::BufReader::with_capacity(CHUNK, part));
                zip.merge_archive(part.map_err(fail(path))?).map_err(fail(path))?;
            }
            None => add(&mut zip, directory, name)?,
        }
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

/// A part for each file. The largest is begun first, so that no thread is left
/// with it at the end.
fn parts(path: &Path, directory: &Path, names: &[&str]) -> Vec<Result<Option<File>, PackError>> {
    let mut parts: Vec<_> = names.iter().map(|_| Ok(None)).collect();
    let size = |name: &str| fs::metadata(directory.join(name)).map_or(0, |m| m.len());
    let mut order: Vec<_> = names.iter().zip(&mut parts).collect();
    order.sort_by_key(|(name, _)| Reverse(size(name)));
    rayon::scope_fifo(|scope| {
        for (name, done) in order {
            scope.spawn_fifo(move |_| *done = part(path, directory, name));
        }
    });
    parts
}

/// An archive of one file, without a name; none for a file that is not deflated.
fn part(path: &Path, directory: &Path, name: &str) -> Result<Option<File>, PackError> {
    if is_stored(name) {
        return Ok(None);
    }
    let file = tempfile::tempfile_in(parent_of(path)).map_err(PackError::io("create", path))?;
    let mut zip = ZipWriter::new(io::BufWriter::with_capacity(CHUNK, file));
    add(&mut zip, directory, name)?;
    let file = zip.finish().map_err(PackError::zip(path))?;
    Ok(Some(file.into_inner().map_err(|e| PackError::io("write", path)(e.into_error()))?))
}

/// Parquet is compressed already; stored, it can be read inside the zip.
fn is_stored(name: &str) -> bool {
    name.ends_with(".parquet")
}

fn add<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    directory: &Path,
    name: &str,
) -> Result<(), PackError> {
    let path = directory.join(name);
    let mut source = File::open(&path).map_err(PackError::io("read", &path))?;
    let size = source.metadata().map_err(PackError::io("read", &path))?.len();
    let (method, level) = if is_stored(name) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_deflated_side_by_side_give_the_bytes_of_one_after_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["a.csv", "b.parquet", "c.json", "d.csv"];
        for (name, length) in names.iter().zip([3 * CHUNK + 1, 1000, 0, 7]) {
            let text: Vec<u8> = (0..length).map(|i| (i * i % 251) as u8).collect();
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let path = directory.path().join("side.zip");
        write(&path, directory.path(), &names).unwrap();
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for name in names {
            add(&mut zip, directory.path(), name).unwrap();
        }
        let expected = zip.finish().unwrap().into_inner();
        assert!(std::fs::read(&path).unwrap() == expected);
    }
}
