//! Shard files: packed records in the Arrow IPC file format, zstd compressed.

use std::io;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};

use super::batch::{pack_records, record_schema, unpack_records};
use super::record::Record;
use super::shard_check::CheckedFile;
use super::{BLOCK_ROWS, LibraryError};
use hetero2_common::files::{AtomicFile, FileDigest};

/// Writes one shard file.
///
/// The file appears under its name only when it is complete and on disk: it is
/// written under a temporary name beside it, flushed, and renamed. The same
/// records give the same bytes. Memory: one batch.
pub struct ShardWriter {
    path: PathBuf,
    writer: FileWriter<AtomicFile>,
    waiting: Vec<Record>,
    /// Bytes of text of the waiting records.
    text: usize,
    rows: u64,
}

impl std::fmt::Debug for ShardWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardWriter").field("path", &self.path).field("rows", &self.rows).finish()
    }
}

impl ShardWriter {
    /// Begins a shard that will replace `path`.
    ///
    /// # Errors
    /// [`LibraryError::ShardIo`] if the directory is not there or not writable.
    pub fn create(path: &Path) -> Result<Self, LibraryError> {
        let file = AtomicFile::create(path)?;
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))
            .map_err(|error| LibraryError::Pack { reason: error.to_string() })?;
        let writer = FileWriter::try_new_with_options(file, &record_schema(), options)
            .map_err(|error| io_error("write", path, io::Error::other(error)))?;
        Ok(Self { path: path.to_owned(), writer, waiting: Vec::new(), text: 0, rows: 0 })
    }

    /// Adds records. They are packed into batches of [`BLOCK_ROWS`] rows (fewer
    /// where the text of the rows passes 64 MiB), however they were handed
    /// over.
    ///
    /// # Errors
    /// [`LibraryError::ShardIo`] if the disk is full or fails.
    pub fn write(&mut self, records: impl IntoIterator<Item = Record>) -> Result<(), LibraryError> {
        for record in records {
            self.text += record.text_bytes();
            self.waiting.push(record);
            if self.waiting.len() == BLOCK_ROWS || self.text >= super::source::BATCH_BYTES {
                self.write_waiting()?;
            }
        }
        Ok(())
    }

    /// Completes the file and gives it its name; returns size and SHA-256.
    ///
    /// # Errors
    /// [`LibraryError::ShardIo`]; the name is then as it was before.
    pub fn finish(mut self) -> Result<FileDigest, LibraryError> {
        if !self.waiting.is_empty() {
            self.write_waiting()?;
        }
        let Self { path, mut writer, .. } = self;
        writer.finish().map_err(|error| io_error("write", &path, io::Error::other(error)))?;
        let file = writer
            .into_inner()
            .map_err(|error| io_error("write", &path, io::Error::other(error)))?;
        Ok(file.finish()?)
    }

    fn write_waiting(&mut self) -> Result<(), LibraryError> {
        let batch = pack_records(&self.waiting)?;
        self.writer
            .write(&batch)
            .map_err(|error| io_error("write", &self.path, io::Error::other(error)))?;
        self.rows += self.waiting.len() as u64;
        self.waiting.clear();
        self.text = 0;
        Ok(())
    }
}

/// Reads one shard file, batch by batch, and checks it as it goes: the schema,
/// the bounds of every buffer, and that rows are consecutive.
#[derive(Debug)]
pub struct ShardReader {
    file: CheckedFile,
    next_row: Option<u64>,
    failed: bool,
}

impl ShardReader {
    /// Opens a shard.
    ///
    /// # Errors
    /// [`LibraryError::ShardIo`] if it cannot be opened,
    /// [`LibraryError::ShardDamaged`] if it is no whole shard file.
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        Ok(Self { file: CheckedFile::open(path)?, next_row: None, failed: false })
    }

    fn check_rows(&mut self, records: &[Record]) -> Result<(), LibraryError> {
        for record in records {
            let expected = self.next_row.unwrap_or(record.row);
            if record.row != expected {
                let reason = format!("row {} where row {expected} should be", record.row);
                return Err(self.file.damaged(reason));
            }
            self.next_row = Some(expected + 1);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Vec<Record>>, LibraryError> {
        let Some(batch) = self.file.next_batch()? else { return Ok(None) };
        let records = self.unpack(&batch)?;
        self.check_rows(&records)?;
        Ok(Some(records))
    }

    fn unpack(&self, batch: &RecordBatch) -> Result<Vec<Record>, LibraryError> {
        unpack_records(batch).map_err(|error| self.file.damaged(error.to_string()))
    }
}

impl Iterator for ShardReader {
    type Item = Result<Vec<Record>, LibraryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.read().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> LibraryError {
    LibraryError::ShardIo { action, path: path.to_owned(), source }
}
