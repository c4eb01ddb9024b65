//! Molecules, their graph operators and their decoys. Knows nothing of
//! spectra, scores, files or runs.

pub mod decoy;
pub mod molecule;
pub mod operator;
