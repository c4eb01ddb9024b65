//! Eigenvalues and eigenvectors of the reduced matrices by implicit QL
//! (EISPACK `tql2`; Golub & Van Loan, Matrix Computations, 8.3.5). The
//! rotations of several sweeps are collected first and applied afterwards, four
//! columns at a time, so that those columns stay in the first-level cache.

use super::blocks::{Blocks, sweep_limit, tolerance};
use super::lane::Lane;
use super::workspace::{SWEEPS, Workspace, packed, row_stride};

/// The smallest deflation tolerance, far above where squares underflow.
const SMALLEST: f64 = 1e-60;
/// A rotation of a vector whose squared length is at most this is left out.
const VANISHING: f64 = 1e-250;
/// Columns that one pass over the rows rotates.
const COLUMNS: usize = 4;

/// Replaces the diagonal by the eigenvalues, unsorted, and fills `vectors`
/// with one eigenvector a row; marks the lanes that did not converge.
#[inline(always)]
pub(super) fn eigensystem<L: Lane>(ws: &mut Workspace<L>) {
    let n = ws.n;
    ws.unconverged = L::splat(ws.token, 0.0);
    ws.sweeps.clear();
    accumulate_reflectors(ws);
    if n < 2 {
        return;
    }
    let (tolerance, floor) = (tolerance(ws), L::splat(ws.token, SMALLEST));
    let tolerance = tolerance.or_else(floor.less(tolerance), floor);
    for _ in 0..sweep_limit(n) {
        let blocks = find_blocks(ws, tolerance);
        let Some((low, high)) = blocks.extent(n) else {
            rotate_rows(ws);
            return;
        };
        sweep(ws, &blocks, low, high);
        if ws.sweeps.len() == SWEEPS {
            rotate_rows(ws);
        }
    }
    ws.unconverged = find_blocks(ws, tolerance).remaining();
}

/// `vectors` = the transpose of the product of all reflectors.
#[inline(always)]
fn accumulate_reflectors<L: Lane>(ws: &mut Workspace<L>) {
    let n = ws.n;
    let (zero, one) = (L::splat(ws.token, 0.0), L::splat(ws.token, 1.0));
    ws.vectors.clear();
    let stride = row_stride(n);
    ws.vectors.resize(n * stride, zero);
    for i in 0..n {
        ws.vectors[i * stride + i] = one;
    }
    for k in (0..n.saturating_sub(2)).rev() {
        let start = packed(n, 0, k);
        let (u, tau) = (&ws.triangle[start + k + 1..start + n], ws.tau[k]);
        let mut rows = ws.vectors[(k + 1) * stride..].chunks_exact_mut(stride);
        while let Some(row0) = rows.next() {
            let row0 = &mut row0[k + 1..][..u.len()];
            let Some(row1) = rows.next() else {
                let mut dot = zero;
                for (&x, &u) in row0.iter().zip(u) {
                    dot = dot + x * u;
                }
                dot = dot * tau;
                for (x, &u) in row0.iter_mut().zip(u) {
                    *x = *x - dot * u;
                }
                break;
            };
            let row1 = &mut row1[k + 1..][..u.len()];
            let (mut dot0, mut dot1) = (zero, zero);
            for i in 0..u.len() {
                dot0 = dot0 + row0[i] * u[i];
                dot1 = dot1 + row1[i] * u[i];
            }
            (dot0, dot1) = (dot0 * tau, dot1 * tau);
            for i in 0..u.len() {
                row0[i] = row0[i] - dot0 * u[i];
                row1[i] = row1[i] - dot1 * u[i];
            }
        }
    }
}

#[inline(always)]
fn find_blocks<L: Lane>(ws: &Workspace<L>, tolerance: L) -> Blocks<L> {
    let (d, e) = (&ws.diagonal, &ws.subdiagonal);
    let mut blocks = Blocks::none(ws.token, ws.n);
    for i in (0..ws.n - 1).rev() {
        blocks.visit(L::splat(ws.token, i as f64), e[i].abs(), tolerance, [d[i], d[i + 1], e[i]]);
    }
    blocks
}

