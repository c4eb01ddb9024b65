//! Which kinds of atoms does a fingerprint tell apart? Eight classes that a
//! heavy-atom graph shows by itself; an atom may be in several. Knows no
//! charges, hydrogens or spectra.

use crate::molecule::HeavyGraph;

/// Number of classes.
pub const ATOM_CLASSES: usize = 8;

/// A class of atoms. Free valences stand for hydrogens, which heavy-atom graphs
/// do not have; a negative charge on oxygen counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AtomClass {
    /// Carbon that is not aromatic.
    AliphaticCarbon,
    /// An aromatic atom of any element.
    Aromatic,
    /// Nitrogen.
    Nitrogen,
    /// Oxygen.
    Oxygen,
    /// Fluorine, chlorine, bromine, iodine.
    Halogen,
    /// Any element but C, N, O and the halogens.
    Other,
    /// N, O or S with a free valence and no aromatic bond: N of order at most 2,
    /// O and S of order at most 1.
    Donor,
    /// Oxygen; and nitrogen without a free valence, of order at most 3, that has
    /// no single bond to an atom with a double bond to N, O or S, and two
    /// neighbours where it is aromatic.
    Acceptor,
}

/// The classes of each atom, one bit a class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AtomClasses(Vec<u16>);

/// What the bonds of an atom say.
#[derive(Clone, Copy, Default)]
struct Bonds {
    /// Twice the sum of orders.
    doubled_orders: u32,
    degree: u32,
    is_aromatic: bool,
    /// A double bond to N, O or S.
    is_polar: bool,
    /// A single bond to an atom with such a bond.
    is_beside_polar: bool,
}

impl AtomClasses {
    /// Of a graph whose bonds join its atoms; others are passed over.
    ///
    /// ```
    /// use hetero2_chemistry::molecule::{MolecularGraph, ParseLimits};
    /// use hetero2_chemistry::operator::{AtomClass, AtomClasses};
    ///
    /// let acid = MolecularGraph::from_smiles(b"CC(=O)O", &ParseLimits::default())?.graph;
    /// let classes = AtomClasses::of(&acid);
    /// let donors: Vec<usize> = (0..4).filter(|&i| classes.has(i, AtomClass::Donor)).collect();
    /// assert_eq!(donors, [3]);
    /// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
    /// ```
    #[must_use]
    pub fn of(graph: &HeavyGraph) -> Self {
        let atoms = &graph.atomic_numbers;
        let bonds_of = bonds(graph);
        Self(atoms.iter().zip(&bonds_of).map(|(&z, bonds)| classes(z, bonds)).collect())
    }

    /// Whether an atom is in a class; no atom beyond the last is.
    #[must_use]
    pub fn has(&self, atom: usize, class: AtomClass) -> bool {
        self.0.get(atom).is_some_and(|bits| bits >> class as u8 & 1 == 1)
    }

    /// Per atom the set of its classes: bit `k` is class `k`.
    #[must_use]
    pub fn bits(&self) -> &[u16] {
        &self.0
    }
}

fn bonds(graph: &HeavyGraph) -> Vec<Bonds> {
    let atoms = &graph.atomic_numbers;
    let mut found = vec![Bonds::default(); atoms.len()];
    let inside = |atom: u32| (atom as usize) < atoms.len();
    let joined = || graph.bonds.iter().filter(|bond| inside(bond.i) && inside(bond.j));
    for bond in joined() {
        let (i, j) = (bond.i as usize, bond.j as usize);
        for (atom, other) in [(i, j), (j, i)] {
            let bonds = &mut found[atom];
            bonds.doubled_orders += u32::from(bond.doubled_order);
            bonds.degree += 1;
            bonds.is_aromatic |= bond.doubled_order == 3;
            bonds.is_polar |= bond.doubled_order == 4 && matches!(atoms[other], 7 | 8 | 16);
        }
    }
    for bond in joined().filter(|bond| bond.doubled_order == 2) {
        let (i, j) = (bond.i as usize, bond.j as usize);
        found[i].is_beside_polar |= found[j].is_polar;
        found[j].is_beside_polar |= found[i].is_polar;
    }
    found
}

