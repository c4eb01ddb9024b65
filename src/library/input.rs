//! The bytes of a library: opening, decompressing, and the digest of what was
//! read. It knows nothing of rows.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::address::{Address, Origin, name_of};
use super::{LibraryError, remote, utf16};

/// Bytes decoded of UTF-16 at a time.
const UTF16_CHUNK: usize = 32 << 10;

/// Most memory of an xz dictionary: `xz -9` asks for 64 MiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// Bytes that tell one compression from another.
const MAGIC_BYTES: usize = 8;

/// Largest zstd window, as a power of two: 128 MiB, what the `zstd` program
/// accepts without `--long`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of one or more members.
    Gzip,
    /// Zstandard, of one or more frames.
    Zstd,
    /// bzip2, of one or more streams.
    Bzip2,
    /// xz, of one or more streams.
    Xz,
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        })
    }
}

/// What an input was, byte for byte (before decompression).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDigest {
    /// File name without its directory; `stdin` for standard input.
    pub name: String,
    /// Number of bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
}

/// An opened input, decompressed as it is read.
pub(super) struct Input {
    pub name: String,
    pub compression: Compression,
    decoder: Decoder,
    encoding: Encoding,
    /// Text that was decoded and not taken yet.
    ready: Vec<u8>,
    ready_from: usize,
}

/// How the decompressed bytes are text.
enum Encoding {
    /// As they are: UTF-8, or whatever the rows are.
    Bytes,
    Utf16(utf16::Decoder),
}

enum Decoder {
    Plain(RawReader),
    Gzip(Box<MultiGzDecoder<RawReader>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<RawReader>>>),
    Bzip2(Box<MultiBzDecoder<RawReader>>),
    Xz(Box<XzReader<RawReader>>),
}

