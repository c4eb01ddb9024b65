//! Parquet libraries, read batch by batch.

use std::fs::File;
use std::io::{self, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use hetero2_common::parquet::{Shared, bounds, exact_text, has_exact_text};

use super::columns::{self, Columns};
use super::input::{InputDigest, file_digest};
use super::options::ReadOptions;
use super::record::{Record, RowProblem};
use super::{BLOCK_ROWS, LibraryError};

/// Reads the id, SMILES and scores columns of a Parquet file. Memory is bounded
/// by [`hetero2_common::parquet`], whatever the file says.
pub(super) struct ParquetSource {
    name: String,
    file: File,
    reader: ParquetRecordBatchReader,
    /// Positions of the columns within a batch.
    smiles: usize,
    id: Option<usize>,
    scores: Option<usize>,
    limit: usize,
    batch: Option<RecordBatch>,
    next: usize,
}

impl ParquetSource {
    pub fn open(file: File, name: String, options: &ReadOptions) -> Result<Self, LibraryError> {
        let damaged =
            |reason: String| LibraryError::Parquet { name: name.clone(), rows: 0, reason };
        let io_failed =
            |source: io::Error| LibraryError::Read { name: name.clone(), rows: 0, byte: 0, source };
        let shared = Shared::new(file.try_clone().map_err(io_failed)?);
        // The embedded Arrow schema would only bring other string types.
        let reading = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = guarded(|| {
            ParquetRecordBatchReaderBuilder::try_new_with_options(shared.clone(), reading)
        })
        .map_err(damaged)?;
        let schema = builder.schema().clone();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let columns =
            Columns::find(&names, options).map_err(|missing| LibraryError::MissingColumn {
                name: name.clone(),
                line: 1,
                role: missing.role,
                wanted: missing.wanted,
                found: missing.found,
            })?;
        for (column, readable, wanted) in [
            (Some(columns.smiles), is_text as fn(&DataType) -> bool, "text"),
            (columns.id, is_text_or_exact, "text, numbers or truth values"),
            (columns.scores, is_text, "text"),
        ] {
            let Some(field) = column.map(|index| schema.field(index)) else { continue };
            if !readable(field.data_type()) {
                return Err(LibraryError::ColumnType {
                    name: name.clone(),
                    column: field.name().clone(),
                    found: field.data_type().to_string(),
                    wanted,
                });
            }
        }
        let mut wanted: Vec<usize> =
            [Some(columns.smiles), columns.id, columns.scores].into_iter().flatten().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let place = |index: usize| wanted.iter().position(|&w| w == index);
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
        let metadata = builder.metadata();
        let bounds =
            guarded(|| bounds(&shared, metadata, |leaf| mask.leaf_included(leaf), BLOCK_ROWS))
                .map_err(damaged)?;
        let reader =
            guarded(|| builder.with_projection(mask).with_batch_size(bounds.rows_at_once).build())
                .map_err(damaged)?;
        Ok(Self {
            smiles: place(columns.smiles).unwrap_or_default(),
            id: columns.id.and_then(place),
            scores: columns.scores.and_then(place),
            limit: options.max_line_bytes,
            batch: None,
            next: 0,
            name,
            file,
            reader,
        })
    }

    /// What messages call the input.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next row; none at the end.
    pub fn next_record(&mut self, row: u64) -> Result<Option<Record>, LibraryError> {
        loop {
            if let Some(batch) = &self.batch
                && self.next < batch.num_rows()
            {
                let index = self.next;
                self.next += 1;
                return self.record(batch, index, row).map(Some);
            }
            self.next = 0;
            let reader = &mut self.reader;
            self.batch = guarded(|| reader.next().transpose()).map_err(|reason| {
                LibraryError::Parquet { name: self.name.clone(), rows: row, reason }
            })?;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
    }

    /// The digest of the whole file, in a pass of its own.
    pub fn digest(&mut self) -> io::Result<InputDigest> {
        self.file.rewind()?;
        file_digest(&self.file, self.name.clone())
    }

    fn record(&self, batch: &RecordBatch, index: usize, row: u64) -> Result<Record, LibraryError> {
        let smiles = text(batch.column(self.smiles), index);
        let number;
        let id = match self.id {
            None => &b""[..],
            Some(at) if is_text(batch.column(at).data_type()) => text(batch.column(at), index),
            Some(at) => {
                number = exact_text(batch.column(at), index)
                    .map_err(|inexact| LibraryError::InexactId {
                        name: self.name.clone(),
                        row: row + 1,
                        column: batch.schema_ref().field(at).name().clone(),
                        value: inexact.0,
                    })?
                    .unwrap_or_default();
                number.as_bytes()
            }
        };
        let scores = self.scores.map(|column| text(batch.column(column), index));
        let line = row + 1;
        if smiles.len().max(id.len()) > self.limit {
            let mut record = columns::record(row, line, b"", b"", None);
            record.problem = Some(RowProblem::TooLong { limit: self.limit as u64 });
            return Ok(record);
        }
        Ok(columns::record(row, line, id, smiles, scores))
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Binary | DataType::LargeUtf8 | DataType::LargeBinary)
}

fn is_text_or_exact(kind: &DataType) -> bool {
    is_text(kind) || has_exact_text(kind)
}

fn text(column: &ArrayRef, index: usize) -> &[u8] {
    if column.is_null(index) {
        return b"";
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(index).as_bytes(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(index).as_bytes(),
        DataType::Binary => column.as_binary::<i32>().value(index),
        DataType::LargeBinary => column.as_binary::<i64>().value(index),
        _ => b"",
    }
}

/// Runs a step of the Parquet reader; a panic on a hostile file is its error.
fn guarded<T, E: std::fmt::Display>(step: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the file is corrupt".into()),
    }
}
