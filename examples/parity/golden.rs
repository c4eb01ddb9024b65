//! Reading the golden files: parquet tables, JSON lines, CSV; packed or not.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::Result;

/// A parquet file in memory.
pub struct Table {
    batches: Vec<RecordBatch>,
}

/// One row of a [`Table`].
#[derive(Clone, Copy)]
pub struct Row<'a> {
    batch: &'a RecordBatch,
    index: usize,
}

impl Table {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.build()?;
        Ok(Self { batches: reader.collect::<std::result::Result<_, _>>()? })
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let rows = |batch| (0..RecordBatch::num_rows(batch)).map(move |index| Row { batch, index });
        self.batches.iter().flat_map(rows)
    }
}

impl<'a> Row<'a> {
    /// The column, where it has a value in this row.
    fn column(&self, name: &str) -> Option<&'a ArrayRef> {
        self.batch.column_by_name(name).filter(|column| !column.is_null(self.index))
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        Some(self.column(name)?.as_string::<i32>().value(self.index))
    }

    pub fn flag(&self, name: &str) -> bool {
        self.column(name).is_some_and(|column| column.as_boolean().value(self.index))
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        let column = self.column(name)?;
        numbers(&column.slice(self.index, 1)).first().copied()
    }

    pub fn list(&self, name: &str) -> Option<Vec<f64>> {
        Some(numbers(&self.column(name)?.as_list::<i32>().value(self.index)))
    }

    pub fn id(&self) -> &'a str {
        self.text("id").unwrap_or_default()
    }
}

/// Any column of numbers as doubles; all integers in these files are small.
fn numbers(column: &dyn Array) -> Vec<f64> {
    macro_rules! cast {
        ($kind:ty) => {
            column.as_primitive::<$kind>().values().iter().map(|&x| x as f64).collect()
        };
    }
    match column.data_type() {
        DataType::Float64 => cast!(Float64Type),
        DataType::Int64 => cast!(Int64Type),
        DataType::Int32 => cast!(Int32Type),
        DataType::UInt64 => cast!(UInt64Type),
        DataType::UInt32 => cast!(UInt32Type),
        DataType::UInt16 => cast!(UInt16Type),
        DataType::UInt8 => cast!(UInt8Type),
        _ => Vec::new(),
    }
}

/// The text of a file, unpacked where its name ends in `.gz`.
pub fn text(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
    } else {
        file.read_to_string(&mut text)?;
    }
    Ok(text)
}

/// The lines of a file of JSON lines.
pub fn json_lines(path: &Path) -> Result<Vec<serde_json::Value>> {
    text(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The rows of a CSV file with a header, by column.
pub fn csv_rows(path: &Path) -> Result<Vec<HashMap<String, String>>> {
    let text = text(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| Ok(row?)).collect()
}
