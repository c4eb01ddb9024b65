//! Eigenvalues, shells and densities of batches of matrices.

mod golden;
mod graphs;
mod kernel;
