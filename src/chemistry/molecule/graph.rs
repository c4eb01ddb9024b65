//! The plain graphs that the rest of the engine computes on.

/// A bond's order as the sanitised molecule has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BondOrder {
    /// Order 0: a zero-order or otherwise non-valence connection.
    Zero,
    /// Order 1.
    Single,
    /// Order 1.5.
    Aromatic,
    /// Order 2.
    Double,
    /// Order 3.
    Triple,
    /// Order 4.
    Quadruple,
    /// A donor-acceptor bond; order 1.
    Dative,
}

impl BondOrder {
    /// Twice the order, so that aromatic bonds stay integers: 0, 2, 3, 4, 6, 8.
    #[must_use]
    pub fn doubled(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::Single | Self::Dative => 2,
            Self::Aromatic => 3,
            Self::Double => 4,
            Self::Triple => 6,
            Self::Quadruple => 8,
        }
    }
}

/// A bond between atoms of the molecule, numbered as in [`super::Molecule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bond {
    /// First atom, as written.
    pub begin: u32,
    /// Second atom, as written.
    pub end: u32,
    /// Order after sanitisation.
    pub order: BondOrder,
    /// Whether the bond lies in any ring.
    pub in_ring: bool,
}

/// A bond between heavy atoms; `i < j`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeavyBond {
    /// Lower node index.
    pub i: u32,
    /// Higher node index.
    pub j: u32,
    /// Twice the bond order (see [`BondOrder::doubled`]).
    pub doubled_order: u8,
}

/// The graph that operators are built on: heavy atoms (Z > 1) of the
/// sanitised molecule; hydrogens, explicit ones too, and dummies are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeavyGraph {
    /// Atomic number of each node.
    pub atomic_numbers: Vec<u8>,
    /// Bonds sorted by `(i, j)`.
    pub bonds: Vec<HeavyBond>,
}
