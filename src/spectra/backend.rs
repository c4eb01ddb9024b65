//! What a device must do to give spectra, and the matrices it is given.
//! Knows nothing of any device.

use std::ops::Index;

use hetero2_contract::{SpectraCounts, SymmetricGraph};

use super::ShellProjectors;
use super::ldos::LocalSpectrum;

/// Checks a matrix' shapes, indices and numbers; `matrix` is its place in the
/// batch.
///
/// # Errors
/// [`SpectraError`] naming the matrix and the entry that is wrong.
pub fn check_graph(graph: &SymmetricGraph<'_>, matrix: usize) -> Result<(), SpectraError> {
    let (n, edges) = (graph.n, graph.edges.len());
    if graph.diagonal.len() != n || graph.off_diagonal.len() != edges {
        let (diagonal, weights) = (graph.diagonal.len(), graph.off_diagonal.len());
        return Err(SpectraError::Shape { matrix, n, diagonal, edges, weights });
    }
    if let Some(i) = graph.diagonal.iter().position(|x| !x.is_finite()) {
        return Err(SpectraError::NotFinite { matrix, i, j: i, value: graph.diagonal[i] });
    }
    for (edge, (&(i, j), &value)) in graph.edges.iter().zip(graph.off_diagonal).enumerate() {
        let (i, j) = (i as usize, j as usize);
        if i == j || i >= n || j >= n {
            return Err(SpectraError::Edge { matrix, edge, i, j, n });
        }
        if !value.is_finite() {
            return Err(SpectraError::NotFinite { matrix, i, j, value });
        }
    }
    Ok(())
}

/// Checks every matrix of a batch, as [`check_graph`].
#[cfg(feature = "gpu")]
pub(super) fn check_all(batch: &[SymmetricGraph<'_>]) -> Result<(), SpectraError> {
    batch.iter().enumerate().try_for_each(|(id, graph)| check_graph(graph, id))
}

/// Most components of eigenvectors that a part of a batch holds, but for one
/// matrix that has more: 8 MiB.
pub const PART_COMPONENTS: usize = 1 << 20;

/// Cuts a batch where a part would pass `most` matrices or, by their
/// `components`, [`PART_COMPONENTS`].
pub fn parts<'a, 'b>(
    batch: &'a [SymmetricGraph<'b>],
    most: usize,
    components: impl Fn(&SymmetricGraph<'_>) -> usize,
) -> Vec<&'a [SymmetricGraph<'b>]> {
    let mut parts = Vec::new();
    let mut rest = batch;
    while !rest.is_empty() {
        let mut sum = 0;
        let fits = |graph: &&SymmetricGraph<'_>| {
            sum += components(graph);
            sum <= PART_COMPONENTS
        };
        let taken = rest.iter().take(most).take_while(fits).count().max(1);
        let (part, later) = rest.split_at(taken);
        parts.push(part);
        rest = later;
    }
    parts
}

/// Why spectra could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpectraError {
    /// The slices of a graph do not fit each other.
    #[error(
        "matrix {matrix} of the batch: order {n} with {diagonal} diagonal entries, \
         {edges} edges with {weights} entries; give one entry each"
    )]
    Shape {
        /// Place in the batch.
        matrix: usize,
        /// Order of the matrix.
        n: usize,
        /// Number of diagonal entries.
        diagonal: usize,
        /// Number of edges.
        edges: usize,
        /// Number of off-diagonal entries.
        weights: usize,
    },
    /// An edge is a loop or leaves the matrix.
    #[error(
        "matrix {matrix} of the batch: edge {edge} joins nodes {i} and {j} of {n}; \
         edges join two different nodes below the order"
    )]
    Edge {
        /// Place in the batch.
        matrix: usize,
        /// Place in the list of edges.
        edge: usize,
        /// First node.
        i: usize,
        /// Second node.
        j: usize,
        /// Order of the matrix.
        n: usize,
    },
    /// An entry is NaN or infinite.
    #[error("matrix {matrix} of the batch: entry ({i}, {j}) is {value}; entries must be finite")]
    NotFinite {
        /// Place in the batch.
        matrix: usize,
        /// Row.
        i: usize,
        /// Column.
        j: usize,
        /// The entry.
        value: f64,
    },
    /// The sum of repeated entries, or an eigenvalue, exceeds what f64 holds.
    #[error("matrix {matrix} of the batch: its eigenvalues overflow; scale its entries down")]
    Overflow {
        /// Place in the batch.
        matrix: usize,
    },
    /// No solver converged.
    #[error(
        "matrix {matrix} of the batch (order {n}): no eigensolver converged; report this input"
    )]
    NoConvergence {
        /// Place in the batch.
        matrix: usize,
        /// Order of the matrix.
        n: usize,
    },
    /// No adapter can be used as asked.
    #[error("{0}")]
    Adapter(String),
}

