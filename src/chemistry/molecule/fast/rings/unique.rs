//! The symmetrised smallest set of smallest rings of a plain molecule.
//!
//! Most molecules have one minimum cycle basis only, and then it is that set.
//! A cycle that is the only shortest one through some bond belongs to every
//! minimum cycle basis; as many of them as there are independent cycles are
//! the basis. The chemistry crate decides where this does not settle it.

use chematic::perception;

use super::super::graph::{FlatMol, Rows};
use super::rdkit_sssr;

const NONE: u32 = u32::MAX;
/// Of more rings than this only those are taken that the chemistry crate finds.
const MAX_RINGS: usize = 256;

/// Which rings to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::molecule::fast) enum Rings {
    /// The smallest set, where there is one only.
    Smallest,
    /// Those of the chemistry crate, which follow from the numbering.
    OfCrate,
}

/// Buffers for finding rings.
#[derive(Default)]
pub(in crate::molecule::fast) struct RingFinder {
    /// Per atom: its place in the depth-first order, and the lowest reachable.
    order: Vec<u32>,
    low: Vec<u32>,
    stack: Vec<(u32, u32, u32)>,
    bond_stack: Vec<u32>,
    /// Per bond: the block of bonds that share cycles with it, or `NONE`.
    block: Vec<u32>,
    /// Independent cycles of each block.
    cycles: Vec<u32>,
    /// Per atom, of the search at hand: distance, paths that short, parent.
    distance: Vec<u32>,
    paths: Vec<u32>,
    parent: Vec<u32>,
    queue: Vec<u32>,
    rings: Rows,
    found: Vec<u32>,
    covered: Vec<bool>,
    members: Vec<Vec<u32>>,
    /// Whether the rings last found are the only smallest ones possible.
    pub unique: bool,
    /// Whether they are all relevant ones.
    pub complete: bool,
    /// Whether the chemistry crate finds too few rings, and refuses the molecule.
    pub beyond_crate: bool,
    /// The rings as the chemistry crate finds them.
    of_crate: Rows,
    /// Whether it finds the rings last found in any numbering, once asked.
    sure: Option<bool>,
}

impl RingFinder {
    /// Finds the rings; `None` where the chemistry crate cannot.
    pub(in crate::molecule::fast) fn find(
        &mut self,
        mol: &mut FlatMol,
        wanted: Rings,
    ) -> Option<()> {
        self.rings.clear();
        self.block.clear();
        self.block.resize(mol.bonds.len(), NONE);
        self.cycles.clear();
        self.unique = true;
        self.complete = true;
        self.beyond_crate = false;
        self.sure = None;
        if mol.bonds.len() >= mol.atoms.len() {
            self.find_blocks(mol);
            for list in [&mut self.distance, &mut self.paths, &mut self.parent] {
                list.clear();
                list.resize(mol.atoms.len(), NONE);
            }
            self.unique = self.find_unique(mol);
            self.complete = self.unique;
            if !self.unique || wanted == Rings::OfCrate {
                return self.general(mol);
            }
        }
        let rings = std::mem::take(&mut self.rings);
        let bonded = mol.set_rings(rings.iter());
        self.rings = rings;
        let shared = mol
            .ring_bonds
            .iter()
            .any(|ring| ring.iter().all(|&bond| mol.bond_rings[bond as usize] > 1));
        if shared {
            (self.unique, self.complete) = (false, false);
            return self.general(mol);
        }
        bonded.then_some(())
    }

    /// All relevant rings; those of the chemistry crate where they are too many.
    /// `None` where these leave out a bond of a cycle, as they do in some macrocycles.
    fn general(&mut self, mol: &mut FlatMol) -> Option<()> {
        let independent = mol.bonds.len() + 1 - mol.atoms.len();
        let sure = self.find_as_crate(mol).filter(|_| self.of_crate.len() >= independent);
        if let Some(rings) = self.relevant(mol) {
            self.of_crate.clear();
            rings.into_iter().for_each(|ring| self.of_crate.push(ring));
            self.complete = true;
            self.beyond_crate = sure.is_none() && by_crate(mol).is_none();
        } else if sure.is_none() {
            self.of_crate.clear();
            by_crate(mol)?.into_iter().for_each(|ring| self.of_crate.push(ring));
        }
        self.sure = Some(sure == Some(true));
        self.unique &= are_same_rings(&self.of_crate, &self.rings);
        let bonded = mol.set_rings(self.of_crate.iter());
        let covered = |bond: &u32| mol.bond_rings[*bond as usize] > 0;
        (bonded && self.systems().flatten().all(covered)).then_some(())
    }

