//! One matrix at a time with faer: for large orders, and for whatever the
//! batched kernel could not finish. Single-threaded, so its bits do not depend
//! on the number of threads.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::{Mat, Par, diag::Diag};

use super::kernel::Problem;
use super::{Eigensystem, SpectraError};

/// Ascending eigenvalues.
pub(super) fn eigenvalues(matrix: usize, problem: &Problem<'_>) -> Result<Vec<f64>, SpectraError> {
    decompose(matrix, problem, None)
}

/// Values and vectors.
pub(super) fn eigensystem(
    matrix: usize,
    problem: &Problem<'_>,
) -> Result<Eigensystem, SpectraError> {
    let n = problem.graph.n;
    let mut vectors = Mat::zeros(n, n);
    let values = decompose(matrix, problem, Some(&mut vectors))?;
    let rows = vectors.col_iter().flat_map(|column| column.iter().copied().collect::<Vec<_>>());
    Ok(Eigensystem::new(values, rows.collect()))
}

fn decompose(
    matrix: usize,
    problem: &Problem<'_>,
    vectors: Option<&mut Mat<f64>>,
) -> Result<Vec<f64>, SpectraError> {
    let n = problem.graph.n;
    let dense = assemble(problem);
    let mut values = Diag::<f64>::zeros(n);
    let wanted = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let params = faer::Spec::default();
    let scratch = evd::self_adjoint_evd_scratch::<f64>(n, wanted, Par::Seq, params);
    evd::self_adjoint_evd(
        dense.as_ref(),
        values.as_mut(),
        vectors.map(Mat::as_mut),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        params,
    )
    .map_err(|_| SpectraError::NoConvergence { matrix, n })?;
    let values: Vec<f64> = values.column_vector().iter().map(|x| x / problem.scale).collect();
    if values.iter().any(|x| x.is_nan()) {
        return Err(SpectraError::NoConvergence { matrix, n });
    }
    Ok(values)
}

fn assemble(problem: &Problem<'_>) -> Mat<f64> {
    let graph = &problem.graph;
    let mut dense = Mat::zeros(graph.n, graph.n);
    for (i, &value) in graph.diagonal.iter().enumerate() {
        dense[(i, i)] = value * problem.scale;
    }
    for (&(i, j), &value) in graph.edges.iter().zip(graph.off_diagonal) {
        dense[(i as usize, j as usize)] += value * problem.scale;
        dense[(j as usize, i as usize)] += value * problem.scale;
    }
    dense
}
