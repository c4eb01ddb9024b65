//! Bounds on what is read as a molecule.

/// Bounds on one molecule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseLimits {
    /// Longest accepted text, in bytes.
    pub max_bytes: usize,
    /// Deepest accepted nesting of parentheses; the parser itself stops at 500.
    pub max_nesting: usize,
    /// Most atoms of any kind, hydrogens and dummies included. Canonical
    /// numbering takes time quadratic in chains: 0.5 s for 5,000 atoms.
    pub max_atoms: usize,
    /// Most heavy atoms (Z > 1) of a molecule worth computing; `None` for no
    /// limit but the others. Above it the answer is
    /// [`TooManyAtoms`](super::MoleculeError::TooManyAtoms), before any expensive perception.
    pub max_heavy_atoms: Option<usize>,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_nesting: 500, max_atoms: 10_000, max_heavy_atoms: None }
    }
}

impl ParseLimits {
    /// The default bounds with the guardrail of `max_heavy_atoms` heavy
    /// atoms; 0 means no guardrail.
    #[must_use]
    pub fn with_max_heavy_atoms(max_heavy_atoms: usize) -> Self {
        let max_heavy_atoms = (max_heavy_atoms > 0).then_some(max_heavy_atoms);
        Self { max_heavy_atoms, ..Self::default() }
    }

    /// The bounds of [`HeavyGraph::as_written`](super::HeavyGraph::as_written): 32 MiB of text,
    /// 8 million atoms.
    #[must_use]
    pub fn as_written() -> Self {
        Self { max_bytes: 32 << 20, max_atoms: 8_000_000, ..Self::default() }
    }

    pub(super) fn heavy_atoms(&self) -> usize {
        self.max_heavy_atoms.unwrap_or(usize::MAX)
    }
}
