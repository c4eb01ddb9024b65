//! Whether a customer's pack may be used: GO or STOP, criterion by criterion.

use std::collections::BTreeMap;

use hetero2_contract::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `SKIP` reasons that need no human.
pub const EXPECTED_SKIPS: [Reason; 11] = [
    Reason::InvalidSmiles,
    Reason::QueryAtom,
    Reason::UnsupportedBond,
    Reason::UnsupportedStereo,
    Reason::UnsupportedRings,
    Reason::TooManyAtoms,
    Reason::Disconnected,
    Reason::NoDecoysGenerated,
    Reason::MissingSmiles,
    Reason::MissingScoresInput,
    Reason::BelowAuditTop,
];

/// Whether a `SKIP` reason needs no human; one of another program does.
#[must_use]
pub fn is_expected_skip(reason: &str) -> bool {
    reason.parse().is_ok_and(|reason| EXPECTED_SKIPS.contains(&reason))
}

/// What acceptance looks at; all are counts of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptanceCounts {
    /// Rows with the status `OK`.
    pub ok: u64,
    /// Rows with the status `ERROR`.
    pub error: u64,
    /// Rows without a scores file.
    pub missing_scores_input: u64,
    /// `OK` rows with a scored decoy whose slack is not a number.
    pub scored_without_slack: u64,
    /// `OK` rows with a scored decoy without a verdict.
    pub scored_without_verdict: u64,
    /// `SKIP` rows by reason.
    pub skip_reasons: BTreeMap<String, u64>,
}

/// May the pack be used?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// Yes.
    Go,
    /// No: a criterion is not met.
    Stop,
}

/// Whether a criterion is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// It is.
    Met,
    /// It is not.
    NotMet,
}

/// One criterion and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Criterion {
    /// What is counted.
    pub name: &'static str,
    /// The count.
    pub value: u64,
    /// What it must be.
    pub required: &'static str,
    /// Whether it is.
    pub outcome: Met,
}

/// The decision with its grounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acceptance {
    /// GO where every criterion is met.
    pub decision: Decision,
    /// Every criterion, met or not.
    pub criteria: Vec<Criterion>,
    /// `SKIP` reasons outside [`EXPECTED_SKIPS`], for a human to look at; they
    /// do not change the decision.
    pub review: BTreeMap<String, u64>,
}

/// Applies the acceptance criteria.
#[must_use]
pub fn accept(counts: &AcceptanceCounts) -> Acceptance {
    let none = |name, value: u64| Criterion {
        name,
        value,
        required: "0",
        outcome: if value == 0 { Met::Met } else { Met::NotMet },
    };
    let some = |name, value: u64| Criterion {
        name,
        value,
        required: ">= 1",
        outcome: if value > 0 { Met::Met } else { Met::NotMet },
    };
    let criteria = vec![
        none("counts.ERROR", counts.error),
        some("counts.OK", counts.ok),
        none("scores_coverage.rows_missing_scores_input", counts.missing_scores_input),
        none("ok_rows_scored_without_slack", counts.scored_without_slack),
        none("ok_rows_scored_without_verdict", counts.scored_without_verdict),
    ];
    let met = criteria.iter().all(|criterion| criterion.outcome == Met::Met);
    let unexpected = |(reason, _): &(&String, &u64)| !is_expected_skip(reason);
    let review = counts.skip_reasons.iter().filter(unexpected);
    Acceptance {
        decision: if met { Decision::Go } else { Decision::Stop },
        review: review.map(|(reason, count)| (reason.clone(), *count)).collect(),
        criteria,
    }
}
