//! Molecules and decoys that wait for scores: a table to fill in and to read
//! back as scores.

use std::io::{self, Write};

use hetero2_contract::FormulaText;

use super::Table;
use crate::pack::rows::DecoyRow;

/// Writes the table: per molecule a row of role `original` and one of role
/// `decoy` for each decoy, all with an empty `score`.
pub struct UnscoredCsv<W>(Table<W>);

impl<W: Write> UnscoredCsv<W> {
    /// Begins the table with its header.
    ///
    /// # Errors
    /// What `output` returns.
    pub fn new(output: W) -> io::Result<Self> {
        let header = [
            "molecule_id",
            "role",
            "decoy_index",
            "decoy_smiles",
            "decoy_hash",
            "strategy",
            "tanimoto",
            "hardness_bin",
            "score",
        ];
        Table::new(output, &header).map(Self)
    }

    /// Appends a molecule, by its canonical SMILES, and its decoys.
    ///
    /// # Errors
    /// What the output returns.
    pub fn write(&mut self, id: &str, smiles: &str, decoys: &[DecoyRow]) -> io::Result<()> {
        let t = &mut self.0;
        t.text(Some(id));
        t.text(Some("original"));
        t.integer(None::<i64>);
        t.text(Some(smiles));
        t.text(None);
        t.text(None);
        t.number(None);
        t.text(None);
        t.number(None);
        t.end_row()?;
        for decoy in decoys {
            t.text(Some(&decoy.molecule_id));
            t.text(Some("decoy"));
            t.integer(Some(i64::from(decoy.decoy_index)));
            t.text(Some(&decoy.decoy_smiles));
            t.text(Some(&decoy.decoy_hash));
            t.text(Some(&decoy.strategy));
            t.number(decoy.tanimoto());
            t.text(Some(decoy.hardness_bin.as_str()));
            t.number(None);
            t.end_row()?;
        }
        Ok(())
    }

    /// Writes text that could be a formula in this way.
    #[must_use]
    pub fn with_formulas(mut self, formulas: FormulaText) -> Self {
        self.0.set_formulas(formulas);
        self
    }

    /// What the table was written to.
    pub fn into_inner(self) -> W {
        self.0.into_inner()
    }
}
