//! A plain molecule as flat arrays: atoms, bonds, neighbours, rings.
//!
//! It must not know how texts are read or written.

use super::stereo::ChiralTag;
use crate::molecule::adjacency::Adjacency;

/// Order of a bond, with the numbers by which RDKit compares bond types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Order {
    Single = 1,
    Double = 2,
    Triple = 3,
    Aromatic = 12,
}

impl Order {
    /// Twice the order.
    pub(super) fn doubled(self) -> i32 {
        match self {
            Self::Single => 2,
            Self::Double => 4,
            Self::Triple => 6,
            Self::Aromatic => 3,
        }
    }
}

/// An atom; valences are as they were last computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Atom {
    pub z: u8,
    pub charge: i8,
    /// Hydrogens that are counted at the atom rather than implied by its valence.
    pub explicit_hs: u8,
    /// Whether no hydrogens are implied.
    pub no_implicit: bool,
    pub aromatic: bool,
    /// Written as aromatic.
    pub was_aromatic: bool,
    pub radicals: u8,
    /// As the order of the atom's arcs has it.
    pub chiral_tag: Option<ChiralTag>,
    pub explicit_valence: i32,
    /// Hydrogens that the valence implies.
    pub implicit_hs: i32,
}

impl Atom {
    /// Hydrogens of both kinds.
    pub(super) fn total_hs(&self) -> i32 {
        i32::from(self.explicit_hs) + self.implicit_hs
    }

    pub(super) fn total_valence(&self) -> i32 {
        self.explicit_valence + self.implicit_hs
    }

    /// Gives it hydrogens, or takes them; it loses its handedness. Valence says
    /// how many there are wherever it does so for atoms without brackets.
    pub(super) fn gain_hydrogens(&mut self, gained: i8) {
        const ORGANIC: [u8; 10] = [5, 6, 7, 8, 9, 15, 16, 17, 35, 53];
        self.chiral_tag = None;
        let hydrogens = self.explicit_hs.saturating_add_signed(gained);
        let implied = self.charge == 0 && ORGANIC.contains(&self.z);
        let pyrrolic = self.aromatic && matches!(self.z, 7 | 15) && hydrogens > 0;
        self.no_implicit = !implied || pyrrolic;
        self.explicit_hs = if self.no_implicit { hydrogens } else { 0 };
    }

    /// Whether it is aromatic and has a hydrogen, like the nitrogen of pyrrole.
    /// Sanitising lets its valence imply that from then on.
    pub(super) fn is_pyrrolic(&self) -> bool {
        self.aromatic && matches!(self.z, 7 | 15) && self.charge == 0 && self.explicit_hs == 1
    }
}

/// A bond.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bond {
    pub begin: u32,
    pub end: u32,
    pub order: Order,
    /// Part of an aromatic ring; ahead of `order` while those are perceived.
    pub aromatic: bool,
    /// Whether it rises from its lower to its higher atom, if it is drawn as a
    /// slope.
    pub rises: Option<bool>,
}

impl Bond {
    /// A single bond, between atoms in any order.
    pub(super) fn single(a: u32, b: u32) -> Self {
        let (begin, end) = (a.min(b), a.max(b));
        Self { begin, end, order: Order::Single, aromatic: false, rises: None }
    }

    /// What it counts as for ranks: a triple bond of an aromatic ring stays one, and
    /// counts as aromatic.
    pub(super) fn kind(&self) -> Order {
        if self.aromatic { Order::Aromatic } else { self.order }
    }

    /// The other end.
    pub(super) fn other(&self, atom: u32) -> u32 {
        if self.begin == atom { self.end } else { self.begin }
    }
}

/// A double bond whose ends differ, and how the neighbours of its ends lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Configuration {
    pub bond: u32,
    /// A neighbour of each end of the bond: the one that ranks first.
    pub neighbours: [u32; 2],
    /// Whether those two lie on one side of the bond.
    pub together: bool,
}

/// A neighbour and the bond to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Neighbor {
    pub to: u32,
    pub bond: u32,
}

/// Rows of a ragged table, back to back.
#[derive(Debug, Default)]
pub(super) struct Rows {
    values: Vec<u32>,
    ends: Vec<u32>,
}

impl Rows {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.ends.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn push(&mut self, row: impl IntoIterator<Item = u32>) {
        self.values.extend(row);
        self.ends.push(self.values.len() as u32);
    }

    pub(super) fn row(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.values[start..self.ends[index] as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).map(|index| self.row(index))
    }
}

/// The molecule. Its vectors keep their capacity from molecule to molecule.
#[derive(Debug, Default)]
pub(super) struct FlatMol {
    pub atoms: Vec<Atom>,
    pub bonds: Vec<Bond>,
    pub configurations: Vec<Configuration>,
    neighbors: Adjacency<Neighbor>,
    /// Rings of the symmetrised smallest set, as atoms and as bonds in ring order.
    pub ring_atoms: Rows,
    pub ring_bonds: Rows,
    /// How many of these rings hold an atom, and a bond.
    pub atom_rings: Vec<u32>,
    pub bond_rings: Vec<u32>,
}

impl FlatMol {
    pub(super) fn clear(&mut self) {
        self.atoms.clear();
        self.bonds.clear();
        self.configurations.clear();
    }

    /// Fills the lists of neighbours once all bonds are there.
    pub(super) fn connect(&mut self) {
        let ends = |(bond, index): (&Bond, u32)| {
            let entry = |to| Neighbor { to, bond: index };
            [(bond.begin, entry(bond.end)), (bond.end, entry(bond.begin))]
        };
        self.neighbors.rebuild(self.atoms.len(), self.bonds.iter().zip(0..).map(ends));
    }

    pub(super) fn neighbors(&self, atom: u32) -> &[Neighbor] {
        self.neighbors.of(atom as usize)
    }

    /// Where an atom's neighbours are among all.
    pub(super) fn range(&self, atom: u32) -> std::ops::Range<usize> {
        self.neighbors.range(atom as usize)
    }

    pub(super) fn all_neighbors(&self) -> &[Neighbor] {
        self.neighbors.entries()
    }

    pub(super) fn degree(&self, atom: u32) -> i32 {
        self.range(atom).len() as i32
    }

    /// Whether an atom has a chiral tag.
    pub(super) fn is_handed(&self) -> bool {
        self.atoms.iter().any(|atom| atom.chiral_tag.is_some())
    }

    pub(super) fn bond_between(&self, a: u32, b: u32) -> Option<u32> {
        self.neighbors(a).iter().find(|neighbor| neighbor.to == b).map(|neighbor| neighbor.bond)
    }

    /// Takes over the rings, given as atoms in ring order. False if neighbours
    /// in a ring are not bonded.
    pub(super) fn set_rings<'a>(&mut self, rings: impl Iterator<Item = &'a [u32]>) -> bool {
        self.ring_atoms.clear();
        self.ring_bonds.clear();
        self.atom_rings.clear();
        self.atom_rings.resize(self.atoms.len(), 0);
        self.bond_rings.clear();
        self.bond_rings.resize(self.bonds.len(), 0);
        let mut bonds: Vec<u32> = Vec::new();
        for ring in rings {
            bonds.clear();
            for (at, &atom) in ring.iter().enumerate() {
                let next = ring[(at + 1) % ring.len()];
                let Some(bond) = self.bond_between(atom, next) else { return false };
                bonds.push(bond);
                self.atom_rings[atom as usize] += 1;
                self.bond_rings[bond as usize] += 1;
            }
            self.ring_atoms.push(ring.iter().copied());
            self.ring_bonds.push(bonds.iter().copied());
        }
        true
    }
}