fn classes(z: u8, bonds: &Bonds) -> u16 {
    let Bonds { doubled_orders, is_aromatic, .. } = *bonds;
    let is_open = match z {
        7 => doubled_orders <= 4 && !is_aromatic,
        8 => doubled_orders <= 2,
        16 => doubled_orders <= 2 && !is_aromatic,
        _ => false,
    };
    let is_basic = z == 7
        && !is_open
        && doubled_orders <= 6
        && !bonds.is_beside_polar
        && (!is_aromatic || bonds.degree == 2);
    let is_halogen = matches!(z, 9 | 17 | 35 | 53);
    let members = [
        (AtomClass::AliphaticCarbon, z == 6 && !is_aromatic),
        (AtomClass::Aromatic, is_aromatic),
        (AtomClass::Nitrogen, z == 7),
        (AtomClass::Oxygen, z == 8),
        (AtomClass::Halogen, is_halogen),
        (AtomClass::Other, !matches!(z, 6..=8) && !is_halogen),
        (AtomClass::Donor, is_open),
        (AtomClass::Acceptor, z == 8 || is_basic),
    ];
    members.iter().filter(|(_, is)| *is).fold(0, |bits, (class, _)| bits | 1 << *class as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::molecule::{MolecularGraph, ParseLimits};

    /// The canonical SMILES, and the atoms that are in a class.
    fn found(smiles: &str, class: AtomClass) -> (String, Vec<usize>) {
        let read = MolecularGraph::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
        let classes = AtomClasses::of(&read.graph);
        let atoms = (0..read.graph.atomic_numbers.len()).filter(|&a| classes.has(a, class));
        (read.canonical_smiles, atoms.collect())
    }

    #[test]
    fn donors_and_acceptors_are_those_of_common_groups() {
        let paracetamol = found("CC(=O)Nc1ccc(O)cc1", AtomClass::Donor);
        assert_eq!(paracetamol, ("CC(=O)Nc1ccc(O)cc1".into(), vec![3, 8]));
        // Both oxygens; not the nitrogen of the amide.
        assert_eq!(found("CC(=O)Nc1ccc(O)cc1", AtomClass::Acceptor).1, [2, 8]);
        assert_eq!(found("c1ccncc1", AtomClass::Acceptor).1.len(), 1);
        assert_eq!(found("CCN(CC)CC", AtomClass::Acceptor).1.len(), 1);
        assert_eq!(found("CN1CCOCC1", AtomClass::Acceptor).1.len(), 2);
        // Quaternary, and a nitro group: its oxygens alone.
        assert!(found("C[N+](C)(C)C", AtomClass::Acceptor).1.is_empty());
        assert_eq!(found("C[N+](=O)[O-]", AtomClass::Acceptor).1.len(), 2);
        assert_eq!(found("CC#N", AtomClass::Acceptor).1.len(), 1);
        assert_eq!(found("CS", AtomClass::Donor).1.len(), 1);
        assert!(found("CSC", AtomClass::Donor).1.is_empty());
    }

    #[test]
    fn every_atom_but_aromatic_carbon_has_one_class_of_its_element() {
        let smiles = "Cc1nc(C=C)sc1C(=O)N(C)CC#CP(=O)(OC)OB(O)c1ccc(Br)o1";
        let read = MolecularGraph::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
        let classes = AtomClasses::of(&read.graph);
        for (&bits, &z) in classes.bits().iter().zip(&read.graph.atomic_numbers) {
            let elements = [0, 2, 3, 4, 5].iter().filter(|&k| bits >> k & 1 == 1).count();
            let is_aromatic_carbon = z == 6 && bits >> 1 & 1 == 1;
            assert_eq!(elements, usize::from(!is_aromatic_carbon), "element {z}: {bits:b}");
        }
    }
}
