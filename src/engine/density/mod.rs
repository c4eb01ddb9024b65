//! What is the density of states of one graph of any size? Named graphs,
//! Matrix Market files, counts of eigenvalues, a plot. Must not know the command
//! line, nor libraries and runs.

mod matrix_market;
mod named;
mod plot;

use hetero2_common::threads::on_threads;
use hetero2_contract::SymmetricGraph;
use hetero2_spectra::large::{
    Count, EigenvalueCounter, Estimate, Interval, LargeGraphError, MomentRequest, Moments, moments,
};
use hetero2_spectra::{BackendChoice, BackendKind, CpuBackend, SpectraBackend as _};
use rayon::prelude::*;
use serde::Serialize;

pub use matrix_market::{MatrixMarketError, read_matrix_market};
pub use named::{MOST_ATOMS, NamedGraph, Shape};
pub use plot::density_svg;

/// Width of the interval in which single eigenvalues are sought, in units of the
/// width of the spectrum: the gap of a long polymer is small.
const EIGENVALUE_TOLERANCE: f64 = 1e-14;

/// How states are counted.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DensityMethod {
    /// Exactly, and where the graph has too much fill by an estimate.
    #[default]
    #[cfg_attr(feature = "clap", value(help = "Exact where the graph permits, else estimated"))]
    Auto,
    /// By the signs of pivots.
    #[cfg_attr(feature = "clap", value(help = "Counted by a sparse elimination"))]
    Exact,
    /// By Chebyshev moments of random vectors.
    #[cfg_attr(feature = "clap", value(help = "Estimated with random vectors, with error bars"))]
    Estimated,
}

/// What is asked of [`density`].
#[derive(Debug, Clone, PartialEq)]
pub struct DensityRequest {
    /// Energies at which states are counted, at least 2.
    pub energies: u32,
    /// The lowest and the highest of them; the matrix' bounds without it.
    pub range: Option<(f64, f64)>,
    /// How they are counted.
    pub method: DensityMethod,
    /// What an estimate is made of.
    pub moments: MomentRequest,
    /// Which device estimates; with [`BackendKind::Auto`] the CPU.
    pub backend: BackendChoice,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

impl Default for DensityRequest {
    fn default() -> Self {
        Self {
            energies: 257,
            range: None,
            method: DensityMethod::Auto,
            moments: MomentRequest::default(),
            backend: BackendChoice::default(),
            threads: None,
        }
    }
}

/// How a density was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "method")]
pub enum Found {
    /// States were counted by the signs of pivots.
    Exact {
        /// The lowest eigenvalue.
        lowest: EigenvalueRange,
        /// The second, where there is one.
        second: Option<EigenvalueRange>,
        /// The highest.
        highest: EigenvalueRange,
        /// The second eigenvalue less the lowest, at most `gap_error` off.
        gap: Option<f64>,
        /// See `gap`.
        gap_error: Option<f64>,
    },
    /// States were estimated with random vectors.
    Estimated {
        /// Random vectors.
        vectors: u32,
        /// Chebyshev moments.
        moments: u32,
        /// What the vectors were drawn with.
        seed: u32,
        /// How far states are smeared, a standard deviation of energy.
        resolution: f64,
        /// What estimated.
        device: String,
    },
}

/// States below one energy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DensityPoint {
    /// The energy.
    pub energy: f64,
    /// States below it.
    pub below: f64,
    /// How far rounding can have moved the energy; 0 for an estimate.
    pub slack: f64,
    /// Standard error of an estimate; 0 for a count.
    pub error: f64,
}

/// Where an eigenvalue lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EigenvalueRange {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl From<Interval> for EigenvalueRange {
    fn from(found: Interval) -> Self {
        Self { low: found.low, high: found.high }
    }
}

/// The integrated density of states of one matrix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphDensity {
    /// Order of the matrix.
    pub order: usize,
    /// Entries above its diagonal.
    pub edges: usize,
    /// How states were counted, and what else was found.
    #[serde(flatten)]
    pub found: Found,
    /// States at ascending energies.
    pub points: Vec<DensityPoint>,
}

impl GraphDensity {
    /// Between neighbouring energies: the middle, and states per unit of energy
    /// and node.
    pub fn bins(&self) -> impl Iterator<Item = (f64, f64)> {
        let order = self.order as f64;
        self.points.windows(2).map(move |ends| {
            let width = ends[1].energy - ends[0].energy;
            let middle = ends[0].energy + width / 2.0;
            (middle, (ends[1].below - ends[0].below) / (order * width))
        })
    }
}

