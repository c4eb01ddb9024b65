//! Which bonds of a canonical SMILES are written with a direction, `/` or `\`,
//! after RDKit's `Canon.cpp`: bonds around every double bond that has a
//! configuration get one, then those that say nothing new lose it. It must not
//! know how ranks come about.

use std::collections::VecDeque;

use super::graph::{Configuration, FlatMol, Order};

const NONE: u32 = u32::MAX;

/// A bond as it is written, from the atom on its left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub bond: u32,
    pub left: u32,
}

/// Buffers for finding directions.
#[derive(Default)]
pub(super) struct Directions {
    /// Per bond: whether it rises as it is written, if it has a direction.
    rises: Vec<Option<bool>>,
    /// Per bond: the atom on its left, and its place among the bonds written.
    left: Vec<u32>,
    bond_places: Vec<u32>,
    atom_places: Vec<u32>,
    /// For how many double bonds, and at how many bonds of an atom that is an
    /// end of one, a direction was counted.
    bond_counts: Vec<i32>,
    atom_counts: Vec<i32>,
    /// Per atom: the configuration of the double bond that it is an end of.
    configuration_at: Vec<u32>,
    /// Per configuration: others that share a bond, in the order written.
    adjoining: Vec<Vec<u32>>,
    queue: Vec<u32>,
    connected: VecDeque<u32>,
    done: Vec<bool>,
}

impl Directions {
    /// Whether a bond rises as it is written, if it has a direction.
    pub(super) fn of(&self, bond: u32) -> Option<bool> {
        self.rises[bond as usize]
    }

    /// Finds the directions of bonds, for atoms and bonds in the order in which
    /// they are written. `None` where directions that were set before meet.
    pub(super) fn find(&mut self, mol: &FlatMol, atoms: &[u32], steps: &[Step]) -> Option<()> {
        self.start(mol, atoms, steps);
        self.find_adjoining(mol);
        self.queue.clear();
        self.queue.extend(0..mol.configurations.len() as u32);
        let Self { queue, adjoining, bond_places, .. } = self;
        queue.sort_unstable_by_key(|&at| {
            let bond = mol.configurations[at as usize].bond;
            (usize::MAX - adjoining[at as usize].len(), bond_places[bond as usize])
        });
        for at in 0..self.queue.len() {
            self.connected.clear();
            self.connected.push_back(self.queue[at]);
            while let Some(next) = self.connected.pop_front() {
                if std::mem::replace(&mut self.done[next as usize], true) {
                    continue;
                }
                self.set_around(mol, &mol.configurations[next as usize])?;
                let Self { connected, adjoining, done, .. } = self;
                let open = adjoining[next as usize].iter().filter(|&&at| !done[at as usize]);
                connected.extend(open);
            }
        }
        self.clear_unwanted(mol, steps)?;
        self.clear_redundant(mol, steps);
        Some(())
    }

    fn start(&mut self, mol: &FlatMol, atoms: &[u32], steps: &[Step]) {
        let (n, m) = (mol.atoms.len(), mol.bonds.len());
        self.rises.clear();
        self.rises.resize(m, None);
        for per_bond in [&mut self.left, &mut self.bond_places] {
            per_bond.clear();
            per_bond.resize(m, NONE);
        }
        for per_atom in [&mut self.atom_places, &mut self.configuration_at] {
            per_atom.clear();
            per_atom.resize(n, NONE);
        }
        for (counts, len) in [(&mut self.bond_counts, m), (&mut self.atom_counts, n)] {
            counts.clear();
            counts.resize(len, 0);
        }
        for (place, &atom) in (0..).zip(atoms) {
            self.atom_places[atom as usize] = place;
        }
        for (place, step) in (0..).zip(steps) {
            self.left[step.bond as usize] = step.left;
            self.bond_places[step.bond as usize] = place;
        }
        for (at, configuration) in (0..).zip(&mol.configurations) {
            let bond = &mol.bonds[configuration.bond as usize];
            for end in [bond.begin, bond.end] {
                self.configuration_at[end as usize] = at;
            }
        }
        self.done.clear();
        self.done.resize(mol.configurations.len(), false);
    }

