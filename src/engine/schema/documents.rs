//! Documents that no one type writes: what every reader may rely on in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::run::RunConfig;

/// `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Version of this layout.
    pub schema_version: String,
    /// Rows of the library.
    pub rows_total: u64,
    /// Rows by status.
    pub counts: Counts,
    /// Reasons of SKIP and ERROR rows with their counts, most frequent first.
    pub top_reasons: Vec<(String, u64)>,
    /// The full configuration as it was used.
    pub config: RunConfig,
    /// Slack and verdicts of OK rows.
    pub audit_slack_stats_ok: SlackStatistics,
    /// Pairs and AUC by hardness, and what they mean.
    pub decoy_realism: DecoyRealism,
    /// What chance explains of the passes.
    pub significance: Significance,
    /// Coverage of external scores; absent with mock scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores_coverage: Option<ScoresCoverage>,
}

/// What chance explains of a run's passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Significance {
    /// Level of significance.
    pub level: f64,
    /// OK rows with a p-value.
    pub rows_tested: u64,
    /// Of these, rows that no score could make significant.
    pub rows_without_power: u64,
    /// Of these, rows whose p-value is at most the level.
    pub rows_p_significant: u64,
    /// Of these, rows whose false-discovery rate is at most the level.
    pub rows_q_significant: u64,
    /// Passes of all audited rows; none where no row was audited.
    pub passes: Option<Passes>,
    /// The same against only the decoys of each hardness bin.
    pub passes_by_bin: BTreeMap<String, Option<Passes>>,
}

/// Passes observed, and passes expected under random scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Passes {
    /// Audited rows.
    pub rows: u64,
    /// Rows that passed.
    pub observed_passes: u64,
    /// Mean number of passes under random labels.
    pub expected_passes_by_chance: f64,
    /// 2.5 % quantile of the number of passes under random labels.
    pub chance_low: u64,
    /// 97.5 % quantile.
    pub chance_high: u64,
    /// Probability of at least as many passes under random labels.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub p_value: f64,
    /// Share of rows that passed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pass_rate: f64,
    /// Lower end of its 95 % interval.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pass_rate_low: f64,
    /// Upper end.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub pass_rate_high: f64,
}

/// Rows by status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Counts {
    /// Computed rows.
    pub ok: u64,
    /// Rows outside what the run audits.
    pub skip: u64,
    /// Rows that could not be computed.
    pub error: u64,
}

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

/// What the AUC by hardness of the decoys means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interpretation {
    /// The verdict on the run.
    pub auc_interpretation: AucInterpretation,
    /// Its reason.
    pub auc_interpretation_reason: String,
    /// Version of the rule.
    pub auc_interpretation_schema: String,
    /// Tie-aware AUC by hardness bin.
    pub auc_tie_aware_by_bin: BTreeMap<String, Option<f64>>,
    /// Pairs with scores on both sides by hardness bin.
    pub pairs_scored_by_bin: BTreeMap<String, u64>,
    /// Pairs by hardness bin.
    pub pairs_total_by_bin: BTreeMap<String, u64>,
    /// Median Tanimoto similarity of decoys and originals.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tanimoto_median: Option<f64>,
}

/// Verdict on a run by hardness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AucInterpretation {
    /// The decoys were too easy for the AUC to say anything.
    InconclusiveDecoysTooEasy,
    /// Nothing is left of the signal against hard decoys.
    IllusionConfirmed,
    /// The signal holds against hard decoys.
    SuccessSignalOnHard,
}

/// `decoy_realism` of the metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecoyRealism {
    /// The interpretation.
    #[serde(flatten)]
    pub interpretation: Interpretation,
    /// Hard pairs without which nothing is concluded.
    pub hard_pairs_min_n: u64,
    /// Limits of the hardness bins in Tanimoto similarity.
    pub tanimoto_bins: BTreeMap<String, f64>,
}

/// Coverage of external scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// A decoy that lacks a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MissingDecoy {
    /// SHA-256 of the canonical SMILES, hexadecimal.
    pub decoy_hash: String,
    /// Canonical SMILES.
    pub decoy_smiles: String,
    /// Rows that have this decoy.
    pub count_rows_affected: u64,
}

/// `summary_metadata.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SummaryMetadata {
    /// Version of this layout.
    pub schema_version: String,
    /// The interpretation.
    #[serde(flatten)]
    pub interpretation: Interpretation,
    /// `topological`, `hamiltonian` or `both`.
    pub physics_mode: String,
    /// `unweighted`, `bond_order` or `bond_order_delta_chi`.
    pub edge_weight_mode: String,
    /// `static`, `self_consistent` or `both`.
    pub potential_mode: String,
    /// Scale of the potential, dimensionless.
    pub potential_scale_gamma: f64,
    /// Always `dimensionless`.
    pub potential_unit_model: String,
    /// Inverse temperature of the entropies.
    pub physics_entropy_beta: f64,
    /// Version of the density of states; it and its grid are absent where no
    /// row is OK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_ldos_schema: Option<String>,
    /// Width of the Gaussian of the density of states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_eta: Option<f64>,
    /// Points of its energy grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_grid_n: Option<u64>,
    /// First energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_energy_min: Option<f64>,
    /// Last energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dos_energy_max: Option<f64>,
}

/// A JSON file of scores, as it is accepted; `docs/contracts/audit.md` says what
/// the defaults are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scores {
    /// Version of this layout.
    pub schema_version: String,
    /// Name of the scoring model.
    #[serde(default)]
    pub score_key: Option<String>,
    /// The score of the originals.
    #[serde(default)]
    pub original: Option<Score>,
    /// Scores by the SHA-256 of the decoy's canonical SMILES, hexadecimal.
    #[serde(default)]
    pub decoys: BTreeMap<String, Score>,
}

/// A score and its weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// The model's score, higher is better.
    #[serde(default)]
    pub score: Option<f64>,
    /// Its weight in the AUC.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight: Option<f64>,
}
