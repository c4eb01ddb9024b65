//! A Kekulé structure for the aromatic bonds of a plain molecule, after
//! RDKit's `Kekulize.cpp`: the one that its walk through each fused ring
//! system finds, with atoms met in the order of their numbers.

use std::collections::VecDeque;

use super::graph::{FlatMol, Order};
use super::rings::RingFinder;
use super::valence::valences;

const MAX_BACKTRACKS: usize = 100;
const NONE: u32 = u32::MAX;

/// Bonds of an atom that may still become double.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    list: [u32; 4],
    next: u8,
    len: u8,
}

impl Options {
    fn push(&mut self, bond: u32) -> Option<()> {
        *self.list.get_mut(usize::from(self.len))? = bond;
        self.len += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        self.next += 1;
        Some(self.list[usize::from(self.next) - 1])
    }

    fn is_empty(&self) -> bool {
        self.next == self.len
    }
}

/// Buffers for the walk.
#[derive(Default)]
pub(super) struct Kekulizer {
    /// The atoms of the ring system at hand, ascending.
    system: Vec<u32>,
    /// Its number, and per atom that of the latest system that holds it.
    current: u32,
    system_of: Vec<u32>,
    /// Per atom: wants a double bond, visits so far.
    wants: Vec<bool>,
    visits: Vec<u32>,
    visited: Vec<u32>,
    options: Vec<Options>,
    /// Atoms with options left, latest last.
    choices: Vec<u32>,
    queue: VecDeque<u32>,
    neighbours: Vec<(u32, u32)>,
    /// Per bond: made double by the walk.
    made: Vec<bool>,
}

impl Kekulizer {
    /// Replaces aromatic bonds by single and double ones, and clears the marks
    /// of aromatic atoms. `None` where that takes more than the plain walk.
    pub(super) fn kekulize(&mut self, mol: &mut FlatMol, rings: &RingFinder) -> Option<()> {
        let aromatic = |mol: &FlatMol, atom: u32| mol.atoms[atom as usize].aromatic;
        let mut left = mol.atoms.iter().filter(|atom| atom.aromatic).count();
        if left == 0 {
            return Some(());
        }
        self.start_over(mol);
        for (number, members) in (0..).zip(rings.systems()) {
            self.current = number;
            self.system.clear();
            for &bond in members {
                let bond = mol.bonds[bond as usize];
                for end in [bond.begin, bond.end] {
                    let system = std::mem::replace(&mut self.system_of[end as usize], number);
                    if system == number {
                        continue;
                    }
                    // Aromatic atoms in two systems are not plain.
                    if system != NONE && aromatic(mol, end) {
                        return None;
                    }
                    self.system.push(end);
                }
            }
            let found = self.system.iter().filter(|&&atom| aromatic(mol, atom)).count();
            if found > 0 {
                left -= found;
                self.system.sort_unstable();
                self.find_wanting(mol);
                if !self.walk(mol)? {
                    return None;
                }
            }
        }
        // Nor are those in none.
        if left > 0 { None } else { clear_marks(mol) }
    }

    /// Makes aromatic bonds single.
    fn start_over(&mut self, mol: &mut FlatMol) {
        for bond in &mut mol.bonds {
            if bond.aromatic && bond.order != Order::Triple {
                bond.order = Order::Single;
            }
        }
        let n = mol.atoms.len();
        self.system_of.clear();
        self.system_of.resize(n, NONE);
        self.wants.clear();
        self.wants.resize(n, false);
        self.visits.clear();
        self.visits.resize(n, 0);
        self.made.clear();
        self.made.resize(mol.bonds.len(), false);
        self.options.clear();
        self.options.resize(n, Options::default());
    }

    /// Marks the atoms of the system that lack a bond.
    fn find_wanting(&mut self, mol: &FlatMol) {
        self.visited.clear();
        for &index in &self.system {
            if mol.atoms[index as usize].aromatic {
                self.wants[index as usize] = wants_double_bond(mol, index);
            } else {
                self.visited.push(index);
                self.visits[index as usize] = 1;
            }
        }
    }

    /// Walks through the system, giving atoms their double bonds; true when all have one.
    fn walk(&mut self, mol: &mut FlatMol) -> Option<bool> {
        self.queue.clear();
        self.choices.clear();
        let mut backtracks = 0;
        while self.visited.len() < self.system.len() || !self.queue.is_empty() {
            let next = self.queue.pop_front();
            let unvisited = || self.system.iter().find(|&&atom| self.visits[atom as usize] == 0);
            let Some(atom) = next.or_else(|| unvisited().copied()) else { return Some(false) };
            let a = atom as usize;
            self.visited.push(atom);
            self.visits[a] += 1;
            let stored = !self.options[a].is_empty();
            let mut options = if stored { self.options[a] } else { self.look_around(mol, atom)? };
            if !self.wants[a] {
                continue;
            }
            if let Some(bond) = options.pop() {
                let bond = bond as usize;
                let partner = mol.bonds[bond].other(atom);
                mol.bonds[bond].order = Order::Double;
                self.made[bond] = true;
                self.wants[a] = false;
                self.wants[partner as usize] = false;
                self.options[a] = options;
                if stored && options.is_empty() {
                    self.choices.pop();
                } else if !stored && !options.is_empty() {
                    self.choices.push(atom);
                }
            } else {
                let Some(&choice) = self.choices.last() else { return Some(false) };
                if backtracks == MAX_BACKTRACKS {
                    return Some(false);
                }
                backtracks += 1;
                self.back_track(mol, choice)?;
            }
        }
        Some(true)
    }