    fn find_adjoining(&mut self, mol: &FlatMol) {
        let count = mol.configurations.len();
        self.adjoining.resize_with(self.adjoining.len().max(count), Vec::new);
        for (adjoining, configuration) in self.adjoining.iter_mut().zip(&mol.configurations) {
            let bond = &mol.bonds[configuration.bond as usize];
            adjoining.clear();
            for end in [bond.begin, bond.end] {
                let neighbors = mol
                    .neighbors(end)
                    .iter()
                    .filter(|neighbor| neighbor.bond != configuration.bond);
                let at = neighbors.map(|neighbor| self.configuration_at[neighbor.to as usize]);
                adjoining.extend(at.filter(|&at| at != NONE));
            }
            let bond = |at: u32| mol.configurations[at as usize].bond;
            adjoining.sort_by_key(|&at| self.bond_places[bond(at) as usize]);
        }
    }

    /// The bonds of an end of a double bond but that itself, as they are written.
    fn sides(&self, mol: &FlatMol, atom: u32, double: u32) -> [Option<u32>; 2] {
        let mut sides = [None; 2];
        let neighbors = mol.neighbors(atom).iter().filter(|neighbor| neighbor.bond != double);
        sides.iter_mut().zip(neighbors).for_each(|(side, neighbor)| *side = Some(neighbor.bond));
        sides
            .sort_unstable_by_key(|side| side.map_or(NONE, |bond| self.bond_places[bond as usize]));
        sides
    }

    /// Whether the far end of a bond lies above an atom, if it has a direction.
    fn above(&self, bond: u32, atom: u32) -> Option<bool> {
        let rises = self.rises[bond as usize]?;
        Some(rises == (self.left[bond as usize] == atom))
    }

    fn set_above(&mut self, bond: u32, atom: u32, above: bool) {
        self.rises[bond as usize] = Some(above == (self.left[bond as usize] == atom));
    }

    fn count(&mut self, bond: u32, atom: u32) {
        self.bond_counts[bond as usize] += 1;
        self.atom_counts[atom as usize] += 1;
    }

    fn is_counted(&self, bond: Option<u32>) -> bool {
        bond.is_some_and(|bond| self.bond_counts[bond as usize] > 0)
    }

    /// Sets the directions around a double bond (`canonicalizeDoubleBond`).
    fn set_around(&mut self, mol: &FlatMol, configuration: &Configuration) -> Option<()> {
        let double = configuration.bond;
        let bond = &mol.bonds[double as usize];
        let mut ends = [bond.begin, bond.end];
        ends.sort_unstable_by_key(|&end| self.atom_places[end as usize]);
        let sides = ends.map(|end| self.sides(mol, end, double));
        let known = sides.map(|sides| sides.map(|side| self.is_counted(side)));
        // The end from which the other one follows.
        let from = match known.map(|[first, second]| first || second) {
            [true, true] => return None,
            [false, true] => 1,
            _ => 0,
        };
        let (near, far) = (ends[from], ends[1 - from]);
        let [near_sides, far_sides] = [sides[from], sides[1 - from]];
        let (near_first, far_first) = (near_sides[0]?, far_sides[0]?);
        let mut given = near_first;
        match (known[from], near_sides[1]) {
            ([true, true], _) => return None,
            ([false, true], Some(second)) => {
                self.set_opposite(second, near_first, near)?;
                self.count(second, near);
                given = second;
            }
            ([true, false], _) => {}
            _ => self.rises[near_first as usize] = Some(true),
        }
        self.count(near_first, near);
        let is_chosen = |bond: u32, end: u32| {
            configuration.neighbours.contains(&mol.bonds[bond as usize].other(end))
        };
        let turns = configuration.together ^ is_chosen(given, near) ^ is_chosen(far_first, far);
        let above = self.above(given, near)? == turns;
        self.set_above(far_first, far, above);
        self.count(far_first, far);
        for (end, [first, second]) in ends.into_iter().zip(sides) {
            if let (Some(first), Some(second)) = (first, second)
                && !self.is_counted(Some(second))
            {
                self.set_opposite(first, second, end)?;
                self.count(second, end);
            }
        }
        Some(())
    }

