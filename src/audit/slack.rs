//! Slack over a whole run: `audit_slack_stats.v1`.

use hetero2_contract::Verdict;
use hetero2_contract::slack::{SLACK_STATS_SCHEMA, SlackStatistics};

use super::exact_sum::ExactSum;
use super::histogram::ValueHistogram;

/// Mergeable statistics over the `OK` rows of a run; the same in any order and
/// partition. Memory as [`ValueHistogram`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlackStats {
    rows_ok: u64,
    rows_with_verdict: u64,
    rows_passed: u64,
    rows_failed: u64,
    sum: ExactSum,
    values: ValueHistogram,
}

impl SlackStats {
    /// Counts one `OK` row: its verdict, if it has one, and its slack, if defined.
    pub fn add(&mut self, verdict: Option<Verdict>, slack: Option<f64>) {
        self.rows_ok += 1;
        self.rows_with_verdict += u64::from(verdict.is_some());
        self.rows_passed += u64::from(verdict == Some(Verdict::Pass));
        self.rows_failed += u64::from(verdict == Some(Verdict::Fail));
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
        self.rows_failed += other.rows_failed;
        self.sum.merge(&other.sum);
        self.values.merge(&other.values);
    }

    /// Distinct slacks with their counts, ascending.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> + '_ {
        self.values.iter()
    }

    /// The `audit_slack_stats_ok` section of `metrics.json`, not rounded.
    #[must_use]
    pub fn report(&self) -> SlackStatistics {
        SlackStatistics {
            schema_version: SLACK_STATS_SCHEMA.into(),
            rows_ok: self.rows_ok,
            rows_ok_with_slack: self.values.total(),
            rows_ok_with_verdict: self.rows_with_verdict,
            rows_pass: self.rows_passed,
            rows_fail: self.rows_failed,
            pass_rate_ok: (self.rows_with_verdict > 0)
                .then(|| self.rows_passed as f64 / self.rows_with_verdict as f64),
            mean_slack_ok: self.sum.mean(),
            p25_slack_ok: self.values.nearest_rank(0.25),
            median_slack_ok: self.values.median(),
            p75_slack_ok: self.values.nearest_rank(0.75),
        }
    }
}
