//! Why a key or a signature could not be used.

use std::path::PathBuf;

use crate::pack::PackError;
use hetero2_common::files::FileError;

/// Why a key or a signature could not be made, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The pack cannot be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A key file would be overwritten.
    #[error("{} exists: keys are never overwritten, choose another name", path.display())]
    KeyExists {
        /// The file.
        path: PathBuf,
    },
    /// The file is no key of the kind that is needed.
    #[error("{}: not an Ed25519 {kind} key: {detail}", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// `private` or `public`.
        kind: &'static str,
        /// What was found and what to do.
        detail: String,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes for a key")]
    Random(#[source] getrandom::Error),
    /// A key cannot be written in its standard form.
    #[error("the key cannot be encoded: {why}")]
    Encoding {
        /// The encoder's words.
        why: String,
    },
    /// The pack that is to be signed fails verification.
    #[error("{} is not signed, because it fails verification: {why}", path.display())]
    DamagedPack {
        /// The pack.
        path: PathBuf,
        /// The check and what it found.
        why: String,
    },
    /// The signatures beside the pack are not readable.
    #[error(
        "{}, line {line}: {detail}; if a signer was interrupted there, remove that line",
        path.display()
    )]
    Bundle {
        /// The file of signatures.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// The signatures beside the pack are of another pack.
    #[error(
        "{} has signatures of another pack or another state of it ({detail}): move that file away, \
         or sign into another",
        path.display()
    )]
    OtherPack {
        /// The file of signatures.
        path: PathBuf,
        /// How it differs.
        detail: String,
    },
    /// A field of the statement that cannot be used.
    #[error("{field}: {detail}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong and what is allowed.
        detail: String,
    },
}
