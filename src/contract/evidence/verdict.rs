//! What may be concluded of a score, and the reasons, as published.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::ControlName;
use crate::name::{UnknownName, words};

/// What may be concluded of a score. Ordered from the least to the most that
/// can be said for it; without outcomes nothing is above
/// [`NotRefuted`](Self::NotRefuted).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EvidenceVerdict {
    /// No unit has a scored original and a scored decoy.
    NothingAudited,
    /// The score did no better than chance where a moderate signal would have
    /// shown, or outcomes contradict it.
    Refuted,
    /// Chance is not excluded, and could not have been; or outcomes are too few.
    Inconclusive,
    /// Outcomes are given, and do not support the score beyond the controls.
    NotSupported,
    /// Better than chance against the decoys; no outcomes.
    NotRefuted,
    /// Outcomes support the score beyond every control.
    Supported,
}

words!(EvidenceVerdict, "verdict", "one of the evidence verdicts", {
    NothingAudited => "NOTHING_AUDITED",
    Refuted => "REFUTED",
    Inconclusive => "INCONCLUSIVE",
    NotSupported => "NOT_SUPPORTED",
    NotRefuted => "NOT_REFUTED",
    Supported => "SUPPORTED",
});

/// Why a verdict is what it is; published as one text each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub enum EvidenceReason {
    /// No molecule was audited: there are no rows that could be.
    NoUnits,
    /// No original has a score.
    NoScoredOriginal,
    /// No decoy of a scored original has a score.
    NoScoredDecoy,
    /// The audit excludes a moderate signal, not chance.
    NoBetterThanChance,
    /// The AUC against decoys is above 0.5, but not beyond what scores reach that
    /// weigh atom environments at random.
    NoBetterThanRandomWeights,
    /// Outcomes put the AUC below 0.5.
    ContradictsOutcomes,
    /// The model's AUC on outcomes is not above this control's; without
    /// outcomes, that against the decoys is not.
    NoBetterThanControl(ControlName),
    /// Actives do not win against their decoys more often than inactives.
    NoContrast,
    /// Too few labelled molecules are left that do not stand in the training
    /// file.
    Leakage,
    /// About so many independent molecules would be needed.
    NeedsUnits(u64),
    /// There are too few clusters for any interval.
    NeedsClusters,
    /// So many more labelled actives and inactives would be needed.
    NeedsOutcomes,
    /// Controls would be needed to compare with.
    NeedsControls,
    /// Outcomes would be needed to say more.
    NoOutcomes,
    /// Contrast and differences to every control are above zero.
    ContrastAndDifferences,
}

impl std::fmt::Display for EvidenceReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoBetterThanControl(control) => write!(f, "{NO_BETTER}{control}"),
            Self::NeedsUnits(units) => write!(f, "{NEEDS_UNITS}{units}"),
            plain => f.write_str(PLAIN.iter().find(|(r, _)| r == plain).map_or("", |(_, t)| t)),
        }
    }
}

const NO_BETTER: &str = "no_better_than_control:";
const NEEDS_UNITS: &str = "needs_units:";
const PLAIN: [(EvidenceReason, &str); 13] = [
    (EvidenceReason::NoUnits, "no_units"),
    (EvidenceReason::NoScoredOriginal, "no_scored_original"),
    (EvidenceReason::NoScoredDecoy, "no_scored_decoy"),
    (EvidenceReason::NoBetterThanChance, "no_better_than_chance"),
    (EvidenceReason::NoBetterThanRandomWeights, "no_better_than_random_weights"),
    (EvidenceReason::ContradictsOutcomes, "contradicts_outcomes"),
    (EvidenceReason::NoContrast, "no_contrast"),
    (EvidenceReason::Leakage, "leakage"),
    (EvidenceReason::NeedsClusters, "needs_clusters"),
    (EvidenceReason::NeedsOutcomes, "needs_outcomes"),
    (EvidenceReason::NeedsControls, "needs_controls"),
    (EvidenceReason::NoOutcomes, "no_outcomes"),
    (EvidenceReason::ContrastAndDifferences, "contrast_and_differences"),
];

impl From<EvidenceReason> for String {
    fn from(reason: EvidenceReason) -> Self {
        reason.to_string()
    }
}

impl TryFrom<String> for EvidenceReason {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        let control = text.strip_prefix(NO_BETTER).and_then(|name| name.parse().ok());
        let units = text.strip_prefix(NEEDS_UNITS).and_then(|n| n.parse().ok());
        let plain = PLAIN.iter().find(|(_, name)| *name == text).map(|(reason, _)| *reason);
        control
            .map(Self::NoBetterThanControl)
            .or(units.map(Self::NeedsUnits))
            .or(plain)
            .ok_or_else(|| UnknownName::new("reason", &text, "the reason of a verdict"))
    }
}

/// What limits the evidence; published as one text each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "warning", content = "value")]
pub enum EvidenceWarning {
    /// So many units have rows whose scores disagree; the first row's counts.
    ScoresDisagree(u64),
    /// So many units have rows of both labels; they count as unlabelled.
    LabelsDisagree(u64),
    /// A tenth of the units with a signal cannot be discovered at a
    /// false-discovery rate of 0.05; with so many decoys each they could.
    DiscoveriesNeedDecoys(u64),
    /// Library-level figures are of a sample of the units.
    Sampled,
    /// Too few labelled actives or inactives for an interval.
    TooFewOutcomes,
    /// No control was computed, so nothing can be said of plausibility.
    NoControls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_as_they_are_written() {
        let mut all: Vec<EvidenceReason> = PLAIN.iter().map(|(reason, _)| *reason).collect();
        all.push(EvidenceReason::NeedsUnits(270));
        all.extend(ControlName::ALL.map(EvidenceReason::NoBetterThanControl));
        for reason in all {
            let text = reason.to_string();
            assert!(!text.is_empty(), "{reason:?}");
            assert_eq!(EvidenceReason::try_from(text), Ok(reason));
        }
        assert!(EvidenceReason::try_from("no_better_than_control:oracle".to_owned()).is_err());
        assert!(EvidenceReason::try_from(String::new()).is_err());
    }
}
