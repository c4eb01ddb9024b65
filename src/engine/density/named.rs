//! Graphs that have a name and any number of atoms: chains, rings, polymers.

use std::fmt;
use std::str::FromStr;

use hetero2_chemistry::molecule::{HeavyBond, HeavyGraph};
use hetero2_contract::UnknownName;
use serde::{Serialize, Serializer};

/// Most atoms of a named graph.
pub const MOST_ATOMS: u32 = 20_000_000;

/// The shape of a named graph of carbon atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// An unbranched chain.
    Chain,
    /// One ring of all atoms; a chain below three.
    Ring,
    /// A chain with a branch of two atoms at every second atom, as polybutene.
    Branched,
    /// A chain with an aromatic ring at every second atom, as polystyrene.
    Styrene,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 4] = [Self::Chain, Self::Ring, Self::Branched, Self::Styrene];

    /// Its name on the command line and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Ring => "ring",
            Self::Branched => "branched",
            Self::Styrene => "styrene",
        }
    }

    /// Whether its graph has rings.
    #[must_use]
    pub fn has_rings(self) -> bool {
        matches!(self, Self::Ring | Self::Styrene)
    }
}

/// A shape with a number of atoms: `chain:1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NamedGraph {
    /// Its shape.
    pub shape: Shape,
    /// Its atoms.
    pub atoms: u32,
}

impl fmt::Display for NamedGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shape.name(), self.atoms)
    }
}

impl Serialize for NamedGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for NamedGraph {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName {
            what: "graph",
            name: text.chars().take(80).collect(),
            expected: "chain:N, ring:N, branched:N or styrene:N, N from 1 to 20000000",
        };
        let (name, atoms) = text.split_once(':').ok_or_else(unknown)?;
        let shape = Shape::ALL.into_iter().find(|shape| shape.name() == name);
        let atoms = atoms.parse().ok().filter(|atoms| (1..=MOST_ATOMS).contains(atoms));
        shape.zip(atoms).map(|(shape, atoms)| Self { shape, atoms }).ok_or_else(unknown)
    }
}

impl NamedGraph {
    /// The graph of its atoms and bonds. Where the atoms are no whole number of
    /// units, the last unit is cut off.
    #[must_use]
    pub fn graph(&self) -> HeavyGraph {
        let n = self.atoms;
        let mut bonds: Vec<HeavyBond> = Vec::with_capacity(n as usize + n as usize / 7);
        let mut bond = |i: u32, j: u32, doubled_order: u8| {
            if j < n {
                bonds.push(HeavyBond { i, j, doubled_order });
            }
        };
        match self.shape {
            Shape::Chain => (1..n).for_each(|atom| bond(atom - 1, atom, 2)),
            Shape::Ring => {
                bond(0, 1, 2);
                if n > 2 {
                    bond(0, n - 1, 2);
                }
                (2..n).for_each(|atom| bond(atom - 1, atom, 2));
            }
            // CH2, CH, CH2, CH3: the branch hangs on the second.
            Shape::Branched => (0..n).step_by(4).for_each(|first| {
                bond(first, first + 1, 2);
                bond(first + 1, first + 2, 2);
                bond(first + 1, first + 4, 2);
                bond(first + 2, first + 3, 2);
            }),
            // CH2, CH, and the ring from the third on.
            Shape::Styrene => (0..n).step_by(8).for_each(|first| {
                bond(first, first + 1, 2);
                bond(first + 1, first + 2, 2);
                bond(first + 1, first + 8, 2);
                bond(first + 2, first + 3, 3);
                bond(first + 2, first + 7, 3);
                (3..7).for_each(|at| bond(first + at, first + at + 1, 3));
            }),
        }
        HeavyGraph { atomic_numbers: vec![6; n as usize], bonds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_are_connected_and_their_bonds_ascend() {
        for shape in Shape::ALL {
            for atoms in [1, 2, 3, 7, 8, 9, 41, 64] {
                let graph = NamedGraph { shape, atoms }.graph();
                let pairs: Vec<(u32, u32)> = graph.bonds.iter().map(|b| (b.i, b.j)).collect();
                assert!(pairs.is_sorted_by(|a, b| a < b), "{shape:?} {atoms}: {pairs:?}");
                assert!(pairs.iter().all(|(i, j)| i < j && *j < atoms));
                let mut reached: Vec<bool> = (0..atoms).map(|atom| atom == 0).collect();
                pairs.iter().for_each(|&(_, j)| reached[j as usize] = true);
                assert!(reached.into_iter().all(|r| r), "{shape:?} {atoms}");
            }
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["chain:20", "ring:1000000", "branched:4", "styrene:8"] {
            assert_eq!(name.parse::<NamedGraph>().unwrap().to_string(), name);
        }
        for name in ["chain", "chain:0", "chain:x", "cube:8", "ring:99999999999"] {
            assert!(name.parse::<NamedGraph>().is_err(), "{name}");
        }
    }
}