    /// All rings of all smallest sets, which do not depend on the numbering: RDKit
    /// takes them since 2026.09. The search before that, which is the chemistry
    /// crate's, finds some of them, and too few in some cages. `None` for more than
    /// [`MAX_RINGS`].
    fn relevant(&self, mol: &FlatMol) -> Option<Vec<Vec<u32>>> {
        let bonds = mol.bonds.iter().zip(&self.block);
        let bonds =
            bonds.map(|(bond, &block)| (bond.begin as usize, bond.end as usize, block != NONE));
        let bonds: Vec<_> = bonds.collect();
        let rings =
            perception::relevant_cycles_from_graph(mol.atoms.len(), &bonds, MAX_RINGS).ok()?;
        Some(in_atoms(rings))
    }

    /// Fills `of_crate`; see [`rdkit_sssr::find`].
    fn find_as_crate(&mut self, mol: &FlatMol) -> Option<bool> {
        let mut rings = std::mem::take(&mut self.of_crate);
        let sure = rdkit_sssr::find(mol, self.systems().flatten().copied(), &mut rings);
        self.of_crate = rings;
        sure
    }

    /// Whether the chemistry crate finds the rings last found in any numbering.
    pub(in crate::molecule::fast) fn are_sure(&mut self, mol: &FlatMol) -> bool {
        let sure = self.sure.unwrap_or_else(|| {
            self.find_as_crate(mol) == Some(true) && are_same_rings(&self.of_crate, &mol.ring_atoms)
        });
        self.sure = Some(sure);
        sure
    }

    /// The bonds of each fused ring system.
    pub(in crate::molecule::fast) fn systems(&self) -> impl Iterator<Item = &[u32]> {
        self.members.iter().take(self.cycles.len()).map(Vec::as_slice)
    }

    /// Blocks of bonds between which no cycle runs (Tarjan), iteratively.
    fn find_blocks(&mut self, mol: &FlatMol) {
        let n = mol.atoms.len();
        for list in [&mut self.order, &mut self.low] {
            list.clear();
            list.resize(n, NONE);
        }
        self.members.iter_mut().for_each(Vec::clear);
        let mut clock = 1;
        self.order[0] = 0;
        self.low[0] = 0;
        self.stack.clear();
        self.bond_stack.clear();
        self.stack.push((0, NONE, 0));
        while let Some(top) = self.stack.last_mut() {
            let (atom, via, next) = *top;
            let a = atom as usize;
            if let Some(neighbor) = mol.neighbors(atom).get(next as usize) {
                top.2 += 1;
                let o = neighbor.to as usize;
                if neighbor.bond == via {
                    continue;
                }
                if self.order[o] == NONE {
                    self.order[o] = clock;
                    self.low[o] = clock;
                    clock += 1;
                    self.bond_stack.push(neighbor.bond);
                    self.stack.push((neighbor.to, neighbor.bond, 0));
                } else if self.order[o] < self.order[a] {
                    self.bond_stack.push(neighbor.bond);
                    self.low[a] = self.low[a].min(self.order[o]);
                }
                continue;
            }
            self.stack.pop();
            let Some(&(parent, _, _)) = self.stack.last() else { break };
            let p = parent as usize;
            self.low[p] = self.low[p].min(self.low[a]);
            if self.low[a] >= self.order[p] {
                self.close_block(mol, via);
            }
        }
    }

    /// Takes the bonds from the stack down to `via`: a block, unless it is one.
    fn close_block(&mut self, mol: &FlatMol, via: u32) {
        let Some(at) = self.bond_stack.iter().rposition(|&bond| bond == via) else { return };
        if self.bond_stack.len() - at == 1 {
            self.bond_stack.pop();
            return;
        }
        let block = self.cycles.len();
        if self.members.len() == block {
            self.members.push(Vec::new());
        }
        self.distance.resize(mol.atoms.len().max(self.distance.len()), NONE);
        let mut atoms = 0;
        for bond in self.bond_stack.drain(at..) {
            self.block[bond as usize] = block as u32;
            self.members[block].push(bond);
            let ends = mol.bonds[bond as usize];
            for end in [ends.begin, ends.end] {
                // A mark for atoms that this block has counted.
                if self.distance[end as usize] != block as u32 {
                    self.distance[end as usize] = block as u32;
                    atoms += 1;
                }
            }
        }
        let bonds = self.members[block].len() as u32;
        self.cycles.push(bonds + 1 - atoms);
        for &bond in &self.members[block] {
            let ends = mol.bonds[bond as usize];
            self.distance[ends.begin as usize] = NONE;
            self.distance[ends.end as usize] = NONE;
        }
    }

