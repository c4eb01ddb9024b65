//! Canonical ranks of the atoms of a plain molecule, after RDKit's
//! `new_canon`: classes are split by what their atoms are and by the classes
//! of their neighbours, then ties are broken one at a time. Which of several
//! equal atoms comes first follows from the order in which classes are
//! sorted, so the merge sort is that of RDKit's `hanoisort`.

use super::graph::{Arc, Bond, Plain};
use super::stereo::Handedness;
use super::ties::{self, TiedClass};

const UNLISTED: i64 = -2;
const END: i64 = -1;
/// In which a bond's configuration follows its type.
const SIDE_BITS: u32 = 2;
/// In place of a neighbour: a hydrogen.
const NOBODY: u32 = u32::MAX;

/// Buffers for ranking; one entry per atom but where noted.
#[derive(Default)]
pub(super) struct Ranker {
    /// The class of an atom: the place of its first member in `order`.
    class: Vec<u32>,
    /// What an atom is, as a number that compares as RDKit compares atoms.
    kind: Vec<u64>,
    /// The handedness of an atom, and its neighbours in the order of its arcs;
    /// empty if no atom has any.
    handed: Vec<Option<(Handedness, [u32; 4])>>,
    /// Per arc, sorted: type and configuration of the bond and class of the
    /// neighbour, highest first; and the neighbour.
    bonds: Vec<(u64, u32)>,
    start: Vec<u32>,
    /// State of `class` at which an atom's `bonds` were last sorted.
    sorted_at: Vec<u64>,
    epoch: u64,
    order: Vec<u32>,
    count: Vec<i32>,
    next: Vec<i64>,
    active: i64,
    changed: Vec<bool>,
    touched: Vec<bool>,
    touched_list: Vec<u32>,
    scratch: Vec<u32>,
}

impl Ranker {
    /// Ranks the atoms, each once. `None` for highly symmetric ring systems,
    /// which take a further criterion.
    pub(super) fn rank(&mut self, plain: &Plain) -> Option<&[u32]> {
        self.classify(plain)?;
        self.break_ties();
        Some(&self.class)
    }

    /// Ranks the atoms as [`rank`](Self::rank) does; whether the ranks are sure
    /// not to depend on the numbering.
    pub(super) fn rank_surely(&mut self, plain: &Plain) -> Option<(&[u32], bool)> {
        self.classify(plain)?;
        let sure = self.ties_are_symmetries();
        self.break_ties();
        Some((&self.class, sure))
    }

    /// Splits atoms into classes as far as they can be told apart.
    fn classify(&mut self, plain: &Plain) -> Option<()> {
        self.start_over(plain);
        let n = plain.atoms.len();
        self.active = 0;
        if n > 1 {
            self.next[0] = END;
        } else {
            self.active = END;
        }
        self.refine();
        (!self.is_symmetric(plain) && !self.hangs_on_turns(plain)).then_some(())
    }

    fn start_over(&mut self, plain: &Plain) {
        let n = plain.atoms.len();
        self.class.clear();
        self.class.resize(n, 0);
        self.kind.clear();
        self.kind.extend(plain.atoms.iter().enumerate().map(|(index, atom)| {
            let degree = plain.degree(index as u32) as u64;
            // RDKit compares charges as unsigned numbers.
            degree << 33
                | u64::from(atom.z) << 25
                | (atom.total_hs() as u64) << 9
                | u64::from(atom.charge as u8) << 1
                | u64::from(atom.handedness.is_some())
        }));
        self.handed.clear();
        if plain.is_handed() {
            self.handed.extend(plain.atoms.iter().enumerate().map(|(index, atom)| {
                let mut neighbours = [NOBODY; 4];
                let arcs = plain.arcs(index as u32);
                neighbours.iter_mut().zip(arcs).for_each(|(place, arc)| *place = arc.to);
                atom.handedness.map(|handedness| (handedness, neighbours))
            }));
        }
        self.bonds.clear();
        self.start.clear();
        self.start.push(0);
        for index in 0..n as u32 {
            for arc in plain.arcs(index) {
                let bond = &plain.bonds[arc.bond as usize];
                let order = if bond.aromatic { super::graph::Order::Aromatic } else { bond.order };
                self.bonds.push(((order as u64) << (32 + SIDE_BITS), arc.to));
            }
            self.start.push(self.bonds.len() as u32);
        }
        for configuration in &plain.configurations {
            let Bond { begin, end, .. } = plain.bonds[configuration.bond as usize];
            let side = if configuration.together { 2 } else { 3 };
            for (from, to) in [(begin, end), (end, begin)] {
                let arcs = self.arcs(from);
                let bonds = self.bonds[arcs].iter_mut();
                bonds.filter(|bond| bond.1 == to).for_each(|bond| bond.0 |= side << 32);
            }
        }
        self.epoch = 1;
        self.sorted_at.clear();
        self.sorted_at.resize(n, 0);
        self.order.clear();
        self.order.extend(0..n as u32);
        self.count.clear();
        self.count.resize(n, 0);
        self.count[0] = n as i32;
        self.next.clear();
        self.next.resize(n, UNLISTED);
        self.changed.clear();
        self.changed.resize(n, true);
        self.touched.clear();
        self.touched.resize(n, false);
        self.touched_list.clear();
    }

