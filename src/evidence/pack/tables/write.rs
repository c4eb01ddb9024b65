//! Streaming writer of a table: deterministic bytes, bounded memory. Columns
//! are encoded side by side by the threads of the present pool.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{FieldRef, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use super::column::{self, Builder, Column, Get, Layout};
use super::{BATCH_ROWS, ROW, SCHEMA_KEY, TableRow};
use crate::pack::error::PackError;
use hetero2_common::files::{AtomicFile, FileDigest};

/// Variable-length bytes after which a batch is encoded though it has not
/// [`BATCH_ROWS`] rows: keeps long rows from filling the memory.
pub(super) const BATCH_BYTES: usize = 16 << 20;
/// Encoded bytes after which a row group is closed early, for the same reason.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Rows whose cells are appended column by column: few enough that they stay in
/// the caches meanwhile.
const APPEND_ROWS: usize = 256;
/// Longest row, in variable-length bytes; Arrow's offsets end at 2 GiB.
const ROW_BYTES: usize = 1 << 30;

/// What a table is written for. Its rows are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be kept: small, with statistics for whoever queries it.
    Kept,
    /// To be read by the same run and removed: quick.
    Passing,
}

/// Writes rows of one type to a Parquet file.
///
/// ```
/// use hetero2_evidence::pack::rows::SpectrumRow;
/// use hetero2_evidence::pack::tables::{TableReader, TableWriter};
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
    file: SerializedFileWriter<AtomicFile>,
    groups: ArrowRowGroupWriterFactory,
    fields: Vec<FieldRef>,
    columns: Vec<Column<R>>,
    builders: Vec<Builder>,
    /// Columns of the open row group; none between two groups.
    open: Vec<ArrowColumnWriter>,
    open_rows: usize,
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

    /// Begins a file at `path` that the same run reads and then removes, like the
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
        let begun = properties(&columns, purpose)
            .and_then(|properties| Self::open_file(file, &schema, properties));
        let (file, groups) = begun.map_err(PackError::parquet(&path))?;
        let builders = columns.iter().map(Column::builder).collect();
        Ok(Self {
            file,
            groups,
            fields: schema.fields().iter().cloned().collect(),
            columns,
            builders,
            open: Vec::new(),
            open_rows: 0,
            pending_rows: 0,
            pending_bytes: 0,
            rows: 0,
            path,
            row_type: PhantomData,
        })
    }

    /// Arrow's writer knows how to describe the schema; columns are written here.
    fn open_file(
        file: AtomicFile,
        schema: &Arc<Schema>,
        properties: WriterProperties,
    ) -> Result<(SerializedFileWriter<AtomicFile>, ArrowRowGroupWriterFactory), ParquetError> {
        ArrowWriter::try_new(file, Arc::clone(schema), Some(properties))?.into_serialized_writer()
    }

    /// Appends rows.
    ///
    /// # Errors
    /// A full disk, or a row of more than 1 GiB.
    pub fn write(&mut self, rows: &[R]) -> Result<(), PackError> {
        self.write_each(rows)
    }

    /// Appends rows that lie apart.
    ///
    /// # Errors
    /// As [`TableWriter::write`].
    pub fn write_each<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a R>,
    ) -> Result<(), PackError> {
        let mut rows = rows.into_iter();
        loop {
            let some: Vec<&R> = rows.by_ref().take(APPEND_ROWS).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.append(&some)?;
        }
    }

    fn append(&mut self, mut rows: &[&R]) -> Result<(), PackError> {
        while !rows.is_empty() {
            let taken = self.fill(rows)?;
            let (now, later) = rows.split_at(taken);
            let columns = self.columns.par_iter().zip(&mut self.builders);
            columns.for_each(|(column, builder)| column.append(now, builder));
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
    pub fn into_file(mut self) -> Result<AtomicFile, PackError> {
        self.end_group()?;
        self.file.into_inner().map_err(PackError::parquet(&self.path))
    }

    /// Ends the row group: rows that are still to come lie in another, which can
    /// be read by itself.
    ///
    /// # Errors
    /// A full disk.
    pub fn end_group(&mut self) -> Result<(), PackError> {
        self.encode()?;
        self.close_group().map_err(PackError::parquet(&self.path))
    }

    /// How many of `rows` still belong to the pending batch; counts them in.
    fn fill(&mut self, rows: &[&R]) -> Result<usize, PackError> {
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

    /// Encodes the pending batch.
    fn encode(&mut self) -> Result<(), PackError> {
        let rows = std::mem::take(&mut self.pending_rows);
        self.pending_bytes = 0;
        if rows == 0 {
            return Ok(());
        }
        let arrays: Vec<ArrayRef> = self.builders.par_iter_mut().map(Builder::finish).collect();
        self.encode_arrays(&arrays, rows).map_err(PackError::parquet(&self.path))
    }

    fn encode_arrays(&mut self, arrays: &[ArrayRef], rows: usize) -> Result<(), ParquetError> {
        let mut done = 0;
        while done < rows {
            if self.open.is_empty() {
                let group = self.file.flushed_row_groups().len();
                self.open = self.groups.create_column_writers(group)?;
            }
            let now = (rows - done).min(R::ROW_GROUP - self.open_rows);
            let columns = self.open.par_iter_mut().zip(arrays).zip(&self.fields);
            columns.try_for_each(|((column, array), field)| {
                // No column is nested deeper than a list: each is one leaf.
                compute_leaves(field, &array.slice(done, now))?
                    .iter()
                    .try_for_each(|leaf| column.write(leaf))
            })?;
            done += now;
            self.open_rows += now;
            if self.open_rows == R::ROW_GROUP {
                self.close_group()?;
            }
        }
        let bytes: usize = self.open.iter().map(|c| c.get_estimated_total_bytes()).sum();
        if bytes >= ROW_GROUP_BYTES { self.close_group() } else { Ok(()) }
    }

    fn close_group(&mut self) -> Result<(), ParquetError> {
        self.open_rows = 0;
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            return Ok(());
        }
        let closed = open.into_par_iter().map(ArrowColumnWriter::close);
        let chunks: Vec<_> = closed.collect::<Result<_, _>>()?;
        let mut group = self.file.next_row_group()?;
        chunks.into_iter().try_for_each(|chunk| chunk.append_to_row_group(&mut group))?;
        group.close()?;
        Ok(())
    }
}

fn properties<R: TableRow>(
    columns: &[Column<R>],
    purpose: Purpose,
) -> Result<WriterProperties, ParquetError> {
    let builder =
        WriterProperties::builder().set_created_by("hetero2".to_owned()).set_key_value_metadata(
            Some(vec![KeyValue::new(SCHEMA_KEY.to_owned(), R::SCHEMA_VERSION.to_owned())]),
        );
    let builder = match purpose {
        Purpose::Kept => kept(builder, columns)?,
        Purpose::Passing => passing(builder, columns)?,
    };
    Ok(builder.build())
}

fn kept<R>(
    mut builder: WriterPropertiesBuilder,
    columns: &[Column<R>],
) -> Result<WriterPropertiesBuilder, ParquetError> {
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
/// The first column gets statistics: they say which rows a group holds.
fn passing<R>(
    mut builder: WriterPropertiesBuilder,
    columns: &[Column<R>],
) -> Result<WriterPropertiesBuilder, ParquetError> {
    builder = builder
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ROW.into(), EnabledStatistics::Chunk);
    for column in columns {
        let path = ColumnPath::new(column.leaf());
        let text = matches!(column.get, Get::Text(_) | Get::Shown(_) | Get::Warnings(_));
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
