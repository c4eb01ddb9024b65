//! The closed list of what a job may compute. It must not know how.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job computes: one command of the program each.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// A library turned into an evidence pack, with the audit of its scores.
    Run,
    /// New scores audited against the decoys and spectra of an earlier run's pack.
    Audit,
    /// Hits that a budget finds by chance, by score, and by score plus audit.
    CostLift,
    /// A pack rebuilt from its manifest, to prove that it is the same.
    Rerun,
    /// A suite with published outcomes.
    Suite,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Run, Self::Audit, Self::CostLift, Self::Rerun, Self::Suite];

    /// The word in the API, the database and the program's command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Audit => "audit",
            Self::CostLift => "cost-lift",
            Self::Rerun => "rerun",
            Self::Suite => "suite",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}
