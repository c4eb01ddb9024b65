//! What a swap would do to a sketch, found without making it.
//!
//! Sets of atoms and of bonds are bits of one number, hence at most 128 of
//! each. It must not know what is wanted of the swap.

use super::super::adjacency::Adjacency;
use super::super::morgan::{MorganAtom, wider};
use super::super::rewire::BondSwap;
use super::{SINGLE, Sketch};

/// Most atoms and most bonds.
const MOST: usize = 128;

/// A sketch made ready to look at many swaps of it, one at a time.
pub struct Preview<'a> {
    sketch: &'a Sketch,
    /// By atom, its neighbours.
    around: Vec<u128>,
    /// By atom, its bonds and their other ends.
    arcs: Adjacency<(u32, u32)>,
    /// By atom, its environment of radius 0 …
    invariants: Vec<u32>,
    /// … and of radius 1.
    close: Vec<u32>,
    swap: BondSwap,
    ends: Vec<End>,
    /// As `around`, `invariants` and `close`, after the swap.
    around_after: Vec<u128>,
    invariants_after: Vec<u32>,
    close_after: Vec<u32>,
    pairs: Vec<(u32, u32)>,
}

/// What a swap does to the bonds of one of its atoms.
#[derive(Debug, Clone, Copy)]
struct End {
    atom: u32,
    loses: Option<u32>,
    /// Number of a bond, and its other end.
    wins: Option<(u32, u32)>,
}

/// Whether a swap changes which bonds lie in rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingBonds {
    /// No bond that it breaks or makes lies in one.
    Kept,
    /// Some may.
    Changed,
}

impl<'a> Preview<'a> {
    /// `None` for more than 128 atoms or bonds.
    #[must_use]
    pub fn of(sketch: &'a Sketch) -> Option<Self> {
        let n = sketch.atoms.len();
        if n > MOST || sketch.bonds.len() > MOST {
            return None;
        }
        let mut around = vec![0u128; n];
        for bond in &sketch.bonds {
            around[bond.begin as usize] |= 1 << bond.end;
            around[bond.end as usize] |= 1 << bond.begin;
        }
        let bonds = sketch.bonds.iter().zip(0..);
        let arcs = Adjacency::new(
            n,
            bonds.map(|(bond, index)| {
                [(bond.begin, (index, bond.end)), (bond.end, (index, bond.begin))]
            }),
        );
        let invariants: Vec<u32> = sketch.atoms.iter().map(MorganAtom::invariant).collect();
        let mut preview = Self {
            sketch,
            around_after: around.clone(),
            invariants_after: invariants.clone(),
            close_after: vec![0; n],
            around,
            arcs,
            invariants,
            close: Vec::new(),
            swap: BondSwap { a: 0, b: 0, c: 0, d: 0 },
            ends: Vec::with_capacity(4),
            pairs: Vec::new(),
        };
        preview.close = (0..n as u32).map(|atom| preview.close_hash(atom)).collect();
        Some(preview)
    }

    /// Turns to `swap`; whether it breaks two single bonds of four atoms (or
    /// one, and a hydrogen's) and doubles none, as [`Sketch::swapped`] asks.
    pub fn look_at(&mut self, swap: BondSwap) -> bool {
        let BondSwap { a, b, c, d } = swap;
        let Some(first) = self.single_bond(a, b) else { return false };
        self.swap = swap;
        self.ends.clear();
        let end = |atom, loses, wins| End { atom, loses, wins };
        if d == BondSwap::HYDROGEN {
            let gives = self.sketch.atoms[c as usize].hydrogens > 0;
            if !gives || c == a || c == b || self.are_joined(c, b) {
                return false;
            }
            self.ends.extend([
                end(a, Some(b), None),
                end(b, Some(a), Some((first, c))),
                end(c, None, Some((first, b))),
            ]);
        } else {
            let distinct = a != b && a != c && a != d && b != c && b != d && c != d;
            if !distinct || self.are_joined(a, d) || self.are_joined(c, b) {
                return false;
            }
            let Some(second) = self.single_bond(c, d) else { return false };
            self.ends.extend([
                end(a, Some(b), Some((first, d))),
                end(b, Some(a), Some((second, c))),
                end(c, Some(d), Some((second, b))),
                end(d, Some(c), Some((first, a))),
            ]);
        }
        self.around_after.copy_from_slice(&self.around);
        for end in &self.ends {
            let around = &mut self.around_after[end.atom as usize];
            *around &= !end.loses.map_or(0, bit);
            *around |= end.wins.map_or(0, |(_, other)| bit(other));
        }
        true
    }

