//! Scores as a Parquet table.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;

use hetero2_common::parquet::{Shared, bounds, exact_text, has_exact_text};

use super::rows::{Columns, HashCell, Row, Sink};
use super::{Canonicalise, ScoreLimits, ScoreTable, ScoresError};

/// Most rows decoded at a time.
const BATCH: usize = 8192;

pub(super) fn read(
    reader: impl ChunkReader + 'static,
    limits: &ScoreLimits,
    canonicalise: Canonicalise<'_>,
) -> Result<ScoreTable, ScoresError> {
    // Without the writer's Arrow types, text is always plain UTF-8.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader = Shared::new(reader);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(reader.clone(), options)?;
    let names: Vec<String> =
        builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted = Columns::find(&names)?.places();
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let bounds = bounds(&reader, builder.metadata(), |leaf| mask.leaf_included(leaf), BATCH)?;
    let batches = builder.with_projection(mask).with_batch_size(bounds.rows_at_once).build()?;
    let mut sink = Sink::new("row", limits, canonicalise);
    let mut before = 0;
    for batch in batches {
        let batch = batch?;
        add_batch(&mut sink, &batch, before)?;
        before += batch.num_rows() as u64;
    }
    sink.finish()
}

fn add_batch(sink: &mut Sink<'_>, batch: &RecordBatch, before: u64) -> Result<(), ScoresError> {
    let schema = batch.schema();
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let columns = Columns::find(&names)?;
    let text = |name, at: Option<usize>| at.map(|at| Text::of(name, batch.column(at))).transpose();
    let number = |name, at: usize| Number::of(name, batch.column(at));
    let hashes = text("decoy_hash", columns.decoy_hash)?;
    let smiles = text("decoy_smiles", columns.decoy_smiles)?;
    let scores = number("score", columns.score)?;
    let weights = columns.weight.map(|at| number("weight", at)).transpose()?;
    let ids = columns.molecule_id.map(|at| Id::of(batch.column(at))).transpose()?;
    let roles = text("role", columns.role)?;
    for i in 0..batch.num_rows() {
        let at = before + i as u64 + 1;
        let id = ids.as_ref().map(|ids| ids.get(sink, at, i)).transpose()?.flatten();
        let row = Row {
            decoy_hash: hashes.as_ref().and_then(|hashes| hashes.hash(i)),
            decoy_smiles: cell(sink, at, "decoy_smiles", smiles.as_ref(), i)?,
            score: scores.get(sink, at, "score", i)?,
            weight: match &weights {
                Some(weights) => weights.get(sink, at, "weight", i)?,
                None => None,
            },
            molecule_id: id.as_deref(),
            role: cell(sink, at, "role", roles.as_ref(), i)?,
        };
        sink.add(at, &row)?;
    }
    Ok(())
}

fn cell<'a>(
    sink: &Sink<'_>,
    at: u64,
    name: &'static str,
    column: Option<&Text<'a>>,
    i: usize,
) -> Result<Option<&'a str>, ScoresError> {
    let Some(column) = column else { return Ok(None) };
    column.str(i).map_err(|lossy| sink.bad(at, name, &lossy, "is not UTF-8"))
}