/// Why a density cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum DensityError {
    /// The matrix is empty.
    #[error("the graph has no heavy atom: there is no spectrum")]
    Empty,
    /// The energies make no grid.
    #[error(
        "{energies} energies from {low} to {high} make no grid: at least 2, the first below the last"
    )]
    Grid {
        /// Number of energies.
        energies: u32,
        /// The lowest.
        low: f64,
        /// The highest.
        high: f64,
    },
    /// States cannot be counted.
    #[error(transparent)]
    Count(#[from] LargeGraphError),
    /// A GPU was asked for and gives no estimate.
    #[cfg(feature = "gpu")]
    #[error(transparent)]
    Gpu(#[from] hetero2_spectra::gpu::GpuMomentsError),
    /// A GPU was asked for, of which this build knows nothing.
    #[error("this build computes on CPUs only (cargo feature `gpu`)")]
    NoGpu,
    /// Threads cannot be started.
    #[error(transparent)]
    Threads(#[from] hetero2_common::threads::ThreadsError),
}

/// Counts the states of a matrix below each energy of an even grid: the same
/// numbers for any number of threads.
///
/// # Errors
/// [`DensityError`] where there is no spectrum, no grid, or no count.
pub fn density(
    matrix: &SymmetricGraph<'_>,
    request: &DensityRequest,
) -> Result<GraphDensity, DensityError> {
    on_threads(request.threads, || counted(matrix, request))?
}

fn counted(
    matrix: &SymmetricGraph<'_>,
    request: &DensityRequest,
) -> Result<GraphDensity, DensityError> {
    if matrix.n == 0 {
        return Err(DensityError::Empty);
    }
    let found = match request.method {
        DensityMethod::Estimated => estimated(matrix, request),
        DensityMethod::Exact => exact(matrix, request),
        DensityMethod::Auto => match exact(matrix, request) {
            Err(DensityError::Count(LargeGraphError::Fill { .. })) => estimated(matrix, request),
            found => found,
        },
    };
    let (found, points) = found?;
    Ok(GraphDensity { order: matrix.n, edges: matrix.edges.len(), found, points })
}

type FoundPoints = Result<(Found, Vec<DensityPoint>), DensityError>;

fn exact(matrix: &SymmetricGraph<'_>, request: &DensityRequest) -> FoundPoints {
    let counter = EigenvalueCounter::new(matrix)?;
    let bounds = counter.bounds();
    let energies = grid(request, (bounds.low, bounds.high))?;
    let counts = counter.below(&energies)?;
    let point = |count: &Count| DensityPoint {
        energy: count.energy,
        below: count.below as f64,
        slack: count.slack,
        error: 0.0,
    };
    let tolerance = EIGENVALUE_TOLERANCE * bounds.width();
    let eigenvalue = |k| counter.eigenvalue_beside(k, &counts, tolerance);
    let last = matrix.n as u64 - 1;
    let (lowest, highest) = (eigenvalue(0)?, eigenvalue(last)?);
    let second = (last > 0).then(|| eigenvalue(1)).transpose()?;
    let difference = |second: Interval| (second.middle() - lowest.middle()).max(0.0);
    let found = Found::Exact {
        lowest: lowest.into(),
        second: second.map(EigenvalueRange::from),
        highest: highest.into(),
        gap: second.map(difference),
        gap_error: second.map(|second| (second.width() + lowest.width()) / 2.0),
    };
    Ok((found, counts.iter().map(point).collect()))
}

fn estimated(matrix: &SymmetricGraph<'_>, request: &DensityRequest) -> FoundPoints {
    let (found, device) = match request.backend.kind {
        BackendKind::Gpu => gpu(matrix, request)?,
        _ => (moments(matrix, &request.moments)?, CpuBackend::new().name().to_owned()),
    };
    let energies = grid(request, found.bounds())?;
    let point = |&energy: &f64| {
        let Estimate { mean, error } = found.below(energy);
        DensityPoint { energy, below: mean, slack: 0.0, error }
    };
    let points = energies.par_iter().map(point).collect();
    let asked = request.moments.in_range();
    let (vectors, moments, seed) = (asked.vectors, asked.moments, asked.seed);
    let resolution = found.resolution();
    Ok((Found::Estimated { vectors, moments, seed, resolution, device }, points))
}

#[cfg(feature = "gpu")]
fn gpu(
    matrix: &SymmetricGraph<'_>,
    request: &DensityRequest,
) -> Result<(Moments, String), DensityError> {
    Ok(hetero2_spectra::gpu::gpu_moments(matrix, &request.moments, &request.backend)?)
}

#[cfg(not(feature = "gpu"))]
fn gpu(_: &SymmetricGraph<'_>, _: &DensityRequest) -> Result<(Moments, String), DensityError> {
    Err(DensityError::NoGpu)
}

/// Evenly spaced energies, both ends included.
fn grid(request: &DensityRequest, bounds: (f64, f64)) -> Result<Vec<f64>, DensityError> {
    let (low, high) = request.range.unwrap_or(bounds);
    let energies = request.energies;
    let width = high - low;
    if energies < 2 || width.is_nan() || width <= 0.0 || !width.is_finite() {
        return Err(DensityError::Grid { energies, low, high });
    }
    let last = f64::from(energies - 1);
    Ok((0..energies).map(|at| low + width * (f64::from(at) / last)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> hetero2_contract::SymmetricMatrix {
        hetero2_contract::SymmetricMatrix {
            n: 3,
            edges: vec![(0, 1), (1, 2)],
            off_diagonal: vec![-1.0; 2],
            diagonal: vec![1.0, 2.0, 1.0],
        }
    }

    #[test]
    fn a_small_density_is_counted_and_its_gap_found() {
        let range = Some((-0.5, 3.5));
        let request = DensityRequest { energies: 5, range, ..DensityRequest::default() };
        let found = density(&chain().view(), &request).unwrap();
        let below: Vec<f64> = found.points.iter().map(|point| point.below).collect();
        assert_eq!(below, [0.0, 1.0, 2.0, 2.0, 3.0]);
        let Found::Exact { gap, gap_error, .. } = found.found else { panic!("{found:?}") };
        assert!((gap.unwrap() - 1.0).abs() < 1e-9 && gap_error.unwrap() < 1e-9);
        let total: f64 = found.bins().map(|(_, states)| states).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_range_that_is_none_is_refused() {
        for (energies, range) in [(1, (0.0, 1.0)), (9, (1.0, 1.0)), (9, (0.0, f64::INFINITY))] {
            let request =
                DensityRequest { energies, range: Some(range), ..DensityRequest::default() };
            let found = density(&chain().view(), &request);
            assert!(matches!(found, Err(DensityError::Grid { .. })), "{found:?}");
        }
    }
}
