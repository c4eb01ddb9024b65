//! Eigenvalues of tridiagonal matrices by Pal–Walker–Kahan QL: the square-root
//! free variant, LAPACK's `dsterf` (Parlett, The Symmetric Eigenvalue Problem,
//! 8.15). Lanes deflate, shift and finish each for itself.

use super::blocks::{Blocks, sweep_limit, tolerance};
use super::lane::Lane;
use super::workspace::Workspace;

/// The smallest squared deflation tolerance, far above underflow.
const SMALLEST_SQUARE: f64 = 1e-120;
/// A `p` this small is zero to the recurrence; keeps `1 / (p · r)` finite.
const VANISHING: f64 = 1e-180;

/// Replaces the diagonal by the eigenvalues, unsorted; destroys the
/// subdiagonal; marks the lanes that did not converge.
#[inline(always)]
pub(super) fn eigenvalues<L: Lane>(ws: &mut Workspace<L>) {
    let n = ws.n;
    ws.unconverged = L::splat(ws.token, 0.0);
    if n < 2 {
        return;
    }
    let tolerance = tolerance(ws);
    let floor = L::splat(ws.token, SMALLEST_SQUARE);
    let square = tolerance * tolerance;
    let tolerance = square.or_else(floor.less(square), floor);
    for e in &mut ws.subdiagonal[..n - 1] {
        *e = *e * *e;
    }
    let mut blocks = Blocks::none(ws.token, n);
    visit_range(ws, &mut blocks, tolerance, 0, n - 1);
    for _ in 0..sweep_limit(n) {
        let Some((low, high)) = blocks.extent(n) else { return };
        blocks = sweep(ws, &blocks, tolerance, low, high);
    }
    ws.unconverged = blocks.remaining();
}

#[inline(always)]
fn visit_range<L: Lane>(ws: &Workspace<L>, blocks: &mut Blocks<L>, tol: L, from: usize, to: usize) {
    for i in (from..to).rev() {
        let (d, e) = (&ws.diagonal, ws.subdiagonal[i]);
        blocks.visit(L::splat(ws.token, i as f64), e, tol, [d[i], d[i + 1], e]);
    }
}

/// One QL sweep over rows `low..=high`, each lane within its own block; finds
/// the next blocks on the way.
#[inline(always)]
fn sweep<L: Lane>(
    ws: &mut Workspace<L>,
    blocks: &Blocks<L>,
    tolerance: L,
    low: usize,
    high: usize,
) -> Blocks<L> {
    let (token, n) = (ws.token, ws.n);
    let (zero, one) = (L::splat(token, 0.0), L::splat(token, 1.0));
    let vanishing = L::splat(token, VANISHING);
    let mut next = Blocks::none(token, n);
    visit_range(ws, &mut next, tolerance, high, n - 1);

    let shift = shift(blocks);
    let (d, e) = (&mut ws.diagonal[..n], &mut ws.subdiagonal[..n]);
    let (mut c, mut s, mut gamma) = (one, zero, d[high] - shift);
    let mut p = gamma * gamma;
    // d[i + 1] as it stands unless this step changes it, and d[i + 2] as final.
    let (mut pending, mut above) = (d[high], d[high]);
    for i in (low..high).rev() {
        let index = L::splat(token, i as f64);
        let inside = c.both(index.less(blocks.last), blocks.first.less_or_equal(index));
        let (alpha, b) = (d[i], e[i]);
        let r = p + b;
        // One division gives both 1/p and 1/r.
        let gone = p.less_or_equal(vanishing);
        let safe = one.or_else(gone, p);
        let t = one / (safe * r);
        let inverse = t * safe;
        let offset = alpha - shift;
        let c_new = zero.or_else(gone, p * inverse);
        let s_new = one.or_else(gone, b * inverse);
        let gamma_new = (c_new * offset - s_new * gamma).or_else(inside, offset);
        let square = gamma_new * gamma_new;
        let p_new = (c * b).or_else(gone, square * (r * (r * t))).or_else(inside, square);

        let e_above = (s * r).or_else(inside, e[i + 1]);
        let d_above = (gamma + (alpha - gamma_new)).or_else(inside, pending);
        e[i + 1] = e_above;
        d[i + 1] = d_above;
        if i + 1 < high {
            let at = L::splat(token, (i + 1) as f64);
            next.visit(at, e_above, tolerance, [d_above, above, e_above]);
        }
        above = d_above;

        let at_first = c.both(blocks.first.equal(index), inside);
        e[i] = (s_new * p_new).or_else(at_first, b);
        pending = (shift + gamma_new).or_else(at_first, alpha);
        d[i] = pending;
        c = c_new.or_else(inside, one);
        s = s_new.or_else(inside, zero);
        gamma = gamma_new;
        p = p_new;
    }
    visit_range(ws, &mut next, tolerance, low, low + 1);
    next
}

/// Wilkinson's shift from the head of the block.
#[inline(always)]
fn shift<L: Lane>(blocks: &Blocks<L>) -> L {
    let [d0, d1, e2] = blocks.head;
    let (one, two) = (L::splat(d0.token(), 1.0), L::splat(d0.token(), 2.0));
    let e = e2.sqrt();
    let ratio = (d1 - d0) / (two * e);
    let hypotenuse = (ratio * ratio + one).sqrt();
    d0 - e / (ratio + hypotenuse.copysign(ratio))
}

/// Sorts the eigenvalues of every lane: insertion by minimum and maximum, the
/// same steps whatever the values.
#[inline(always)]
pub(super) fn sort<L: Lane>(ws: &mut Workspace<L>) {
    let d = &mut ws.diagonal[..ws.n];
    for i in 1..d.len() {
        let mut low = d[i];
        for j in (0..i).rev() {
            let other = d[j];
            let swap = low.less(other);
            d[j + 1] = other.or_else(swap, low);
            low = low.or_else(swap, other);
        }
        d[0] = low;
    }
}
