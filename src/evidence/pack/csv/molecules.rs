//! `summary.csv` and `operator_features.csv`: a row per molecule.

use std::io::{self, Write};
use std::sync::Arc;

use hetero2_contract::FormulaText;

use super::Table;
use crate::pack::rows::{MoleculeRow, OperatorColumns, SpectralColumns};
use hetero2_contract::{OutcomeVerdict, Reason};

/// Whether the run has edge weights, and with them the columns of W and WH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeWeightColumns {
    /// The run is unweighted.
    Absent,
    /// The run weights its edges.
    Present,
}

const BEFORE_OPERATORS: [&str; 18] = [
    "id",
    "status",
    "reason",
    "skip_reason",
    "verdict",
    "gate",
    "slack",
    "margin",
    "auc_tie_aware",
    "n_decoys",
    "n_decoys_generated",
    "n_decoys_scored",
    "decoy_strategy_used",
    "warnings_count",
    "report_path",
    "seed_used",
    "spectral_gap",
    "spectral_entropy",
];
const PHYSICS: [&str; 4] = [
    "physics_mode_used",
    "physics_params_source",
    "physics_entropy_beta",
    "physics_missing_params_count",
];
const L_AND_H: [&str; 6] =
    ["L_gap", "L_trace", "L_entropy_beta", "H_gap", "H_trace", "H_entropy_beta"];
const W_AND_WH: [&str; 4] = ["W_gap", "W_entropy", "WH_gap", "WH_entropy"];
const AFTER_OPERATORS: [&str; 8] = [
    "outcome_verdict",
    "outcome_reason",
    "n_decoys_exist",
    "p_value",
    "p_min",
    "q_value",
    "power_note",
    "original_score",
];

/// The files of a library, where there are several: `summary.csv` then says which
/// one a row came from.
#[derive(Debug, Clone, Default)]
pub struct InputFiles {
    /// First row and name of each, in the order of their rows.
    files: Arc<Vec<(u64, String)>>,
}

impl InputFiles {
    /// Files that follow one another, by their names and numbers of rows.
    pub fn new(files: impl Iterator<Item = (String, u64)>) -> Self {
        let mut next = 0_u64;
        let place = |(name, rows)| {
            let first = next;
            next = next.saturating_add(rows);
            (first, name)
        };
        Self { files: Arc::new(files.map(place).collect()) }
    }

    /// The file that a row came from.
    #[must_use]
    pub fn of_row(&self, row: u64) -> Option<&str> {
        // Of files without rows, which begin where the next one does, the last.
        let after = self.files.partition_point(|(first, _)| *first <= row);
        self.files.get(after.checked_sub(1)?).map(|(_, name)| name.as_str())
    }

    fn header(&self) -> &'static [&'static str] {
        if self.files.is_empty() { &[] } else { &["input_file"] }
    }
}

/// Writes `summary.csv`: every input row, in input order.
pub struct SummaryCsv<W> {
    table: Table<W>,
    weights: EdgeWeightColumns,
    files: InputFiles,
}

impl<W: Write> SummaryCsv<W> {
    /// Begins the table with its header.
    ///
    /// # Errors
    /// What `output` returns.
    pub fn new(output: W, weights: EdgeWeightColumns) -> io::Result<Self> {
        Self::of_files(output, weights, InputFiles::default())
    }

    /// Begins the table of a library of these files.
    ///
    /// # Errors
    /// What `output` returns.
    pub fn of_files(output: W, weights: EdgeWeightColumns, files: InputFiles) -> io::Result<Self> {
        Ok(Self { table: Table::new(output, &summary_header(weights, &files))?, weights, files })
    }

    /// Appends rows that were written apart.
    ///
    /// # Errors
    /// What the output returns.
    pub fn append(&mut self, part: SummaryCsv<Vec<u8>>) -> io::Result<()> {
        self.table.append(part.table)
    }

    /// Appends one row.
    ///
    /// # Errors
    /// What the output returns.
    pub fn write(&mut self, row: &MoleculeRow) -> io::Result<()> {
        self.identity_and_audit(row);
        let spectral = row.spectral.as_ref();
        let t = &mut self.table;
        t.number(spectral.and_then(|s| s.spectral_gap));
        t.number(spectral.and_then(|s| s.spectral_entropy));
        t.number(spectral.and_then(|s| s.spectral_entropy_norm));
        physics_cells(t, spectral, self.weights);
        t.text(row.outcome_verdict.map(OutcomeVerdict::as_str));
        t.text(row.outcome_reason.as_ref().map(Reason::to_string).as_deref());
        t.integer(row.n_decoys_exist);
        let audit = row.audit.as_ref();
        t.number(audit.and_then(|a| a.p_value));
        t.number(audit.and_then(|a| a.p_min));
        t.number(audit.and_then(|a| a.q_value));
        t.text(audit.and_then(|a| a.power_note.as_deref()));
        t.number(audit.and_then(|a| a.original_score));
        if let Some(file) = self.files.of_row(row.row) {
            t.text(Some(file));
        }
        t.end_row()
    }

