//! Canonical ranks of the atoms of a plain molecule, after RDKit's
//! `new_canon`: classes are split by what their atoms are and by the classes
//! of their neighbours, then ties are broken one at a time. Which of several
//! equal atoms comes first follows from the order in which classes are sorted.
//! RDKit's `hanoisort` leaves equal atoms in the order in which they were.

use super::graph::{Bond, FlatMol, Neighbor};
use super::stereo::ChiralTag;
use super::ties::{self, TiedClass};

/// Larger molecules are left to the general path, as more bonds are.
const MAX_ATOMS: usize = 1 << CLASS_BITS;
const MAX_DEGREE: usize = 6;
/// A bond as RDKit compares it: its type, its configuration and the class of
/// the neighbour.
const CLASS_BITS: u32 = 10;
const BOND_BITS: u32 = CLASS_BITS + 4;
/// Bonds that fit into one word.
const HEAD: usize = 4;
/// Where the bonds of a key begin, and where what an atom is, above them.
const BONDS_AT: u32 = CLASS_BITS;
const KIND_AT: u32 = 96;

/// Buffers for ranking; one entry per atom but where noted.
#[derive(Default)]
pub(super) struct Ranker {
    /// The class of an atom: the place of its first member in `order`.
    class: Vec<u32>,
    order: Vec<u32>,
    /// How many atoms a class has, at its place.
    size: Vec<u32>,
    /// Classes to be sorted, latest last, and whether a class is one.
    active: Vec<u32>,
    listed: Vec<bool>,
    /// Per neighbour: type and configuration of the bond.
    kinds: Vec<u16>,
    /// Of the class at hand: an atom as a number that compares as RDKit compares
    /// atoms, followed by its place in the class.
    keys: Vec<u128>,
    /// Classes next to atoms that changed theirs, as bits.
    touched: Vec<u64>,
    scratch: Vec<u32>,
}

impl Ranker {
    /// Ranks the atoms, each once. `None` for highly symmetric ring systems,
    /// which take a further criterion.
    pub(super) fn rank(&mut self, mol: &FlatMol) -> Option<&[u32]> {
        self.classify(mol)?;
        self.break_ties(mol);
        Some(&self.class)
    }

    /// Ranks the atoms as [`rank`](Self::rank) does; whether the ranks are sure
    /// not to depend on the numbering.
    pub(super) fn rank_order_independent(&mut self, mol: &FlatMol) -> Option<(&[u32], bool)> {
        self.classify(mol)?;
        let sure = self.ties_are_symmetries(mol);
        self.break_ties(mol);
        Some((&self.class, sure))
    }

    /// Splits atoms into classes as far as they can be distinguished.
    fn classify(&mut self, mol: &FlatMol) -> Option<()> {
        let n = mol.atoms.len();
        let degree = |atom: u32| mol.neighbors(atom).len();
        if n > MAX_ATOMS || (0..n as u32).any(|atom| degree(atom) > MAX_DEGREE) {
            return None;
        }
        self.start_over(mol);
        self.keys.clear();
        for (atom, index) in mol.atoms.iter().zip(0..) {
            // RDKit compares charges as unsigned numbers.
            let kind = (degree(index) as u32) << 25
                | u32::from(atom.z) << 17
                | (atom.total_hs() as u32) << 9
                | u32::from(atom.charge as u8) << 1
                | u32::from(atom.chiral_tag.is_some());
            let key = u128::from(kind) << KIND_AT | self.bonds(mol, index) | u128::from(index);
            self.keys.push(key);
        }
        self.split(mol, 0);
        self.refine(mol);
        (!self.is_symmetric(mol) && !self.depends_on_turns(mol)).then_some(())
    }

