//! What swaps would do to a molecule's graph, found without sanitising it.
//!
//! A sketch keeps what sanitising found of each atom: hydrogens, charge, and
//! the orders of the bonds that no swap touches. So its environments, rings
//! and fragments are those of the molecule that the swap gives, unless that
//! becomes aromatic in another way. It must not know what is wanted of them.

mod preview;

use std::collections::VecDeque;

use super::adjacency::Adjacency;
use super::canonical::Molecule;
use super::complexity::ring_sizes;
use super::error::MoleculeError;
use super::fast;
use super::graph::{Bond, BondOrder};
use super::isomorphism::RefinedGraph;
use super::labelling::ColouredGraph;
use super::morgan::{MorganAtom, MorganBond, environments, wider};
use super::rewire::BondSwap;

pub use preview::{Preview, RingBonds};

/// RDKit's number of a single bond.
const SINGLE: u32 = 1;

/// A molecule's graph, numbered as the molecule, with some of its single
/// bonds swapped. Stereo marks are left out.
#[derive(Debug, Clone)]
pub struct Sketch {
    atoms: Vec<MorganAtom>,
    bonds: Vec<MorganBond>,
    aromatic: Vec<bool>,
    swaps: Vec<BondSwap>,
    ring_bonds: Vec<bool>,
    fragments: usize,
    rings: Rings,
}

/// Whether a sketch has the rings of its molecule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rings {
    /// No swap opened or closed one.
    Kept,
    /// A swap did.
    Changed,
}

/// Graphs that were met, whatever their stereo marks were.
#[derive(Debug, Default)]
pub struct MetSketches {
    by_hash: std::collections::HashMap<u64, Vec<Sketch>>,
}

impl MetSketches {
    /// Notes a graph; whether an equal one was met before. Equal graphs with
    /// many symmetries may pass for different ones.
    pub fn knows(&mut self, sketch: &Sketch) -> bool {
        let graph = RefinedGraph::new(sketch.coloured());
        let known = self.by_hash.entry(graph.hash).or_default();
        let equal = |other: &Sketch| graph.is_isomorphic(&RefinedGraph::new(other.coloured()));
        if known.iter().any(equal) {
            return true;
        }
        known.push(sketch.clone());
        false
    }
}

impl Sketch {
    /// The sketch of a molecule; `None` where sanitising it in another
    /// numbering could find other aromatic atoms, and where it has isotopes or
    /// is otherwise outside what the quick fingerprint models.
    #[must_use]
    pub fn of(molecule: &Molecule) -> Option<Self> {
        let (atoms, bonds) = match (&molecule.morgan_atoms, molecule.morgan_bonds()) {
            (Some(atoms), Some(bonds)) => (atoms.clone(), bonds),
            _ => fast::morgan_graph(molecule.canonical_smiles())?,
        };
        if atoms.len() != molecule.atom_count() || bonds.len() != molecule.bonds.len() {
            return None;
        }
        let ring_bonds = vec![false; bonds.len()];
        let aromatic = molecule.atom_aromatic.clone();
        let mut sketch = Self {
            atoms,
            bonds,
            aromatic,
            swaps: Vec::new(),
            ring_bonds,
            fragments: 0,
            rings: Rings::Kept,
        };
        sketch.find_rings();
        Some(sketch)
    }

    /// The swaps that led here from the molecule.
    #[must_use]
    pub fn swaps(&self) -> &[BondSwap] {
        &self.swaps
    }

    /// Connected components.
    #[must_use]
    pub fn fragments(&self) -> usize {
        self.fragments
    }

    /// The single bonds, in the order of the molecule's bonds.
    #[must_use]
    pub fn single_bonds(&self) -> Vec<(u32, u32)> {
        let single = self.bonds.iter().filter(|bond| bond.order == SINGLE);
        single.map(|bond| (bond.begin, bond.end)).collect()
    }

    fn bond_between(&self, a: u32, b: u32) -> Option<usize> {
        let joins = |bond: &MorganBond| {
            (bond.begin == a && bond.end == b) || (bond.begin == b && bond.end == a)
        };
        self.bonds.iter().position(joins)
    }

    /// The graph after one more swap; `None` unless the swap breaks two single
    /// bonds of four atoms and doubles none.
    #[must_use]
    pub fn swapped(&self, swap: BondSwap) -> Option<Self> {
        let BondSwap { a, b, c, d } = swap;
        if d == BondSwap::HYDROGEN {
            return self.hydrogen_swapped(swap);
        }
        let distinct = a != b && a != c && a != d && b != c && b != d && c != d;
        if !distinct || self.bond_between(a, d).is_some() || self.bond_between(c, b).is_some() {
            return None;
        }
        let (first, second) = (self.bond_between(a, b)?, self.bond_between(c, d)?);
        if self.bonds[first].order != SINGLE || self.bonds[second].order != SINGLE {
            return None;
        }
        let mut next = self.clone();
        next.bonds[first] = MorganBond { begin: a, end: d, order: SINGLE };
        next.bonds[second] = MorganBond { begin: c, end: b, order: SINGLE };
        next.swaps.push(swap);
        next.find_rings();
        next.note_rings(self, &[first, second]);
        Some(next)
    }

