//! Differences of two Parquet tables, batch by batch.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::matching::Matching;
use super::{TableDiff, id_column, match_columns};
use crate::pack::csv::number;
use crate::pack::error::PackError;
use crate::pack::source::PackSource;
use crate::pack::tables::BatchReader;

pub fn diff(a: &mut PackSource, b: &mut PackSource, name: &str) -> Result<TableDiff, PackError> {
    let (mut a, mut b) = (Batches::new(a.table(name)?), Batches::new(b.table(name)?));
    let (columns_a, columns_b) = (names(a.reader.schema()), names(b.reader.schema()));
    let mut diff = TableDiff::default();
    let same_columns = columns_a == columns_b;
    let columns = match_columns(&columns_a, &columns_b, &mut diff);
    // Rows are the same where both tables name them so.
    let id = id_column(&columns_a).zip(id_column(&columns_b));
    let mut matching = Matching::new(columns, diff);
    loop {
        let (x, y) = (a.fill()?, b.fill()?);
        let rows = match (x, y) {
            (0, 0) => return Ok(matching.finish()),
            // One table is longer.
            (0, n) | (n, 0) => n,
            (n, m) => n.min(m),
        };
        let x = (x > 0).then(|| a.take(rows));
        let y = (y > 0).then(|| b.take(rows));
        if let (Some(x), Some(y)) = (&x, &y)
            && same_columns
            && matching.is_level()
            && are_equal(x, y, matching.columns())
        {
            let id = id.map(|(i, _)| x.column(i).as_ref());
            let last = id.map(|ids| cell(ids, rows - 1));
            matching.skip(rows as u64, last.as_deref(), id.map_or(1, |ids| last_run(ids, rows)));
            continue;
        }
        for row in 0..rows {
            if let Some(x) = &x {
                let id = id.map(|(i, _)| cell(x.column(i).as_ref(), row));
                matching.row_of_a(id.as_deref(), cells(x, row));
            }
            if let Some(y) = &y {
                let id = id.map(|(_, j)| cell(y.column(j).as_ref(), row));
                matching.row_of_b(id.as_deref(), cells(y, row));
            }
        }
    }
}

/// Whole columns compare fast, and most are equal.
fn are_equal(a: &RecordBatch, b: &RecordBatch, columns: &[(String, usize, usize)]) -> bool {
    columns.iter().all(|(_, i, j)| a.column(*i).as_ref() == b.column(*j).as_ref())
}

/// How many of the last rows have the identifier of the last.
fn last_run(ids: &dyn Array, rows: usize) -> u32 {
    let last = cell(ids, rows - 1);
    let run = (0..rows).rev().take_while(|row| cell(ids, *row) == last).count();
    u32::try_from(run).unwrap_or(u32::MAX)
}

fn cells(batch: &RecordBatch, row: usize) -> Vec<String> {
    batch.columns().iter().map(|column| cell(column.as_ref(), row)).collect()
}

/// A cell as text; what is undefined is empty.
fn cell(array: &dyn Array, i: usize) -> String {
    if array.is_null(i) {
        return String::new();
    }
    match array.data_type() {
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(i).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(i).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(i).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(i).to_string(),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(i)),
        DataType::Utf8 => array.as_string::<i32>().value(i).to_owned(),
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(i);
            let items: Vec<_> = (0..values.len()).map(|j| cell(values.as_ref(), j)).collect();
            format!("[{}]", items.join(", "))
        }
        // Not a type of our tables: such a column is compared as a whole.
        other => format!("<{other}>"),
    }
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|f| f.name().clone()).collect()
}

/// Batches cut to any number of rows.
struct Batches {
    reader: BatchReader,
    pending: Option<RecordBatch>,
}

impl Batches {
    fn new(reader: BatchReader) -> Self {
        Self { reader, pending: None }
    }

    /// Rows at hand; 0 at the end.
    fn fill(&mut self) -> Result<usize, PackError> {
        while self.pending.as_ref().is_none_or(|b| b.num_rows() == 0) {
            match self.reader.next() {
                Some(batch) => self.pending = Some(batch?),
                None => return Ok(0),
            }
        }
        Ok(self.pending.as_ref().map_or(0, RecordBatch::num_rows))
    }

    /// The next `rows` of the rows at hand.
    fn take(&mut self, rows: usize) -> RecordBatch {
        let Some(batch) = self.pending.take() else {
            return RecordBatch::new_empty(Schema::empty().into());
        };
        if rows < batch.num_rows() {
            self.pending = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        batch.slice(0, rows.min(batch.num_rows()))
    }
}
