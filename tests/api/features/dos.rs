//! Density of states over a run.

use hetero2::spectra::dos::{
    DosAccumulator, DosError, EnergyGrid, EnergyRange, GRID_POINTS, GaussianKernel, KERNEL_WIDTH,
};

use super::fixture::{assert_close, cases};

fn spectra() -> Vec<Vec<f64>> {
    cases().into_iter().flat_map(|case| [case.l, case.h, case.wh]).collect()
}

fn grid(spectra: &[Vec<f64>]) -> EnergyGrid {
    let mut range = EnergyRange::default();
    spectra.iter().for_each(|spectrum| range.observe(spectrum));
    range.grid(GRID_POINTS, KERNEL_WIDTH).unwrap().unwrap()
}

fn accumulate(grid: EnergyGrid, blocks: &[&[Vec<f64>]]) -> DosAccumulator {
    let mut dos = DosAccumulator::new(grid, KERNEL_WIDTH).unwrap();
    blocks.iter().for_each(|block| dos.add_block(block.iter().map(Vec::as_slice)));
    dos
}

#[test]
fn the_curve_is_the_mean_of_all_kernels() {
    let spectra = spectra();
    let grid = grid(&spectra);
    let curve = accumulate(grid, &[&spectra]).curve();
    let all: Vec<f64> = spectra.concat();
    let height = 1.0 / (KERNEL_WIDTH * (2.0 * std::f64::consts::PI).sqrt());
    let term = |e: f64, l: f64| height * (-0.5 * ((e - l) / KERNEL_WIDTH).powi(2)).exp();
    let mean = |e: f64| all.iter().map(|&l| term(e, l)).sum::<f64>() / all.len() as f64;
    let direct: Vec<f64> = grid.energies().map(mean).collect();
    assert_close(&curve, &direct, 1e-14, "DOS");
}

#[test]
fn blocks_may_be_spread_over_shards_in_any_way() {
    let spectra = spectra();
    let grid = grid(&spectra);
    let blocks: Vec<&[Vec<f64>]> = spectra.chunks(4).collect();
    let whole = accumulate(grid, &blocks);
    for cut in 0..=blocks.len() {
        let (left, right) = blocks.split_at(cut);
        let mut merged = accumulate(grid, right);
        merged.merge(&accumulate(grid, left)).unwrap();
        assert_eq!(merged, whole);
    }
    let text = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<DosAccumulator>(&text).unwrap(), whole);
    let other = EnergyGrid::new(0.0, 1.0, GRID_POINTS).unwrap();
    assert_eq!(whole.clone().merge(&accumulate(other, &[])), Err(DosError::Mismatch));
}

#[test]
fn a_fine_grid_integrates_to_one() {
    let spectra = spectra();
    let coarse = grid(&spectra);
    let fine = EnergyGrid::new(coarse.min() - 0.5, coarse.max() + 0.5, 20_001).unwrap();
    let step = fine.energy(1) - fine.energy(0);
    let integral = accumulate(fine, &[&spectra]).curve().iter().sum::<f64>() * step;
    assert!((integral - 1.0).abs() < 1e-9, "{integral}");
}

#[test]
fn the_grid_reaches_three_widths_beyond_the_spectrum() {
    let mut range = EnergyRange::default();
    assert_eq!(range.grid(GRID_POINTS, KERNEL_WIDTH), Ok(None));
    range.observe(&[2.0, f64::NAN, f64::INFINITY]);
    let mut other = EnergyRange::default();
    other.observe(&[-1.0, 0.5]);
    other.merge(range);
    assert_eq!(other.bounds(), Some((-1.0, 2.0)));
    let grid = other.grid(GRID_POINTS, KERNEL_WIDTH).unwrap().unwrap();
    assert_eq!(grid.len(), 128);
    assert_close(&[grid.energy(0), grid.energy(127)], &[-1.15, 2.15], 1e-15, "ends");
    assert_eq!(grid.energy(127), grid.max());
}

#[test]
fn absurd_grids_and_widths_are_errors() {
    assert_eq!(EnergyGrid::new(0.0, 1.0, 1), Err(DosError::Points(1)));
    assert!(EnergyGrid::new(0.0, 1.0, u32::MAX).is_err());
    for (min, max) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (-f64::MAX, f64::MAX)] {
        assert!(matches!(EnergyGrid::new(min, max, 8), Err(DosError::Range { .. })));
    }
    for width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(GaussianKernel::new(width).is_err());
    }
    let damaged = r#"{"grid":{"min":0,"max":1,"points":3},"width":0.05,"sums":["1"],"count":1}"#;
    assert!(serde_json::from_str::<DosAccumulator>(damaged).is_err());
}

#[test]
fn eigenvalues_off_the_grid_or_not_finite_do_no_harm() {
    let grid = EnergyGrid::new(0.0, 1.0, 5).unwrap();
    let mut dos = DosAccumulator::new(grid, KERNEL_WIDTH).unwrap();
    assert_eq!(dos.curve(), [0.0; 5]);
    dos.add_block([[f64::NAN, -1e300, 1e300, f64::INFINITY].as_slice()]);
    assert_eq!((dos.count(), dos.curve()), (2, vec![0.0; 5]));
}
