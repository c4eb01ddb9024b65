//! What do counts of states cost as graphs grow? Single-threaded times of named
//! graphs, beside those of the dense kernel, and the exponent of their growth.

use std::time::Instant;

use hetero2_chemistry::operator::{AtomTable, GraphOperators, Operator, OperatorSettings};
use hetero2_common::threads::on_threads;
use hetero2_contract::SymmetricMatrix;
use hetero2_spectra::large::{
    Count, EigenvalueCounter, LargeGraphError, MomentRequest, counts_where_states_are,
    mean_error_bound, moments,
};
use hetero2_spectra::{BackendChoice, CpuBackend, SpectraBackend as _};
use serde::Serialize;

use super::{BenchError, Spread};
use crate::density::{NamedGraph, Shape};

/// Smaller graphs tell nothing of growth.
const LEAST_FITTED: u32 = 1000;
/// Sizes that do not span so much tell of the machine's load instead.
const LEAST_SPAN: f64 = 100.0;
/// A smaller estimate than is printed elsewhere, so that it takes no longer.
const ESTIMATE: MomentRequest = MomentRequest { vectors: 16, moments: 64, seed: 0 };

/// How counts are measured.
#[derive(Debug, Clone)]
pub struct ScaleBench {
    /// Energies at which states are counted.
    pub energies: u32,
    /// Graphs of at most so many atoms are diagonalised, too.
    pub dense_up_to: u32,
    /// Measurements of which the median is taken.
    pub repeats: u32,
    /// A GPU whose estimates are measured, too.
    pub gpu: Option<BackendChoice>,
}

/// The same estimate on all cores and on a GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceMeasurement {
    /// The device.
    pub device: String,
    /// Seconds of all cores.
    pub cores_s: f64,
    /// Seconds of the device, opening and uploads included.
    pub device_s: f64,
    /// Above 1 where the device is faster.
    pub times_cores: f64,
}

/// The costs of one graph, in seconds of one thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScaleMeasurement {
    /// The graph, as `chain:1000`.
    pub graph: NamedGraph,
    /// Its atoms.
    pub atoms: u32,
    /// Energies at which states were counted.
    pub energies: u32,
    /// Ordering the atoms and compiling their elimination.
    pub prepare_s: Spread,
    /// Counting at all energies.
    pub count_s: Spread,
    /// Both.
    pub total_s: Spread,
    /// Largest slack of a count.
    pub largest_slack: f64,
    /// An estimate by 64 moments of 16 random vectors.
    pub estimate_s: f64,
    /// The same on all cores and on a GPU, where one is measured.
    pub on_gpu: Option<DeviceMeasurement>,
    /// Energies, chosen where states are, that know the states as well as the even ones.
    pub chosen_energies: usize,
    /// Counting at them, and choosing them.
    pub chosen_s: f64,
    /// All eigenvalues by the dense kernel.
    pub dense_s: Option<f64>,
    /// The dense kernel's time over that of the counts.
    pub times_dense: Option<f64>,
}

/// What was measured of a graph, and what was found meanwhile.
#[derive(Debug, Clone)]
pub struct ScaleResult {
    /// Its costs.
    pub measurement: ScaleMeasurement,
    /// States at each energy.
    pub counts: Vec<Count>,
    /// States at the energies that were chosen.
    pub chosen: Vec<Count>,
    /// All eigenvalues, where the graph was diagonalised.
    pub eigenvalues: Option<Vec<f64>>,
}

impl ScaleBench {
    /// Measures the Laplacian of a graph on one thread.
    ///
    /// # Errors
    /// [`BenchError`] where states cannot be counted.
    pub fn measure(&self, graph: NamedGraph) -> Result<ScaleResult, BenchError> {
        let matrix = laplacian(graph)?;
        let mut found = on_threads(Some(1), || self.measured(graph, &matrix))??;
        if let Some(choice) = &self.gpu {
            found.measurement.on_gpu = Some(self.on_gpu(graph, &matrix, choice)?);
        }
        Ok(found)
    }

