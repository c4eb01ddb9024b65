//! What of a plain molecule could depend on how its atoms are numbered. It must
//! not know how it is sanitised.

use super::aromatic::is_crowded;
use super::graph::{Bond, FlatMol, Neighbor, Order};
use super::rings::RingFinder;
use hetero2_common::union_find::{Sets, Union, UnionFind};

/// Whether aromaticity could depend on the numbering. Rings that could be
/// aromatic, as no atom has more than three neighbours, hydrogens included,
/// must have none of the bonds from `made` on, and there must be as many of
/// them as independent cycles through such atoms: none that only some
/// numberings find. No two of them may have more than one bond in common, nor
/// may one with any other ring, unless `finder` shows that all numberings find it.
pub(super) fn depends_on_numbering(
    mol: &FlatMol,
    mut finder: Option<&mut RingFinder>,
    made: usize,
) -> bool {
    let crowded = |atom: u32| is_crowded(mol, atom);
    let open = |bond: &&Bond| !crowded(bond.begin) && !crowded(bond.end);
    let cycles = Components::of(mol.atoms.len(), mol.bonds.iter().filter(open)).cycles;
    if cycles == 0 {
        return false;
    }
    let rings = &mol.ring_bonds;
    let new = |ring: usize| rings.row(ring).iter().any(|&bond| bond as usize >= made);
    let candidate = |&ring: &usize| !mol.ring_atoms.row(ring).iter().any(|&atom| crowded(atom));
    let mut found = 0;
    for ring in (0..rings.len()).filter(candidate) {
        let bridges = |other: &usize| {
            let shared = |bond: &&u32| rings.row(*other).contains(bond);
            *other != ring && rings.row(ring).iter().filter(shared).count() > 1
        };
        let mut bridging = (0..rings.len()).filter(bridges).peekable();
        if new(ring)
            || bridging.peek().is_some()
                && (bridging.any(|other| candidate(&other))
                    || !finder
                        .as_mut()
                        .is_some_and(|finder| is_order_independent(mol, finder, ring)))
        {
            return true;
        }
        found += 1;
    }
    found != cycles
}

/// Whether RDKit finds a ring in every numbering, and whatever else it finds
/// does not touch the ring's aromaticity: it starts from atoms with two bonds,
/// and takes the smallest rings through them.
fn is_order_independent(mol: &FlatMol, finder: &mut RingFinder, ring: usize) -> bool {
    let (atoms, bonds) = (mol.ring_atoms.row(ring), mol.ring_bonds.row(ring));
    let single = |neighbor: &Neighbor| mol.bonds[neighbor.bond as usize].order == Order::Single;
    let outside = atoms.iter().flat_map(|&atom| mol.neighbors(atom));
    outside.filter(|neighbor| !bonds.contains(&neighbor.bond)).all(single)
        && atoms.iter().any(|&atom| {
            mol.degree(atom) == 2
                && finder.is_only_smallest(mol, mol.neighbors(atom)[0].bond, atoms)
        })
}

/// Connected components of a graph.
pub(super) struct Components {
    /// Each atom's component, numbered from 0.
    pub of_atom: Vec<u32>,
    pub count: u32,
    /// How many independent cycles there are.
    cycles: usize,
}

impl Components {
    pub(super) fn of<'a>(atoms: usize, bonds: impl Iterator<Item = &'a Bond>) -> Self {
        let mut sets = UnionFind::new(atoms as u32);
        let closing = |bond: &&Bond| sets.union(bond.begin, bond.end) == Union::WereOne;
        let cycles = bonds.filter(closing).count();
        let Sets { of_member: of_atom, count } = sets.number();
        Self { of_atom, count, cycles }
    }

    pub(super) fn holds(&self, part: u32, bond: &Bond) -> bool {
        self.of_atom[bond.begin as usize] == part
    }
}
