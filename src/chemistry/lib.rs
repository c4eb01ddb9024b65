//! Molecules, their graph operators and their decoys. Knows nothing of
//! spectra, scores, files or runs.

mod control;
pub mod decoy;
pub mod environment;
pub mod molecule;
pub mod operator;

pub use control::{control_score, control_scores};
pub use environment::{environment_commonness, sa_score};
