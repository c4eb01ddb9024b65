//! Why a suite ended without a report.

use std::path::PathBuf;

use hetero2_audit::{SummaryError, TruthError};
use hetero2_chemistry::molecule::MoleculeError;
use hetero2_common::files::FileError;

use crate::run::RunError;

/// Why a suite ended without a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// A number of rows that the suite cannot have.
    #[error("rows is {rows}: the suite {suite} can have {allowed}")]
    Rows {
        /// The suite.
        suite: &'static str,
        /// Rows asked for.
        rows: u64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The directory holds another file under the name of an input.
    #[error("{} is there already and is not this suite's", path.display())]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A measurement cannot be made.
    #[error(transparent)]
    Bench(#[from] crate::bench::BenchError),
    /// A molecule of the suite is not accepted by this build.
    #[error("the suite's molecule {smiles} cannot be read: this build is not usable")]
    Molecule {
        /// As the suite has it.
        smiles: &'static str,
        /// Why.
        source: MoleculeError,
    },
    /// A pack that was just written cannot be read.
    #[error(transparent)]
    Summary(#[from] SummaryError),
    /// A truth table that was just written cannot be read.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// A document of a pack that was just written is not JSON.
    #[error("{} is not JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}
