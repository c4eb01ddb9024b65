//! What can go wrong when a pack is asked for its worth.

use std::path::{Path, PathBuf};

use crate::pack::PackError;
use hetero2_audit::{CostLiftError, SummaryError, TruthError};
use hetero2_common::files::{FileError, Sha256Digest};

/// Why a question about a pack has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomesError {
    /// A file cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The result cannot be written.
    #[error("cannot write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: FileError,
    },
    /// The pack cannot be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The pack lacks a file.
    #[error("{path} has no {name}: it is no pack of this program, or not a whole one; `hetero2 verify` says more", path = path.display())]
    NoSuchFile {
        /// The pack.
        path: PathBuf,
        /// The file it lacks.
        name: &'static str,
    },
    /// A file of the pack was changed after the pack was made.
    #[error(
        "{path} has SHA-256 {found}, its pack's checksums say {expected}: it was changed after the pack was made; take the original pack",
        path = path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Digest of the file.
        found: Sha256Digest,
        /// Digest that the pack gives.
        expected: Sha256Digest,
    },
    /// An input is not the one that was expected.
    #[error(
        "{path} has SHA-256 {found}, not the expected {expected}: another file, or a changed one",
        path = path.display()
    )]
    WrongDigest {
        /// The file.
        path: PathBuf,
        /// Digest of the file.
        found: Sha256Digest,
        /// Digest asked for.
        expected: String,
    },
    /// The summary cannot be used.
    #[error("{path}", path = path.display())]
    Summary {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: SummaryError,
    },
    /// The truth cannot be used.
    #[error("{path}", path = path.display())]
    Truth {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: TruthError,
    },
    /// There is no report on cost and lift.
    #[error("no report on {summary} with {truth}", summary = summary.display(), truth = truth.display())]
    CostLift {
        /// The summary.
        summary: PathBuf,
        /// The truth.
        truth: PathBuf,
        /// Why not.
        source: CostLiftError,
    },
}

impl OutcomesError {
    /// Adapter for `map_err` on reading.
    pub fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }
}
