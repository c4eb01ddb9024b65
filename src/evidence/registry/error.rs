//! Why a registry could not be read or written.

use std::path::PathBuf;

use crate::outcomes::OutcomesError;
use crate::pack::PackError;
use crate::signature::SignatureError;
use hetero2_common::files::{FileError, Sha256Digest};

/// Why a pack was not published, or a registry could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The pack cannot be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The pack's summary cannot be used.
    #[error(transparent)]
    Utility(#[from] OutcomesError),
    /// The signatures beside the pack cannot be read.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The pack fails verification.
    #[error("{} is not published, because it fails verification: {why}", path.display())]
    DamagedPack {
        /// The pack.
        path: PathBuf,
        /// The check and what it found.
        why: String,
    },
    /// There is no registry.
    #[error("{} is no registry: it has no log; `hetero2 publish` begins one", path.display())]
    NoRegistry {
        /// The directory.
        path: PathBuf,
    },
    /// The log is not what it was.
    #[error(
        "the registry {} is damaged ({why}); `hetero2 registry verify` says more, and nothing is \
         published into it",
        path.display()
    )]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A parent that the registry does not have.
    #[error("the parent {parent} is not in the registry: publish it first")]
    UnknownParent {
        /// Its content digest.
        parent: Sha256Digest,
    },
    /// The pack is there with another lineage.
    #[error(
        "{digest} was published before with other parents ({}): entries are never changed",
        listed(parents)
    )]
    OtherParents {
        /// Content digest of the pack.
        digest: Sha256Digest,
        /// The parents that it was published with.
        parents: Vec<Sha256Digest>,
    },
    /// An entry cannot be written as JSON.
    #[error("the entry cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

fn listed(parents: &[Sha256Digest]) -> String {
    match parents {
        [] => "none".to_owned(),
        parents => parents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
