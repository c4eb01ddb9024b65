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
/// Rows that the reflectors are applied to at a time.
const ROWS: usize = 4;
/// Columns that one pass over the rows rotates.
const COLUMNS: usize = 4;

/// Replaces the diagonal by the eigenvalues, unsorted, and fills `vectors`
/// with one eigenvector a row; marks the lanes that did not converge.
#[inline(always)]
pub(super) fn eigensystem<L: Lane>(ws: &mut Workspace<L>) {
    iterate(ws, SWEEPS);
    rotate_rows(ws);
}

/// As [`eigensystem`], but leaves all rotations to be applied, to any columns,
/// by [`rotate_block`].
#[inline(always)]
pub(super) fn eigenvalues_and_rotations<L: Lane>(ws: &mut Workspace<L>) {
    iterate(ws, usize::MAX);
}

/// Finds the eigenvalues; applies the rotations of `at_once` sweeps at a time to
/// the rows of `vectors`, and leaves those of the last ones.
#[inline(always)]
fn iterate<L: Lane>(ws: &mut Workspace<L>, at_once: usize) {
    let n = ws.n;
    ws.unconverged = L::splat(ws.token, 0.0);
    ws.sweeps.clear();
    accumulate_reflectors(ws);
    if n < 2 {
        return;
    }
    let (tolerance, floor) = (tolerance(ws), L::splat(ws.token, SMALLEST));
    let tolerance = tolerance.or_else(floor.less(tolerance), floor);
    let mut low = 0;
    for _ in 0..sweep_limit(n) {
        let blocks = find_blocks(ws, tolerance, low);
        let Some((first, high)) = blocks.extent(n) else {
            return;
        };
        low = first;
        sweep(ws, &blocks, low, high);
        if ws.sweeps.len() == at_once {
            rotate_rows(ws);
        }
    }
    ws.unconverged = find_blocks(ws, tolerance, low).remaining();
}

/// `vectors` = the transpose of the product of all reflectors.
#[inline(always)]
fn accumulate_reflectors<L: Lane>(ws: &mut Workspace<L>) {
    let (n, stride) = (ws.n, row_stride(ws.n));
    ws.vectors.resize(n * stride, L::splat(ws.token, 0.0));
    let whole = n - n % ROWS;
    for row in (0..whole).step_by(ROWS) {
        reflect_rows::<L, ROWS>(ws, row);
    }
    for row in whole..n {
        reflect_rows::<L, 1>(ws, row);
    }
}

/// Applies the reflectors to rows `first..` of the identity, last one first: all
/// but those that find zeros there. The rows stay in the first-level cache.
#[inline(always)]
fn reflect_rows<L: Lane, const K: usize>(ws: &mut Workspace<L>, first: usize) {
    let (n, stride) = (ws.n, row_stride(ws.n));
    let (zero, one) = (L::splat(ws.token, 0.0), L::splat(ws.token, 1.0));
    let mut rows = ws.vectors[first * stride..][..K * stride].chunks_exact_mut(stride);
    let mut rows: [&mut [L]; K] = std::array::from_fn(|_| rows.next().unwrap_or_default());
    for (k, row) in rows.iter_mut().enumerate() {
        row.fill(zero);
        row[first + k] = one;
    }
    let last = (first + K - 1).min(n.saturating_sub(2));
    let mut factors = [zero; K];
    // A pass takes what the one before left to do, and finds what its own
    // reflector needs; the first one has nothing to take.
    for k in (0..last).rev() {
        let taken = &ws.triangle[packed(n, k + 2, k + 1)..][..n - k - 2];
        let u = &ws.triangle[packed(n, k + 1, k)..][..n - k - 1];
        let rows = rows.each_mut().map(|row| &mut row[k + 1..][..u.len()]);
        let mut dots = [zero; K];
        for (dot, row) in dots.iter_mut().zip(&rows) {
            *dot = *dot + row[0] * u[0];
        }
        for (i, (&taken, &u)) in (1..).zip(taken.iter().zip(&u[1..])) {
            for k in 0..K {
                let x = rows[k][i] - factors[k] * taken;
                rows[k][i] = x;
                dots[k] = dots[k] + x * u;
            }
        }
        for (factor, &dot) in factors.iter_mut().zip(&dots) {
            *factor = dot * ws.tau[k];
        }
    }
    for (i, &u) in ws.triangle[1..n].iter().enumerate() {
        for k in 0..K {
            rows[k][i + 1] = rows[k][i + 1] - factors[k] * u;
        }
    }
}

/// The next blocks, where nothing is coupled below row `low`.
#[inline(always)]
fn find_blocks<L: Lane>(ws: &Workspace<L>, tolerance: L, low: usize) -> Blocks<L> {
    let (d, e) = (&ws.diagonal, &ws.subdiagonal);
    let mut blocks = Blocks::none(ws.token, ws.n);
    for i in (low..ws.n - 1).rev() {
        blocks.visit(L::splat(ws.token, i as f64), e[i].abs(), tolerance, [d[i], d[i + 1], e[i]]);
    }
    blocks
}

