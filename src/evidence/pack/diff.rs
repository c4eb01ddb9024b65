//! What differs between two packs, down to rows, columns and JSON paths. Works
//! on directories and zips alike; lists a bounded number of differences and
//! counts the rest.

mod csv;
mod document;
mod matching;
mod parquet;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Serialize;

use super::error::PackError;
use super::manifest::{CHECKSUMS, MANIFEST, PROVENANCE, RO_CRATE, ZIP, is_outside_content};
use super::source::PackSource;
use hetero2_common::files::{Sha256Digest, digest_reader};

/// Differences that are listed of one file; all are counted.
pub const LISTED: usize = 20;

/// What differs between two packs, A and B.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PackDiff {
    /// Files that only A has.
    pub only_in_a: Vec<String>,
    /// Files that only B has.
    pub only_in_b: Vec<String>,
    /// Files of equal bytes.
    pub same: u64,
    /// Files that differ.
    pub files: Vec<FileDiff>,
}

impl PackDiff {
    /// Whether the packs hold the same files with the same bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.only_in_a.is_empty() && self.only_in_b.is_empty() && self.files.is_empty()
    }

    /// Whether the packs hold the same evidence: all that differs is what may
    /// differ between two runs of one manifest.
    #[must_use]
    pub fn is_same_evidence(&self) -> bool {
        let outside =
            |name: &String| matches!(name.as_str(), PROVENANCE | RO_CRATE | CHECKSUMS | ZIP);
        self.only_in_a.iter().all(outside)
            && self.only_in_b.iter().all(outside)
            && self.files.iter().all(|f| outside(&f.name))
    }
}

/// How one file differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileDiff {
    /// Its name.
    pub name: String,
    /// Where it differs.
    pub difference: Difference,
}

/// Where two files of one name differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Tables, by row and column.
    Table(TableDiff),
    /// JSON, by path.
    Json(JsonDiff),
    /// Anything else.
    Bytes {
        /// Size in A.
        bytes_a: u64,
        /// Size in B.
        bytes_b: u64,
        /// First line that differs, from 1; none where that means nothing.
        first_line: Option<u64>,
    },
    /// The bytes differ and at least one side cannot be read as what it is.
    Unreadable {
        /// Why.
        detail: String,
    },
}

/// Differences of two tables.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TableDiff {
    /// Rows of A.
    pub rows_a: u64,
    /// Rows of B.
    pub rows_b: u64,
    /// Columns that only A has.
    pub columns_only_in_a: Vec<String>,
    /// Columns that only B has.
    pub columns_only_in_b: Vec<String>,
    /// Rows with an identifier that only A has, or that stand more than 100,000 rows apart.
    pub rows_only_in_a: u64,
    /// As many of B.
    pub rows_only_in_b: u64,
    /// The first [`LISTED`] identifiers that only A has.
    pub ids_only_in_a: Vec<String>,
    /// The first that only B has.
    pub ids_only_in_b: Vec<String>,
    /// Rows of both, matched by identifier, with at least one differing cell.
    pub rows_differing: u64,
    /// Differing cells by column.
    pub cells_differing: BTreeMap<String, u64>,
    /// The first [`LISTED`] differing cells.
    pub cells: Vec<CellDiff>,
}

impl TableDiff {
    fn add(&mut self, cell: impl FnOnce() -> CellDiff, column: &str) {
        match self.cells_differing.get_mut(column) {
            Some(count) => *count += 1,
            None => drop(self.cells_differing.insert(column.to_owned(), 1)),
        }
        if self.cells.len() < LISTED {
            self.cells.push(cell());
        }
    }
}

/// A cell that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CellDiff {
    /// Row of A's table, from 0.
    pub row: u64,
    /// Identifier in that row of A.
    pub id: Option<String>,
    /// Column.
    pub column: String,
    /// Value in A; empty where it is undefined.
    pub a: String,
    /// Value in B.
    pub b: String,
}

/// Differences of two JSON documents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct JsonDiff {
    /// Paths that differ.
    pub total: u64,
    /// The first [`LISTED`] of them.
    pub paths: Vec<PathDiff>,
}

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathDiff {
    /// JSON pointer.
    pub path: String,
    /// Value in A as JSON; none where A lacks the path.
    pub a: Option<String>,
    /// Value in B.
    pub b: Option<String>,
}

