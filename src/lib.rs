//! HETERO-2: a fast, reproducible first truth filter for generated molecules.
//!
//! The engine reads a library of molecules, computes the spectra of their graph
//! operators, makes matched decoys, audits scores against them with exact
//! negative controls, and writes one checksummed evidence pack. `docs/` holds
//! the contracts; `docs/architecture.md` says how the modules depend on one
//! another.

pub mod audit;
pub mod bench;
pub mod cluster;
pub mod decoy;
pub mod files;
pub mod library;
pub mod molecule;
#[cfg(feature = "mpi")]
pub mod mpi;
pub mod operator;
mod ordered;
pub mod pack;
mod panics;
pub mod random;
pub mod registry;
pub mod rounding;
pub mod run;
pub mod schema;
pub mod signature;
pub mod spectra;
pub mod suite;
pub mod time;
pub mod utility;
pub mod version;
