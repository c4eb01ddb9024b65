//! Spectra of graph operators: eigenvalues and shell quantities of many small
//! real symmetric matrices, and what is read from them. Knows nothing of
//! files, rows or packs.

mod backend;
mod choice;
mod cpu;
mod dense;
pub mod dos;
mod elementary;
pub mod features;
pub mod fingerprint;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(feature = "gpu")]
mod hybrid;
mod kernel;
pub mod large;
pub mod ldos;
pub mod projectors;
#[cfg(all(test, feature = "gpu"))]
mod reference;
#[cfg(feature = "gpu")]
mod rounding_guard;
pub mod sample;
pub mod scf;
mod screening;
mod shells;
pub mod sum;

pub use self::backend::{
    PART_COMPONENTS, Spectra, SpectraBackend, SpectraError, check_graph, parts,
};
pub use self::choice::{AdapterChoice, BackendChoice, BackendKind, open_backend};
pub use self::cpu::{CpuBackend, Isa};
pub use self::projectors::{SHELL_TOLERANCE, ShellProjectors};
pub use self::screening::{Precision, SCREENING_DECIMALS};
pub use self::shells::Eigensystem;
pub use hetero2_contract::{SpectraCounts, SymmetricGraph, SymmetricMatrix};
