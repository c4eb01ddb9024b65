//! The rings that RDKit's `FindRings.cpp` finds (`findSSSR`, then
//! `symmetrizeSSSR`; BSD-3-Clause, see NOTICE), in its order, as the chemistry
//! crate has them, for graphs of up to 128 atoms and bonds. They follow from the
//! numbering: not always are they the smallest. It must not know why they matter.

use super::graph::Plain;

/// Atoms or bonds, one bit each.
type Set = u128;

const NONE: u32 = u32::MAX;
/// RDKit sorts up to as many rings in a way that keeps equal ones in order.
const MAX_SORTED: usize = 16;

fn bit(index: u32) -> Set {
    1 << index
}

fn has(set: Set, index: u32) -> bool {
    set >> index & 1 == 1
}

/// A ring: its atoms in ring order, and as a set.
#[derive(Debug, Clone)]
struct Ring {
    path: Vec<u32>,
    atoms: Set,
}

/// A graph that bonds are taken from as they are done with.
#[derive(Clone)]
struct Trimmed<'a> {
    plain: &'a Plain,
    bonds: Set,
    degrees: Vec<u32>,
}

impl Trimmed<'_> {
    /// Takes the bonds of an atom; `changed` gets the neighbours that are left
    /// with one at most.
    fn trim(&mut self, atom: u32, changed: &mut Vec<u32>) {
        for arc in self.plain.arcs(atom) {
            if !has(self.bonds, arc.bond) {
                continue;
            }
            if self.degrees[arc.to as usize] <= 2 {
                changed.push(arc.to);
            }
            self.bonds &= !bit(arc.bond);
            self.degrees[arc.to as usize] -= 1;
            self.degrees[atom as usize] -= 1;
        }
    }

    fn neighbours(&self, atom: u32) -> impl Iterator<Item = u32> {
        self.plain.arcs(atom).iter().filter(|arc| has(self.bonds, arc.bond)).map(|arc| arc.to)
    }

    /// One atom of every chain of atoms with two bonds.
    fn chains(&self) -> Vec<u32> {
        let mut chains = Vec::new();
        let mut known: Set = 0;
        let mut stack = Vec::new();
        for root in 0..self.degrees.len() as u32 {
            if self.degrees[root as usize] != 2 || has(known, root) {
                continue;
            }
            chains.push(root);
            known |= bit(root);
            stack.push(root);
            while let Some(atom) = stack.pop() {
                for next in self.neighbours(atom) {
                    if !has(known, next) && self.degrees[next as usize] == 2 {
                        known |= bit(next);
                        stack.push(next);
                    }
                }
            }
        }
        chains
    }
}

/// Buffers of a breadth-first search.
#[derive(Default)]
struct Search {
    parent: Vec<u32>,
    depth: Vec<u32>,
    queue: Vec<u32>,
}

impl Search {
    /// The smallest rings through `root` that avoid `forbidden`, in the order in
    /// which they are met.
    fn smallest_rings(&mut self, graph: &Trimmed<'_>, root: u32, forbidden: Set) -> Vec<Ring> {
        let n = graph.degrees.len();
        self.parent.clear();
        self.parent.resize(n, NONE);
        self.depth.clear();
        self.depth.resize(n, 0);
        self.queue.clear();
        self.queue.push(root);
        let (mut done, mut waiting): (Set, Set) = (forbidden, 0);
        let mut rings: Vec<Ring> = Vec::new();
        let mut size = usize::MAX;
        let mut head = 0;
        while let Some(&atom) = self.queue.get(head) {
            head += 1;
            done |= bit(atom);
            let depth = self.depth[atom as usize] + 1;
            if depth as usize > size {
                break;
            }
            for next in graph.neighbours(atom) {
                if has(done, next) || self.parent[atom as usize] == next {
                    continue;
                }
                if !has(waiting, next) {
                    waiting |= bit(next);
                    self.parent[next as usize] = atom;
                    self.depth[next as usize] = depth;
                    self.queue.push(next);
                } else if let Some(ring) = self.close(root, atom, next) {
                    if ring.path.len() > size {
                        return rings;
                    }
                    size = ring.path.len();
                    rings.push(ring);
                }
            }
        }
        rings
    }

    /// The ring from `root` down to `left`, over to `right` and up again; `None`
    /// if both ways meet before.
    fn close(&self, root: u32, left: u32, right: u32) -> Option<Ring> {
        let up = |from: u32| {
            let parent =
                |&atom: &u32| Some(self.parent[atom as usize]).filter(|&atom| atom != NONE);
            std::iter::successors(Some(from), parent)
        };
        let set = |atoms: &[u32]| atoms.iter().fold(0, |set, &atom| set | bit(atom));
        let rising: Vec<u32> = up(right).take_while(|&atom| atom != root).collect();
        let mut path: Vec<u32> = up(left).collect();
        let (risen, fallen) = (set(&rising), set(&path));
        if risen & fallen != 0 {
            return None;
        }
        path.reverse();
        path.extend(rising);
        Some(Ring { path, atoms: risen | fallen })
    }
}