impl Input {
    /// Wraps a stream of bytes; `name` is what messages and the digest call it.
    pub fn new(raw: Box<dyn Read + Send>, name: String) -> Result<Self, LibraryError> {
        let mut raw = RawReader::new(raw);
        let magic = match raw.peek(MAGIC_BYTES) {
            Ok(magic) => magic,
            Err(source) => return Err(LibraryError::Read { name, rows: 0, byte: 0, source }),
        };
        let compression = match sniff(magic) {
            Ok(compression) => compression,
            Err(what) => return Err(LibraryError::UnsupportedCompression { name, what }),
        };
        let decoder = match compression {
            Compression::None => Decoder::Plain(raw),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(raw))),
            Compression::Zstd => match zstd_decoder(raw) {
                Ok(decoder) => Decoder::Zstd(Box::new(decoder)),
                Err(source) => return Err(LibraryError::Read { name, rows: 0, byte: 0, source }),
            },
            Compression::Bzip2 => Decoder::Bzip2(Box::new(MultiBzDecoder::new(raw))),
            Compression::Xz => {
                Decoder::Xz(Box::new(XzReader::new_mem_limit(raw, true, XZ_MEMORY_KIB)))
            }
        };
        let (encoding, ready) = (Encoding::Bytes, Vec::new());
        let mut input = Self { name, compression, decoder, encoding, ready, ready_from: 0 };
        input.find_encoding().map_err(|error| input.failure(error, 0))?;
        Ok(input)
    }

    /// Looks at the first decompressed bytes.
    fn find_encoding(&mut self) -> io::Result<()> {
        let mut head = [0; 4];
        let mut known = 0;
        while known < head.len() {
            let count = self.read_bytes(&mut head[known..])?;
            if count == 0 {
                break;
            }
            known += count;
        }
        let head = &head[..known];
        let Some(order) = utf16::order_of(head) else {
            self.ready = head.to_vec();
            return Ok(());
        };
        let (mut decoder, mut text) = (utf16::Decoder::new(order), String::new());
        decoder.decode(head, &mut text);
        self.ready = text.into_bytes();
        self.encoding = Encoding::Utf16(decoder);
        Ok(())
    }

    /// Reads text as bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let waiting = &self.ready[self.ready_from..];
            if !waiting.is_empty() || buffer.is_empty() {
                let count = waiting.len().min(buffer.len());
                buffer[..count].copy_from_slice(&waiting[..count]);
                self.ready_from += count;
                return Ok(count);
            }
            if matches!(self.encoding, Encoding::Bytes) {
                return self.read_bytes(buffer);
            }
            let mut piece = vec![0; UTF16_CHUNK];
            let count = self.read_bytes(&mut piece)?;
            let Encoding::Utf16(decoder) = &mut self.encoding else { return Ok(count) };
            let mut text = String::with_capacity(2 * count);
            decoder.decode(&piece[..count], &mut text);
            if count == 0 {
                decoder.finish(&mut text);
            }
            (self.ready, self.ready_from) = (text.into_bytes(), 0);
            if count == 0 && self.ready.is_empty() {
                return Ok(0);
            }
        }
    }

    /// Reads decompressed bytes; 0 at the end.
    fn read_bytes(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match &mut self.decoder {
                Decoder::Plain(reader) => reader.read(buffer),
                Decoder::Gzip(reader) => reader.read(buffer),
                Decoder::Zstd(reader) => reader.read(buffer),
                Decoder::Bzip2(reader) => reader.read(buffer),
                Decoder::Xz(reader) => reader.read(buffer),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Says what `error`, which reading gave after `rows` rows, means.
    pub fn failure(&mut self, error: io::Error, rows: u64) -> LibraryError {
        let (name, compression) = (self.name.clone(), self.compression);
        let raw = self.raw();
        let byte = raw.bytes;
        if raw.failed || compression == Compression::None {
            return LibraryError::Read { name, rows, byte, source: error };
        }
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends in the middle".to_owned(),
            _ => error.to_string(),
        };
        LibraryError::Damaged { name, compression, reason, rows, byte }
    }

    /// Reads what is left and returns the digest of every byte.
    pub fn digest(&mut self) -> io::Result<InputDigest> {
        let name = self.name.clone();
        let raw = self.raw();
        io::copy(raw, &mut io::sink())?;
        Ok(InputDigest {
            name,
            bytes: raw.bytes,
            sha256: hex::encode(raw.hasher.clone().finalize()),
        })
    }

    fn raw(&mut self) -> &mut RawReader {
        match &mut self.decoder {
            Decoder::Plain(raw) => raw,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut().get_mut(),
            Decoder::Bzip2(decoder) => decoder.get_mut(),
            Decoder::Xz(decoder) => decoder.inner_mut(),
        }
    }
}

/// A text without its compression, as UTF-8 where it is UTF-16; `name` is what
/// messages call it.
///
/// # Errors
/// [`LibraryError`] if it cannot be read or is compressed in a way that is not
/// read.
pub fn text_of(
    reader: impl Read + Send + 'static,
    name: &str,
) -> Result<impl Read + Send, LibraryError> {
    Input::new(Box::new(reader), name.to_owned())
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::read(self, buffer)
    }
}

/// The digest of a whole file, read in bounded memory.
pub(super) fn file_digest(file: &File, name: String) -> io::Result<InputDigest> {
    let mut raw = RawReader::new(Box::new(file.try_clone()?));
    let bytes = io::copy(&mut raw, &mut io::sink())?;
    Ok(InputDigest { name, bytes, sha256: hex::encode(raw.hasher.finalize()) })
}

/// The bytes of a library's file as they are stored.
pub(super) enum Bytes {
    /// Of a file, which can be read again from its beginning.
    File(File),
    /// Of a stream, to be read once.
    #[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "files are no streams"))]
    Stream(Box<dyn Read + Send>),
}

/// A library's file that was opened.
pub(super) struct Opened {
    pub bytes: Bytes,
    /// Where it is, if at an address.
    pub origin: Option<Origin>,
}

