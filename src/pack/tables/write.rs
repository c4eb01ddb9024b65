//! Streaming writer of a table: deterministic bytes, bounded memory.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::column::{self, Builder, Column, Get, Layout};
use super::{BATCH_ROWS, SCHEMA_KEY, TableRow};
use crate::files::{AtomicFile, FileDigest};
use crate::pack::error::PackError;

/// Variable-length bytes after which a batch is encoded though it has not
/// [`BATCH_ROWS`] rows: keeps long rows from filling the memory.
pub(super) const BATCH_BYTES: usize = 16 << 20;
/// Encoded bytes after which a row group is closed early, for the same reason.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Longest row, in variable-length bytes; Arrow's offsets end at 2 GiB.
const ROW_BYTES: usize = 1 << 30;

/// What a table is written for. Its rows are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be kept: small, with statistics for whoever queries it.
    Kept,
    /// To be read once, from end to end, and removed: quick.
    Passing,
}

/// Writes rows of one type to a Parquet file.
///
/// ```
/// use hetero2::pack::rows::SpectrumRow;
/// use hetero2::pack::tables::{TableReader, TableWriter};
///
/// let directory = tempfile::tempdir().unwrap();
/// let path = directory.path().join("spectra.parquet");
/// let row = SpectrumRow { row: 0, id: "ethane".into(), l: vec![0.0, 2.0], ..Default::default() };
/// let mut writer = TableWriter::create(&path).unwrap();
/// writer.write(&[row.clone()]).unwrap();
/// writer.finish().unwrap();
///
/// let rows: Vec<SpectrumRow> = TableReader::open(&path).unwrap().next().unwrap().unwrap();
/// assert_eq!(rows, [row]);
/// ```
pub struct TableWriter<R> {
    writer: ArrowWriter<AtomicFile>,
    schema: Arc<Schema>,
    columns: Vec<Column<R>>,
    builders: Vec<Builder>,
    pending_rows: usize,
    pending_bytes: usize,
    rows: u64,
    path: std::path::PathBuf,
    row_type: PhantomData<fn(&R)>,
}

impl<R: TableRow> TableWriter<R> {
    /// Begins the file at `path`; it appears there on [`TableWriter::finish`].
    ///
    /// # Errors
    /// The directory is missing or not writable.
    pub fn create(path: &Path) -> Result<Self, PackError> {
        Self::new(AtomicFile::create(path)?)
    }

    /// Begins a file at `path` that is read once and then removed, like the
    /// tables of a shard: quicker to write, a third larger.
    ///
    /// # Errors
    /// As [`TableWriter::create`].
    pub fn create_passing(path: &Path) -> Result<Self, PackError> {
        Self::begin(AtomicFile::create(path)?, Purpose::Passing)
    }