/// Rings found so far.
#[derive(Default)]
struct Found {
    search: Search,
    rings: Vec<Ring>,
}

impl Found {
    fn knows(&self, atoms: Set) -> bool {
        self.rings.iter().any(|ring| ring.atoms == atoms)
    }

    fn add(&mut self, rings: impl IntoIterator<Item = Ring>) {
        for ring in rings {
            if !self.knows(ring.atoms) {
                self.rings.push(ring);
            }
        }
    }

    /// `findRingsD2nodes`: rings through chains, then what else is as small
    /// where several chains have a ring in common.
    fn add_through_chains(&mut self, graph: &mut Trimmed<'_>, chains: &[u32]) {
        // Per ring, ascending by its atoms: the chains that found it.
        let mut finders: Vec<(Set, Vec<u32>)> = Vec::new();
        // Chains, and others that found the same ring before or after.
        let mut rivals: Vec<(u32, u32)> = Vec::new();
        for &chain in chains {
            let rings = self.search.smallest_rings(graph, chain, 0);
            let none = rings.is_empty();
            for ring in rings {
                let place = match finders.binary_search_by_key(&ring.atoms, |finder| finder.0) {
                    Ok(place) => place,
                    Err(place) => {
                        finders.insert(place, (ring.atoms, Vec::new()));
                        place
                    }
                };
                let finders = &mut finders[place].1;
                if self.knows(ring.atoms) {
                    for &other in finders.iter() {
                        rivals.push((chain, other));
                        rivals.push((other, chain));
                    }
                } else {
                    self.rings.push(ring);
                }
                finders.push(chain);
            }
            if none {
                trim_all(graph, vec![chain]);
            }
        }
        for (_, finders) in finders.iter().filter(|(_, finders)| finders.len() > 1) {
            let mut others = Vec::new();
            for &chain in finders {
                let mut rest = graph.clone();
                for &(_, rival) in rivals.iter().filter(|(finder, _)| *finder == chain) {
                    rest.trim(rival, &mut Vec::new());
                }
                others.extend(self.search.smallest_rings(&rest, chain, 0));
            }
            let least = others.iter().map(|ring| ring.path.len()).min().unwrap_or(0);
            self.add(others.into_iter().filter(|ring| ring.path.len() == least));
        }
    }

    /// `findRingsD3Node`: rings through an atom with three bonds, by each two of them.
    fn add_through_branching(&mut self, graph: &Trimmed<'_>, atom: u32) {
        let rings = self.search.smallest_rings(graph, atom, 0);
        let sets: Vec<Set> = rings.iter().map(|ring| ring.atoms).collect();
        self.add(rings);
        let neighbours: Vec<u32> = graph.neighbours(atom).take(3).collect();
        let &[a, b, c] = neighbours.as_slice() else { return };
        let avoided: &[u32] = match *sets.as_slice() {
            [first, second] => {
                let both = |&&x: &&u32| has(first & second, x);
                neighbours.iter().find(both).map_or(&[], std::slice::from_ref)
            }
            [only] if !has(only, a) => &[c, b],
            [only] if !has(only, b) => &[c, a],
            [only] if !has(only, c) => &[b, a],
            _ => &[],
        };
        for &neighbour in avoided {
            let rings = self.search.smallest_rings(graph, atom, bit(neighbour));
            self.add(rings);
        }
    }
}

/// Takes the bonds of atoms, and of those that are left with one, in turn.
fn trim_all(graph: &mut Trimmed<'_>, mut changed: Vec<u32>) {
    let mut head = 0;
    while let Some(&atom) = changed.get(head) {
        head += 1;
        graph.trim(atom, &mut changed);
    }
}

