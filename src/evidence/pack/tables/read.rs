//! Streaming reader of a table. Files are untrusted: whatever they hold ends in
//! rows or in a typed error.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;

use hetero2_common::parquet::{Shared, bounds};

use super::column::{self, Cells};
use super::{FileSlice, SCHEMA_KEY, TableRow};
use crate::pack::error::PackError;

/// Largest column chunk that is read, uncompressed: far above what
/// [`super::TableWriter`] makes, far below what could exhaust the memory.
const CHUNK_BYTES: i64 = 1 << 31;
/// Most values that a column chunk may have.
const CHUNK_VALUES: i64 = 1 << 28;
/// Most rows that are read at a time: few enough that their numbers stay in the
/// caches and their memory with the allocator.
const READ_ROWS: usize = 1_024;

/// Reads any Parquet file batch by batch.
pub struct BatchReader {
    reader: Option<ParquetRecordBatchReader>,
    schema: SchemaRef,
    rows: u64,
    schema_version: Option<String>,
    path: PathBuf,
}

impl BatchReader {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// The file is missing, damaged or of absurd dimensions.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        Self::new(FileSlice::whole(path)?, path)
    }

    /// Opens a table in anything that can be read at an offset; `path` is the
    /// name that errors bear.
    pub fn new<T: ChunkReader + 'static>(input: T, path: &Path) -> Result<Self, PackError> {
        let input = Shared::new(input);
        let metadata = load_metadata(&input, path)?;
        let groups = 0..metadata.metadata().num_row_groups();
        let bounds = guard(|| bounds(&input, metadata.metadata(), |_| true, READ_ROWS));
        let at_once = bounds.map_err(PackError::parquet(path))?.rows_at_once;
        Self::open_groups(input, &metadata, groups, at_once, path)
    }

    /// Opens some row groups of a table of this program's, whose metadata is
    /// known.
    pub(super) fn of_groups<T: ChunkReader + 'static>(
        input: T,
        metadata: &ArrowReaderMetadata,
        groups: Range<usize>,
        path: &Path,
    ) -> Result<Self, PackError> {
        Self::open_groups(input, metadata, groups, READ_ROWS, path)
    }

    fn open_groups<T: ChunkReader + 'static>(
        input: T,
        metadata: &ArrowReaderMetadata,
        groups: Range<usize>,
        rows_at_once: usize,
        path: &Path,
    ) -> Result<Self, PackError> {
        let fail = PackError::parquet(path);
        let opened = guard(|| {
            let file = metadata.metadata().file_metadata();
            let parts = &metadata.metadata().row_groups()[groups.clone()];
            let add = |sum: u64, group: &RowGroupMetaData| {
                sum.checked_add(u64::try_from(group.num_rows()).ok()?)
            };
            let rows = parts.iter().try_fold(0, add);
            let rows = rows.ok_or_else(|| ParquetError::General("absurd number of rows".into()))?;
            let version = file
                .key_value_metadata()
                .and_then(|pairs| pairs.iter().find(|pair| pair.key == SCHEMA_KEY))
                .and_then(|pair| pair.value.clone());
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(input, metadata.clone());
            let schema = builder.schema().clone();
            let builder = builder.with_batch_size(rows_at_once).with_row_groups(groups.collect());
            Ok((builder.build()?, schema, rows, version))
        });
        let (reader, schema, rows, schema_version) = opened.map_err(fail)?;
        Ok(Self { reader: Some(reader), schema, rows, schema_version, path: path.to_owned() })
    }

    /// Rows that the file says it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Layout version that the file names, if any.
    #[must_use]
    pub fn schema_version(&self) -> Option<&str> {
        self.schema_version.as_deref()
    }

    /// Columns of the file.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl Iterator for BatchReader {
    type Item = Result<RecordBatch, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let next = guard(|| reader.next().transpose().map_err(ParquetError::from));
        if !matches!(next, Ok(Some(_))) {
            self.reader = None;
        }
        next.map_err(PackError::parquet(&self.path)).transpose()
    }
}

/// Reads rows of one type from a Parquet file, a batch at a time.
///
/// Memory: one batch of about a thousand rows, and a page of each column.
pub struct TableReader<R> {
    batches: BatchReader,
    read: u64,
    row_type: PhantomData<fn() -> R>,
}

impl<R: TableRow> TableReader<R> {
    /// Opens the table at `path` and checks its layout.
    ///
    /// # Errors
    /// The file is missing or damaged, or it is not a table of `R` in the
    /// version that this program writes.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        Self::from_batches(BatchReader::open(path)?)
    }

    /// The rows of batches that are already open.
    ///
    /// # Errors
    /// [`PackError`] where the columns are not those of `R`.
    pub fn from_batches(batches: BatchReader) -> Result<Self, PackError> {
        let fail = |detail| PackError::Schema { path: batches.path.clone(), detail };
        match batches.schema_version() {
            Some(version) if version == R::SCHEMA_VERSION => {}
            found => {
                return Err(fail(format!(
                    "layout {} where {} is needed; make the file with this version",
                    found.unwrap_or("without a version"),
                    R::SCHEMA_VERSION,
                )));
            }
        }
        if let Some(detail) = difference(&batches.schema, &column::schema(&R::columns())) {
            return Err(fail(detail));
        }
        Ok(Self { batches, read: 0, row_type: PhantomData })
    }

    /// Rows that the file says it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.batches.rows()
    }
}

impl<R: TableRow> Iterator for TableReader<R> {
    type Item = Result<Vec<R>, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.batches.next()? {
            Ok(batch) => batch,
            Err(e) => return Some(Err(e)),
        };
        let cells = Cells { batch: &batch, path: &self.batches.path, first_row: self.read };
        let rows = R::decode(&cells);
        self.read += batch.num_rows() as u64;
        if rows.is_err() {
            self.batches.reader = None;
        }
        Some(rows)
    }
}

/// The metadata of a table, of dimensions that can be read.
pub(super) fn load_metadata<T: ChunkReader>(
    input: &T,
    path: &Path,
) -> Result<ArrowReaderMetadata, PackError> {
    let loaded = guard(|| {
        let metadata = ArrowReaderMetadata::load(input, ArrowReaderOptions::default())?;
        check_dimensions(metadata.metadata())?;
        Ok(metadata)
    });
    loaded.map_err(PackError::parquet(path))
}

/// What `found` has otherwise than `expected`.
fn difference(found: &Schema, expected: &Schema) -> Option<String> {
    let mut found_fields: VecDeque<_> = found.fields().iter().collect();
    for field in expected.fields() {
        let Some(other) = found_fields.pop_front() else {
            return Some(format!("column `{}` is missing", field.name()));
        };
        if other.name() != field.name()
            || other.data_type() != field.data_type()
            || other.is_nullable() != field.is_nullable()
        {
            return Some(format!("column {other} where {field} is expected"));
        }
    }
    found_fields.pop_front().map(|field| format!("unknown column `{}`", field.name()))
}

fn check_dimensions(metadata: &ParquetMetaData) -> Result<(), ParquetError> {
    for group in metadata.row_groups() {
        for column in group.columns() {
            if column.uncompressed_size() > CHUNK_BYTES || column.num_values() > CHUNK_VALUES {
                return Err(ParquetError::General(format!(
                    "column chunk of {} bytes and {} values is too large",
                    column.uncompressed_size(),
                    column.num_values()
                )));
            }
        }
    }
    Ok(())
}

/// Runs Parquet code on untrusted bytes. The crate may panic on damaged pages;
/// here that is an error like any other, and the reader is not used again.
fn guard<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(ParquetError::General("damaged pages made the decoder give up".into()))
    })
}