    fn are_joined(&self, a: u32, b: u32) -> bool {
        self.around[a as usize] & bit(b) != 0
    }

    fn bond_between(&self, a: u32, b: u32) -> Option<u32> {
        let arcs = self.arcs.of(a as usize);
        arcs.iter().find(|&&(_, other)| other == b).map(|&(bond, _)| bond)
    }

    fn single_bond(&self, a: u32, b: u32) -> Option<u32> {
        let single = |&bond: &u32| self.sketch.bonds[bond as usize].order == SINGLE;
        self.bond_between(a, b).filter(single)
    }

    /// Connected components after the swap.
    #[must_use]
    pub fn fragments(&self) -> usize {
        let mut rest = all(self.around_after.len());
        let mut count = 0;
        while rest != 0 {
            let mut seen = rest & rest.wrapping_neg();
            let mut front = seen;
            while front != 0 {
                let new = self.next_to(front) & !seen;
                seen |= new;
                front = new;
            }
            rest &= !seen;
            count += 1;
        }
        count
    }

    fn next_to(&self, atoms: u128) -> u128 {
        members(atoms).fold(0, |found, atom| found | self.around_after[atom as usize])
    }

    /// For each bond that the swap makes, the size of the smallest ring
    /// through it, if any.
    pub fn rings_made(&self) -> impl Iterator<Item = Option<usize>> {
        let BondSwap { a, b, c, d } = self.swap;
        let made = [(a, d), (c, b)].into_iter().filter(|&(_, end)| end != BondSwap::HYDROGEN);
        made.map(|(a, b)| self.smallest_ring(a, b))
    }

    fn smallest_ring(&self, a: u32, b: u32) -> Option<usize> {
        let mut front = self.around_after[a as usize] & !bit(b);
        let mut seen = bit(a) | front;
        let mut size = 2;
        while front != 0 {
            size += 1;
            let next = self.next_to(front) & !seen;
            if next & bit(b) != 0 {
                return Some(size);
            }
            seen |= next;
            front = next;
        }
        None
    }

    /// Whether a bond that the swap breaks or makes lies in a ring.
    #[must_use]
    pub fn ring_bonds(&self) -> RingBonds {
        let BondSwap { a, b, c, d } = self.swap;
        let broken = [(a, b), (c, d)].into_iter().filter(|&(_, end)| end != BondSwap::HYDROGEN);
        let was = |(a, b)| {
            self.bond_between(a, b).is_none_or(|bond| self.sketch.ring_bonds[bond as usize])
        };
        let changed = broken.into_iter().any(was) || self.rings_made().any(|ring| ring.is_some());
        if changed { RingBonds::Changed } else { RingBonds::Kept }
    }

    /// Whether an environment that the swap makes is surely one that `admits`
    /// does not; where this says no, the whole molecule has to be judged. `made` is the
    /// graph that the swap gives, not needed where [`RingBonds::Kept`].
    pub fn surely_breaks(
        &mut self,
        made: Option<&Sketch>,
        mut admits: impl FnMut(u32) -> bool,
    ) -> bool {
        let changed = self.turn_invariants(made);
        if members(changed).any(|atom| !admits(self.invariants_after[atom as usize])) {
            return true;
        }
        let touched = self.ends.iter().fold(0, |found, end| found | bit(end.atom));
        let close = touched | changed | self.next_to(changed);
        self.close_after.copy_from_slice(&self.close);
        for atom in members(close) {
            let hash = self.close_hash(atom);
            self.close_after[atom as usize] = hash;
            if !self.is_of_a_pair(atom) && !admits(hash) {
                return true;
            }
        }
        for atom in members(close | self.next_to(close)) {
            if self.is_of_a_pair(atom) {
                continue;
            }
            let hash = self.wide_hash(atom);
            if !admits(hash) && self.stands_alone(atom) {
                return true;
            }
        }
        false
    }

