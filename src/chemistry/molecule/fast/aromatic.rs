//! Aromatic rings of a plain molecule by Hückel's rule, after RDKit's
//! `Aromaticity.cpp`: single rings first, then up to six fused ones.

use super::graph::{FlatMol, Order, Rows};
use super::valence::{default_valence, outer_electrons};

/// From this size on, oxygen and sulfur with two single bonds are no donors.
const LARGE_RING: usize = 9;
/// Larger rings are not looked at together with others.
const MAX_FUSED_RING: usize = 24;
/// Most rings that are looked at together.
const MAX_FUSED: usize = 6;
/// Systems of more rings are left to the general path.
const MAX_SYSTEM: usize = 16;

/// Electrons that an atom gives to a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Donor {
    None,
    Vacant,
    One,
    Two,
}

/// Buffers for perception.
#[derive(Default)]
pub(super) struct Perceiver {
    /// Per atom: what it gives, once it was asked.
    donors: Vec<Option<(Donor, bool)>>,
    /// The rings of candidates only, as atoms and as bonds.
    atoms: Rows,
    bonds: Rows,
    /// Per candidate ring: the rings fused to it, and whether its system is done.
    fused: Vec<Vec<usize>>,
    done: Vec<bool>,
    system: Vec<usize>,
    subset: Vec<usize>,
    reached: Vec<usize>,
    /// Per atom and per bond: in how many rings of the subset.
    atom_counts: Vec<u8>,
    bond_counts: Vec<u8>,
    /// Per bond: found aromatic.
    marked: Vec<bool>,
}

impl Perceiver {
    /// Marks aromatic atoms and bonds of a molecule in Kekulé form. `None`
    /// where the result would take long.
    pub(super) fn perceive(&mut self, mol: &mut FlatMol) -> Option<()> {
        self.collect_candidates(mol);
        self.find_fused();
        for list in [&mut self.atom_counts, &mut self.bond_counts] {
            list.clear();
        }
        self.atom_counts.resize(mol.atoms.len(), 0);
        self.bond_counts.resize(mol.bonds.len(), 0);
        self.marked.clear();
        self.marked.resize(mol.bonds.len(), false);
        for ring in 0..self.atoms.len() {
            if self.done[ring] {
                continue;
            }
            self.system.clear();
            self.system.push(ring);
            self.done[ring] = true;
            let mut at = 0;
            while let Some(&member) = self.system.get(at) {
                at += 1;
                for &next in &self.fused[member] {
                    if !self.done[next] {
                        self.done[next] = true;
                        self.system.push(next);
                    }
                }
            }
            self.perceive_system(mol)?;
        }
        Some(())
    }

    fn collect_candidates(&mut self, mol: &FlatMol) {
        self.donors.clear();
        self.donors.resize(mol.atoms.len(), None);
        self.atoms.clear();
        self.bonds.clear();
        for (ring, bonds) in mol.ring_atoms.iter().zip(mol.ring_bonds.iter()) {
            let mut all = true;
            for &atom in ring {
                let known = &mut self.donors[atom as usize];
                if known.is_none() {
                    let mut donor = donor(mol, atom);
                    if donor == Donor::Two
                        && is_bridge(mol, atom)
                        && smallest_ring(mol, atom) >= LARGE_RING
                    {
                        // RDKit meets the smallest ring of an atom first, and that decides.
                        donor = Donor::None;
                    }
                    *known = Some((donor, is_candidate(mol, atom, donor)));
                }
                all &= known.is_some_and(|(_, candidate)| candidate);
            }
            if all {
                self.atoms.push(ring.iter().copied());
                self.bonds.push(bonds.iter().copied());
            }
        }
    }

    /// Rings are fused that share one bond.
    fn find_fused(&mut self) {
        let count = self.atoms.len();
        self.done.clear();
        self.done.resize(count, false);
        self.fused.iter_mut().for_each(Vec::clear);
        if self.fused.len() < count {
            self.fused.resize_with(count, Vec::new);
        }
        for i in 0..count {
            for j in i + 1..count {
                let (a, b) = (self.bonds.row(i), self.bonds.row(j));
                let small = a.len() <= MAX_FUSED_RING && b.len() <= MAX_FUSED_RING;
                if small && a.iter().filter(|bond| b.contains(bond)).count() == 1 {
                    self.fused[i].push(j);
                    self.fused[j].push(i);
                }
            }
        }
    }

