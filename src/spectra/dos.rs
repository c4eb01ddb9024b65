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

mod kernel;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::kernel::{GaussianKernel, GridKernel};
use super::sum::FixedSum;

/// Points of the published grid.
pub const GRID_POINTS: u32 = 128;

/// Width η of the published kernel.
pub const KERNEL_WIDTH: f64 = 0.05;

/// The grid reaches this many widths beyond the outermost eigenvalues.
pub const MARGIN_WIDTHS: f64 = 3.0;

/// Most points that a grid may have.
pub const MAX_GRID_POINTS: u32 = 1 << 20;

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

fn checked_width(width: f64) -> Result<f64, DosError> {
    if width.is_finite() && width > 0.0 { Ok(width) } else { Err(DosError::Width(width)) }
}

/// The DOS of one operator over a run; `16` bytes per grid point.
///
/// ```
/// use hetero2_spectra::dos::{DosAccumulator, EnergyGrid, KERNEL_WIDTH};
///
/// let grid = EnergyGrid::new(-0.15, 3.15, 128)?;
/// let mut dos = DosAccumulator::new(grid, KERNEL_WIDTH)?;
/// dos.add_block([[0.0, 1.0, 3.0].as_slice(), [0.0, 2.0].as_slice()]);
/// assert_eq!(dos.count(), 5);
/// assert_eq!(dos.curve().len(), 128);
/// # Ok::<(), hetero2_spectra::dos::DosError>(())
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
        let (grid, width) = (*dos.grid(), dos.kernel.kernel().width());
        Self { grid, width, sums: dos.sums, count: dos.count }
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
