//! Shells: groups of equal eigenvalues, and the densities of their projectors.
//!
//! Inside a degenerate shell the single eigenvectors are an arbitrary basis
//! that depends on solver and device. The projector onto the whole shell does
//! not, so only its diagonal, the shell's density on each atom, is used.

use std::ops::Range;

/// Two neighbouring eigenvalues belong to one shell if they differ by at most
/// this, relative to the larger magnitude but at least to 1.
pub const SHELL_TOLERANCE: f64 = 1e-9;

/// The shells of an ascending spectrum, as ranges of level indices.
///
/// Neighbours are compared, so a chain of close levels is one shell.
#[must_use]
pub fn shell_ranges(values: &[f64]) -> Vec<Range<usize>> {
    ranges_within(values, SHELL_TOLERANCE)
}

fn ranges_within(values: &[f64], tolerance: f64) -> Vec<Range<usize>> {
    let mut shells = Vec::with_capacity(values.len());
    shells.extend(each_within(values, tolerance));
    shells
}

/// As [`shell_ranges`], one at a time.
pub(super) fn each_shell(values: &[f64]) -> impl Iterator<Item = Range<usize>> {
    each_within(values, SHELL_TOLERANCE)
}

fn each_within(values: &[f64], tolerance: f64) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let levels = values.get(start..).filter(|levels| !levels.is_empty())?;
        let more = levels.windows(2).take_while(|pair| same_shell(pair[0], pair[1], tolerance));
        let shell = start..start + 1 + more.count();
        start = shell.end;
        Some(shell)
    })
}

fn same_shell(a: f64, b: f64, tolerance: f64) -> bool {
    (b - a).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}

/// A spectrum with the density of each shell on each atom.
///
/// Memory: `8·n·(1 + number of shells)` bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct ShellProjectors {
    values: Vec<f64>,
    shells: Vec<Range<usize>>,
    densities: Vec<f64>,
}

impl ShellProjectors {
    /// From ascending eigenvalues and the components of orthonormal
    /// eigenvectors: `component(state, atom)` is `u_{atom,state}`.
    #[must_use]
    pub fn from_eigenvectors(values: Vec<f64>, component: impl Fn(usize, usize) -> f64) -> Self {
        let shells = shell_ranges(&values);
        let n = values.len();
        let mut densities = vec![0.0; n * shells.len()];
        for (shell, density) in shells.iter().zip(densities.chunks_exact_mut(n.max(1))) {
            for state in shell.clone() {
                for (atom, rho) in density.iter_mut().enumerate() {
                    let u = component(state, atom);
                    *rho += u * u;
                }
            }
        }
        Self { values, shells, densities }
    }

    /// From ascending eigenvalues and `n` rows of `n` densities, of which those
    /// of the first level of each shell count: they hold the shell's density.
    #[must_use]
    pub(super) fn from_rows(values: Vec<f64>, rows: &[f64]) -> Self {
        Self::with_tolerance(values, rows, SHELL_TOLERANCE)
    }

    /// As [`from_rows`](Self::from_rows), with another tolerance of shells.
    #[must_use]
    pub(super) fn with_tolerance(values: Vec<f64>, rows: &[f64], tolerance: f64) -> Self {
        let (shells, n) = (ranges_within(&values, tolerance), values.len());
        let densities =
            shells.iter().flat_map(|shell| &rows[shell.start * n..][..n]).copied().collect();
        Self { values, shells, densities }
    }

    /// Number of atoms, and of levels.
    #[must_use]
    pub fn n(&self) -> usize {
        self.values.len()
    }

    /// Eigenvalues, ascending.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Each shell's levels, and its density: per atom `Σ u²` over the shell's
    /// states, which sums to the number of states.
    pub fn shells(&self) -> impl Iterator<Item = (Range<usize>, &[f64])> {
        self.shells.iter().cloned().zip(self.densities.chunks_exact(self.n().max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_levels_chain_into_one_shell() {
        let values = [-1.0, -1.0 + 9e-10, -1.0 + 1.8e-9, 0.0, 2e-9, 100.0, 100.0 + 5e-8];
        assert_eq!(shell_ranges(&values), [0..3, 3..4, 4..5, 5..7]);
        assert!(shell_ranges(&[]).is_empty());
    }
}
