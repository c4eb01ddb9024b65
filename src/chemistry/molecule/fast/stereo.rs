//! Tetrahedral carbons with a chiral tag and double bonds with a configuration,
//! after RDKit's legacy perception (`Chirality.cpp`): which chiral tag is one,
//! how it turns with the order of neighbours, and what directions of bonds say
//! of the double bonds between them. It must not know how texts are read or
//! written.

use super::graph::{Atom, Configuration, FlatMol, Neighbor, Order};

/// Double bonds in smaller rings have no configuration.
const MIN_RING: usize = 8;

/// ChiralTag of an atom: how its bonds turn, by ascending number, a hydrogen
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChiralTag {
    Clockwise,
    CounterClockwise,
}

impl ChiralTag {
    /// The same after an odd permutation of the bonds, if it is one.
    pub(super) fn turned(self, odd: bool) -> Self {
        match (self, odd) {
            (Self::Clockwise, true) => Self::CounterClockwise,
            (Self::CounterClockwise, true) => Self::Clockwise,
            (same, false) => same,
        }
    }
}

/// A double bond with directions at both ends.
struct Marked {
    bond: u32,
    ends: [End; 2],
}

/// The one or two neighbours of an end of a double bond.
struct End {
    first: u32,
    second: Option<u32>,
    /// Whether the first lies above the bond, and so the second below.
    above: bool,
}