    /// Sets a bond's direction by that of another one at the same atom.
    fn set_opposite(&mut self, from: u32, to: u32, atom: u32) -> Option<()> {
        let above = !self.above(from, atom)?;
        self.set_above(to, atom, above);
        Some(())
    }

    /// Clears directions that would give a configuration to a double bond that
    /// has none (`removeUnwantedBondDirSpecs`).
    fn clear_unwanted(&mut self, mol: &FlatMol, steps: &[Step]) -> Option<()> {
        for step in steps {
            let bond = &mol.bonds[step.bond as usize];
            let ends = [bond.begin, bond.end];
            if bond.order != Order::Double || self.is_end(mol, step.bond, ends) {
                continue;
            }
            let mut candidates: Vec<(u32, u32, u32)> = Vec::new();
            let mut marked = 0;
            for end in ends {
                let neighbors = mol.neighbors(end).iter();
                let before = candidates.len();
                candidates.extend(
                    neighbors.filter(|neighbor| self.bond_counts[neighbor.bond as usize] != 0).map(
                        |neighbor| {
                            (self.bond_places[neighbor.bond as usize], neighbor.bond, neighbor.to)
                        },
                    ),
                );
                marked += usize::from(candidates.len() > before);
            }
            if marked < 2 {
                continue;
            }
            if ends.iter().any(|&end| self.atom_counts[end as usize] != 0) {
                return None;
            }
            candidates.sort_unstable();
            let spare = |&&(_, _, to): &&(u32, u32, u32)| self.atom_counts[to as usize] == 2;
            if let Some(&(_, bond, to)) = candidates.iter().find(spare) {
                self.bond_counts[bond as usize] = 0;
                self.rises[bond as usize] = None;
                self.atom_counts[to as usize] -= 1;
            }
        }
        Some(())
    }

    /// Whether a double bond has a configuration.
    fn is_end(&self, mol: &FlatMol, bond: u32, [begin, _]: [u32; 2]) -> bool {
        let at = self.configuration_at[begin as usize];
        at != NONE && mol.configurations[at as usize].bond == bond
    }

    /// Clears directions that follow from others (`removeRedundantBondDirSpecs`).
    fn clear_redundant(&mut self, mol: &FlatMol, steps: &[Step]) {
        for step in steps {
            let bond = &mol.bonds[step.bond as usize];
            let right = bond.other(step.left);
            if !has_direction(bond.order) || self.bond_counts[step.bond as usize] == 0 {
                continue;
            }
            for atom in [step.left, right] {
                if self.atom_counts[atom as usize] >= 2
                    && self.configuration_at[atom as usize] != NONE
                {
                    self.clear_one(mol, step.bond, atom);
                }
            }
        }
    }

    /// Clears the direction of a bond or of another one at the same atom.
    fn clear_one(&mut self, mol: &FlatMol, bond: u32, atom: u32) {
        let other = mol
            .neighbors(atom)
            .iter()
            .map(|neighbor| neighbor.bond)
            .find(|&other| other != bond && has_direction(mol.bonds[other as usize].order));
        let Some(other) = other else { return };
        let count = |bond: u32| self.bond_counts[bond as usize];
        let is_last = |bond: u32| {
            let bond = &mol.bonds[bond as usize];
            [bond.begin, bond.end].iter().any(|&end| self.atom_counts[end as usize] == 1)
        };
        let cleared = if count(other) >= count(bond) && !is_last(other) {
            other
        } else if !is_last(bond) {
            bond
        } else {
            return;
        };
        self.bond_counts[cleared as usize] -= 1;
        if self.bond_counts[cleared as usize] == 0 {
            self.rises[cleared as usize] = None;
            self.atom_counts[atom as usize] -= 1;
            let far = mol.bonds[cleared as usize].other(atom) as usize;
            self.atom_counts[far] -= i32::from(self.atom_counts[far] != 0);
        }
    }
}

fn has_direction(order: Order) -> bool {
    matches!(order, Order::Single | Order::Aromatic)
}
