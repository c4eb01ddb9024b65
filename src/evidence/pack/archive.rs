//! The reproducible zip of a pack.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use zip::read::{ZipReadOptions, read_zipfile_from_stream_with_options};
use zip::result::{ZipError, ZipResult};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::error::PackError;
use hetero2_common::files::disk::{self, DiskFile, Readers};
use hetero2_common::files::{CHUNK, FileDigest, ScratchFile, digest_file, parent_of, sync_parent};
use hetero2_common::ordered::in_order;

/// Sizes from which a stored entry gets 64-bit fields.
const LARGE: u64 = 0xff00_0000;
/// Half the time of level 6, for files that are 1 % larger.
const DEFLATE_LEVEL: u32 = 4;
/// Permissions of the zip and of every file in it.
const MODE: u32 = 0o644;
/// Byte of a file's header, unused by the format, where the crate looks for the
/// system whose permissions it copies, and Unix there.
const HEADER_SYSTEM: usize = 5;
const UNIX: u8 = 3;

/// Bytes that are deflated by themselves: what several threads share of a large
/// file. Pieces of this size make it 0.05 % larger; smaller ones cost more.
const PIECE: u64 = 1 << 20;

/// Zips the files `names` of `directory` into `path`: entries in the order given,
/// fixed times (1980-01-01), modes (0644) and compression. Files are deflated
/// piece by piece, by all threads; the bytes do not depend on them. Memory: two
/// pieces a thread. There must be no file at `path`, which lies in a directory
/// under construction.
pub(super) fn write(
    path: &Path,
    directory: &Path,
    names: &[&str],
) -> Result<FileDigest, PackError> {
    let file = DiskFile::create_new(path, Readers::All).map_err(PackError::io("create", path))?;
    let written = fill(file, path, directory, names);
    if written.is_err() {
        let _ = disk::remove_file(path);
    }
    written
}

fn fill(
    file: DiskFile,
    path: &Path,
    directory: &Path,
    names: &[&str],
) -> Result<FileDigest, PackError> {
    let mut zip = ZipWriter::new(BufWriter::with_capacity(CHUNK, file));
    let mut entry = Entry::beside(path)?;
    let pieces = names.iter().flat_map(|name| pieces(directory, name));
    let add = |piece: Deflated<'_>| {
        if is_stored(piece.name) {
            return store(&mut zip, directory, piece.name);
        }
        entry.add(&piece, path, &mut zip)
    };
    in_order(pieces, |piece| piece.deflate(directory), add)?;
    // Its file must be gone before the names in the directory are made durable.
    drop(entry);
    let file = zip.finish().map_err(PackError::zip(path))?;
    let file = file.into_inner().map_err(|e| PackError::io("write", path)(e.into_error()))?;
    file.sync_all().map_err(PackError::io("flush", path))?;
    sync_parent(path)?;
    Ok(digest_file(path)?)
}

/// Parquet is compressed already; stored, it can be read inside the zip.
fn is_stored(name: &str) -> bool {
    name.ends_with(".parquet")
}

/// A range of a file.
struct Piece<'a> {
    name: &'a str,
    start: u64,
    bytes: u64,
    is_last: bool,
}

/// The pieces of a file: at least one, and one of a file that is not deflated.
fn pieces<'a>(
    directory: &Path,
    name: &'a str,
) -> impl Iterator<Item = Result<Piece<'a>, PackError>> + Send + use<'a> {
    let path = directory.join(name);
    let (size, failed) = match fs::metadata(&path) {
        Ok(metadata) => (metadata.len(), None),
        Err(e) => (0, Some(Err(PackError::io("read", &path)(e)))),
    };
    let count = if is_stored(name) { 1 } else { size.div_ceil(PIECE).max(1) };
    let piece = move |i: u64| {
        let start = i * PIECE;
        let bytes = (size - start).min(PIECE);
        Ok(Piece { name, start, bytes, is_last: i + 1 == count })
    };
    let sound = if failed.is_some() { 0 } else { count };
    (0..sound).map(piece).chain(failed)
}

/// A piece as it lies in the zip.
struct Deflated<'a> {
    name: &'a str,
    bytes: Vec<u8>,
    checksum: Crc,
    is_last: bool,
}

impl<'a> Piece<'a> {
    /// Deflates the piece. Each begins without what lies before it, and all but
    /// the last end at a whole byte, so that one follows the other.
    fn deflate(self, directory: &Path) -> Result<Deflated<'a>, PackError> {
        let Self { name, is_last, .. } = self;
        let (mut bytes, mut checksum) = (Vec::new(), Crc::new());
        if is_stored(name) {
            return Ok(Deflated { name, bytes, checksum, is_last });
        }
        let path = directory.join(name);
        let plain = self.read(&path).map_err(PackError::io("read", &path))?;
        checksum.update(&plain);
        let mut deflater = Compress::new(Compression::new(DEFLATE_LEVEL), false);
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
        loop {
            // Room to spare in the end means that all was flushed.
            bytes.reserve(CHUNK);
            let rest = &plain[deflater.total_in() as usize..];
            let status = deflater.compress_vec(rest, &mut bytes, flush);
            let status = status.map_err(|e| PackError::io("zip", &path)(e.into()))?;
            let whole = deflater.total_in() == plain.len() as u64;
            let flushed =
                if is_last { status == Status::StreamEnd } else { bytes.len() < bytes.capacity() };
            if whole && flushed {
                return Ok(Deflated { name, bytes, checksum, is_last });
            }
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut plain = vec![0; self.bytes as usize];
        file.read_exact(&mut plain)?;
        Ok(plain)
    }
}

