//! The densities of states of a run: one curve per operator over all rows,
//! and one local curve per row.

use hetero2_common::rounding::round8;
use hetero2_evidence::pack::csv::{DosPoint, LocalDosRow};
use hetero2_evidence::pack::rows::{LocalDosColumns, LocalLines, SpectrumRow};
use hetero2_spectra::dos::{
    DosAccumulator, EnergyRange, GRID_POINTS, GaussianKernel, GridKernel, KERNEL_WIDTH,
};
use hetero2_spectra::ldos::{LocalDensity, LocalLine};

use crate::run::error::RunError;

/// The grid of a run's densities.
pub(crate) struct Densities {
    kernel: GridKernel,
}

/// The curves of L, H and WH, in this order.
pub(crate) struct Curves([DosAccumulator; 3]);

impl Densities {
    /// The grid of this range; none for a run without eigenvalues.
    pub fn new(range: EnergyRange) -> Result<Option<Self>, RunError> {
        let Some(grid) = range.grid(GRID_POINTS, KERNEL_WIDTH)? else { return Ok(None) };
        let kernel = GaussianKernel::new(KERNEL_WIDTH)?.on(&grid);
        Ok(Some(Self { kernel }))
    }

    /// Curves without an eigenvalue.
    pub fn empty_curves(&self) -> Curves {
        Curves(std::array::from_fn(|_| DosAccumulator::on(self.kernel.clone())))
    }

    /// The curves of one whole block of rows.
    pub fn block_curves(&self, rows: &[SpectrumRow]) -> Curves {
        let mut curves = self.empty_curves();
        let Curves([l, h, wh]) = &mut curves;
        l.add_block(rows.iter().map(|row| &row.l[..]));
        h.add_block(rows.iter().map(|row| &row.h[..]));
        wh.add_block(rows.iter().map(|row| &row.wh[..]));
        curves
    }

    /// The local densities of a row.
    pub fn local<'a>(&self, row: &'a SpectrumRow) -> LocalDosRow<'a> {
        LocalDosRow {
            id: &row.id,
            h: self.local_columns(row.h_local.as_ref()),
            wh: self.local_columns(row.wh_local.as_ref()),
        }
    }

    fn local_columns(&self, lines: Option<&LocalLines>) -> Option<LocalDosColumns> {
        let lines = lines?;
        let energies = lines.energies.iter().zip(&lines.weights);
        let density = LocalDensity {
            atom: lines.atom_index as usize,
            lines: energies.map(|(&energy, &weight)| LocalLine { energy, weight }).collect(),
        };
        let summary = density.summary(&self.kernel)?;
        Some(LocalDosColumns {
            atom_index: lines.atom_index,
            atomic_number: u8::try_from(lines.atomic_number).ok()?,
            peak_energy: summary.peak_energy,
            peak_value: summary.peak_value,
            entropy: summary.entropy,
        })
    }

    /// The curves of a run as published; an operator without eigenvalues has none.
    pub fn points(&self, curves: &Curves) -> Vec<DosPoint> {
        let curves = curves.0.each_ref().map(|c| (c.count() > 0).then(|| c.curve()));
        let value = |curve: usize, i: usize| curves[curve].as_ref().map(|c| round8(c[i]));
        let energies = self.kernel.grid().energies().enumerate();
        let point = |(i, energy)| DosPoint {
            energy: round8(energy),
            l: value(0, i),
            h: value(1, i),
            wh: value(2, i),
        };
        energies.map(point).collect()
    }
}

impl Curves {
    /// Adds the curves of other blocks.
    ///
    /// # Errors
    /// They are of another grid.
    pub fn merge(&mut self, other: &Self) -> Result<(), RunError> {
        for (sum, curve) in self.0.iter_mut().zip(&other.0) {
            sum.merge(curve)?;
        }
        Ok(())
    }
}