    /// Fills `rings` where every block has one minimum cycle basis only.
    fn find_unique(&mut self, mol: &FlatMol) -> bool {
        self.covered.clear();
        self.covered.resize(mol.bonds.len(), false);
        for block in 0..self.cycles.len() {
            let wanted = self.rings.len() + self.cycles[block] as usize;
            let first = self.rings.len();
            // Bonds in a ring already found can only show the same ring or none.
            for again in [false, true] {
                for at in 0..self.members[block].len() {
                    let bond = self.members[block][at];
                    if self.rings.len() == wanted {
                        break;
                    }
                    if self.covered[bond as usize] == again && self.shortest(mol, bond) {
                        self.keep(mol, first);
                    }
                }
            }
            if self.rings.len() != wanted {
                return false;
            }
        }
        true
    }

    /// Whether these atoms form the only smallest cycle through `bond`.
    pub(in crate::molecule::fast) fn is_only_smallest(
        &mut self,
        mol: &FlatMol,
        bond: u32,
        atoms: &[u32],
    ) -> bool {
        self.shortest(mol, bond)
            && self.found.len() == atoms.len()
            && atoms.iter().all(|atom| self.found.contains(atom))
    }

    /// Writes into `found` the shortest cycle through `bond`, if there is only one.
    fn shortest(&mut self, mol: &FlatMol, bond: u32) -> bool {
        let ends = mol.bonds[bond as usize];
        let block = self.block[bond as usize];
        self.queue.clear();
        self.queue.push(ends.begin);
        self.distance[ends.begin as usize] = 0;
        self.paths[ends.begin as usize] = 1;
        self.parent[ends.begin as usize] = NONE;
        let mut head = 0;
        while let Some(&atom) = self.queue.get(head) {
            head += 1;
            let distance = self.distance[atom as usize];
            if distance >= self.distance[ends.end as usize] {
                break;
            }
            for neighbor in mol.neighbors(atom) {
                if neighbor.bond == bond || self.block[neighbor.bond as usize] != block {
                    continue;
                }
                let to = neighbor.to as usize;
                if self.distance[to] == NONE {
                    self.distance[to] = distance + 1;
                    self.paths[to] = self.paths[atom as usize];
                    self.parent[to] = atom;
                    self.queue.push(neighbor.to);
                } else if self.distance[to] == distance + 1 {
                    self.paths[to] = self.paths[to].saturating_add(self.paths[atom as usize]);
                }
            }
        }
        let unique = self.distance[ends.end as usize] != NONE && self.paths[ends.end as usize] == 1;
        if unique {
            self.found.clear();
            let mut atom = ends.end;
            while atom != NONE {
                self.found.push(atom);
                atom = self.parent[atom as usize];
            }
        }
        for &atom in &self.queue {
            self.distance[atom as usize] = NONE;
        }
        unique
    }

    /// Adds `found` to the rings, unless it is there among those from `first`.
    fn keep(&mut self, mol: &FlatMol, first: usize) {
        let found = &self.found;
        if (first..self.rings.len()).any(|index| is_same_ring(self.rings.row(index), found)) {
            return;
        }
        for (at, &atom) in found.iter().enumerate() {
            if let Some(bond) = mol.bond_between(atom, found[(at + 1) % found.len()]) {
                self.covered[bond as usize] = true;
            }
        }
        self.rings.push(self.found.iter().copied());
    }
}

/// The rings as the chemistry crate finds them.
pub(in crate::molecule::fast) fn by_crate(mol: &FlatMol) -> Option<Vec<Vec<u32>>> {
    let bonds = mol.bonds.iter().map(|bond| (bond.begin as usize, bond.end as usize, true));
    let bonds: Vec<_> = bonds.collect();
    Some(in_atoms(perception::rdkit_symmetrized_sssr(mol.atoms.len(), &bonds)?))
}

fn in_atoms(rings: Vec<Vec<usize>>) -> Vec<Vec<u32>> {
    let ring = |ring: Vec<usize>| ring.into_iter().map(|atom| atom as u32).collect();
    rings.into_iter().map(ring).collect()
}

/// Whether two sets of rings are the same.
fn are_same_rings(a: &Rows, b: &Rows) -> bool {
    a.len() == b.len() && a.iter().all(|ring| b.iter().any(|other| is_same_ring(ring, other)))
}

/// Whether two rings have the same atoms.
pub(in crate::molecule::fast) fn is_same_ring(a: &[u32], b: &[u32]) -> bool {
    a.len() == b.len() && a.iter().all(|atom| b.contains(atom))
}
