//! The atoms and bonds of a molfile as drawn. Knows neither its text nor
//! what SMILES it makes.

use super::hydrogens;
use super::{MolfileError, syntax};

/// Below this a height is that of a flat drawing, in the file's unit (ångström).
const FLAT: f64 = 1e-4;

/// Hydrogens of an atom that are not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hydrogens {
    /// As many as the valence leaves room for.
    #[default]
    Implied,
    /// As many as the file says.
    Exactly(u8),
    /// As many as make this valence with the bonds.
    Valence(u8),
}

/// An atom.
#[derive(Debug, Clone, Default)]
pub(super) struct Atom {
    /// Atomic number; 0 for a place where something is attached.
    pub z: u8,
    /// Mass number, or the number of a place of attachment; 0 for none.
    pub isotope: u16,
    pub charge: i8,
    /// Unpaired electrons.
    pub radicals: u8,
    pub hydrogens: Hydrogens,
    /// Atom-map number; 0 for none.
    pub map: u16,
    pub at: [f64; 3],
    /// Indices of bonds, in their order.
    pub bonds: Vec<u32>,
    /// Has an aromatic bond.
    pub aromatic: bool,
    /// A hydrogen that its neighbour counts: not written.
    pub folded: bool,
    /// All hydrogens that are not written as atoms.
    pub hs: u8,
}

/// Order of a bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Single,
    Double,
    Triple,
    Aromatic,
    /// From the begin atom, which gives both electrons.
    Dative,
}

impl Order {
    /// Twice the order, as it counts at one end.
    pub fn doubled(self, end: End) -> i32 {
        match (self, end) {
            (Self::Dative, End::Begin) => 0,
            (Self::Single | Self::Dative, _) => 2,
            (Self::Aromatic, _) => 3,
            (Self::Double, _) => 4,
            (Self::Triple, _) => 6,
        }
    }
}

/// Which end of a bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Begin,
    Other,
}

/// How a bond is drawn; a wedge is narrow at the begin atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mark {
    #[default]
    Plain,
    /// Towards the viewer.
    Wedge,
    /// Away from the viewer.
    Hash,
    /// A single bond whose direction is unknown.
    Wiggly,
    /// A double bond whose sides are unknown.
    Crossed,
}

/// A bond.
#[derive(Debug, Clone)]
pub(super) struct Bond {
    pub begin: u32,
    pub end: u32,
    pub order: Order,
    pub mark: Mark,
}

impl Bond {
    /// The atom at the other end.
    pub fn other(&self, atom: u32) -> u32 {
        if self.begin == atom { self.end } else { self.begin }
    }

    pub fn end_of(&self, atom: u32) -> End {
        if self.begin == atom { End::Begin } else { End::Other }
    }
}

/// What coordinates a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Space {
    #[default]
    Flat,
    Solid,
}

/// A connection table.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub atoms: Vec<Atom>,
    pub bonds: Vec<Bond>,
    pub space: Space,
}

impl Table {
    /// Adds a bond between atoms that are there.
    pub fn connect(&mut self, bond: Bond) -> Result<(), MolfileError> {
        let (begin, end) = (bond.begin, bond.end);
        let count = self.atoms.len();
        if begin as usize >= count || end as usize >= count {
            return Err(syntax(format!("a bond to an atom beyond the {count} of the file")));
        }
        if begin == end {
            return Err(syntax(format!("a bond of atom {} to itself", begin + 1)));
        }
        let few = if self.degree(begin) <= self.degree(end) { begin } else { end };
        if self.neighbors(few).any(|(to, _)| to == bond.other(few)) {
            return Err(syntax(format!("two bonds between atoms {} and {}", begin + 1, end + 1)));
        }
        let index = self.bonds.len() as u32;
        self.atoms[begin as usize].bonds.push(index);
        self.atoms[end as usize].bonds.push(index);
        self.bonds.push(bond);
        Ok(())
    }

    pub fn atom(&self, atom: u32) -> &Atom {
        &self.atoms[atom as usize]
    }

    pub fn bond(&self, bond: u32) -> &Bond {
        &self.bonds[bond as usize]
    }

    /// Neighbours of an atom with the bonds to them, in the order of bonds.
    pub fn neighbors(&self, atom: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.atom(atom).bonds.iter().map(move |&bond| (self.bond(bond).other(atom), bond))
    }

    pub fn degree(&self, atom: u32) -> usize {
        self.atom(atom).bonds.len()
    }

    /// The vector from one atom to another.
    pub fn vector(&self, from: u32, to: u32) -> [f64; 3] {
        let (a, b) = (self.atom(from).at, self.atom(to).at);
        [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
    }

    /// Works out what follows from atoms and bonds: dimension, aromatic atoms,
    /// hydrogens, and which of the drawn ones their neighbours count.
    pub fn finish(&mut self) -> Result<(), MolfileError> {
        let solid = self.atoms.iter().any(|atom| atom.at[2].abs() > FLAT);
        self.space = if solid { Space::Solid } else { Space::Flat };
        if self.atoms.iter().any(|atom| !atom.at.iter().all(|x| x.is_finite())) {
            return Err(syntax("a coordinate that is no finite number"));
        }
        for bond in &self.bonds {
            if bond.order == Order::Aromatic {
                self.atoms[bond.begin as usize].aromatic = true;
                self.atoms[bond.end as usize].aromatic = true;
            }
        }
        hydrogens::count(self);
        Ok(())
    }
}
