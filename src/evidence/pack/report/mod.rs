//! The report of a pack: the aggregates it is made of, and what is written from
//! them. Knows counts, bins and excerpts of rows; its size does not grow with
//! the number of rows.

mod chance;
mod gallery;
mod html;
mod html_sections;
mod markdown;
mod metrics;
mod outcomes;
mod svg;
mod text;

pub use chance::{BinChance, ChanceSummary, Passes};
pub use gallery::{DRAWING_BYTES, DRAWN_DECOYS, DRAWN_ROWS, DrawnDecoy, DrawnRow, Gallery};
pub use html::index_html;
pub use markdown::{hardness_md, index_md};
pub use metrics::{METADATA_SCHEMA, METRICS_SCHEMA, metrics, summary_metadata};
pub use outcomes::{Interval, MethodLine, OutcomeSummary, RankingLine};
pub use text::{grouped, shorten};

use serde::Serialize;
use serde_json::{Map, Value};

use super::csv::{DosPoint, MissingDecoy};
use super::manifest::{Input, Tool};
use super::rows::{HardnessBin, MoleculeRow, Status, Verdict};

/// Rows that a table of a report may have.
pub const TABLE_ROWS: usize = 50;

/// Everything that the metrics and the report are made of. Must not depend on
/// when, where or how fast the run was.
#[derive(Debug, Clone)]
pub struct PackSummary {
    /// Rows by status.
    pub counts: StatusCounts,
    /// Every reason of SKIP and ERROR rows with its count; any order.
    pub reasons: Vec<(String, u64)>,
    /// The full configuration as it was used.
    pub config: Value,
    /// Where scores come from.
    pub scores: ScoreMode,
    /// Modes of the operators, as published.
    pub physics: PhysicsSettings,
    /// Slack and verdicts of OK rows.
    pub slack: SlackStatistics,
    /// Pairs and AUC by hardness, and what they mean.
    pub hardness: HardnessSummary,
    /// What chance explains.
    pub chance: ChanceSummary,
    /// Coverage of external scores.
    pub scores_coverage: Option<ScoresCoverage>,
    /// How the run stands to known outcomes.
    pub outcomes: Option<OutcomeSummary>,
    /// Density of states of the run.
    pub dos: Option<DosSummary>,
    /// Slack of OK rows.
    pub slack_histogram: Histogram,
    /// AUC of OK rows.
    pub auc_histogram: Histogram,
    /// Tanimoto similarity of pairs.
    pub tanimoto_histogram: Histogram,
    /// Rows of the largest slack, largest first; [`TABLE_ROWS`] are shown.
    pub top: Vec<RowExcerpt>,
    /// Rows of the smallest slack, smallest first; [`TABLE_ROWS`] are shown.
    pub bottom: Vec<RowExcerpt>,
    /// Drawings of the first of both.
    pub gallery: Gallery,
    /// The first rows of the input; [`TABLE_ROWS`] are shown.
    pub first: Vec<RowExcerpt>,
    /// The program.
    pub tool: Tool,
    /// Inputs with their digests.
    pub inputs: Vec<Input>,
    /// Further keys of `metrics.json`, such as `scf`.
    pub extra_metrics: Map<String, Value>,
    /// Further keys of `summary_metadata.json`.
    pub extra_metadata: Map<String, Value>,
}

/// Rows by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct StatusCounts {
    /// Computed rows.
    #[serde(rename = "OK")]
    pub ok: u64,
    /// Rows outside what the run audits.
    #[serde(rename = "SKIP")]
    pub skip: u64,
    /// Rows that could not be computed.
    #[serde(rename = "ERROR")]
    pub error: u64,
}

impl StatusCounts {
    /// Every row of the input.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.ok + self.skip + self.error
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: Self) {
        self.ok += other.ok;
        self.skip += other.skip;
        self.error += other.error;
    }

    /// Counts one row.
    pub fn add(&mut self, status: Status) {
        match status {
            Status::Ok => self.ok += 1,
            Status::Skip => self.skip += 1,
            Status::Error => self.error += 1,
        }
    }
}

