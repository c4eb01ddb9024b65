//! How similar decoys are to their originals, how scores do by similarity, and
//! what that means: `auc_interpretation.v1`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::words;

/// Tanimoto similarity below which a decoy is easy.
pub const EASY_BELOW: f64 = 0.50;
/// Tanimoto similarity below which a decoy is at most medium.
pub const MEDIUM_BELOW: f64 = 0.70;
/// Identifier of the interpretation's definition.
pub const INTERPRETATION_SCHEMA: &str = "auc_interpretation.v1";

/// Similarity class of a decoy.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HardnessBin {
    /// Tanimoto similarity below 0.50.
    Easy,
    /// From 0.50 to below 0.70.
    Medium,
    /// From 0.70.
    Hard,
    /// Similarity could not be computed.
    Unknown,
}

words!(HardnessBin, "hardness bin", "easy, medium, hard or unknown", {
    Easy => "easy",
    Medium => "medium",
    Hard => "hard",
    Unknown => "unknown",
});

impl HardnessBin {
    /// The bin of a Tanimoto similarity (Morgan radius 2, 2,048 bits).
    #[must_use]
    pub fn of(tanimoto: Option<f64>) -> Self {
        match tanimoto {
            Some(t) if t < EASY_BELOW => Self::Easy,
            Some(t) if t < MEDIUM_BELOW => Self::Medium,
            Some(t) if t.is_finite() => Self::Hard,
            _ => Self::Unknown,
        }
    }
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

words!(
    AucInterpretation,
    "interpretation",
    "INCONCLUSIVE_DECOYS_TOO_EASY, ILLUSION_CONFIRMED or SUCCESS_SIGNAL_ON_HARD",
    {
        InconclusiveDecoysTooEasy => "INCONCLUSIVE_DECOYS_TOO_EASY",
        IllusionConfirmed => "ILLUSION_CONFIRMED",
        SuccessSignalOnHard => "SUCCESS_SIGNAL_ON_HARD",
    }
);

/// Why a run has its [`AucInterpretation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InterpretationReason {
    /// There is no median Tanimoto similarity: no pairs.
    MedianTanimotoNan,
    /// The median Tanimoto similarity is below 0.55.
    DecoysTooEasy,
    /// Fewer than 50 hard pairs.
    #[serde(rename = "hard_bin_insufficient_pairs<50")]
    HardBinInsufficientPairs,
    /// No hard pair is scored.
    AucHardNan,
    /// Easy AUC above 0.70, hard AUC at most 0.55.
    AucEasyHighButAucHardLow,
    /// Hard AUC at most 0.55.
    AucHardLow,
    /// Hard AUC above 0.55.
    AucHardSignal,
}

words!(InterpretationReason, "reason of an interpretation", "those of auc_interpretation.v1", {
    MedianTanimotoNan => "median_tanimoto_nan",
    DecoysTooEasy => "decoys_too_easy",
    HardBinInsufficientPairs => "hard_bin_insufficient_pairs<50",
    AucHardNan => "auc_hard_nan",
    AucEasyHighButAucHardLow => "auc_easy_high_but_auc_hard_low",
    AucHardLow => "auc_hard_low",
    AucHardSignal => "auc_hard_signal",
});

/// What the AUC by hardness of the decoys means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interpretation {
    /// The verdict on the run.
    pub auc_interpretation: AucInterpretation,
    /// Its reason.
    #[schemars(with = "String")]
    pub auc_interpretation_reason: InterpretationReason,
    /// Version of the rule.
    pub auc_interpretation_schema: String,
    /// Tie-aware AUC by hardness bin.
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub auc_tie_aware_by_bin: BTreeMap<HardnessBin, Option<f64>>,
    /// Pairs with scores on both sides by hardness bin.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub pairs_scored_by_bin: BTreeMap<HardnessBin, u64>,
    /// Pairs by hardness bin.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub pairs_total_by_bin: BTreeMap<HardnessBin, u64>,
    /// Median Tanimoto similarity of decoys and originals.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tanimoto_median: Option<f64>,
}

impl Interpretation {
    /// Pairs of a bin; 0 where it is not mentioned.
    #[must_use]
    pub fn pairs_total(&self, bin: HardnessBin) -> u64 {
        self.pairs_total_by_bin.get(&bin).copied().unwrap_or_default()
    }

    /// Pairs of a bin with scores on both sides; 0 where it is not mentioned.
    #[must_use]
    pub fn pairs_scored(&self, bin: HardnessBin) -> u64 {
        self.pairs_scored_by_bin.get(&bin).copied().unwrap_or_default()
    }

    /// AUC of a bin, where it is defined.
    #[must_use]
    pub fn auc(&self, bin: HardnessBin) -> Option<f64> {
        self.auc_tie_aware_by_bin.get(&bin).copied().flatten()
    }

    /// The same pairs with every fraction rounded by `round`.
    #[must_use]
    pub fn rounded(mut self, round: fn(f64) -> f64) -> Self {
        self.tanimoto_median = self.tanimoto_median.map(round);
        for auc in self.auc_tie_aware_by_bin.values_mut() {
            *auc = auc.map(round);
        }
        self
    }
}

/// Upper limits of the similarity bins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TanimotoBins {
    /// [`EASY_BELOW`].
    pub easy_max_exclusive: f64,
    /// [`MEDIUM_BELOW`].
    pub medium_max_exclusive: f64,
}

impl Default for TanimotoBins {
    fn default() -> Self {
        Self { easy_max_exclusive: EASY_BELOW, medium_max_exclusive: MEDIUM_BELOW }
    }
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
    #[schemars(with = "BTreeMap<String, f64>")]
    pub tanimoto_bins: TanimotoBins,
}
