//! Writing, verifying and comparing evidence packs, and the report.
//!
//! Knows the pack's files and formats (`docs/contracts/evidence_pack.md`) and
//! nothing of chemistry, spectra or how rows are computed.

mod archive;
mod contents;
pub mod csv;
mod damage;
pub mod diff;
mod document;
pub mod error;
pub mod json;
pub mod manifest;
pub mod report;
mod ro_crate;
mod source;
pub mod tables;
pub mod verify;
mod writer;

/// The rows that packs and shards are made of.
pub mod rows {
    pub use hetero2_contract::rows::*;
    pub use hetero2_contract::{HardnessBin, Status, Verdict};
}

pub use contents::{extract, read_manifest};
pub use damage::first_damage;
pub use diff::{PackDiff, diff};
pub use error::PackError;
pub use source::{PackSource, locate};
pub use verify::{Check, Outcome, VerifyReport, verify};
pub use writer::{PackDigest, PackWriter, ZipOutput};
