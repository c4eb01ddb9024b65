//! Records as Arrow record batches of a fixed schema.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::record::Record;
use super::{BLOCK_ROWS, LibraryError};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::UInt64, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("smiles", DataType::Binary, false),
        Field::new("scores_input", DataType::Utf8, true),
        Field::new("problem", DataType::Utf8, true),
        Field::new("line", DataType::UInt64, false),
    ]))
});

/// The schema of packed records: `row: u64, id: utf8, smiles: binary,
/// scores_input: utf8?, problem: utf8? (JSON), line: u64`.
#[must_use]
pub fn record_schema() -> SchemaRef {
    SCHEMA.clone()
}

/// Packs at most [`BLOCK_ROWS`] records into a batch.
///
/// # Errors
/// [`LibraryError::Pack`] if there are more, or more than 2 GiB of text.
pub fn pack_records(records: &[Record]) -> Result<RecordBatch, LibraryError> {
    let refuse = |reason: String| Err(LibraryError::Pack { reason });
    if records.len() > BLOCK_ROWS {
        return refuse(format!("{} rows, at most {BLOCK_ROWS}", records.len()));
    }
    let text: usize = records.iter().map(Record::text_bytes).sum();
    if i32::try_from(text).is_err() {
        return refuse(format!("{text} bytes of text in {} rows", records.len()));
    }
    let mut ids = StringBuilder::with_capacity(records.len(), text);
    let mut smiles = BinaryBuilder::with_capacity(records.len(), text);
    let mut scores = StringBuilder::new();
    let mut problems = StringBuilder::new();
    for record in records {
        ids.append_value(&record.id);
        smiles.append_value(&record.smiles);
        scores.append_option(record.scores_input.as_deref());
        let problem = record.problem.as_ref().map(serde_json::to_string).transpose();
        problems.append_option(
            problem.map_err(|error| LibraryError::Pack { reason: error.to_string() })?,
        );
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values(records.iter().map(|record| record.row))),
        Arc::new(ids.finish()),
        Arc::new(smiles.finish()),
        Arc::new(scores.finish()),
        Arc::new(problems.finish()),
        Arc::new(UInt64Array::from_iter_values(records.iter().map(|record| record.line))),
    ];
    RecordBatch::try_new(record_schema(), columns)
        .map_err(|error| LibraryError::Pack { reason: error.to_string() })
}

/// The records of a batch that [`pack_records`] made.
///
/// # Errors
/// [`LibraryError::Pack`] if the batch has another schema, or a problem that
/// is not one.
pub fn unpack_records(batch: &RecordBatch) -> Result<Vec<Record>, LibraryError> {
    let same = batch.schema().fields() == SCHEMA.fields();
    if !same {
        return Err(LibraryError::Pack { reason: "the batch has another schema".into() });
    }
    let rows = batch.column(0).as_primitive::<UInt64Type>();
    let ids = batch.column(1).as_string::<i32>();
    let smiles = batch.column(2).as_binary::<i32>();
    let scores = batch.column(3).as_string::<i32>();
    let problems = batch.column(4).as_string::<i32>();
    let lines = batch.column(5).as_primitive::<UInt64Type>();
    (0..batch.num_rows())
        .map(|index| {
            let problem = problems
                .is_valid(index)
                .then(|| serde_json::from_str(problems.value(index)))
                .transpose()
                .map_err(|error| LibraryError::Pack {
                    reason: format!("row {}: unreadable problem: {error}", rows.value(index)),
                })?;
            Ok(Record {
                row: rows.value(index),
                id: ids.value(index).to_owned(),
                smiles: smiles.value(index).to_vec(),
                scores_input: scores.is_valid(index).then(|| scores.value(index).to_owned()),
                problem,
                line: lines.value(index),
            })
        })
        .collect()
}
