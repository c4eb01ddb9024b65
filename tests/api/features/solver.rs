//! A dense solver for the tests.

use faer::{Mat, Side};
use hetero2::operator::{SymmetricGraph, SymmetricMatrix};
use hetero2::spectra::projectors::ShellProjectors;
use hetero2::spectra::scf::ScfError;

fn dense(view: SymmetricGraph<'_>) -> Mat<f64> {
    let entries = view.to_dense();
    Mat::from_fn(view.n, view.n, |i, j| entries[i * view.n + j])
}

pub fn eigenvalues(view: SymmetricGraph<'_>) -> Vec<f64> {
    dense(view).self_adjoint_eigenvalues(Side::Lower).unwrap()
}

pub fn shells(matrix: &SymmetricMatrix) -> Result<ShellProjectors, ScfError> {
    let eigen = dense(matrix.view()).self_adjoint_eigen(Side::Lower).unwrap();
    let values = eigen.S().column_vector().iter().copied().collect();
    Ok(ShellProjectors::from_eigenvectors(values, |state, atom| eigen.U()[(atom, state)]))
}

/// As [`shells`], with the basis of every degenerate shell turned by an angle.
pub fn shells_in_another_basis(matrix: &SymmetricMatrix) -> Result<ShellProjectors, ScfError> {
    let eigen = dense(matrix.view()).self_adjoint_eigen(Side::Lower).unwrap();
    let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
    let mut vectors = eigen.U().to_owned();
    for k in 1..values.len() {
        if (values[k] - values[k - 1]).abs() < 1e-10 {
            let (sin, cos) = (0.7_f64 + k as f64).sin_cos();
            for atom in 0..values.len() {
                let (a, b) = (vectors[(atom, k - 1)], vectors[(atom, k)]);
                vectors[(atom, k - 1)] = cos * a - sin * b;
                vectors[(atom, k)] = sin * a + cos * b;
            }
        }
    }
    Ok(ShellProjectors::from_eigenvectors(values, |state, atom| vectors[(atom, state)]))
}
