//! Breadth-first searches for the smallest rings through an atom, in a graph
//! that bonds are taken from. It must not know which atoms are searched from.

use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

use super::super::super::graph::FlatMol;

/// Atoms or bonds, one bit each.
pub(super) trait Set:
    Copy
    + Ord
    + Default
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + Not<Output = Self>
    + BitAndAssign
    + BitOrAssign
{
    fn of(index: u32) -> Self;
    fn has(self, index: u32) -> bool;
    fn size(self) -> u32;
}

macro_rules! set_of_bits {
    ($($bits:ty)*) => {$(
        impl Set for $bits {
            fn of(index: u32) -> Self {
                1 << index
            }

            fn has(self, index: u32) -> bool {
                self >> index & 1 == 1
            }

            fn size(self) -> u32 {
                self.count_ones()
            }
        }
    )*};
}

set_of_bits!(u64 u128);

/// Most atoms and bonds.
pub(super) const MAX: usize = u128::BITS as usize;

/// A ring: where its atoms stand among the paths, and the set of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring<S> {
    start: usize,
    pub len: usize,
    pub atoms: S,
}

/// A graph that bonds are taken from as they are done with.
#[derive(Clone, Copy)]
pub(super) struct Trimmed<'a, S> {
    pub mol: &'a FlatMol,
    pub bonds: S,
    /// Bonds that are in cycles of the whole graph.
    pub cyclic: S,
    pub degrees: [u8; MAX],
}

impl<S: Set> Trimmed<'_, S> {
    /// Takes the bonds of an atom; `changed` gets the neighbours that are left
    /// with one at most.
    pub(super) fn trim(&mut self, atom: u32, changed: &mut Vec<u32>) {
        for neighbor in self.mol.neighbors(atom) {
            if !self.bonds.has(neighbor.bond) {
                continue;
            }
            if self.degrees[neighbor.to as usize] <= 2 {
                changed.push(neighbor.to);
            }
            self.bonds &= !S::of(neighbor.bond);
            self.degrees[neighbor.to as usize] -= 1;
            self.degrees[atom as usize] -= 1;
        }
    }

    /// The neighbours by those bonds of `among` that are left.
    pub(super) fn neighbours(&self, atom: u32, among: S) -> impl Iterator<Item = u32> {
        let bonds = self.bonds & among;
        self.mol
            .neighbors(atom)
            .iter()
            .filter(move |neighbor| bonds.has(neighbor.bond))
            .map(|neighbor| neighbor.to)
    }

    /// One atom of every chain of atoms with two bonds.
    pub(super) fn chains(&self) -> Vec<u32> {
        let mut chains = Vec::new();
        let mut known = S::default();
        let mut stack = Vec::new();
        for root in 0..self.mol.atoms.len() as u32 {
            if self.degrees[root as usize] != 2 || known.has(root) {
                continue;
            }
            chains.push(root);
            known |= S::of(root);
            stack.push(root);
            while let Some(atom) = stack.pop() {
                for next in self.neighbours(atom, !S::default()) {
                    if !known.has(next) && self.degrees[next as usize] == 2 {
                        known |= S::of(next);
                        stack.push(next);
                    }
                }
            }
        }
        chains
    }
}

/// A breadth-first search: per atom its parent, its depth, and the neighbour of
/// the root that it was reached by.
pub(super) struct Search {
    parent: [u8; MAX],
    depth: [u8; MAX],
    side: [u8; MAX],
    queue: [u8; MAX],
    /// The atoms of rings, in ring order, back to back.
    paths: Vec<u32>,
}

impl Default for Search {
    fn default() -> Self {
        let atoms = [0; MAX];
        Self { parent: atoms, depth: atoms, side: atoms, queue: atoms, paths: Vec::new() }
    }
}

impl Search {
    /// Fills `met` with the rings through `root` that avoid `forbidden` and are
    /// the smallest, or larger by one and met on the way. RDKit takes the first
    /// ones of these, in the order in which they are met.
    pub(super) fn smallest_rings<S: Set>(
        &mut self,
        graph: &Trimmed<'_, S>,
        root: u32,
        forbidden: S,
        met: &mut Vec<Ring<S>>,
    ) -> Smallest {
        met.clear();
        let mut taken = None;
        let (mut done, mut waiting) = (forbidden, S::default());
        // Atoms with several shortest paths, and those where two sides meet.
        let (mut several, mut ends) = (S::default(), S::default());
        let mut size = usize::MAX;
        let (mut head, mut tail) = (0, 1);
        self.queue[0] = root as u8;
        self.depth[root as usize] = 0;
        while head < tail {
            let atom = u32::from(self.queue[head]);
            head += 1;
            done |= S::of(atom);
            let depth = self.depth[atom as usize];
            if 2 * usize::from(depth) + 1 > size {
                break;
            }
            for next in graph.neighbours(atom, graph.cyclic) {
                if done.has(next) {
                    continue;
                }
                let n = next as usize;
                let side = if atom == root { next as u8 } else { self.side[atom as usize] };
                if !waiting.has(next) {
                    waiting |= S::of(next);
                    self.parent[n] = atom as u8;
                    self.depth[n] = depth + 1;
                    self.side[n] = side;
                    self.queue[tail] = next as u8;
                    tail += 1;
                    if several.has(atom) {
                        several |= S::of(next);
                    }
                } else if self.side[n] == side {
                    if self.depth[n] > depth {
                        several |= S::of(next);
                    }
                } else {
                    let len = usize::from(depth) + usize::from(self.depth[n]) + 1;
                    if len > size {
                        taken.get_or_insert(met.len());
                    }
                    size = size.min(len);
                    met.push(self.close(root, atom, next, len));
                    ends |= S::of(atom) | S::of(next);
                }
            }
        }
        Smallest {
            size,
            taken: taken.unwrap_or(met.len()),
            only: several & ends == S::default()
                && met.iter().filter(|ring| ring.len == size).count() < 2,
        }
    }

    /// The atoms of a ring, in ring order.
    pub(super) fn path<S>(&self, ring: &Ring<S>) -> &[u32] {
        &self.paths[ring.start..][..ring.len]
    }

    /// The ring from `root` down to `left`, over to `right` and up again.
    fn close<S: Set>(&mut self, root: u32, left: u32, right: u32, len: usize) -> Ring<S> {
        let start = self.paths.len();
        let mut atoms = S::of(root);
        for end in [left, right] {
            let from = self.paths.len();
            let mut atom = end;
            while atom != root {
                atoms |= S::of(atom);
                self.paths.push(atom);
                atom = u32::from(self.parent[atom as usize]);
            }
            if end == left {
                self.paths.push(root);
                self.paths[from..].reverse();
            }
        }
        Ring { start, len, atoms }
    }
}

/// What a search for the smallest rings through an atom gave.
pub(super) struct Smallest {
    /// Atoms of the smallest ring; `usize::MAX` where there is none.
    pub size: usize,
    /// How many of the rings RDKit takes.
    pub taken: usize,
    /// Whether there is but one smallest ring at most, and what is met besides
    /// depends on the order alone, if the atom has two bonds at most.
    pub only: bool,
}