    fn perceive_system(&mut self, mol: &mut FlatMol) -> Option<()> {
        let count = self.system.len();
        if count > MAX_SYSTEM {
            return None;
        }
        let mut left = self.count_bonds();
        for size in 1..=count.min(MAX_FUSED) {
            if left == 0 {
                break;
            }
            self.subset.clear();
            self.subset.extend(0..size);
            loop {
                if self.is_connected() && self.obeys_huckel() {
                    left -= self.mark(mol);
                }
                if !next_combination(&mut self.subset, count) {
                    break;
                }
            }
        }
        Some(())
    }

    /// How many bonds the rings of the system have.
    fn count_bonds(&mut self) -> usize {
        if let [ring] = self.system[..] {
            return self.bonds.row(ring).len();
        }
        let bonds = || self.system.iter().flat_map(|&ring| self.bonds.row(ring));
        bonds().for_each(|&bond| self.bond_counts[bond as usize] = 1);
        bonds().map(|&bond| std::mem::take(&mut self.bond_counts[bond as usize]) as usize).sum()
    }

    /// Whether the rings of the subset hang together.
    fn is_connected(&mut self) -> bool {
        let Some(&first) = self.subset.first() else { return false };
        if self.subset.len() == 1 {
            return true;
        }
        self.reached.clear();
        self.reached.push(self.system[first]);
        let mut at = 0;
        while let Some(&ring) = self.reached.get(at) {
            at += 1;
            for &next in &self.fused[ring] {
                let inside = self.subset.iter().any(|&place| self.system[place] == next);
                if inside && !self.reached.contains(&next) {
                    self.reached.push(next);
                }
            }
        }
        self.reached.len() == self.subset.len()
    }

    /// Whether the atoms in one or two rings of the subset have 4n + 2 electrons.
    fn obeys_huckel(&mut self) -> bool {
        let rings = || self.subset.iter().map(|&place| self.atoms.row(self.system[place]));
        for &atom in rings().flatten() {
            self.atom_counts[atom as usize] += 1;
        }
        let mut electrons = 0;
        for &atom in rings().flatten() {
            let seen = std::mem::take(&mut self.atom_counts[atom as usize]);
            if matches!(seen, 1 | 2) {
                electrons += match self.donors[atom as usize] {
                    Some((Donor::One, _)) => 1,
                    Some((Donor::Two, _)) => 2,
                    _ => 0,
                };
            }
        }
        electrons == 2 || electrons >= 6 && (electrons - 2) % 4 == 0
    }

    /// Marks the bonds that only one ring of the subset has; the number of new
    /// ones. A triple bond stays one.
    fn mark(&mut self, mol: &mut FlatMol) -> usize {
        let rings = || self.subset.iter().map(|&place| self.bonds.row(self.system[place]));
        for &bond in rings().flatten() {
            self.bond_counts[bond as usize] += 1;
        }
        let mut new = 0;
        for &index in rings().flatten() {
            if std::mem::take(&mut self.bond_counts[index as usize]) != 1 {
                continue;
            }
            let bond = &mut mol.bonds[index as usize];
            bond.aromatic = true;
            if bond.order != Order::Triple {
                bond.order = Order::Aromatic;
            }
            mol.atoms[bond.begin as usize].aromatic = true;
            mol.atoms[bond.end as usize].aromatic = true;
            new += usize::from(!std::mem::replace(&mut self.marked[index as usize], true));
        }
        new
    }
}

/// The next choice of as many of `total`, in lexicographic order.
fn next_combination(chosen: &mut [usize], total: usize) -> bool {
    let size = chosen.len();
    let Some(at) = (0..size).rev().find(|&at| chosen[at] != total - size + at) else {
        return false;
    };
    chosen[at] += 1;
    for later in at + 1..size {
        chosen[later] = chosen[later - 1] + 1;
    }
    true
}

/// The size of the smallest ring that has an atom.
fn smallest_ring(mol: &FlatMol, atom: u32) -> usize {
    let rings = mol.ring_atoms.iter().filter(|ring| ring.contains(&atom));
    rings.map(<[u32]>::len).min().unwrap_or(0)
}

/// Whether an atom is no donor in some of its rings, and that matters to one.
pub(super) fn depends_on_ring_order(mol: &FlatMol, atom: u32) -> bool {
    if mol.atom_rings[atom as usize] < 2 || !is_bridge(mol, atom) {
        return false;
    }
    let rings = || mol.ring_atoms.iter().filter(|ring| ring.contains(&atom));
    let large = rings().filter(|ring| ring.len() >= LARGE_RING).count();
    (1..rings().count()).contains(&large)
        && rings().any(|ring| !ring.iter().any(|&atom| is_crowded(mol, atom)))
}

