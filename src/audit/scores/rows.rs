//! Scores as a table: what a row means, whatever file it is from; and CSV.

use std::io::Read;

use super::head::{Head, names};
use super::json::short;
use super::limits::{Format, LimitedReader};
use super::table::{Builder, Duplicates};
use super::{
    Canonicalise, Score, ScoreLimits, ScoreTable, ScoresError, usable_score, usable_weight,
};
use hetero2_common::column_name::normalized;
use hetero2_contract::DecoyHash;

/// A decoy's key as its column has it.
pub(super) enum HashCell<'a> {
    Text(&'a str),
    Raw(&'a [u8]),
}

/// One row; text is trimmed, and empty cells are `None`.
#[derive(Default)]
pub(super) struct Row<'a> {
    pub(super) decoy_hash: Option<HashCell<'a>>,
    pub(super) decoy_smiles: Option<&'a str>,
    pub(super) score: Option<f64>,
    pub(super) weight: Option<f64>,
    pub(super) molecule_id: Option<&'a str>,
    pub(super) role: Option<&'a str>,
}

/// Gathers rows.
pub(super) struct Sink<'a> {
    unit: &'static str,
    canonicalise: Canonicalise<'a>,
    decoys: Builder,
    originals: Builder,
    original: Option<Score>,
    unscored_rows: u64,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        unit: &'static str,
        limits: &ScoreLimits,
        canonicalise: Canonicalise<'a>,
    ) -> Self {
        let builder = || Builder::new(Duplicates::MustAgree, limits.max_entries);
        let (decoys, originals) = (builder(), builder());
        Self { unit, canonicalise, decoys, originals, original: None, unscored_rows: 0 }
    }

    pub(super) fn bad(
        &self,
        at: u64,
        column: &'static str,
        value: &str,
        problem: &'static str,
    ) -> ScoresError {
        ScoresError::Cell { unit: self.unit, at, column, value: short(value), problem }
    }

    pub(super) fn add(&mut self, at: u64, row: &Row<'_>) -> Result<(), ScoresError> {
        let original = match row.role {
            None => false,
            Some(role) if role.eq_ignore_ascii_case("decoy") => false,
            Some(role) if role.eq_ignore_ascii_case("original") => true,
            Some(other) => {
                let problem = "is not a role; write original or decoy";
                return Err(self.bad(at, "role", other, problem));
            }
        };
        let Some(score) = row.score else {
            self.unscored_rows += 1;
            return Ok(());
        };
        if !usable_score(score) {
            let problem = "is not a finite number; leave the cell empty where there is no score";
            return Err(self.bad(at, "score", &score.to_string(), problem));
        }
        let weight = row.weight.unwrap_or(1.0);
        if !usable_weight(weight) {
            let problem = "is not a weight; write a finite number that is not negative";
            return Err(self.bad(at, "weight", &weight.to_string(), problem));
        }
        let score = Score { score, weight };
        if !original {
            return self.decoys.add(self.hash(at, row)?, score);
        }
        match row.molecule_id {
            Some(id) => self.originals.add(DecoyHash::of_smiles(id), score),
            None if self.original.is_some_and(|before| before != score) => {
                Err(ScoresError::Conflict { key: "the original".to_owned() })
            }
            None => {
                self.original = Some(score);
                Ok(())
            }
        }
    }

    fn hash(&self, at: u64, row: &Row<'_>) -> Result<DecoyHash, ScoresError> {
        match (&row.decoy_hash, row.decoy_smiles) {
            (Some(HashCell::Text(text)), _) => text.parse().map_err(|_| {
                self.bad(at, "decoy_hash", text, "is not a SHA-256 in hexadecimal (64 digits)")
            }),
            (Some(HashCell::Raw(bytes)), _) => {
                let raw = <[u8; 32]>::try_from(*bytes).ok().map(DecoyHash::from);
                let hash = raw.or_else(|| std::str::from_utf8(bytes).ok()?.parse().ok());
                let problem = "is neither 32 bytes nor 64 hexadecimal digits";
                hash.ok_or_else(|| {
                    self.bad(at, "decoy_hash", &String::from_utf8_lossy(bytes), problem)
                })
            }
            (None, Some(smiles)) => {
                let canonical = (self.canonicalise)(smiles).ok_or_else(|| {
                    self.bad(at, "decoy_smiles", smiles, "is not a valid SMILES; give decoy_hash")
                })?;
                Ok(DecoyHash::of_smiles(&canonical))
            }
            (None, None) => {
                let problem = "names no decoy; fill decoy_hash or decoy_smiles";
                Err(self.bad(at, "decoy_hash", "", problem))
            }
        }
    }

    pub(super) fn finish(self) -> Result<ScoreTable, ScoresError> {
        Ok(ScoreTable {
            decoys: self.decoys.finish()?,
            originals: self.originals.finish()?,
            original: self.original,
            score_key: None,
            unscored_rows: self.unscored_rows,
        })
    }
}

