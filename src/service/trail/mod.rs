//! The audit trail: who did what, when, to which object. It must not know how
//! an act is done. An entry is inserted in its act's transaction: no entry, no
//! act.

pub mod list;

use crate::id::Id;
use crate::store::statements;

statements! {
    INSERT = "INSERT INTO audit_event (org_id, id, actor_id, actor_via, action, object, project_id, \
        outcome, reason, at, request_id, source_address, before_digest, after_digest) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not done.
    Refused,
}

impl Outcome {
    /// The word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// What an act was about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The object's id, or its name where it has none.
    pub object: Option<String>,
    /// The project it is in.
    pub project: Option<Id>,
    /// SHA-256 of the object's document before, as hex.
    pub before: Option<String>,
    /// SHA-256 of the object's document after, as hex.
    pub after: Option<String>,
}

impl Entry {
    /// An act on `object`.
    #[must_use]
    pub fn on(object: &impl ToString) -> Self {
        Self { object: Some(object.to_string()), ..Self::default() }
    }

    /// The same, in `project`.
    #[must_use]
    pub fn within(mut self, project: &Id) -> Self {
        self.project = Some(project.clone());
        self
    }

    /// The same, with the digests of what was and what is.
    #[must_use]
    pub fn changing(mut self, before: Option<String>, after: Option<String>) -> Self {
        (self.before, self.after) = (before, after);
        self
    }
}
