//! How similar decoys are to their originals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::words;

/// Tanimoto similarity below which a decoy is easy.
pub const EASY_BELOW: f64 = 0.50;
/// Tanimoto similarity below which a decoy is at most medium.
pub const MEDIUM_BELOW: f64 = 0.70;

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
