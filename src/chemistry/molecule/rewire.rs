//! Double-edge swaps, and aromatic bonds made single.
//!
//! It must not know which edits a strategy chooses.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use chematic::core as cc;

use super::adjacency::Adjacency;
use super::canonical::{Molecule, parse};
use super::catch_panic::catch_panic;
use super::complexity::without_stereo;
use super::edit::{EditBond, EditableGraph, SanitizeError};
use super::error::MoleculeError;
use super::fast::{self, FastBond, FastMol, FastProduct, FastRewired};
use super::fingerprint::Fingerprint;
use super::isomorphism::RefinedGraph;
use super::labelling::{ColouredGraph, label};

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

/// Replaces bonds `a-b` and `c-d` by `a-d` and `c-b`. Where `d` is
/// [`BondSwap::HYDROGEN`], `c` gives a hydrogen to `a` and takes `b` from it.
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
    /// Stands for a hydrogen that is no atom of the graph.
    pub const HYDROGEN: u32 = u32::MAX;

    /// Its atoms; three where it swaps a hydrogen.
    pub fn atoms(self) -> impl Iterator<Item = u32> {
        [self.a, self.b, self.c, self.d].into_iter().filter(|&atom| atom != Self::HYDROGEN)
    }

    /// The pairs of atoms whose bonds it breaks.
    fn broken(self) -> [(u32, u32); 2] {
        [(self.a, self.b), (self.c, self.d)]
    }

    /// The pairs of atoms that it bonds.
    fn made(self) -> [(u32, u32); 2] {
        [(self.a, self.d), (self.c, self.b)]
    }

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

/// The bonds that one or several swaps break and make, between other atoms
/// than before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Edit {
    broken: Vec<(u32, u32)>,
    made: Vec<(u32, u32)>,
    /// Hydrogens that atoms gain (or lose, where negative); none is zero.
    hydrogens: Vec<(u32, i8)>,
}

impl Edit {
    /// What `swaps` do, one after the other: bonds that come and go, or go and
    /// come back, are not part of it.
    fn of(swaps: &[BondSwap]) -> Self {
        let ordered = |(a, b): (u32, u32)| (a.min(b), a.max(b));
        let mut edit = Self::default();
        let moved =
            |pair: (u32, u32), out: &mut Vec<(u32, u32)>, into: &mut Vec<(u32, u32)>| match out
                .iter()
                .position(|&other| ordered(other) == ordered(pair))
            {
                Some(at) => drop(out.remove(at)),
                None => into.push(pair),
            };
        let mut gained = std::collections::BTreeMap::new();
        for swap in swaps {
            for pair in swap.broken() {
                match pair.1 {
                    BondSwap::HYDROGEN => *gained.entry(pair.0).or_default() -= 1,
                    _ => moved(pair, &mut edit.made, &mut edit.broken),
                }
            }
            for pair in swap.made() {
                match pair.1 {
                    BondSwap::HYDROGEN => *gained.entry(pair.0).or_default() += 1,
                    _ => moved(pair, &mut edit.broken, &mut edit.made),
                }
            }
        }
        edit.hydrogens = gained.into_iter().filter(|&(_, gained)| gained != 0).collect();
        edit
    }
}

/// What a swap gave.
#[derive(Debug, Clone)]
pub enum Rewired {
    /// A valid molecule, met for the first time by this [`Rewirer`].
    New(Box<RewiredMolecule>),
    /// The parent, or a valid molecule that an earlier swap gave.
    Repeated,
    /// A graph that is no valid molecule.
    Invalid(SanitizeError),
}

/// A molecule that a swap gave. Its canonical SMILES is known; the molecule
/// itself is read from that when asked for.
#[derive(Debug, Clone)]
pub struct RewiredMolecule {
    canonical_smiles: String,
    fingerprint: Option<Fingerprint>,
    molecule: Option<Molecule>,
}

impl RewiredMolecule {
    /// The canonical SMILES.
    #[must_use]
    pub fn canonical_smiles(&self) -> &str {
        &self.canonical_smiles
    }