impl End {
    /// The neighbours of `atom` but for the other end, `far`. `None` where
    /// directions contradict each other, there is yet another double bond, or
    /// directions may be lost: RDKit forgets those of aromatic bonds that it
    /// tries to make double. It does not where a carbon has a double bond already.
    fn of(mol: &FlatMol, atom: u32, far: u32) -> Option<Self> {
        let was_aromatic = |atom: u32| mol.atoms[atom as usize].was_aromatic;
        let is_sure = !was_aromatic(atom) || mol.atoms[atom as usize].z == 6 && !was_aromatic(far);
        let mut neighbors = mol.neighbors(atom).iter().filter(|neighbor| neighbor.to != far);
        let (first, second) = (neighbors.next()?, neighbors.next());
        let above = match [Some(first), second].map(|neighbor| rises_from(mol, atom, neighbor?)) {
            [Some(above), Some(other)] if above == other => return None,
            [Some(above), _] => above,
            [None, other] => !other?,
        };
        let is_open = |neighbor: &Neighbor| {
            matches!(mol.bonds[neighbor.bond as usize].order, Order::Single | Order::Aromatic)
        };
        (is_sure && is_open(first) && second.is_none_or(is_open)).then_some(Self {
            first: first.to,
            second: second.map(|neighbor| neighbor.to),
            above,
        })
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
    /// Checks that every chiral tag is one: a carbon whose neighbours,
    /// hydrogens included, are four and differ in rank. `None` where one is
    /// not: what becomes of it is left to the general path.
    pub(super) fn check(&mut self, mol: &FlatMol) -> Option<()> {
        if !mol.is_handed() {
            return Some(());
        }
        (handed(mol).all(|index| is_tetrahedral(mol, index)) && self.rank_until(mol, &[]))
            .then_some(())
    }

    /// Checks that every chiral tag is one, and finds the configurations of
    /// double bonds. `None` where one could depend on another.
    pub(super) fn perceive(&mut self, mol: &mut FlatMol) -> Option<()> {
        let marked = marked(mol)?;
        if marked.is_empty() {
            return self.check(mol);
        }
        if !handed(mol).all(|index| is_tetrahedral(mol, index)) {
            return None;
        }
        if !self.rank_until(mol, &marked) {
            let tied = |marked: &Marked| marked.ends.iter().any(|end| self.is_tied(end));
            return (!mol.is_handed() && marked.iter().all(tied)).then_some(());
        }
        for Marked { bond, ends } in marked {
            let [begin, end] = ends.map(|end| self.higher(&end));
            let (neighbours, together) = ([begin.0, end.0], begin.1 == end.1);
            mol.configurations.push(Configuration { bond, neighbours, together });
        }
        Some(())
    }

    /// Ranks atoms until the neighbours of every handed atom and of every end
    /// of a marked bond differ; whether they do.
    fn rank_until(&mut self, mol: &FlatMol, marked: &[Marked]) -> bool {
        let mut classes = self.start(mol);
        // At most as many rounds as RDKit takes.
        for _ in 0..=mol.atoms.len() / 2 + 1 {
            let mut ends = marked.iter().flat_map(|marked| &marked.ends);
            if handed(mol).all(|index| self.tells_apart(mol.neighbors(index)))
                && !ends.any(|end| self.is_tied(end))
            {
                return true;
            }
            self.look_around(mol);
            let before = std::mem::replace(&mut classes, self.rank());
            if classes == before {
                return false;
            }
        }
        false
    }

    fn is_tied(&self, end: &End) -> bool {
        let rank = |atom: u32| self.ranks[atom as usize];
        end.second.is_some_and(|second| rank(second) == rank(end.first))
    }

    /// The neighbour of higher rank, and whether it lies above.
    fn higher(&self, end: &End) -> (u32, bool) {
        let rank = |atom: u32| self.ranks[atom as usize];
        match end.second {
            Some(second) if rank(second) > rank(end.first) => (second, !end.above),
            _ => (end.first, end.above),
        }
    }

    fn tells_apart(&self, neighbors: &[Neighbor]) -> bool {
        let rank = |neighbor: &Neighbor| self.ranks[neighbor.to as usize];
        (1..neighbors.len())
            .all(|at| neighbors[..at].iter().all(|neighbor| rank(neighbor) != rank(&neighbors[at])))
    }

    /// Ranks atoms by element; the number of ranks.
    fn start(&mut self, mol: &FlatMol) -> u32 {
        let n = mol.atoms.len();
        self.entries.resize_with(self.entries.len().max(n), Vec::new);
        for (entry, atom) in self.entries.iter_mut().zip(&mol.atoms) {
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
    fn look_around(&mut self, mol: &FlatMol) {
        for (index, (entry, atom)) in self.entries.iter_mut().zip(&mol.atoms).enumerate() {
            entry.clear();
            for neighbor in mol.neighbors(index as u32) {
                let order = mol.bonds[neighbor.bond as usize].order;
                let phosphorus = mol.atoms[neighbor.to as usize].z == 15
                    && matches!(mol.degree(neighbor.to), 3 | 4);
                let times = if order == Order::Double && phosphorus { 1 } else { order.doubled() };
                let rank = self.ranks[neighbor.to as usize] + 1;
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

fn handed(mol: &FlatMol) -> impl Iterator<Item = u32> {
    let atoms = mol.atoms.iter().zip(0u32..);
    atoms.filter(|(atom, _)| atom.chiral_tag.is_some()).map(|(_, index)| index)
}

/// The double bonds that have directions at both ends, as far as they may have
/// a configuration. `None` as of [`End::of`].
fn marked(mol: &FlatMol) -> Option<Vec<Marked>> {
    let mut found = Vec::new();
    for (index, bond) in (0u32..).zip(&mol.bonds) {
        let ends = [(bond.begin, bond.end), (bond.end, bond.begin)];
        if bond.order == Order::Double
            && ends.iter().all(|&(end, _)| is_marked(mol, end, index))
            && !is_in_small_ring(mol, index)
        {
            let [begin, end] = ends.map(|(end, far)| End::of(mol, end, far));
            found.push(Marked { bond: index, ends: [begin?, end?] });
        }
    }
    Some(found)
}

/// Whether an end of a double bond has a direction, and no more than two
/// neighbours beside the other end.
fn is_marked(mol: &FlatMol, end: u32, double: u32) -> bool {
    let neighbors = mol.neighbors(end);
    let rises =
        |neighbor: &Neighbor| neighbor.bond != double && rises_from(mol, end, neighbor).is_some();
    neighbors.len() <= 3 && neighbors.iter().any(rises)
}

/// Whether a bond rises from an atom, if its direction is given.
fn rises_from(mol: &FlatMol, atom: u32, neighbor: &Neighbor) -> Option<bool> {
    Some(mol.bonds[neighbor.bond as usize].rises? == (atom < neighbor.to))
}

fn is_in_small_ring(mol: &FlatMol, bond: u32) -> bool {
    mol.bond_rings[bond as usize] > 0
        && mol.ring_bonds.iter().any(|ring| ring.len() < MIN_RING && ring.contains(&bond))
}

/// A carbon with four neighbours, of which at most one is a hydrogen, which is
/// then counted at the atom.
fn is_tetrahedral(mol: &FlatMol, index: u32) -> bool {
    let Atom { z, charge, explicit_hs, implicit_hs, .. } = mol.atoms[index as usize];
    let hydrogens = i32::from(explicit_hs);
    let four = mol.degree(index) + hydrogens == 4 && explicit_hs <= 1 && implicit_hs == 0;
    z == 6 && charge == 0 && four
}
