//! The self-consistent potential (SCF) of one molecule.
//!
//! From `v = V` on: diagonalise `base + diag(v)`, fill the lowest states, and
//! mix the potential `V + γ_scf·ρ̃` of their density into `v` until it stops
//! moving. [`ScfState`] is that loop turned inside out, so that a caller may
//! diagonalise many molecules at once; [`solve`] drives a single one. How a
//! matrix is diagonalised is not this module's business.
//!
//! A shell that the count of filled states cuts through contributes its
//! projector times the filled fraction, so that ρ depends neither on the device
//! nor on the solver's choice of eigenvectors.

mod audit;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::projectors::ShellProjectors;
use hetero2_contract::{SymmetricGraph, SymmetricMatrix, UnknownName};

pub use audit::{
    ASYMMETRIC_ID_PREFIX, ScfAudit, ScfAuditRow, ScfCounts, ScfRunStatus, ScfStats, ScfVerdict,
    ScfVerdictReason,
};

/// Which potential Hamiltonian spectra are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PotentialMode {
    /// `V` as it is.
    #[default]
    Static,
    /// The self-consistent potential.
    SelfConsistent,
    /// Both; density curves use the self-consistent one.
    Both,
}

impl PotentialMode {
    /// Whether the potential is iterated, given a Hamiltonian to iterate.
    #[must_use]
    pub fn is_self_consistent(self) -> bool {
        self != Self::Static
    }
}

impl fmt::Display for PotentialMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Static => "static",
            Self::SelfConsistent => "self_consistent",
            Self::Both => "both",
        })
    }
}

impl FromStr for PotentialMode {
    type Err = UnknownName;

    /// Accepts kebab-case too.
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name.replace('-', "_").as_str() {
            "static" => Ok(Self::Static),
            "self_consistent" => Ok(Self::SelfConsistent),
            "both" => Ok(Self::Both),
            _ => Err(UnknownName {
                what: "potential mode",
                name: name.chars().take(80).collect(),
                expected: "static, self_consistent, both",
            }),
        }
    }
}

/// The parameters of the iteration; dimensionless.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScfSettings {
    /// Most iterations, at least 1.
    pub max_iter: u32,
    /// Stops when `max|v' − v|` is below this; positive.
    pub tol: f64,
    /// `d`, the share of the new potential, in (0, 1].
    pub damping: f64,
    /// How many of the lowest states are filled, at least 1.
    pub occ_k: u32,
    /// `τ` in the weights softmax(−λ/τ); positive.
    pub tau: f64,
    /// `γ_scf`, the coupling of potential and density.
    pub gamma: f64,
}

impl Default for ScfSettings {
    fn default() -> Self {
        Self { max_iter: 50, tol: 1e-6, damping: 0.5, occ_k: 5, tau: 1.0, gamma: 0.5 }
    }
}

/// Why an iteration cannot start.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScfError {
    /// A parameter outside its range.
    #[error("scf setting `{name}` must be {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value as given.
        found: f64,
    },
    /// The potential does not have one entry per atom, or there is no atom.
    #[error(
        "scf: a potential of {potential} entries for {atoms} atoms; both must be equal and > 0"
    )]
    Shape {
        /// Atoms of the base operator.
        atoms: usize,
        /// Entries of the potential.
        potential: usize,
    },
}

impl ScfSettings {
    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// [`ScfError::Setting`] names the first that is outside.
    pub fn check(&self) -> Result<(), ScfError> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let rules = [
            ("max_iter", "at least 1", f64::from(self.max_iter), self.max_iter >= 1),
            ("tol", "finite and > 0", self.tol, positive(self.tol)),
            ("damping", "in (0, 1]", self.damping, positive(self.damping) && self.damping <= 1.0),
            ("occ_k", "at least 1", f64::from(self.occ_k), self.occ_k >= 1),
            ("tau", "finite and > 0", self.tau, positive(self.tau)),
            ("gamma", "finite", self.gamma, self.gamma.is_finite()),
        ];
        match rules.into_iter().find(|&(.., holds)| !holds) {
            Some((name, expected, found, _)) => Err(ScfError::Setting { name, expected, found }),
            None => Ok(()),
        }
    }
}

