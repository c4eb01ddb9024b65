//! The kernels on a real driver, software or hardware: against their references one
//! by one, and whole against the CPU. Where no adapter is, these tests say so
//! and check nothing, unless `HETERO2_REQUIRE_GPU` is set.

use super::adapter::{self, Found};
use super::kernel::{Kernel, Memory};
use super::*;
use crate::features::{OperatorFeatures, StabilityMetrics};
use crate::ldos::LocalSpectrum;
use crate::{CpuBackend, reference};
use hetero2_common::rounding::round8;

/// Every adapter there is.
fn adapters() -> Vec<Found> {
    let found = adapter::find();
    if found.is_empty() {
        assert!(std::env::var_os("HETERO2_REQUIRE_GPU").is_none(), "no GPU adapter");
        eprintln!("SKIPPED: no GPU adapter, not even a software one: no shader was run");
    }
    found
}

fn with_f64() -> Vec<Found> {
    adapters().into_iter().filter(|found| found.summary.f64).collect()
}

/// A pseudo-random molecule-like graph: a tree with some rings.
struct Graph {
    n: usize,
    edges: Vec<(u32, u32)>,
    off_diagonal: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Graph {
    fn new(n: usize, seed: u64, weighted: bool, potential: bool) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % limit
        };
        let mut edges: Vec<(u32, u32)> =
            (1..n).map(|i| ((i - 1 - below(i.min(3))) as u32, i as u32)).collect();
        for _ in 0..n / 7 {
            let (i, j) = (below(n) as u32, below(n) as u32);
            let edge = (i.min(j), i.max(j));
            if i != j && !edges.contains(&edge) {
                edges.push(edge);
            }
        }
        let weights = [1.0, 1.5, 2.0, 3.0, 1.234_567];
        let off_diagonal: Vec<f64> =
            edges.iter().map(|_| if weighted { -weights[below(5)] } else { -1.0 }).collect();
        let energies = [2.55, 3.04, 3.44, 3.16, 0.0];
        let mut diagonal: Vec<f64> =
            (0..n).map(|_| if potential { energies[below(5)] } else { 0.0 }).collect();
        for (&(i, j), x) in edges.iter().zip(&off_diagonal) {
            diagonal[i as usize] -= x;
            diagonal[j as usize] -= x;
        }
        Self { n, edges, off_diagonal, diagonal }
    }

    fn view(&self) -> SymmetricGraph<'_> {
        SymmetricGraph {
            n: self.n,
            edges: &self.edges,
            off_diagonal: &self.off_diagonal,
            diagonal: &self.diagonal,
        }
    }

    /// As the references take it.
    fn assembled<T: Scalar>(&self, stride: usize) -> Vec<T> {
        let real = |x: &f64| T::from_f64(*x);
        let weights: Vec<T> = self.off_diagonal.iter().map(|x| T::from_f64(-x)).collect();
        let mut potential = self.diagonal.clone();
        for (&(i, j), x) in self.edges.iter().zip(&self.off_diagonal) {
            potential[i as usize] += x;
            potential[j as usize] += x;
        }
        let potential: Vec<T> = potential.iter().map(real).collect();
        reference::assemble(self.n, stride, &self.edges, Some(&weights), Some(&potential))
    }
}

fn graphs(orders: impl IntoIterator<Item = usize>) -> Vec<Graph> {
    let of = |(k, n): (usize, usize)| Graph::new(n, k as u64, k % 3 == 1, k % 2 == 1);
    orders.into_iter().enumerate().map(of).collect()
}

fn views(graphs: &[Graph]) -> Vec<SymmetricGraph<'_>> {
    graphs.iter().map(Graph::view).collect()
}

/// What a kernel wrote, per matrix.
fn raw<T: Scalar>(backend: &GpuBackend<T>, task: Task, graphs: &[Graph]) -> Vec<Vec<T>> {
    let results = backend.solve(task, &views(graphs), |_, _, results| Ok(results.to_vec()));
    assert_eq!(backend.failure.get(), None);
    assert_eq!(missing(&results), [0usize; 0], "every matrix went to a kernel");
    results.into_iter().flatten().collect()
}

