//! Differences of two CSV tables, row by row in streams.

use std::io::Read;

use super::{CellDiff, TableDiff, id_column, match_columns};
use crate::pack::error::PackError;
use crate::pack::source::PackSource;
use crate::pack::verify::bounded_csv;

pub fn diff(a: &mut PackSource, b: &mut PackSource, name: &str) -> Result<TableDiff, PackError> {
    let path = a.path().join(name);
    let fail = || PackError::csv(&path);
    let (mut a, reset_a) = bounded_csv(a.reader(name)?);
    let (mut b, reset_b) = bounded_csv(b.reader(name)?);
    let mut diff = TableDiff::default();
    let columns_a = header(&mut a).map_err(fail())?;
    let columns_b = header(&mut b).map_err(fail())?;
    let same_columns = columns_a == columns_b;
    let columns = match_columns(&columns_a, &columns_b, &mut diff);
    let id = id_column(&columns_a);
    let (mut x, mut y) = (csv::ByteRecord::new(), csv::ByteRecord::new());
    loop {
        let has_a = a.read_byte_record(&mut x).map_err(fail())?;
        let has_b = b.read_byte_record(&mut y).map_err(fail())?;
        reset_a.set(0);
        reset_b.set(0);
        diff.rows_a += u64::from(has_a);
        diff.rows_b += u64::from(has_b);
        if !has_a && !has_b {
            return Ok(diff);
        }
        if !has_a || !has_b || (same_columns && x == y) {
            continue;
        }
        let row = diff.rows_a - 1;
        let mut differs = false;
        for (column, i, j) in &columns {
            let (left, right) = (&x[*i], &y[*j]);
            if left != right {
                differs = true;
                let cell = || CellDiff {
                    row,
                    id: id.map(|i| text(&x[i])),
                    column: column.clone(),
                    a: text(left),
                    b: text(right),
                };
                diff.add(cell, column);
            }
        }
        diff.rows_differing += u64::from(differs);
    }
}

fn header<R: Read>(reader: &mut csv::Reader<R>) -> Result<Vec<String>, csv::Error> {
    Ok(reader.byte_headers()?.iter().map(text).collect())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