/// Compares the packs at `a` and `b`, directories or zips.
///
/// The zip inside a directory is not compared: it holds the other files.
///
/// # Errors
/// A pack cannot be opened.
pub fn diff(a: &Path, b: &Path) -> Result<PackDiff, PackError> {
    let (mut a, mut b) = (PackSource::open(a)?, PackSource::open(b)?);
    let names = |source: &PackSource| -> Vec<String> {
        source.entries().keys().filter(|n| *n != ZIP).cloned().collect()
    };
    let (names_a, names_b) = (names(&a), names(&b));
    let without = |some: &[String], others: &[String]| -> Vec<String> {
        some.iter().filter(|n| others.binary_search(n).is_err()).cloned().collect()
    };
    let mut result = PackDiff {
        only_in_a: without(&names_a, &names_b),
        only_in_b: without(&names_b, &names_a),
        same: 0,
        files: Vec::new(),
    };
    for name in names_a.iter().filter(|n| names_b.binary_search(n).is_ok()) {
        match compare(&mut a, &mut b, name) {
            None => result.same += 1,
            Some(difference) => result.files.push(FileDiff { name: name.clone(), difference }),
        }
    }
    // What matters first: the manifest, whose configuration explains the rest, then the
    // evidence, then what may differ between two runs.
    result.files.sort_by_key(|f| (f.name != MANIFEST, is_outside_content(&f.name), f.name.clone()));
    Ok(result)
}

fn compare(a: &mut PackSource, b: &mut PackSource, name: &str) -> Option<Difference> {
    if let (Ok(x), Ok(y)) = (digest(a, name), digest(b, name))
        && x == y
    {
        return None;
    }
    let difference = match name.rsplit('.').next() {
        Some("csv") => csv::diff(a, b, name).map(Difference::Table),
        Some("parquet") => parquet::diff(a, b, name).map(Difference::Table),
        Some("json") => document::diff(a, b, name).map(Difference::Json),
        _ => bytes(a, b, name),
    };
    Some(difference.unwrap_or_else(|e| Difference::Unreadable { detail: explain(&e) }))
}

fn digest(source: &mut PackSource, name: &str) -> Result<Sha256Digest, PackError> {
    let path = source.path().join(name);
    let mut reader = source.reader(name)?;
    Ok(digest_reader(&mut reader).map_err(PackError::io("read", &path))?.sha256)
}

fn bytes(a: &mut PackSource, b: &mut PackSource, name: &str) -> Result<Difference, PackError> {
    let (bytes_a, bytes_b) = (a.entries()[name].bytes, b.entries()[name].bytes);
    let path = a.path().join(name);
    let first_line =
        first_line(a.reader(name)?, b.reader(name)?).map_err(PackError::io("read", &path))?;
    Ok(Difference::Bytes { bytes_a, bytes_b, first_line })
}

/// The line of the first byte that differs, from 1.
fn first_line(a: impl Read, b: impl Read) -> std::io::Result<Option<u64>> {
    let (mut a, mut b) = (BufReader::new(a), BufReader::new(b));
    let mut line = 1;
    loop {
        let (x, y) = (a.fill_buf()?, b.fill_buf()?);
        let length = x.len().min(y.len());
        let same = x.iter().zip(y).position(|(x, y)| x != y);
        line += x[..same.unwrap_or(length)].iter().filter(|c| **c == b'\n').count() as u64;
        if same.is_some() || length == 0 {
            return Ok(Some(line));
        }
        a.consume(length);
        b.consume(length);
    }
}

fn explain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|e| format!(": {e}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// Columns of both tables with their places, and those of one alone.
fn match_columns(a: &[String], b: &[String], diff: &mut TableDiff) -> Vec<(String, usize, usize)> {
    let place = |columns: &[String], name: &String| columns.iter().position(|c| c == name);
    diff.columns_only_in_a = a.iter().filter(|n| place(b, n).is_none()).cloned().collect();
    diff.columns_only_in_b = b.iter().filter(|n| place(a, n).is_none()).cloned().collect();
    let both = |(i, name): (usize, &String)| Some((name.clone(), i, place(b, name)?));
    a.iter().enumerate().filter_map(both).collect()
}

/// The column that names a row.
fn id_column(columns: &[String]) -> Option<usize> {
    ["id", "molecule_id", "mol_id"].iter().find_map(|id| columns.iter().position(|c| c == id))
}
