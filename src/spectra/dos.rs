//! The density of states (DOS) of a run on a fixed energy grid.
//!
//! `DOS(E) = mean over all eigenvalues λ of N(E; λ, η)`, one curve per
//! operator; energies are dimensionless. Give it *published* eigenvalues
//! (rounded to 8 decimals): then the curve can be recomputed from the pack and
//! does not depend on the device that solved the spectra.
//!
//! A run is two passes: [`EnergyRange`] over every eigenvalue, then
//! [`DosAccumulator`] on the grid that the range gives. Both merge exactly in
//! any order: rows are summed within blocks in row order, and block sums are
//! added as integers ([`FixedSum`]).

use schemars::JsonSchema;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sum::FixedSum;

/// Points of the published grid.
pub const GRID_POINTS: u32 = 128;

/// Width η of the published kernel.
pub const KERNEL_WIDTH: f64 = 0.05;

/// The grid reaches this many widths beyond the outermost eigenvalues.
pub const MARGIN_WIDTHS: f64 = 3.0;

/// Most points that a grid may have.
pub const MAX_GRID_POINTS: u32 = 1 << 20;

/// Kernel terms farther from λ than this many widths are left out: each is
/// below 8e-23/η, far under what eight decimals can show.
const CUT_WIDTHS: f64 = 10.0;

/// Why there is no grid or no kernel.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DosError {
    /// Too few or too many points.
    #[error("an energy grid needs 2 to {MAX_GRID_POINTS} points, found {0}")]
    Points(u32),
    /// An empty or infinite range.
    #[error("the energy range [{min}, {max}] must be finite and ascending")]
    Range {
        /// Lower end.
        min: f64,
        /// Upper end.
        max: f64,
    },
    /// A width that is not a positive number.
    #[error("the kernel width must be finite and > 0, found {0}")]
    Width(f64),
    /// Partial curves of different grids or widths.
    #[error("partial curves of different energy grids or kernel widths cannot be merged")]
    Mismatch,
}

/// The smallest and largest eigenvalue of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EnergyRange {
    bounds: Option<(f64, f64)>,
}

impl EnergyRange {
    /// Takes eigenvalues in; those that are not finite are passed over.
    pub fn observe(&mut self, eigenvalues: &[f64]) {
        for &l in eigenvalues.iter().filter(|l| l.is_finite()) {
            self.extend(l, l);
        }
    }

    /// Takes another range in.
    pub fn merge(&mut self, other: Self) {
        if let Some((min, max)) = other.bounds {
            self.extend(min, max);
        }
    }

    /// `(min, max)`, once there was an eigenvalue.
    #[must_use]
    pub fn bounds(self) -> Option<(f64, f64)> {
        self.bounds
    }

    /// The grid from `min − 3η` to `max + 3η`; nothing without an eigenvalue.
    ///
    /// # Errors
    /// As [`EnergyGrid::new`], and when `width` is not a positive number.
    pub fn grid(self, points: u32, width: f64) -> Result<Option<EnergyGrid>, DosError> {
        let width = checked_width(width)?;
        let margin = MARGIN_WIDTHS * width;
        let grid = |(min, max)| EnergyGrid::new(min - margin, max + margin, points);
        self.bounds.map(grid).transpose()
    }

    fn extend(&mut self, min: f64, max: f64) {
        let (low, high) = self.bounds.unwrap_or((min, max));
        self.bounds = Some((low.min(min), high.max(max)));
    }
}

/// Equally spaced energies, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GridFields", into = "GridFields")]
pub struct EnergyGrid {
    min: f64,
    max: f64,
    points: u32,
    step: f64,
}

#[derive(Serialize, Deserialize)]
struct GridFields {
    min: f64,
    max: f64,
    points: u32,
}

impl TryFrom<GridFields> for EnergyGrid {
    type Error = DosError;

    fn try_from(fields: GridFields) -> Result<Self, DosError> {
        Self::new(fields.min, fields.max, fields.points)
    }
}

impl From<EnergyGrid> for GridFields {
    fn from(grid: EnergyGrid) -> Self {
        Self { min: grid.min, max: grid.max, points: grid.points }
    }
}

impl EnergyGrid {
    /// `points` energies from `min` to `max`.
    ///
    /// # Errors
    /// When the range is empty or not finite, or `points` is out of bounds.
    pub fn new(min: f64, max: f64, points: u32) -> Result<Self, DosError> {
        if !(2..=MAX_GRID_POINTS).contains(&points) {
            return Err(DosError::Points(points));
        }
        let step = (max - min) / f64::from(points - 1);
        let ascends = min.is_finite() && max.is_finite() && step.is_finite() && step > 0.0;
        if ascends {
            Ok(Self { min, max, points, step })
        } else {
            Err(DosError::Range { min, max })
        }
    }

    /// Number of points.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a grid has at least two points")]
    pub fn len(&self) -> usize {
        self.points as usize
    }

    /// Lowest energy.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.min
    }

    /// Highest energy.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.max
    }

    /// The energy of a point; the last one is `max` exactly.
    #[must_use]
    pub fn energy(&self, index: usize) -> f64 {
        if index + 1 >= self.len() { self.max } else { index as f64 * self.step + self.min }
    }

    /// All energies, ascending.
    pub fn energies(&self) -> impl Iterator<Item = f64> {
        let grid = *self;
        (0..self.len()).map(move |index| grid.energy(index))
    }
}

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
    /// For each offset: `exp(−x²/2)` of `2·reach + 1` points.
    table: Arc<[f64]>,
    /// The instruction set to use: all give the same bits.
    arch: pulp::Arch,
}