/// Positions of the known columns.
pub(super) struct Columns {
    pub(super) decoy_hash: Option<usize>,
    pub(super) decoy_smiles: Option<usize>,
    pub(super) score: usize,
    pub(super) weight: Option<usize>,
    pub(super) molecule_id: Option<usize>,
    pub(super) role: Option<usize>,
}

impl Columns {
    /// Finds the columns by their names: letter case and surrounding blanks do
    /// not matter, and blanks, dots and hyphens count as underscores.
    pub(super) fn find(names: &[String]) -> Result<Self, ScoresError> {
        let normal: Vec<String> = names.iter().map(|name| normalized(name)).collect();
        let find = |name: &str| {
            let exact = names.iter().position(|n| n == name);
            exact.or_else(|| normal.iter().position(|n| n == name))
        };
        let missing =
            |needed| ScoresError::MissingColumn { needed, found: short(&names.join(", ")) };
        let (decoy_hash, decoy_smiles) = (find("decoy_hash"), find("decoy_smiles"));
        let score = find("score").ok_or_else(|| missing("score"))?;
        if decoy_hash.is_none() && decoy_smiles.is_none() {
            return Err(missing("decoy_hash or decoy_smiles"));
        }
        let (weight, molecule_id, role) = (find("weight"), find("molecule_id"), find("role"));
        Ok(Self { decoy_hash, decoy_smiles, score, weight, molecule_id, role })
    }

    /// Where the known columns are.
    pub(super) fn places(&self) -> Vec<usize> {
        let optional =
            [self.decoy_hash, self.decoy_smiles, self.weight, self.molecule_id, self.role];
        optional.into_iter().flatten().chain([self.score]).collect()
    }
}

/// Whether a cell of numbers says that there is none.
fn is_absent(cell: &str) -> bool {
    ["na", "n/a", "none", "null"].iter().any(|absent| cell.eq_ignore_ascii_case(absent))
}

pub(super) fn read_csv(
    reader: impl Read,
    limits: &ScoreLimits,
    canonicalise: Canonicalise<'_>,
) -> Result<ScoreTable, ScoresError> {
    let limited = LimitedReader::new(reader, Format::Csv)?;
    let head = Head::read(limited)?;
    let (lines_before, delimiter) = (head.lines_before, head.delimiter);
    let mut csv = csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(head.text.chain(head.rest));
    let names = names(csv.byte_headers()?);
    let columns = Columns::find(&names)?;
    let mut sink = Sink::new("line", limits, canonicalise);
    let mut record = csv::ByteRecord::new();
    while csv.read_byte_record(&mut record)? {
        let line = lines_before + record.position().map_or(0, csv::Position::line);
        if record.len() != names.len() {
            let problem = "cells do not fit the header; give one a column";
            return Err(sink.bad(line, "score", &record.len().to_string(), problem));
        }
        let text = |column: &'static str, at: Option<usize>| {
            let Some(bytes) = at.and_then(|at| record.get(at)) else { return Ok(None) };
            let text = std::str::from_utf8(bytes).map_err(|_| {
                sink.bad(line, column, &String::from_utf8_lossy(bytes), "is not UTF-8")
            })?;
            Ok::<_, ScoresError>(Some(text.trim()).filter(|text| !text.is_empty()))
        };
        let number = |column: &'static str, at: Option<usize>| {
            let Some(cell) = text(column, at)?.filter(|cell| !is_absent(cell)) else {
                return Ok(None);
            };
            let parsed = cell.parse::<f64>();
            parsed.map(Some).map_err(|_| sink.bad(line, column, cell, "is not a number"))
        };
        let row = Row {
            decoy_hash: text("decoy_hash", columns.decoy_hash)?.map(HashCell::Text),
            decoy_smiles: text("decoy_smiles", columns.decoy_smiles)?,
            score: number("score", Some(columns.score))?,
            weight: number("weight", columns.weight)?,
            molecule_id: text("molecule_id", columns.molecule_id)?,
            role: text("role", columns.role)?,
        };
        sink.add(line, &row)?;
    }
    sink.finish()
}
