//! Whether a pack may be used for what it is wanted for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::verdict::EvidenceVerdict;
use crate::name::words;

/// What a pack is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AcceptPolicy {
    /// The published criteria on counts and coverage alone: it says nothing of
    /// the score.
    Complete,
    /// Complete, and not refuted.
    Screen,
    /// Complete, and supported by outcomes.
    Model,
}

words!(AcceptPolicy, "policy", "complete, screen or model", {
    Complete => "complete",
    Screen => "screen",
    Model => "model",
});

/// Why a pack may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Counts or coverage do not meet the published criteria.
    NotComplete,
    /// The scores are stand-ins.
    StandInScores,
    /// No row was audited.
    NothingAudited,
    /// Originals without a score were given one.
    DefaultedOriginals,
    /// The verdict is below what the policy asks for.
    Evidence,
    /// Scores that say nothing pass as well.
    PolicyNotSpecific,
    /// The pack holds no evidence.
    NoEvidence,
}

words!(StopReason, "reason", "the reason of a STOP", {
    NotComplete => "not_complete",
    StandInScores => "stand_in_scores",
    NothingAudited => "nothing_audited",
    DefaultedOriginals => "defaulted_originals",
    Evidence => "evidence",
    PolicyNotSpecific => "policy_not_specific",
    NoEvidence => "no_evidence",
});

/// How often scores that say nothing pass the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Specificity {
    /// Permutations of the pack's own scores that were audited.
    pub permutations: u32,
    /// Of these, how many pass.
    pub passed: u32,
    /// How many may by chance.
    pub allowed: u32,
    /// What a constant comes to.
    pub constant: EvidenceVerdict,
    /// Units that were audited again.
    pub units: u64,
}