impl SpectraError {
    /// The same error of a batch in which matrix `k` is number `ids[k]`.
    #[cfg(feature = "gpu")]
    pub(super) fn renumbered(self, ids: &[usize]) -> Self {
        self.renumber(|matrix| ids.get(matrix).copied().unwrap_or(matrix))
    }

    fn renumber(mut self, number: impl Fn(usize) -> usize) -> Self {
        let (Self::Shape { matrix, .. }
        | Self::Edge { matrix, .. }
        | Self::NotFinite { matrix, .. }
        | Self::Overflow { matrix }
        | Self::NoConvergence { matrix, .. }) = &mut self
        else {
            return self;
        };
        *matrix = number(*matrix);
        self
    }
}

/// Computes spectra of batches. A result depends on its own matrix alone, not
/// on the batch around it, its order or the number of threads. Every number
/// that is published from a result of double precision is the same for all
/// backends; the unrounded result need not be.
pub trait SpectraBackend: Send + Sync {
    /// Kind of device and instructions, for provenance.
    fn name(&self) -> &str;

    /// Ascending eigenvalues of each matrix, in input order. Values that are
    /// zero in theory are as rounding left them, possibly negative.
    ///
    /// # Errors
    /// The first matrix that is malformed, or that no solver could do.
    fn eigenvalues(&self, batch: &[SymmetricGraph<'_>]) -> Result<Spectra, SpectraError>;

    /// Eigenvalues and densities of the shells of each matrix, in input order.
    ///
    /// # Errors
    /// The first matrix that is malformed, or that no solver could do.
    fn shell_projectors(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<ShellProjectors>, SpectraError>;

    /// Eigenvalues of each matrix and the lines of one atom, in input order:
    /// what [`LocalSpectrum::of`] reads from
    /// [`shell_projectors`](Self::shell_projectors), in memory that grows with the
    /// orders of the matrices and not with their squares.
    ///
    /// # Errors
    /// The first matrix that is malformed, or that no solver could do.
    fn local_spectra(
        &self,
        batch: &[SymmetricGraph<'_>],
    ) -> Result<Vec<LocalSpectrum>, SpectraError> {
        let mut spectra = Vec::with_capacity(batch.len());
        for part in parts(batch, batch.len(), |graph| graph.n * graph.n) {
            let first = spectra.len();
            let densities =
                self.shell_projectors(part).map_err(|error| error.renumber(|k| first + k))?;
            spectra.extend(densities.iter().map(LocalSpectrum::of));
        }
        Ok(spectra)
    }

    /// What became of the spectra so far; nothing for a CPU alone.
    fn counts(&self) -> Option<SpectraCounts> {
        None
    }
}

/// Eigenvalues of a batch: all in one buffer, 8 bytes each, plus one offset a
/// matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectra {
    values: Vec<f64>,
    /// Matrix `i` owns `offsets[i]..offsets[i + 1]`.
    offsets: Vec<usize>,
}

impl Spectra {
    /// Room for one value per node of each matrix, all zero.
    pub(super) fn zeros(batch: &[SymmetricGraph<'_>]) -> Self {
        let mut offsets = Vec::with_capacity(batch.len() + 1);
        let mut end = 0;
        offsets.push(end);
        for graph in batch {
            end += graph.n;
            offsets.push(end);
        }
        Self { values: vec![0.0; end], offsets }
    }

    /// The values and the places where each matrix starts.
    pub(super) fn parts_mut(&mut self) -> (&mut [f64], &[usize]) {
        (&mut self.values, &self.offsets)
    }

    /// Appends the spectra of a batch that follows this one.
    pub(super) fn append(&mut self, next: &Self) {
        let end = self.values.len();
        self.values.extend_from_slice(&next.values);
        self.offsets.extend(next.offsets[1..].iter().map(|offset| end + offset));
    }

    /// Lets `change` see the eigenvalues of each matrix.
    pub(super) fn each_mut(&mut self, change: impl Fn(&mut [f64])) {
        for ends in self.offsets.windows(2) {
            change(&mut self.values[ends[0]..ends[1]]);
        }
    }

    /// Room for the eigenvalues of a matrix.
    #[cfg(feature = "gpu")]
    pub(super) fn get_mut(&mut self, matrix: usize) -> &mut [f64] {
        &mut self.values[self.offsets[matrix]..self.offsets[matrix + 1]]
    }

    /// Number of matrices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no matrix.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ascending eigenvalues of a matrix.
    #[must_use]
    pub fn get(&self, matrix: usize) -> Option<&[f64]> {
        let (start, end) = (self.offsets.get(matrix)?, self.offsets.get(matrix + 1)?);
        self.values.get(*start..*end)
    }

    /// The spectrum of each matrix, in input order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.offsets.windows(2).map(|ends| &self.values[ends[0]..ends[1]])
    }
}

impl Index<usize> for Spectra {
    type Output = [f64];

    fn index(&self, matrix: usize) -> &[f64] {
        &self.values[self.offsets[matrix]..self.offsets[matrix + 1]]
    }
}