    /// Puts all atoms into one class.
    fn start_over(&mut self, mol: &FlatMol) {
        let n = mol.atoms.len();
        self.class.clear();
        self.class.resize(n, 0);
        self.order.clear();
        self.order.extend(0..n as u32);
        self.size.clear();
        self.size.resize(n, 0);
        self.active.clear();
        self.listed.clear();
        self.listed.resize(n, false);
        self.touched.clear();
        self.touched.resize(n.div_ceil(64), 0);
        self.kinds.clear();
        self.kinds.extend(mol.all_neighbors().iter().map(|neighbor| {
            let bond = &mol.bonds[neighbor.bond as usize];
            let order = bond.kind();
            // Aromatic bonds come last.
            ((order as u16).min(4) - 1) << (CLASS_BITS + 2)
        }));
        for configuration in &mol.configurations {
            let Bond { begin, end, .. } = mol.bonds[configuration.bond as usize];
            let side = if configuration.together { 2 } else { 3 };
            for (from, to) in [(begin, end), (end, begin)] {
                for (kind, neighbor) in
                    self.kinds[mol.range(from)].iter_mut().zip(mol.neighbors(from))
                {
                    if neighbor.to == to {
                        *kind |= side << CLASS_BITS;
                    }
                }
            }
        }
    }

    /// How an atom's neighbours turn, and its bonds, highest first.
    fn bonds(&self, mol: &FlatMol, atom: u32) -> u128 {
        let mut bonds = [0; MAX_DEGREE];
        let neighbors = mol.neighbors(atom);
        for (at, (neighbor, kind)) in neighbors.iter().zip(&self.kinds[mol.range(atom)]).enumerate()
        {
            let bond = kind | self.class[neighbor.to as usize] as u16;
            let mut to = at;
            while to > 0 && bonds[to - 1] < bond {
                bonds[to] = bonds[to - 1];
                to -= 1;
            }
            bonds[to] = bond;
        }
        let word =
            |bonds: &[u16]| bonds.iter().fold(0, |w, &bond| w << BOND_BITS | u64::from(bond));
        let (head, tail) = bonds.split_at(HEAD);
        let turn = u64::from(self.turn(mol, atom)) << (HEAD as u32 * BOND_BITS);
        let tail_bits = (MAX_DEGREE - HEAD) as u32 * BOND_BITS;
        (u128::from(turn | word(head)) << tail_bits | u128::from(word(tail))) << BONDS_AT
    }

    /// How an atom's neighbours turn by their classes: 0 where two are of one
    /// class, or for want of a chiral tag.
    fn turn(&self, mol: &FlatMol, atom: u32) -> u8 {
        let Some(chiral_tag) = mol.atoms[atom as usize].chiral_tag else { return 0 };
        let class = |neighbor: &Neighbor| self.class[neighbor.to as usize];
        let neighbors = mol.neighbors(atom);
        let mut odd = false;
        for (at, neighbor) in neighbors.iter().enumerate() {
            for earlier in &neighbors[..at] {
                if class(earlier) == class(neighbor) {
                    return 0;
                }
                odd ^= class(earlier) > class(neighbor);
            }
        }
        match chiral_tag.turned(odd) {
            ChiralTag::Clockwise => 2,
            ChiralTag::CounterClockwise => 1,
        }
    }

    /// Splits active classes until none is active.
    fn refine(&mut self, mol: &FlatMol) {
        while let Some(class) = self.active.pop() {
            let first = class as usize;
            self.listed[first] = false;
            self.keys.clear();
            for place in 0..self.size[first] {
                let atom = self.order[first + place as usize];
                let key = self.bonds(mol, atom) | u128::from(place);
                self.keys.push(key);
            }
            self.split(mol, first);
        }
    }

    /// Splits the class at a place by the keys of its atoms.
    fn split(&mut self, mol: &FlatMol, first: usize) {
        let len = self.keys.len();
        self.keys.sort_unstable();
        let members = &mut self.order[first..first + len];
        let atom = |key: &u128| members[*key as usize & (MAX_ATOMS - 1)];
        self.scratch.clear();
        self.scratch.extend(self.keys.iter().map(atom));
        members.copy_from_slice(&self.scratch);
        let mut start = first;
        for at in 1..len {
            if self.keys[at] >> BONDS_AT != self.keys[at - 1] >> BONDS_AT {
                self.size[start] = (first + at - start) as u32;
                start = first + at;
            }
            self.class[self.scratch[at] as usize] = start as u32;
        }
        self.size[start] = (first + len - start) as u32;
        for at in first + self.size[first] as usize..first + len {
            self.touch_around(mol, self.order[at]);
        }
        self.activate_touched();
    }

