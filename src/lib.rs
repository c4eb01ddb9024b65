//! HETERO-2: a fast, reproducible first truth filter for generated molecules.
//!
//! The engine reads a library of molecules, computes the spectra of their graph
//! operators, makes matched decoys, audits scores against them with exact
//! negative controls, and writes one checksummed evidence pack. `docs/` holds
//! the contracts; `docs/architecture.md` says how the crates behind these
//! names depend on one another.

pub use hetero2_audit as audit;
pub use hetero2_chemistry::{
    control_score, control_scores, decoy, environment, environment_commonness, molecule, operator,
    sa_score,
};
pub use hetero2_cluster as cluster;
pub use hetero2_common::{files, random, rounding, time};
pub use hetero2_contract as contract;
#[cfg(feature = "mpi")]
pub use hetero2_engine::mpi;
pub use hetero2_engine::{bench, demo, density, proxy_truth, run, schema, scorer, suite};
pub use hetero2_evidence::{outcomes, pack, registry, signature};
pub use hetero2_library as library;
#[cfg(feature = "service")]
pub use hetero2_service as service;
pub use hetero2_spectra as spectra;
