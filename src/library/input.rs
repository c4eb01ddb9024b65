//! The bytes of a library: opening, decompressing, and the digest of what was
//! read. It knows nothing of rows.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::LibraryError;

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
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
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
}

enum Decoder {
    Plain(RawReader),
    Gzip(Box<MultiGzDecoder<RawReader>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<RawReader>>>),
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
        };
        Ok(Self { name, compression, decoder })
    }

    /// Reads decompressed bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match &mut self.decoder {
                Decoder::Plain(reader) => reader.read(buffer),
                Decoder::Gzip(reader) => reader.read(buffer),
                Decoder::Zstd(reader) => reader.read(buffer),
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
        }
    }
}

/// The digest of a whole file, read in bounded memory.
pub(super) fn file_digest(file: &File, name: String) -> io::Result<InputDigest> {
    let mut raw = RawReader::new(Box::new(file.try_clone()?));
    let bytes = io::copy(&mut raw, &mut io::sink())?;
    Ok(InputDigest { name, bytes, sha256: hex::encode(raw.hasher.finalize()) })
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
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => return Err("a bzip2 file"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => return Err("an xz file"),
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
