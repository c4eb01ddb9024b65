//! The buffers of one group of matrices, structure of arrays across matrices:
//! element (i, j) of every matrix of the group lies in one vector of lanes.

use super::Problem;
use super::candidates::Candidates;
use super::lane::Lane;
use crate::Eigensystem;

/// Where the packed lower triangle, stored by columns, holds row `i` of column
/// `j`, for `i >= j`.
#[inline(always)]
pub(super) fn packed(n: usize, i: usize, j: usize) -> usize {
    j * n - j * (j + 1) / 2 + i
}

/// Distance between rows of eigenvectors: odd, lest the rows of one column all
/// fall into a few cache sets.
#[inline(always)]
pub(super) fn row_stride(n: usize) -> usize {
    n | 1
}

/// Sweeps whose rotations are collected before they are applied.
pub(super) const SWEEPS: usize = 8;

/// Working memory for one group of `L::WIDTH` matrices of order `n`. Reused
/// from group to group; grows to the largest order seen.
pub(super) struct Workspace<L: Lane> {
    pub token: L::Token,
    pub n: usize,
    /// Packed lower triangle; after the reduction, the Householder vectors.
    pub triangle: Vec<L>,
    /// Diagonal of the tridiagonal matrix, then the eigenvalues.
    pub diagonal: Vec<L>,
    /// Subdiagonal; entry `i` couples `i` and `i + 1`, the last one is zero.
    pub subdiagonal: Vec<L>,
    /// Companion of the Householder vector of the step before (A −= v wᵀ + w vᵀ).
    pub w: Vec<L>,
    /// A times the Householder vector of the step at hand.
    pub product: Vec<L>,
    /// Householder factors: H = I − τ u uᵀ.
    pub tau: Vec<L>,
    /// Row `i` holds eigenvector `i`; filled only when vectors are wanted.
    pub vectors: Vec<L>,
    /// Cosines and sines of the sweeps not yet applied, `n` a sweep; longer
    /// than needed after larger matrices.
    pub rotations: Vec<(L, L)>,
    /// The rows `low..=high` that each of these sweeps covers.
    pub sweeps: Vec<(usize, usize)>,
    /// Rotated columns, by blocks of `n` rows; filled only for one atom's lines.
    pub columns: Vec<L>,
    pub candidates: Candidates<L>,
    /// Zero in the lanes whose eigenvalues were found.
    pub unconverged: L,
}

impl<L: Lane> Workspace<L> {
    pub fn new(token: L::Token) -> Self {
        Self {
            token,
            n: 0,
            triangle: Vec::new(),
            diagonal: Vec::new(),
            subdiagonal: Vec::new(),
            w: Vec::new(),
            product: Vec::new(),
            tau: Vec::new(),
            vectors: Vec::new(),
            rotations: Vec::new(),
            sweeps: Vec::with_capacity(SWEEPS),
            columns: Vec::new(),
            candidates: Candidates::new(token),
            unconverged: L::splat(token, 0.0),
        }
    }

    /// Makes every lane the zero matrix of order `n`.
    pub fn reset(&mut self, n: usize) {
        let zero = L::splat(self.token, 0.0);
        self.triangle.clear();
        self.triangle.resize(n * (n + 1) / 2, zero);
        if n != self.n {
            self.n = n;
            for buffer in [
                &mut self.diagonal,
                &mut self.subdiagonal,
                &mut self.w,
                &mut self.product,
                &mut self.tau,
            ] {
                buffer.clear();
                buffer.resize(n, zero);
            }
        }
    }

    /// Packs matrices of order `n`, each times its scale, into the lanes. The
    /// graphs have been checked. Entry by entry, not lane by lane: so the
    /// graphs come through the caches side by side.
    pub fn load(&mut self, problems: &[Problem<'_>], ids: &[u32]) {
        let n = self.n;
        let problem = |&id: &u32| &problems[id as usize];
        for i in 0..n {
            let entry = &mut self.triangle[packed(n, i, i)];
            for (lane, Problem { graph, scale }) in ids.iter().map(problem).enumerate() {
                entry.set(lane, graph.diagonal[i] * scale);
            }
        }
        let most = ids.iter().map(|id| problem(id).graph.edges.len()).max().unwrap_or(0);
        for edge in 0..most {
            for (lane, Problem { graph, scale }) in ids.iter().map(problem).enumerate() {
                let (Some(&(i, j)), Some(value)) =
                    (graph.edges.get(edge), graph.off_diagonal.get(edge))
                else {
                    continue;
                };
                let entry = &mut self.triangle[packed(n, i.max(j) as usize, i.min(j) as usize)];
                entry.set(lane, entry.get(lane) + value * scale);
            }
        }
    }

    /// Whether the eigenvalues of a lane were found.
    pub fn converged(&self, lane: usize) -> bool {
        self.unconverged.get(lane) == 0.0
    }

    /// The eigenvalues of one lane in ascending order, each with its row.
    pub fn sort(&self, lane: usize, order: &mut Vec<(f64, usize)>) {
        order.clear();
        order.extend(self.diagonal[..self.n].iter().enumerate().map(|(i, d)| (d.get(lane), i)));
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }

    /// Eigenvalues (times `unscale`) and vectors of one lane, ascending.
    pub fn eigensystem(&self, lane: usize, unscale: f64) -> Eigensystem {
        let n = self.n;
        let mut order = Vec::with_capacity(n);
        self.sort(lane, &mut order);
        let mut vectors = Vec::with_capacity(n * n);
        for &(_, row) in &order {
            vectors.extend(self.vectors[row * row_stride(n)..][..n].iter().map(|x| x.get(lane)));
        }
        Eigensystem::new(order.iter().map(|(value, _)| value * unscale).collect(), vectors)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let lanes = self.triangle.capacity()
            + self.vectors.capacity()
            + self.columns.capacity()
            + 2 * self.rotations.capacity();
        // Five vectors here, and at most six of the candidates.
        size_of::<L>() * (lanes + 11 * self.diagonal.capacity())
    }
}
