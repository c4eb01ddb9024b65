//! Tetrahedral carbons with a handedness, after RDKit's legacy perception
//! (`Chirality.cpp`): which handedness is one, and how it turns with the order
//! of neighbours. It must not know how texts are read or written.

use super::graph::{Arc, Atom, Order, Plain};

/// Handedness of an atom: how its bonds turn, by ascending number, a hydrogen
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handedness {
    Clockwise,
    CounterClockwise,
}

impl Handedness {
    /// The same after an odd permutation of the bonds, if it is one.
    pub(super) fn turned(self, odd: bool) -> Self {
        match (self, odd) {
            (Self::Clockwise, true) => Self::CounterClockwise,
            (Self::CounterClockwise, true) => Self::Clockwise,
            (same, false) => same,
        }
    }
}

/// Buffers for perception.
#[derive(Default)]
pub(super) struct StereoPerceiver {
    /// Per atom: its rank by the Cahn-Ingold-Prelog rules as RDKit has them.
    ranks: Vec<u32>,
    next: Vec<u32>,
    /// Per atom: what tells it from others of its rank.
    entries: Vec<Vec<u32>>,
    sorted: Vec<u32>,
}

impl StereoPerceiver {
    /// Checks that every handedness is one: a carbon whose neighbours,
    /// hydrogens included, are four and differ in rank. `None` where one is
    /// not: what becomes of it is left to the general path.
    pub(super) fn check(&mut self, plain: &Plain) -> Option<()> {
        let handed = || {
            let atoms = plain.atoms.iter().zip(0u32..);
            atoms.filter(|(atom, _)| atom.handedness.is_some()).map(|(_, index)| index)
        };
        if !plain.is_handed() {
            return Some(());
        }
        if !handed().all(|index| is_tetrahedral(plain, index)) {
            return None;
        }
        let mut classes = self.start(plain);
        // At most as many rounds as RDKit takes.
        for _ in 0..=plain.atoms.len() / 2 + 1 {
            if handed().all(|index| self.tells_apart(plain.arcs(index))) {
                return Some(());
            }
            self.look_around(plain);
            let before = std::mem::replace(&mut classes, self.rank());
            if classes == before {
                return None;
            }
        }
        None
    }

    fn tells_apart(&self, arcs: &[Arc]) -> bool {
        let rank = |arc: &Arc| self.ranks[arc.to as usize];
        (1..arcs.len()).all(|at| arcs[..at].iter().all(|arc| rank(arc) != rank(&arcs[at])))
    }

    /// Ranks atoms by element; the number of ranks.
    fn start(&mut self, plain: &Plain) -> u32 {
        let n = plain.atoms.len();
        self.entries.resize_with(self.entries.len().max(n), Vec::new);
        for (entry, atom) in self.entries.iter_mut().zip(&plain.atoms) {
            entry.clear();
            entry.push(atom.z.into());
        }
        self.sorted.clear();
        self.sorted.extend(0..n as u32);
        for ranks in [&mut self.ranks, &mut self.next] {
            ranks.clear();
            ranks.resize(n, 0);
        }
        self.rank()
    }

    /// The ranks of each atom's neighbours, highest first, as often as the bond
    /// counts, then its hydrogens.
    fn look_around(&mut self, plain: &Plain) {
        for (index, (entry, atom)) in self.entries.iter_mut().zip(&plain.atoms).enumerate() {
            entry.clear();
            for arc in plain.arcs(index as u32) {
                let order = plain.bonds[arc.bond as usize].order;
                let phosphorus =
                    plain.atoms[arc.to as usize].z == 15 && matches!(plain.degree(arc.to), 3 | 4);
                let times = if order == Order::Double && phosphorus { 1 } else { order.doubled() };
                let rank = self.ranks[arc.to as usize] + 1;
                entry.extend(std::iter::repeat_n(rank, times as usize));
            }
            entry.sort_unstable_by(|a, b| b.cmp(a));
            entry.resize(entry.len() + atom.total_hs().max(0) as usize, 0);
        }
    }

    /// Splits ranks by entries; the number of ranks.
    fn rank(&mut self) -> u32 {
        let Self { ranks, next, entries, sorted } = self;
        let key = |atom: u32| (ranks[atom as usize], &entries[atom as usize]);
        sorted.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)));
        let mut rank = 0;
        for at in 0..sorted.len() {
            rank += u32::from(at > 0 && key(sorted[at]) != key(sorted[at - 1]));
            next[sorted[at] as usize] = rank;
        }
        std::mem::swap(ranks, next);
        rank + 1
    }
}

/// A carbon with four neighbours, of which at most one is a hydrogen, which is
/// then counted at the atom.
fn is_tetrahedral(plain: &Plain, index: u32) -> bool {
    let Atom { z, charge, explicit_hs, implicit_hs, .. } = plain.atoms[index as usize];
    let hydrogens = i32::from(explicit_hs);
    let four = plain.degree(index) + hydrogens == 4 && explicit_hs <= 1 && implicit_hs == 0;
    z == 6 && charge == 0 && four
}
