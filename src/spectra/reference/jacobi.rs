//! Reference of `shaders/jacobi.wgsl`.

use super::Scalar;

const MOST_SWEEPS: usize = 20;

/// Eigenvalues and densities of shells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShellSystem<T> {
    /// Ascending eigenvalues.
    pub values: Vec<T>,
    /// Row `k` of `n` entries: the density of the shell whose first level is
    /// `k` on each node; zeros for the other levels.
    pub densities: Vec<T>,
}

/// Cyclic Jacobi rotations of a dense symmetric matrix of order `n`, row-major
/// with `stride` entries a row: the even number from `n` on, at least 2, rows
/// and columns beyond `n` being zero. Destroys the matrix. Nothing where it
/// does not converge.
pub(crate) fn jacobi<T: Scalar>(a: &mut [T], n: usize, stride: usize) -> Option<ShellSystem<T>> {
    let zero = T::default();
    let mut vectors = vec![zero; stride * stride];
    for i in 0..stride {
        vectors[i * stride + i] = T::from_f64(1.0);
    }
    let mut norm = zero;
    for row in a.chunks_exact(stride).take(n) {
        let mut sum = zero;
        for x in &row[..n] {
            sum += x.abs();
        }
        norm = norm.larger(sum);
    }
    let tolerance = norm * T::EPS * T::from_f64(0.25);
    let sweep = |a: &mut [T], vectors: &mut [T]| {
        let rotated = (0..stride - 1).map(|round| rotate(a, vectors, n, stride, round, tolerance));
        rotated.filter(|rotated| *rotated).count() > 0
    };
    if !(0..MOST_SWEEPS).any(|_| !sweep(a, &mut vectors)) {
        return None;
    }
    let mut states: Vec<usize> = (0..n).collect();
    let value = |state: usize| a[state * stride + state];
    states.sort_by(|&i, &j| value(i).to_f64().total_cmp(&value(j).to_f64()));
    let values: Vec<T> = states.iter().map(|&state| value(state)).collect();
    let mut densities = vec![zero; n * n];
    let mut row = 0;
    for (rank, &state) in states.iter().enumerate() {
        if rank > 0 && opens_shell(values[rank - 1], values[rank]) {
            row = rank;
        }
        for node in 0..n {
            let u = vectors[state * stride + node];
            densities[row * n + node] += u * u;
        }
    }
    Some(ShellSystem { values, densities })
}

fn opens_shell<T: Scalar>(a: T, b: T) -> bool {
    (b - a).abs() > T::SHELL * a.abs().larger(b.abs()).larger(T::from_f64(1.0))
}

/// Who meets whom: pair `k` of round `round` among `players` (even).
fn pair_of(round: usize, k: usize, players: usize) -> (usize, usize) {
    if k == 0 {
        return (round, players - 1);
    }
    let (a, b) = ((round + k) % (players - 1), (round + players - 1 - k) % (players - 1));
    (a.min(b), a.max(b))
}

/// One round of rotations; whether there was anything to rotate.
fn rotate<T: Scalar>(
    a: &mut [T],
    vectors: &mut [T],
    n: usize,
    stride: usize,
    round: usize,
    tolerance: T,
) -> bool {
    let (zero, one) = (T::default(), T::from_f64(1.0));
    let pairs: Vec<(usize, usize)> = (0..stride / 2).map(|k| pair_of(round, k, stride)).collect();
    let mut rotated = false;
    let rotation = |&(x, y): &(usize, usize)| {
        let entry = a[x * stride + y];
        if entry.abs() <= tolerance {
            return [one, zero, zero, zero];
        }
        rotated = true;
        let theta = (a[y * stride + y] - a[x * stride + x]) / (T::from_f64(2.0) * entry);
        let mut tangent = one / (theta.abs() + (theta * theta + one).sqrt());
        if theta < zero {
            tangent = -tangent;
        }
        let cosine = one / (tangent * tangent + one).sqrt();
        [cosine, tangent * cosine, tangent, entry]
    };
    let rotations: Vec<[T; 4]> = pairs.iter().map(rotation).collect();
    for (&(ax, ay), r1) in pairs.iter().zip(&rotations) {
        for (&(bx, by), r2) in pairs.iter().zip(&rotations) {
            if (ax, ay) == (bx, by) {
                if r1[1] != zero {
                    let shift = r1[2] * r1[3];
                    a[ax * stride + ax] -= shift;
                    a[ay * stride + ay] += shift;
                    a[ax * stride + ay] = zero;
                    a[ay * stride + ax] = zero;
                }
                continue;
            }
            let (xx, xy) = (a[ax * stride + bx], a[ax * stride + by]);
            let (yx, yy) = (a[ay * stride + bx], a[ay * stride + by]);
            let (top_x, top_y) = (r1[0] * xx - r1[1] * yx, r1[0] * xy - r1[1] * yy);
            let (low_x, low_y) = (r1[1] * xx + r1[0] * yx, r1[1] * xy + r1[0] * yy);
            a[ax * stride + bx] = r2[0] * top_x - r2[1] * top_y;
            a[ax * stride + by] = r2[1] * top_x + r2[0] * top_y;
            a[ay * stride + bx] = r2[0] * low_x - r2[1] * low_y;
            a[ay * stride + by] = r2[1] * low_x + r2[0] * low_y;
        }
    }
    for (&(x, y), r) in pairs.iter().zip(&rotations).filter(|(_, r)| r[1] != zero) {
        for node in 0..n {
            let (f, g) = (vectors[x * stride + node], vectors[y * stride + node]);
            vectors[x * stride + node] = r[0] * f - r[1] * g;
            vectors[y * stride + node] = r[1] * f + r[0] * g;
        }
    }
    rotated
}
