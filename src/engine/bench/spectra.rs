//! Matrices per second of each backend, by order and number of threads.

use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use hetero2_chemistry::operator::SymmetricMatrix;
use hetero2_common::threads::on_threads;
use hetero2_spectra::{SpectraBackend, SpectraError, SymmetricGraph, parts as cut};

use super::{BenchError, Spread, Usage};

/// Parts that each thread gets, so that none waits long for the last one.
const PARTS_PER_THREAD: usize = 4;

/// A backend to measure, and the numbers of threads that feed it in turn.
pub struct Subject {
    /// The backend; its name is that of the results.
    pub backend: Box<dyn SpectraBackend>,
    /// Threads that call it at the same time. A device that takes a whole
    /// batch in one call is fed by one.
    pub threads: Vec<usize>,
}

/// What is asked of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Eigenvalues.
    Values,
    /// Eigenvalues and the local density of states, which takes eigenvectors.
    Densities,
}

impl Work {
    /// Both, the cheaper first.
    pub const ALL: [Self; 2] = [Self::Values, Self::Densities];

    /// `values` or `densities`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Densities => "densities",
        }
    }
}

/// Matrices that are measured together.
#[derive(Debug, Clone)]
pub struct MatrixSet {
    /// Name in the results: an order, or a library.
    pub name: String,
    /// Different matrices; they are repeated where more are asked for.
    pub matrices: Vec<SymmetricMatrix>,
    /// Matrices that a measurement takes.
    pub count: usize,
}

impl MatrixSet {
    /// As a backend gets them.
    #[must_use]
    pub fn batch(&self) -> Vec<SymmetricGraph<'_>> {
        self.matrices.iter().cycle().take(self.count).map(view).collect()
    }

    /// Smallest, mean and largest order of the different matrices; zeros
    /// where there are none.
    #[must_use]
    pub fn orders(&self) -> (usize, f64, usize) {
        let orders = || self.matrices.iter().map(|matrix| matrix.n);
        let mean = orders().sum::<usize>() as f64 / self.matrices.len().max(1) as f64;
        (orders().min().unwrap_or(0), mean, orders().max().unwrap_or(0))
    }
}

/// How often to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpectraBench {
    /// Calls before the first measurement, whose times do not count.
    pub warm_up: u32,
    /// Measurements, at least 1.
    pub repeats: u32,
}

/// One line of the results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpectraMeasurement {
    /// Device and instructions.
    pub backend: String,
    /// Threads that fed it.
    pub threads: usize,
    /// What was computed.
    pub work: Work,
    /// Name of the matrices.
    pub set: String,
    /// Mean order of the matrices.
    pub mean_order: f64,
    /// Matrices in one measurement.
    pub matrices: usize,
    /// Wall time for a matrix, microseconds.
    pub us_per_matrix: Spread,
    /// CPU time of all threads for a matrix, microseconds, where the system
    /// tells: on a machine that others use too, it says more than wall time.
    pub cpu_us_per_matrix: Option<Spread>,
    /// Matrices per second.
    pub matrices_per_s: Spread,
}

impl SpectraBench {
    /// Measures every subject, with each of its numbers of threads, on every
    /// set, values and then densities.
    ///
    /// # Errors
    /// The first backend that fails, or threads that cannot be started.
    pub fn measure(
        &self,
        subjects: &[Subject],
        sets: &[MatrixSet],
    ) -> Result<Vec<SpectraMeasurement>, BenchError> {
        let mut found = Vec::new();
        for subject in subjects {
            for &threads in &subject.threads {
                found.extend(on_threads(Some(threads), || self.all(subject, threads, sets))??);
            }
        }
        Ok(found)
    }

