//! Householder reduction of packed symmetric matrices to tridiagonal form.
//!
//! The rank-2 update of one step is fused with the matrix-vector product of
//! the next, two columns at a time, so the triangle passes through the cache
//! once a step (Dongarra, Hammarling & Sorensen 1989, the idea behind
//! LAPACK's `dlatrd`; Golub & Van Loan, Matrix Computations, 8.3.1).

use super::lane::Lane;
use super::workspace::{Workspace, packed};

/// A column whose squared norm is at most this counts as zero: below it the
/// squares would lose bits to underflow and the reflector its orthogonality.
/// Matrices are scaled so that their largest entry exceeds 2⁻⁶⁴.
const NEGLIGIBLE: f64 = 1e-250;

/// Reduces every lane; leaves diagonal, subdiagonal, the Householder vectors
/// (column `k` of the triangle, rows `k + 1..`) and their factors.
#[inline(always)]
pub(super) fn tridiagonalise<L: Lane>(ws: &mut Workspace<L>) {
    let n = ws.n;
    for k in 0..n.saturating_sub(2) {
        if k > 0 {
            update_column(ws, k, k - 1);
        }
        let tau = reflect_column(ws, k);
        if k > 0 {
            product::<L, true>(ws, k);
        } else {
            product::<L, false>(ws, k);
        }
        finish_step(ws, k, tau);
    }
    if n > 2 {
        update_column(ws, n - 2, n - 3);
        update_column(ws, n - 1, n - 3);
    }
    let end = ws.triangle.len();
    if n >= 2 {
        ws.diagonal[n - 2] = ws.triangle[end - 3];
        ws.subdiagonal[n - 2] = ws.triangle[end - 2];
    }
    if n >= 1 {
        ws.diagonal[n - 1] = ws.triangle[end - 1];
        ws.subdiagonal[n - 1] = L::splat(ws.token, 0.0);
    }
}

/// Applies the pending rank-2 update, that of step `pending`, to column `k` alone.
#[inline(always)]
fn update_column<L: Lane>(ws: &mut Workspace<L>, k: usize, pending: usize) {
    let n = ws.n;
    let (done, left) = ws.triangle.split_at_mut(packed(n, k, k));
    let v = &done[packed(n, k, pending)..][..n - k];
    let (vk, wk) = (v[0], ws.w[k]);
    for ((a, &v), &w) in left[..n - k].iter_mut().zip(v).zip(&ws.w[k..n]) {
        *a = *a - (v * wk + w * vk);
    }
}

/// The reflector that zeroes column `k` below the subdiagonal, left in the
/// column's place; records d, e and τ, and returns τ.
#[inline(always)]
fn reflect_column<L: Lane>(ws: &mut Workspace<L>, k: usize) -> L {
    let (n, start) = (ws.n, packed(ws.n, 0, k));
    let (zero, one) = (L::splat(ws.token, 0.0), L::splat(ws.token, 1.0));
    let column = &mut ws.triangle[start + k..start + n];
    let (diagonal, alpha) = (column[0], column[1]);
    let mut norm2 = zero;
    for &x in &column[2..] {
        norm2 = norm2 + x * x;
    }
    let done = norm2.less_or_equal(L::splat(ws.token, NEGLIGIBLE));
    let beta = zero - (alpha * alpha + norm2).sqrt().copysign(alpha);
    let tau = zero.or_else(done, (beta - alpha) / one.or_else(done, beta));
    let scale = zero.or_else(done, one / one.or_else(done, alpha - beta));
    ws.diagonal[k] = diagonal;
    ws.subdiagonal[k] = alpha.or_else(done, beta);
    ws.tau[k] = tau;
    column[1] = one;
    for x in &mut column[2..] {
        *x = *x * scale;
    }
    tau
}

/// `product = A u` over the rows and columns beyond `k`, u the reflector in
/// column `k`; where `UPDATE`, A first takes the update of the step before.
#[inline(always)]
fn product<L: Lane, const UPDATE: bool>(ws: &mut Workspace<L>, k: usize) {
    let (n, zero) = (ws.n, L::splat(ws.token, 0.0));
    // Rows `k + 1..` of all vectors, and the columns still to reduce.
    let rows = n - k - 1;
    let (done, mut columns) = ws.triangle.split_at_mut(packed(n, k + 1, k + 1));
    let u = &done[done.len() - rows..];
    let v = if UPDATE { &done[packed(n, k + 1, k - 1)..][..rows] } else { u };
    let (w, product) = (&ws.w[k + 1..n], &mut ws.product[k + 1..n]);
    product.fill(zero);
    let mut j = 0;
    while j + 1 < rows {
        let (c0, rest) = columns.split_at_mut(rows - j);
        let (c1, rest) = rest.split_at_mut(rows - j - 1);
        columns = rest;
        let (u0, u1) = (u[j], u[j + 1]);
        let (v0, w0, v1, w1) = (v[j], w[j], v[j + 1], w[j + 1]);
        let (mut a00, mut a10, mut a11) = (c0[0], c0[1], c1[0]);
        if UPDATE {
            a00 = a00 - (v0 * w0 + w0 * v0);
            a10 = a10 - (v1 * w0 + w1 * v0);
            a11 = a11 - (v1 * w1 + w1 * v1);
            (c0[0], c0[1], c1[0]) = (a00, a10, a11);
        }
        let (mut s0, mut s1) = (a00 * u0 + a10 * u1, a10 * u0 + a11 * u1);
        let rest = rows - j - 2;
        let (c0, c1) = (&mut c0[2..][..rest], &mut c1[1..][..rest]);
        let (v, w, u) = (&v[j + 2..][..rest], &w[j + 2..][..rest], &u[j + 2..][..rest]);
        let below = &mut product[j + 2..][..rest];
        for i in 0..rest {
            let (mut a0, mut a1) = (c0[i], c1[i]);
            if UPDATE {
                a0 = a0 - (v[i] * w0 + w[i] * v0);
                a1 = a1 - (v[i] * w1 + w[i] * v1);
                (c0[i], c1[i]) = (a0, a1);
            }
            s0 = s0 + a0 * u[i];
            s1 = s1 + a1 * u[i];
            below[i] = below[i] + (a0 * u0 + a1 * u1);
        }
        product[j] = product[j] + s0;
        product[j + 1] = product[j + 1] + s1;
        j += 2;
    }
    if let [corner] = columns {
        if UPDATE {
            *corner = *corner - (v[j] * w[j] + w[j] * v[j]);
        }
        product[j] = product[j] + *corner * u[j];
    }
}

/// From the product, the companion `w` of the reflector in column `k`.
#[inline(always)]
fn finish_step<L: Lane>(ws: &mut Workspace<L>, k: usize, tau: L) {
    let n = ws.n;
    let u = &ws.triangle[packed(n, k + 1, k)..][..n - k - 1];
    let (product, w) = (&ws.product[k + 1..n], &mut ws.w[k + 1..n]);
    let mut dot = L::splat(ws.token, 0.0);
    for (&p, &u) in product.iter().zip(u) {
        dot = dot + p * tau * u;
    }
    let factor = L::splat(ws.token, -0.5) * tau * dot;
    for ((w, &p), &u) in w.iter_mut().zip(product).zip(u) {
        *w = p * tau + factor * u;
    }
}