    fn identity_and_audit(&mut self, row: &MoleculeRow) {
        let audit = row.audit.as_ref();
        let t = &mut self.table;
        t.text(Some(&row.id));
        t.text(Some(row.status.as_str()));
        let reason = row.reason.as_ref().map(Reason::to_string);
        t.text(reason.as_deref());
        t.text(reason.as_deref().filter(|_| row.skip_reason().is_some()));
        t.text(audit.map(|a| a.verdict.as_str()));
        t.number(audit.and_then(|a| a.gate));
        t.number(audit.and_then(|a| a.slack));
        t.number(audit.and_then(|a| a.margin));
        t.number(audit.and_then(|a| a.auc));
        t.integer(row.n_decoys);
        t.integer(row.n_decoys_generated);
        t.integer(row.n_decoys_scored);
        t.text(row.decoy_strategy_used.as_deref());
        t.integer(Some(i64::try_from(row.warnings.len()).unwrap_or(i64::MAX)));
        // Kept for readers of older packs; a pack holds no report per molecule.
        t.text(None);
        t.integer(Some(row.seed_used));
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

impl SummaryCsv<Vec<u8>> {
    /// Begins rows for [`SummaryCsv::append`].
    pub fn part(weights: EdgeWeightColumns, files: InputFiles) -> Self {
        Self { table: Table::part(summary_header(weights, &files).len()), weights, files }
    }
}

/// Writes `operator_features.csv`: the rows that have spectra.
pub struct OperatorFeaturesCsv<W> {
    table: Table<W>,
    weights: EdgeWeightColumns,
}

impl<W: Write> OperatorFeaturesCsv<W> {
    /// Begins the table with its header.
    ///
    /// # Errors
    /// What `output` returns.
    pub fn new(output: W, weights: EdgeWeightColumns) -> io::Result<Self> {
        Ok(Self { table: Table::new(output, &features_header(weights))?, weights })
    }

    /// Appends rows that were written apart.
    ///
    /// # Errors
    /// What the output returns.
    pub fn append(&mut self, part: OperatorFeaturesCsv<Vec<u8>>) -> io::Result<()> {
        self.table.append(part.table)
    }

    /// Appends the row if it has spectra.
    ///
    /// # Errors
    /// What the output returns.
    pub fn write(&mut self, row: &MoleculeRow) -> io::Result<()> {
        if row.spectral.is_none() {
            return Ok(());
        }
        self.table.text(Some(&row.id));
        physics_cells(&mut self.table, row.spectral.as_ref(), self.weights);
        self.table.end_row()
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

impl OperatorFeaturesCsv<Vec<u8>> {
    /// Begins rows for [`OperatorFeaturesCsv::append`].
    pub fn part(weights: EdgeWeightColumns) -> Self {
        Self { table: Table::part(features_header(weights).len()), weights }
    }
}

fn summary_header(weights: EdgeWeightColumns, files: &InputFiles) -> Vec<&'static str> {
    let mut header = BEFORE_OPERATORS.to_vec();
    header.push("spectral_entropy_norm");
    header.extend(physics_header(weights));
    header.extend(AFTER_OPERATORS);
    header.extend(files.header());
    header
}

fn features_header(weights: EdgeWeightColumns) -> Vec<&'static str> {
    std::iter::once("id").chain(physics_header(weights)).collect()
}

fn physics_header(weights: EdgeWeightColumns) -> impl Iterator<Item = &'static str> {
    let weighted: &[&str] = match weights {
        EdgeWeightColumns::Absent => &[],
        EdgeWeightColumns::Present => &W_AND_WH,
    };
    PHYSICS.into_iter().chain(L_AND_H).chain(weighted.iter().copied())
}

fn physics_cells<W: Write>(
    t: &mut Table<W>,
    spectral: Option<&SpectralColumns>,
    weights: EdgeWeightColumns,
) {
    t.text(spectral.map(|s| s.physics_mode_used.as_str()));
    t.text(spectral.map(|s| s.physics_params_source.as_str()));
    t.number(spectral.map(|s| s.physics_entropy_beta));
    t.integer(spectral.map(|s| s.physics_missing_params_count));
    let operator =
        |pick: fn(&SpectralColumns) -> OperatorColumns| spectral.map(pick).unwrap_or_default();
    for features in [operator(|s| s.l), operator(|s| s.h)] {
        t.number(features.gap);
        t.number(features.trace);
        t.number(features.entropy_beta);
    }
    if weights == EdgeWeightColumns::Present {
        for features in [operator(|s| s.w), operator(|s| s.wh)] {
            t.number(features.gap);
            t.number(features.entropy_beta);
        }
    }
}
