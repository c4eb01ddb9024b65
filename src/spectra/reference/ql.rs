//! Reference of `shaders/ql.wgsl`.

use super::{Scalar, Tridiagonal};

const MOST_SWEEPS: usize = 60;

/// Ascending eigenvalues of a tridiagonal matrix, by Pal–Walker–Kahan QL;
/// nothing where it does not converge.
pub(crate) fn ql<T: Scalar>(matrix: Tridiagonal<T>) -> Option<Vec<T>> {
    let Tridiagonal { diagonal: mut d, subdiagonal: mut e } = matrix;
    let n = d.len();
    let (zero, one, two) = (T::default(), T::from_f64(1.0), T::from_f64(2.0));
    let norm = d.iter().zip(&e).fold(zero, |norm, (d, e)| norm.larger(d.abs() + e.abs()));
    let tolerance = ((norm * T::EPS) * (norm * T::EPS)).larger(T::TINY);
    for e in &mut e {
        *e = *e * *e;
    }
    for low in 0..n {
        let mut converged = false;
        for _ in 0..MOST_SWEEPS {
            let high = (low..n - 1).find(|&i| e[i] <= tolerance).unwrap_or(n - 1);
            if high == low {
                converged = true;
                break;
            }
            let root = e[low].sqrt();
            let ratio = (d[low + 1] - d[low]) / (two * root);
            let hypotenuse = (ratio * ratio + one).sqrt();
            let shift =
                d[low] - root / (ratio + if ratio < zero { -hypotenuse } else { hypotenuse });
            let (mut c, mut s) = (one, zero);
            let mut gamma = d[high] - shift;
            let mut square = gamma * gamma;
            for i in (low..high).rev() {
                let b = e[i];
                let r = square + b;
                if i + 1 != high {
                    e[i + 1] = s * r;
                }
                let (old_c, old_gamma) = (c, gamma);
                let inverse = one / r;
                c = square * inverse;
                s = b * inverse;
                let alpha = d[i];
                gamma = c * (alpha - shift) - s * old_gamma;
                d[i + 1] = old_gamma + (alpha - gamma);
                square = if c != zero { gamma * gamma / c } else { old_c * b };
            }
            e[low] = s * square;
            d[low] = shift + gamma;
        }
        if !converged {
            return None;
        }
    }
    if d.iter().any(|x| !x.to_f64().is_finite()) {
        return None;
    }
    d.sort_by(|a, b| a.to_f64().total_cmp(&b.to_f64()));
    Some(d)
}