    /// The graph after `c` gave `a` a hydrogen and took `b` from it.
    fn hydrogen_swapped(&self, swap: BondSwap) -> Option<Self> {
        let BondSwap { a, b, c, .. } = swap;
        let bond = self.bond_between(a, b)?;
        let gives = self.atoms[c as usize].hydrogens > 0;
        let distinct = c != a && c != b && self.bond_between(c, b).is_none();
        if !gives || !distinct || self.bonds[bond].order != SINGLE {
            return None;
        }
        let mut next = self.clone();
        next.bonds[bond] = MorganBond { begin: c, end: b, order: SINGLE };
        next.atoms[a as usize].hydrogens += 1;
        next.atoms[c as usize].hydrogens -= 1;
        next.swaps.push(swap);
        next.find_rings();
        next.note_rings(self, &[bond]);
        Some(next)
    }

    /// Notes whether one of the bonds that a swap moved was in a ring, or is.
    fn note_rings(&mut self, before: &Self, moved: &[usize]) {
        if moved.iter().any(|&bond| before.ring_bonds[bond] || self.ring_bonds[bond]) {
            self.rings = Rings::Changed;
        }
    }

    /// Whether it has the rings of its molecule.
    #[must_use]
    pub fn rings(&self) -> Rings {
        self.rings
    }

    /// Sizes of the rings of a minimum cycle basis, ascending.
    ///
    /// # Errors
    /// Those of [`Molecule::ring_sizes`].
    pub fn ring_sizes(&self) -> Result<Vec<usize>, MoleculeError> {
        let bonds: Vec<Bond> = self
            .bonds
            .iter()
            .zip(&self.ring_bonds)
            .map(|(bond, &in_ring)| {
                let order = BondOrder::Single;
                Bond { begin: bond.begin, end: bond.end, order, in_ring }
            })
            .collect();
        ring_sizes(self.atoms.len(), &bonds)
    }

    /// Every swap of a single bond with a hydrogen, in the order of bonds and
    /// atoms.
    #[must_use]
    pub fn hydrogen_swaps(&self) -> Vec<BondSwap> {
        let d = BondSwap::HYDROGEN;
        let givers = self.atoms.iter().zip(0..).filter(|(atom, _)| atom.hydrogens > 0);
        let givers: Vec<u32> = givers.map(|(_, index)| index).collect();
        let ends = self.single_bonds().into_iter().flat_map(|(a, b)| [(a, b), (b, a)]);
        ends.flat_map(|(a, b)| givers.iter().map(move |&c| BondSwap { a, b, c, d }))
            .filter(|swap| swap.c != swap.a && swap.c != swap.b)
            .collect()
    }

    /// Whether exchanging the ends of the two bonds keeps the kinds of atoms
    /// that bonds join, each with its element, charge, hydrogens, aromaticity
    /// and degree (the 2K distribution).
    #[must_use]
    pub fn keeps_typed_bonds(&self, swap: BondSwap) -> bool {
        if swap.d == BondSwap::HYDROGEN {
            return false;
        }
        let same = |x: u32, y: u32| {
            let (x, y) = (x as usize, y as usize);
            let key = |atom: &MorganAtom| {
                (atom.atomic_number, atom.charge, atom.hydrogens, atom.total_degree)
            };
            key(&self.atoms[x]) == key(&self.atoms[y]) && self.aromatic[x] == self.aromatic[y]
        };
        same(swap.a, swap.c) || same(swap.b, swap.d)
    }

    /// Size of the smallest ring through the bond between two atoms, if any.
    #[must_use]
    pub fn smallest_ring(&self, a: u32, b: u32) -> Option<usize> {
        let bond = self.bond_between(a, b)?;
        if !self.ring_bonds[bond] {
            return None;
        }
        let mut distance = vec![usize::MAX; self.atoms.len()];
        distance[a as usize] = 0;
        let mut queue = VecDeque::from([a]);
        while let Some(atom) = queue.pop_front() {
            let around = self.bonds.iter().enumerate().filter(|&(at, _)| at != bond);
            for (_, other) in around {
                let to = match (other.begin == atom, other.end == atom) {
                    (true, _) => other.end,
                    (_, true) => other.begin,
                    _ => continue,
                };
                if distance[to as usize] == usize::MAX {
                    distance[to as usize] = distance[atom as usize] + 1;
                    if to == b {
                        return Some(distance[to as usize] + 1);
                    }
                    queue.push_back(to);
                }
            }
        }
        None
    }