/// Largest difference of two results, in units of the last place of `norm`.
fn units<T: Scalar>(a: &[T], b: &[T], norm: f64) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()).abs());
    differences.fold(0.0, f64::max) / (T::EPS.to_f64() * norm)
}

/// Runs every kernel of `T` against its reference. Drivers may fuse multiplications
/// and additions, so results agree to rounding errors, not to the bit.
fn kernels_agree_with_their_twins<T: Scalar>(found: &Found) {
    let backend = GpuBackend::<T>::open_untested(found).unwrap();
    let norm = 12.0;
    let scaled = (T::HALVINGS as usize).min(40);
    let graphs = graphs((1..=16).chain([24, 31, 32, scaled]));

    // Assembly and tridiagonal form, through entry points of their own.
    let stored =
        Variant { kernel: Kernel::Bisection, memory: Memory::Storage, order: 48, workers: 64 };
    for (entry, source) in [
        ("assembled", include_str!("tests/assembled.wgsl")),
        ("tridiagonalised", include_str!("tests/tridiagonalised.wgsl")),
    ] {
        backend.device.replace(stored, stored.source::<T>() + source, entry).unwrap();
        let views = views(&graphs);
        let mut packed = Packed::default();
        for (id, view) in views.iter().enumerate() {
            packed.push(Suited { id, norm }, view, stored, view.n * view.n.max(2));
        }
        let flight = backend.device.submit(packed).unwrap();
        let results: Vec<Vec<T>> = backend
            .device
            .finish(flight, |packed, reals| {
                packed.members.iter().map(|(_, place)| reals[place.clone()].to_vec()).collect()
            })
            .unwrap();
        for (graph, result) in graphs.iter().zip(results) {
            let n = graph.n;
            let mut dense = graph.assembled::<T>(n);
            let (expected, limit) = if entry == "assembled" {
                (dense, 2.0)
            } else {
                let t = reference::tridiagonalise(&mut dense, n);
                ([t.diagonal, t.subdiagonal].concat(), 64.0)
            };
            let off = units(&result[..expected.len()], &expected, norm);
            assert!(off <= limit, "{entry} of order {n}: {off} units");
        }
    }

    for (graph, values) in graphs.iter().zip(raw(&backend, Task::Values, &graphs)) {
        let t = reference::tridiagonalise(&mut graph.assembled::<T>(graph.n), graph.n);
        let off = units(&values, &reference::ql(t).unwrap(), norm);
        assert!(off <= T::MEASURED_ERROR, "ql of order {}: {off} units", graph.n);
    }
    let large = self::graphs([101, 128, 200]);
    for (graph, values) in large.iter().zip(raw(&backend, Task::Values, &large)) {
        let t = reference::tridiagonalise(&mut graph.assembled::<T>(graph.n), graph.n);
        let off = units(&values, &reference::bisection(&t), norm);
        assert!(off <= T::MEASURED_ERROR, "bisection of order {}: {off} units", graph.n);
    }
    let both = self::graphs((1..=16).chain([24, 31, 32, 40, 61, 90]));
    for (graph, results) in both.iter().zip(raw(&backend, Task::Densities, &both)) {
        let (n, stride) = (graph.n, (graph.n + graph.n % 2).max(2));
        let expected = reference::jacobi(&mut graph.assembled::<T>(stride), n, stride).unwrap();
        let (values, rows) = results.split_at(n);
        let off = units(values, &expected.values, norm);
        assert!(off <= T::MEASURED_ERROR, "jacobi of order {n}: {off} units");
        let spectrum = |values: &[T], rows: &[T]| {
            let wide = |of: &[T]| of.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
            let tolerance = 1e3 * T::SHELL.to_f64();
            ShellProjectors::with_tolerance(wide(values), &wide(rows), tolerance)
        };
        let (a, b) = (spectrum(values, rows), spectrum(&expected.values, &expected.densities));
        for ((levels, a), (_, b)) in a.shells().zip(b.shells()) {
            let off = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // Close levels of one matrix may share out their densities.
            let limit = 1e6 * T::EPS.to_f64();
            assert!(off <= limit, "densities of levels {levels:?} of order {n}: {off:e}");
        }
    }
}