/// Intervals of the offset for each unit of `d`, so that exponents stay small.
const INTERVALS: f64 = 1_024.0;

/// Most of them: they do for steps of up to 64 widths.
const MAX_INTERVALS: usize = 1 << 16;

/// Most values of a table: 32 MiB. Wider tables have fewer offsets.
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
        let value = |i: usize| {
            let offset = (i / points) as f64 / intervals as f64 - 0.5;
            let x = ((i % points) as f64 - reach as f64 - offset) * d;
            libm::exp(-0.5 * (x * x))
        };
        let table = (0..points * (intervals + 1)).map(value).collect();
        Self { kernel, grid, d, reach, intervals, table, arch: pulp::Arch::new() }
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
            let row = interval * points + skipped;
            let (Some(near), Some(densities)) =
                (curve.get_mut(first..first + count), self.table.get(row..row + count))
            else {
                continue;
            };
            let scale = weight * self.kernel.height;
            let start = (skipped as f64 - self.reach as f64 - tabled) * self.d;
            for (k, (value, density)) in near.iter_mut().zip(densities).enumerate() {
                let x = start + k as f64 * self.d;
                let z = x * e - 0.5 * (e * e);
                let factor = 1.0 + z * (1.0 + z * (0.5 + z * (1.0 / 6.0 + z * (1.0 / 24.0))));
                *value += scale * (density * factor);
            }
        }
    }
}

fn checked_width(width: f64) -> Result<f64, DosError> {
    if width.is_finite() && width > 0.0 { Ok(width) } else { Err(DosError::Width(width)) }
}

/// The DOS of one operator over a run; `16` bytes per grid point.
///
/// ```
/// use hetero2::spectra::dos::{DosAccumulator, EnergyGrid, KERNEL_WIDTH};
///
/// let grid = EnergyGrid::new(-0.15, 3.15, 128)?;
/// let mut dos = DosAccumulator::new(grid, KERNEL_WIDTH)?;
/// dos.add_block([[0.0, 1.0, 3.0].as_slice(), [0.0, 2.0].as_slice()]);
/// assert_eq!(dos.count(), 5);
/// assert_eq!(dos.curve().len(), 128);
/// # Ok::<(), hetero2::spectra::dos::DosError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "DosFields", into = "DosFields")]
pub struct DosAccumulator {
    kernel: GridKernel,
    sums: Vec<FixedSum>,
    count: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DosFields {
    grid: EnergyGrid,
    width: f64,
    sums: Vec<FixedSum>,
    count: u64,
}

impl TryFrom<DosFields> for DosAccumulator {
    type Error = DosError;

    fn try_from(fields: DosFields) -> Result<Self, DosError> {
        let DosFields { grid, width, sums, count } = fields;
        if sums.len() != grid.len() {
            return Err(DosError::Mismatch);
        }
        Ok(Self { kernel: GaussianKernel::new(width)?.on(&grid), sums, count })
    }
}

impl From<DosAccumulator> for DosFields {
    fn from(dos: DosAccumulator) -> Self {
        let GridKernel { grid, kernel, .. } = dos.kernel;
        Self { grid, width: kernel.width, sums: dos.sums, count: dos.count }
    }
}

impl DosAccumulator {
    /// An empty curve on a grid.
    ///
    /// # Errors
    /// [`DosError::Width`] when the width is not a positive number.
    pub fn new(grid: EnergyGrid, width: f64) -> Result<Self, DosError> {
        Ok(Self::on(GaussianKernel::new(width)?.on(&grid)))
    }

    /// An empty curve of this kernel, whose table it shares.
    #[must_use]
    pub fn on(kernel: GridKernel) -> Self {
        let sums = vec![FixedSum::default(); kernel.grid().len()];
        Self { kernel, sums, count: 0 }
    }

    /// Adds the spectra of one block of rows, in row order.
    ///
    /// A block is one of the run's fixed blocks of consecutive input rows: the
    /// same rows must always come as the same block. Blocks may come in any
    /// order. Eigenvalues that are not finite are passed over.
    pub fn add_block<'a>(&mut self, spectra: impl IntoIterator<Item = &'a [f64]>) {
        let mut block = vec![0.0; self.sums.len()];
        let mut count = 0;
        let eigenvalues = spectra.into_iter().flatten().filter(|l| l.is_finite());
        let lines = eigenvalues.inspect(|_| count += 1).map(|&eigenvalue| (eigenvalue, 1.0));
        self.kernel.add_lines(lines, &mut block);
        self.count += count;
        for (sum, partial) in self.sums.iter_mut().zip(block) {
            sum.add(partial);
        }
    }

    /// Adds the blocks of another accumulator.
    ///
    /// # Errors
    /// [`DosError::Mismatch`] when grid or width differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), DosError> {
        if self.kernel != other.kernel {
            return Err(DosError::Mismatch);
        }
        for (sum, &partial) in self.sums.iter_mut().zip(&other.sums) {
            sum.merge(partial);
        }
        self.count += other.count;
        Ok(())
    }

    /// The grid that the curve lies on.
    #[must_use]
    pub fn grid(&self) -> &EnergyGrid {
        self.kernel.grid()
    }

    /// Eigenvalues added so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The curve, one value per grid point in full precision; zeros without an
    /// eigenvalue.
    #[must_use]
    pub fn curve(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum.mean(self.count).unwrap_or(0.0)).collect()
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