/// Opens the file or the address at `path`; an address whose first four bytes
/// `is_spooled` wants to be a file is copied to a temporary one.
pub(super) fn open_path(
    path: &Path,
    is_spooled: impl FnOnce(&[u8]) -> bool,
) -> Result<Opened, LibraryError> {
    match Address::of(path) {
        Some(address) => remote::open(&address, is_spooled),
        None => open_file(path).map(|file| Opened { bytes: Bytes::File(file), origin: None }),
    }
}

/// The bytes of the file or the address at `path`, as they are stored.
///
/// # Errors
/// [`LibraryError`] if there is none, or it cannot be opened.
pub fn open_bytes(path: &Path) -> Result<Box<dyn Read + Send>, LibraryError> {
    Ok(match open_path(path, |_| false)?.bytes {
        Bytes::File(file) => Box::new(file),
        Bytes::Stream(stream) => stream,
    })
}

/// The digest of the file or the address at `path`, read in bounded memory.
///
/// # Errors
/// [`LibraryError`] if it cannot be read.
pub fn digest_path(path: &Path) -> Result<InputDigest, LibraryError> {
    let mut raw = RawReader::new(open_bytes(path)?);
    let name = name_of(path);
    match io::copy(&mut raw, &mut io::sink()) {
        Ok(bytes) => Ok(InputDigest { name, bytes, sha256: hex::encode(raw.hasher.finalize()) }),
        Err(source) => Err(LibraryError::Read { name, rows: 0, byte: raw.bytes, source }),
    }
}

/// Opens a library's file, with the reason and the cure if that fails.
pub(super) fn open_file(path: &Path) -> Result<File, LibraryError> {
    let failed = |source: io::Error| LibraryError::Open {
        path: path.to_owned(),
        cure: match source.kind() {
            io::ErrorKind::NotFound => "check the path (relative to the current directory)",
            io::ErrorKind::PermissionDenied => "ask for read permission, or copy the file",
            _ => "check that the file can be read",
        },
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(LibraryError::IsDirectory { path: path.to_owned() });
    }
    Ok(file)
}

fn zstd_decoder(raw: RawReader) -> io::Result<zstd::Decoder<'static, BufReader<RawReader>>> {
    let mut decoder = zstd::Decoder::new(raw)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

/// The compression that the first bytes show; an error names one that is not
/// supported.
fn sniff(magic: &[u8]) -> Result<Compression, &'static str> {
    Ok(match magic {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        // The second is a file of nothing.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, ..] => Compression::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Compression::Xz,
        [b'P', b'K', 3, 4, ..] => return Err("a zip archive (or a spreadsheet)"),
        [0x04, 0x22, 0x4d, 0x18, ..] => return Err("an lz4 file"),
        [0x1f, 0x9d, ..] => return Err("a compress (.Z) file"),
        [b'7', b'z', 0xbc, 0xaf, ..] => return Err("a 7z archive"),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => return Err("an Arrow file"),
        _ => Compression::None,
    })
}

/// The undecoded bytes, hashed and counted as they pass.
struct RawReader {
    inner: Box<dyn Read + Send>,
    peeked: Vec<u8>,
    peeked_used: usize,
    hasher: Sha256,
    bytes: u64,
    /// Whether the input itself failed, as against its decoding.
    failed: bool,
}

impl RawReader {
    fn new(inner: Box<dyn Read + Send>) -> Self {
        Self {
            inner,
            peeked: Vec::new(),
            peeked_used: 0,
            hasher: Sha256::new(),
            bytes: 0,
            failed: false,
        }
    }

    /// The first `count` bytes, or fewer at the end, which stay to be read.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        let inner = &mut self.inner;
        inner.by_ref().take(count as u64).read_to_end(&mut self.peeked)?;
        Ok(&self.peeked)
    }
}

impl Read for RawReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let waiting = &self.peeked[self.peeked_used..];
        let count = if waiting.is_empty() {
            self.inner.read(buffer).inspect_err(|error| {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
            })?
        } else {
            let count = waiting.len().min(buffer.len());
            buffer[..count].copy_from_slice(&waiting[..count]);
            self.peeked_used += count;
            count
        };
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}
