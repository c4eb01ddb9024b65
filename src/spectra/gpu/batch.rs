//! What is uploaded of a batch: of each matrix its order, its edges, and
//! weights and potential where there are any. Knows nothing of devices.

use std::ops::Range;

use super::kernel::Variant;
use super::scalar::Scalar;
use crate::SymmetricGraph;

/// Flags of a matrix, above the place of its first real.
const WEIGHTED: u32 = 1 << 31;
const POTENTIAL: u32 = 1 << 30;
/// Entries outside this range stay with the CPU: smaller ones would meet the
/// kernels' tolerances, and from 2²⁶ on results are published unrounded.
const NORMS: Range<f64> = 1e-6..(1u64 << 25) as f64;

/// A matrix that the kernels take, by its place in the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Suited {
    pub id: usize,
    /// Largest absolute row sum: no eigenvalue is larger.
    pub norm: f64,
}

/// Scratch memory of [`suits`].
#[derive(Default)]
pub(super) struct Scratch {
    row_sums: Vec<f64>,
    seen: Vec<u64>,
}

/// Whether a checked matrix can go to a kernel of this order, and its norm.
pub(super) fn suits(
    graph: &SymmetricGraph<'_>,
    largest_order: usize,
    scratch: &mut Scratch,
) -> Option<f64> {
    let n = graph.n;
    if n == 0 || n > largest_order || graph.edges.len() > usize::from(u16::MAX) {
        return None;
    }
    scratch.row_sums.clear();
    scratch.row_sums.extend(graph.diagonal.iter().map(|x| x.abs()));
    scratch.seen.clear();
    scratch.seen.resize((n * n).div_ceil(64), 0);
    for (&(i, j), x) in graph.edges.iter().zip(graph.off_diagonal) {
        let (i, j) = (i.min(j) as usize, i.max(j) as usize);
        let (word, bit) = ((i * n + j) / 64, 1u64 << ((i * n + j) % 64));
        // Kernels store entries, they do not add up repeated ones.
        if scratch.seen[word] & bit != 0 {
            return None;
        }
        scratch.seen[word] |= bit;
        scratch.row_sums[i] += x.abs();
        scratch.row_sums[j] += x.abs();
    }
    let norm = scratch.row_sums.iter().copied().fold(0.0, f64::max);
    (norm == 0.0 || NORMS.contains(&norm)).then_some(norm)
}

/// Matrices of one variant, as one dispatch computes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    pub variant: Variant,
    /// Place of its first matrix among the batch's.
    pub first: usize,
    pub count: usize,
}

/// Matrices as the shaders read them, and how much they will write.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed<T> {
    /// Which matrix of the batch each one is, and its place in the results.
    pub members: Vec<(Suited, Range<usize>)>,
    /// See `shaders/shared/batch.wgsl`.
    pub matrices: Vec<[u32; 4]>,
    pub edges: Vec<u32>,
    pub reals: Vec<T>,
    pub parts: Vec<Part>,
    /// Reals of the results, of the tridiagonal matrices and of the workspace.
    pub results: usize,
    pub tridiagonals: usize,
    pub workspace: usize,
    /// Arithmetic operations, about.
    operations: u64,
}

/// How much of a batch goes to a device at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackLimits {
    /// Matrices.
    pub matrices: usize,
    /// Reals of any one buffer.
    pub reals: usize,
    /// Arithmetic operations, so that no watchdog of a slow GPU takes a batch
    /// for a hang.
    pub operations: u64,
}

impl<T: Scalar> Packed<T> {
    /// Whether one more matrix of this variant would pass a limit.
    pub fn is_full(&self, variant: Variant, results: usize, limits: PackLimits) -> bool {
        let in_part = 1 + self
            .parts
            .last()
            .filter(|part| part.variant == variant)
            .map_or(0, |part| part.count);
        self.members.len() >= limits.matrices
            || self.results + results > limits.reals
            || in_part * scratch_of(variant) > limits.reals
            || self.operations > limits.operations
    }

