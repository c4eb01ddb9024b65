//! Kernels of densities: a normal density, and its values on a grid.

use std::sync::Arc;

use super::{DosError, EnergyGrid, MAX_GRID_POINTS, checked_width};

/// Kernel terms farther from λ than this many widths are left out: each is
/// below 8e-23/η, far under what eight decimals can show.
const CUT_WIDTHS: f64 = 10.0;

/// The normal density of width η, cut off at ten widths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianKernel {
    width: f64,
    height: f64,
}

impl GaussianKernel {
    /// A kernel of the given width.
    ///
    /// # Errors
    /// [`DosError::Width`] when it is not a positive number.
    pub fn new(width: f64) -> Result<Self, DosError> {
        let width = checked_width(width)?;
        Ok(Self { width, height: 1.0 / (width * (2.0 * std::f64::consts::PI).sqrt()) })
    }

    /// η.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The kernel on a grid.
    #[must_use]
    pub fn on(&self, grid: &EnergyGrid) -> GridKernel {
        GridKernel::new(*self, *grid)
    }
}

/// A kernel on a grid: the densities of lines are read from a table of densities
/// around the grid's points, so that no exponential is taken line by line.
///
/// With `d` the grid's step over η, a line lies `o` steps from its nearest point,
/// and the table has an offset `o'` within half an interval of that. For a point at
/// `x = (k − o')·d` from there, `e = (o − o')·d` turns `exp(−x²/2)` into the density
/// by the factor `exp(x·e − e²/2)`, whose exponent is so small that a few terms of
/// its series do. On grids with steps of up to 64 widths no value differs from the
/// formula by more than 1e−13 of the peak, which is what rounding the grid's
/// energies costs anyway.
#[derive(Debug, Clone)]
pub struct GridKernel {
    kernel: GaussianKernel,
    grid: EnergyGrid,
    /// The grid's step over η.
    d: f64,
    /// Points on either side of the nearest that the cut may reach.
    reach: usize,
    /// Intervals of the offset from −½ to ½.
    intervals: usize,
    /// For each offset a row: `exp(−x²/2)` of `2·reach + 1` points, between
    /// zeros enough that a window may begin and end with whole blocks.
    table: Arc<[f64]>,
    /// Values of a row.
    row: usize,
    /// The instruction set to use: all give the same bits.
    arch: pulp::Arch,
}

/// Points that are added at a time, from a multiple of it on, so that what one
/// line stores another loads whole.
const BLOCK: usize = 8;

/// Intervals of the offset for each unit of `d`, so that exponents stay small.
const INTERVALS: f64 = 1_024.0;

/// Most of them: they do for steps of up to 64 widths.
const MAX_INTERVALS: usize = 1 << 16;

/// Most values of a table but for its zeros: 32 MiB. Wider tables have fewer
/// offsets.
const TABLE_VALUES: usize = 1 << 22;

impl PartialEq for GridKernel {
    fn eq(&self, other: &Self) -> bool {
        self.kernel == other.kernel && self.grid == other.grid
    }
}

impl GridKernel {
    fn new(kernel: GaussianKernel, grid: EnergyGrid) -> Self {
        let d = grid.step / kernel.width;
        // Lines may lie beyond the grid by the cut; no window is wider than both.
        let reach = (CUT_WIDTHS / d).ceil().min(2.0 * f64::from(MAX_GRID_POINTS)) as usize + 1;
        let points = 2 * reach + 1;
        let wanted = ((INTERVALS * d) as usize).clamp(16, MAX_INTERVALS).next_power_of_two();
        let intervals = wanted.min(TABLE_VALUES / points).max(2);
        let row = BLOCK + points + BLOCK;
        let value = |i: usize| {
            let Some(k) = (i % row).checked_sub(BLOCK).filter(|&k| k < points) else { return 0.0 };
            let offset = (i / row) as f64 / intervals as f64 - 0.5;
            let x = (k as f64 - reach as f64 - offset) * d;
            libm::exp(-0.5 * (x * x))
        };
        let table = (0..row * (intervals + 1)).map(value).collect();
        Self { kernel, grid, d, reach, intervals, table, row, arch: pulp::Arch::new() }
    }

    /// The kernel.
    #[must_use]
    pub fn kernel(&self) -> GaussianKernel {
        self.kernel
    }

    /// The grid.
    #[must_use]
    pub fn grid(&self) -> &EnergyGrid {
        &self.grid
    }

    /// `curve[i] += weight · N(E_i; λ, η)`, where `curve` lies on the grid, for each
    /// line `(λ, weight)` in turn.
    pub fn add_lines(&self, lines: impl IntoIterator<Item = (f64, f64)>, curve: &mut [f64]) {
        self.arch.dispatch(
            #[inline(always)]
            || self.add_each(lines, curve),
        );
    }