    /// The Morgan fingerprint (see [`Molecule::fingerprint`]).
    ///
    /// # Errors
    /// Those of [`Molecule::fingerprint`].
    pub fn fingerprint(&self) -> Result<Fingerprint, MoleculeError> {
        match (&self.fingerprint, &self.molecule) {
            (Some(fingerprint), _) => Ok(fingerprint.clone()),
            (None, Some(molecule)) => molecule.fingerprint(),
            (None, None) => match catch_panic(|| fast::fingerprint(&self.canonical_smiles))? {
                Some(fingerprint) => Ok(fingerprint),
                None => Fingerprint::by_crate(&catch_panic(|| parse(&self.canonical_smiles))??),
            },
        }
    }

    /// The molecule.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn molecule(&self) -> Result<Cow<'_, Molecule>, MoleculeError> {
        match &self.molecule {
            Some(molecule) => Ok(Cow::Borrowed(molecule)),
            None => {
                let read = || Molecule::from_canonical(self.canonical_smiles.clone());
                catch_panic(read)?.map(Cow::Owned)
            }
        }
    }
}

impl RewiredMolecule {
    /// The canonical SMILES without stereo marks.
    ///
    /// # Errors
    /// [`MoleculeError`] where what is left is no valid molecule.
    pub fn smiles_without_stereo(&self) -> Result<String, MoleculeError> {
        without_stereo(&self.canonical_smiles)
    }

    /// The molecule of a canonical SMILES that the chemistry crate wrote.
    fn written(canonical_smiles: String) -> Result<Self, MoleculeError> {
        let fingerprint = catch_panic(|| fast::fingerprint(&canonical_smiles))?;
        let read = || Molecule::from_canonical(canonical_smiles.clone());
        let molecule = if fingerprint.is_some() { None } else { Some(catch_panic(read)??) };
        Ok(Self { canonical_smiles, fingerprint, molecule })
    }
}

impl From<Molecule> for RewiredMolecule {
    fn from(molecule: Molecule) -> Self {
        let canonical_smiles = molecule.canonical_smiles().to_owned();
        let fingerprint = molecule.fingerprint().ok();
        Self { canonical_smiles, fingerprint, molecule: Some(molecule) }
    }
}

impl From<FastProduct> for RewiredMolecule {
    fn from(product: FastProduct) -> Self {
        let FastProduct { smiles, fingerprint } = product;
        Self { canonical_smiles: smiles, fingerprint, molecule: None }
    }
}

/// A graph that was met: the edit that made it, the molecule's own if none did, and
/// why it is no valid molecule.
#[derive(Clone)]
struct Met {
    edit: Option<Edit>,
    error: Option<SanitizeError>,
}

/// A molecule made ready for many swaps. Isomorphic results are sanitised once.
#[derive(Clone)]
pub struct Rewirer<'a> {
    molecule: &'a Molecule,
    /// Where the molecule is a fast one; the graph is then made when a swap
    /// gives one that is not.
    fast: Option<Cow<'a, FastMol>>,
    graph: OnceCell<Result<EditableGraph, MoleculeError>>,
    bonds: Vec<FastBond>,
    aromatic: Vec<bool>,
    neighbours: Adjacency<u32>,
    /// By hash, the first graph of each met so far.
    graphs: HashMap<u64, Met>,
    molecules: HashSet<String>,
}

impl<'a> Rewirer<'a> {
    /// Prepares `molecule`.
    ///
    /// # Errors
    /// [`MoleculeError`] where the chemistry model cannot describe it.
    pub fn new(molecule: &'a Molecule) -> Result<Self, MoleculeError> {
        let fast = match &molecule.rewirable {
            Some(fast) => Some(Cow::Borrowed(fast)),
            None => catch_panic(|| FastMol::read(molecule.canonical_smiles()))?.map(Cow::Owned),
        };
        match fast {
            Some(fast) => {
                let bonds = fast.bonds().collect();
                let atoms = 0..fast.atom_count() as u32;
                let aromatic = atoms.map(|atom| fast.is_aromatic(atom)).collect();
                Ok(Self::prepared(molecule, Some(fast), OnceCell::new(), bonds, aromatic))
            }
            None => Self::general(molecule),
        }
    }