    /// The environment of one atom and its bonds, as a Morgan identifier of
    /// radius 1; `None` for atoms whose environment is that of a neighbour too.
    #[must_use]
    pub fn close_environment(&self, atom: u32) -> Option<u32> {
        let mut pairs = Vec::with_capacity(4);
        let mut shared = true;
        for bond in &self.bonds {
            let other = match (bond.begin == atom, bond.end == atom) {
                (true, _) => bond.end,
                (_, true) => bond.begin,
                _ => continue,
            };
            shared &= self.degree(other) == 1;
            pairs.push((bond.order, self.atoms[other as usize].invariant()));
        }
        let alone = pairs.is_empty() || (pairs.len() == 1 && shared);
        (!alone).then(|| wider(0, self.atoms[atom as usize].invariant(), &mut pairs))
    }

    fn degree(&self, atom: u32) -> usize {
        self.bonds.iter().filter(|bond| bond.begin == atom || bond.end == atom).count()
    }

    /// Hands each environment to `take`; `None` for more than 128 bonds.
    #[must_use]
    pub fn environments(&self, take: impl FnMut(u32)) -> Option<()> {
        environments(self.atoms.iter().copied(), &self.bonds, take)
    }

    fn coloured(&self) -> ColouredGraph {
        // The same colours in every graph, whatever other atoms it has.
        let colour = |(atom, &aromatic): (&MorganAtom, &bool)| {
            let charge = (atom.charge + 128) as u32 & 255;
            let element = u32::from(atom.atomic_number);
            element | charge << 8 | (atom.hydrogens & 15) << 16 | u32::from(aromatic) << 20
        };
        let colours = self.atoms.iter().zip(&self.aromatic).map(colour).collect();
        let edges = self.bonds.iter().map(|bond| {
            let kind = match bond.order {
                SINGLE => 0,
                2 => 1,
                3 => 2,
                _ => 3,
            };
            [(bond.begin, kind), (bond.end, kind)]
        });
        ColouredGraph::new(colours, vec![None; self.atoms.len()], edges)
    }

    /// Finds the bonds that lie in rings, and the connected components.
    fn find_rings(&mut self) {
        let found = Bridges::of(self.atoms.len(), &self.bonds);
        self.fragments = found.fragments;
        for (in_ring, &bridge) in self.ring_bonds.iter_mut().zip(&found.bridge) {
            *in_ring = !bridge;
        }
        self.atoms.iter_mut().for_each(|atom| atom.in_ring = false);
        for (bond, &in_ring) in self.bonds.iter().zip(&self.ring_bonds) {
            if in_ring {
                self.atoms[bond.begin as usize].in_ring = true;
                self.atoms[bond.end as usize].in_ring = true;
            }
        }
    }
}

/// Bridges and components, by one depth-first search (Tarjan) that keeps its
/// own stack.
struct Bridges {
    bridge: Vec<bool>,
    fragments: usize,
}

impl Bridges {
    fn of(atoms: usize, bonds: &[MorganBond]) -> Self {
        const NEW: u32 = u32::MAX;
        let ends = |(bond, index): (&MorganBond, u32)| {
            [(bond.begin, (bond.end, index)), (bond.end, (bond.begin, index))]
        };
        let edges = Adjacency::new(atoms, bonds.iter().zip(0..).map(ends));
        let mut found = Self { bridge: vec![false; bonds.len()], fragments: 0 };
        let (mut order, mut low) = (vec![NEW; atoms], vec![NEW; atoms]);
        let mut clock = 0;
        let mut stack: Vec<(u32, u32, u32)> = Vec::with_capacity(atoms);
        for root in 0..atoms {
            if order[root] != NEW {
                continue;
            }
            found.fragments += 1;
            (order[root], low[root]) = (clock, clock);
            clock += 1;
            stack.push((root as u32, NEW, 0));
            while let Some(&mut (atom, via, ref mut next)) = stack.last_mut() {
                let a = atom as usize;
                if let Some(&(other, bond)) = edges.of(a).get(*next as usize) {
                    *next += 1;
                    let o = other as usize;
                    if bond == via {
                    } else if order[o] == NEW {
                        (order[o], low[o]) = (clock, clock);
                        clock += 1;
                        stack.push((other, bond, 0));
                    } else {
                        low[a] = low[a].min(order[o]);
                    }
                    continue;
                }
                stack.pop();
                if let Some(&(parent, _, _)) = stack.last() {
                    let p = parent as usize;
                    low[p] = low[p].min(low[a]);
                    found.bridge[via as usize] = low[a] > order[p];
                }
            }
        }
        found
    }
}
