//! Tetrahedral carbons with a handedness and double bonds with a configuration,
//! after RDKit's legacy perception (`Chirality.cpp`): which handedness is one,
//! how it turns with the order of neighbours, and what directions of bonds say
//! of the double bonds between them. It must not know how texts are read or
//! written.

use super::graph::{Arc, Atom, Configuration, Order, Plain};

/// Double bonds in smaller rings have no configuration.
const MIN_RING: usize = 8;

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
    fn of(plain: &Plain, atom: u32, far: u32) -> Option<Self> {
        let was_aromatic = |atom: u32| plain.atoms[atom as usize].was_aromatic;
        let is_sure =
            !was_aromatic(atom) || plain.atoms[atom as usize].z == 6 && !was_aromatic(far);
        let mut arcs = plain.arcs(atom).iter().filter(|arc| arc.to != far);
        let (first, second) = (arcs.next()?, arcs.next());
        let above = match [Some(first), second].map(|arc| rises_from(plain, atom, arc?)) {
            [Some(above), Some(other)] if above == other => return None,
            [Some(above), _] => above,
            [None, other] => !other?,
        };
        let is_open = |arc: &Arc| {
            matches!(plain.bonds[arc.bond as usize].order, Order::Single | Order::Aromatic)
        };
        (is_sure && is_open(first) && second.is_none_or(is_open)).then_some(Self {
            first: first.to,
            second: second.map(|arc| arc.to),
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
    /// Checks that every handedness is one: a carbon whose neighbours,
    /// hydrogens included, are four and differ in rank. `None` where one is
    /// not: what becomes of it is left to the general path.
    pub(super) fn check(&mut self, plain: &Plain) -> Option<()> {
        if !plain.is_handed() {
            return Some(());
        }
        (handed(plain).all(|index| is_tetrahedral(plain, index)) && self.rank_until(plain, &[]))
            .then_some(())
    }

    /// Checks that every handedness is one, and finds the configurations of
    /// double bonds. `None` where one could hang on another.
    pub(super) fn perceive(&mut self, plain: &mut Plain) -> Option<()> {
        let marked = marked(plain)?;
        if marked.is_empty() {
            return self.check(plain);
        }
        if !handed(plain).all(|index| is_tetrahedral(plain, index)) {
            return None;
        }
        if !self.rank_until(plain, &marked) {
            let tied = |marked: &Marked| marked.ends.iter().any(|end| self.is_tied(end));
            return (!plain.is_handed() && marked.iter().all(tied)).then_some(());
        }
        for Marked { bond, ends } in marked {
            let [begin, end] = ends.map(|end| self.higher(&end));
            let (neighbours, together) = ([begin.0, end.0], begin.1 == end.1);
            plain.configurations.push(Configuration { bond, neighbours, together });
        }
        Some(())
    }

    /// Ranks atoms until the neighbours of every handed atom and of every end
    /// of a marked bond differ; whether they do.
    fn rank_until(&mut self, plain: &Plain, marked: &[Marked]) -> bool {
        let mut classes = self.start(plain);
        // At most as many rounds as RDKit takes.
        for _ in 0..=plain.atoms.len() / 2 + 1 {
            let mut ends = marked.iter().flat_map(|marked| &marked.ends);
            if handed(plain).all(|index| self.tells_apart(plain.arcs(index)))
                && !ends.any(|end| self.is_tied(end))
            {
                return true;
            }
            self.look_around(plain);
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

fn handed(plain: &Plain) -> impl Iterator<Item = u32> {
    let atoms = plain.atoms.iter().zip(0u32..);
    atoms.filter(|(atom, _)| atom.handedness.is_some()).map(|(_, index)| index)
}

/// The double bonds that have directions at both ends, as far as they may have
/// a configuration. `None` as of [`End::of`].
fn marked(plain: &Plain) -> Option<Vec<Marked>> {
    let mut found = Vec::new();
    for (index, bond) in (0u32..).zip(&plain.bonds) {
        let ends = [(bond.begin, bond.end), (bond.end, bond.begin)];
        if bond.order == Order::Double
            && ends.iter().all(|&(end, _)| is_marked(plain, end, index))
            && !is_in_small_ring(plain, index)
        {
            let [begin, end] = ends.map(|(end, far)| End::of(plain, end, far));
            found.push(Marked { bond: index, ends: [begin?, end?] });
        }
    }
    Some(found)
}

/// Whether an end of a double bond has a direction, and no more than two
/// neighbours beside the other end.
fn is_marked(plain: &Plain, end: u32, double: u32) -> bool {
    let arcs = plain.arcs(end);
    let rises = |arc: &Arc| arc.bond != double && rises_from(plain, end, arc).is_some();
    arcs.len() <= 3 && arcs.iter().any(rises)
}

/// Whether a bond rises from an atom, if its direction is given.
fn rises_from(plain: &Plain, atom: u32, arc: &Arc) -> Option<bool> {
    Some(plain.bonds[arc.bond as usize].rises? == (atom < arc.to))
}

fn is_in_small_ring(plain: &Plain, bond: u32) -> bool {
    plain.bond_rings[bond as usize] > 0
        && plain.ring_bonds.iter().any(|ring| ring.len() < MIN_RING && ring.contains(&bond))
}

/// A carbon with four neighbours, of which at most one is a hydrogen, which is
/// then counted at the atom.
fn is_tetrahedral(plain: &Plain, index: u32) -> bool {
    let Atom { z, charge, explicit_hs, implicit_hs, .. } = plain.atoms[index as usize];
    let hydrogens = i32::from(explicit_hs);
    let four = plain.degree(index) + hydrogens == 4 && explicit_hs <= 1 && implicit_hs == 0;
    z == 6 && charge == 0 && four
}
