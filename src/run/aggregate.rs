//! What a run says of all its rows together: counts, reasons, statistics.
//!
//! Everything here adds up exactly, so no partition of the rows shows in it.

use std::collections::BTreeMap;

use crate::audit::{
    DecoyHash, HardnessStats, RowScores, ScoredPair, ScoresCoverage, SlackStats, ValueHistogram,
    Verdict,
};
use crate::pack::report::StatusCounts;
use crate::pack::rows::{self, DecoyRow, MoleculeRow, Status};

use super::chance::Chance;
use super::config::{RunConfig, ScoreMode};
use super::ranking::Ranking;

/// Most distinct reasons that are counted apart: internal errors may carry
/// texts of their own.
const MAX_REASONS: usize = 1_000;
/// Bins of the report's histograms.
pub(super) const BINS: usize = 40;
/// Those of the AUC: with the usual twenty decoys it has steps of 0.05.
pub(super) const AUC_BINS: usize = 20;
/// Where the rest is counted.
const OTHER_REASONS: &str = "other_reasons";

/// The aggregates of a run.
pub(super) struct Aggregate {
    mode: ScoreMode,
    pub counts: StatusCounts,
    reasons: BTreeMap<String, u64>,
    pub slack: SlackStats,
    pub auc: ValueHistogram,
    pub hardness: HardnessStats,
    pub coverage: ScoresCoverage,
    pub ranking: Ranking,
    pub chance: Chance,
    /// OK rows with a verdict of PASS or FAIL.
    pub audited: u64,
}

impl Aggregate {
    pub fn new(config: &RunConfig) -> Self {
        Self {
            mode: config.score_mode,
            counts: StatusCounts::default(),
            reasons: BTreeMap::new(),
            slack: SlackStats::default(),
            auc: ValueHistogram::default(),
            hardness: HardnessStats::default(),
            coverage: ScoresCoverage::default(),
            ranking: Ranking::default(),
            chance: Chance::new(config, AUC_BINS),
            audited: 0,
        }
    }

    /// Takes a row in.
    pub fn add_row(&mut self, row: &MoleculeRow) {
        self.counts.add(row.status);
        if let Some(reason) = &row.reason {
            self.count_reason(reason);
        }
        if row.status == Status::Ok {
            let audit = row.audit.as_ref();
            self.audited += u64::from(audit.is_some_and(|a| a.verdict != rows::Verdict::Skip));
            self.slack.add(audit.map(|a| verdict(a.verdict)), audit.and_then(|a| a.slack));
            if let Some(auc) = audit.and_then(|a| a.auc) {
                self.auc.add(auc);
            }
        }
        self.ranking.add(row);
        self.chance.add_row(row);
        if self.mode == ScoreMode::ExternalScores {
            match (row.status, row.reason.as_deref(), row.n_decoys) {
                (Status::Ok, _, Some(1..)) => {} // counted with its decoys
                (Status::Ok, ..) => {
                    self.coverage.add(RowScores::LookedUp { decoys: 0, missing: &[] });
                }
                (_, Some("missing_scores_input"), _) => {
                    self.coverage.add(RowScores::NoScoresInput);
                }
                _ => self.coverage.add(RowScores::NotAudited),
            }
        }
    }

    /// Takes in all decoys of one row.
    pub fn add_decoys(&mut self, decoys: &[DecoyRow]) {
        self.chance.add_decoys(decoys);
        self.ranking.add_decoys(decoys);
        for decoy in decoys {
            let scores = decoy.score.zip(decoy.original_score);
            self.hardness.add(
                decoy.tanimoto(),
                scores.map(|(decoy, original)| ScoredPair { original, decoy }),
            );
        }
        if self.mode == ScoreMode::ExternalScores && !decoys.is_empty() {
            let missing: Vec<(DecoyHash, &str)> = decoys
                .iter()
                .filter(|decoy| decoy.score.is_none())
                .filter_map(|d| Some((d.decoy_hash.parse().ok()?, d.decoy_smiles.as_str())))
                .collect();
            self.coverage
                .add(RowScores::LookedUp { decoys: decoys.len() as u64, missing: &missing });
        }
    }

    fn count_reason(&mut self, reason: &str) {
        if let Some(count) = self.reasons.get_mut(reason) {
            *count += 1;
        } else {
            let key = if self.reasons.len() < MAX_REASONS { reason } else { OTHER_REASONS };
            *self.reasons.entry(key.to_owned()).or_insert(0) += 1;
        }
    }

    /// Reasons of SKIP and ERROR rows, most frequent first, then by name.
    pub fn top_reasons(&self) -> Vec<(String, u64)> {
        let mut reasons: Vec<(String, u64)> =
            self.reasons.iter().map(|(reason, &count)| (reason.clone(), count)).collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        reasons
    }
}

fn verdict(verdict: rows::Verdict) -> Verdict {
    match verdict {
        rows::Verdict::Pass => Verdict::Pass,
        rows::Verdict::Fail => Verdict::Fail,
        rows::Verdict::Skip => Verdict::Skip,
    }
}
