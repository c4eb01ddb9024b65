//! What a run says of all its rows together: counts, reasons, statistics.
//!
//! Everything here adds up exactly, so no partition of the rows shows in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use hetero2_audit::{
    CoverageStats, DecoyHash, HardnessStats, RowScores, ScoredPair, SlackStats, ValueHistogram,
    Verdict,
};
use hetero2_contract::{CountedReason, Reason, StatusCounts, Warning};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, Status};

use super::null_expectation::NullExpectation;
use super::top_rows::TopRows;
use crate::run::config::{RunConfig, ScoreMode};

/// Most distinct reasons that are counted apart: internal errors may carry
/// texts of their own.
const MAX_REASONS: usize = 1_000;
/// Bins of the report's histograms.
pub(crate) const BINS: usize = 40;
/// Those of the AUC: with the usual twenty decoys it has steps of 0.05.
pub(crate) const AUC_BINS: usize = 20;

/// The aggregates of a run.
pub(crate) struct Aggregate {
    mode: ScoreMode,
    pub counts: StatusCounts,
    /// Row of the first and number of rows, by reason.
    reasons: BTreeMap<CountedReason, (u64, u64)>,
    pub slack: SlackStats,
    pub auc: ValueHistogram,
    pub hardness: HardnessStats,
    pub coverage: CoverageStats,
    pub top_rows: TopRows,
    pub null_expectation: NullExpectation,
    /// OK rows with a verdict of PASS or FAIL.
    pub audited: u64,
    /// Rows whose original has no score and counts as a default.
    pub defaulted: u64,
    /// Rows of which fragments were left out.
    pub fragments_left_out: u64,
    /// Rows with a decoy.
    pub rows_with_decoys: u64,
    /// Rows that are none of the best that are audited, whose decoys are still to
    /// come: nobody has to score these.
    below_top: BTreeSet<u64>,
}

impl Aggregate {
    pub fn new(config: &RunConfig) -> Self {
        Self::of(config.score_mode, NullExpectation::new(config, AUC_BINS))
    }

    /// Aggregates of the same run, of no rows.
    pub fn empty(&self) -> Self {
        Self::of(self.mode, self.null_expectation.empty())
    }

    fn of(mode: ScoreMode, null_expectation: NullExpectation) -> Self {
        Self {
            mode,
            counts: StatusCounts::default(),
            reasons: BTreeMap::new(),
            slack: SlackStats::default(),
            auc: ValueHistogram::default(),
            hardness: HardnessStats::default(),
            coverage: CoverageStats::default(),
            top_rows: TopRows::default(),
            null_expectation,
            audited: 0,
            defaulted: 0,
            fragments_left_out: 0,
            rows_with_decoys: 0,
            below_top: BTreeSet::new(),
        }
    }

    /// Takes a row in. There is no limit on distinct reasons before
    /// [`Aggregate::merge`].
    pub fn add_row(&mut self, row: &MoleculeRow) {
        self.counts.add(row.status);
        if let Some(reason) = &row.reason {
            self.reasons.entry(CountedReason::Of(reason.clone())).or_insert((row.row, 0)).1 += 1;
        }
        if row.status == Status::Ok {
            let audit = row.audit.as_ref();
            self.audited += u64::from(audit.is_some_and(|a| a.verdict != Verdict::Skip));
            self.slack.add(audit.map(|a| a.verdict), audit.and_then(|a| a.slack));
            if let Some(auc) = audit.and_then(|a| a.auc) {
                self.auc.add(auc);
            }
        }
        self.top_rows.add(row);
        self.null_expectation.add_row(row);
        self.defaulted += u64::from(row.has_defaulted_score());
        self.fragments_left_out += u64::from(row.warnings.iter().any(Warning::is_of_fragments));
        if self.mode == ScoreMode::ExternalScores {
            let unscored = row.lacks_original_score();
            if unscored {
                self.coverage.add_missing_original();
            }
            match (row.status, row.reason.as_ref(), row.n_decoys) {
                (Status::Ok, _, Some(1..)) => {} // counted with its decoys
                _ if unscored && row.n_decoys > Some(0) => {} // likewise
                _ if row.is_below_audit_top() && row.n_decoys > Some(0) => {
                    self.below_top.insert(row.row);
                    self.coverage.add(RowScores::NotAudited);
                }
                (Status::Ok, ..) => {
                    self.coverage.add(RowScores::LookedUp { decoys: 0, missing: &[] });
                }
                (_, Some(Reason::MissingScoresInput), _) => {
                    self.coverage.add(RowScores::NoScoresInput);
                }
                _ => self.coverage.add(RowScores::NotAudited),
            }
        }
    }

    /// Takes in all decoys of one row.
    pub fn add_decoys(&mut self, decoys: &[DecoyRow]) {
        self.rows_with_decoys += u64::from(!decoys.is_empty());
        self.null_expectation.add_decoys(decoys);
        self.top_rows.add_decoys(decoys);
        for decoy in decoys {
            let scores = decoy.score.zip(decoy.original_score);
            self.hardness.add(
                decoy.tanimoto(),
                scores.map(|(decoy, original)| ScoredPair { original, decoy }),
            );
        }
        let below_top = decoys.first().is_some_and(|decoy| self.below_top.remove(&decoy.row));
        if self.mode == ScoreMode::ExternalScores && !decoys.is_empty() && !below_top {
            let missing: Vec<(DecoyHash, &str)> = decoys
                .iter()
                .filter(|decoy| decoy.score.is_none())
                .filter_map(|d| Some((d.decoy_hash.parse().ok()?, d.decoy_smiles.as_str())))
                .collect();
            self.coverage
                .add(RowScores::LookedUp { decoys: decoys.len() as u64, missing: &missing });
        }
    }

