//! Differences of two CSV tables, row by row in streams.

use std::io::Read;

use super::matching::Matching;
use super::{TableDiff, id_column, match_columns};
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
    // Rows are the same where both tables name them so.
    let id = id_column(&columns_a).zip(id_column(&columns_b));
    let mut matching = Matching::new(columns, diff);
    let (mut x, mut y) = (csv::ByteRecord::new(), csv::ByteRecord::new());
    loop {
        let has_a = a.read_byte_record(&mut x).map_err(fail())?;
        let has_b = b.read_byte_record(&mut y).map_err(fail())?;
        reset_a.set(0);
        reset_b.set(0);
        if !has_a && !has_b {
            return Ok(matching.finish());
        }
        if has_a && has_b && same_columns && x == y && matching.is_level() {
            let id = id.map(|(i, _)| text(&x[i]));
            matching.skip(1, id.as_deref(), 1);
            continue;
        }
        if has_a {
            let id = id.map(|(i, _)| text(&x[i]));
            matching.row_of_a(id.as_deref(), x.iter().map(text).collect());
        }
        if has_b {
            let id = id.map(|(_, j)| text(&y[j]));
            matching.row_of_b(id.as_deref(), y.iter().map(text).collect());
        }
    }
}

fn header<R: Read>(reader: &mut csv::Reader<R>) -> Result<Vec<String>, csv::Error> {
    Ok(reader.byte_headers()?.iter().map(text).collect())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
