//! `metrics.json`: what a run says of all its rows together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evidence::Evidence;
use crate::hardness::DecoyRealism;
use crate::reason::CountedReason;
use crate::scores::ScoresCoverage;
use crate::significance::RunSignificance;
use crate::slack::SlackStatistics;
use crate::verdict::StatusCounts;

/// Version of the layout of `metrics.json`.
pub const METRICS_SCHEMA: &str = "hetero2_metrics.v1";

/// `metrics.json`.
///
/// The configuration is a type of the engine: who does not know it has it as a
/// JSON value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Metrics", description = "`metrics.json`.")]
pub struct Metrics<Config = Value> {
    /// Version of this layout.
    pub schema_version: String,
    /// Rows of the library.
    pub rows_total: u64,
    /// Rows by status.
    pub counts: StatusCounts,
    /// Reasons of SKIP and ERROR rows with their counts, most frequent first.
    #[schemars(with = "Vec<(String, u64)>")]
    pub top_reasons: Vec<(CountedReason, u64)>,
    /// Rows of which fragments were left out, where a run does so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_with_fragments_left_out: Option<u64>,
    /// The full configuration as it was used.
    pub config: Config,
    /// Slack and verdicts of OK rows.
    pub audit_slack_stats_ok: SlackStatistics,
    /// Pairs and AUC by hardness, and what they mean.
    pub decoy_realism: DecoyRealism,
    /// What chance explains of the passes.
    pub significance: RunSignificance,
    /// Coverage of external scores; absent with mock scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores_coverage: Option<ScoresCoverage>,
    /// What the run concludes of its scores; absent with mock scores and in
    /// packs of the published kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}