    #[inline(always)]
    fn add_each(&self, lines: impl IntoIterator<Item = (f64, f64)>, curve: &mut [f64]) {
        let points = 2 * self.reach + 1;
        let len = curve.len().min(self.grid.len());
        let curve = &mut curve[..len];
        for (energy, weight) in lines {
            let position = (energy - self.grid.min) / self.grid.step;
            let nearest = (position + 0.5).floor();
            let (low, high) = (nearest - self.reach as f64, nearest + self.reach as f64);
            // Also leaves out what is not a number.
            if !(high >= 0.0 && low <= len as f64 - 1.0) {
                continue;
            }
            let offset = position - nearest;
            let interval = ((offset + 0.5) * self.intervals as f64 + 0.5) as usize;
            let interval = interval.min(self.intervals);
            let tabled = interval as f64 / self.intervals as f64 - 0.5;
            let e = (offset - tabled) * self.d;
            // The window's part on the grid, and the same part of the table's row.
            let skipped = (-low).max(0.0) as usize;
            let first = low.max(0.0) as usize;
            let count = (points - skipped).min(len - first);
            // Whole blocks, where the curve has them: their other points get zeros.
            let before = first % BLOCK;
            let start = first - before;
            let end = (first + count).next_multiple_of(BLOCK).min(len);
            let row = interval * self.row + BLOCK + skipped - before;
            let (Some(near), Some(densities)) =
                (curve.get_mut(start..end), self.table.get(row..row + (end - start)))
            else {
                continue;
            };
            let scale = weight * self.kernel.height;
            let half_square = 0.5 * (e * e);
            let start = (skipped as f64 - self.reach as f64 - tabled) * self.d;
            let term = |k: f64, density: f64| {
                let x = start + k * self.d;
                let z = x * e - half_square;
                let factor = 1.0 + z * (1.0 + z * (0.5 + z * (1.0 / 6.0 + z * (1.0 / 24.0))));
                scale * (density * factor)
            };
            let mut first = -(before as f64);
            let (blocks, rest) = near.as_chunks_mut::<BLOCK>();
            let (block_densities, rest_densities) = densities.as_chunks::<BLOCK>();
            for (block, densities) in blocks.iter_mut().zip(block_densities) {
                let mut sums = *block;
                for k in 0..BLOCK {
                    sums[k] += term(first + k as f64, densities[k]);
                }
                *block = sums;
                first += BLOCK as f64;
            }
            for (k, (value, &density)) in rest.iter_mut().zip(rest_densities).enumerate() {
                *value += term(first + k as f64, density);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree_with_the_exponential() {
        let cases = [(128, 0.15), (512, 0.05), (3, 0.2), (40, 3.0), (2, 0.2), (60_000, 0.4)];
        for (points, width) in cases {
            let grid = EnergyGrid::new(-1.3, 9.9, points).unwrap();
            let kernel = GaussianKernel::new(width).unwrap();
            let on_grid = kernel.on(&grid);
            // Within, at and beyond both ends.
            for energy in (-60..260).map(|k| f64::from(k) / 23.0).chain([-1.3, 9.9]) {
                let mut curve = vec![0.0; grid.len()];
                on_grid.add_lines([(energy, 0.7)], &mut curve);
                for (e, found) in grid.energies().zip(curve).step_by(1 + points as usize / 500) {
                    let x = (e - energy) / width;
                    let exact = 0.7 * kernel.height * libm::exp(-0.5 * x * x);
                    let error = (found - exact).abs() / (0.7 * kernel.height);
                    assert!(error < 1e-13, "{energy} at {e}: {found} for {exact}");
                }
            }
        }
    }

    #[test]
    fn the_instruction_set_changes_no_bit_of_a_curve() {
        let grid = EnergyGrid::new(-1.3, 9.9, 131).unwrap();
        let kernel = GaussianKernel::new(0.15).unwrap().on(&grid);
        let lines = || (-400..2_600).map(|k| (f64::from(k) / 233.0, 1.0 / f64::from(k + 401)));
        let (mut best, mut plain) = (vec![0.0; grid.len()], vec![0.0; grid.len()]);
        kernel.add_lines(lines(), &mut best);
        kernel.add_each(lines(), &mut plain);
        let bits = |curve: &[f64]| curve.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&best), bits(&plain));
    }

    #[test]
    fn the_end_of_a_curve_changes_no_bit_before_it() {
        let grid = EnergyGrid::new(-1.3, 9.9, 131).unwrap();
        let kernel = GaussianKernel::new(0.15).unwrap().on(&grid);
        let lines = || (0..97).map(|k| (f64::from(k) / 8.7 - 1.4, 1.0 / f64::from(k + 3)));
        let mut whole = vec![0.0; grid.len()];
        kernel.add_lines(lines(), &mut whole);
        for len in 0..grid.len() {
            let mut cut = vec![0.0; len];
            kernel.add_lines(lines(), &mut cut);
            assert!(cut.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits()), "{len}");
        }
    }

    #[test]
    fn lines_far_from_the_grid_or_not_finite_add_nothing() {
        let grid = EnergyGrid::new(-1.3, 2.9, 77).unwrap();
        let kernel = GaussianKernel::new(0.1).unwrap().on(&grid);
        let mut curve = vec![0.0; grid.len()];
        let far = [f64::MAX, -f64::MAX, 1e300, f64::NAN, f64::INFINITY, -f64::INFINITY, 5.0, -4.0];
        kernel.add_lines(far.map(|energy| (energy, 1.0)), &mut curve);
        assert!(curve.iter().all(|&density| density == 0.0));
        // A curve of another grid is no reason to panic.
        kernel.add_lines([(0.0, 1.0), (2.9, 1.0)], &mut curve[..5]);
        kernel.add_lines([(0.0, 1.0)], &mut []);
    }
}
