//! Eigenvalues, shells and densities of batches of matrices.

mod fingerprint;
mod golden;
mod graphs;
mod kernel;