    /// Measures a subject on every set, on the threads of this call.
    fn all(
        &self,
        subject: &Subject,
        threads: usize,
        sets: &[MatrixSet],
    ) -> Result<Vec<SpectraMeasurement>, BenchError> {
        let mut found = Vec::new();
        for (work, set) in Work::ALL.iter().flat_map(|work| sets.iter().map(move |s| (*work, s))) {
            let measured = self.one(&*subject.backend, threads, work, set);
            found.extend(measured.map_err(|source| BenchError::Spectra {
                backend: subject.backend.name().to_owned(),
                threads,
                set: set.name.clone(),
                source,
            })?);
        }
        Ok(found)
    }

    fn one(
        &self,
        backend: &dyn SpectraBackend,
        threads: usize,
        work: Work,
        set: &MatrixSet,
    ) -> Result<Option<SpectraMeasurement>, SpectraError> {
        let batch = set.batch();
        let parts = parts(&batch, work, threads);
        let cpu_s = || Usage::now().map(|usage| usage.cpu_s);
        let (mut seconds, mut cpu_seconds) = (Vec::new(), Vec::new());
        for call in 0..self.warm_up + self.repeats {
            let (start, cpu_start) = (Instant::now(), cpu_s());
            parts.par_iter().try_for_each(|part| match work {
                Work::Values => backend.eigenvalues(part).map(drop),
                Work::Densities => backend.local_spectra(part).map(drop),
            })?;
            if call >= self.warm_up {
                seconds.push(start.elapsed().as_secs_f64());
                cpu_seconds.extend(cpu_s().zip(cpu_start).map(|(end, start)| end - start));
            }
        }
        let (_, mean_order, _) = set.orders();
        let matrices = batch.len() as f64;
        let each =
            |seconds: &[f64]| -> Vec<f64> { seconds.iter().map(|s| 1e6 * s / matrices).collect() };
        let rates: Vec<f64> = seconds.iter().map(|s| matrices / s).collect();
        tracing::info!(backend = backend.name(), threads, set = set.name, "measured");
        Ok(Spread::of(&each(&seconds)).zip(Spread::of(&rates)).map(
            |(us_per_matrix, matrices_per_s)| SpectraMeasurement {
                backend: backend.name().to_owned(),
                threads,
                work,
                set: set.name.clone(),
                mean_order,
                matrices: batch.len(),
                us_per_matrix,
                cpu_us_per_matrix: Spread::of(&each(&cpu_seconds)),
                matrices_per_s,
            },
        ))
    }
}

fn view(matrix: &SymmetricMatrix) -> SymmetricGraph<'_> {
    SymmetricGraph {
        n: matrix.n,
        edges: &matrix.edges,
        off_diagonal: &matrix.off_diagonal,
        diagonal: &matrix.diagonal,
    }
}

/// Cuts a batch into the parts that threads take: one for one thread, unless
/// eigenvectors would fill the memory.
fn parts<'a, 'b>(
    batch: &'a [SymmetricGraph<'b>],
    work: Work,
    threads: usize,
) -> Vec<&'a [SymmetricGraph<'b>]> {
    let pieces = if threads > 1 { PARTS_PER_THREAD * threads } else { 1 };
    let most = batch.len().div_ceil(pieces).max(1);
    let size = |graph: &SymmetricGraph<'_>| match work {
        Work::Values => 0,
        Work::Densities => graph.n * graph.n,
    };
    cut(batch, most, size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hetero2_spectra::PART_COMPONENTS;

    #[test]
    fn parts_hold_every_matrix_once_and_never_too_many_components() {
        let set = MatrixSet {
            name: "64".into(),
            matrices: hetero2_spectra::sample::of_order(64, 10),
            count: 700,
        };
        let batch = set.batch();
        assert_eq!(parts(&batch, Work::Values, 1).len(), 1);
        assert_eq!(parts(&batch, Work::Values, 2).len(), 8);
        let parts = parts(&batch, Work::Densities, 1);
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| part.len() * 64 * 64 <= PART_COMPONENTS));
        assert_eq!(parts.concat(), batch);
    }
}