/// How a molecule's iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScfStatus {
    /// The potential stopped moving.
    Converged,
    /// It still moved at the last allowed iteration. Not a failure: the row's
    /// verdict is `INCONCLUSIVE_SCF_NOT_CONVERGED`.
    MaxIter,
    /// An eigenvalue or a potential stopped being finite.
    ErrorNumerical,
}

/// Where one iteration leaves the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It goes on.
    Iterating,
    /// `max|v' − v|` is below the tolerance.
    Converged,
    /// The first iteration did not move the potential (at most 1e-12).
    TrivialFixedPoint,
    /// The last allowed iteration.
    MaxIters,
    /// Something stopped being finite.
    ErrorNumerical,
}

/// One line of the trace; full precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScfIteration {
    /// From 1.
    pub iteration: u32,
    /// `max|v' − v|`.
    pub residual_inf: f64,
    /// Mean of `|v' − v|`.
    pub residual_mean: f64,
    /// `Σ|ρ − ρ_previous|`, from ρ = 0.
    pub delta_rho_l1: f64,
    /// Smallest entry of v'.
    pub min_v: f64,
    /// Largest entry of v'.
    pub max_v: f64,
    /// Mean of v'.
    pub mean_v: f64,
    /// Smallest entry of ρ.
    pub min_rho: f64,
    /// Largest entry of ρ.
    pub max_rho: f64,
    /// Mean of ρ.
    pub mean_rho: f64,
    /// Whether and why the loop ends here.
    pub stop: StopReason,
}

/// A finished iteration; full precision.
#[derive(Debug, Clone, PartialEq)]
pub struct ScfResult {
    /// How it ended.
    pub status: ScfStatus,
    /// `V`, per atom.
    pub static_potential: Vec<f64>,
    /// `v`, per atom, after the last iteration.
    pub potential: Vec<f64>,
    /// `ρ`, per atom, of the last iteration.
    pub density: Vec<f64>,
    /// Every iteration.
    pub trace: Vec<ScfIteration>,
}

/// Whether [`ScfState`] wants another spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScfProgress {
    /// Diagonalise [`ScfState::matrix`] and call [`ScfState::advance`].
    Iterating,
    /// Call [`ScfState::finish`].
    Finished,
}

/// The iteration of one molecule, waiting for the spectrum of its matrix.
#[derive(Debug, Clone)]
pub struct ScfState {
    settings: ScfSettings,
    base_diagonal: Vec<f64>,
    matrix: SymmetricMatrix,
    result: ScfResult,
}

impl ScfState {
    /// Starts at `v = V` over `base`, the weighted Laplacian with edge weights,
    /// else L.
    ///
    /// # Errors
    /// When a setting is out of range, or `potential` does not fit `base`.
    pub fn new(
        base: SymmetricGraph<'_>,
        potential: &[f64],
        settings: ScfSettings,
    ) -> Result<Self, ScfError> {
        settings.check()?;
        if base.n == 0 || potential.len() != base.n {
            return Err(ScfError::Shape { atoms: base.n, potential: potential.len() });
        }
        Ok(Self {
            settings,
            base_diagonal: base.diagonal.to_vec(),
            matrix: base.with_potential(potential),
            result: ScfResult {
                // Holds until an iteration finds otherwise.
                status: ScfStatus::MaxIter,
                static_potential: potential.to_vec(),
                potential: potential.to_vec(),
                density: vec![0.0; base.n],
                trace: Vec::new(),
            },
        })
    }

    /// `base + diag(v)`, the matrix to diagonalise next.
    #[must_use]
    pub fn matrix(&self) -> &SymmetricMatrix {
        &self.matrix
    }

