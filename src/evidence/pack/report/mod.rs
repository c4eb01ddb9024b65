//! The report of a pack: the aggregates it is made of, and what is written from
//! them. Knows counts, bins and excerpts of rows; its size does not grow with
//! the number of rows.

mod chance;
mod comparison;
mod conclusion;
mod gallery;
mod html;
mod html_budget;
mod html_evidence;
mod html_sections;
mod markdown;
mod outcomes;
mod svg;
mod text;

pub use comparison::{caution as comparison_caution, comparison_html};
pub use conclusion::{Conclusion, PASS_MEANS, conclusion};
pub use gallery::{DRAWING_BYTES, DRAWN_DECOYS, DRAWN_ROWS, DrawnDecoy, DrawnRow, Gallery};
pub use html::index_html;
pub use markdown::{hardness_md, index_md};
pub use outcomes::{Interval, MethodLine, OutcomeSummary, RankingLine};
pub use text::{grouped, shorten};

use super::csv::DosPoint;
use super::manifest::{Input, Tool};
use hetero2_audit::evidence::RocCurve;
use hetero2_contract::evidence::CostLiftV2;
use hetero2_contract::hardness::Interpretation;
use hetero2_contract::rows::MoleculeRow;
use hetero2_contract::{Metrics, ScoreMode, Status, SummaryMetadata, Verdict};

/// Rows that a table of a report may have.
pub const TABLE_ROWS: usize = 50;

/// Everything that the metrics and the report are made of. Must not depend on
/// when, where or how fast the run was.
#[derive(Debug, Clone)]
pub struct PackSummary {
    /// `metrics.json`; its reasons are in the order in which they are shown.
    pub metrics: Metrics,
    /// `summary_metadata.json`.
    pub metadata: SummaryMetadata,
    /// Where scores come from.
    pub scores: ScoreMode,
    /// Name of the scoring model, where the scores give one.
    pub model: Option<String>,
    /// File name of the library.
    pub library: String,
    /// How the run stands to known outcomes.
    pub outcomes: Option<OutcomeSummary>,
    /// What a budget buys, where the pack concludes that.
    pub budget: Option<CostLiftV2>,
    /// ROC curves of the model and of each control on known outcomes.
    pub roc: Vec<RocCurve>,
    /// Originals that are audited, where only the best are.
    pub audit_top: Option<u32>,
    /// What the pack concludes, if its scores are a model's.
    pub concludes: Concludes,
    /// Density of states of the run, in order of energy.
    pub dos: Option<Vec<DosPoint>>,
    /// Slack of OK rows.
    pub slack_histogram: Histogram,
    /// AUC of OK rows.
    pub auc_histogram: Histogram,
    /// Molecules expected in each bin of `auc_histogram` under random labels.
    pub null_auc: Vec<f64>,
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
}

/// What a pack concludes of a model's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concludes {
    /// What published packs do.
    AsPublished,
    /// A verdict, which stand-in scores do not get.
    Verdict,
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

impl PackSummary {
    /// Pairs and AUC by hardness, and what they mean.
    fn interpretation(&self) -> &Interpretation {
        &self.metrics.decoy_realism.interpretation
    }
}

impl From<&MoleculeRow> for RowExcerpt {
    fn from(row: &MoleculeRow) -> Self {
        let audit = row.audit.as_ref();
        Self {
            row: row.row,
            id: text::shorten(&row.id),
            smiles: text::shorten(&row.smiles),
            status: row.status,
            reason: row.reason.as_ref().map(|reason| text::shorten(&reason.to_string())),
            verdict: audit.map(|a| a.verdict),
            slack: audit.and_then(|a| a.slack),
            auc: audit.and_then(|a| a.auc),
            gate: audit.and_then(|a| a.gate),
            p_value: audit.and_then(|a| a.p_value),
            n_decoys_scored: row.n_decoys_scored,
        }
    }
}
