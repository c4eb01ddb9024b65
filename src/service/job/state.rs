//! States of a job and the phases of one that runs. They must not know what
//! changes them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a job stands. `Succeeded`, `Failed` and `Cancelled` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for a worker.
    Queued,
    /// It waits for somebody to release it.
    Held,
    /// A worker has it.
    Running,
    /// It was cancelled; the worker that has it stops.
    Cancelling,
    /// It ended, and its artifacts can be read.
    Succeeded,
    /// It ended with a reason.
    Failed,
    /// It ended because somebody asked.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Held,
        Self::Running,
        Self::Cancelling,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word in the API and the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing changes it any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// What a worker does with a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Inputs are copied into the run directory.
    Staging,
    /// The library is packed into shards.
    Planning,
    /// The shards wait in a scheduler's queue.
    Submitted,
    /// Molecules are computed.
    Computing,
    /// Shards are merged into the pack.
    Reducing,
    /// The pack's checksums and counts are checked.
    Verifying,
    /// Artifacts are uploaded.
    Publishing,
}

impl Phase {
    /// Every phase, in their order.
    pub const ALL: [Self; 7] = [
        Self::Staging,
        Self::Planning,
        Self::Submitted,
        Self::Computing,
        Self::Reducing,
        Self::Verifying,
        Self::Publishing,
    ];

    /// The word in the API and the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Planning => "planning",
            Self::Submitted => "submitted",
            Self::Computing => "computing",
            Self::Reducing => "reducing",
            Self::Verifying => "verifying",
            Self::Publishing => "publishing",
        }
    }

    /// The phase of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.word() == word)
    }
}