    /// Takes the spectrum of [`Self::matrix`] and moves the potential.
    ///
    /// A spectrum of another size, or one that is not finite, ends the
    /// iteration as [`ScfStatus::ErrorNumerical`].
    pub fn advance(&mut self, spectrum: &ShellProjectors) -> ScfProgress {
        let previous = self.result.potential.clone();
        let rho = if spectrum.n() == previous.len() {
            occupied_density(spectrum, &self.settings)
        } else {
            vec![f64::NAN; previous.len()]
        };
        let n = rho.len() as f64;
        let mean_rho = rho.iter().sum::<f64>() / n;

        let ScfSettings { damping, gamma, tol, max_iter, .. } = self.settings;
        for ((v, v0), r) in
            self.result.potential.iter_mut().zip(&self.result.static_potential).zip(&rho)
        {
            let proposed = v0 + gamma * (r - mean_rho);
            *v = (1.0 - damping) * *v + damping * proposed;
        }
        let v = &self.result.potential;
        let moved: Vec<f64> = v.iter().zip(&previous).map(|(a, b)| (a - b).abs()).collect();
        let residual_inf = largest(&moved);
        let iteration = self.result.trace.len() as u32 + 1;
        let stop = if !v.iter().all(|v| v.is_finite()) {
            StopReason::ErrorNumerical
        } else if residual_inf < tol {
            if iteration == 1 && residual_inf <= TRIVIAL_RESIDUAL {
                StopReason::TrivialFixedPoint
            } else {
                StopReason::Converged
            }
        } else if iteration >= max_iter {
            StopReason::MaxIters
        } else {
            StopReason::Iterating
        };
        let delta_rho = rho.iter().zip(&self.result.density).map(|(a, b)| (a - b).abs());
        self.result.trace.push(ScfIteration {
            iteration,
            residual_inf,
            residual_mean: moved.iter().sum::<f64>() / n,
            delta_rho_l1: delta_rho.sum(),
            min_v: smallest(v),
            max_v: largest(v),
            mean_v: v.iter().sum::<f64>() / n,
            min_rho: smallest(&rho),
            max_rho: largest(&rho),
            mean_rho,
            stop,
        });
        self.result.density = rho;
        self.conclude(stop)
    }

    fn conclude(&mut self, stop: StopReason) -> ScfProgress {
        self.result.status = match stop {
            StopReason::Converged | StopReason::TrivialFixedPoint => ScfStatus::Converged,
            StopReason::MaxIters | StopReason::Iterating => ScfStatus::MaxIter,
            StopReason::ErrorNumerical => ScfStatus::ErrorNumerical,
        };
        if stop != StopReason::Iterating {
            return ScfProgress::Finished;
        }
        let diagonal = self.base_diagonal.iter().zip(&self.result.potential);
        for (entry, (base, v)) in self.matrix.diagonal.iter_mut().zip(diagonal) {
            *entry = base + v;
        }
        ScfProgress::Iterating
    }

    /// The result; before the loop has finished, with status
    /// [`ScfStatus::MaxIter`].
    #[must_use]
    pub fn finish(self) -> ScfResult {
        self.result
    }
}

const TRIVIAL_RESIDUAL: f64 = 1e-12;

/// Iterates one molecule with a solver for its matrices.
///
/// # Errors
/// What the solver returns, or a [`ScfError`] turned into its error type.
pub fn solve<E: From<ScfError>>(
    base: SymmetricGraph<'_>,
    potential: &[f64],
    settings: ScfSettings,
    mut diagonalise: impl FnMut(&SymmetricMatrix) -> Result<ShellProjectors, E>,
) -> Result<ScfResult, E> {
    let mut state = ScfState::new(base, potential, settings)?;
    loop {
        let spectrum = diagonalise(state.matrix())?;
        if state.advance(&spectrum) == ScfProgress::Finished {
            return Ok(state.finish());
        }
    }
}

/// ρ of the filled states, per atom; its sum is 1.
fn occupied_density(spectrum: &ShellProjectors, settings: &ScfSettings) -> Vec<f64> {
    let n = spectrum.n();
    let filled = n.min(settings.occ_k as usize);
    let lowest = &spectrum.values()[..filled];
    // Ascending, so the first exponent is the largest and nothing overflows.
    let weights: Vec<f64> =
        lowest.iter().map(|l| libm::exp(-(l - lowest[0]) / settings.tau)).collect();
    let total: f64 = weights.iter().sum();

    let mut rho = vec![0.0; n];
    for (levels, density) in spectrum.shells() {
        if levels.start >= filled {
            break;
        }
        let in_shell: f64 = weights[levels.start..levels.end.min(filled)].iter().sum();
        let per_state = in_shell / total / levels.len() as f64;
        for (r, d) in rho.iter_mut().zip(density) {
            *r += per_state * d;
        }
    }
    rho
}

/// NaN where any entry is NaN, so that it cannot pass for converged.
fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a })
}

fn smallest(values: &[f64]) -> f64 {
    -largest(&values.iter().map(|v| -v).collect::<Vec<_>>())
}
