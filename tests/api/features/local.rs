//! Local density of states of a molecule.

use hetero2::operator::{EdgeWeights, Operator};
use hetero2::spectra::dos::{EnergyGrid, GaussianKernel, KERNEL_WIDTH};
use hetero2::spectra::ldos::LocalDensity;
use hetero2::spectra::projectors::ShellProjectors;

use super::fixture::{assert_close, cases, operators, star};
use super::solver::{shells, shells_in_another_basis};

#[test]
fn agrees_with_the_python_implementation() {
    let comparable: Vec<_> = cases().into_iter().filter(|case| case.local.comparable).collect();
    assert!(comparable.len() >= 3);
    for case in comparable {
        let matrix = case.operators().matrix(Operator::WH).unwrap();
        let local = LocalDensity::of(&shells(&matrix).unwrap()).unwrap();
        assert_eq!(local.atom, case.local.atom, "{}", case.id);
        let weights: Vec<f64> = local.lines.iter().map(|line| line.weight).collect();
        assert_close(&weights, &case.local.weights, 1e-8, &case.id);
    }
}

#[test]
fn equivalent_atoms_give_the_lowest_index_in_any_basis() {
    let matrix = operators(&star(6, 6), EdgeWeights::Unweighted).matrix(Operator::H).unwrap();
    let straight = LocalDensity::of(&shells(&matrix).unwrap()).unwrap();
    let turned = LocalDensity::of(&shells_in_another_basis(&matrix).unwrap()).unwrap();
    // The five-fold level at 1 has weight 5/6 on every leaf, the level at 7
    // has 6/7 on the centre.
    assert_eq!((straight.atom, turned.atom), (0, 0));
    let weights = |l: &LocalDensity| l.lines.iter().map(|line| line.weight).collect::<Vec<_>>();
    assert_close(&weights(&straight), &[1.0 / 7.0, 0.0, 6.0 / 7.0], 1e-12, "weights");
    assert_close(&weights(&turned), &weights(&straight), 1e-12, "turned");

    let pair = operators(&star(6, 1), EdgeWeights::Unweighted).matrix(Operator::H).unwrap();
    assert_eq!(LocalDensity::of(&shells(&pair).unwrap()).unwrap().atom, 0);
}

#[test]
fn the_summary_reads_the_curve() {
    let matrix = operators(&star(8, 2), EdgeWeights::Unweighted).matrix(Operator::H).unwrap();
    let local = LocalDensity::of(&shells(&matrix).unwrap()).unwrap();
    let grid = EnergyGrid::new(-2.0, 4.0, 128).unwrap();
    let kernel = GaussianKernel::new(KERNEL_WIDTH).unwrap();
    let on_grid = kernel.on(&grid);
    let summary = local.summary(&on_grid).unwrap();
    let curve = local.curve(&on_grid);
    let peak = curve.iter().copied().fold(0.0, f64::max);
    assert_close(&[summary.peak_value], &[peak], 1e-8, "peak");
    assert!(grid.energies().any(|e| (e - summary.peak_energy).abs() < 1e-8));
    assert!(summary.entropy > 0.0 && summary.entropy < (128.0_f64).ln());

    let far = EnergyGrid::new(50.0, 60.0, 128).unwrap();
    assert_eq!(local.summary(&kernel.on(&far)), None);
}

#[test]
fn no_atoms_and_broken_spectra_have_no_local_density() {
    let empty = ShellProjectors::from_eigenvectors(vec![], |_, _| 0.0);
    assert_eq!(LocalDensity::of(&empty), None);
    let broken = ShellProjectors::from_eigenvectors(vec![0.0, f64::NAN], |_, _| f64::NAN);
    assert_eq!(LocalDensity::of(&broken), None);
}
