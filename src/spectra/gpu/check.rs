//! What every result of a GPU must satisfy: moments of the matrix that its
//! eigenvalues and densities have to give back. Knows nothing of devices.

use crate::{ShellProjectors, SymmetricGraph};

/// Whether eigenvalues are ascending numbers with the trace and the Frobenius
/// norm of their matrix. `norm` bounds their magnitude, `bound` their errors.
pub(super) fn values_hold(
    graph: &SymmetricGraph<'_>,
    values: &[f64],
    norm: f64,
    bound: f64,
) -> bool {
    let n = values.len() as f64;
    let trace: f64 = graph.diagonal.iter().sum();
    let squares = |of: &[f64]| of.iter().map(|x| x * x).sum::<f64>();
    let frobenius = squares(graph.diagonal) + 2.0 * squares(graph.off_diagonal);
    values.iter().all(|value| value.abs() <= norm + bound)
        && values.windows(2).all(|pair| pair[0] <= pair[1])
        && (values.iter().sum::<f64>() - trace).abs() <= n * bound
        && (squares(values) - frobenius).abs() <= 4.0 * n * norm * bound
}

/// Whether densities sum to one on every node, and energies weighted by them
/// to its diagonal entry: `Σ_s λ_s P_s = A`. `tolerance` is what separates
/// levels of a shell at most, relative to their magnitude but at least to 1.
pub(super) fn densities_hold(
    graph: &SymmetricGraph<'_>,
    spectrum: &ShellProjectors,
    norm: f64,
    bound: f64,
    tolerance: f64,
) -> bool {
    let n = graph.n;
    let (mut sums, mut energies) = (vec![0.0; n], vec![0.0; n]);
    for (levels, density) in spectrum.shells() {
        let values = &spectrum.values()[levels];
        let energy = values.iter().sum::<f64>() / values.len() as f64;
        for ((sum, weighted), rho) in sums.iter_mut().zip(&mut energies).zip(density) {
            *sum += rho;
            *weighted += energy * rho;
        }
    }
    let relative = bound / norm.max(1e-300);
    let off = n as f64 * (bound + tolerance * norm.max(1.0));
    sums.iter().all(|sum| (sum - 1.0).abs() <= n as f64 * relative.max(1e-14))
        && energies.iter().zip(graph.diagonal).all(|(e, d)| (e - d).abs() <= off)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: SymmetricGraph<'_> = SymmetricGraph {
        n: 3,
        edges: &[(0, 1), (1, 2)],
        off_diagonal: &[-1.0, -1.0],
        diagonal: &[1.0, 2.0, 1.0],
    };

    #[test]
    fn eigenvalues_of_another_matrix_are_refused() {
        let holds = |values: &[f64]| values_hold(&PATH, values, 4.0, 1e-12);
        assert!(holds(&[0.0, 1.0, 3.0]));
        assert!(!holds(&[0.0, 1.5, 2.5]), "another Frobenius norm");
        assert!(!holds(&[0.1, 1.0, 3.0]), "another trace");
        assert!(!holds(&[1.0, 0.0, 3.0]), "not ascending");
        assert!(!holds(&[f64::NAN, 1.0, 3.0]));
        assert!(!holds(&[0.0, 1.0, 1e30]));
    }

    #[test]
    fn densities_of_another_matrix_are_refused() {
        let rows =
            [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.5, 0.0, 0.5, 1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0];
        let holds = |rows: &[f64]| {
            let spectrum = ShellProjectors::from_rows(vec![0.0, 1.0, 3.0], rows);
            densities_hold(&PATH, &spectrum, 4.0, 1e-12, 1e-9)
        };
        assert!(holds(&rows));
        for k in 0..9 {
            let mut wrong = rows;
            wrong[k] += 1e-6;
            assert!(!holds(&wrong), "entry {k}");
        }
    }
}
