//! Rows as lines of JSON, out of one database and into another. It must not
//! know what a row means: it names no column.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use futures_util::TryStreamExt as _;
use serde_json::{Map, Value};
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{AssertSqlSafe, Column as _, Executor as _, Row as _, ValueRef as _};

use super::BackupError;
use super::files::Written;
use crate::store::{RawTx, StoreError};

/// A row: what is null is left out.
pub(super) type Line = Map<String, Value>;

/// Longest line that is read.
const LONGEST: usize = 16 << 20;
/// Most values bound to one statement, and most rows of it.
const VALUES: usize = 2000;
const ROWS: usize = 200;

/// Writes the rows of `table`, in the order of its key; gives how many.
pub(super) async fn dump(
    tx: &mut RawTx,
    table: &str,
    file: &mut Written,
) -> Result<u64, BackupError> {
    // A name of ours.
    let select = AssertSqlSafe(format!("SELECT * FROM {table} ORDER BY 1, 2"));
    let mut rows = tx.connection().fetch(sqlx::query(select));
    let mut count = 0;
    while let Some(row) = rows.try_next().await.map_err(StoreError::at("reading a table"))? {
        let mut line = serde_json::to_vec(&line(&row)?).unwrap_or_default();
        line.push(b'\n');
        file.write(&line)?;
        count += 1;
    }
    Ok(count)
}

fn line(row: &AnyRow) -> Result<Line, StoreError> {
    let mut line = Line::new();
    for column in row.columns() {
        let failed = StoreError::at("reading a row");
        let (at, name) = (column.ordinal(), column.name().to_owned());
        let raw = match row.try_get_raw(at) {
            Ok(raw) => raw,
            Err(error) => return Err(failed(error)),
        };
        if raw.is_null() {
            continue;
        }
        let value = match raw.type_info().kind() {
            AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => {
                row.try_get::<i64, _>(at).map(Value::from)
            }
            _ => row.try_get::<String, _>(at).map(Value::from),
        };
        line.insert(name, value.map_err(failed)?);
    }
    Ok(line)
}

/// The rows in a file, with their numbers from 1.
pub(super) fn lines(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(u64, Line), BackupError>> + use<>, BackupError> {
    let file = File::open(path).map_err(BackupError::at("reading", path))?;
    let path = path.to_owned();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut number = 0;
    Ok(std::iter::from_fn(move || {
        let mut text = Vec::new();
        let mut limited = std::io::Read::take(&mut reader, LONGEST as u64);
        match limited.read_until(b'\n', &mut text) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(BackupError::at("reading", &path)(error))),
        }
        number += 1;
        let row = serde_json::from_slice::<Line>(&text).map_err(|error| error.to_string());
        let row = row.and_then(|row| match row.iter().find(|(name, _)| !is_column(name)) {
            Some((name, _)) => Err(format!("{name:?} is no column")),
            None => Ok(row),
        });
        let wrong = |reason| BackupError::Row { path: path.clone(), line: number, reason };
        Some(row.map(|row| (number, row)).map_err(wrong))
    }))
}

/// Names of columns go into the statement as they are.
fn is_column(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Inserts the rows in `path` into `table`; gives how many.
pub(super) async fn load(tx: &mut RawTx, table: &str, path: &Path) -> Result<u64, BackupError> {
    let (mut batch, mut count) = (Vec::<Line>::new(), 0);
    for line in lines(path)? {
        let (number, line) = line?;
        if let Some(value) = line.values().find(|value| !(value.is_string() || value.is_i64())) {
            let reason = format!("{value} is neither text nor a whole number");
            return Err(BackupError::Row { path: path.to_owned(), line: number, reason });
        }
        let is_alike = batch.last().is_none_or(|last| last.keys().eq(line.keys()));
        let is_full = batch.len() == ROWS || (batch.len() + 1) * line.len() > VALUES;
        if !is_alike || (is_full && !batch.is_empty()) {
            insert(tx, table, &batch).await?;
            batch.clear();
        }
        batch.push(line);
        count += 1;
    }
    insert(tx, table, &batch).await?;
    Ok(count)
}

/// Inserts rows that have the same columns.
async fn insert(tx: &mut RawTx, table: &str, rows: &[Line]) -> Result<(), StoreError> {
    let Some(first) = rows.first().filter(|first| !first.is_empty()) else { return Ok(()) };
    let columns: Vec<_> = first.keys().map(|name| format!("\"{name}\"")).collect();
    let mut at = 0;
    let mut tuples = Vec::with_capacity(rows.len());
    for _ in rows {
        let places: Vec<_> = columns
            .iter()
            .map(|_| {
                at += 1;
                format!("${at}")
            })
            .collect();
        tuples.push(format!("({})", places.join(", ")));
    }
    let text = format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), tuples.join(", "));
    // The names of columns were checked.
    let mut query = sqlx::query(AssertSqlSafe(text));
    for value in rows.iter().flat_map(|row| row.values()) {
        query = match value.as_i64() {
            Some(number) => query.bind(number),
            None => query.bind(value.as_str().unwrap_or_default().to_owned()),
        };
    }
    query.execute(tx.connection()).await.map_err(StoreError::at("restoring a row"))?;
    Ok(())
}