/// Where scores come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreMode {
    /// Made up from hashes, to try the machinery.
    Mock,
    /// Given with the run.
    External,
}

impl ScoreMode {
    /// As published: `mock`, `external_scores`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mock => "mock",
            Self::External => "external_scores",
        }
    }
}

/// Modes of the operators, as published.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhysicsSettings {
    /// `topological`, `hamiltonian` or `both`.
    pub physics_mode: String,
    /// `unweighted`, `bond_order` or `bond_order_delta_chi`.
    pub edge_weight_mode: String,
    /// `static`, `self_consistent` or `both`.
    pub potential_mode: String,
    /// Scale of the potential.
    pub potential_scale_gamma: f64,
    /// Always `dimensionless`.
    pub potential_unit_model: String,
    /// Inverse temperature of the entropies.
    pub physics_entropy_beta: f64,
}

/// Slack and verdicts of OK rows; numbers are published values.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct SlackStatistics {
    /// OK rows.
    pub rows_ok: u64,
    /// Of these, rows with a slack.
    pub rows_ok_with_slack: u64,
    /// Of these, rows with the verdict PASS or FAIL.
    pub rows_ok_with_verdict: u64,
    /// Rows with the verdict PASS.
    pub rows_pass: u64,
    /// Rows with the verdict FAIL.
    pub rows_fail: u64,
    /// Mean slack.
    pub mean_slack_ok: Option<f64>,
    /// Median slack.
    pub median_slack_ok: Option<f64>,
    /// First quartile.
    pub p25_slack_ok: Option<f64>,
    /// Third quartile.
    pub p75_slack_ok: Option<f64>,
    /// PASS over PASS and FAIL.
    pub pass_rate_ok: Option<f64>,
}

/// Pairs of one hardness bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BinSummary {
    /// (molecule, decoy) pairs.
    pub pairs_total: u64,
    /// Of these, pairs with a score on both sides.
    pub pairs_scored: u64,
    /// Tie-aware AUC over the scored pairs.
    pub auc: Option<f64>,
}

/// What the AUC by hardness means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AucInterpretation {
    /// The decoys were too easy for the AUC to say anything.
    InconclusiveDecoysTooEasy,
    /// Nothing is left of the signal against hard decoys.
    IllusionConfirmed,
    /// The signal holds against hard decoys.
    SuccessSignalOnHard,
}

impl AucInterpretation {
    /// As published.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InconclusiveDecoysTooEasy => "INCONCLUSIVE_DECOYS_TOO_EASY",
            Self::IllusionConfirmed => "ILLUSION_CONFIRMED",
            Self::SuccessSignalOnHard => "SUCCESS_SIGNAL_ON_HARD",
        }
    }
}

/// Pairs and AUC by hardness, and what they mean.
#[derive(Debug, Clone, PartialEq)]
pub struct HardnessSummary {
    /// Tanimoto below 0.50.
    pub easy: BinSummary,
    /// From 0.50 to below 0.70.
    pub medium: BinSummary,
    /// 0.70 and above.
    pub hard: BinSummary,
    /// Without a similarity.
    pub unknown: BinSummary,
    /// Median Tanimoto similarity of all pairs.
    pub tanimoto_median: Option<f64>,
    /// Hard pairs that an interpretation needs.
    pub hard_pairs_min_n: u64,
    /// What the bins mean.
    pub interpretation: AucInterpretation,
    /// Why, as published.
    pub interpretation_reason: String,
}

impl HardnessSummary {
    /// The pairs of `bin`.
    #[must_use]
    pub const fn bin(&self, bin: HardnessBin) -> &BinSummary {
        match bin {
            HardnessBin::Easy => &self.easy,
            HardnessBin::Medium => &self.medium,
            HardnessBin::Hard => &self.hard,
            HardnessBin::Unknown => &self.unknown,
        }
    }

    /// Pairs of all bins.
    #[must_use]
    pub const fn pairs_total(&self) -> u64 {
        self.easy.pairs_total
            + self.medium.pairs_total
            + self.hard.pairs_total
            + self.unknown.pairs_total
    }
}

