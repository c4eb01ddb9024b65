//! Differences of two Parquet tables, batch by batch.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::{CellDiff, TableDiff, id_column, match_columns};
use crate::pack::csv::number;
use crate::pack::error::PackError;
use crate::pack::source::PackSource;
use crate::pack::tables::BatchReader;

pub fn diff(a: &mut PackSource, b: &mut PackSource, name: &str) -> Result<TableDiff, PackError> {
    let (mut a, mut b) = (Batches::new(a.table(name)?), Batches::new(b.table(name)?));
    let (columns_a, columns_b) = (names(a.reader.schema()), names(b.reader.schema()));
    let mut diff = TableDiff::default();
    let columns = match_columns(&columns_a, &columns_b, &mut diff);
    let id = id_column(&columns_a);
    loop {
        let (x, y) = (a.fill()?, b.fill()?);
        let rows = match (x, y) {
            (0, 0) => return Ok(diff),
            // One table is longer: only count what it has.
            (0, n) | (n, 0) => n,
            (n, m) => n.min(m),
        };
        if x > 0 && y > 0 {
            compare(&a.take(rows), &b.take(rows), &columns, id, &mut diff);
            diff.rows_a += rows as u64;
            diff.rows_b += rows as u64;
        } else if x > 0 {
            a.take(rows);
            diff.rows_a += rows as u64;
        } else {
            b.take(rows);
            diff.rows_b += rows as u64;
        }
    }
}

fn compare(
    a: &RecordBatch,
    b: &RecordBatch,
    columns: &[(String, usize, usize)],
    id: Option<usize>,
    diff: &mut TableDiff,
) {
    let first = diff.rows_a;
    let mut differs = vec![false; a.num_rows()];
    for (column, i, j) in columns {
        let (left, right) = (a.column(*i).as_ref(), b.column(*j).as_ref());
        // Whole columns compare fast, and most are equal.
        if left == right {
            continue;
        }
        for (k, differs) in differs.iter_mut().enumerate() {
            let (x, y) = (cell(left, k), cell(right, k));
            if x != y {
                *differs = true;
                let listed = || CellDiff {
                    row: first + k as u64,
                    id: id.map(|i| cell(a.column(i).as_ref(), k)),
                    column: column.clone(),
                    a: x.clone(),
                    b: y.clone(),
                };
                diff.add(listed, column);
            }
        }
    }
    diff.rows_differing += differs.iter().filter(|d| **d).count() as u64;
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
