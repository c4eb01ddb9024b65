//! Morgan fingerprints of molecules as flat arrays, hash for hash as RDKit
//! makes them (Rogers and Hahn 2010; RDKit's `MorganGenerator`, BSD-3-Clause,
//! see NOTICE): radius 2, 2,048 bits, bond types, no chirality, environments
//! that cover the same bonds counted once. It must not know where the arrays
//! come from.

use std::cell::RefCell;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::adjacency::Adjacency;
use super::fingerprint::Fingerprint;

/// Bonds of an environment are kept as bits; larger molecules are left to the
/// general path.
const MAX_BONDS: usize = 128;

const RADIUS: u32 = 2;

/// What the fingerprint says of an atom by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct MorganAtom {
    pub atomic_number: u8,
    /// Neighbours and hydrogens.
    pub total_degree: u32,
    pub hydrogens: u32,
    pub charge: i32,
    pub in_ring: bool,
}

/// A bond; `order` as RDKit numbers bond types.
#[derive(Debug, Clone, Copy)]
pub(super) struct MorganBond {
    pub begin: u32,
    pub end: u32,
    pub order: u32,
}

impl MorganAtom {
    /// The hash that stands for the atom at radius 0; no isotopes.
    pub(super) fn invariant(&self) -> u32 {
        let parts =
            [self.atomic_number.into(), self.total_degree, self.hydrogens, self.charge as u32, 0];
        let hash = parts.into_iter().fold(0, combine);
        if self.in_ring { combine(hash, 1) } else { hash }
    }
}

/// Boost's `hash_combine` on 32 bits.
fn combine(seed: u32, value: u32) -> u32 {
    let mixed = value.wrapping_add(0x9e37_79b9).wrapping_add(seed << 6).wrapping_add(seed >> 2);
    seed ^ mixed
}

/// The hash of an environment one bond wider than that of its atom, from the
/// bond orders and hashes of the atom's neighbours, which it sorts.
pub(super) fn wider(layer: u32, atom: u32, pairs: &mut [(u32, u32)]) -> u32 {
    pairs.sort_unstable();
    pairs
        .iter()
        .fold(combine(layer, atom), |hash, pair| combine(hash, combine(combine(0, pair.0), pair.1)))
}

/// What stands for the atoms that see the same bonds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Environment {
    layer: u32,
    hash: u32,
    atom: u32,
}

/// One thread's buffers.
#[derive(Default)]
struct Workspace {
    /// Bond, neighbour.
    edges: Adjacency<(u32, u32)>,
    /// Per atom the hash of its environment, 0 once that is no longer grown.
    hashes: Vec<u32>,
    next_hashes: Vec<u32>,
    /// Per atom the bonds of its environment.
    covered: Vec<u128>,
    next_covered: Vec<u128>,
    dead: Vec<bool>,
    /// Environments of this radius: bonds, hash, atom.
    round: Vec<(u128, u32, u32)>,
    /// By the bonds they cover.
    seen: FxHashMap<u128, Environment>,
    pairs: Vec<(u32, u32)>,
}

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

/// The fingerprint; `None` for molecules of more than 128 bonds.
pub(super) fn morgan(
    atoms: impl Iterator<Item = MorganAtom>,
    bonds: &[MorganBond],
) -> Option<Fingerprint> {
    let mut fingerprint = Fingerprint::empty();
    environments(atoms, bonds, |hash| fingerprint.set(hash))?;
    Some(fingerprint)
}

/// Hands the unfolded hash of every environment to `take`, once for each atom
/// that it stands around; `None` for molecules of more than 128 bonds.
pub(super) fn environments(
    atoms: impl Iterator<Item = MorganAtom>,
    bonds: &[MorganBond],
    take: impl FnMut(u32),
) -> Option<()> {
    if bonds.len() > MAX_BONDS {
        return None;
    }
    WORKSPACE.with(|workspace| {
        workspace.try_borrow_mut().ok()?.environments(atoms, bonds, take);
        Some(())
    })
}

impl Workspace {
    fn environments(
        &mut self,
        atoms: impl Iterator<Item = MorganAtom>,
        bonds: &[MorganBond],
        mut take: impl FnMut(u32),
    ) {
        self.hashes.clear();
        self.hashes.extend(atoms.map(|atom| atom.invariant()));
        self.hashes.iter().for_each(|&hash| take(hash));
        self.connect(bonds);
        let n = self.hashes.len();
        for list in [&mut self.covered, &mut self.next_covered] {
            list.clear();
            list.resize(n, 0);
        }
        self.next_hashes.clear();
        self.next_hashes.resize(n, 0);
        self.dead.clear();
        self.dead.resize(n, false);
        self.seen.clear();
        for layer in 0..RADIUS {
            self.grow(layer, bonds);
            self.keep_new(layer, &mut take);
            std::mem::swap(&mut self.hashes, &mut self.next_hashes);
            std::mem::swap(&mut self.covered, &mut self.next_covered);
        }
    }

    fn connect(&mut self, bonds: &[MorganBond]) {
        let ends = |(bond, index): (&MorganBond, u32)| {
            [(bond.begin, (index, bond.end)), (bond.end, (index, bond.begin))]
        };
        self.edges.rebuild(self.hashes.len(), bonds.iter().zip(0..).map(ends));
    }

    /// Hashes the environments that are one bond wider.
    fn grow(&mut self, layer: u32, bonds: &[MorganBond]) {
        self.round.clear();
        for atom in 0..self.hashes.len() {
            let arcs = self.edges.of(atom);
            self.dead[atom] |= arcs.is_empty();
            if self.dead[atom] {
                self.next_covered[atom] = self.covered[atom];
                self.next_hashes[atom] = 0;
                continue;
            }
            let mut covered = 0;
            self.pairs.clear();
            for &(bond, other) in arcs {
                covered |= (1u128 << bond) | self.covered[other as usize];
                self.pairs.push((bonds[bond as usize].order, self.hashes[other as usize]));
            }
            let hash = wider(layer, self.hashes[atom], &mut self.pairs);
            self.next_covered[atom] = covered;
            self.next_hashes[atom] = hash;
            self.round.push((covered, hash, atom as u32));
        }
    }

    /// Takes the environments that no smaller radius covered; of equal ones of
    /// this radius the least hash stands for all, the others end.
    fn keep_new(&mut self, layer: u32, take: &mut impl FnMut(u32)) {
        for &(covered, hash, atom) in &self.round {
            let new = Environment { layer, hash, atom };
            let ended = match self.seen.entry(covered) {
                Entry::Vacant(place) => {
                    place.insert(new);
                    continue;
                }
                Entry::Occupied(known) if known.get().layer < layer => new,
                Entry::Occupied(mut known) => {
                    let least = new.min(*known.get());
                    known.insert(least).max(new)
                }
            };
            self.dead[ended.atom as usize] = true;
        }
        let kept = self.seen.values().filter(|environment| environment.layer == layer);
        kept.for_each(|environment| take(environment.hash));
    }
}