    /// Prepares `molecule` for swaps that the chemistry crate computes.
    pub(super) fn general(molecule: &'a Molecule) -> Result<Self, MoleculeError> {
        let graph = EditableGraph::of(molecule)?;
        let bonds = graph.bonds.iter().map(|bond| FastBond {
            begin: bond.begin,
            end: bond.end,
            single: bond.is_single(),
            in_ring: bond.in_ring,
        });
        let bonds = bonds.collect();
        let aromatic = graph.atoms.iter().map(|atom| atom.aromatic).collect();
        Ok(Self::prepared(molecule, None, OnceCell::from(Ok(graph)), bonds, aromatic))
    }

    fn prepared(
        molecule: &'a Molecule,
        fast: Option<Cow<'a, FastMol>>,
        graph: OnceCell<Result<EditableGraph, MoleculeError>>,
        bonds: Vec<FastBond>,
        aromatic: Vec<bool>,
    ) -> Self {
        let ends = |bond: &FastBond| [(bond.begin, bond.end), (bond.end, bond.begin)];
        let neighbours = Adjacency::new(aromatic.len(), bonds.iter().map(ends));
        let molecules = HashSet::from([molecule.canonical_smiles().to_owned()]);
        let graphs = HashMap::new();
        Self { molecule, fast, graph, bonds, aromatic, neighbours, graphs, molecules }
    }

    /// The bonds that `kind` allows, as (begin, end), in RDKit's bond order.
    #[must_use]
    pub fn candidates(&self, kind: BondKind) -> Vec<(u32, u32)> {
        let aromatic = |atom: u32| self.aromatic[atom as usize];
        self.bonds
            .iter()
            .filter(|bond| bond.single)
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
        distinct && !self.are_joined(a, d) && !self.are_joined(c, b)
    }

    fn are_joined(&self, a: u32, b: u32) -> bool {
        self.neighbours.of(a as usize).contains(&b)
    }

    fn graph(&self) -> Result<&EditableGraph, MoleculeError> {
        let graph = self.graph.get_or_init(|| EditableGraph::of(self.molecule));
        graph.as_ref().map_err(MoleculeError::clone)
    }

    /// The graph that `swap`, which [`Self::allows`], makes.
    ///
    /// # Errors
    /// [`MoleculeError`] where the chemistry model cannot describe the molecule.
    pub fn swapped(&self, swap: BondSwap) -> Result<EditableGraph, MoleculeError> {
        self.edited(&Edit::of(&[swap]))
    }

    fn edited(&self, edit: &Edit) -> Result<EditableGraph, MoleculeError> {
        let graph = self.graph()?;
        let ordered = |(a, b): (u32, u32)| (a.min(b), a.max(b));
        let broken: Vec<_> = edit.broken.iter().copied().map(ordered).collect();
        let kept = |bond: &&EditBond| !broken.contains(&ordered((bond.begin, bond.end)));
        let made = edit.made.iter().map(|&(a, b)| EditBond::single(a, b));
        let bonds = graph.bonds.iter().filter(kept).copied().chain(made).collect();
        let mut atoms = graph.atoms.clone();
        for &(atom, gained) in &edit.hydrogens {
            gain_hydrogens(&mut atoms[atom as usize], gained);
        }
        Ok(EditableGraph { atoms, bonds })
    }

    /// Applies `swap`, which [`Self::allows`], to the prepared molecule.
    #[must_use]
    pub fn apply(&mut self, swap: BondSwap) -> Rewired {
        self.apply_chain(&[swap])
    }

    /// Applies swaps one after the other, each allowed after those before it.
    #[must_use]
    pub fn apply_chain(&mut self, swaps: &[BondSwap]) -> Rewired {
        let molecule = match self.rewired(Edit::of(swaps)) {
            Ok(molecule) => molecule,
            Err(other) => return other,
        };
        if self.molecules.contains(&molecule.canonical_smiles) {
            return Rewired::Repeated;
        }
        self.molecules.insert(molecule.canonical_smiles.clone());
        Rewired::New(Box::new(molecule))
    }

