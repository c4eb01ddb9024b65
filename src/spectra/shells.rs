//! Eigensystems seen through their shells: groups of equal eigenvalues.
//!
//! A single eigenvector of a degenerate eigenvalue is an arbitrary choice of
//! the solver; what belongs to the whole shell is not. So the vectors stay
//! private and only shell quantities leave this file. Knows nothing of how the
//! vectors were found.

use std::ops::Range;

use super::projectors::{ShellProjectors, shell_ranges};

/// Eigenvalues and eigenvectors of one symmetric matrix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Eigensystem {
    values: Vec<f64>,
    /// Row `k`, of length n, is the eigenvector of `values[k]`.
    vectors: Vec<f64>,
    /// The states of each shell, ascending.
    shells: Vec<Range<usize>>,
}

impl Eigensystem {
    /// From ascending values and as many vectors, row by row.
    pub(super) fn new(values: Vec<f64>, vectors: Vec<f64>) -> Self {
        debug_assert_eq!(vectors.len(), values.len() * values.len());
        let shells = shell_ranges(&values);
        Self { values, vectors, shells }
    }

    /// Order of the matrix.
    #[must_use]
    pub fn n(&self) -> usize {
        self.values.len()
    }

    /// Ascending eigenvalues.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The shells, ascending: ranges of state numbers that partition `0..n`.
    #[must_use]
    pub fn shells(&self) -> &[Range<usize>] {
        &self.shells
    }

    /// What each shell weighs on `node`: Σ |v_k(node)|² over its states, in the
    /// order of [`shells`](Self::shells). The weights of a node sum to 1.
    ///
    /// # Panics
    /// When `node` is not below [`n`](Self::n).
    #[must_use]
    pub fn shell_weights(&self, node: usize) -> Vec<f64> {
        assert!(node < self.n(), "node {node} of a system of order {}", self.n());
        self.shells.iter().map(|shell| self.shell_weight(shell, node)).collect()
    }

    /// The projector on a shell, Σ v vᵀ over its states, dense, row by row.
    ///
    /// # Panics
    /// When `shell` is not below the number of shells.
    #[must_use]
    pub fn projector(&self, shell: usize) -> Vec<f64> {
        let n = self.n();
        let mut projector = vec![0.0; n * n];
        for state in self.shells[shell].clone() {
            let vector = self.vector(state);
            for (row, &a) in projector.chunks_exact_mut(n).zip(vector) {
                for (entry, &b) in row.iter_mut().zip(vector) {
                    *entry += a * b;
                }
            }
        }
        projector
    }

    /// ρ(node) = Σ_k w_k |v_k(node)|² for one weight per state, lowest first
    /// (missing weights are zero). The weight that falls on a shell is shared
    /// evenly over its states, so the result does not depend on the choice of
    /// eigenvectors, even where the weights cut through a shell.
    #[must_use]
    pub fn density(&self, weights: &[f64]) -> Vec<f64> {
        let mut density = vec![0.0; self.n()];
        for shell in &self.shells {
            let filled: f64 = weights.iter().take(shell.end).skip(shell.start).sum();
            if filled == 0.0 {
                continue;
            }
            let share = filled / shell.len() as f64;
            for (node, rho) in density.iter_mut().enumerate() {
                *rho += share * self.shell_weight(shell, node);
            }
        }
        density
    }

    /// The density of each shell on each node.
    #[must_use]
    pub fn densities(self) -> ShellProjectors {
        let n = self.n();
        let vectors = self.vectors;
        ShellProjectors::from_eigenvectors(self.values, |state, node| vectors[state * n + node])
    }

    fn vector(&self, state: usize) -> &[f64] {
        &self.vectors[state * self.n()..][..self.n()]
    }

    fn shell_weight(&self, shell: &Range<usize>, node: usize) -> f64 {
        shell.clone().map(|state| self.vectors[state * self.n() + node]).map(|x| x * x).sum()
    }

    /// Largest |A v − λ v| and |V Vᵀ − 1|, for tests.
    #[cfg(test)]
    pub(super) fn defects(&self, dense: &[f64]) -> (f64, f64) {
        let (n, mut residual, mut skew) = (self.n(), 0.0f64, 0.0f64);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        for i in 0..n {
            let v = self.vector(i);
            for (row, &x) in dense.chunks_exact(n).zip(v) {
                residual = residual.max((dot(row, v) - self.values[i] * x).abs());
            }
            for j in 0..n {
                let expected = f64::from(u8::from(i == j));
                skew = skew.max((dot(v, self.vector(j)) - expected).abs());
            }
        }
        (residual, skew)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_group_equal_neighbours_relative_to_their_size() {
        let values = [-1e-16, 0.0, 1.0, 1.0 + 0.9e-9, 1.0 + 2e-9, 1e6, 1e6 + 5e-4];
        let shells = shell_ranges(&values);
        assert_eq!(shells, [0..2, 2..4, 4..5, 5..7]);
        assert!(shell_ranges(&[]).is_empty());
    }

    #[test]
    fn density_shares_a_cut_shell_evenly() {
        // A triangle: shells {0} and {3, 3}; one state of the pair filled.
        let (a, b, c) = (1.0 / 3f64.sqrt(), 0.5f64.sqrt(), 1.0 / 6f64.sqrt());
        let system =
            Eigensystem::new(vec![0.0, 3.0, 3.0], vec![a, a, a, b, -b, 0.0, c, c, -2.0 * c]);
        let density = system.density(&[1.0, 1.0]);
        for rho in density {
            assert!((rho - 2.0 / 3.0).abs() < 1e-15);
        }
    }
}
