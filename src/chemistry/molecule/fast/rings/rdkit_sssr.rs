//! The rings that RDKit's `FindRings.cpp` finds (`findSSSR`, then
//! `symmetrizeSSSR`; BSD-3-Clause, see NOTICE), in its order, as the chemistry
//! crate has them, for graphs of up to 128 atoms and bonds. They follow from the
//! numbering: not always are they the smallest. It must not know why they matter.

mod search;

use self::search::{MAX, Ring, Search, Set, Smallest, Trimmed};
use super::super::graph::{FlatMol, Rows};

/// RDKit sorts up to as many rings in a way that keeps equal ones in order.
const MAX_SORTED: usize = 16;

/// Rings found so far.
struct Found<S> {
    search: Search,
    rings: Vec<Ring<S>>,
    met: Vec<Ring<S>>,
    /// Rings that RDKit meets in some numberings only.
    extras: Vec<Ring<S>>,
    /// Whether any numbering gives the other rings.
    sure: bool,
}

impl<S: Set> Found<S> {
    fn knows(&self, atoms: S) -> bool {
        self.rings.iter().any(|ring| ring.atoms == atoms)
    }

    fn add(&mut self, ring: Ring<S>) {
        if !self.knows(ring.atoms) {
            self.rings.push(ring);
        }
    }

    /// Meets the smallest rings through an atom.
    fn meet(&mut self, graph: &Trimmed<'_, S>, root: u32, forbidden: S) -> Smallest {
        let smallest = self.search.smallest_rings(graph, root, forbidden, &mut self.met);
        self.met.truncate(smallest.taken);
        smallest
    }

    /// `findRingsD2nodes`: rings through chains, then what else is as small
    /// where several chains have a ring in common.
    fn add_through_chains(&mut self, graph: &mut Trimmed<'_, S>, chains: &[u32]) {
        // Rings, and the chains that found them.
        let mut finders: Vec<(S, u32)> = Vec::new();
        let mut certain: Vec<S> = Vec::new();
        let first_extra = self.extras.len();
        for &chain in chains {
            let smallest = self.search.smallest_rings(graph, chain, S::default(), &mut self.met);
            self.sure &= smallest.only;
            if self.met.is_empty() {
                trim_all(graph, vec![chain]);
            }
            for at in 0..self.met.len() {
                let ring = self.met[at];
                if ring.len > smallest.size {
                    self.extras.push(ring);
                } else {
                    certain.push(ring.atoms);
                }
                if at < smallest.taken {
                    finders.push((ring.atoms, chain));
                    self.add(ring);
                }
            }
        }
        // Else two chains would share it in some numberings, and search again.
        let extras = &self.extras[first_extra..];
        self.sure &= extras.iter().enumerate().all(|(at, extra)| {
            let same = |other: &Ring<S>| other.atoms == extra.atoms;
            !certain.contains(&extra.atoms) && !extras[..at].iter().any(same)
        });
        finders.sort_by_key(|finder| finder.0);
        let same_ring = || finders.chunk_by(|a, b| a.0 == b.0);
        let mut others: Vec<Ring<S>> = Vec::new();
        for finders in same_ring().filter(|finders| finders.len() > 1) {
            others.clear();
            let (mut least, mut only) = (usize::MAX, true);
            for &(_, chain) in finders {
                let mut rest = *graph;
                let met = same_ring().filter(|ring| ring.iter().any(|finder| finder.1 == chain));
                for &(_, rival) in met.flatten().filter(|finder| finder.1 != chain) {
                    rest.trim(rival, &mut Vec::new());
                }
                let smallest = self.meet(&rest, chain, S::default());
                if smallest.size < least {
                    (least, only) = (smallest.size, true);
                }
                only &= smallest.only || smallest.size > least;
                others.extend(&self.met);
            }
            self.sure &= only;
            others.iter().filter(|ring| ring.len == least).for_each(|&ring| self.add(ring));
        }
    }

