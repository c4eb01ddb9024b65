//! Known outcomes of a run: copied and checked when it is planned, held against
//! its audits when it is reduced. Shards do not depend on them.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::RunError;
use super::layout::RunDir;
use super::plan::{InputFile, Plan, copy_pinned, digest_input};
use hetero2_audit::{CostLift, CostLiftError, CostLiftSettings, SummaryRow, Truth, TruthError};
use hetero2_common::files::FileDigest;
use hetero2_evidence::outcomes::{CostLiftOutcome, NamedDigest};
use hetero2_evidence::pack::PackWriter;
use hetero2_evidence::pack::rows::MoleculeRow;

/// The known outcomes in a pack, byte for byte.
pub(super) const TRUTH: &str = "truth.csv";
/// What they say of the audits.
pub(super) const COST_LIFT: &str = "cost_lift_report.json";

/// Known outcomes, and the budget to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthInput {
    /// A `customer_truth.v1` table.
    pub path: PathBuf,
    /// Expected SHA-256 of the table, hexadecimal.
    pub sha256: Option<String>,
    /// Molecules that can be afforded (K), at least 1.
    pub budget: usize,
}

/// Known outcomes as a plan has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTruth {
    /// The table.
    pub file: InputFile,
    /// Molecules that can be afforded (K), at least 1.
    pub budget: usize,
}

impl PlannedTruth {
    /// What a plan of this input says; nothing is copied.
    pub(super) fn digest(input: &TruthInput) -> Result<Self, RunError> {
        open(&input.path)?;
        Ok(Self { file: digest_input(&input.path)?, budget: input.budget })
    }

    /// Copies the table into the run directory and reads it once, so that what
    /// is wrong with it is known before anything is computed.
    pub(super) fn take(input: &TruthInput, dir: &RunDir) -> Result<Self, RunError> {
        open(&input.path)?;
        let file = copy_pinned(&input.path, input.sha256.as_deref(), dir)?;
        let planned = Self { file, budget: input.budget };
        let truth = planned.read(dir).map_err(|source| unusable(&input.path, source))?;
        let settings = CostLiftSettings { budget: input.budget, ..CostLiftSettings::default() };
        CostLift::new(&truth, settings).map_err(|source| planned.no_report(source))?;
        Ok(planned)
    }

    fn read(&self, dir: &RunDir) -> Result<Truth, TruthError> {
        let file = File::open(dir.input(&self.file.sha256.to_string()))?;
        Truth::from_csv(BufReader::new(file))
    }

    fn no_report(&self, source: CostLiftError) -> RunError {
        RunError::CostLift { truth: self.file.name.clone(), source }
    }
}

/// A table that is not there is an error of the command line, not of the disk.
fn open(path: &Path) -> Result<(), RunError> {
    File::open(path).map(drop).map_err(|e| unusable(path, e.into()))
}

fn unusable(path: &Path, source: TruthError) -> RunError {
    RunError::Truth { path: path.to_owned(), source }
}

/// The known outcomes of a run, loaded.
pub(super) struct Outcomes {
    planned: PlannedTruth,
    copied: PathBuf,
    truth: Truth,
    settings: CostLiftSettings,
}

impl Outcomes {
    /// The outcomes that a plan names, if it names any; its seed is that of the
    /// run.
    pub fn load(dir: &RunDir, plan: &Plan) -> Result<Option<Self>, RunError> {
        let Some(planned) = &plan.truth else { return Ok(None) };
        let copied = dir.input(&planned.file.sha256.to_string());
        let truth = planned.read(dir).map_err(|source| unusable(&copied, source))?;
        let settings = CostLiftSettings {
            budget: planned.budget,
            seed: plan.config.seed,
            ..CostLiftSettings::default()
        };
        Ok(Some(Self { planned: planned.clone(), copied, truth, settings }))
    }

    /// A comparison without rows.
    pub fn begin(&self) -> Result<Comparison<'_>, RunError> {
        let gathered = CostLift::new(&self.truth, self.settings)
            .map_err(|source| self.planned.no_report(source))?;
        Ok(Comparison { outcomes: self, gathered })
    }
}

/// Gathers the rows of a run in their order.
pub(super) struct Comparison<'a> {
    outcomes: &'a Outcomes,
    gathered: CostLift<'a>,
}

impl Comparison<'_> {
    pub fn add(&mut self, row: &MoleculeRow) -> Result<(), RunError> {
        let added = self.gathered.add(&summary_row(row));
        added.map_err(|source| self.outcomes.planned.no_report(source))
    }

    /// Writes the outcomes and the report into the pack.
    pub fn finish(
        self,
        summary_csv: FileDigest,
        pack: &mut PackWriter,
    ) -> Result<CostLiftOutcome, RunError> {
        let Outcomes { planned, copied, .. } = self.outcomes;
        let ranking = self.gathered.ranking();
        let report = self.gathered.finish().map_err(|source| planned.no_report(source))?;
        let (name, digest) = (planned.file.name.clone(), planned.file.digest());
        let outcome = CostLiftOutcome {
            report,
            ranking,
            summary_csv: NamedDigest { name: "summary.csv".into(), digest: summary_csv },
            truth_csv: NamedDigest { name, digest },
            // The digest covers this very report.
            pack_content_digest: None,
        };
        pack.add_file(TRUTH, copied)?;
        pack.add_json(COST_LIFT, &outcome)?;
        Ok(outcome)
    }
}

/// The row as one reads it from `summary.csv`.
fn summary_row(row: &MoleculeRow) -> SummaryRow {
    let audit = row.audit.as_ref();
    SummaryRow {
        id: row.id.trim().to_owned(),
        status: row.status,
        reason: row.reason.clone().unwrap_or_default(),
        verdict: audit.map(|audit| audit.verdict),
        gate: audit.and_then(|a| a.gate),
        slack: audit.and_then(|a| a.slack),
        auc_tie_aware: audit.and_then(|a| a.auc),
        original_score: audit.and_then(|a| a.original_score),
        n_decoys_generated: row.n_decoys_generated.map(u64::from),
        n_decoys_scored: row.n_decoys_scored.map(u64::from),
    }
}