/// One QL sweep over rows `low..=high`, each lane within its own block;
/// records the rotations.
#[inline(always)]
fn sweep<L: Lane>(ws: &mut Workspace<L>, blocks: &Blocks<L>, low: usize, high: usize) {
    let (token, n) = (ws.token, ws.n);
    let (zero, one) = (L::splat(token, 0.0), L::splat(token, 1.0));
    let shift = shift(blocks);
    let start = ws.sweeps.len() * n;
    if ws.rotations.len() < start + n {
        ws.rotations.resize(start + n, (zero, zero));
    }
    let rotations = &mut ws.rotations[start..][..n];
    ws.sweeps.push((low, high));
    let (d, e) = (&mut ws.diagonal[..n], &mut ws.subdiagonal[..n]);
    let mut chase = Chase { c: one, s: one, p: zero, g: zero, shift };
    let shared = blocks.shared();
    for i in (low..high).rev() {
        rotations[i] = if shared.contains(&i) {
            chase.step::<true>(d, e, blocks, i)
        } else {
            chase.step::<false>(d, e, blocks, i)
        };
    }
}

/// What one step of a sweep hands to the next.
struct Chase<L> {
    c: L,
    s: L,
    p: L,
    g: L,
    shift: L,
}

impl<L: Lane> Chase<L> {
    /// The rotation of rows `i` and `i + 1`; with `SHARED`, both lie strictly
    /// inside the block of every lane.
    #[inline(always)]
    fn step<const SHARED: bool>(
        &mut self,
        d: &mut [L],
        e: &mut [L],
        blocks: &Blocks<L>,
        i: usize,
    ) -> (L, L) {
        let token = self.shift.token();
        let (zero, one, two) = (L::splat(token, 0.0), L::splat(token, 1.0), L::splat(token, 2.0));
        let (index, above) = (L::splat(token, i as f64), L::splat(token, (i + 1) as f64));
        if !SHARED {
            let starts = blocks.last.equal(above);
            self.g = (d[i + 1] - self.shift).or_else(starts, self.g);
            self.s = one.or_else(starts, self.s);
            self.c = one.or_else(starts, self.c);
            self.p = zero.or_else(starts, self.p);
        }
        let (f, b) = (self.s * e[i], self.c * e[i]);
        let r2 = f * f + self.g * self.g;
        let gone = r2.less_or_equal(L::splat(token, VANISHING));
        let r = r2.sqrt();
        let inverse = one / one.or_else(gone, r);
        let s = zero.or_else(gone, f * inverse);
        let c = one.or_else(gone, self.g * inverse);
        let base = d[i + 1] - self.p;
        let q = (d[i] - base) * s + two * c * b;
        let p = s * q;
        let g = c * q - b;
        *self = Self { c, s, p, g, shift: self.shift };
        if SHARED {
            (e[i + 1], d[i + 1]) = (r, base + p);
            return (c, s);
        }
        let below_first = blocks.first.less_or_equal(index);
        let inside = one.both(index.less(blocks.last), below_first);
        let started = one.both(above.less(blocks.last), below_first);
        e[i + 1] = r.or_else(started, e[i + 1]);
        d[i + 1] = (base + p).or_else(inside, d[i + 1]);
        let at_first = one.both(blocks.first.equal(index), inside);
        d[i] = (d[i] - p).or_else(at_first, d[i]);
        e[i] = g.or_else(at_first, e[i]);
        (c.or_else(inside, one), s.or_else(inside, zero))
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
    let Workspace { vectors, sweeps, rotations, .. } = ws;
    let whole = n - n % COLUMNS;
    for column in (0..whole).step_by(COLUMNS) {
        rotate::<L, COLUMNS>(vectors, stride, column, n, sweeps, rotations);
    }
    for column in whole..n {
        rotate::<L, 1>(vectors, stride, column, n, sweeps, rotations);
    }
    sweeps.clear();
}

/// Applies the recorded sweeps to a block of `K` columns.
#[inline(always)]
pub(super) fn rotate_block<L: Lane, const K: usize>(
    block: &mut [L],
    sweeps: &[(usize, usize)],
    rotations: &[(L, L)],
) {
    rotate::<L, K>(block, K, 0, block.len() / K, sweeps, rotations);
}

/// Applies sweeps, whose rotations lie `n` apart, to `K` columns from `column` on.
#[inline(always)]
fn rotate<L: Lane, const K: usize>(
    vectors: &mut [L],
    stride: usize,
    column: usize,
    n: usize,
    sweeps: &[(usize, usize)],
    rotations: &[(L, L)],
) {
    for (sweep, &(low, high)) in sweeps.iter().enumerate() {
        let rows = &mut vectors[low * stride..(high + 1) * stride];
        rotate_columns::<L, K>(rows, &rotations[sweep * n..][low..high], stride, column);
    }
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
