//! The densities of states of a run: one curve per operator over all rows,
//! and one local curve per row.

use rayon::prelude::*;

use super::error::RunError;
use crate::library::BLOCK_ROWS;
use crate::pack::csv::{DosPoint, LocalDosRow};
use crate::pack::rows::{LocalDosColumns, LocalLines, SpectrumRow};
use crate::rounding::round8;
use crate::spectra::dos::{
    DosAccumulator, EnergyRange, GRID_POINTS, GaussianKernel, GridKernel, KERNEL_WIDTH,
};
use crate::spectra::ldos::{LocalDensity, LocalLine};

/// Gathers the curves of L, H and WH, in this order.
pub(super) struct Densities {
    kernel: GridKernel,
    curves: [DosAccumulator; 3],
}

impl Densities {
    /// Curves on the grid of this range; none for a run without eigenvalues.
    pub fn new(range: EnergyRange) -> Result<Option<Self>, RunError> {
        let Some(grid) = range.grid(GRID_POINTS, KERNEL_WIDTH)? else { return Ok(None) };
        let kernel = GaussianKernel::new(KERNEL_WIDTH)?.on(&grid);
        let curves = empty_curves(&kernel);
        Ok(Some(Self { kernel, curves }))
    }

    /// Adds whole blocks of rows; returns the local densities of the rows, in
    /// their order.
    pub fn add_blocks<'a>(
        &mut self,
        rows: &'a [SpectrumRow],
    ) -> Result<Vec<LocalDosRow<'a>>, RunError> {
        let (curves, local) = rayon::join(|| self.block_curves(rows), || self.local(rows));
        for curves in &curves {
            for (sum, curve) in self.curves.iter_mut().zip(curves) {
                sum.merge(curve)?;
            }
        }
        Ok(local)
    }

    fn block_curves(&self, rows: &[SpectrumRow]) -> Vec<[DosAccumulator; 3]> {
        let block = |row: &SpectrumRow| row.row / BLOCK_ROWS as u64;
        let blocks: Vec<&[SpectrumRow]> = rows.chunk_by(|a, b| block(a) == block(b)).collect();
        let curves = blocks.par_iter().map(|rows| {
            let mut curves = empty_curves(&self.kernel);
            curves[0].add_block(rows.iter().map(|row| &row.l[..]));
            curves[1].add_block(rows.iter().map(|row| &row.h[..]));
            curves[2].add_block(rows.iter().map(|row| &row.wh[..]));
            curves
        });
        curves.collect()
    }

    fn local<'a>(&self, rows: &'a [SpectrumRow]) -> Vec<LocalDosRow<'a>> {
        let local = rows.par_iter().map(|row| LocalDosRow {
            id: &row.id,
            h: self.local_columns(row.h_local.as_ref()),
            wh: self.local_columns(row.wh_local.as_ref()),
        });
        local.collect()
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

    /// The curves as published; an operator without eigenvalues has none.
    pub fn points(&self) -> Vec<DosPoint> {
        let curves = self.curves.each_ref().map(|c| (c.count() > 0).then(|| c.curve()));
        let value = |curve: usize, i: usize| curves[curve].as_ref().map(|c| round8(c[i]));
        self.kernel
            .grid()
            .energies()
            .enumerate()
            .map(|(i, energy)| DosPoint {
                energy: round8(energy),
                l: value(0, i),
                h: value(1, i),
                wh: value(2, i),
            })
            .collect()
    }
}

/// Curves of L, H and WH without an eigenvalue.
fn empty_curves(kernel: &GridKernel) -> [DosAccumulator; 3] {
    std::array::from_fn(|_| DosAccumulator::on(kernel.clone()))
}
