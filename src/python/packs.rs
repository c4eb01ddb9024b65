//! Packs that are there, directories or zips: verified, and their documents and
//! tables read.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use hetero2_engine::run::RunError;
use hetero2_evidence::pack::{PackSource, locate};
use pyo3::prelude::*;

use crate::errors::{of_pack, other, refused};
use crate::table::Table;
use crate::watch::watched;

/// Largest document that is read whole, bytes.
const DOCUMENT: u64 = 64 << 20;

fn source(path: &Path) -> PyResult<PackSource> {
    let path = locate(path).map_err(|error| of_pack(&error))?;
    PackSource::open(&path).map_err(|error| of_pack(&error))
}

/// What verification finds, as JSON, and whether all of it is well.
#[pyfunction]
pub fn verify(py: Python<'_>, path: PathBuf) -> PyResult<(String, bool)> {
    let report = watched(py, None, |_| {
        let pack = locate(&path).map_err(RunError::from)?;
        Ok(hetero2_evidence::pack::verify(&pack)?)
    })?;
    let text = serde_json::to_string(&report).map_err(|error| other(&error))?;
    Ok((text, report.passed()))
}

/// Names of the files of a pack.
#[pyfunction]
pub fn files(path: PathBuf) -> PyResult<Vec<String>> {
    Ok(source(&path)?.entries().keys().cloned().collect())
}

/// The text of a file of a pack.
#[pyfunction]
pub fn document(path: PathBuf, name: &str) -> PyResult<String> {
    let mut source = source(&path)?;
    let reader = source.reader(name).map_err(|error| of_pack(&error))?;
    let mut text = String::new();
    let read = reader.take(DOCUMENT + 1).read_to_string(&mut text);
    read.map_err(|error| other(&error))?;
    if text.len() as u64 > DOCUMENT {
        return Err(refused(format!("{name} is larger than {} MiB", DOCUMENT >> 20)));
    }
    Ok(text)
}

/// A Parquet table of a pack.
#[pyfunction]
pub fn table(py: Python<'_>, path: PathBuf, name: &str) -> PyResult<Table> {
    let mut source = source(&path)?;
    let reader = source.table(name).map_err(|error| of_pack(&error))?;
    let schema = Arc::new(reader.schema().clone());
    let batches = py.detach(|| reader.collect::<Result<Vec<_>, _>>());
    Ok(Table::new(schema, batches.map_err(|error| of_pack(&error))?))
}

/// Two columns of text of a table, a pair of each row that `keep` takes.
fn pairs(
    path: &Path,
    table: &str,
    [left, right]: [&'static str; 2],
    mut keep: impl FnMut(&RecordBatch, usize, &str) -> bool,
) -> PyResult<Vec<(String, String)>> {
    let mut source = source(path)?;
    let reader = source.table(table).map_err(|error| of_pack(&error))?;
    let mut found = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| of_pack(&error))?;
        let (left, right) = (column(&batch, left)?, column(&batch, right)?);
        for row in 0..batch.num_rows() {
            if !right.is_null(row) && keep(&batch, row, left.value(row)) {
                found.push((left.value(row).to_owned(), right.value(row).to_owned()));
            }
        }
    }
    Ok(found)
}

fn column<'a>(batch: &'a RecordBatch, name: &'static str) -> PyResult<&'a StringArray> {
    let found = batch.column_by_name(name).and_then(|array| array.as_string_opt::<i32>());
    found.ok_or_else(|| refused(format!("the pack's table has no column {name} of text")))
}

/// Identifier and canonical SMILES of every molecule that is OK.
#[pyfunction]
pub fn audited(path: PathBuf) -> PyResult<Vec<(String, String)>> {
    let is_ok = |batch: &RecordBatch, row: usize, _: &str| {
        column(batch, "status").is_ok_and(|status| status.value(row) == "OK")
    };
    pairs(&path, "summary.parquet", ["id", "canonical_smiles"], is_ok)
}

/// Hash and canonical SMILES of every decoy, once.
#[pyfunction]
pub fn decoy_keys(path: PathBuf) -> PyResult<Vec<(String, String)>> {
    let mut seen = HashSet::new();
    let is_new = |_: &RecordBatch, _: usize, hash: &str| seen.insert(hash.to_owned());
    pairs(&path, "decoys.parquet", ["decoy_hash", "decoy_smiles"], is_new)
}
