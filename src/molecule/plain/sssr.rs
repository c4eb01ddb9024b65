//! The rings that RDKit's `FindRings.cpp` finds (`findSSSR`, then
//! `symmetrizeSSSR`; BSD-3-Clause, see NOTICE), in its order, as the chemistry
//! crate has them, for graphs of up to 128 atoms and bonds. They follow from the
//! numbering: not always are they the smallest. It must not know why they matter.

use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

use super::graph::{Plain, Rows};

/// Atoms or bonds, one bit each.
trait Set:
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
const MAX: usize = u128::BITS as usize;
/// RDKit sorts up to as many rings in a way that keeps equal ones in order.
const MAX_SORTED: usize = 16;

/// A ring: where its atoms stand among the paths, and the set of them.
#[derive(Debug, Clone, Copy)]
struct Ring<S> {
    start: usize,
    len: usize,
    atoms: S,
}

/// A graph that bonds are taken from as they are done with.
#[derive(Clone, Copy)]
struct Trimmed<'a, S> {
    plain: &'a Plain,
    bonds: S,
    /// Bonds that are in cycles of the whole graph.
    cyclic: S,
    degrees: [u8; MAX],
}

impl<S: Set> Trimmed<'_, S> {
    /// Takes the bonds of an atom; `changed` gets the neighbours that are left
    /// with one at most.
    fn trim(&mut self, atom: u32, changed: &mut Vec<u32>) {
        for arc in self.plain.arcs(atom) {
            if !self.bonds.has(arc.bond) {
                continue;
            }
            if self.degrees[arc.to as usize] <= 2 {
                changed.push(arc.to);
            }
            self.bonds &= !S::of(arc.bond);
            self.degrees[arc.to as usize] -= 1;
            self.degrees[atom as usize] -= 1;
        }
    }

    /// The neighbours by bonds of a set that are left.
    fn neighbours(&self, atom: u32, among: S) -> impl Iterator<Item = u32> {
        let bonds = self.bonds & among;
        self.plain.arcs(atom).iter().filter(move |arc| bonds.has(arc.bond)).map(|arc| arc.to)
    }

    /// One atom of every chain of atoms with two bonds.
    fn chains(&self, atoms: u32) -> Vec<u32> {
        let mut chains = Vec::new();
        let mut known = S::default();
        let mut stack = Vec::new();
        for root in 0..atoms {
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
struct Search {
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
    fn smallest_rings<S: Set>(
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
    fn path<S>(&self, ring: &Ring<S>) -> &[u32] {
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
struct Smallest {
    /// Atoms of the smallest ring; `usize::MAX` where there is none.
    size: usize,
    /// How many of the rings RDKit takes.
    taken: usize,
    /// Whether there is but one smallest ring at most, and what is met besides
    /// hangs on the order alone, if the atom has two bonds at most.
    only: bool,
}

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
        // No chain has such a ring in common with another one, ever.
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

    /// Whether as many rings as expected are found in any numbering, and those
    /// that are met in some are left out again (see [`symmetrised`]): each has
    /// only bonds of smaller rings, and stands in for none.
    fn leaves_out_extras(&self, plain: &Plain, expected: usize) -> bool {
        let bonds = |ring: &Ring<S>| bonds_of(plain, self.search.path(ring));
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
/// While there are atoms with two bonds RDKit searches from each chain of them,
/// and a result hangs on the numbering where a search has a choice; afterwards,
/// and where it finds more rings than independent cycles, it goes by numbers.
pub(super) fn find(
    plain: &Plain,
    cyclic: impl Iterator<Item = u32>,
    rings: &mut Rows,
) -> Option<bool> {
    match plain.atoms.len().max(plain.bonds.len()) as u32 {
        0..=u64::BITS => find_in::<u64>(plain, cyclic, rings),
        65..=u128::BITS => find_in::<u128>(plain, cyclic, rings),
        _ => None,
    }
}

fn find_in<S: Set>(
    plain: &Plain,
    cyclic: impl Iterator<Item = u32>,
    rings: &mut Rows,
) -> Option<bool> {
    rings.clear();
    let atoms = plain.atoms.len();
    let expected = (plain.bonds.len() + 1).checked_sub(atoms)?;
    if atoms < 3 || expected == 0 {
        return Some(true);
    }
    let mut degrees = [0; MAX];
    for (atom, degree) in (0..atoms as u32).zip(&mut degrees) {
        *degree = plain.degree(atom) as u8;
    }
    let cyclic = cyclic.fold(S::default(), |set, bond| set | S::of(bond));
    let mut graph = Trimmed { plain, bonds: !S::default(), cyclic, degrees };
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
        let chains = graph.chains(atoms as u32);
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
    let sure = found.sure && found.leaves_out_extras(plain, expected);
    let Found { search, rings: found, .. } = found;
    if found.len() < expected || (found.len() > expected && found.len() > MAX_SORTED) {
        return None;
    }
    let path = |ring: &Ring<S>| search.path(ring);
    let found = if found.len() > expected { symmetrised(plain, path, found) } else { found };
    found.iter().for_each(|ring| rings.push(path(ring).iter().copied()));
    Some(sure)
}

/// Of too many rings those that RDKit keeps: first rings that add bonds,
/// smallest first, then those that could stand in for one of them.
fn symmetrised<'a, S: Set>(
    plain: &Plain,
    path: impl Fn(&Ring<S>) -> &'a [u32],
    mut rings: Vec<Ring<S>>,
) -> Vec<Ring<S>> {
    rings.sort_by_key(|ring| ring.len);
    let sets: Vec<S> = rings.iter().map(|ring| bonds_of(plain, path(ring))).collect();
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

fn bonds_of<S: Set>(plain: &Plain, path: &[u32]) -> S {
    (0..path.len())
        .filter_map(|at| plain.bond_between(path[at], path[(at + 1) % path.len()]))
        .fold(S::default(), |set, bond| set | S::of(bond))
}

#[cfg(test)]
mod tests {
    use super::super::graph::{Atom, Bond};
    use super::super::rings::by_crate;
    use super::*;
    use crate::random::PythonRandom;

    fn graph(atoms: u32, edges: &[(u32, u32)]) -> Plain {
        let carbon = Atom {
            z: 6,
            charge: 0,
            explicit_hs: 0,
            no_implicit: false,
            aromatic: false,
            was_aromatic: false,
            radicals: 0,
            handedness: None,
            explicit_valence: 0,
            implicit_hs: 0,
        };
        let mut plain = Plain::default();
        plain.atoms.resize(atoms as usize, carbon);
        let bond = |&(begin, end)| Bond::single(begin, end);
        plain.bonds.extend(edges.iter().map(bond));
        plain.connect();
        plain
    }

    /// A random tree and some more edges.
    fn random(rng: &mut PythonRandom, atoms: usize, more: usize) -> Plain {
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for v in 1..atoms {
            edges.push((rng.below(v) as u32, v as u32));
        }
        for _ in 0..more {
            let (a, b) = (rng.below(atoms) as u32, rng.below(atoms) as u32);
            let edge = (a.min(b), a.max(b));
            if a != b && !edges.contains(&edge) {
                edges.push(edge);
            }
        }
        rng.shuffle(&mut edges);
        graph(atoms as u32, &edges)
    }

    /// The rings, and whether any numbering gives them.
    fn found(plain: &Plain) -> Option<(Vec<Vec<u32>>, bool)> {
        let mut rings = Rows::default();
        let sure = find(plain, 0..plain.bonds.len() as u32, &mut rings)?;
        Some((rings.iter().map(<[u32]>::to_vec).collect(), sure))
    }

    #[test]
    fn rings_of_random_graphs_are_those_of_the_chemistry_crate() {
        let mut rng = PythonRandom::new(23);
        let (mut own, mut total) = (0, 0);
        for round in 0..6_000 {
            let atoms = 3 + rng.below(if round % 9 == 0 { 100 } else { 30 });
            let more = 1 + rng.below(if round % 3 == 0 { 12 } else { 5 });
            let plain = random(&mut rng, atoms, more);
            total += 1;
            if let Some((rings, _)) = found(&plain) {
                own += 1;
                assert_eq!(Some(rings), by_crate(&plain), "{:?}", plain.bonds);
            }
        }
        assert!(own * 10 > total * 9, "{own} of {total}");
    }

    /// The atoms of each ring, whatever their order.
    fn as_sets(rings: Vec<Vec<u32>>, name: impl Fn(u32) -> u32) -> Vec<Vec<u32>> {
        let named = |ring: Vec<u32>| {
            let mut atoms: Vec<u32> = ring.into_iter().map(&name).collect();
            atoms.sort_unstable();
            atoms
        };
        let mut sets: Vec<Vec<u32>> = rings.into_iter().map(named).collect();
        sets.sort_unstable();
        sets
    }

    #[test]
    fn rings_that_are_sure_are_found_in_any_numbering() {
        let mut rng = PythonRandom::new(29);
        let (mut sure, mut total) = (0, 0);
        for round in 0..20_000 {
            let atoms = 3 + rng.below(if round % 5 == 0 { 66 } else { 16 });
            let more = 1 + rng.below(5);
            let plain = random(&mut rng, atoms, more);
            total += 1;
            let Some((rings, true)) = found(&plain) else { continue };
            sure += 1;
            let rings = as_sets(rings, |atom| atom);
            for _ in 0..4 {
                let mut names: Vec<u32> = (0..atoms as u32).collect();
                rng.shuffle(&mut names);
                let named = |v: u32| names[v as usize];
                let ends = plain.bonds.iter().map(|bond| (named(bond.begin), named(bond.end)));
                let mut edges: Vec<_> = ends.map(|(a, b)| (a.min(b), a.max(b))).collect();
                rng.shuffle(&mut edges);
                let other = graph(atoms as u32, &edges);
                let old = |v: u32| names.iter().position(|&name| name == v).unwrap() as u32;
                assert_eq!(as_sets(by_crate(&other).unwrap(), old), rings, "{:?}", plain.bonds);
            }
        }
        assert!(sure * 2 > total, "{sure} of {total}");
    }

    #[test]
    fn rings_of_cages_are_those_of_the_chemistry_crate() {
        let cube: Vec<_> =
            (0..8u32).flat_map(|v| [1, 2, 4].map(|b| (v, v ^ b))).filter(|e| e.0 < e.1).collect();
        let petersen: Vec<_> =
            (0..5).flat_map(|i| [(i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)]).collect();
        let prism: Vec<_> =
            (0..6).flat_map(|i| [(i, (i + 1) % 6), (i + 6, (i + 1) % 6 + 6), (i, i + 6)]).collect();
        let ladder = (0..40u32)
            .flat_map(|i| [(2 * i, 2 * i + 1), (2 * i, 2 * i + 2), (2 * i + 1, 2 * i + 3)]);
        for (atoms, edges) in [(8, cube), (10, petersen), (12, prism), (82, ladder.collect())] {
            let plain = graph(atoms, &edges);
            if let Some((rings, _)) = found(&plain) {
                assert_eq!(Some(rings), by_crate(&plain), "{edges:?}");
            }
        }
    }

    #[test]
    fn what_is_too_large_is_left_alone() {
        let ring = |n: u32| graph(n, &(0..n).map(|v| (v, (v + 1) % n)).collect::<Vec<_>>());
        assert_eq!(found(&ring(128)).map(|(rings, _)| rings[0].len()), Some(128));
        assert_eq!(found(&ring(129)), None);
    }
}
