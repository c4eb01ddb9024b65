//! What a local density of states needs of each lane, read from the vectors
//! where they lie: no matrix is copied out. Knows nothing of energy grids.

use super::Problem;
use super::lane::Lane;
use super::workspace::{Workspace, row_stride};
use crate::spectra::densities::each_shell;
use crate::spectra::ldos::{LocalDensity, LocalSpectrum};

/// Fills the places `ids` of `spectra` from the eigensystems of the lanes, for
/// what a lane holds that did not converge, too; destroys the vectors.
#[inline(always)]
pub(super) fn spectra<L: Lane>(
    ws: &mut Workspace<L>,
    problems: &[Problem<'_>],
    ids: &[u32],
    spectra: &mut [LocalSpectrum],
) {
    let (n, stride) = (ws.n, row_stride(ws.n));
    square(ws);
    // By lane, the row of each state in ascending order.
    let mut rows = vec![0; n * ids.len()];
    let mut order = Vec::with_capacity(n);
    for ((lane, &id), rows) in ids.iter().enumerate().zip(rows.chunks_exact_mut(n)) {
        ws.sort(lane, &mut order);
        let unscale = 1.0 / problems[id as usize].scale;
        let values: Vec<f64> = order.iter().map(|(value, _)| value * unscale).collect();
        for (row, &(_, sorted)) in rows.iter_mut().zip(&order) {
            *row = sorted;
        }
        for levels in each_shell(&values) {
            if levels.len() > 1 {
                gather(ws, lane, &rows[levels]);
            }
        }
        spectra[id as usize].values = values;
    }
    find_largest(ws);
    let mut largest = vec![0.0; n];
    for ((lane, &id), rows) in ids.iter().enumerate().zip(rows.chunks_exact(n)) {
        for (largest, lanes) in largest.iter_mut().zip(&ws.product) {
            *largest = lanes.get(lane);
        }
        let LocalSpectrum { values, local } = &mut spectra[id as usize];
        let shells = each_shell(values).map(|levels| (levels.clone(), rows[levels.start]));
        *local = LocalDensity::read(values, &largest, shells, |row, atom| {
            ws.vectors[row * stride + atom].get(lane)
        });
    }
}

/// Every component becomes its square.
#[inline(always)]
fn square<L: Lane>(ws: &mut Workspace<L>) {
    for x in &mut ws.vectors {
        *x = *x * *x;
    }
}

/// Adds up the squares of a shell in the row of its first state.
fn gather<L: Lane>(ws: &mut Workspace<L>, lane: usize, rows: &[usize]) {
    let stride = row_stride(ws.n);
    for atom in 0..ws.n {
        let mut sum = 0.0;
        for row in rows {
            let square = &mut ws.vectors[row * stride + atom];
            sum += square.get(lane);
            square.set(lane, 0.0);
        }
        ws.vectors[rows[0] * stride + atom].set(lane, sum);
    }
}

/// `product` = the largest density of each atom.
#[inline(always)]
fn find_largest<L: Lane>(ws: &mut Workspace<L>) {
    let n = ws.n;
    ws.product.fill(L::splat(ws.token, 0.0));
    for row in ws.vectors.chunks_exact(row_stride(n)) {
        for (largest, &density) in ws.product.iter_mut().zip(row) {
            *largest = density.or_else(largest.less(density), *largest);
        }
    }
}
