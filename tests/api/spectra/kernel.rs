//! The CPU eigensolver: right against known spectra and faer, and the same
//! bits whatever the instruction set, the batch and the threads.

use std::f64::consts::PI;

use super::graphs::{Graph, library, molecule};
use hetero2::random::PythonRandom;
use hetero2::spectra::ldos::LocalSpectrum;
use hetero2::spectra::{
    CpuBackend, Eigensystem, Isa, Spectra, SpectraBackend, SpectraError, SymmetricGraph,
};

/// Digest of the bits of `library(2000, 7)`, in every build and on every machine.
const LIBRARY_DIGEST: u64 = 16_424_663_692_581_198_488;
/// The same for the eigensystems of its first 300 matrices.
const SYSTEMS_DIGEST: u64 = 13_747_170_253_786_407_242;

fn digest<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> u64 {
    numbers.into_iter().fold(0, |hash: u64, x| {
        (hash.rotate_left(5) ^ x.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

fn bits(spectra: &Spectra) -> Vec<Vec<u64>> {
    spectra.iter().map(|values| values.iter().map(|x| x.to_bits()).collect()).collect()
}

fn ring(n: u32) -> Vec<(u32, u32)> {
    (0..n).map(|i| (i, (i + 1) % n)).collect()
}

fn path(n: u32) -> Vec<(u32, u32)> {
    (1..n).map(|i| (i - 1, i)).collect()
}

fn complete(n: u32) -> Vec<(u32, u32)> {
    (0..n).flat_map(|i| (0..i).map(move |j| (j, i))).collect()
}

fn hypercube(d: u32) -> Vec<(u32, u32)> {
    let flips = |i: u32| (0..d).map(move |bit| (i, i ^ (1 << bit)));
    (0..1 << d).flat_map(flips).filter(|(i, j)| i < j).collect()
}

/// Laplacians with their exact spectra.
fn known() -> Vec<(Graph, Vec<f64>)> {
    let mut known = Vec::new();
    let mut add = |n: u32, edges: Vec<(u32, u32)>, values: Vec<f64>| {
        known.push((Graph::laplacian(n as usize, edges), values));
    };
    let wave =
        |k: u32, n: u32, turns: f64| 2.0 - 2.0 * (turns * PI * f64::from(k) / f64::from(n)).cos();
    for n in 0..=70 {
        add(n, vec![], vec![0.0; n as usize]);
        add(n, path(n), (0..n).map(|k| wave(k, n, 1.0)).collect());
        if n >= 2 {
            let star = (1..n).map(|i| (0, i)).collect();
            let mut values = vec![1.0; n as usize];
            (values[0], values[n as usize - 1]) = (0.0, f64::from(n));
            add(n, star, values);
            let mut values = vec![f64::from(n); n as usize];
            values[0] = 0.0;
            add(n, complete(n), values);
        }
        if n >= 3 {
            add(n, ring(n), (0..n).map(|k| wave(k, n, 2.0)).collect());
        }
    }
    for d in 1..=7 {
        let values = (0..1u32 << d).map(|i| 2.0 * f64::from(i.count_ones())).collect();
        add(1 << d, hypercube(d), values);
    }
    for copies in 1..=20 {
        let benzenes = (0..copies)
            .flat_map(|copy| ring(6).into_iter().map(move |(i, j)| (6 * copy + i, 6 * copy + j)));
        let values = (0..6 * copies).map(|k| wave(k % 6, 6, 2.0)).collect();
        add(6 * copies, benzenes.collect(), values);
    }
    for (n, large) in
        [(128, path(128)), (300, path(300)), (500, path(500)), (501, path(501)), (640, path(640))]
    {
        add(n, large, (0..n).map(|k| wave(k, n, 1.0)).collect());
    }
    for (_, values) in &mut known {
        values.sort_by(f64::total_cmp);
    }
    known
}

/// Molecules of all sizes, and matrices made to be awkward.
fn awkward() -> Vec<Graph> {
    let mut rng = PythonRandom::new(11);
    let mut graphs: Vec<Graph> =
        (0..=90).flat_map(|n| [n, n]).map(|n| molecule(n, &mut rng)).collect();
    for n in [10, 30, 64, 150] {
        let mut spread = molecule(n, &mut rng);
        let mut graded = molecule(n, &mut rng);
        let mut weak = molecule(n, &mut rng);
        for i in 0..n {
            spread.diagonal[i] = 10f64.powi(i as i32 % 13 - 6);
            graded.diagonal[i] = 10f64.powi(-(i as i32) % 200);
            weak.off_diagonal.iter_mut().step_by(2).for_each(|x| *x = 1e-161);
        }
        for x in &mut weak.off_diagonal[n / 2..] {
            *x *= 1e-150;
        }
        graphs.extend([spread, graded, weak]);
    }
    for scale in [1e300, 1e150, 1e-150, 1e-300, 5e-324] {
        let mut scaled = molecule(20, &mut rng);
        scaled.diagonal.iter_mut().chain(&mut scaled.off_diagonal).for_each(|x| *x *= scale);
        graphs.push(scaled);
    }
    graphs
}

/// Of every order more matrices than the widest group takes: molecules with
/// bonds of any weight, symmetric graphs, zero diagonals, small and large norms.
fn full_groups() -> Vec<Graph> {
    let mut rng = PythonRandom::new(12);
    let mut graphs = Vec::new();
    for n in (1..=95).chain([96, 97, 130]) {
        let m = n as u32;
        for kind in 0..19 {
            let mut graph = match kind {
                0 => Graph::laplacian(n, complete(m)),
                1 if n > 2 => Graph::laplacian(n, ring(m)),
                2 => Graph::laplacian(n, (1..m).map(|i| (0, i)).collect()),
                3 => Graph::laplacian(n, path(m / 2)),
                // Two equal components.
                4 => {
                    let copy = path(m / 2).into_iter().map(|(i, j)| (i + m / 2, j + m / 2));
                    Graph::laplacian(n, path(m / 2).into_iter().chain(copy).collect())
                }
                _ => molecule(n, &mut rng),
            };
            let scale = match kind {
                5 => 1e-12,
                6 => 1e-7,
                7 => 1e9,
                8 => 1e-200,
                _ => 1.0,
            };
            graph.diagonal.iter_mut().chain(&mut graph.off_diagonal).for_each(|x| *x *= scale);
            if kind % 3 == 0 {
                graph.diagonal.fill(0.0);
            }
            if kind > 11 {
                graph.off_diagonal.iter_mut().for_each(|x| *x *= 0.1 + 2.0 * rng.random());
            }
            graphs.push(graph);
        }
    }
    graphs
}

fn norm(graph: &Graph) -> f64 {
    let entries = graph.diagonal.iter().chain(&graph.off_diagonal);
    entries.fold(0.0f64, |largest, x| largest.max(x.abs()))
}

fn faer_values(graph: &Graph) -> Vec<f64> {
    let (n, dense, scale) =
        (graph.diagonal.len(), graph.dense(), norm(graph).max(f64::MIN_POSITIVE));
    let matrix = faer::Mat::from_fn(n, n, |i, j| dense[i * n + j] / scale);
    let values = matrix.self_adjoint_eigenvalues(faer::Side::Lower).expect("faer converges");
    values.into_iter().map(|x| x * scale).collect()
}

fn assert_close(found: &[f64], expected: &[f64], scale: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    assert!(found.is_sorted(), "{what}: not ascending");
    for (k, (x, y)) in found.iter().zip(expected).enumerate() {
        let error = (x - y).abs();
        assert!(error <= 1e-12 * scale, "{what}: value {k} is {x}, not {y}: off by {error:e}");
    }
}

/// The instruction sets of this machine; says which ones it cannot check.
fn backends() -> Vec<CpuBackend> {
    let mut backends = Vec::new();
    for isa in Isa::ALL {
        match CpuBackend::with_isa(isa) {
            Some(backend) => backends.push(backend),
            None => eprintln!("NOT CHECKED: this machine has no {isa:?}"),
        }
    }
    assert!(!backends.is_empty());
    backends
}

#[test]
fn known_spectra_are_found() {
    let (graphs, expected): (Vec<_>, Vec<_>) = known().into_iter().unzip();
    let spectra = CpuBackend::new().eigenvalues(&Graph::views(&graphs)).unwrap();
    for (graph, (found, expected)) in graphs.iter().zip(spectra.iter().zip(&expected)) {
        let scale = expected.last().map_or(1.0, |x| x.max(1.0));
        assert_close(found, expected, scale, &format!("{graph:?}"));
    }
}

#[test]
fn awkward_matrices_agree_with_faer() {
    let graphs = awkward();
    let spectra = CpuBackend::new().eigenvalues(&Graph::views(&graphs)).unwrap();
    for (id, (graph, found)) in graphs.iter().zip(spectra.iter()).enumerate() {
        assert_close(found, &faer_values(graph), norm(graph).max(1e-320), &format!("matrix {id}"));
    }
}

#[test]
fn eigensystems_rebuild_their_matrices() {
    let mut graphs = awkward();
    graphs.extend(known().into_iter().map(|(graph, _)| graph).filter(|g| g.diagonal.len() <= 130));
    graphs.push(Graph::laplacian(502, ring(502)));
    let batch = Graph::views(&graphs);
    let backend = CpuBackend::new();
    let values = backend.eigenvalues(&batch).unwrap();
    for (id, system) in backend.eigensystems(&batch).unwrap().iter().enumerate() {
        let (graph, n) = (&graphs[id], graphs[id].diagonal.len());
        let scale = norm(graph).max(1e-320) * (n as f64).sqrt();
        assert_close(system.values(), &values[id], scale, &format!("matrix {id}"));
        let (mut rebuilt, mut identity) = (vec![0.0; n * n], vec![0.0; n * n]);
        for (shell, states) in system.shells().iter().enumerate().take(if n > 200 { 0 } else { n })
        {
            let mean = system.values()[states.clone()]
                .iter()
                .map(|x| x / states.len() as f64)
                .sum::<f64>();
            for (k, p) in system.projector(shell).into_iter().enumerate() {
                rebuilt[k] += mean * p;
                identity[k] += p;
            }
        }
        if n > 200 {
            continue;
        }
        // Values of one shell may differ by the shell tolerance.
        let spread = if system.shells().len() < n { 1e-9 * norm(graph).max(1.0) } else { 0.0 };
        let allowed = 1e-12 * scale + spread;
        for (k, (found, expected)) in rebuilt.iter().zip(graph.dense()).enumerate() {
            assert!(
                (found - expected).abs() <= allowed,
                "matrix {id} entry {k}: {found} {expected}"
            );
            let one = f64::from(u8::from(k % (n + 1) == 0));
            assert!((identity[k] - one).abs() <= 1e-12, "matrix {id} is not orthonormal");
        }
        for node in 0..n {
            let sum: f64 = system.shell_weights(node).iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "matrix {id} node {node}");
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let mut graphs = library(1000, 3);
    graphs.extend(awkward());
    graphs.extend(known().into_iter().map(|(graph, _)| graph));
    let batch = Graph::views(&graphs);
    let backends = backends();
    let expected = bits(&backends[0].eigenvalues(&batch).unwrap());
    let systems = backends[0].eigensystems(&batch[..600]).unwrap();
    for backend in &backends[1..] {
        assert!(bits(&backend.eigenvalues(&batch).unwrap()) == expected, "{}", backend.name());
        let found = backend.eigensystems(&batch[..600]).unwrap();
        assert_eq!(digest_systems(&found), digest_systems(&systems), "{}", backend.name());
    }
}

#[test]
fn lines_read_in_the_lanes_are_those_of_the_densities_to_the_bit() {
    let mut graphs = library(700, 3);
    graphs.extend(awkward());
    graphs.extend(known().into_iter().map(|(graph, _)| graph));
    graphs.push(Graph::laplacian(530, path(530)));
    graphs.extend(full_groups());
    let batch = Graph::views(&graphs);
    let bits = |spectra: &[LocalSpectrum]| -> Vec<(Vec<u64>, Option<usize>)> {
        let numbers = |spectrum: &LocalSpectrum| {
            let lines = spectrum.local.iter().flat_map(|local| &local.lines);
            let lines = lines.flat_map(|line| [line.energy, line.weight]);
            let numbers = spectrum.values.iter().copied().chain(lines);
            (numbers.map(f64::to_bits).collect(), spectrum.local.as_ref().map(|local| local.atom))
        };
        spectra.iter().map(numbers).collect()
    };
    for backend in backends() {
        let densities = backend.shell_projectors(&batch).unwrap();
        let shared =
            densities.iter().flat_map(|d| d.shells()).filter(|(levels, _)| levels.len() > 1);
        assert!(shared.count() > 100, "hardly a degenerate shell: little was tested");
        let expected: Vec<LocalSpectrum> = densities.iter().map(LocalSpectrum::of).collect();
        let found = backend.local_spectra(&batch).unwrap();
        assert!(bits(&found) == bits(&expected), "{}", backend.name());
    }
}

fn digest_systems(systems: &[Eigensystem]) -> u64 {
    let numbers: Vec<f64> = systems
        .iter()
        .flat_map(|system| {
            let shells = 0..system.shells().len();
            system
                .values()
                .iter()
                .copied()
                .chain(shells.flat_map(|shell| system.projector(shell)))
                .collect::<Vec<_>>()
        })
        .collect();
    digest(&numbers)
}

#[test]
fn every_build_gives_the_same_bits() {
    let graphs = library(2000, 7);
    let batch = Graph::views(&graphs);
    let backend = CpuBackend::new();
    let spectra = backend.eigenvalues(&batch).unwrap();
    assert_eq!(digest(spectra.iter().flatten()), LIBRARY_DIGEST);
    assert_eq!(digest_systems(&backend.eigensystems(&batch[..300]).unwrap()), SYSTEMS_DIGEST);
}

#[test]
fn neighbours_in_the_batch_change_no_bit() {
    let graphs = library(600, 5);
    let batch = Graph::views(&graphs);
    for backend in backends() {
        let expected = bits(&backend.eigenvalues(&batch).unwrap());
        let mut reversed: Vec<_> = batch.clone();
        reversed.reverse();
        let mut found = bits(&backend.eigenvalues(&reversed).unwrap());
        found.reverse();
        assert!(found == expected, "reversed, {}", backend.name());
        for size in [1, 3, 17] {
            let chunks =
                batch.chunks(size).flat_map(|part| bits(&backend.eigenvalues(part).unwrap()));
            assert!(chunks.eq(expected.iter().cloned()), "chunks of {size}, {}", backend.name());
        }
        let systems = backend.eigensystems(&batch[..100]).unwrap();
        for (graph, system) in batch.iter().zip(&systems) {
            let alone = backend.eigensystems(std::slice::from_ref(graph)).unwrap();
            assert_eq!(digest_systems(&alone), digest_systems(std::slice::from_ref(system)));
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let mut graphs = library(9000, 9);
    graphs.push(Graph::laplacian(530, path(530)));
    let batch = Graph::views(&graphs);
    let backend = CpuBackend::new();
    let expected = bits(&backend.eigenvalues(&batch).unwrap());
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| backend.eigenvalues_parallel(&batch)).unwrap();
        assert!(bits(&found) == expected, "{threads} threads");
    }
}

#[test]
fn bad_input_is_an_error_that_names_the_matrix() {
    let backend = CpuBackend::new();
    let good =
        SymmetricGraph { n: 2, edges: &[(0, 1)], off_diagonal: &[-1.0], diagonal: &[1.0, 1.0] };
    let run = |bad: SymmetricGraph<'_>| {
        let batch = [good, bad];
        let error = backend.eigensystems(&batch).unwrap_err();
        assert_eq!(error.to_string(), backend.local_spectra(&batch).unwrap_err().to_string());
        assert_eq!(error.to_string(), backend.eigenvalues(&batch).unwrap_err().to_string());
        backend.eigenvalues_parallel(&batch).unwrap_err()
    };
    let nan = SymmetricGraph { diagonal: &[1.0, f64::NAN], ..good };
    assert!(matches!(run(nan), SpectraError::NotFinite { matrix: 1, i: 1, j: 1, .. }));
    let infinite = SymmetricGraph { off_diagonal: &[f64::NEG_INFINITY], ..good };
    assert!(matches!(run(infinite), SpectraError::NotFinite { matrix: 1, i: 0, j: 1, .. }));
    let short = SymmetricGraph { diagonal: &[1.0], ..good };
    assert!(matches!(run(short), SpectraError::Shape { matrix: 1, n: 2, diagonal: 1, .. }));
    let bare = SymmetricGraph { off_diagonal: &[], ..good };
    assert!(matches!(run(bare), SpectraError::Shape { matrix: 1, weights: 0, .. }));
    for edges in [[(0, 2)], [(1, 1)], [(u32::MAX, 0)]] {
        let bad = SymmetricGraph { edges: &edges, ..good };
        assert!(matches!(run(bad), SpectraError::Edge { matrix: 1, edge: 0, .. }), "{edges:?}");
    }
    let huge = SymmetricGraph { off_diagonal: &[-1e308], diagonal: &[1.7e308, 1.7e308], ..good };
    assert_eq!(run(huge), SpectraError::Overflow { matrix: 1 });
    assert!(backend.eigenvalues(&[]).unwrap().is_empty());
    assert!(backend.eigensystems(&[]).unwrap().is_empty());
}

#[test]
fn repeated_edges_add_up() {
    let once =
        SymmetricGraph { n: 2, edges: &[(0, 1)], off_diagonal: &[-2.0], diagonal: &[2.0, 2.0] };
    let twice = SymmetricGraph { edges: &[(0, 1), (1, 0)], off_diagonal: &[-1.5, -0.5], ..once };
    let spectra = CpuBackend::new().eigenvalues(&[once, twice]).unwrap();
    assert_eq!(spectra[0], spectra[1]);
    assert_eq!(spectra.get(2), None);
}