    /// Finds the atoms' own hashes after the swap; the atoms where they differ.
    fn turn_invariants(&mut self, made: Option<&Sketch>) -> u128 {
        self.invariants_after.copy_from_slice(&self.invariants);
        let atoms = self.invariants_after.iter_mut();
        match made {
            Some(made) => {
                let mut changed = 0;
                for ((at, known), atom) in atoms.enumerate().zip(&made.atoms) {
                    let hash = atom.invariant();
                    changed |= u128::from(hash != *known) << at;
                    *known = hash;
                }
                changed
            }
            None if self.swap.d == BondSwap::HYDROGEN => {
                let BondSwap { a, c, .. } = self.swap;
                let mut gives = self.sketch.atoms[c as usize];
                gives.hydrogens -= 1;
                let mut takes = self.sketch.atoms[a as usize];
                takes.hydrogens += 1;
                self.invariants_after[c as usize] = gives.invariant();
                self.invariants_after[a as usize] = takes.invariant();
                bit(a) | bit(c)
            }
            None => 0,
        }
    }

    /// Hands bond, other end and order of each bond of an atom to `take`.
    fn each_arc(&self, atom: u32, mut take: impl FnMut(u32, u32, u32)) {
        let end = self.ends.iter().find(|end| end.atom == atom);
        let loses = end.and_then(|end| end.loses);
        for &(bond, other) in self.arcs.of(atom as usize) {
            if Some(other) != loses {
                take(bond, other, self.sketch.bonds[bond as usize].order);
            }
        }
        if let Some((bond, other)) = end.and_then(|end| end.wins) {
            take(bond, other, SINGLE);
        }
    }

    fn close_hash(&mut self, atom: u32) -> u32 {
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.clear();
        let invariants = &self.invariants_after;
        self.each_arc(atom, |_, other, order| pairs.push((order, invariants[other as usize])));
        let hash = wider(0, invariants[atom as usize], &mut pairs);
        self.pairs = pairs;
        hash
    }

    fn wide_hash(&mut self, atom: u32) -> u32 {
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.clear();
        let close = &self.close_after;
        self.each_arc(atom, |_, other, order| pairs.push((order, close[other as usize])));
        let hash = wider(1, close[atom as usize], &mut pairs);
        self.pairs = pairs;
        hash
    }

    /// Whether the atom is alone or with one other, so that its environment is
    /// none, or that one's too.
    fn is_of_a_pair(&self, atom: u32) -> bool {
        let around = self.around_after[atom as usize];
        around.count_ones() == 0 || (around.count_ones() == 1 && self.next_to(around) == bit(atom))
    }

    fn close_bonds(&self, atom: u32) -> u128 {
        let mut bonds = 0;
        self.each_arc(atom, |bond, _, _| bonds |= bit(bond));
        bonds
    }

    fn wide_bonds(&self, atom: u32) -> u128 {
        let around = members(self.around_after[atom as usize]);
        around.fold(self.close_bonds(atom), |found, other| found | self.close_bonds(other))
    }

    /// Whether no other environment covers the bonds of this atom's of radius
    /// 2, so that it counts.
    fn stands_alone(&self, atom: u32) -> bool {
        let bonds = self.wide_bonds(atom);
        let near =
            self.next_to(self.around_after[atom as usize]) | self.around_after[atom as usize];
        members(near | bit(atom)).all(|other| {
            self.close_bonds(other) != bonds && (other == atom || self.wide_bonds(other) != bonds)
        })
    }
}

fn bit(at: u32) -> u128 {
    1 << at
}

fn all(count: usize) -> u128 {
    if count == MOST { u128::MAX } else { bit(count as u32) - 1 }
}

fn members(set: u128) -> impl Iterator<Item = u32> {
    let mut rest = set;
    std::iter::from_fn(move || {
        let next = (rest != 0).then(|| rest.trailing_zeros())?;
        rest &= rest - 1;
        Some(next)
    })
}
