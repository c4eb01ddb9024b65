//! What a local density of states needs of each lane: the eigenvalues, and the
//! weights of one atom. Where all rotations can be kept, they are applied to
//! those atoms alone that may be the one. Knows nothing of energy grids.

use std::ops::Range;

use super::candidates::CHOSEN;
use super::lane::Lane;
use super::vectors;
use super::workspace::{Workspace, row_stride};
use super::{NARROW_ORDER, Problem};
use crate::ldos::{LocalDensity, LocalSpectrum};
use crate::projectors::each_shell;

/// Smaller matrices have too few columns for bounds to pay.
const BOUNDED_ORDER: usize = 28;

/// The states of the lanes in ascending order.
struct States {
    /// By lane, the row of each state.
    rows: Vec<usize>,
    /// The shells of several levels: lane, and where `rows` has their rows.
    shared: Vec<(usize, Range<usize>)>,
}

/// Of the weights in a buffer, by lane and atom: the largest one, and where the
/// first row's lies. Zero for an atom that was left out.
struct Found {
    largest: Vec<f64>,
    places: Vec<usize>,
}

/// Fills the places `ids` of `spectra` from the reduced matrices, for what a
/// lane holds that did not converge, too.
#[inline(always)]
pub(super) fn spectra<L: Lane>(
    ws: &mut Workspace<L>,
    problems: &[Problem<'_>],
    ids: &[u32],
    spectra: &mut [LocalSpectrum],
) {
    let n = ws.n;
    let bounded = (BOUNDED_ORDER..NARROW_ORDER).contains(&n);
    if bounded {
        vectors::eigenvalues_and_rotations(ws);
        ws.candidates.reset(n);
    } else {
        vectors::eigensystem(ws);
    }
    let mut states = States { rows: vec![0; n * ids.len()], shared: Vec::new() };
    let (mut order, mut scaled) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for (lane, &id) in ids.iter().enumerate() {
        let problem = &problems[id as usize];
        ws.sort(lane, &mut order);
        scaled.clear();
        scaled.extend(order.iter().map(|(value, _)| value));
        let unscale = 1.0 / problem.scale;
        let values: Vec<f64> = scaled.iter().map(|value| value * unscale).collect();
        for (row, &(_, sorted)) in states.rows[lane * n..].iter_mut().zip(&order) {
            *row = sorted;
        }
        let mut widest = 0.0_f64;
        for levels in each_shell(&values).filter(|levels| levels.len() > 1) {
            widest = widest.max(scaled[levels.end - 1] - scaled[levels.start]);
            states.shared.push((lane, lane * n + levels.start..lane * n + levels.end));
        }
        if bounded {
            ws.candidates.add(lane, problem, &scaled, widest);
        }
        spectra[id as usize].values = values;
    }
    let found = if bounded { rotate(ws, &states) } else { read_all(ws, &states) };
    let (weights, stride) =
        if bounded { (&ws.columns, CHOSEN) } else { (&ws.vectors, row_stride(n)) };
    for (lane, &id) in ids.iter().enumerate() {
        let (rows, atoms) = (&states.rows[lane * n..], lane * n..(lane + 1) * n);
        let (largest, places) = (&found.largest[atoms.clone()], &found.places[atoms]);
        let LocalSpectrum { values, local } = &mut spectra[id as usize];
        let shells = each_shell(values).map(|levels| (levels.clone(), rows[levels.start]));
        *local = LocalDensity::read(values, largest, shells, |row, atom| {
            weights[places[atom] + row * stride].get(lane)
        });
    }
}

/// Rotates the columns of the candidates, each lane's own, until no other atom
/// can have a larger weight; leaves the weights in `columns`.
#[inline(always)]
fn rotate<L: Lane>(ws: &mut Workspace<L>, states: &States) -> Found {
    let (n, stride, zero) = (ws.n, row_stride(ws.n), L::splat(ws.token, 0.0));
    let mut found = Found { largest: vec![0.0; n * L::WIDTH], places: vec![0; n * L::WIDTH] };
    let mut best = zero;
    let mut chosen = vec![0; CHOSEN * L::WIDTH];
    ws.columns.clear();
    while ws.candidates.choose(best, &mut chosen) {
        let start = ws.columns.len();
        ws.columns.resize(start + n * CHOSEN, zero);
        let block = &mut ws.columns[start..];
        let rows = block.chunks_exact_mut(CHOSEN).zip(ws.vectors.chunks_exact(stride));
        for (row, vectors) in rows {
            for (place, atoms) in row.iter_mut().zip(chosen.chunks_exact(L::WIDTH)) {
                for (lane, &atom) in atoms.iter().enumerate() {
                    place.set(lane, vectors[atom].get(lane));
                }
            }
        }
        vectors::rotate_block::<L, CHOSEN>(block, &ws.sweeps, &ws.rotations);
        let mut largest = [zero; CHOSEN];
        weigh(block, CHOSEN, states, &mut largest);
        for (slot, atoms) in chosen.chunks_exact(L::WIDTH).enumerate() {
            best = largest[slot].or_else(best.less(largest[slot]), best);
            for (lane, &atom) in atoms.iter().enumerate() {
                found.largest[lane * n + atom] = largest[slot].get(lane);
                found.places[lane * n + atom] = start + slot;
            }
        }
    }
    found
}

/// Turns all vectors into weights.
#[inline(always)]
fn read_all<L: Lane>(ws: &mut Workspace<L>, states: &States) -> Found {
    let n = ws.n;
    ws.product.fill(L::splat(ws.token, 0.0));
    weigh(&mut ws.vectors, row_stride(n), states, &mut ws.product);
    let lanes = || (0..L::WIDTH).flat_map(|lane| (0..n).map(move |atom| (lane, atom)));
    Found {
        largest: lanes().map(|(lane, atom)| ws.product[atom].get(lane)).collect(),
        places: lanes().map(|(_, atom)| atom).collect(),
    }
}

/// Makes every component its square and the row of a shell's first state their
/// sum; raises `largest` to the largest of each column.
#[inline(always)]
fn weigh<L: Lane>(block: &mut [L], stride: usize, states: &States, largest: &mut [L]) {
    for x in block.iter_mut() {
        *x = *x * *x;
    }
    for (lane, rows) in &states.shared {
        gather(block, stride, largest.len(), *lane, &states.rows[rows.clone()]);
    }
    for row in block.chunks_exact(stride) {
        for (largest, &weight) in largest.iter_mut().zip(row) {
            *largest = weight.or_else(largest.less(weight), *largest);
        }
    }
}

/// Adds up the squares of a shell in the row of its first state.
fn gather<L: Lane>(block: &mut [L], stride: usize, width: usize, lane: usize, rows: &[usize]) {
    for column in 0..width {
        let mut sum = 0.0;
        for row in rows {
            let square = &mut block[row * stride + column];
            sum += square.get(lane);
            square.set(lane, 0.0);
        }
        block[rows[0] * stride + column].set(lane, sum);
    }
}