/// The rings of a connected molecule, as atoms in ring order. `None` where the
/// molecule is too large, or RDKit would have to look for them in another way.
pub(super) fn find(plain: &Plain) -> Option<Vec<Vec<u32>>> {
    let (atoms, bonds) = (plain.atoms.len(), plain.bonds.len());
    if atoms > Set::BITS as usize || bonds > Set::BITS as usize {
        return None;
    }
    let expected = (bonds + 1).checked_sub(atoms)?;
    if atoms < 3 || expected == 0 {
        return Some(Vec::new());
    }
    let degrees = (0..atoms as u32).map(|atom| plain.degree(atom) as u32).collect();
    let mut graph = Trimmed { plain, bonds: Set::MAX, degrees };
    let mut found = Found::default();
    let mut done: Set = 0;
    let mut done_count = 0;
    let mut changed: Vec<u32> =
        (0..atoms as u32).filter(|&atom| graph.degrees[atom as usize] < 2).collect();
    while done_count + 3 <= atoms {
        let mut head = 0;
        while let Some(&atom) = changed.get(head) {
            head += 1;
            if !has(done, atom) {
                done |= bit(atom);
                done_count += 1;
                graph.trim(atom, &mut changed);
            }
        }
        changed.clear();
        let chains = graph.chains();
        if !chains.is_empty() {
            found.add_through_chains(&mut graph, &chains);
            for &chain in &chains {
                done |= bit(chain);
                done_count += 1;
                graph.trim(chain, &mut changed);
            }
        } else if done_count + 3 <= atoms {
            let branching = (0..atoms as u32).find(|&atom| graph.degrees[atom as usize] == 3);
            let Some(branching) = branching else { break };
            found.add_through_branching(&graph, branching);
            done |= bit(branching);
            done_count += 1;
            graph.trim(branching, &mut changed);
        }
    }
    let rings = found.rings;
    if rings.len() < expected || (rings.len() > expected && rings.len() > MAX_SORTED) {
        return None;
    }
    let rings = if rings.len() > expected { symmetrised(plain, rings) } else { rings };
    Some(rings.into_iter().map(|ring| ring.path).collect())
}

/// Of too many rings those that RDKit keeps: first rings that add bonds,
/// smallest first, then those that could stand in for one of them.
fn symmetrised(plain: &Plain, mut rings: Vec<Ring>) -> Vec<Ring> {
    rings.sort_by_key(|ring| ring.path.len());
    let sets: Vec<Set> = rings.iter().map(|ring| bonds_of(plain, &ring.path)).collect();
    let kept = kept(&sets);
    let (kept, extra): (Vec<_>, Vec<_>) =
        rings.into_iter().zip(sets).zip(kept).partition(|(_, kept)| *kept);
    // Bonds that only one kept ring has.
    let (mut once, mut twice): (Set, Set) = (0, 0);
    for ((_, bonds), _) in &kept {
        twice |= once & bonds;
        once |= bonds;
    }
    let single = once & !twice;
    let mut found: Vec<Ring> = kept.iter().map(|((ring, _), _)| ring.clone()).collect();
    for ((ring, bonds), _) in extra {
        let stands_in = |of: &Set| {
            of.count_ones() == bonds.count_ones() && of & bonds != 0 && of & single & !bonds == 0
        };
        if kept.iter().any(|((_, of), _)| stands_in(of)) {
            found.push(ring);
        }
    }
    found
}

/// Which rings, sorted by size, RDKit keeps (`removeExtraRings`): of those of
/// one size, first the one that has most bonds in common with the ones before.
fn kept(sets: &[Set]) -> Vec<bool> {
    let mut kept = vec![false; sets.len()];
    let mut open = vec![true; sets.len()];
    let mut covered: Set = 0;
    for first in 0..sets.len() {
        if !open[first] || sets[first] & !covered == 0 {
            open[first] = false;
            continue;
        }
        kept[first] = true;
        covered |= sets[first];
        let size = sets[first].count_ones();
        let peers = || (first + 1..sets.len()).take_while(|&at| sets[at].count_ones() == size);
        loop {
            let overlap = |at: usize| (sets[at] & covered).count_ones();
            // The first of those with most.
            let best =
                peers().filter(|&at| open[at]).max_by_key(|&at| (overlap(at), usize::MAX - at));
            let Some(best) = best else { break };
            open[best] = false;
            if sets[best] & !covered != 0 {
                kept[best] = true;
                covered |= sets[best];
            }
        }
    }
    kept
}

fn bonds_of(plain: &Plain, path: &[u32]) -> Set {
    (0..path.len())
        .filter_map(|at| plain.bond_between(path[at], path[(at + 1) % path.len()]))
        .fold(0, |set, bond| set | bit(bond))
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

    #[test]
    fn rings_of_random_graphs_are_those_of_the_chemistry_crate() {
        let mut rng = PythonRandom::new(23);
        let (mut own, mut total) = (0, 0);
        for round in 0..6_000 {
            let atoms = 3 + rng.below(30);
            let more = 1 + rng.below(if round % 3 == 0 { 12 } else { 5 });
            let plain = random(&mut rng, atoms, more);
            total += 1;
            if let Some(rings) = find(&plain) {
                own += 1;
                assert_eq!(Some(rings), by_crate(&plain), "{:?}", plain.bonds);
            }
        }
        assert!(own * 10 > total * 9, "{own} of {total}");
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
            if let Some(rings) = find(&plain) {
                assert_eq!(Some(rings), by_crate(&plain), "{edges:?}");
            }
        }
    }

    #[test]
    fn what_is_too_large_is_left_alone() {
        let ring = |n: u32| graph(n, &(0..n).map(|v| (v, (v + 1) % n)).collect::<Vec<_>>());
        assert_eq!(find(&ring(128)).map(|rings| rings[0].len()), Some(128));
        assert_eq!(find(&ring(129)), None);
    }
}
