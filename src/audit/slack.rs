//! Slack over a whole run: `audit_slack_stats.v1`.

use hetero2_contract::Verdict;
use serde::Serialize;

use super::exact_sum::ExactSum;
use super::histogram::ValueHistogram;

/// Identifier of the statistics' definition.
pub const SLACK_STATS_SCHEMA: &str = "audit_slack_stats.v1";

/// Mergeable statistics over the `OK` rows of a run; the same in any order and
/// partition. Memory as [`ValueHistogram`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlackStats {
    rows_ok: u64,
    rows_with_verdict: u64,
    rows_passed: u64,
    sum: ExactSum,
    values: ValueHistogram,
}

impl SlackStats {
    /// Counts one `OK` row: its verdict, if it has one, and its slack, if defined.
    pub fn add(&mut self, verdict: Option<Verdict>, slack: Option<f64>) {
        self.rows_ok += 1;
        self.rows_with_verdict += u64::from(verdict.is_some());
        self.rows_passed += u64::from(verdict == Some(Verdict::Pass));
        if let Some(slack) = slack {
            self.sum.add(slack);
            self.values.add(slack);
        }
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.rows_ok += other.rows_ok;
        self.rows_with_verdict += other.rows_with_verdict;
        self.rows_passed += other.rows_passed;
        self.sum.merge(&other.sum);
        self.values.merge(&other.values);
    }

    /// Rows with the verdict `PASS`.
    #[must_use]
    pub fn rows_passed(&self) -> u64 {
        self.rows_passed
    }

    /// Distinct slacks with their counts, ascending.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> + '_ {
        self.values.iter()
    }

    /// The `audit_slack_stats_ok` section of `metrics.json`, not rounded.
    #[must_use]
    pub fn report(&self) -> SlackReport {
        SlackReport {
            schema_version: SLACK_STATS_SCHEMA,
            rows_ok: self.rows_ok,
            rows_ok_with_slack: self.values.total(),
            rows_ok_with_verdict: self.rows_with_verdict,
            pass_rate_ok: (self.rows_with_verdict > 0)
                .then(|| self.rows_passed as f64 / self.rows_with_verdict as f64),
            mean_slack_ok: self.sum.mean(),
            p25_slack_ok: self.values.nearest_rank(0.25),
            median_slack_ok: self.values.median(),
            p75_slack_ok: self.values.nearest_rank(0.75),
        }
    }
}

/// The `audit_slack_stats_ok` section of `metrics.json`; undefined is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlackReport {
    /// [`SLACK_STATS_SCHEMA`].
    pub schema_version: &'static str,
    /// `OK` rows.
    pub rows_ok: u64,
    /// `OK` rows with a slack.
    pub rows_ok_with_slack: u64,
    /// `OK` rows with a verdict, `SKIP` included.
    pub rows_ok_with_verdict: u64,
    /// Share of `PASS` among rows with a verdict.
    pub pass_rate_ok: Option<f64>,
    /// Mean slack, rounded once.
    pub mean_slack_ok: Option<f64>,
    /// Lower quartile, nearest rank.
    pub p25_slack_ok: Option<f64>,
    /// Median, the mean of the middle two where their number is even.
    pub median_slack_ok: Option<f64>,
    /// Upper quartile, nearest rank.
    pub p75_slack_ok: Option<f64>,
}
