//! Where scores come from, the file they come in, and how many decoys they
//! cover.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::DecoyHash;
use crate::name::words;

/// Where scores come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMode {
    /// Stand-in scores derived from the decoys' hashes: they exercise the
    /// audit and say nothing of any model.
    Mock,
    /// Scores of a model, from a `hetero_scores.v1` file.
    ExternalScores,
}

words!(ScoreMode, "score mode", "mock or external_scores", {
    Mock => "mock",
    ExternalScores => "external_scores",
});

/// Coverage of external scores.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Rows that were not audited because their original has no score; absent
    /// where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_missing_original_score: u64,
    /// Rows whose original has no score and counts as a default; absent where
    /// there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_original_score_defaulted: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A decoy that lacks a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MissingDecoy {
    /// SHA-256 of the canonical SMILES, hexadecimal.
    #[schemars(with = "String")]
    pub decoy_hash: DecoyHash,
    /// Canonical SMILES.
    pub decoy_smiles: String,
    /// Rows that have this decoy.
    pub count_rows_affected: u64,
}

/// A JSON file of scores, as it is accepted; `docs/contracts/audit.md` says what
/// the defaults are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Scores")]
pub struct ScoresDocument {
    /// Version of this layout.
    pub schema_version: String,
    /// Name of the scoring model.
    #[serde(default)]
    pub score_key: Option<String>,
    /// The score of the originals.
    #[serde(default)]
    pub original: Option<ScoreEntry>,
    /// Scores by the SHA-256 of the decoy's canonical SMILES, hexadecimal.
    #[serde(default)]
    pub decoys: BTreeMap<String, ScoreEntry>,
}

/// A score and its weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Score")]
pub struct ScoreEntry {
    /// The model's score, higher is better.
    #[serde(default)]
    pub score: Option<f64>,
    /// Its weight in the AUC.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight: Option<f64>,
}
