//! How a row ended, and what its audit came to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::words;

/// How an input row ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Computed.
    Ok,
    /// Outside what the run audits; the reason says why.
    Skip,
    /// Could not be computed; the reason says why.
    Error,
}

words!(Status, "status", "OK, SKIP or ERROR", {
    Ok => "OK",
    Skip => "SKIP",
    Error => "ERROR",
});

/// Outcome of a row's audit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The AUC reaches the gate: the slack is not negative.
    Pass,
    /// The AUC is below the gate, or undefined.
    Fail,
    /// There was nothing to audit: no decoy of the row has a score.
    Skip,
}

words!(Verdict, "verdict", "PASS, FAIL or SKIP", {
    Pass => "PASS",
    Fail => "FAIL",
    Skip => "SKIP",
});
