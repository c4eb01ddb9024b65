//! The local density of states (local DOS) of one molecule.
//!
//! One atom stands for the molecule: the one whose weight in some shell is
//! largest. Its curve is `Σ weight · N(E; λ, η)` over the shells, on the energy
//! grid of the run. Weights are those of shell projectors, never of single
//! eigenvectors, so nothing depends on the basis inside a degenerate shell.

use std::ops::Range;

use super::dos::GridKernel;
use super::elementary::sum_p_ln_p;
use super::projectors::ShellProjectors;
use hetero2_common::rounding::round8;

/// Weights and curve values this close count as equal, and the lowest index
/// wins: symmetry-equivalent atoms must not be told apart by rounding errors.
pub const TIE_TOLERANCE: f64 = 1e-9;

/// Keeps `ln` finite where a curve is zero.
const LN_FLOOR: f64 = 1e-12;

/// One shell as seen from an atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalLine {
    /// Mean eigenvalue of the shell.
    pub energy: f64,
    /// The atom's weight: `Σ u²` over the shell's states.
    pub weight: f64,
}

/// The lines of the atom that stands for a molecule.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalDensity {
    /// Node index of the atom.
    pub atom: usize,
    /// One line per shell, by ascending energy; the weights sum to 1.
    pub lines: Vec<LocalLine>,
}

/// A spectrum with the lines of the atom that stands for the molecule: what a
/// run keeps of its shells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocalSpectrum {
    /// Eigenvalues, ascending.
    pub values: Vec<f64>,
    /// As [`LocalDensity::of`] the densities of its shells.
    pub local: Option<LocalDensity>,
}

impl LocalSpectrum {
    /// Of the densities of all shells.
    #[must_use]
    pub fn of(spectrum: &ShellProjectors) -> Self {
        Self { values: spectrum.values().to_vec(), local: LocalDensity::of(spectrum) }
    }
}

/// What is published of a local DOS, rounded to 8 decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalDosSummary {
    /// The lowest grid energy at which the curve peaks.
    pub peak_energy: f64,
    /// The curve's value there.
    pub peak_value: f64,
    /// `−Σ p ln(p + 1e−12)`, `p` the curve divided by its sum.
    pub entropy: f64,
}

impl LocalDensity {
    /// Picks the atom and reads its lines; nothing for an empty spectrum or
    /// one that is not finite.
    #[must_use]
    pub fn of(spectrum: &ShellProjectors) -> Option<Self> {
        let mut largest = vec![0.0_f64; spectrum.n()];
        for (_, density) in spectrum.shells() {
            for (best, &weight) in largest.iter_mut().zip(density) {
                *best = best.max(weight);
            }
        }
        let shells = spectrum.shells();
        Self::read(spectrum.values(), &largest, shells, |density, atom| density[atom])
    }

    /// Picks the atom by its largest weight in any shell, `largest[atom]`, and
    /// reads its lines: `weight` of each shell, given with its levels.
    pub(super) fn read<S>(
        values: &[f64],
        largest: &[f64],
        shells: impl Iterator<Item = (Range<usize>, S)>,
        weight: impl Fn(S, usize) -> f64,
    ) -> Option<Self> {
        let atom = first_of_largest(largest)?;
        let mut lines = Vec::with_capacity(values.len());
        lines.extend(shells.map(|(levels, shell)| {
            let energies = &values[levels];
            let energy = energies.iter().sum::<f64>() / energies.len() as f64;
            LocalLine { energy, weight: weight(shell, atom) }
        }));
        let finite = lines.iter().all(|line| line.energy.is_finite() && line.weight.is_finite());
        finite.then_some(Self { atom, lines })
    }

    /// The curve on the kernel's grid, in full precision.
    #[must_use]
    pub fn curve(&self, kernel: &GridKernel) -> Vec<f64> {
        let mut curve = vec![0.0; kernel.grid().len()];
        let lines = self.lines.iter().map(|line| (line.energy, line.weight));
        kernel.add_lines(lines, &mut curve);
        curve
    }

    /// Peak and entropy of the curve; nothing where the grid sees none of it.
    #[must_use]
    pub fn summary(&self, kernel: &GridKernel) -> Option<LocalDosSummary> {
        let mut curve = self.curve(kernel);
        let total: f64 = curve.iter().sum();
        let peak = first_of_largest(&curve)?;
        if !(total > 0.0 && total.is_finite()) {
            return None;
        }
        let peak_value = round8(curve[peak]);
        // A density of zero adds nothing to the entropy.
        curve.iter_mut().for_each(|density| *density = density.max(0.0));
        Some(LocalDosSummary {
            peak_energy: round8(kernel.grid().energy(peak)),
            peak_value,
            entropy: round8(0.0 - sum_p_ln_p(&curve, total, LN_FLOOR)),
        })
    }
}

/// The first index whose value is within [`TIE_TOLERANCE`] of the largest.
fn first_of_largest(values: &[f64]) -> Option<usize> {
    let largest = values.iter().copied().reduce(f64::max)?;
    values.iter().position(|&value| value >= largest - TIE_TOLERANCE)
}
