//! Spectra of graph operators: eigenvalues and shell quantities of many small
//! real symmetric matrices, and what is read from them. Knows nothing of
//! files, rows or packs.

mod backend;
mod cpu;
mod dense;
pub mod densities;
pub mod dos;
pub mod features;
mod kernel;
pub mod ldos;
pub mod scf;
mod shells;
pub mod sum;

pub use self::backend::{Spectra, SpectraBackend, SpectraError, SymmetricGraph};
pub use self::cpu::{CpuBackend, Isa};
pub use self::densities::{SHELL_TOLERANCE, ShellDensities};
pub use self::shells::Eigensystem;
