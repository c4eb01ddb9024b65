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

/// Rows by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "Counts")]
pub struct StatusCounts {
    /// Computed rows.
    pub ok: u64,
    /// Rows outside what the run audits.
    pub skip: u64,
    /// Rows that could not be computed.
    pub error: u64,
}

impl StatusCounts {
    /// Every row of the input.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.ok + self.skip + self.error
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: Self) {
        self.ok += other.ok;
        self.skip += other.skip;
        self.error += other.error;
    }

    /// Counts one row.
    pub fn add(&mut self, status: Status) {
        match status {
            Status::Ok => self.ok += 1,
            Status::Skip => self.skip += 1,
            Status::Error => self.error += 1,
        }
    }
}