    fn arcs(&self, atom: u32) -> std::ops::Range<usize> {
        self.start[atom as usize] as usize..self.start[atom as usize + 1] as usize
    }

    /// Brings an atom's bonds up to date with the classes.
    fn sort_bonds(&mut self, atom: u32) {
        if std::mem::replace(&mut self.sorted_at[atom as usize], self.epoch) == self.epoch {
            return;
        }
        let range = self.arcs(atom);
        let bonds = &mut self.bonds[range];
        for (key, neighbour) in bonds.iter_mut() {
            *key = *key >> 32 << 32 | u64::from(self.class[*neighbour as usize]);
        }
        for at in 1..bonds.len() {
            let mut to = at;
            while to > 0 && bonds[to].0 > bonds[to - 1].0 {
                bonds.swap(to, to - 1);
                to -= 1;
            }
        }
    }

    fn compare(&mut self, a: u32, b: u32) -> std::cmp::Ordering {
        let own = |atom: u32| (self.class[atom as usize], self.kind[atom as usize]);
        own(a).cmp(&own(b)).then_with(|| self.turn(a).cmp(&self.turn(b))).then_with(|| {
            self.sort_bonds(a);
            self.sort_bonds(b);
            // Degrees are equal, so the lists are equally long.
            let keys = |atom: u32| self.bonds[self.arcs(atom)].iter().map(|bond| bond.0);
            keys(a).cmp(keys(b))
        })
    }

    /// How an atom's neighbours turn by their classes: 0 where two are of one
    /// class, or for want of a handedness.
    fn turn(&self, atom: u32) -> u8 {
        let Some((handedness, neighbours)) = self.handed.get(atom as usize).copied().flatten()
        else {
            return 0;
        };
        let classes = neighbours.map(|atom| self.class.get(atom as usize));
        let mut odd = false;
        for (at, class) in classes.iter().enumerate().filter(|(_, class)| class.is_some()) {
            for earlier in &classes[..at] {
                if earlier == class {
                    return 0;
                }
                odd ^= earlier > class;
            }
        }
        match handedness.turned(odd) {
            Handedness::Clockwise => 2,
            Handedness::CounterClockwise => 1,
        }
    }

    /// Compares two atoms unless nothing changed around them since they were equal.
    fn compare_changed(&mut self, a: u32, b: u32) -> std::cmp::Ordering {
        if self.changed[a as usize] || self.changed[b as usize] {
            self.compare(a, b)
        } else {
            std::cmp::Ordering::Equal
        }
    }

