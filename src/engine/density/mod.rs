//! What is the density of states of one graph of any size? Named graphs,
//! Matrix Market files, counts of eigenvalues, a plot. Must not know the command
//! line, nor libraries and runs.

mod matrix_market;
mod named;
mod plot;

use hetero2_common::threads::on_threads;
use hetero2_contract::SymmetricGraph;
use hetero2_spectra::large::{Count, EigenvalueCounter, Interval, LargeGraphError};
use serde::Serialize;

pub use matrix_market::{MatrixMarketError, read_matrix_market};
pub use named::{MOST_ATOMS, NamedGraph, Shape};
pub use plot::density_svg;

/// Width of the interval in which single eigenvalues are sought, in units of the
/// width of the spectrum: the gap of a long polymer is small.
const EIGENVALUE_TOLERANCE: f64 = 1e-14;

/// What is asked of [`density`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DensityRequest {
    /// Energies at which states are counted, at least 2.
    pub energies: u32,
    /// The lowest and the highest of them; the matrix' bounds without it.
    pub range: Option<(f64, f64)>,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

/// How a density was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DensityMethod {
    /// States were counted by the signs of pivots.
    Exact,
}

/// States below one energy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DensityPoint {
    /// The energy.
    pub energy: f64,
    /// States below it.
    pub below: f64,
    /// How far rounding can have moved the energy.
    pub slack: f64,
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
    /// How states were counted.
    pub method: DensityMethod,
    /// The lowest eigenvalue.
    pub lowest: EigenvalueRange,
    /// The second, where there is one.
    pub second: Option<EigenvalueRange>,
    /// The highest.
    pub highest: EigenvalueRange,
    /// The second eigenvalue less the lowest, at most `gap_error` off.
    pub gap: Option<f64>,
    /// See `gap`.
    pub gap_error: Option<f64>,
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
    let counter = EigenvalueCounter::new(matrix)?;
    let bounds = counter.bounds();
    let energies = grid(request, (bounds.low, bounds.high))?;
    let counts = counter.below(&energies)?;
    let point = |count: &Count| DensityPoint {
        energy: count.energy,
        below: count.below as f64,
        slack: count.slack,
    };
    let tolerance = EIGENVALUE_TOLERANCE * bounds.width();
    let eigenvalue = |k| counter.eigenvalue_beside(k, &counts, tolerance);
    let last = matrix.n as u64 - 1;
    let (lowest, highest) = (eigenvalue(0)?, eigenvalue(last)?);
    let second = (last > 0).then(|| eigenvalue(1)).transpose()?;
    let difference = |second: Interval| (second.middle() - lowest.middle()).max(0.0);
    Ok(GraphDensity {
        order: matrix.n,
        edges: matrix.edges.len(),
        method: DensityMethod::Exact,
        lowest: lowest.into(),
        second: second.map(EigenvalueRange::from),
        highest: highest.into(),
        gap: second.map(difference),
        gap_error: second.map(|second| (second.width() + lowest.width()) / 2.0),
        points: counts.iter().map(point).collect(),
    })
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
        let request = DensityRequest { energies: 5, range: Some((-0.5, 3.5)), threads: Some(1) };
        let found = density(&chain().view(), &request).unwrap();
        let below: Vec<f64> = found.points.iter().map(|point| point.below).collect();
        assert_eq!(below, [0.0, 1.0, 2.0, 2.0, 3.0]);
        assert!((found.gap.unwrap() - 1.0).abs() < 1e-9 && found.gap_error.unwrap() < 1e-9);
        let total: f64 = found.bins().map(|(_, states)| states).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_range_that_is_none_is_refused() {
        for (energies, range) in [(1, (0.0, 1.0)), (9, (1.0, 1.0)), (9, (0.0, f64::INFINITY))] {
            let request = DensityRequest { energies, range: Some(range), threads: Some(1) };
            let found = density(&chain().view(), &request);
            assert!(matches!(found, Err(DensityError::Grid { .. })), "{found:?}");
        }
    }
}
