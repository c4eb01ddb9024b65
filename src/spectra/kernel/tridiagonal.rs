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
            update_column(ws, k);
        }
        let tau = reflect_column(ws, k);
        if k > 0 {
            product::<L, true>(ws, k + 1);
        } else {
            product::<L, false>(ws, k + 1);
        }
        finish_step(ws, k, tau);
    }
    if n > 2 {
        update_column(ws, n - 2);
        update_column(ws, n - 1);
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

/// Applies the pending rank-2 update to column `k` alone.
#[inline(always)]
fn update_column<L: Lane>(ws: &mut Workspace<L>, k: usize) {
    let (n, start) = (ws.n, packed(ws.n, 0, k));
    let (vk, wk) = (ws.v[k], ws.w[k]);
    let column = &mut ws.triangle[start + k..start + n];
    for ((a, &v), &w) in column.iter_mut().zip(&ws.v[k..n]).zip(&ws.w[k..n]) {
        *a = *a - (v * wk + w * vk);
    }
}

/// The reflector that zeroes column `k` below the subdiagonal: fills `u`,
/// records d, e and τ, and returns τ.
#[inline(always)]
fn reflect_column<L: Lane>(ws: &mut Workspace<L>, k: usize) -> L {
    let (n, start) = (ws.n, packed(ws.n, 0, k));
    let (zero, one) = (L::splat(ws.token, 0.0), L::splat(ws.token, 1.0));
    let column = &ws.triangle[start..start + n];
    let alpha = column[k + 1];
    let below = &column[k + 2..];
    let mut norm2 = zero;
    for &x in below {
        norm2 = norm2 + x * x;
    }
    let done = norm2.less_or_equal(L::splat(ws.token, NEGLIGIBLE));
    let beta = zero - (alpha * alpha + norm2).sqrt().copysign(alpha);
    let tau = zero.or_else(done, (beta - alpha) / one.or_else(done, beta));
    let scale = zero.or_else(done, one / one.or_else(done, alpha - beta));
    ws.diagonal[k] = column[k];
    ws.subdiagonal[k] = alpha.or_else(done, beta);
    ws.tau[k] = tau;
    ws.u[k + 1] = one;
    for (u, &x) in ws.u[k + 2..n].iter_mut().zip(below) {
        *u = x * scale;
    }
    tau
}

/// `product = A u` over rows and columns `first..`; where `UPDATE`, A first
/// takes the pending rank-2 update.
#[inline(always)]
fn product<L: Lane, const UPDATE: bool>(ws: &mut Workspace<L>, first: usize) {
    let (n, zero) = (ws.n, L::splat(ws.token, 0.0));
    ws.product[first..n].fill(zero);
    let (v, w, u) = (&ws.v[..n], &ws.w[..n], &ws.u[..n]);
    let product = &mut ws.product[..n];
    let mut j = first;
    while j + 1 < n {
        let (left, right) = ws.triangle.split_at_mut(packed(n, j + 1, j + 1));
        let left_start = packed(n, j, j);
        let (c0, c1) = (&mut left[left_start..], &mut right[..n - j - 1]);
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
        let rest = n - j - 2;
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
    if j < n {
        let corner = &mut ws.triangle[packed(n, j, j)];
        if UPDATE {
            *corner = *corner - (v[j] * w[j] + w[j] * v[j]);
        }
        product[j] = product[j] + *corner * u[j];
    }
}

/// From the product, the companion `w`; `u` becomes the pending `v` and is
/// kept in the dead column.
#[inline(always)]
fn finish_step<L: Lane>(ws: &mut Workspace<L>, k: usize, tau: L) {
    let (n, start) = (ws.n, packed(ws.n, 0, k));
    let mut dot = L::splat(ws.token, 0.0);
    for (p, &u) in ws.product[k + 1..n].iter_mut().zip(&ws.u[k + 1..n]) {
        *p = *p * tau;
        dot = dot + *p * u;
    }
    let factor = L::splat(ws.token, -0.5) * tau * dot;
    for i in k + 1..n {
        let u = ws.u[i];
        ws.w[i] = ws.product[i] + factor * u;
        ws.v[i] = u;
        ws.triangle[start + i] = u;
    }
}