    /// Notes the classes of an atom's neighbours.
    fn touch_around(&mut self, mol: &FlatMol, atom: u32) {
        for neighbor in mol.neighbors(atom) {
            let class = self.class[neighbor.to as usize];
            self.touched[class as usize / 64] |= 1 << (class % 64);
        }
    }

    fn activate_touched(&mut self) {
        for (word, at) in self.touched.iter_mut().zip((0..).step_by(64)) {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                let class = at + bits.trailing_zeros();
                bits &= bits - 1;
                let listed = &mut self.listed[class as usize];
                if self.size[class as usize] > 1 && !std::mem::replace(listed, true) {
                    self.active.push(class);
                }
            }
        }
    }

    /// Whether RDKit would look at the rings more closely.
    fn is_symmetric(&self, mol: &FlatMol) -> bool {
        let in_rings = mol.atom_rings.iter().filter(|&&rings| rings > 0).count() as u32;
        let mut alike = 0;
        let mut branching = false;
        // The first atom of a class speaks for all.
        for class in self.tied() {
            let rings = mol.atom_rings[self.order[class as usize] as usize];
            let size = self.size[class as usize];
            if rings > 0 && size > 2 {
                alike += size;
            }
            branching |= rings > 1;
        }
        branching && 2 * alike > in_rings
    }

    /// The classes of several atoms.
    fn tied(&self) -> impl Iterator<Item = u32> {
        let inside = |class: &u32| (*class as usize) < self.order.len();
        let next = move |&class: &u32| Some(class + self.size[class as usize]).filter(inside);
        let classes = std::iter::successors(Some(0), next);
        classes.filter(|&class| self.size[class as usize] > 1)
    }

    /// The size of an atom's class.
    fn alike(&self, atom: u32) -> u32 {
        self.size[self.class[atom as usize] as usize]
    }

    /// Whether RDKit would look at how neighbours of tied ring atoms turn.
    fn depends_on_turns(&self, mol: &FlatMol) -> bool {
        let handed = |neighbor: &Neighbor| mol.atoms[neighbor.to as usize].chiral_tag.is_some();
        mol.is_handed()
            && (0..self.order.len() as u32).any(|atom| {
                mol.atom_rings[atom as usize] > 0
                    && mol.neighbors(atom).iter().any(handed)
                    && self.alike(atom) > 1
            })
    }

    /// Whether ties are symmetries. One that keeps a handed atom and the classes
    /// around it in place keeps its chiral tag.
    fn ties_are_symmetries(&self, mol: &FlatMol) -> bool {
        let mut atoms = (0u32..).zip(&mol.atoms);
        let unsure = |index: u32| self.alike(index) > 1 || self.turn(mol, index) == 0;
        if atoms.any(|(index, atom)| atom.chiral_tag.is_some() && unsure(index)) {
            return false;
        }
        let classes = self.tied().map(|class| {
            let first = self.order[class as usize];
            let bonds = mol.neighbors(first).iter().zip(&self.kinds[mol.range(first)]);
            let neighbour = |(neighbor, &kind): (&Neighbor, &u16)| {
                (kind.into(), self.class[neighbor.to as usize])
            };
            let size = self.size[class as usize] as usize;
            TiedClass::new(class, size, bonds.map(neighbour).collect())
        });
        ties::are_symmetries(classes.collect(), |class| self.size[class as usize] as usize)
    }

    fn break_ties(&mut self, mol: &FlatMol) {
        let mut at = 0;
        while let Some(&first) = self.order.get(at) {
            let old = self.class[first as usize];
            loop {
                let class = self.class[first as usize] as usize;
                if self.order[class] != first || self.size[class] == 1 {
                    break;
                }
                self.size[class] -= 1;
                let place = class + self.size[class] as usize;
                let last = self.order[place];
                self.class[last as usize] = place as u32;
                self.size[place] = 1;
                self.touch_around(mol, last);
                self.activate_touched();
                self.refine(mol);
            }
            if self.class[first as usize] == old {
                at += 1;
            }
        }
    }
}
