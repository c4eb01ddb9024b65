//! Reference of `shaders/bisection.wgsl`.

use super::{Scalar, Tridiagonal};

/// Ascending eigenvalues of a tridiagonal matrix, by bisection with Sturm
/// counts.
pub(crate) fn bisection<T: Scalar>(matrix: &Tridiagonal<T>) -> Vec<T> {
    let (d, e) = (&matrix.diagonal, &matrix.subdiagonal);
    let Some(&first) = d.first() else { return Vec::new() };
    let (mut lowest, mut highest, mut largest_square) = (first, first, T::default());
    for i in 0..d.len() {
        let mut radius = e[i].abs();
        if i > 0 {
            radius += e[i - 1].abs();
        }
        lowest = lowest.smaller(d[i] - radius);
        highest = highest.larger(d[i] + radius);
        largest_square = largest_square.larger(e[i] * e[i]);
    }
    let smallest = T::TINY.larger(largest_square * T::TINY);
    let margin = lowest.abs().larger(highest.abs()) * T::EPS * T::from_f64(2.0) + smallest;
    let half = T::from_f64(0.5);
    let eigenvalue = |k: usize| {
        let (mut low, mut high) = (lowest - margin, highest + margin);
        for _ in 0..T::HALVINGS {
            let middle = half * (low + high);
            if sturm_count(matrix, middle, smallest) > k { high = middle } else { low = middle }
        }
        half * (low + high)
    };
    (0..d.len()).map(eigenvalue).collect()
}

/// How many eigenvalues are below `x`.
fn sturm_count<T: Scalar>(matrix: &Tridiagonal<T>, x: T, smallest: T) -> usize {
    let mut pivot = T::default();
    let mut count = 0;
    for (i, &d) in matrix.diagonal.iter().enumerate() {
        pivot = if i == 0 {
            d - x
        } else {
            let e = matrix.subdiagonal[i - 1];
            d - x - e * e / pivot
        };
        if pivot.abs() < smallest {
            pivot = -smallest;
        }
        count += usize::from(pivot < T::default());
    }
    count
}
