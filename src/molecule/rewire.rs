//! Double-edge swaps, and aromatic bonds made single.
//!
//! It must not know which edits a strategy chooses.

use std::collections::{HashMap, HashSet};

use chematic::core as cc;

use super::edit::{EditBond, EditableGraph, SanitizeError};
use super::parse::{Molecule, MoleculeError};

/// Which bonds a rewiring strategy may take (published definition).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BondKind {
    /// Single, no aromatic end atom, not in a ring.
    Strict,
    /// Single, not in a ring; aromatic end atoms allowed.
    AromaticEnds,
    /// Single, no aromatic end atom; ring bonds allowed.
    RingBonds,
    /// Single; aromatic ends and ring bonds allowed.
    Any,
}

/// Replaces bonds `a-b` and `c-d` by `a-d` and `c-b`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct BondSwap {
    /// Begin of the first bond.
    pub a: u32,
    /// End of the first bond.
    pub b: u32,
    /// Begin of the second bond.
    pub c: u32,
    /// End of the second bond.
    pub d: u32,
}

impl BondSwap {
    /// One form for the four ways to write a swap: its bonds in either order,
    /// read forwards or backwards.
    #[must_use]
    pub fn unoriented(self) -> Self {
        let Self { a, b, c, d } = self;
        let exchanged = Self { a: c, b: d, c: a, d: b };
        let backwards = Self { a: b, b: a, c: d, d: c };
        let both = Self { a: d, b: c, c: b, d: a };
        self.min(exchanged).min(backwards).min(both)
    }
}

/// What a swap gave.
#[derive(Debug, Clone)]
pub enum Rewired {
    /// A valid molecule, met for the first time by this [`Rewirer`].
    New(Box<Molecule>),
    /// The parent, or a valid molecule that an earlier swap gave.
    Repeated,
    /// A graph that is no valid molecule.
    Invalid(SanitizeError),
}

/// A molecule made ready for many swaps. Isomorphic results are sanitised once.
#[derive(Clone)]
pub struct Rewirer {
    graph: EditableGraph,
    bonded: HashSet<(u32, u32)>,
    graphs: HashMap<Vec<u32>, Option<SanitizeError>>,
    molecules: HashSet<String>,
}

impl Rewirer {
    /// Prepares `molecule`.
    ///
    /// # Errors
    /// [`MoleculeError`] where the chemistry model cannot describe it.
    pub fn new(molecule: &Molecule) -> Result<Self, MoleculeError> {
        let graph = EditableGraph::of(molecule)?;
        let ends = graph.bonds.iter().map(|bond| (bond.begin, bond.end));
        let bonded = ends.flat_map(|(begin, end)| [(begin, end), (end, begin)]).collect();
        let graphs = HashMap::from([(graph.canonical().1, None)]);
        let molecules = HashSet::from([molecule.canonical_smiles().to_owned()]);
        Ok(Self { graph, bonded, graphs, molecules })
    }

    /// The bonds that `kind` allows, as (begin, end), in RDKit's bond order.
    #[must_use]
    pub fn candidates(&self, kind: BondKind) -> Vec<(u32, u32)> {
        let aromatic = |atom: u32| self.graph.atoms[atom as usize].aromatic;
        self.graph
            .bonds
            .iter()
            .filter(|bond| bond.is_single())
            .filter(|bond| match kind {
                BondKind::Strict | BondKind::RingBonds => {
                    !aromatic(bond.begin) && !aromatic(bond.end)
                }
                BondKind::AromaticEnds | BondKind::Any => true,
            })
            .filter(|bond| match kind {
                BondKind::Strict | BondKind::AromaticEnds => !bond.in_ring,
                BondKind::RingBonds | BondKind::Any => true,
            })
            .map(|bond| (bond.begin, bond.end))
            .collect()
    }

    /// Whether `swap` names four atoms and makes no double connection.
    #[must_use]
    pub fn allows(&self, swap: BondSwap) -> bool {
        let BondSwap { a, b, c, d } = swap;
        let distinct = a != b && a != c && a != d && b != c && b != d && c != d;
        distinct && !self.bonded.contains(&(a, d)) && !self.bonded.contains(&(c, b))
    }

    /// The graph that `swap`, which [`Self::allows`], makes.
    #[must_use]
    pub fn swapped(&self, swap: BondSwap) -> EditableGraph {
        let BondSwap { a, b, c, d } = swap;
        let kept = |bond: &&EditBond| {
            let pair = (bond.begin.min(bond.end), bond.begin.max(bond.end));
            pair != (a.min(b), a.max(b)) && pair != (c.min(d), c.max(d))
        };
        let made = [EditBond::single(a, d), EditBond::single(c, b)];
        let bonds = self.graph.bonds.iter().filter(kept).copied().chain(made).collect();
        EditableGraph { atoms: self.graph.atoms.clone(), bonds }
    }

    /// Applies `swap`, which [`Self::allows`], to the prepared molecule.
    #[must_use]
    pub fn apply(&mut self, swap: BondSwap) -> Rewired {
        let (graph, certificate) = self.swapped(swap).canonical();
        if let Some(known) = self.graphs.get(&certificate) {
            return known.clone().map_or(Rewired::Repeated, Rewired::Invalid);
        }
        match graph.settle().map_err(SanitizeError::from) {
            Ok(molecule) => {
                self.graphs.insert(certificate, None);
                if self.molecules.insert(molecule.canonical_smiles().to_owned()) {
                    Rewired::New(Box::new(molecule))
                } else {
                    Rewired::Repeated
                }
            }
            Err(error) => {
                self.graphs.insert(certificate, Some(error.clone()));
                Rewired::Invalid(error)
            }
        }
    }
}

impl Molecule {
    /// The molecule with every aromatic bond made single, `None` where it has
    /// neither aromatic atoms nor bonds.
    ///
    /// # Errors
    /// [`SanitizeError`] where the result is no valid molecule.
    pub fn with_aromatic_bonds_single(&self) -> Result<Option<Self>, SanitizeError> {
        let mut graph = EditableGraph::of(self)?;
        let is_aromatic = |bond: &EditBond| bond.order == cc::BondOrder::Aromatic;
        if !graph.atoms.iter().any(|atom| atom.aromatic) && !graph.bonds.iter().any(is_aromatic) {
            return Ok(None);
        }
        graph.atoms.iter_mut().for_each(|atom| atom.aromatic = false);
        for bond in graph.bonds.iter_mut().filter(|bond| is_aromatic(bond)) {
            bond.order = bond.direction.take().unwrap_or(cc::BondOrder::Single);
        }
        graph.sanitized().map(Some)
    }
}