    /// Queues the unvisited neighbours of an atom; its options are those that
    /// lack a bond as well.
    fn look_around(&mut self, mol: &FlatMol, atom: u32) -> Option<Options> {
        self.neighbours.clear();
        for neighbor in mol.neighbors(atom) {
            if self.is_inside(neighbor.to) && self.visits[neighbor.to as usize] == 0 {
                self.neighbours.push((neighbor.to, neighbor.bond));
            }
        }
        self.neighbours.sort_unstable();
        let mut options = Options::default();
        let queued = self.queue.len();
        for &(neighbour, bond) in &self.neighbours {
            if !self.queue.iter().take(queued).any(|&waiting| waiting == neighbour) {
                self.queue.push_back(neighbour);
            }
            if self.wants[atom as usize]
                && self.wants[neighbour as usize]
                && mol.bonds[bond as usize].aromatic
            {
                options.push(bond)?;
            }
        }
        Some(options)
    }

    /// Whether an atom is in the ring system at hand.
    fn is_inside(&self, atom: u32) -> bool {
        self.system_of[atom as usize] == self.current
    }

    /// Goes back to the latest choice.
    fn back_track(&mut self, mol: &mut FlatMol, choice: u32) -> Option<()> {
        let first = self.visited.iter().position(|&atom| atom == choice)?;
        let last = self.visited.iter().rposition(|&atom| atom == choice)?;
        for &atom in self.visited[last..].iter().rev() {
            self.queue.push_front(atom);
        }
        for atom in self.visited.drain(first..) {
            self.visits[atom as usize] -= 1;
        }
        for (bond, made) in mol.bonds.iter_mut().zip(&mut self.made) {
            let (a, b) = (bond.begin as usize, bond.end as usize);
            if *made
                && self.system_of[a] == self.current
                && self.system_of[b] == self.current
                && self.visits[a] == 0
                && self.visits[b] == 0
            {
                *made = false;
                bond.order = Order::Single;
                self.wants[a] = true;
                self.wants[b] = true;
            }
        }
        Some(())
    }
}

/// Whether an aromatic atom's bonds, taken as single, leave one bond over.
fn wants_double_bond(mol: &FlatMol, index: u32) -> bool {
    let atom = &mol.atoms[index as usize];
    let bonds = mol.neighbors(index).iter().map(|neighbor| &mol.bonds[neighbor.bond as usize]);
    let single: i32 = bonds
        .map(|bond| {
            let taken = bond.aromatic && bond.order != Order::Triple;
            if taken { 1 } else { bond.order.doubled() / 2 }
        })
        .sum::<i32>()
        + atom.total_hs();
    let mut charge = i32::from(atom.charge);
    if atom.z == 5 || atom.z == 6 && charge > 0 {
        charge = -charge;
    }
    let list = valences(i32::from(atom.z));
    let mut valence = list[0] + charge;
    let total = atom.total_valence();
    for &higher in &list[1..] {
        if total <= valence {
            break;
        }
        valence = higher + charge;
    }
    let degree = mol.degree(index) + atom.implicit_hs;
    if total == 5
        && single == 4
        && valence == 3
        && degree == 3
        && charge == 0
        && atom.total_hs() == 0
        && matches!(atom.z, 7 | 15 | 33)
    {
        valence = 5;
    }
    degree < valence && (valence == single + 1 || (atom.no_implicit && valence == single + 2))
}

/// Clears the aromatic marks.
fn clear_marks(mol: &mut FlatMol) -> Option<()> {
    for bond in &mut mol.bonds {
        bond.aromatic = false;
    }
    for index in 0..mol.atoms.len() {
        let atom = &mut mol.atoms[index];
        if !atom.aromatic {
            continue;
        }
        let pyrrolic = atom.is_pyrrolic();
        atom.aromatic = false;
        if pyrrolic {
            let before = atom.total_valence();
            atom.no_implicit = false;
            atom.explicit_hs = 0;
            mol.update_valence(index as u32, false)?;
            if mol.atoms[index].total_valence() != before {
                return None;
            }
        }
    }
    Some(())
}