/// A neutral oxygen or sulfur with two single bonds: in large rings no donor.
fn is_bridge(mol: &FlatMol, index: u32) -> bool {
    let atom = &mol.atoms[index as usize];
    matches!(atom.z, 8 | 16)
        && atom.charge == 0
        && mol.degree(index) == 2
        && mol.neighbors(index).iter().all(|neighbor| {
            !matches!(mol.bonds[neighbor.bond as usize].order, Order::Double | Order::Triple)
        })
}

/// Whether an atom has more neighbours, hydrogens included, than one of an
/// aromatic ring can have.
pub(super) fn is_crowded(mol: &FlatMol, index: u32) -> bool {
    mol.degree(index) + mol.atoms[index as usize].total_hs() > 3
}

/// Electrons an atom has for a pi system (`countAtomElec`).
fn pi_electrons(mol: &FlatMol, index: u32) -> i32 {
    let atom = &mol.atoms[index as usize];
    let default = default_valence(i32::from(atom.z));
    if default <= 1 || is_crowded(mol, index) {
        return -1;
    }
    let degree = mol.degree(index) + atom.total_hs();
    let lone = (outer_electrons(atom.z) - default - i32::from(atom.charge)).max(0);
    let electrons = default - degree + lone - i32::from(atom.radicals);
    if electrons > 1 && atom.explicit_valence - mol.degree(index) > 1 { 1 } else { electrons }
}

/// The neighbour at the other end of a multiple bond that is in no ring.
fn outside_partner(mol: &FlatMol, index: u32) -> Option<u8> {
    let outside = mol.neighbors(index).iter().find(|neighbor| {
        let bond = neighbor.bond as usize;
        mol.bond_rings[bond] == 0 && mol.bonds[bond].order.doubled() >= 4
    })?;
    Some(mol.atoms[outside.to as usize].z)
}

fn has_ring_multiple_bond(mol: &FlatMol, index: u32) -> bool {
    mol.neighbors(index).iter().any(|neighbor| {
        let bond = neighbor.bond as usize;
        mol.bond_rings[bond] != 0 && mol.bonds[bond].order.doubled() >= 4
    })
}

fn is_more_electronegative(z: u8, than: u8) -> bool {
    let (a, b) = (outer_electrons(z), outer_electrons(than));
    a > b || (a == b && z < than)
}

fn donor(mol: &FlatMol, index: u32) -> Donor {
    let atom = &mol.atoms[index as usize];
    let electrons = pi_electrons(mol, index);
    let partner = outside_partner(mol, index);
    let drawn = partner.is_some_and(|z| is_more_electronegative(z, atom.z));
    match electrons {
        i32::MIN..=-1 => Donor::None,
        0 if partner.is_some() => Donor::Vacant,
        0 if has_ring_multiple_bond(mol, index) => Donor::One,
        0 => Donor::None,
        1 if drawn => Donor::Vacant,
        1 if partner.is_some() => Donor::One,
        1 => {
            let single = mol.degree(index) + i32::from(atom.explicit_hs);
            if atom.explicit_valence != single {
                Donor::One
            } else if atom.charge == 1 {
                Donor::Vacant
            } else {
                Donor::None
            }
        }
        more if (more - i32::from(drawn)) % 2 == 1 => Donor::One,
        _ => Donor::Two,
    }
}

fn is_candidate(mol: &FlatMol, index: u32, donor: Donor) -> bool {
    let atom = &mol.atoms[index as usize];
    if donor == Donor::None || (atom.z > 18 && !matches!(atom.z, 34 | 52)) {
        return false;
    }
    let like = i32::from(atom.z) - i32::from(atom.charge);
    if atom.total_valence() > default_valence(like) {
        return false;
    }
    if atom.radicals != 0 && (atom.z != 6 || atom.charge != 0) {
        return false;
    }
    if atom.explicit_valence - mol.degree(index) > 1 {
        let multiple = mol.neighbors(index).iter().filter(|neighbor| {
            matches!(mol.bonds[neighbor.bond as usize].order, Order::Double | Order::Triple)
        });
        return multiple.count() <= 1;
    }
    true
}