/// Coverage of external scores.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ScoresCoverage {
    /// Decoys of all rows.
    pub decoys_total: u64,
    /// Of these, decoys with a score.
    pub decoys_scored: u64,
    /// Of these, decoys without.
    pub decoys_missing: u64,
    /// The missing decoys of most rows, most affected first.
    pub missing_decoy_hashes_top10: Vec<MissingDecoy>,
    /// Rows of the input.
    pub rows_total: u64,
    /// Rows with a scores input.
    pub rows_with_scores_input: u64,
    /// Rows without.
    pub rows_missing_scores_input: u64,
    /// Rows with a decoy that lacks a score.
    pub rows_with_missing_decoys: u64,
    /// Distinct decoys without a score.
    pub unique_missing_decoy_hashes: u64,
}

/// Density of states of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct DosSummary {
    /// Width of the Gaussian.
    pub eta: f64,
    /// Points in order of energy.
    pub points: Vec<DosPoint>,
}

/// Counts of values in equal bins; values beyond the ends count in the end bins.
///
/// ```
/// use hetero2_evidence::pack::report::Histogram;
/// let mut histogram = Histogram::new(0.0, 1.0, 4);
/// [0.1, 0.3, 1.0, 7.0].into_iter().for_each(|x| histogram.add(x));
/// assert_eq!(histogram.counts(), [1, 1, 0, 2]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    low: f64,
    high: f64,
    counts: Vec<u64>,
}

impl Histogram {
    /// An empty histogram of `bins` (at least 1) between `low` and `high`.
    #[must_use]
    pub fn new(low: f64, high: f64, bins: usize) -> Self {
        Self { low, high, counts: vec![0; bins.max(1)] }
    }

    /// Counts `value`; what is not a number is not counted.
    pub fn add(&mut self, value: f64) {
        self.add_many(value, 1);
    }

    /// Counts `value` so many times.
    pub fn add_many(&mut self, value: f64, count: u64) {
        if value.is_nan() {
            return;
        }
        let bins = self.counts.len();
        let position = (value - self.low) / (self.high - self.low) * bins as f64;
        // A float beyond the range of usize saturates.
        self.counts[(position as usize).min(bins - 1)] += count;
    }

    /// Adds the counts of `other`, which has the same bins.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// Counts by bin, ascending.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Values counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Ends of bin `i`.
    #[must_use]
    pub fn bounds(&self, i: usize) -> (f64, f64) {
        let width = (self.high - self.low) / self.counts.len() as f64;
        (self.low + width * i as f64, self.low + width * (i + 1) as f64)
    }
}

/// What a report shows of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowExcerpt {
    /// Row of the input, from 0.
    pub row: u64,
    /// Identifier as read.
    pub id: String,
    /// SMILES as read.
    pub smiles: String,
    /// How the row ended.
    pub status: Status,
    /// Why, for SKIP and ERROR.
    pub reason: Option<String>,
    /// PASS, FAIL or SKIP.
    pub verdict: Option<Verdict>,
    /// AUC minus gate.
    pub slack: Option<f64>,
    /// Tie-aware AUC.
    pub auc: Option<f64>,
    /// Gate that the AUC had to reach.
    pub gate: Option<f64>,
    /// Probability of such an AUC under random labels.
    pub p_value: Option<f64>,
    /// Decoys with a score.
    pub n_decoys_scored: Option<u32>,
}

impl From<&MoleculeRow> for RowExcerpt {
    fn from(row: &MoleculeRow) -> Self {
        let audit = row.audit.as_ref();
        Self {
            row: row.row,
            id: text::shorten(&row.id),
            smiles: text::shorten(&row.smiles),
            status: row.status,
            reason: row.reason.as_deref().map(text::shorten),
            verdict: audit.map(|a| a.verdict),
            slack: audit.and_then(|a| a.slack),
            auc: audit.and_then(|a| a.auc),
            gate: audit.and_then(|a| a.gate),
            p_value: audit.and_then(|a| a.p_value),
            n_decoys_scored: row.n_decoys_scored,
        }
    }
}
