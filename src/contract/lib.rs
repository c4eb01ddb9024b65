//! What the rooms of the program say to one another: document and row types,
//! matrices, names of states, the version. Knows no file, no chemistry and no
//! arithmetic beyond what its types are for.

pub mod controls;
pub mod digest;
pub mod evidence;
pub mod hardness;
pub mod manifest;
pub mod matrix;
pub mod metrics;
pub mod name;
pub mod provenance;
pub mod reason;
pub mod rows;
pub mod scores;
pub mod significance;
pub mod slack;
pub mod spectra_counts;
pub mod spreadsheet;
pub mod strategy;
pub mod summary_metadata;
pub mod truth;
pub mod verdict;
pub mod version;
pub mod warning;

pub use digest::{DecoyHash, FileDigest, NotAHash, Sha256Digest};
pub use hardness::{AucInterpretation, HardnessBin};
pub use manifest::Manifest;
pub use matrix::{SymmetricGraph, SymmetricMatrix};
pub use metrics::Metrics;
pub use name::UnknownName;
pub use provenance::Provenance;
pub use reason::{CountedReason, OutcomeVerdict, Reason};
pub use scores::ScoreMode;
pub use spectra_counts::SpectraCounts;
pub use spreadsheet::FormulaText;
pub use strategy::StrategyId;
pub use summary_metadata::SummaryMetadata;
pub use truth::TruthLabel;
pub use verdict::{Status, StatusCounts, Verdict};
pub use warning::{CountedWarning, Warning};
