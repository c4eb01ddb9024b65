//! Reference of `shaders/tridiagonal.wgsl`.

use super::Scalar;

/// A symmetric tridiagonal matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tridiagonal<T> {
    /// `n` diagonal entries.
    pub diagonal: Vec<T>,
    /// Entry `i` joins rows `i` and `i + 1`; the last one is zero.
    pub subdiagonal: Vec<T>,
}

/// Householder reduction of a dense symmetric matrix of order `n` (row-major,
/// `n` entries a row), which it destroys.
pub(crate) fn tridiagonalise<T: Scalar>(a: &mut [T], n: usize) -> Tridiagonal<T> {
    let (zero, one) = (T::default(), T::from_f64(1.0));
    let mut out = Tridiagonal { diagonal: vec![zero; n], subdiagonal: vec![zero; n] };
    let (mut v, mut p) = (vec![zero; n], vec![zero; n]);
    for k in 0..n.saturating_sub(2) {
        let row = &a[k * n..(k + 1) * n];
        let below = in_strands(k + 2..n, |i| row[i] * row[i]);
        let alpha = row[k + 1];
        let (mut tau, mut inverse, mut beta) = (zero, zero, alpha);
        if below > zero {
            let norm = (alpha * alpha + below).sqrt();
            beta = if alpha >= zero { -norm } else { norm };
            tau = (beta - alpha) / beta;
            inverse = one / (alpha - beta);
        }
        out.diagonal[k] = row[k];
        out.subdiagonal[k] = beta;
        for i in k + 1..n {
            v[i] = if i == k + 1 { one } else { row[i] * inverse };
        }
        for i in k + 1..n {
            p[i] = in_strands(k + 1..n, |j| a[j * n + i] * v[j]) * tau;
        }
        let factor = T::from_f64(-0.5) * tau * in_strands(k + 1..n, |i| p[i] * v[i]);
        for i in k + 1..n {
            let (vi, wi) = (v[i], p[i] + factor * v[i]);
            for j in k + 1..n {
                let (vj, wj) = (v[j], p[j] + factor * v[j]);
                a[j * n + i] -= vj * wi + wj * vi;
            }
        }
    }
    if n >= 2 {
        out.diagonal[n - 2] = a[(n - 2) * n + n - 2];
        out.subdiagonal[n - 2] = a[(n - 2) * n + n - 1];
    }
    if n >= 1 {
        out.diagonal[n - 1] = a[n * n - 1];
    }
    out
}

/// The sum of terms, in four strands, as the shader adds them.
fn in_strands<T: Scalar>(range: std::ops::Range<usize>, term: impl Fn(usize) -> T) -> T {
    let mut s = [T::default(); 4];
    let whole = range.len() / 4 * 4;
    for (k, i) in range.enumerate() {
        let strand = if k < whole { k % 4 } else { 0 };
        s[strand] += term(i);
    }
    (s[0] + s[1]) + (s[2] + s[3])
}
