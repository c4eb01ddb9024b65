//! How many eigenvalues of a large sparse matrix lie below an energy, and where
//! is the k-th? Without diagonalising: by the signs of the pivots of a sparse
//! LDLᵀ (Sylvester's law of inertia), many energies side by side.
//!
//! Graphs of molecules have small treewidth, so that time and memory grow
//! linearly with their atoms. A count comes with a rigorous bound on what
//! rounding can have done to it. Must not know what the matrix stands for.

mod adaptive;
mod arithmetic;
mod counter;
mod elimination;
mod features;
pub(crate) mod moments;
mod program;
#[cfg(test)]
mod tests;

pub use adaptive::{counts_where_states_are, mean_error_bound};
pub use counter::{Count, EigenvalueCounter, Interval};
pub use features::{LargeSpectrum, Positive};
pub use moments::{Estimate, MomentRequest, Moments, estimate, moments};

use super::SpectraError;

/// Why eigenvalues of a large matrix cannot be counted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LargeGraphError {
    /// The matrix is malformed.
    #[error(transparent)]
    Matrix(#[from] SpectraError),
    /// The order exceeds what is supported.
    #[error("a matrix of order {n} is too large: at most {most} nodes")]
    Order {
        /// The order.
        n: usize,
        /// The largest order.
        most: usize,
    },
    /// The graph has no good order of elimination: no molecule, but perhaps a
    /// random graph or a grid in three dimensions.
    #[error(
        "the graph of {n} nodes has too much fill: eliminating it changes more than {most_pairs} \
         entries; its density can be estimated instead"
    )]
    Fill {
        /// The order.
        n: usize,
        /// Entries that may be changed.
        most_pairs: u64,
    },
    /// An energy is not finite.
    #[error("eigenvalues below {0} cannot be counted: energies must be finite numbers")]
    Energy(f64),
    /// There is no such eigenvalue.
    #[error("a matrix of order {n} has no eigenvalue number {k}, counted from 0")]
    NoEigenvalue {
        /// The order.
        n: usize,
        /// Which was asked for.
        k: u64,
    },
}