    /// What `edit` gives, unless the same graph was met before.
    fn rewired(&mut self, edit: Edit) -> Result<RewiredMolecule, Rewired> {
        if self.graphs.is_empty()
            && let Ok(parent) = self.coloured(None)
        {
            self.graphs.insert(RefinedGraph::new(parent).hash, Met { edit: None, error: None });
        }
        let invalid = |error: MoleculeError| Rewired::Invalid(error.into());
        let made = self.made_by(&edit).map_err(invalid)?;
        let coloured = made.coloured();
        if !edit.hydrogens.is_empty() {
            // Colours are ranks among the atoms of one graph, so that graphs
            // with other hydrogens cannot be compared by them.
            let canonicalized = self.canonicalized(&edit, made, &coloured);
            return canonicalized.map_err(Rewired::Invalid);
        }
        let graph = RefinedGraph::new(coloured);
        if let Some(met) = self.graphs.get(&graph.hash) {
            let known = self.coloured(met.edit.as_ref()).map_err(invalid)?;
            if graph.is_isomorphic(&RefinedGraph::new(known)) {
                return Err(met.error.clone().map_or(Rewired::Repeated, Rewired::Invalid));
            }
        }
        let canonicalized = self.canonicalized(&edit, made, graph.graph());
        let met = Met { edit: Some(edit), error: canonicalized.as_ref().err().cloned() };
        self.graphs.entry(graph.hash).or_insert(met);
        canonicalized.map_err(Rewired::Invalid)
    }

    /// The molecule that `edit` gives, which `made` this graph: canonicalized in any
    /// numbering where none matters, else in the canonical one.
    fn canonicalized(
        &self,
        edit: &Edit,
        made: Swapped<'_>,
        coloured: &ColouredGraph,
    ) -> Result<RewiredMolecule, SanitizeError> {
        let order = OnceCell::new();
        let order = || order.get_or_init(|| label(coloured));
        let graph = match made {
            Swapped::Fast(fast) => {
                let canonicalized =
                    || fast.canonicalized().or_else(|| fast.canonicalized_in(order()));
                if let Some(product) = catch_panic(canonicalized).ok().flatten() {
                    return Ok(product.into());
                }
                self.edited(edit)?
            }
            Swapped::General(graph) => graph,
        };
        let text = graph.in_order(order()).stable_text()?;
        Ok(RewiredMolecule::written(text)?)
    }

    fn made_by(&self, edit: &Edit) -> Result<Swapped<'_>, MoleculeError> {
        Ok(match &self.fast {
            Some(fast) => Swapped::Fast(fast.rewired(&edit.broken, &edit.made, &edit.hydrogens)),
            None => Swapped::General(self.edited(edit)?),
        })
    }

    /// The graph that `edit` makes, or the molecule's own.
    fn coloured(&self, edit: Option<&Edit>) -> Result<ColouredGraph, MoleculeError> {
        match (edit, &self.fast) {
            (Some(edit), _) => Ok(self.made_by(edit)?.coloured()),
            (None, Some(fast)) => Ok(fast.coloured()),
            (None, None) => self.graph().map(EditableGraph::coloured),
        }
    }
}

/// Gives hydrogens to an atom, or takes them; it loses its handedness.
fn gain_hydrogens(atom: &mut cc::Atom, gained: i8) {
    const ORGANIC: [u8; 10] = [5, 6, 7, 8, 9, 15, 16, 17, 35, 53];
    atom.chirality = cc::Chirality::None;
    let number = atom.element.atomic_number();
    let hydrogens = atom.hydrogen_count.unwrap_or(0).saturating_add_signed(gained);
    // What valence implies where it does, as for atoms written without brackets.
    let implied = atom.charge == 0 && atom.isotope.is_none() && ORGANIC.contains(&number);
    let pyrrolic = atom.aromatic && matches!(number, 7 | 15) && hydrogens > 0;
    atom.hydrogen_count = (!implied || pyrrolic).then_some(hydrogens);
}

/// A graph that a swap makes.
enum Swapped<'a> {
    Fast(FastRewired<'a>),
    General(EditableGraph),
}

impl Swapped<'_> {
    fn coloured(&self) -> ColouredGraph {
        match self {
            Self::Fast(fast) => fast.coloured(),
            Self::General(graph) => graph.coloured(),
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

#[cfg(test)]
mod tests;