    /// Adds a matrix; those of one variant must follow each other.
    pub fn push(
        &mut self,
        suited: Suited,
        graph: &SymmetricGraph<'_>,
        variant: Variant,
        results: usize,
    ) {
        let mut flags = 0;
        let (first_edge, first_real) = (self.edges.len() as u32, self.reals.len() as u32);
        self.edges.extend(graph.edges.iter().map(|&(i, j)| i | j << 16));
        if graph.off_diagonal.iter().any(|&x| x != -1.0) {
            flags |= WEIGHTED;
            self.reals.extend(graph.off_diagonal.iter().map(|&x| T::from_f64(-x)));
        }
        let start = self.reals.len();
        let mut potential = graph.diagonal.to_vec();
        for (&(i, j), x) in graph.edges.iter().zip(graph.off_diagonal) {
            potential[i as usize] += x;
            potential[j as usize] += x;
        }
        if potential.iter().any(|&x| x != 0.0) {
            flags |= POTENTIAL;
            self.reals.extend(potential.iter().map(|&x| T::from_f64(x)));
        }
        debug_assert!(start <= POTENTIAL as usize);
        let (n, edge_count) = (graph.n as u32, graph.edges.len() as u32);
        self.matrices.push([
            n | edge_count << 16,
            first_edge,
            first_real | flags,
            self.results as u32,
        ]);
        match self.parts.last_mut() {
            Some(part) if part.variant == variant => part.count += 1,
            _ => self.parts.push(Part { variant, first: self.members.len(), count: 1 }),
        }
        self.members.push((suited, self.results..self.results + results));
        self.results += results;
        self.operations += variant.operations(graph.n);
        let part = self.parts.last().map_or(0, |part| part.count * scratch_of(variant));
        match variant.second() {
            Some(_) => self.tridiagonals = self.tridiagonals.max(part),
            None if variant.is_stored() => self.workspace = self.workspace.max(part),
            None => {}
        }
    }
}

/// Reals of device memory that a matrix takes beside its results.
fn scratch_of(variant: Variant) -> usize {
    if variant.second().is_some() {
        2 * variant.order
    } else if variant.is_stored() {
        variant.matrix_size()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel::{KernelLimits, Task, variants};

    #[test]
    fn laplacians_take_their_edges_alone() {
        let limits = KernelLimits { workgroup_bytes: 32768, workgroup_invocations: 256 };
        let variant = variants::<f64>(Task::Values, limits)[0];
        let graph = SymmetricGraph {
            n: 3,
            edges: &[(0, 1), (2, 1)],
            off_diagonal: &[-1.0, -1.0],
            diagonal: &[1.0, 2.0, 1.0],
        };
        let mut packed = Packed::<f64>::default();
        let suited = Suited { id: 0, norm: 4.0 };
        assert_eq!(suits(&graph, 16, &mut Scratch::default()), Some(4.0));
        packed.push(suited, &graph, variant, 3);
        assert_eq!(packed.matrices, [[3 | 2 << 16, 0, 0, 0]]);
        assert_eq!(packed.edges, [1 << 16, 2 | 1 << 16]);
        assert!(packed.reals.is_empty());
        // A potential on one node, and another weight.
        let graph =
            SymmetricGraph { diagonal: &[1.5, 2.25, 1.25], off_diagonal: &[-1.0, -1.25], ..graph };
        packed.push(Suited { id: 1, ..suited }, &graph, variant, 3);
        assert_eq!(packed.matrices[1], [3 | 2 << 16, 2, WEIGHTED | POTENTIAL, 3]);
        assert_eq!(packed.reals, [1.0, 1.25, 0.5, 0.0, 0.0]);
        assert_eq!(packed.parts, [Part { variant, first: 0, count: 2 }]);
    }

    #[test]
    fn what_kernels_would_get_wrong_stays_with_the_cpu() {
        let mut scratch = Scratch::default();
        let graph = SymmetricGraph {
            n: 2,
            edges: &[(0, 1), (1, 0)],
            off_diagonal: &[-1.0, -1.0],
            diagonal: &[2.0, 2.0],
        };
        assert_eq!(suits(&graph, 16, &mut scratch), None);
        let once = SymmetricGraph { edges: &[(0, 1)], off_diagonal: &[-1.0], ..graph };
        assert_eq!(suits(&once, 16, &mut scratch), Some(3.0));
        assert_eq!(suits(&once, 1, &mut scratch), None);
        let huge = SymmetricGraph { diagonal: &[1e9, 0.0], ..once };
        assert_eq!(suits(&huge, 16, &mut scratch), None);
        let none = SymmetricGraph { n: 0, edges: &[], off_diagonal: &[], diagonal: &[] };
        assert_eq!(suits(&none, 16, &mut scratch), None);
    }
}
