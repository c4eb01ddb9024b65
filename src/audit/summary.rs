//! The rows of `summary.csv` that later evaluations need.

use std::collections::HashMap;
use std::io::{self, Read};

use hetero2_contract::spreadsheet::unguarded;
use hetero2_contract::{Reason, Status, Verdict};

use super::scores::limits::{Format, LimitedReader};

const NEEDED: [&str; 7] =
    ["id", "status", "verdict", "gate", "slack", "n_decoys_generated", "n_decoys_scored"];
const OPTIONAL: [&str; 4] = ["reason", "skip_reason", "auc_tie_aware", "original_score"];

/// What `summary.csv` says of one input row.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryRow {
    /// The molecule's id.
    pub id: String,
    /// How the row ended.
    pub status: Status,
    /// Why, where not `OK`; empty where there is no reason.
    pub reason: String,
    /// The audit's verdict, if there was an audit.
    pub verdict: Option<Verdict>,
    /// The audit's gate.
    pub gate: Option<f64>,
    /// The audit's slack.
    pub slack: Option<f64>,
    /// The audit's AUC; older summaries have none.
    pub auc_tie_aware: Option<f64>,
    /// The model's score of the molecule; older summaries have none.
    pub original_score: Option<f64>,
    /// Decoys found.
    pub n_decoys_generated: Option<u64>,
    /// Decoys with a score.
    pub n_decoys_scored: Option<u64>,
}

impl SummaryRow {
    /// The reason where it is one of this program's, whatever its case. Summaries
    /// of other programs may have others.
    #[must_use]
    pub fn known_reason(&self) -> Option<Reason> {
        self.reason.parse().or_else(|_| self.reason.to_ascii_lowercase().parse()).ok()
    }
}

/// Why `summary.csv` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// Columns are missing.
    #[error("the summary has no column {}; is it a summary.csv?", .0.join(", "))]
    MissingColumns(Vec<&'static str>),
    /// A cell cannot be used.
    #[error("summary, line {line}, column {column}: {value:?} {problem}")]
    Cell {
        /// Line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// The offending value, shortened.
        value: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The table cannot be read.
    #[error("the summary cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// The bytes cannot be read.
    #[error("the summary cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads `summary.csv` row by row; unknown columns are ignored.
///
/// # Errors
/// At once where the header lacks a column; each item where its row is at fault.
pub fn read_summary<R: Read>(
    reader: R,
) -> Result<impl Iterator<Item = Result<SummaryRow, SummaryError>>, SummaryError> {
    let limited = LimitedReader::new(reader, Format::Csv)?;
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(limited);
    let names = csv.headers()?.clone();
    // Ten columns of some forty are looked up in every row: find them once.
    let places: HashMap<&'static str, usize> = NEEDED
        .into_iter()
        .chain(OPTIONAL)
        .filter_map(|name| Some((name, names.iter().position(|n| n.trim() == name)?)))
        .collect();
    let missing: Vec<&'static str> =
        NEEDED.into_iter().filter(|name| !places.contains_key(name)).collect();
    if !missing.is_empty() {
        return Err(SummaryError::MissingColumns(missing));
    }
    Ok(csv.into_records().map(move |record| {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |name: &'static str| {
            places.get(name).and_then(|at| record.get(*at)).unwrap_or("").trim()
        };
        Cells { line, cell: &cell }.row()
    }))
}

struct Cells<'a> {
    line: u64,
    cell: &'a dyn Fn(&'static str) -> &'a str,
}

impl Cells<'_> {
    fn row(&self) -> Result<SummaryRow, SummaryError> {
        let status = self
            .word("status")
            .parse()
            .map_err(|_| self.bad("status", "is not OK, SKIP or ERROR"))?;
        let verdict = match self.word("verdict").as_str() {
            "" => None,
            word => {
                Some(word.parse().map_err(|_| self.bad("verdict", "is not PASS, FAIL or SKIP"))?)
            }
        };
        let reason = match (self.cell)("reason") {
            "" => (self.cell)("skip_reason"),
            reason => reason,
        };
        Ok(SummaryRow {
            id: unguarded((self.cell)("id")).to_owned(),
            status,
            reason: reason.to_owned(),
            verdict,
            gate: self.number("gate")?,
            slack: self.number("slack")?,
            auc_tie_aware: self.number("auc_tie_aware")?,
            original_score: self.number("original_score")?,
            n_decoys_generated: self.count("n_decoys_generated")?,
            n_decoys_scored: self.count("n_decoys_scored")?,
        })
    }

    /// A published word, in either case.
    fn word(&self, column: &'static str) -> String {
        (self.cell)(column).to_ascii_uppercase()
    }

    fn bad(&self, column: &'static str, problem: &'static str) -> SummaryError {
        let value = (self.cell)(column).chars().take(80).collect();
        SummaryError::Cell { line: self.line, column, value, problem }
    }

    fn number(&self, column: &'static str) -> Result<Option<f64>, SummaryError> {
        let text = (self.cell)(column);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Some).ok_or_else(|| self.bad(column, "is not a finite number"))
    }

    fn count(&self, column: &'static str) -> Result<Option<u64>, SummaryError> {
        match self.number(column)? {
            Some(number) if number <= -1.0 => Err(self.bad(column, "is a negative count")),
            number => Ok(number.map(|number| number as u64)),
        }
    }
}
