//! Eigenvalues of many small symmetric matrices of one order at once.
//!
//! Written once over a [`lane::Lane`] type and dispatched once, at the top;
//! structure of arrays across matrices. Only IEEE 754 operations in a fixed
//! order and no fused multiply-add, so scalar, AVX2, AVX-512 and NEON give the
//! same bits, and a matrix gets the same bits whichever matrices share its
//! group. Knows nothing of molecules, batches or threads.

mod blocks;
mod candidates;
mod lane;
mod local;
mod tridiagonal;
mod values;
mod vectors;
mod workspace;

use std::any::Any;
use std::cell::RefCell;

use pulp::{Scalar, Simd, WithSimd};

use self::lane::{Lane, Pair, Vector};
use self::workspace::Workspace;
use super::ldos::LocalSpectrum;
use super::{Eigensystem, SymmetricGraph};

/// Working memory larger than this is given back after use.
const KEPT_BYTES: usize = 16 << 20;
/// From this order on a pair of vectors would leave the second-level cache.
const NARROW_ORDER: usize = 96;

/// A checked matrix and the power of two that brings its entries into range.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub graph: SymmetricGraph<'a>,
    pub scale: f64,
}

/// Where results go, matrix `i` of the batch to place `i`.
pub(super) enum Output<'a> {
    /// Ascending eigenvalues of matrix `i` from `offsets[i]` on.
    Values { values: &'a mut [f64], offsets: &'a [usize] },
    /// Values and vectors.
    Systems(&'a mut [Eigensystem]),
    /// Values, and the lines of one atom.
    Local(&'a mut [LocalSpectrum]),
}

/// A batch to solve. Running it returns the matrices that did not converge.
pub(super) struct Job<'a> {
    pub problems: &'a [Problem<'a>],
    /// Positions in `problems`, sorted by order of the matrix.
    pub by_order: &'a [u32],
    pub output: Output<'a>,
}

impl WithSimd for Job<'_> {
    type Output = Vec<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Vec<usize> {
        let mut failed = Vec::new();
        let order = |&id: &u32| self.problems[id as usize].graph.n;
        for group in self.by_order.chunk_by(|a, b| order(a) == order(b)) {
            let n = order(&group[0]);
            if n > 0 {
                solve_group(simd, self.problems, n, group, &mut self.output, &mut failed);
            }
        }
        failed
    }
}

/// Solves matrices of one order in the widest vectors that they fill.
#[inline(always)]
fn solve_group<S: Simd>(
    simd: S,
    problems: &[Problem<'_>],
    n: usize,
    mut group: &[u32],
    output: &mut Output<'_>,
    failed: &mut Vec<usize>,
) {
    while !group.is_empty() {
        let single = <Vector<S> as Lane>::WIDTH;
        let taken;
        if single > 1 && group.len() > single && n < NARROW_ORDER {
            taken = group.len().min(2 * single);
            solve_lanes::<Pair<Vector<S>>>(simd, problems, n, &group[..taken], output, failed);
        } else if single > 1 && group.len() > 1 {
            taken = group.len().min(single);
            solve_lanes::<Vector<S>>(simd, problems, n, &group[..taken], output, failed);
        } else {
            taken = 1;
            let simd = Scalar::new();
            solve_lanes::<Vector<Scalar>>(simd, problems, n, &group[..1], output, failed);
        }
        group = &group[taken..];
    }
}

/// Solves at most `L::WIDTH` matrices; lanes to spare hold zero matrices,
/// which need no sweep.
#[inline(always)]
fn solve_lanes<L: Lane>(
    token: L::Token,
    problems: &[Problem<'_>],
    n: usize,
    ids: &[u32],
    output: &mut Output<'_>,
    failed: &mut Vec<usize>,
) {
    let mut ws = take_workspace::<L>(token);
    ws.reset(n);
    ws.load(problems, ids);
    tridiagonal::tridiagonalise(&mut ws);
    match output {
        Output::Values { .. } => {
            values::eigenvalues(&mut ws);
            values::sort(&mut ws);
        }
        Output::Systems(_) => vectors::eigensystem(&mut ws),
        Output::Local(spectra) => {
            local::spectra(&mut ws, problems, ids, spectra);
        }
    }
    for (lane, &id) in ids.iter().enumerate() {
        let id = id as usize;
        if !ws.converged(lane) {
            failed.push(id);
            continue;
        }
        let unscale = 1.0 / problems[id].scale;
        match output {
            Output::Values { values, offsets } => {
                let place = &mut values[offsets[id]..][..n];
                for (value, d) in place.iter_mut().zip(&ws.diagonal) {
                    *value = d.get(lane) * unscale;
                }
            }
            Output::Systems(systems) => systems[id] = ws.eigensystem(lane, unscale),
            Output::Local(_) => {}
        }
    }
    return_workspace(ws);
}

thread_local! {
    /// One workspace per lane type used on this thread.
    static WORKSPACES: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

fn take_workspace<L: Lane>(token: L::Token) -> Box<Workspace<L>> {
    WORKSPACES
        .with_borrow_mut(|kept| {
            let position = kept.iter().position(|any| any.is::<Workspace<L>>())?;
            kept.swap_remove(position).downcast().ok()
        })
        .unwrap_or_else(|| Box::new(Workspace::new(token)))
}

fn return_workspace<L: Lane>(workspace: Box<Workspace<L>>) {
    if workspace.bytes() <= KEPT_BYTES {
        WORKSPACES.with_borrow_mut(|kept| kept.push(workspace));
    }
}