/// A column of text, or of bytes that may be text.
enum Text<'a> {
    Utf8(&'a arrow_array::StringArray),
    Binary(&'a arrow_array::BinaryArray),
    Fixed(&'a arrow_array::FixedSizeBinaryArray),
}

impl<'a> Text<'a> {
    fn of(column: &'static str, array: &'a dyn Array) -> Result<Self, ScoresError> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Utf8(array.as_string())),
            DataType::Binary => Ok(Self::Binary(array.as_binary())),
            DataType::FixedSizeBinary(_) => Ok(Self::Fixed(array.as_fixed_size_binary())),
            other => {
                Err(ScoresError::ColumnType { column, found: other.to_string(), expected: "text" })
            }
        }
    }

    fn bytes(&self, i: usize) -> Option<&'a [u8]> {
        match self {
            Self::Utf8(array) => array.is_valid(i).then(|| array.value(i).as_bytes()),
            Self::Binary(array) => array.is_valid(i).then(|| array.value(i)),
            Self::Fixed(array) => array.is_valid(i).then(|| array.value(i)),
        }
    }

    fn str(&self, i: usize) -> Result<Option<&'a str>, String> {
        let Some(bytes) = self.bytes(i) else { return Ok(None) };
        let text =
            std::str::from_utf8(bytes).map_err(|_| String::from_utf8_lossy(bytes).into_owned())?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    fn hash(&self, i: usize) -> Option<HashCell<'a>> {
        match self {
            Self::Utf8(_) => self.str(i).ok().flatten().map(HashCell::Text),
            _ => self.bytes(i).filter(|bytes| !bytes.is_empty()).map(HashCell::Raw),
        }
    }
}

/// A column of molecule ids, as text or as what text says exactly.
enum Id<'a> {
    Text(Text<'a>),
    Exact(&'a dyn Array),
}

impl<'a> Id<'a> {
    fn of(array: &'a dyn Array) -> Result<Self, ScoresError> {
        match has_exact_text(array.data_type()) {
            true => Ok(Self::Exact(array)),
            false => Text::of("molecule_id", array).map(Self::Text),
        }
    }

    fn get(&self, sink: &Sink<'_>, at: u64, i: usize) -> Result<Option<Cow<'a, str>>, ScoresError> {
        match self {
            Self::Text(text) => {
                Ok(cell(sink, at, "molecule_id", Some(text), i)?.map(Cow::Borrowed))
            }
            Self::Exact(array) => {
                let problem = "may not be the id that was meant; store ids as text or integers";
                let text = exact_text(*array, i)
                    .map_err(|inexact| sink.bad(at, "molecule_id", &inexact.0, problem))?;
                Ok(text.map(Cow::Owned))
            }
        }
    }
}

/// A column of numbers.
enum Number<'a> {
    F64(&'a arrow_array::Float64Array),
    F32(&'a arrow_array::Float32Array),
    I64(&'a arrow_array::Int64Array),
    /// Any other type whose cells are numbers as text.
    Exact(&'a dyn Array),
}

impl<'a> Number<'a> {
    fn of(column: &'static str, array: &'a dyn Array) -> Result<Self, ScoresError> {
        match array.data_type() {
            DataType::Float64 => Ok(Self::F64(array.as_primitive::<Float64Type>())),
            DataType::Float32 => Ok(Self::F32(array.as_primitive::<Float32Type>())),
            DataType::Int64 => Ok(Self::I64(array.as_primitive::<Int64Type>())),
            other if *other != DataType::Boolean && has_exact_text(other) => Ok(Self::Exact(array)),
            other => Err(ScoresError::ColumnType {
                column,
                found: other.to_string(),
                expected: "a floating-point, integer or decimal type",
            }),
        }
    }

    fn get(
        &self,
        sink: &Sink<'_>,
        at: u64,
        column: &'static str,
        i: usize,
    ) -> Result<Option<f64>, ScoresError> {
        Ok(match self {
            Self::F64(array) => array.is_valid(i).then(|| array.value(i)),
            Self::F32(array) => array.is_valid(i).then(|| f64::from(array.value(i))),
            Self::I64(array) => array.is_valid(i).then(|| array.value(i) as f64),
            Self::Exact(array) => {
                let text = exact_text(*array, i).unwrap_or_else(|inexact| Some(inexact.0));
                let number = |text: &String| text.parse().ok();
                let parsed = text.as_ref().map(number);
                match parsed {
                    Some(None) => {
                        let value = text.unwrap_or_default();
                        return Err(sink.bad(at, column, &value, "is not a number"));
                    }
                    Some(found) => found,
                    None => None,
                }
            }
        })
    }
}