#[test]
fn kernels_in_double_precision_agree_with_their_twins() {
    with_f64().iter().for_each(kernels_agree_with_their_twins::<f64>);
}

#[test]
fn kernels_in_single_precision_agree_with_their_twins() {
    adapters().iter().for_each(kernels_agree_with_their_twins::<f32>);
}

#[test]
fn twins_agree_with_the_cpu_kernel() {
    let graphs = graphs((1..=40).chain([64, 101]));
    let exact = CpuBackend::new().shell_projectors(&views(&graphs)).unwrap();
    for (graph, exact) in graphs.iter().zip(&exact) {
        let n = graph.n;
        let t = reference::tridiagonalise(&mut graph.assembled::<f64>(n), n);
        let stride = (n + n % 2).max(2);
        let system = reference::jacobi(&mut graph.assembled::<f64>(stride), n, stride).unwrap();
        for values in [reference::bisection(&t), reference::ql(t).unwrap(), system.values] {
            let off = units(&values, exact.values(), 12.0);
            assert!(off <= f64::MEASURED_ERROR, "order {n}: {off} units");
        }
    }
}

#[test]
fn every_adapter_with_double_precision_passes_its_self_test() {
    for found in with_f64() {
        let backend = GpuBackend::<f64>::open_untested(&found).unwrap();
        let passed = self_test::pass(&backend).unwrap();
        assert!(passed.spectra > 100 && passed.largest_error < f64::MEASURED_ERROR, "{passed:?}");
    }
}

#[test]
fn what_is_published_from_a_gpu_is_what_the_cpu_publishes() {
    for found in with_f64() {
        let backend = GpuBackend::<f64>::open(&found).unwrap();
        let before = backend.counts().unwrap();
        let graphs = graphs((0..1200).map(|k| 1 + k * 7 % 44).chain([70, 150, 255, 300]));
        let batch = views(&graphs);
        let cpu = CpuBackend::new();
        let (found, exact) =
            (backend.eigenvalues(&batch).unwrap(), cpu.eigenvalues(&batch).unwrap());
        for (a, b) in found.iter().zip(exact.iter()) {
            let rounded = |of: &[f64]| of.iter().map(|&x| round8(x)).collect::<Vec<_>>();
            assert_eq!(rounded(a), rounded(b));
            assert_eq!(OperatorFeatures::published(a), OperatorFeatures::published(b));
            assert_eq!(StabilityMetrics::published(a), StabilityMetrics::published(b));
        }
        let few = &batch[..300];
        let (found, exact) = (backend.local_spectra(few).unwrap(), cpu.local_spectra(few).unwrap());
        for (a, b) in found.iter().zip(&exact) {
            let rounded = |of: &LocalSpectrum| {
                let local = of.local.clone().unwrap();
                let line = |l: &crate::ldos::LocalLine| (round8(l.energy), round8(l.weight));
                (local.atom, local.lines.iter().map(line).collect::<Vec<_>>())
            };
            assert_eq!(rounded(a), rounded(b));
        }
        let counts = backend.counts().unwrap().since(before);
        assert_eq!(counts.failed_check + counts.after_failure, 0, "{counts:?}");
        assert_eq!(counts.unsuited, 1, "the matrix of order 300: {counts:?}");
        assert_eq!(counts.gpu + counts.guard_band + counts.unsuited, 1204 + 300);
        assert!(counts.gpu > 1300, "{counts:?}");
    }
}

#[test]
fn screening_values_are_right_to_their_last_decimal() {
    for found in adapters() {
        let backend = GpuBackend::<f32>::open(&found).unwrap();
        let graphs = graphs((0..400).map(|k| 1 + k * 7 % 44));
        let batch = views(&graphs);
        let (found, exact) =
            (backend.eigenvalues(&batch).unwrap(), CpuBackend::new().eigenvalues(&batch).unwrap());
        for (a, b) in found.iter().zip(exact.iter()) {
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() < 0.6e-4, "{a} {b}");
                assert_eq!((a * 1e4).round() / 1e4, *a, "four decimals");
            }
        }
        let exact = CpuBackend::new().shell_projectors(&batch).unwrap();
        for (a, b) in backend.shell_projectors(&batch).unwrap().iter().zip(&exact) {
            let b = settle_densities(b);
            if a.values() == b.values() {
                for ((_, a), (_, b)) in a.shells().zip(b.shells()) {
                    let off = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    assert!(off < 2e-2, "{off:e}");
                }
            }
        }
    }
}

