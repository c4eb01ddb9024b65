//! Canonical ranks of the atoms of a plain molecule, after RDKit's
//! `new_canon`: classes are split by what their atoms are and by the classes
//! of their neighbours, then ties are broken one at a time. Which of several
//! equal atoms comes first follows from the order in which classes are sorted.
//! RDKit's `hanoisort` leaves equal atoms in the order in which they were.

use super::graph::{Arc, Bond, Order, Plain};
use super::stereo::Handedness;
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
    /// Per arc: type and configuration of the bond.
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
    pub(super) fn rank(&mut self, plain: &Plain) -> Option<&[u32]> {
        self.classify(plain)?;
        self.break_ties(plain);
        Some(&self.class)
    }

    /// Ranks the atoms as [`rank`](Self::rank) does; whether the ranks are sure
    /// not to depend on the numbering.
    pub(super) fn rank_surely(&mut self, plain: &Plain) -> Option<(&[u32], bool)> {
        self.classify(plain)?;
        let sure = self.ties_are_symmetries(plain);
        self.break_ties(plain);
        Some((&self.class, sure))
    }

    /// Splits atoms into classes as far as they can be told apart.
    fn classify(&mut self, plain: &Plain) -> Option<()> {
        let n = plain.atoms.len();
        let degree = |atom: u32| plain.arcs(atom).len();
        if n > MAX_ATOMS || (0..n as u32).any(|atom| degree(atom) > MAX_DEGREE) {
            return None;
        }
        self.start_over(plain);
        self.keys.clear();
        for (atom, index) in plain.atoms.iter().zip(0..) {
            // RDKit compares charges as unsigned numbers.
            let kind = (degree(index) as u32) << 25
                | u32::from(atom.z) << 17
                | (atom.total_hs() as u32) << 9
                | u32::from(atom.charge as u8) << 1
                | u32::from(atom.handedness.is_some());
            let key = u128::from(kind) << KIND_AT | self.bonds(plain, index) | u128::from(index);
            self.keys.push(key);
        }
        self.split(plain, 0);
        self.refine(plain);
        (!self.is_symmetric(plain) && !self.hangs_on_turns(plain)).then_some(())
    }

    /// Puts all atoms into one class.
    fn start_over(&mut self, plain: &Plain) {
        let n = plain.atoms.len();
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
        self.kinds.extend(plain.all_arcs().iter().map(|arc| {
            let bond = &plain.bonds[arc.bond as usize];
            let order = if bond.aromatic { Order::Aromatic } else { bond.order };
            // Aromatic bonds come last.
            ((order as u16).min(4) - 1) << (CLASS_BITS + 2)
        }));
        for configuration in &plain.configurations {
            let Bond { begin, end, .. } = plain.bonds[configuration.bond as usize];
            let side = if configuration.together { 2 } else { 3 };
            for (from, to) in [(begin, end), (end, begin)] {
                for (kind, arc) in self.kinds[plain.range(from)].iter_mut().zip(plain.arcs(from)) {
                    if arc.to == to {
                        *kind |= side << CLASS_BITS;
                    }
                }
            }
        }
    }

    /// How an atom's neighbours turn, and its bonds, highest first.
    fn bonds(&self, plain: &Plain, atom: u32) -> u128 {
        let mut bonds = [0; MAX_DEGREE];
        let arcs = plain.arcs(atom);
        for (at, (arc, kind)) in arcs.iter().zip(&self.kinds[plain.range(atom)]).enumerate() {
            let bond = kind | self.class[arc.to as usize] as u16;
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
        let turn = u64::from(self.turn(plain, atom)) << (HEAD as u32 * BOND_BITS);
        let tail_bits = (MAX_DEGREE - HEAD) as u32 * BOND_BITS;
        (u128::from(turn | word(head)) << tail_bits | u128::from(word(tail))) << BONDS_AT
    }

    /// How an atom's neighbours turn by their classes: 0 where two are of one
    /// class, or for want of a handedness.
    fn turn(&self, plain: &Plain, atom: u32) -> u8 {
        let Some(handedness) = plain.atoms[atom as usize].handedness else { return 0 };
        let class = |arc: &Arc| self.class[arc.to as usize];
        let arcs = plain.arcs(atom);
        let mut odd = false;
        for (at, arc) in arcs.iter().enumerate() {
            for earlier in &arcs[..at] {
                if class(earlier) == class(arc) {
                    return 0;
                }
                odd ^= class(earlier) > class(arc);
            }
        }
        match handedness.turned(odd) {
            Handedness::Clockwise => 2,
            Handedness::CounterClockwise => 1,
        }
    }

    /// Splits active classes until none is active.
    fn refine(&mut self, plain: &Plain) {
        while let Some(class) = self.active.pop() {
            let first = class as usize;
            self.listed[first] = false;
            self.keys.clear();
            for place in 0..self.size[first] {
                let atom = self.order[first + place as usize];
                let key = self.bonds(plain, atom) | u128::from(place);
                self.keys.push(key);
            }
            self.split(plain, first);
        }
    }

    /// Splits the class at a place by the keys of its atoms.
    fn split(&mut self, plain: &Plain, first: usize) {
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
            self.touch_around(plain, self.order[at]);
        }
        self.activate_touched();
    }

    /// Notes the classes of an atom's neighbours.
    fn touch_around(&mut self, plain: &Plain, atom: u32) {
        for arc in plain.arcs(atom) {
            let class = self.class[arc.to as usize];
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
    fn is_symmetric(&self, plain: &Plain) -> bool {
        let in_rings = plain.atom_rings.iter().filter(|&&rings| rings > 0).count() as u32;
        let mut alike = 0;
        let mut branching = false;
        // The first atom of a class speaks for all.
        for class in self.tied() {
            let rings = plain.atom_rings[self.order[class as usize] as usize];
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
    fn hangs_on_turns(&self, plain: &Plain) -> bool {
        let handed = |arc: &Arc| plain.atoms[arc.to as usize].handedness.is_some();
        plain.is_handed()
            && (0..self.order.len() as u32).any(|atom| {
                plain.atom_rings[atom as usize] > 0
                    && plain.arcs(atom).iter().any(handed)
                    && self.alike(atom) > 1
            })
    }

    /// Whether ties are symmetries. One that keeps a handed atom and the classes
    /// around it in place keeps its handedness.
    fn ties_are_symmetries(&self, plain: &Plain) -> bool {
        let mut atoms = (0u32..).zip(&plain.atoms);
        let unsure = |index: u32| self.alike(index) > 1 || self.turn(plain, index) == 0;
        if atoms.any(|(index, atom)| atom.handedness.is_some() && unsure(index)) {
            return false;
        }
        let classes = self.tied().map(|class| {
            let first = self.order[class as usize];
            let bonds = plain.arcs(first).iter().zip(&self.kinds[plain.range(first)]);
            let neighbour = |(arc, &kind): (&Arc, &u16)| (kind.into(), self.class[arc.to as usize]);
            let size = self.size[class as usize] as usize;
            TiedClass::new(class, size, bonds.map(neighbour).collect())
        });
        ties::are_symmetries(classes.collect(), |class| self.size[class as usize] as usize)
    }

    fn break_ties(&mut self, plain: &Plain) {
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
                self.touch_around(plain, last);
                self.activate_touched();
                self.refine(plain);
            }
            if self.class[first as usize] == old {
                at += 1;
            }
        }
    }
}
