//! Organisations, their accounts, groups and projects, as functions over a
//! transaction. It must not know HTTP.

pub mod group;
pub mod member;
pub mod org;
pub mod project;
pub mod project_member;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::store::StoreError;

/// Why something of the directory is not as asked.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is none.
    #[error("there is no such {0}")]
    Absent(&'static str),
    /// It has another version than the one that was read.
    #[error("it changed since it was read")]
    Changed,
    /// A name is taken.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// An organisation keeps an owner who can log in.
    #[error("it is the last owner: make another one first")]
    LastOwner,
    /// Only owners make, change and delete owners.
    #[error("only an owner may do this to an owner")]
    OwnersOnly,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DirectoryError {
    /// A uniqueness constraint as the name that is taken.
    pub(crate) fn taken(what: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |error| match error.is_conflict() {
            true => Self::Taken(what),
            false => Self::Store(error),
        }
    }
}

/// SHA-256 of a document, for the audit trail.
pub(crate) fn digest(document: &impl Serialize) -> Option<String> {
    let bytes = serde_json::to_vec(document).ok()?;
    Some(hex::encode(Sha256::digest(bytes)))
}