    /// The fastest of the repeats on all cores and on the device.
    #[cfg(feature = "gpu")]
    fn on_gpu(
        &self,
        graph: NamedGraph,
        matrix: &SymmetricMatrix,
        choice: &BackendChoice,
    ) -> Result<DeviceMeasurement, BenchError> {
        use hetero2_spectra::gpu::gpu_moments;

        let failed =
            |source: LargeGraphError| BenchError::Scale { graph: graph.to_string(), source };
        let (mut cores_s, mut device_s) = (f64::INFINITY, f64::INFINITY);
        let mut device = String::new();
        for _ in 0..self.repeats.max(1) {
            let start = Instant::now();
            on_threads(None, || moments(&matrix.view(), &ESTIMATE))?.map_err(failed)?;
            cores_s = cores_s.min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            device = gpu_moments(&matrix.view(), &ESTIMATE, choice)?.1;
            device_s = device_s.min(start.elapsed().as_secs_f64());
        }
        Ok(DeviceMeasurement { device, cores_s, device_s, times_cores: cores_s / device_s })
    }

    #[cfg(not(feature = "gpu"))]
    fn on_gpu(
        &self,
        _: NamedGraph,
        _: &SymmetricMatrix,
        _: &BackendChoice,
    ) -> Result<DeviceMeasurement, BenchError> {
        let what = "this build computes on CPUs only (cargo feature `gpu`)".to_owned();
        Err(BenchError::Adapter(hetero2_spectra::SpectraError::Adapter(what)))
    }

    fn measured(
        &self,
        graph: NamedGraph,
        matrix: &SymmetricMatrix,
    ) -> Result<ScaleResult, BenchError> {
        let failed =
            |source: LargeGraphError| BenchError::Scale { graph: graph.to_string(), source };
        let (mut prepare, mut count, mut total) = (Vec::new(), Vec::new(), Vec::new());
        let (mut counts, mut chosen, mut chosen_s) = (Vec::new(), Vec::new(), f64::INFINITY);
        for _ in 0..self.repeats.max(1) {
            let start = Instant::now();
            let counter = EigenvalueCounter::new(&matrix.view()).map_err(failed)?;
            prepare.push(start.elapsed().as_secs_f64());
            let energies = self.grid(&counter);
            let counting = Instant::now();
            counts = counter.below(&energies).map_err(failed)?;
            count.push(counting.elapsed().as_secs_f64());
            total.push(start.elapsed().as_secs_f64());
            let error = mean_error_bound(&counts, matrix.n);
            let choosing = Instant::now();
            chosen = counts_where_states_are(&counter, counter.bounds(), error, 2 * energies.len())
                .map_err(failed)?;
            chosen_s = chosen_s.min(choosing.elapsed().as_secs_f64());
        }
        let start = Instant::now();
        moments(&matrix.view(), &ESTIMATE).map_err(failed)?;
        let estimate_s = start.elapsed().as_secs_f64();
        let eigenvalues = (graph.atoms <= self.dense_up_to)
            .then(|| dense(matrix))
            .transpose()
            .map_err(|source| BenchError::Scale { graph: graph.to_string(), source })?;
        let spread = |times: &[f64]| Spread::of(times).unwrap_or(NO_TIME);
        let (prepare_s, count_s, total_s) = (spread(&prepare), spread(&count), spread(&total));
        let dense_s = eigenvalues.as_ref().map(|found| found.1);
        let measurement = ScaleMeasurement {
            graph,
            atoms: graph.atoms,
            energies: self.energies,
            prepare_s,
            count_s,
            total_s,
            largest_slack: counts.iter().map(|count| count.slack).fold(0.0, f64::max),
            estimate_s,
            on_gpu: None,
            chosen_energies: chosen.len(),
            chosen_s,
            dense_s,
            times_dense: dense_s.map(|dense| dense / total_s.median),
        };
        Ok(ScaleResult {
            measurement,
            counts,
            chosen,
            eigenvalues: eigenvalues.map(|found| found.0),
        })
    }

