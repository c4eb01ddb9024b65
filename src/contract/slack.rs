//! Slack and verdicts over a whole run: `audit_slack_stats.v1`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Identifier of the statistics' definition.
pub const SLACK_STATS_SCHEMA: &str = "audit_slack_stats.v1";

/// Slack and verdicts of OK rows; numbers are published values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlackStatistics {
    /// Version of this part.
    #[schemars(extend("const" = "audit_slack_stats.v1"))]
    pub schema_version: String,
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
    /// PASS over PASS and FAIL, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pass_rate_ok: Option<f64>,
}

impl Default for SlackStatistics {
    /// Of no rows.
    fn default() -> Self {
        Self {
            schema_version: SLACK_STATS_SCHEMA.into(),
            rows_ok: 0,
            rows_ok_with_slack: 0,
            rows_ok_with_verdict: 0,
            rows_pass: 0,
            rows_fail: 0,
            mean_slack_ok: None,
            median_slack_ok: None,
            p25_slack_ok: None,
            p75_slack_ok: None,
            pass_rate_ok: None,
        }
    }
}

impl SlackStatistics {
    /// The same rows with every fraction rounded by `round`.
    #[must_use]
    pub fn rounded(self, round: fn(f64) -> f64) -> Self {
        Self {
            mean_slack_ok: self.mean_slack_ok.map(round),
            median_slack_ok: self.median_slack_ok.map(round),
            p25_slack_ok: self.p25_slack_ok.map(round),
            p75_slack_ok: self.p75_slack_ok.map(round),
            pass_rate_ok: self.pass_rate_ok.map(round),
            ..self
        }
    }
}