#[test]
fn a_lost_device_loses_nothing() {
    for found in with_f64() {
        let backend = GpuBackend::<f64>::open(&found).unwrap();
        let graphs = graphs((0..200).map(|k| 10 + k % 20));
        let batch = views(&graphs);
        let published = |spectra: &Spectra| -> Vec<f64> {
            spectra.iter().flatten().map(|&x| round8(x)).collect()
        };
        let exact = published(&CpuBackend::new().eigenvalues(&batch).unwrap());
        assert_eq!(published(&backend.eigenvalues(&batch).unwrap()), exact);
        let before = backend.counts().unwrap();
        assert_eq!(before.after_failure, 0);
        backend.device.destroy();
        for _ in 0..2 {
            assert_eq!(published(&backend.eigenvalues(&batch).unwrap()), exact);
        }
        let counts = backend.counts().unwrap().since(before);
        assert_eq!(counts.after_failure, 400, "{counts:?}");
        assert!(backend.failure.get().is_some());
        assert!(backend.name().starts_with("cpu"), "{}", backend.name());
    }
}

#[test]
fn a_kernel_that_answers_nonsense_is_not_believed() {
    for found in with_f64() {
        let backend = GpuBackend::<f64>::open_untested(&found).unwrap();
        let ql = backend.values[0].second().unwrap();
        let source = ql.source::<f64>().replace("MOST_SWEEPS: u32 = 60u", "MOST_SWEEPS: u32 = 2u");
        backend.device.replace(ql, source, "ql").unwrap();
        let graphs = graphs((0..50).map(|k| 5 + k % 12));
        let batch = views(&graphs);
        let exact = CpuBackend::new().eigenvalues(&batch).unwrap();
        assert_eq!(backend.eigenvalues(&batch).unwrap(), exact, "the CPU's, to the bit");
        assert_eq!(backend.counts().unwrap().failed_check, 50);
        assert!(self_test::pass(&backend).is_err());
    }
}

#[test]
fn large_batches_are_cut_and_put_together_again() {
    for found in with_f64() {
        let mut backend = GpuBackend::<f64>::open(&found).unwrap();
        let graphs = graphs((0..300).map(|k| 1 + k * 11 % 70));
        let batch = views(&graphs);
        let whole = backend.eigenvalues(&batch).unwrap();
        backend.device.pack_limits.matrices = 7;
        assert_eq!(backend.eigenvalues(&batch).unwrap(), whole);
        backend.device.pack_limits.operations = 1_000_000;
        assert_eq!(backend.eigenvalues(&batch).unwrap(), whole);
        backend.device.pack_limits.reals = 10_000;
        assert_eq!(backend.eigenvalues(&batch).unwrap(), whole);
        assert!(backend.eigenvalues(&[]).unwrap().is_empty());
        let broken = SymmetricGraph { diagonal: &[], ..batch[3] };
        let error = backend.eigenvalues(&[batch[0], broken]).unwrap_err();
        assert!(matches!(error, SpectraError::Shape { matrix: 1, .. }), "{error}");
    }
}

/// The estimate of a device is the CPU's, with the same vectors, to single
/// precision; the groups of vectors and of rows have rests.
#[test]
fn moments_of_a_device_are_those_of_the_cpu() {
    let graph = Graph::new(5_003, 11, true, true);
    let request = crate::large::MomentRequest { vectors: 37, moments: 64, seed: 5 };
    let expected = crate::large::moments(&graph.view(), &request).unwrap();
    for found in adapters() {
        let moments = super::moments::on_adapter(&graph.view(), &request, &found).unwrap();
        assert_eq!(moments.differs_from(&expected, 2e-5), None, "{}", found.summary.name);
        for energy in [0.5, 2.0, 5.0] {
            let (a, b) = (moments.below(energy), expected.below(energy));
            assert!(
                (a.mean - b.mean).abs() < 0.1 && (a.error - b.error).abs() < 0.1,
                "{a:?} {b:?}"
            );
        }
    }
}