    /// Energies from one bound of the spectrum to the other.
    fn grid(&self, counter: &EigenvalueCounter) -> Vec<f64> {
        let bounds = counter.bounds();
        let last = f64::from(self.energies.max(2) - 1);
        (0..self.energies.max(2))
            .map(|at| bounds.low + bounds.width() * f64::from(at) / last)
            .collect()
    }
}

const NO_TIME: Spread = Spread { median: 0.0, q1: 0.0, q3: 0.0, min: 0.0, max: 0.0 };

/// The Laplacian of a named graph.
fn laplacian(graph: NamedGraph) -> Result<SymmetricMatrix, BenchError> {
    let settings = OperatorSettings::default();
    let built = GraphOperators::build(&graph.graph(), AtomTable::embedded(), &settings);
    let matrix = built.ok().and_then(|operators| operators.matrix(Operator::L));
    matrix.ok_or_else(|| BenchError::NoMatrices { library: graph.to_string(), rows: 1 })
}

/// All eigenvalues, and the time they take.
fn dense(matrix: &SymmetricMatrix) -> Result<(Vec<f64>, f64), LargeGraphError> {
    let start = Instant::now();
    let spectra = CpuBackend::new().eigenvalues(&[matrix.view()])?;
    Ok((spectra[0].to_vec(), start.elapsed().as_secs_f64()))
}

/// The exponent of the growth of time with atoms, fitted to the logarithms of graphs
/// from 1,000 atoms on whose shapes have rings or have none; nothing where no shape's sizes
/// span a factor of 100. A shape has its own factor, and the fastest measurement counts, which
/// the machine's load disturbs least.
#[must_use]
pub fn exponent(measurements: &[ScaleMeasurement], wanted: impl Fn(Shape) -> bool) -> Option<f64> {
    let (mut products, mut squares) = (0.0, 0.0);
    for shape in Shape::ALL.into_iter().filter(|&shape| wanted(shape)) {
        let fitted = |m: &&ScaleMeasurement| m.graph.shape == shape && m.atoms >= LEAST_FITTED;
        let points: Vec<(f64, f64)> = measurements
            .iter()
            .filter(fitted)
            .map(|m| (f64::from(m.atoms).ln(), m.total_s.min.ln()))
            .collect();
        let ends = points.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), point| {
            (low.min(point.0), high.max(point.0))
        });
        if ends.1 - ends.0 < LEAST_SPAN.ln() - 1e-9 {
            continue;
        }
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        products += points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
        squares += points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>();
    }
    (squares > 0.0).then(|| products / squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_of_a_power_is_its_exponent() {
        let of = |shape, atoms: u32, seconds: f64| {
            let time = Spread { median: seconds, min: seconds, ..NO_TIME };
            ScaleMeasurement {
                graph: NamedGraph { shape, atoms },
                atoms,
                energies: 2,
                prepare_s: time,
                count_s: time,
                total_s: time,
                largest_slack: 0.0,
                estimate_s: 1.0,
                on_gpu: None,
                chosen_energies: 2,
                chosen_s: 1.0,
                dense_s: None,
                times_dense: None,
            }
        };
        let sizes = [100, 1000, 4000, 100_000];
        let power = |n: &u32| f64::from(*n).powf(1.5);
        let chains = sizes.iter().map(|n| of(Shape::Chain, *n, 1e-6 * power(n)));
        let others = sizes.iter().map(|n| of(Shape::Branched, *n, 1e-3 * power(n)));
        let rings = sizes.iter().map(|n| of(Shape::Ring, *n, 1e-3 * f64::from(*n)));
        let all: Vec<_> = chains.chain(others).chain(rings).collect();
        assert!((exponent(&all, |shape| !shape.has_rings()).unwrap() - 1.5).abs() < 1e-9);
        assert!((exponent(&all, Shape::has_rings).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(exponent(&all[..2], |_| true), None);
    }
}
