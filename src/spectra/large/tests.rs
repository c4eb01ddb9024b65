//! Counts against the dense kernel and against closed forms.

use std::f64::consts::PI;

use hetero2_contract::SymmetricMatrix;

use super::{
    EigenvalueCounter, Estimate, LargeGraphError, MomentRequest, counts_where_states_are,
    mean_error_bound, moments,
};
use crate::{CpuBackend, SpectraBackend as _};

/// The Laplacian of a graph, with a potential.
fn matrix(n: usize, edges: Vec<(u32, u32)>, potential: impl Fn(usize) -> f64) -> SymmetricMatrix {
    let mut diagonal: Vec<f64> = (0..n).map(potential).collect();
    for &(i, j) in &edges {
        diagonal[i as usize] += 1.0;
        diagonal[j as usize] += 1.0;
    }
    SymmetricMatrix { n, off_diagonal: vec![-1.0; edges.len()], edges, diagonal }
}

fn path(n: u32) -> Vec<(u32, u32)> {
    (1..n).map(|i| (i - 1, i)).collect()
}

fn ring(n: u32) -> Vec<(u32, u32)> {
    let mut edges = path(n);
    edges.insert(1, (0, n - 1));
    edges
}

fn grid(side: u32) -> Vec<(u32, u32)> {
    let mut edges = Vec::new();
    for at in 0..side * side {
        if at % side + 1 < side {
            edges.push((at, at + 1));
        }
        if at + side < side * side {
            edges.push((at, at + side));
        }
    }
    edges
}

/// Rings of six on every second atom of a chain.
fn polystyrene(units: u32) -> Vec<(u32, u32)> {
    let mut edges = Vec::new();
    for unit in 0..units {
        let first = 8 * unit;
        if unit > 0 {
            edges.push((first - 7, first));
        }
        edges.push((first, first + 1));
        edges.push((first + 1, first + 2));
        edges.extend((2..7).map(|at| (first + at, first + at + 1)));
        edges.push((first + 2, first + 7));
    }
    edges
}

/// Counts at a grid of energies and at small integers, where pivots of such
/// graphs vanish, are those of the dense kernel.
fn check(matrix: &SymmetricMatrix) {
    let spectra = CpuBackend::new().eigenvalues(&[matrix.view()]).unwrap();
    let counter = EigenvalueCounter::new(&matrix.view()).unwrap();
    let bounds = counter.bounds();
    let integers = (-3..12).map(f64::from);
    let step = bounds.width() / 301.0;
    let energies: Vec<f64> =
        (0..=301).map(|at| bounds.low + step * f64::from(at)).chain(integers).collect();
    for count in counter.below(&energies).unwrap() {
        let reach = count.slack + 1e-11 * (1.0 + count.energy.abs());
        let below = |energy: f64| spectra[0].iter().filter(|&&value| value < energy).count() as u64;
        let (least, most) = (below(count.energy - reach), below(count.energy + reach));
        assert!(
            (least..=most).contains(&count.below),
            "n = {}: {count:?}, {least}..={most}",
            matrix.n
        );
        assert!(count.slack < 1e-8, "n = {}: {count:?}", matrix.n);
    }
    for k in [0, 1, matrix.n / 2, matrix.n - 1] {
        let (found, value) = (counter.eigenvalue(k as u64, 1e-10).unwrap(), spectra[0][k]);
        assert!(found.low - 1e-11 <= value && value <= found.high + 1e-11, "{found:?} {value}");
        assert!(found.width() < 1e-8, "n = {}, k = {k}: {found:?}", matrix.n);
    }
}