/// One QL sweep over rows `low..=high`, each lane within its own block;
/// records the rotations.
#[inline(always)]
fn sweep<L: Lane>(ws: &mut Workspace<L>, blocks: &Blocks<L>, low: usize, high: usize) {
    let (token, n) = (ws.token, ws.n);
    let (zero, one, two) = (L::splat(token, 0.0), L::splat(token, 1.0), L::splat(token, 2.0));
    let vanishing = L::splat(token, VANISHING);
    let shift = shift(blocks);
    let rotations = &mut ws.rotations[ws.sweeps.len() * n..][..n];
    ws.sweeps.push((low, high));
    let (d, e) = (&mut ws.diagonal[..n], &mut ws.subdiagonal[..n]);
    let (mut c, mut s, mut p, mut g) = (one, one, zero, zero);
    for i in (low..high).rev() {
        let (index, above) = (L::splat(token, i as f64), L::splat(token, (i + 1) as f64));
        let starts = blocks.last.equal(above);
        g = (d[i + 1] - shift).or_else(starts, g);
        s = one.or_else(starts, s);
        c = one.or_else(starts, c);
        p = zero.or_else(starts, p);
        let below_first = blocks.first.less_or_equal(index);
        let inside = c.both(index.less(blocks.last), below_first);
        let started = c.both(above.less(blocks.last), below_first);

        let (f, b) = (s * e[i], c * e[i]);
        let r2 = f * f + g * g;
        let gone = r2.less_or_equal(vanishing);
        let r = r2.sqrt();
        let inverse = one / one.or_else(gone, r);
        s = zero.or_else(gone, f * inverse);
        c = one.or_else(gone, g * inverse);
        e[i + 1] = r.or_else(started, e[i + 1]);
        let base = d[i + 1] - p;
        let q = (d[i] - base) * s + two * c * b;
        p = s * q;
        d[i + 1] = (base + p).or_else(inside, d[i + 1]);
        g = c * q - b;

        let at_first = c.both(blocks.first.equal(index), inside);
        d[i] = (d[i] - p).or_else(at_first, d[i]);
        e[i] = g.or_else(at_first, e[i]);
        rotations[i] = (c.or_else(inside, one), s.or_else(inside, zero));
    }
}

/// Wilkinson's shift from the head of the block.
#[inline(always)]
fn shift<L: Lane>(blocks: &Blocks<L>) -> L {
    let [d0, d1, e] = blocks.head;
    let (one, two) = (L::splat(d0.token(), 1.0), L::splat(d0.token(), 2.0));
    let ratio = (d1 - d0) / (two * e);
    let hypotenuse = (ratio * ratio + one).sqrt();
    d0 - e / (ratio + hypotenuse.copysign(ratio))
}

/// Applies the recorded sweeps to the rows of `vectors` and forgets them.
#[inline(always)]
fn rotate_rows<L: Lane>(ws: &mut Workspace<L>) {
    let (n, stride) = (ws.n, row_stride(ws.n));
    let whole = n - n % COLUMNS;
    for column in (0..whole).step_by(COLUMNS) {
        for (k, &(low, high)) in ws.sweeps.iter().enumerate() {
            let rotations = &ws.rotations[k * n..][low..high];
            let rows = &mut ws.vectors[low * stride..(high + 1) * stride];
            rotate_columns::<L, COLUMNS>(rows, rotations, stride, column);
        }
    }
    for column in whole..n {
        for (k, &(low, high)) in ws.sweeps.iter().enumerate() {
            let rotations = &ws.rotations[k * n..][low..high];
            let rows = &mut ws.vectors[low * stride..(high + 1) * stride];
            rotate_columns::<L, 1>(rows, rotations, stride, column);
        }
    }
    ws.sweeps.clear();
}

#[inline(always)]
fn rotate_columns<L: Lane, const K: usize>(
    rows: &mut [L],
    rotations: &[(L, L)],
    stride: usize,
    column: usize,
) {
    let mut carried = [rows[rotations.len() * stride + column]; K];
    carried.copy_from_slice(&rows[rotations.len() * stride + column..][..K]);
    for (i, &(c, s)) in rotations.iter().enumerate().rev() {
        let (here, above) = rows[i * stride + column..].split_at_mut(stride);
        let (here, above) = (&here[..K], &mut above[..K]);
        for k in 0..K {
            above[k] = s * here[k] + c * carried[k];
            carried[k] = c * here[k] - s * carried[k];
        }
    }
    rows[column..column + K].copy_from_slice(&carried);
}