    /// Sorts `buffer[base..base + len]`, with room of the same length at
    /// `temp`; true if the result lies there. Runs of equal atoms are counted
    /// at their first.
    fn sort(&mut self, buffer: &mut [u32], base: usize, len: usize, temp: usize) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        if len == 1 {
            self.count[buffer[base] as usize] = 1;
            return false;
        }
        if len == 2 {
            let (a, b) = (buffer[base], buffer[base + 1]);
            let ordering = self.compare_changed(a, b);
            let equal = ordering == Equal;
            self.count[a as usize] = if equal { 2 } else { 1 };
            self.count[b as usize] = if equal { 0 } else { 1 };
            if ordering == Greater {
                buffer.swap(base, base + 1);
            }
            return false;
        }
        let (mut left, mut right) = (len / 2, len - len / 2);
        let second = base + left;
        let moved = self.sort(buffer, base, left, temp);
        let moved_second = self.sort(buffer, second, right, temp + left);
        let mut from = if moved { temp } else { base };
        let mut from_second = if moved_second { temp + left } else { second };
        let mut to = if moved { base } else { temp };
        let result = !moved;
        loop {
            let (a, b) = (buffer[from], buffer[from_second]);
            let ordering = self.compare_changed(a, b);
            let run = self.count[a as usize] as usize;
            let run_second = self.count[b as usize] as usize;
            if ordering == Equal {
                self.count[a as usize] = (run + run_second) as i32;
                self.count[b as usize] = 0;
            }
            if ordering != Greater {
                buffer.copy_within(from..from + run, to);
                to += run;
                left -= run;
                if left == 0 {
                    if to != from_second {
                        buffer.copy_within(from_second..from_second + right, to);
                    }
                    return result;
                }
                from += run;
            }
            if ordering != Less {
                buffer.copy_within(from_second..from_second + run_second, to);
                to += run_second;
                right -= run_second;
                if right == 0 {
                    buffer.copy_within(from..from + left, to);
                    return result;
                }
                from_second += run_second;
            }
        }
    }

    /// Splits active classes until none is active.
    fn refine(&mut self) {
        let mut buffer = std::mem::take(&mut self.scratch);
        while self.active != END {
            let first = self.active as usize;
            self.active = std::mem::replace(&mut self.next[first], UNLISTED);
            let len = self.count[first] as usize;
            let offset = self.class[first] as usize;
            buffer.clear();
            buffer.extend_from_slice(&self.order[offset..offset + len]);
            buffer.resize(2 * len, 0);
            let moved = self.sort(&mut buffer, 0, len, len);
            let from = if moved { len } else { 0 };
            self.order[offset..offset + len].copy_from_slice(&buffer[from..from + len]);
            for at in offset..offset + len {
                self.changed[self.order[at] as usize] = false;
            }
            let kept = self.count[self.order[offset] as usize] as usize;
            let mut class = 0;
            for at in offset + kept..offset + len {
                let atom = self.order[at];
                if self.count[atom as usize] != 0 {
                    class = at as u32;
                }
                self.set_class(atom, class);
                for arc in self.arcs(atom) {
                    self.changed[self.bonds[arc].1 as usize] = true;
                }
            }
            for at in offset + kept..offset + len {
                self.touch_around(self.order[at]);
            }
            self.activate_touched();
        }
        self.scratch = buffer;
    }

    fn set_class(&mut self, atom: u32, class: u32) {
        if std::mem::replace(&mut self.class[atom as usize], class) != class {
            self.epoch += 1;
        }
    }

    /// Notes the classes of an atom's neighbours.
    fn touch_around(&mut self, atom: u32) {
        for arc in self.arcs(atom) {
            let class = self.class[self.bonds[arc].1 as usize];
            if !std::mem::replace(&mut self.touched[class as usize], true) {
                self.touched_list.push(class);
            }
        }
    }

    fn activate_touched(&mut self) {
        self.touched_list.sort_unstable();
        for &class in &self.touched_list {
            let first = self.order[class as usize] as usize;
            if self.count[first] > 1 && self.next[first] == UNLISTED {
                self.next[first] = self.active;
                self.active = first as i64;
            }
            self.touched[class as usize] = false;
        }
        self.touched_list.clear();
    }

    /// Whether RDKit would look at the rings more closely.
    fn is_symmetric(&self, plain: &Plain) -> bool {
        let (mut alike, mut in_rings) = (0, 0);
        let (mut branching, mut ties) = (false, false);
        for (&rings, &count) in plain.atom_rings.iter().zip(&self.count) {
            if rings > 0 {
                in_rings += 1;
                if count > 2 {
                    alike += count;
                }
                branching |= rings > 1 && count > 1;
            }
            ties |= count == 0;
        }
        ties && in_rings > 0 && 2 * alike > in_rings && branching
    }

    fn size(&self, class: u32) -> usize {
        self.count[self.order[class as usize] as usize] as usize
    }

    /// Whether RDKit would look at how neighbours of tied ring atoms turn.
    fn hangs_on_turns(&self, plain: &Plain) -> bool {
        let handed = |arc: &Arc| self.handed[arc.to as usize].is_some();
        (0..self.handed.len() as u32).any(|atom| {
            plain.atom_rings[atom as usize] > 0
                && plain.arcs(atom).iter().any(handed)
                && self.size(self.class[atom as usize]) > 1
        })
    }

    /// Whether ties are symmetries. One that keeps a handed atom and the classes
    /// around it in place keeps its handedness.
    fn ties_are_symmetries(&self) -> bool {
        let handed = |atom: &u32| self.handed[*atom as usize].is_some();
        let mut handed = (0..self.handed.len() as u32).filter(handed);
        if handed.any(|atom| self.size(self.class[atom as usize]) > 1 || self.turn(atom) == 0) {
            return false;
        }
        let tied = (0..self.order.len() as u32).filter(|&class| self.size(class) > 1);
        let classes = tied.map(|class| {
            let bonds = self.bonds[self.arcs(self.order[class as usize])].iter();
            let neighbour = |&(key, atom): &(u64, u32)| (key >> 32, self.class[atom as usize]);
            TiedClass::new(class, self.size(class), bonds.map(neighbour).collect())
        });
        ties::are_symmetries(classes.collect(), |class| self.size(class))
    }

    fn break_ties(&mut self) {
        let mut at = 0;
        while let Some(&first) = self.order.get(at) {
            let f = first as usize;
            let old = self.class[f];
            while self.count[f] > 1 {
                let len = self.count[f] as usize;
                let offset = self.class[f] as usize + len - 1;
                let last = self.order[offset];
                self.set_class(last, offset as u32);
                self.count[f] = len as i32 - 1;
                self.count[last as usize] = 1;
                if self.arcs(last).is_empty() {
                    continue;
                }
                for arc in self.arcs(last) {
                    self.changed[self.bonds[arc].1 as usize] = true;
                }
                self.touch_around(last);
                self.activate_touched();
                self.refine();
            }
            if self.class[f] == old {
                at += 1;
            }
        }
    }
}