    /// `findRingsD3Node`: rings through an atom with three bonds, by each two of them.
    fn add_through_branching(&mut self, graph: &Trimmed<'_, S>, atom: u32) {
        self.sure = false;
        self.meet(graph, atom, S::default());
        let sets: Vec<S> = self.met.iter().map(|ring| ring.atoms).collect();
        self.add_met();
        let neighbours: Vec<u32> = graph.neighbours(atom, !S::default()).take(3).collect();
        let &[a, b, c] = neighbours.as_slice() else { return };
        let avoided: &[u32] = match *sets.as_slice() {
            [first, second] => {
                let both = |&&x: &&u32| (first & second).has(x);
                neighbours.iter().find(both).map_or(&[], std::slice::from_ref)
            }
            [only] if !only.has(a) => &[c, b],
            [only] if !only.has(b) => &[c, a],
            [only] if !only.has(c) => &[b, a],
            _ => &[],
        };
        for &neighbour in avoided {
            self.meet(graph, atom, S::of(neighbour));
            self.add_met();
        }
    }

    fn add_met(&mut self) {
        (0..self.met.len()).for_each(|at| self.add(self.met[at]));
    }

    /// Whether as many rings as expected are found in any numbering, each with a
    /// bond of its own, and those that are met in some are left out again (see
    /// [`symmetrised`]): each has only bonds of smaller rings, and stands in for none.
    fn leaves_out_extras(&self, mol: &FlatMol, expected: usize) -> bool {
        let bonds = |ring: &Ring<S>| bonds_of(mol, self.search.path(ring));
        let is_extra = |ring: &&Ring<S>| self.extras.iter().any(|extra| extra.atoms == ring.atoms);
        let always = || self.rings.iter().filter(|ring| !is_extra(ring));
        if always().count() != expected {
            return false;
        }
        if self.extras.is_empty() {
            return true;
        }
        let rings: Vec<S> = always().map(bonds).collect();
        let single = in_one_only(&rings);
        rings.iter().all(|&ring| ring & single != S::default())
            && self.extras.iter().all(|extra| {
                let extra = bonds(extra);
                let smaller = rings.iter().filter(|ring| ring.size() < extra.size());
                let covered = smaller.fold(S::default(), |covered, &ring| covered | ring);
                extra & !covered == S::default()
                    && !rings.iter().any(|&ring| stands_in(extra, ring, single))
            })
    }
}

/// Takes the bonds of atoms, and of those that are left with one, in turn.
fn trim_all<S: Set>(graph: &mut Trimmed<'_, S>, mut changed: Vec<u32>) {
    let mut head = 0;
    while let Some(&atom) = changed.get(head) {
        head += 1;
        graph.trim(atom, &mut changed);
    }
}

/// Writes into `rings` the rings of a connected molecule, as atoms in ring
/// order, given the bonds that are in cycles; whether any numbering gives these.
/// `None` where the molecule is too large, or RDKit would have to look for them
/// in another way.
///
/// As long as there are atoms with two bonds RDKit searches from each chain of
/// them and then takes the chains away. Neither depends on the numbering, nor does
/// what is found if each search has but one smallest ring to find. It may meet
/// rings on its way that are larger by one: these do no harm if no two chains
/// share one and [`symmetrised`] leaves them out. Where no atom has two bonds,
/// or more rings are found than there are independent cycles, numbers decide.
pub(in crate::molecule::fast) fn find(
    mol: &FlatMol,
    cyclic: impl Iterator<Item = u32>,
    rings: &mut Rows,
) -> Option<bool> {
    match mol.atoms.len().max(mol.bonds.len()) as u32 {
        0..=u64::BITS => find_in::<u64>(mol, cyclic, rings),
        65..=u128::BITS => find_in::<u128>(mol, cyclic, rings),
        _ => None,
    }
}