#[test]
fn counts_are_those_of_the_dense_kernel() {
    let trees = |n: u32, arity: u32| (1..n).map(|i| ((i - 1) / arity, i)).collect::<Vec<_>>();
    let none = |_| 0.0;
    let mixed = |i: usize| [0.0, -1.0, 0.3, -0.2][i * 7 % 4];
    for potential in [&none as &dyn Fn(usize) -> f64, &mixed] {
        check(&matrix(2, path(2), potential));
        check(&matrix(97, path(97), potential));
        check(&matrix(96, ring(96), potential));
        check(&matrix(200, trees(200, 3), potential));
        check(&matrix(50, trees(50, 49), potential));
        check(&matrix(320, polystyrene(40), potential));
        check(&matrix(225, grid(15), potential));
    }
}

#[test]
fn repeated_entries_add_up_and_weights_may_be_zero() {
    let double = SymmetricMatrix {
        n: 3,
        edges: vec![(1, 0), (0, 1), (1, 2), (2, 1), (0, 2)],
        off_diagonal: vec![-0.25, -0.75, -3.0, 2.0, 0.0],
        diagonal: vec![1.0, 2.0, 1.0],
    };
    check(&double);
    check(&SymmetricMatrix { n: 3, edges: vec![], off_diagonal: vec![], diagonal: vec![0.0; 3] });
}

#[test]
fn scales_far_from_one_are_counted_alike() {
    for scale in [1e-200, 1e200] {
        let mut scaled = matrix(40, ring(40), |_| 0.0);
        scaled.diagonal.iter_mut().chain(&mut scaled.off_diagonal).for_each(|x| *x *= scale);
        let counter = EigenvalueCounter::new(&scaled.view()).unwrap();
        // λ = 2 − 2 cos(2πk/40) below 1: |k| ≤ 6.
        assert_eq!(counter.below(&[0.9999 * scale]).unwrap()[0].below, 13);
    }
}

/// Eigenvalues below `energy` among `2 − 2 cos(angle(k))`, `k` from 0 to `n − 1`.
fn closed_form(n: u32, energy: f64, angle: impl Fn(u32) -> f64) -> u64 {
    (0..n).filter(|&k| 2.0 - 2.0 * angle(k).cos() < energy).count() as u64
}

#[test]
fn long_paths_and_rings_have_the_counts_of_their_closed_forms() {
    let n = 20_000;
    let energies: Vec<f64> = (0..96).map(|at| 0.013_37 + f64::from(at) * 0.041_3).collect();
    for (edges, turn) in [(path(n), PI), (ring(n), 2.0 * PI)] {
        let counter = EigenvalueCounter::new(&matrix(n as usize, edges, |_| 0.0).view()).unwrap();
        for count in counter.below(&energies).unwrap() {
            let angle = |k| turn * f64::from(k) / f64::from(n);
            assert_eq!(count.below, closed_form(n, count.energy, angle), "{count:?}");
            assert!(count.slack < 1e-8);
        }
    }
}

#[test]
fn what_cannot_be_counted_says_why() {
    let counter = EigenvalueCounter::new(&matrix(3, path(3), |_| 0.0).view()).unwrap();
    assert!(matches!(counter.below(&[f64::NAN]), Err(LargeGraphError::Energy(_))));
    let missing = counter.eigenvalue(3, 1e-9);
    assert_eq!(missing, Err(LargeGraphError::NoEigenvalue { n: 3, k: 3 }));
    let bad = SymmetricMatrix {
        n: 2,
        edges: vec![(0, 2)],
        off_diagonal: vec![1.0],
        diagonal: vec![0.0; 2],
    };
    assert!(matches!(EigenvalueCounter::new(&bad.view()), Err(LargeGraphError::Matrix(_))));
}

