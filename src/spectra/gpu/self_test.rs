//! The self-test that decides whether an adapter is used, and the list of
//! adapters with its results.

use serde::Serialize;

use super::adapter::{self, AdapterSummary};
use super::device::Failure;
use super::kernel::Task;
use super::scalar::Scalar;
use super::{GpuBackend, Refused};
use crate::{CpuBackend, SpectraBackend as _, SymmetricGraph};

/// An adapter and what its self-tests said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceReport {
    /// The adapter.
    #[serde(flatten)]
    pub adapter: AdapterSummary,
    /// Self-test in double precision; nothing where the adapter has none.
    pub self_test_double: Option<SelfTest>,
    /// Self-test in single precision, for screening.
    pub self_test_screening: SelfTest,
}

/// Outcome of a self-test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTest {
    /// Whether the adapter may be used.
    pub passed: bool,
    /// Spectra that were compared.
    pub spectra: u64,
    /// Largest error of an eigenvalue against the CPU kernel, in units of half
    /// the last place and the largest absolute row sum.
    pub largest_error: Option<f64>,
    /// Why it did not pass.
    pub failure: Option<String>,
}

impl SelfTest {
    fn of(result: Result<Passed, Failure>) -> Self {
        match result {
            Ok(passed) => Self {
                passed: true,
                spectra: passed.spectra,
                largest_error: Some(passed.largest_error),
                failure: None,
            },
            Err(failure) => {
                Self { passed: false, spectra: 0, largest_error: None, failure: Some(failure) }
            }
        }
    }
}

/// Every adapter of this machine, tested.
#[must_use]
pub fn devices() -> Vec<DeviceReport> {
    let report = |found: adapter::Found| DeviceReport {
        self_test_double: found.summary.f64.then(|| SelfTest::of(test::<f64>(&found))),
        self_test_screening: SelfTest::of(test::<f32>(&found)),
        adapter: found.summary,
    };
    adapter::find().into_iter().map(report).collect()
}

fn test<T: Scalar>(found: &adapter::Found) -> Result<Passed, Failure> {
    GpuBackend::<T>::open_tested(found).map(|(_, passed)| passed)
}

/// What a passed self-test measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Passed {
    pub spectra: u64,
    pub largest_error: f64,
}

/// Runs every kernel on graphs whose spectra are known, degenerate ones among
/// them, and compares with the CPU.
///
/// # Errors
/// The first graph whose result is wrong, or what the driver said.
pub(super) fn pass<T: Scalar>(backend: &GpuBackend<T>) -> Result<Passed, Failure> {
    let mut passed = Passed { spectra: 0, largest_error: 0.0 };
    for task in [Task::Values, Task::Densities] {
        let variants = backend.variants(task).iter();
        // Odd orders too; of the large ones those that take the most steps.
        let orders = variants.flat_map(|v| v.order - usize::from(!v.is_stored())..=v.order);
        let graphs: Vec<Known> = [1, 2, 3, 5].into_iter().chain(orders).flat_map(known).collect();
        let batch: Vec<SymmetricGraph<'_>> = graphs.iter().map(Known::view).collect();
        compare(backend, task, &graphs, &batch, &mut passed)?;
    }
    Ok(passed)
}

fn compare<T: Scalar>(
    backend: &GpuBackend<T>,
    task: Task,
    graphs: &[Known],
    batch: &[SymmetricGraph<'_>],
    passed: &mut Passed,
) -> Result<(), Failure> {
    let exact = CpuBackend::new().eigenvalues(batch).map_err(|e| e.to_string())?;
    let unit = T::EPS.to_f64();
    // The guard band has no say here: a spectrum in it is right all the same.
    let results = backend.solve(task, batch, |graph, norm, results| {
        let values: Vec<f64> = results[..graph.n].iter().map(|x| x.to_f64()).collect();
        let accepted = match task {
            Task::Values => GpuBackend::<T>::accept_values(graph, norm, results).map(drop),
            Task::Densities => GpuBackend::<T>::accept_densities(graph, norm, results).map(drop),
        };
        match accepted {
            Ok(()) | Err(Refused::GuardBand) => Ok((values, norm)),
            Err(Refused::FailedCheck) => Err(Refused::FailedCheck),
        }
    });
    if let Some(failure) = backend.failure.get() {
        return Err(failure.clone());
    }
    for ((result, graph), exact) in results.into_iter().zip(graphs).zip(exact.iter()) {
        let what =
            || format!("self-test failed: {:?} of a {} of order {}", task, graph.name, graph.n);
        let (values, norm) = result.ok_or_else(what)?;
        let errors =
            values.iter().zip(exact).map(|(a, b)| (a - b).abs() / (unit * norm.max(1e-300)));
        let error = errors.fold(0.0, f64::max);
        if error > T::MEASURED_ERROR {
            let most = T::MEASURED_ERROR;
            return Err(format!("{}: error {error:.1}, at most {most} allowed", what()));
        }
        passed.largest_error = passed.largest_error.max(error);
        passed.spectra += 1;
    }
    Ok(())
}

/// A graph whose spectrum the literature gives.
struct Known {
    name: &'static str,
    n: usize,
    edges: Vec<(u32, u32)>,
    off_diagonal: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Known {
    fn new(
        name: &'static str,
        n: usize,
        edges: Vec<(u32, u32)>,
        weight: impl Fn(usize) -> f64,
        potential: impl Fn(usize) -> f64,
    ) -> Self {
        let mut diagonal: Vec<f64> = (0..n).map(potential).collect();
        let off_diagonal: Vec<f64> = (0..edges.len()).map(|k| -weight(k)).collect();
        for (&(i, j), x) in edges.iter().zip(&off_diagonal) {
            diagonal[i as usize] -= x;
            diagonal[j as usize] -= x;
        }
        Self { name, n, edges, off_diagonal, diagonal }
    }

    fn view(&self) -> SymmetricGraph<'_> {
        SymmetricGraph {
            n: self.n,
            edges: &self.edges,
            off_diagonal: &self.off_diagonal,
            diagonal: &self.diagonal,
        }
    }
}

/// Path (2 − 2 cos kπ/n), cycle (pairs of equal levels), star (n − 2 equal
/// levels), complete graph (n − 1 equal levels), and a chain with branches,
/// weights and a potential.
fn known(n: usize) -> Vec<Known> {
    let last = n as u32;
    let path = || (1..last).map(|i| (i - 1, i)).collect::<Vec<_>>();
    let one = |_| 1.0;
    let none = |_| 0.0;
    let mut graphs = vec![
        Known::new("path", n, path(), one, none),
        Known::new("star", n, (1..last).map(|i| (0, i)).collect(), one, none),
    ];
    if n >= 3 {
        let cycle = (0..last).map(|i| (i, (i + 1) % last)).collect();
        graphs.push(Known::new("cycle", n, cycle, one, none));
        let branches = (1..last).map(|i| (i - 1 - i % 3 / 2, i)).collect();
        graphs.push(Known::new(
            "weighted tree",
            n,
            branches,
            |k| [1.0, 1.5, 2.0, 3.0][k % 4],
            |i| [2.55, 3.44, 0.0, 3.04, -0.5][i * 7 % 5],
        ));
    }
    if (3..=48).contains(&n) {
        let pairs = (0..last).flat_map(|i| (i + 1..last).map(move |j| (i, j))).collect();
        graphs.push(Known::new("complete graph", n, pairs, one, none));
    }
    graphs
}
