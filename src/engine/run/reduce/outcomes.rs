//! The known outcomes of a run, held against its audits.

use std::path::PathBuf;

use hetero2_audit::{CostLift, CostLiftError, CostLiftSettings, SummaryRow, Truth};
use hetero2_common::files::FileDigest;
use hetero2_contract::Reason;
use hetero2_evidence::outcomes::{CostLiftOutcome, NamedDigest};
use hetero2_evidence::pack::PackWriter;
use hetero2_evidence::pack::rows::MoleculeRow;

use crate::run::config::ConclusionKind;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::plan::{Plan, PlannedTruth, unusable};

/// The known outcomes in a pack, byte for byte.
pub(crate) const TRUTH: &str = "truth.csv";
/// What they say of the audits.
pub(crate) const COST_LIFT: &str = "cost_lift_report.json";

/// The known outcomes of a run, loaded.
pub(crate) struct Outcomes {
    planned: PlannedTruth,
    copied: PathBuf,
    truth: Truth,
    settings: CostLiftSettings,
    conclusion: ConclusionKind,
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
        let conclusion = plan.config.conclusion;
        Ok(Some(Self { planned: planned.clone(), copied, truth, settings, conclusion }))
    }

    /// The outcomes themselves.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// A comparison without rows.
    pub fn begin(&self) -> Result<Comparison<'_>, RunError> {
        let gathered = CostLift::new(&self.truth, self.settings)
            .map_err(|source| self.planned.no_report(source))?;
        Ok(Comparison { outcomes: self, gathered })
    }
}

/// Gathers the rows of a run in their order.
pub(crate) struct Comparison<'a> {
    outcomes: &'a Outcomes,
    gathered: CostLift<'a>,
}

impl Comparison<'_> {
    pub fn add(&mut self, row: &MoleculeRow) -> Result<(), RunError> {
        let added = self.gathered.add(&summary_row(row));
        added.map_err(|source| self.outcomes.planned.no_report(source))
    }

    /// Writes the outcomes into the pack, and the report where there is one.
    pub fn finish(
        self,
        summary_csv: FileDigest,
        pack: &mut PackWriter,
    ) -> Result<Option<CostLiftOutcome>, RunError> {
        let Outcomes { planned, copied, .. } = self.outcomes;
        pack.add_file(TRUTH, copied)?;
        let ranking = self.gathered.ranking();
        let report = match self.gathered.finish() {
            Ok(report) => report,
            // What the audits come to is for the pack to say; that no outcome is
            // of this library is a mistake.
            Err(
                CostLiftError::NothingPassed { .. }
                | CostLiftError::NothingEligible { with_truth: 1.., .. }
                | CostLiftError::NoOkRows { .. },
            ) if self.outcomes.conclusion == ConclusionKind::Evidence => return Ok(None),
            Err(source) => return Err(planned.no_report(source)),
        };
        let (name, digest) = (planned.file.name.clone(), planned.file.digest());
        let outcome = CostLiftOutcome {
            report,
            ranking,
            summary_csv: NamedDigest { name: "summary.csv".into(), digest: summary_csv },
            truth_csv: NamedDigest { name, digest },
            // The digest covers this very report.
            pack_content_digest: None,
        };
        pack.add_json(COST_LIFT, &outcome)?;
        Ok(Some(outcome))
    }
}

/// The row as one reads it from `summary.csv`.
fn summary_row(row: &MoleculeRow) -> SummaryRow {
    let audit = row.audit.as_ref();
    SummaryRow {
        id: row.id.trim().to_owned(),
        status: row.status,
        reason: row.reason.as_ref().map(Reason::to_string).unwrap_or_default(),
        verdict: audit.map(|audit| audit.verdict),
        gate: audit.and_then(|a| a.gate),
        slack: audit.and_then(|a| a.slack),
        auc_tie_aware: audit.and_then(|a| a.auc),
        original_score: audit.and_then(|a| a.original_score),
        n_decoys_generated: row.n_decoys_generated.map(u64::from),
        n_decoys_scored: row.n_decoys_scored.map(u64::from),
    }
}
