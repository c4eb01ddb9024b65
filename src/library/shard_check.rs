//! Opening an Arrow IPC file that may be truncated or hostile.
//!
//! The Arrow reader believes the lengths that a file states: before it is
//! shown a block, every length is checked against the file and a bound, since
//! a failed allocation cannot be caught.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, root_as_footer, root_as_message};

use super::batch::record_schema;
use super::{BLOCK_ROWS, LibraryError};

/// Largest footer: 64 MiB hold the index of two million blocks.
const MAX_FOOTER: usize = 64 << 20;
/// Largest block on disk, and largest buffer in memory.
const MAX_BLOCK: u64 = 1 << 30;
/// Bytes at the end of the file: footer length and magic.
const TRAILER: u64 = 10;
/// Length prefix of a buffer that was left uncompressed.
const NOT_COMPRESSED: i64 = -1;

/// An Arrow IPC file of packed records whose layout was checked.
pub(super) struct CheckedFile {
    path: PathBuf,
    reader: BufReader<File>,
    decoder: FileDecoder,
    blocks: std::vec::IntoIter<Block>,
}

impl std::fmt::Debug for CheckedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedFile").field("path", &self.path).finish()
    }
}

impl CheckedFile {
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        let failed =
            |action| move |source| LibraryError::ShardIo { action, path: path.to_owned(), source };
        let damaged = |reason: &str| LibraryError::ShardDamaged {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let file = File::open(path).map_err(failed("open"))?;
        let length = file.metadata().map_err(failed("open"))?.len();
        let mut reader = BufReader::new(file);
        if length < 2 * TRAILER {
            return Err(damaged("it is too short"));
        }
        let mut trailer = [0; TRAILER as usize];
        read_at(&mut reader, length - TRAILER, &mut trailer).map_err(failed("read"))?;
        let footer_length = read_footer_length(trailer).map_err(|_| damaged("it is cut off"))?;
        if footer_length > MAX_FOOTER || footer_length as u64 > length - 2 * TRAILER {
            return Err(damaged("its footer has an impossible length"));
        }
        let mut footer = vec![0; footer_length];
        let footer_start = length - TRAILER - footer_length as u64;
        read_at(&mut reader, footer_start, &mut footer).map_err(failed("read"))?;
        let (decoder, blocks) =
            guarded(|| read_footer(&footer, footer_start)).map_err(|reason| damaged(&reason))?;
        Ok(Self { path: path.to_owned(), reader, decoder, blocks: blocks.into_iter() })
    }

    /// The next batch, or none at the end.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, LibraryError> {
        let Some(block) = self.blocks.next() else { return Ok(None) };
        let metadata = block.metaDataLength() as usize;
        let mut bytes = vec![0; metadata + block.bodyLength() as usize];
        read_at(&mut self.reader, block.offset() as u64, &mut bytes).map_err(|source| {
            LibraryError::ShardIo { action: "read", path: self.path.clone(), source }
        })?;
        let decoder = &self.decoder;
        let batch = guarded(move || {
            check_buffers(&bytes[..metadata], &bytes[metadata..])?;
            decoder
                .read_record_batch(&block, &bytes.into())
                .map_err(|error| error.to_string())?
                .ok_or_else(|| "a block without rows".to_owned())
        });
        batch.map(Some).map_err(|reason| self.damaged(reason))
    }

    /// The error that says what is wrong with this file.
    pub fn damaged(&self, reason: String) -> LibraryError {
        LibraryError::ShardDamaged { path: self.path.clone(), reason }
    }
}

fn read_at(reader: &mut BufReader<File>, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    reader.seek(SeekFrom::Start(offset))?;
    reader.read_exact(bytes)
}

/// The decoder and the blocks, all of which lie before `end`.
fn read_footer(footer: &[u8], end: u64) -> Result<(FileDecoder, Vec<Block>), String> {
    let footer = root_as_footer(footer).map_err(|error| format!("bad footer: {error}"))?;
    let schema = footer.schema().ok_or("its footer has no schema")?;
    let schema = arrow_ipc::convert::try_fb_to_schema(schema).map_err(|error| error.to_string())?;
    if schema != *record_schema() {
        return Err("it has another schema".into());
    }
    if footer.dictionaries().is_some_and(|dictionaries| !dictionaries.is_empty()) {
        return Err("it has dictionaries".into());
    }
    let blocks: Vec<Block> = footer.recordBatches().iter().flatten().copied().collect();
    for block in &blocks {
        let fits = || {
            let offset = u64::try_from(block.offset()).ok()?;
            let metadata = u64::try_from(block.metaDataLength()).ok().filter(|&n| n >= 8)?;
            let body = u64::try_from(block.bodyLength()).ok().filter(|&n| n <= MAX_BLOCK)?;
            Some(offset.checked_add(metadata)?.checked_add(body)? <= end)
        };
        if fits() != Some(true) {
            return Err("a block lies outside the file".into());
        }
    }
    Ok((FileDecoder::new(record_schema(), footer.version()), blocks))
}

/// Checks the lengths that a record batch's message states.
fn check_buffers(metadata: &[u8], body: &[u8]) -> Result<(), String> {
    let skip = if metadata.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message =
        root_as_message(&metadata[skip..]).map_err(|error| format!("bad message: {error}"))?;
    let batch = message.header_as_record_batch().ok_or("a block is no record batch")?;
    if !(1..=BLOCK_ROWS as i64).contains(&batch.length()) {
        return Err(format!("a batch of {} rows", batch.length()));
    }
    for buffer in batch.buffers().iter().flatten() {
        let range = || {
            let from = usize::try_from(buffer.offset()).ok()?;
            let to = from.checked_add(usize::try_from(buffer.length()).ok()?)?;
            body.get(from..to)
        };
        let bytes = range().ok_or("a buffer lies outside its block")?;
        let stated = match bytes.first_chunk::<8>() {
            Some(prefix) if batch.compression().is_some() => i64::from_le_bytes(*prefix),
            _ => NOT_COMPRESSED,
        };
        if stated != NOT_COMPRESSED && !(0..=MAX_BLOCK as i64).contains(&stated) {
            return Err(format!("a buffer of {stated} bytes"));
        }
    }
    Ok(())
}

/// Runs a step of the Arrow reader; a panic on a hostile file is its error.
fn guarded<T>(step: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| Err("the Arrow reader failed".into()))
}
