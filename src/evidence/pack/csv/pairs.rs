//! `hardness_curve.csv`: a row per decoy.

use std::io::{self, Write};

use hetero2_contract::FormulaText;

use super::Table;
use crate::pack::rows::DecoyRow;
use hetero2_common::rounding::round8;

const HEADER: [&str; 11] = [
    "molecule_id",
    "decoy_id",
    "tanimoto",
    "hardness_bin",
    "is_original_label",
    "score_used",
    "physics_mode_used",
    "pos_score",
    "neg_score",
    "weight",
    "decoy_scored",
];

/// Writes `hardness_curve.csv`: every (molecule, decoy) pair.
pub struct HardnessCsv<W> {
    table: Table<W>,
    score_mode: String,
    physics_mode: String,
}

impl<W: Write> HardnessCsv<W> {
    /// Begins the table with its header. `score_mode` and `physics_mode` are the
    /// run's, as published; every row repeats them.
    ///
    /// # Errors
    /// What `output` returns.
    pub fn new(output: W, score_mode: &str, physics_mode: &str) -> io::Result<Self> {
        let table = Table::new(output, &HEADER)?;
        Ok(Self { table, score_mode: score_mode.into(), physics_mode: physics_mode.into() })
    }

    /// Appends rows that were written apart.
    ///
    /// # Errors
    /// What the output returns.
    pub fn append(&mut self, part: HardnessCsv<Vec<u8>>) -> io::Result<()> {
        self.table.append(part.table)
    }

    /// Appends one pair.
    ///
    /// # Errors
    /// What the output returns.
    pub fn write(&mut self, pair: &DecoyRow) -> io::Result<()> {
        let t = &mut self.table;
        t.text(Some(&pair.molecule_id));
        t.text(Some(&pair.decoy_hash));
        t.number(pair.tanimoto().map(round8));
        t.text(Some(pair.hardness_bin.as_str()));
        // No pair has the original on both sides; the column is kept for readers
        // of older packs.
        t.text(None);
        t.text(Some(&self.score_mode));
        t.text(Some(&self.physics_mode));
        t.number(pair.original_score);
        t.number(pair.score);
        t.number(pair.score.and(pair.weight));
        t.integer(Some(i64::from(pair.score.is_some())));
        t.end_row()
    }

    /// Writes text that could be a formula in this way.
    #[must_use]
    pub fn with_formulas(mut self, formulas: FormulaText) -> Self {
        self.table.set_formulas(formulas);
        self
    }

    /// What the table was written to.
    pub fn into_inner(self) -> W {
        self.table.into_inner()
    }
}

impl HardnessCsv<Vec<u8>> {
    /// Begins rows for [`HardnessCsv::append`].
    pub fn part(score_mode: &str, physics_mode: &str) -> Self {
        let table = Table::part(HEADER.len());
        Self { table, score_mode: score_mode.into(), physics_mode: physics_mode.into() }
    }
}