fn find_in<S: Set>(
    mol: &FlatMol,
    cyclic: impl Iterator<Item = u32>,
    rings: &mut Rows,
) -> Option<bool> {
    rings.clear();
    let atoms = mol.atoms.len();
    let expected = (mol.bonds.len() + 1).checked_sub(atoms)?;
    if atoms < 3 || expected == 0 {
        return Some(true);
    }
    let mut degrees = [0; MAX];
    for (atom, degree) in (0..atoms as u32).zip(&mut degrees) {
        *degree = mol.degree(atom) as u8;
    }
    let cyclic = cyclic.fold(S::default(), |set, bond| set | S::of(bond));
    let mut graph = Trimmed { mol, bonds: !S::default(), cyclic, degrees };
    let mut found = Found {
        search: Search::default(),
        rings: Vec::new(),
        met: Vec::new(),
        extras: Vec::new(),
        sure: true,
    };
    let mut done = S::default();
    let mut changed: Vec<u32> =
        (0..atoms as u32).filter(|&atom| graph.degrees[atom as usize] < 2).collect();
    let mut done_count = 0;
    while done_count + 3 <= atoms {
        let mut head = 0;
        while let Some(&atom) = changed.get(head) {
            head += 1;
            if !done.has(atom) {
                done |= S::of(atom);
                done_count += 1;
                graph.trim(atom, &mut changed);
            }
        }
        changed.clear();
        let chains = graph.chains();
        if !chains.is_empty() {
            found.add_through_chains(&mut graph, &chains);
            for &chain in &chains {
                done |= S::of(chain);
                done_count += 1;
                graph.trim(chain, &mut changed);
            }
        } else if done_count + 3 <= atoms {
            let branching = (0..atoms as u32).find(|&atom| graph.degrees[atom as usize] == 3);
            let Some(branching) = branching else { break };
            found.add_through_branching(&graph, branching);
            done |= S::of(branching);
            done_count += 1;
            graph.trim(branching, &mut changed);
        }
    }
    let sure = found.sure && found.leaves_out_extras(mol, expected);
    let Found { search, rings: found, .. } = found;
    if found.len() < expected || (found.len() > expected && found.len() > MAX_SORTED) {
        return None;
    }
    let path = |ring: &Ring<S>| search.path(ring);
    let found = if found.len() > expected { symmetrised(mol, path, found) } else { found };
    found.iter().for_each(|ring| rings.push(path(ring).iter().copied()));
    Some(sure)
}

/// Of too many rings those that RDKit keeps: first rings that add bonds,
/// smallest first, then those that could stand in for one of them.
fn symmetrised<'a, S: Set>(
    mol: &FlatMol,
    path: impl Fn(&Ring<S>) -> &'a [u32],
    mut rings: Vec<Ring<S>>,
) -> Vec<Ring<S>> {
    rings.sort_by_key(|ring| ring.len);
    let sets: Vec<S> = rings.iter().map(|ring| bonds_of(mol, path(ring))).collect();
    let kept = kept(&sets);
    let (kept, extra): (Vec<_>, Vec<_>) =
        rings.into_iter().zip(sets).zip(kept).partition(|(_, kept)| *kept);
    let single = in_one_only(&kept.iter().map(|&((_, bonds), _)| bonds).collect::<Vec<_>>());
    let mut found: Vec<Ring<S>> = kept.iter().map(|&((ring, _), _)| ring).collect();
    for ((ring, bonds), _) in extra {
        if kept.iter().any(|&((_, of), _)| stands_in(bonds, of, single)) {
            found.push(ring);
        }
    }
    found
}

/// The bonds that only one ring has.
fn in_one_only<S: Set>(rings: &[S]) -> S {
    let (mut once, mut twice) = (S::default(), S::default());
    for &bonds in rings {
        twice |= once & bonds;
        once |= bonds;
    }
    once & !twice
}

/// Whether a ring could stand in for a kept one, given the bonds that only one
/// kept ring has.
fn stands_in<S: Set>(ring: S, kept: S, single: S) -> bool {
    kept.size() == ring.size()
        && kept & ring != S::default()
        && kept & single & !ring == S::default()
}

/// Which rings, sorted by size, RDKit keeps (`removeExtraRings`): of those of
/// one size, first the one that has most bonds in common with the ones before.
fn kept<S: Set>(sets: &[S]) -> Vec<bool> {
    let mut kept = vec![false; sets.len()];
    let mut open = vec![true; sets.len()];
    let mut covered = S::default();
    for first in 0..sets.len() {
        if !open[first] || sets[first] & !covered == S::default() {
            open[first] = false;
            continue;
        }
        kept[first] = true;
        covered |= sets[first];
        let size = sets[first].size();
        let peers = || (first + 1..sets.len()).take_while(|&at| sets[at].size() == size);
        loop {
            let overlap = |at: usize| (sets[at] & covered).size();
            // The first of those with most.
            let best =
                peers().filter(|&at| open[at]).max_by_key(|&at| (overlap(at), usize::MAX - at));
            let Some(best) = best else { break };
            open[best] = false;
            if sets[best] & !covered != S::default() {
                kept[best] = true;
                covered |= sets[best];
            }
        }
    }
    kept
}

fn bonds_of<S: Set>(mol: &FlatMol, path: &[u32]) -> S {
    (0..path.len())
        .filter_map(|at| mol.bond_between(path[at], path[(at + 1) % path.len()]))
        .fold(S::default(), |set, bond| set | S::of(bond))
}

#[cfg(test)]
mod tests;