    /// Takes in the aggregates of rows that come after all others.
    pub fn merge(&mut self, later: Self) {
        self.counts.merge(later.counts);
        let mut reasons: Vec<_> = later.reasons.into_iter().collect();
        reasons.sort_unstable_by_key(|(_, (first, _))| *first);
        for (reason, (first, count)) in reasons {
            let known = self.reasons.contains_key(&reason) || self.reasons.len() < MAX_REASONS;
            let key = if known { reason } else { CountedReason::Rest };
            self.reasons.entry(key).or_insert((first, 0)).1 += count;
        }
        self.slack.merge(&later.slack);
        self.auc.merge(&later.auc);
        self.hardness.merge(&later.hardness);
        self.coverage.merge(&later.coverage);
        self.top_rows.merge(later.top_rows);
        self.null_expectation.merge(&later.null_expectation);
        self.audited += later.audited;
        self.defaulted += later.defaulted;
        self.fragments_left_out += later.fragments_left_out;
        self.rows_with_decoys += later.rows_with_decoys;
    }

    /// Reasons of SKIP and ERROR rows, most frequent first, then by name.
    pub fn top_reasons(&self) -> Vec<(CountedReason, u64)> {
        let mut reasons: Vec<(CountedReason, u64)> =
            self.reasons.iter().map(|(reason, &(_, count))| (reason.clone(), count)).collect();
        reasons.sort_by_cached_key(|(reason, count)| (Reverse(*count), reason.to_string()));
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hetero2_evidence::pack::rows::{AuditColumns, HardnessBin};

    fn rows(count: u64) -> Vec<(MoleculeRow, Vec<DecoyRow>)> {
        let row = |row: u64| {
            let status = [Status::Ok, Status::Ok, Status::Error, Status::Skip][row as usize % 4];
            let mut molecule = MoleculeRow::new(row, &format!("m{row}"), status, 0);
            if status != Status::Ok {
                // More distinct ones than are counted apart, some of them again.
                molecule.reason = Some(Reason::Internal(format!("{}", row * 7919 % 2_900)));
                return (molecule, Vec::new());
            }
            let score = (row * 37 % 100) as f64 / 100.0;
            molecule.n_decoys = Some(3);
            molecule.audit = Some(AuditColumns {
                verdict: if row.is_multiple_of(3) { Verdict::Pass } else { Verdict::Fail },
                slack: Some(score - 0.5),
                auc: Some(score),
                original_score: Some(score),
                original_weight: Some(1.0 + (row % 2) as f64),
                p_value: Some(((row % 4) as f64 + 1.0) / 4.0),
                null_passes: Some((row % 4) as u32),
                null_labelings: Some(4),
                ..AuditColumns::skipped()
            });
            let decoy = |i: u32| DecoyRow {
                row,
                molecule_id: molecule.id.clone(),
                decoy_index: i,
                decoy_smiles: format!("C{i}"),
                decoy_hash: format!("{:064x}", row * 3 + u64::from(i)),
                strategy: "strict".into(),
                tanimoto_shared_bits: Some(10 * i + (row % 9) as u32),
                tanimoto_total_bits: Some(30),
                hardness_bin: HardnessBin::ALL[i as usize],
                original_score: Some(score),
                score: (i < 2 || !row.is_multiple_of(5)).then_some(f64::from(i) / 3.0),
                weight: None,
                descriptor_deltas: None,
            };
            let decoys = (0..3).map(decoy).collect();
            (molecule, decoys)
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn parts_merge_to_the_aggregates_of_all() {
        let config = RunConfig { score_mode: ScoreMode::ExternalScores, ..RunConfig::default() };
        let rows = rows(6_000);
        let merged_by = |size: usize| {
            let mut all = Aggregate::new(&config);
            for part in rows.chunks(size) {
                let mut sum = all.empty();
                part.iter().for_each(|(molecule, _)| sum.add_row(molecule));
                part.iter().for_each(|(_, decoys)| sum.add_decoys(decoys));
                all.merge(sum);
            }
            all
        };
        let whole = merged_by(rows.len());
        assert_eq!((whole.counts.ok, whole.counts.total(), whole.audited), (3_000, 6_000, 3_000));
        assert_eq!(whole.top_reasons().len(), MAX_REASONS + 1);
        for size in [1, 7, 4_096] {
            let merged = merged_by(size);
            assert_eq!(merged.counts, whole.counts);
            assert_eq!(merged.audited, whole.audited);
            assert_eq!(merged.top_reasons(), whole.top_reasons(), "parts of {size}");
            assert_eq!(merged.slack, whole.slack);
            assert_eq!(merged.auc, whole.auc);
            assert_eq!(merged.hardness, whole.hardness);
            assert_eq!(merged.coverage, whole.coverage);
            assert_eq!(merged.null_expectation.q_values(), whole.null_expectation.q_values());
            assert_eq!(merged.null_expectation.summary(), whole.null_expectation.summary());
        }
    }
}