/// A deflated file while its pieces come: the zip says how long it is before it
/// comes itself.
struct Entry {
    part: BufWriter<ScratchFile>,
    deflated: u64,
    bytes: u64,
    checksum: Crc,
}

impl Entry {
    /// No file yet, beside the zip at `path`.
    fn beside(path: &Path) -> Result<Self, PackError> {
        let part = ScratchFile::within(parent_of(path))?;
        let part = BufWriter::with_capacity(CHUNK, part);
        Ok(Self { part, deflated: 0, bytes: 0, checksum: Crc::new() })
    }

    /// Adds a piece; the last one adds the file to the zip.
    fn add<W: Write + Seek>(
        &mut self,
        piece: &Deflated<'_>,
        path: &Path,
        zip: &mut ZipWriter<W>,
    ) -> Result<(), PackError> {
        self.part.write_all(&piece.bytes).map_err(PackError::io("write", path))?;
        self.deflated += piece.bytes.len() as u64;
        self.bytes += u64::from(piece.checksum.amount());
        self.checksum.combine(&piece.checksum);
        if piece.is_last {
            self.rewind().map_err(PackError::io("write", path))?;
            self.copy(piece.name, zip).map_err(PackError::zip(path))?;
            self.clear().map_err(PackError::io("write", path))?;
        }
        Ok(())
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.part.flush()?;
        self.part.get_mut().file().rewind()
    }

    /// Copies the deflated bytes as they are, behind a header that the crate
    /// wrote for a file whose size it did not know.
    fn copy<W: Write + Seek>(&self, name: &str, zip: &mut ZipWriter<W>) -> ZipResult<()> {
        let mut stream = ZipWriter::new_stream(Vec::new());
        stream.start_file(name, options(CompressionMethod::Deflated))?;
        let header = stream.get_ref().map(|header| header.get_ref().clone());
        let mut header = header.unwrap_or_default();
        if let Some(system) = header.get_mut(HEADER_SYSTEM) {
            *system = UNIX;
        }
        let part = BufReader::with_capacity(CHUNK, self.part.get_ref().as_file());
        let mut entry = header.as_slice().chain(part);
        let sizes = ZipReadOptions::default()
            .override_compressed_size(self.deflated)
            .override_uncompressed_size(self.bytes)
            .override_crc(self.checksum.sum());
        let file = read_zipfile_from_stream_with_options(&mut entry, sizes)?;
        let file = file.ok_or(ZipError::InvalidArchive("no header was written".into()))?;
        zip.raw_copy_file_touch(file, DateTime::DEFAULT, Some(MODE))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.part.get_mut().file().rewind()?;
        self.part.get_mut().file().set_len(0)?;
        (self.deflated, self.bytes, self.checksum) = (0, 0, Crc::new());
        Ok(())
    }
}

fn options(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::DEFAULT)
        .system(zip::System::Unix)
        .unix_permissions(MODE)
}

/// Adds a file as it is.
fn store<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    directory: &Path,
    name: &str,
) -> Result<(), PackError> {
    let path = directory.join(name);
    let source = File::open(&path).map_err(PackError::io("read", &path))?;
    let size = source.metadata().map_err(PackError::io("read", &path))?.len();
    let options = options(CompressionMethod::Stored).large_file(size >= LARGE);
    zip.start_file(name, options).map_err(PackError::zip(&path))?;
    let mut source = BufReader::with_capacity(CHUNK, source);
    io::copy(&mut source, zip).map_err(PackError::io("zip", &path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"0123456789.,\n"[(state >> 24) as usize % 13]
        };
        std::iter::repeat_with(byte).take(length).collect()
    }

    fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn every_thread_count_gives_the_same_zip_and_it_holds_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let piece = PIECE as usize;
        let sizes = [3 * piece + 1, 2 * piece, 1000, 0, 7, piece + 65_536];
        let names = ["a.csv", "b.csv", "c.parquet", "d.json", "e.csv", "f.csv"];
        for (name, length) in names.iter().zip(sizes) {
            fs::write(directory.path().join(name), text(length)).unwrap();
        }
        let zipped = [1, 2, 7].map(|threads| {
            let path = directory.path().join(format!("{threads}.zip"));
            on_threads(threads, || write(&path, directory.path(), &names)).unwrap();
            fs::read(path).unwrap()
        });
        assert!(zipped.iter().all(|zip| *zip == zipped[0]));
        let mut zip = zip::ZipArchive::new(io::Cursor::new(&zipped[0])).unwrap();
        let listed: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(listed, names);
        for (name, length) in names.iter().zip(sizes) {
            let mut file = zip.by_name(name).unwrap();
            let mut bytes = Vec::new();
            // Its checksum is verified at the end.
            file.read_to_end(&mut bytes).unwrap();
            assert!(bytes == text(length), "{name}");
            assert_eq!(file.unix_mode(), Some(0o100_644), "{name}");
            assert_eq!(file.last_modified(), Some(DateTime::DEFAULT), "{name}");
            let method = if is_stored(name) { "Stored" } else { "Deflated" };
            assert_eq!(format!("{:?}", file.compression()), method, "{name}");
            assert!(
                length < piece || is_stored(name) || file.compressed_size() < file.size() * 2 / 3
            );
        }
    }

    #[test]
    fn a_missing_file_is_told_and_leaves_no_zip() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.csv"), text(10)).unwrap();
        let path = directory.path().join("x.zip");
        let told = write(&path, directory.path(), &["a.csv", "none.csv"]).unwrap_err();
        assert!(told.to_string().contains("none.csv"), "{told}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