#[test]
fn chosen_energies_know_the_states_as_well_as_more_even_ones() {
    let matrix = matrix(800, polystyrene(100), |_| 0.0);
    let counter = EigenvalueCounter::new(&matrix.view()).unwrap();
    let bounds = counter.bounds();
    let step = bounds.width() / 256.0;
    let even: Vec<f64> = (0..=256).map(|at| bounds.low + step * f64::from(at)).collect();
    let even = counter.below(&even).unwrap();
    let error = mean_error_bound(&even, 800);
    assert!((error - 1.0 / 512.0).abs() < 1e-12);
    let chosen = counts_where_states_are(&counter, bounds, error, 1000).unwrap();
    assert!(mean_error_bound(&chosen, 800) <= error);
    assert!(chosen.len() < 200, "{}", chosen.len());
    let spectra = CpuBackend::new().eigenvalues(&[matrix.view()]).unwrap();
    for count in &chosen {
        let reach = count.slack + 1e-11;
        let below = |energy: f64| spectra[0].iter().filter(|&&value| value < energy).count() as u64;
        let possible = below(count.energy - reach)..=below(count.energy + reach);
        assert!(possible.contains(&count.below), "{count:?}");
    }
}

/// Exact moments from all eigenvalues.
fn expected_moments(matrix: &SymmetricMatrix, count: usize) -> Vec<f64> {
    let spectra = CpuBackend::new().eigenvalues(&[matrix.view()]).unwrap();
    let bounds = EigenvalueCounter::new(&matrix.view()).unwrap().bounds();
    let half_width = bounds.width() / 2.0 * (1.0 + 1e-6);
    let scaled = spectra[0].iter().map(|value| (value - bounds.middle()) / half_width);
    let angles: Vec<f64> = scaled.map(f64::acos).collect();
    let moment = |m: usize| angles.iter().map(|angle| (m as f64 * angle).cos()).sum::<f64>();
    (0..count).map(|m| moment(m) / matrix.n as f64).collect()
}

#[test]
fn moments_lie_within_their_errors() {
    let matrix = matrix(320, polystyrene(40), |i| [0.0, -1.0, 0.3][i % 3]);
    let request = MomentRequest { vectors: 60, moments: 63, seed: 7 };
    let found = moments(&matrix.view(), &request).unwrap();
    assert_eq!(found.len(), 64);
    let expected = expected_moments(&matrix, 64);
    let outside = (1..64).filter(|&m| {
        let Estimate { mean, error } = found.moment(m).unwrap();
        (mean - expected[m]).abs() > 2.0 * error
    });
    // Of 63 estimates 3 are expected beyond two standard errors.
    assert!(outside.count() <= 8);
    assert_eq!(found.moment(0), Some(Estimate { mean: 1.0, error: 0.0 }));
    assert_eq!(found.moment(64), None);
    // Diagonal entries: vectors of signs make no error where there is no bond.
    let trace = found.trace(|energy| energy);
    let sum: f64 = matrix.diagonal.iter().sum();
    assert!((trace.mean - sum).abs() < 4.0 * trace.error + 1e-9, "{trace:?} {sum}");
}

#[test]
fn estimated_states_are_those_counted_within_error_and_resolution() {
    let matrix = matrix(1600, grid(40), |_| 0.0);
    let counter = EigenvalueCounter::new(&matrix.view()).unwrap();
    let request = MomentRequest { vectors: 24, moments: 200, seed: 3 };
    let found = moments(&matrix.view(), &request).unwrap();
    let width = 3.0 * found.resolution();
    for energy in [0.7, 2.1, 3.3, 4.9, 6.6] {
        let around = counter.below(&[energy - width, energy + width]).unwrap();
        let Estimate { mean, error } = found.below(energy);
        let (low, high) = (around[0].below as f64, around[1].below as f64);
        assert!(
            low - 4.0 * error < mean && mean < high + 4.0 * error,
            "{energy}: {mean} ± {error}"
        );
        assert!(error < 12.0, "{error}");
    }
}

#[test]
fn threads_change_no_bit_of_moments() {
    let matrix = matrix(9000, path(9000), |i| (i % 7) as f64);
    let on = |threads| {
        let request = MomentRequest { vectors: 9, moments: 20, seed: 1 };
        let work = || moments(&matrix.view(), &request).unwrap();
        hetero2_common::threads::on_threads(Some(threads), work).unwrap()
    };
    assert_eq!(on(1), on(2));
}
