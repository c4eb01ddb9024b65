//! A real symmetric matrix with the sparsity of a molecule's graph.

/// A real symmetric matrix as a sparse graph, borrowed from its owner; small
/// enough to be uploaded to a device by the thousands.
///
/// Entry `(i, j)` and `(j, i)` of `edges[e]` is `off_diagonal[e]`, entry
/// `(i, i)` is `diagonal[i]`, every other entry is zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymmetricGraph<'a> {
    /// Order of the matrix; the length of `diagonal`.
    pub n: usize,
    /// Pairs of different nodes below `n`. Entries of repeated pairs add up;
    /// operators of molecules have each pair once, `i < j`, ascending.
    pub edges: &'a [(u32, u32)],
    /// One matrix entry per edge (`−weight` for a Laplacian).
    pub off_diagonal: &'a [f64],
    /// One entry per node.
    pub diagonal: &'a [f64],
}

/// A symmetric matrix that owns its entries; see [`SymmetricGraph`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SymmetricMatrix {
    /// Rows of the matrix; the length of `diagonal`.
    pub n: usize,
    /// Node pairs `i < j < n`, strictly ascending.
    pub edges: Vec<(u32, u32)>,
    /// One entry per edge.
    pub off_diagonal: Vec<f64>,
    /// One entry per node.
    pub diagonal: Vec<f64>,
}

impl SymmetricMatrix {
    /// The matrix, borrowed.
    #[must_use]
    pub fn view(&self) -> SymmetricGraph<'_> {
        SymmetricGraph {
            n: self.n,
            edges: &self.edges,
            off_diagonal: &self.off_diagonal,
            diagonal: &self.diagonal,
        }
    }
}

impl SymmetricGraph<'_> {
    /// A copy that owns its entries.
    #[must_use]
    pub fn to_matrix(self) -> SymmetricMatrix {
        SymmetricMatrix {
            n: self.n,
            edges: self.edges.to_vec(),
            off_diagonal: self.off_diagonal.to_vec(),
            diagonal: self.diagonal.to_vec(),
        }
    }

    /// The same matrix with another diagonal, `self.diagonal + potential`.
    ///
    /// Entries of `potential` beyond `n` are ignored, missing ones are zero.
    #[must_use]
    pub fn with_potential(self, potential: &[f64]) -> SymmetricMatrix {
        let mut matrix = self.to_matrix();
        for (entry, v) in matrix.diagonal.iter_mut().zip(potential) {
            *entry += v;
        }
        matrix
    }

    /// The dense matrix, `n × n`, row after row: `8·n²` bytes.
    #[must_use]
    pub fn to_dense(self) -> Vec<f64> {
        let n = self.n;
        let mut dense = vec![0.0; n * n];
        for (i, &entry) in self.diagonal.iter().enumerate() {
            dense[i * n + i] = entry;
        }
        for (&(i, j), &entry) in self.edges.iter().zip(self.off_diagonal) {
            let (i, j) = (i as usize, j as usize);
            dense[i * n + j] = entry;
            dense[j * n + i] = entry;
        }
        dense
    }
}
