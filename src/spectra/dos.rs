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

    /// The point nearest to an energy.
    fn nearest(&self, energy: f64) -> usize {
        // Saturates at zero, and NaN is zero.
        (((energy - self.min) / self.step).round() as usize).min(self.len() - 1)
    }

    /// The points within `reach` of an energy, and at most one more at either
    /// end.
    fn near(&self, energy: f64, reach: f64) -> std::ops::Range<usize> {
        let last = f64::from(self.points - 1);
        let position = |e: f64| (e - self.min) / self.step;
        // `max` and `min` also map NaN into the grid.
        let first = position(energy - reach).floor().max(0.0).min(last);
        let end = position(energy + reach).ceil().min(last).max(-1.0) + 1.0;
        first as usize..(end as usize).max(first as usize)
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

    /// `curve[i] += weight · N(E_i; λ, η)`, where `curve` lies on `grid`, for each
    /// line `(λ, weight)` in turn.
    ///
    /// From the point nearest to λ outwards each value follows from the one
    /// before: with `d` the grid's step over η, `N` changes by a ratio that itself
    /// changes by `exp(−d²)` from point to point. No value differs from the formula
    /// by more than 1e−13 of the peak, which is what rounding the grid's energies
    /// costs anyway.
    pub fn add_lines(
        &self,
        grid: &EnergyGrid,
        lines: impl IntoIterator<Item = (f64, f64)>,
        curve: &mut [f64],
    ) {
        let d = grid.step / self.width;
        let change = libm::exp(-(d * d));
        for (energy, weight) in lines {
            let points = grid.near(energy, CUT_WIDTHS * self.width);
            if !energy.is_finite() || points.is_empty() {
                continue;
            }
            let nearest = grid.nearest(energy).clamp(points.start, points.end - 1);
            let x = (grid.energy(nearest) - energy) / self.width;
            let near = curve.get_mut(points.clone());
            let Some(near) = near.filter(|_| x.abs() <= CUT_WIDTHS) else { continue };
            let peak = weight * self.height * libm::exp(-0.5 * (x * x));
            // The ratios of the first steps up and down multiply to `change`; both
            // may be zero on a grid much coarser than η.
            let up = libm::exp(-(x * d) - 0.5 * (d * d));
            let down = if up > 0.0 { change / up } else { libm::exp(x * d - 0.5 * (d * d)) };
            let (below, above) = near.split_at_mut(nearest - points.start);
            let (mut density, mut ratio) = (peak, up);
            for value in above {
                *value += density;
                density *= ratio;
                ratio *= change;
            }
            (density, ratio) = (peak, down);
            for value in below.iter_mut().rev() {
                density *= ratio;
                ratio *= change;
                *value += density;
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
    grid: EnergyGrid,
    kernel: GaussianKernel,
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
        Ok(Self { grid, kernel: GaussianKernel::new(width)?, sums, count })
    }
}

impl From<DosAccumulator> for DosFields {
    fn from(dos: DosAccumulator) -> Self {
        Self { grid: dos.grid, width: dos.kernel.width, sums: dos.sums, count: dos.count }
    }
}

impl DosAccumulator {
    /// An empty curve on a grid.
    ///
    /// # Errors
    /// [`DosError::Width`] when the width is not a positive number.
    pub fn new(grid: EnergyGrid, width: f64) -> Result<Self, DosError> {
        let sums = vec![FixedSum::default(); grid.len()];
        Ok(Self { grid, kernel: GaussianKernel::new(width)?, sums, count: 0 })
    }

    /// Adds the spectra of one block of rows, in row order.
    ///
    /// A block is one of the run's fixed blocks of consecutive input rows: the
    /// same rows must always come as the same block. Blocks may come in any
    /// order. Eigenvalues that are not finite are passed over.
    pub fn add_block<'a>(&mut self, spectra: impl IntoIterator<Item = &'a [f64]>) {
        let mut block = vec![0.0; self.grid.len()];
        let mut count = 0;
        let eigenvalues = spectra.into_iter().flatten().filter(|l| l.is_finite());
        let lines = eigenvalues.inspect(|_| count += 1).map(|&eigenvalue| (eigenvalue, 1.0));
        self.kernel.add_lines(&self.grid, lines, &mut block);
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
        if self.grid != other.grid || self.kernel != other.kernel {
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
        &self.grid
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
    fn outward_steps_agree_with_the_exponential() {
        for (points, width) in [(128, 0.15), (512, 0.05), (3, 0.2), (40, 3.0)] {
            let grid = EnergyGrid::new(-1.3, 9.9, points).unwrap();
            let kernel = GaussianKernel::new(width).unwrap();
            for k in -60..260 {
                let energy = f64::from(k) / 23.0;
                let mut curve = vec![0.0; grid.len()];
                kernel.add_lines(&grid, [(energy, 0.7)], &mut curve);
                for (e, found) in grid.energies().zip(curve) {
                    let x = (e - energy) / width;
                    let exact = 0.7 * kernel.height * libm::exp(-0.5 * x * x);
                    let error = (found - exact).abs() / (0.7 * kernel.height);
                    assert!(error < 1e-13, "{energy} at {e}: {found} for {exact}");
                }
            }
        }
    }

    #[test]
    fn window_covers_every_term_within_the_cut() {
        let grid = EnergyGrid::new(-1.3, 2.9, 77).unwrap();
        for k in -60..90 {
            let energy = f64::from(k) / 17.0;
            let reach = 0.31;
            let near = grid.near(energy, reach);
            for (index, e) in grid.energies().enumerate() {
                if (e - energy).abs() <= reach {
                    assert!(near.contains(&index), "{energy} misses {e}");
                }
            }
            assert!(near.end <= grid.len());
        }
        for far in [f64::MAX, -f64::MAX, 1e300] {
            assert!(grid.near(far, 0.5).len() <= 2);
        }
    }
}