    /// Begins a table in `file`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(file: AtomicFile) -> Result<Self, PackError> {
        Self::begin(file, Purpose::Kept)
    }

    fn begin(file: AtomicFile, purpose: Purpose) -> Result<Self, PackError> {
        let path = file.path().to_owned();
        let columns = R::columns();
        let schema = Arc::new(column::schema(&columns));
        let properties = properties(&columns, purpose).map_err(PackError::parquet(&path))?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(PackError::parquet(&path))?;
        let builders = columns.iter().map(Column::builder).collect();
        Ok(Self {
            writer,
            schema,
            columns,
            builders,
            pending_rows: 0,
            pending_bytes: 0,
            rows: 0,
            path,
            row_type: PhantomData,
        })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// A full disk, or a row of more than 1 GiB.
    pub fn write(&mut self, mut rows: &[R]) -> Result<(), PackError> {
        while !rows.is_empty() {
            let taken = self.fill(rows)?;
            let (now, later) = rows.split_at(taken);
            for (column, builder) in self.columns.iter().zip(&mut self.builders) {
                column.append(now, builder);
            }
            if self.pending_rows == BATCH_ROWS || self.pending_bytes >= BATCH_BYTES {
                self.encode()?;
            }
            rows = later;
        }
        Ok(())
    }

    /// Rows written so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Completes the file; returns its size and SHA-256.
    ///
    /// # Errors
    /// A full disk; no file is left then.
    pub fn finish(self) -> Result<FileDigest, PackError> {
        Ok(self.into_file()?.finish()?)
    }

    /// Completes the table and gives back the file, still under construction.
    pub(crate) fn into_file(mut self) -> Result<AtomicFile, PackError> {
        self.encode()?;
        self.writer.into_inner().map_err(PackError::parquet(&self.path))
    }

    /// How many of `rows` still belong to the pending batch; counts them in.
    fn fill(&mut self, rows: &[R]) -> Result<usize, PackError> {
        let mut taken = 0;
        for row in rows {
            if self.pending_rows == BATCH_ROWS || self.pending_bytes >= BATCH_BYTES {
                break;
            }
            let weight = row.weight();
            if weight > ROW_BYTES {
                return Err(PackError::TooLarge {
                    path: self.path.clone(),
                    detail: format!("row {} has {weight} bytes, more than 1 GiB", self.rows),
                });
            }
            self.pending_rows += 1;
            self.pending_bytes += weight;
            self.rows += 1;
            taken += 1;
        }
        Ok(taken)
    }

    fn encode(&mut self) -> Result<(), PackError> {
        if self.pending_rows == 0 {
            return Ok(());
        }
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(PackError::arrow(&self.path))?;
        self.writer.write(&batch).map_err(PackError::parquet(&self.path))?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(PackError::parquet(&self.path))?;
        }
        self.pending_rows = 0;
        self.pending_bytes = 0;
        Ok(())
    }
}

fn properties<R: TableRow>(
    columns: &[Column<R>],
    purpose: Purpose,
) -> Result<WriterProperties, parquet::errors::ParquetError> {
    let builder = WriterProperties::builder()
        .set_created_by("hetero2".to_owned())
        .set_max_row_group_row_count(Some(R::ROW_GROUP))
        .set_key_value_metadata(Some(vec![KeyValue::new(
            SCHEMA_KEY.to_owned(),
            R::SCHEMA_VERSION.to_owned(),
        )]));
    let builder = match purpose {
        Purpose::Kept => kept(builder, columns)?,
        Purpose::Passing => passing(builder, columns)?,
    };
    Ok(builder.build())
}

fn kept<R>(
    mut builder: WriterPropertiesBuilder,
    columns: &[Column<R>],
) -> Result<WriterPropertiesBuilder, parquet::errors::ParquetError> {
    builder = builder
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in columns {
        let encoding = match column.layout {
            Layout::Dictionary => continue,
            Layout::Plain => Encoding::PLAIN,
            Layout::Delta => Encoding::DELTA_BINARY_PACKED,
            Layout::Split => Encoding::BYTE_STREAM_SPLIT,
        };
        let path = ColumnPath::new(column.leaf());
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, encoding);
    }
    Ok(builder)
}

/// Numbers as they are: they hardly shrink, and a compressor for each column
/// costs more than its work. Only text that differs from row to row is packed.
fn passing<R>(
    mut builder: WriterPropertiesBuilder,
    columns: &[Column<R>],
) -> Result<WriterPropertiesBuilder, parquet::errors::ParquetError> {
    builder = builder
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None);
    for column in columns {
        let path = ColumnPath::new(column.leaf());
        let text = matches!(column.get, Get::Text(_) | Get::Texts(_));
        if text && column.layout == Layout::Dictionary {
            continue;
        }
        if text {
            let zstd = Compression::ZSTD(ZstdLevel::try_new(1)?);
            builder = builder.set_column_compression(path.clone(), zstd);
        }
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::PLAIN);
    }
    Ok(builder)
}
