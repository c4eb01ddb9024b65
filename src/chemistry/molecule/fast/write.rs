//! Canonical SMILES of a ranked plain molecule, after RDKit's `Canon.cpp` and
//! `SmilesWrite.cpp`. There one walk finds the bonds that close rings, and a
//! second one, which follows the others in the same order, writes the text.
//! Here the walk notes the order, so that the text is written straight on.

use super::directions::{Directions, Step};
use super::graph::{FlatMol, Order};
use super::stereo::ChiralTag;
use crate::molecule::labelling::odd;

/// Offsets that bring ring closures first, then ring bonds by their type.
const MAX_ATOMS: i64 = 5000;
const MAX_BOND_TYPE: i64 = 32;
/// More rings open at once are left to the general path.
const MAX_OPEN: usize = 99;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    Not,
    Open,
    Done,
}

/// A bond that leads on from an atom, sorted by `rank`.
#[derive(Debug, Clone, Copy)]
struct Way {
    rank: i64,
    to: u32,
    bond: u32,
}

/// An atom whose ways are being followed.
#[derive(Debug, Clone, Copy)]
struct Frame {
    atom: u32,
    start: usize,
    end: usize,
    next: usize,
    /// The last branch taken, as its place in the order of atoms; 0 for none.
    branch: usize,
}

/// How the walk came to an atom.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    atom: u32,
    /// The bond and the atom before, but for the first atom.
    via: Option<(u32, u32)>,
    /// Whether a branch ends before, and whether one begins here.
    after_branch: bool,
    in_branch: bool,
}

/// Buffers for writing.
#[derive(Default)]
pub(super) struct Writer {
    /// What was written last.
    pub text: String,
    /// The atoms in the order in which they were written.
    pub order: Vec<u32>,
    visits: Vec<Visit>,
    ways: Vec<Way>,
    frames: Vec<Frame>,
    arrivals: Vec<Arrival>,
    /// Per atom: the bonds that close rings there, in the order they were met.
    closures: Vec<Vec<u32>>,
    /// Per bond: the number of the ring that it closes, 0 before it is opened.
    numbers: Vec<u8>,
    /// Ring numbers in use.
    open: Vec<bool>,
    closed: Vec<u8>,
    /// Per atom: its bonds in the order in which they are followed.
    followed: Vec<Vec<u32>>,
    /// Atoms with a chiral tag, and where in the text its mark belongs.
    handed: Vec<(u32, usize)>,
    /// Bonds in the order in which they are written, if some double bond has a
    /// configuration, and where in the text they are.
    steps: Vec<Step>,
    places: Vec<usize>,
    directions: Directions,
    /// Marks to insert, and where.
    marks: Vec<(usize, &'static str)>,
}

impl Writer {
    /// Writes the canonical text of a sanitised molecule.
    pub(super) fn write(&mut self, mol: &FlatMol, ranks: &[u32]) -> Option<()> {
        let first = ranks.iter().position(|&rank| rank == 0)? as u32;
        let n = mol.atoms.len();
        self.text.clear();
        self.order.clear();
        self.closures.iter_mut().for_each(Vec::clear);
        if self.closures.len() < n {
            self.closures.resize_with(n, Vec::new);
        }
        self.walk(mol, ranks, first);
        self.numbers.clear();
        self.numbers.resize(mol.bonds.len(), 0);
        self.open.clear();
        self.handed.clear();
        self.steps.clear();
        self.places.clear();
        self.write_text(mol)?;
        self.marks.clear();
        self.mark_chiral_tags(mol, first);
        if !mol.configurations.is_empty() {
            self.mark_directions(mol)?;
            self.marks.sort_unstable();
        }
        for (place, mark) in self.marks.iter().rev() {
            self.text.insert_str(*place, mark);
        }
        Some(())
    }

    /// Marks the directions of bonds. `None` where one has a symbol already.
    fn mark_directions(&mut self, mol: &FlatMol) -> Option<()> {
        self.directions.find(mol, &self.order, &self.steps)?;
        for (step, &place) in self.steps.iter().zip(&self.places) {
            let Some(rises) = self.directions.of(step.bond) else { continue };
            if matches!(self.text.as_bytes().get(place), Some(b'-' | b':')) {
                return None;
            }
            self.marks.push((place, if rises { "/" } else { "\\" }));
        }
        Some(())
    }

    /// Marks how each handed atom turns as its bonds were followed. A hydrogen
    /// is written after the bond that leads to the atom, so first at the first atom.
    fn mark_chiral_tags(&mut self, mol: &FlatMol, first: u32) {
        for &(atom, place) in &self.handed {
            let Some(chiral_tag) = mol.atoms[atom as usize].chiral_tag else { continue };
            let hydrogen_first = atom == first && mol.degree(atom) == 3;
            let turns = odd(&self.followed[atom as usize]) != hydrogen_first;
            let mark = match chiral_tag.turned(turns) {
                ChiralTag::Clockwise => "@@",
                ChiralTag::CounterClockwise => "@",
            };
            self.marks.push((place, mark));
        }
    }

    /// The walk (`dfsFindCycles`).
    fn walk(&mut self, mol: &FlatMol, ranks: &[u32], first: u32) {
        self.visits.clear();
        self.visits.resize(mol.atoms.len(), Visit::Not);
        self.ways.clear();
        self.frames.clear();
        self.arrivals.clear();
        let start = Arrival { atom: first, via: None, after_branch: false, in_branch: false };
        self.arrivals.push(start);
        self.enter(mol, ranks, first, None);
        while let Some(frame) = self.frames.last_mut() {
            let Frame { atom, start, end, next, branch } = *frame;
            if next == end {
                self.visits[atom as usize] = Visit::Done;
                self.ways.truncate(start);
                self.frames.pop();
                continue;
            }
            let way = self.ways[next];
            frame.next += 1;
            match self.visits[way.to as usize] {
                Visit::Not => {
                    frame.branch = self.arrivals.len();
                    // What is followed by another was a branch.
                    self.arrivals[branch].in_branch = branch > 0;
                    let via = Some((way.bond, atom));
                    self.arrivals.push(Arrival {
                        atom: way.to,
                        via,
                        after_branch: branch > 0,
                        in_branch: false,
                    });
                    self.enter(mol, ranks, way.to, Some(way.bond));
                }
                Visit::Open => {
                    self.closures[way.to as usize].push(way.bond);
                    self.closures[atom as usize].push(way.bond);
                }
                Visit::Done => {}
            }
        }
    }

    fn enter(&mut self, mol: &FlatMol, ranks: &[u32], atom: u32, via: Option<u32>) {
        self.visits[atom as usize] = Visit::Open;
        let start = self.ways.len();
        for neighbor in mol.neighbors(atom) {
            if Some(neighbor.bond) == via {
                continue;
            }
            let kind = MAX_BOND_TYPE - mol.bonds[neighbor.bond as usize].order as i64;
            let mut rank = i64::from(ranks[neighbor.to as usize]);
            if self.visits[neighbor.to as usize] == Visit::Open {
                rank += kind * MAX_ATOMS - (MAX_BOND_TYPE + 1) * MAX_ATOMS * MAX_ATOMS;
            } else if mol.bond_rings[neighbor.bond as usize] != 0 {
                rank += kind * MAX_ATOMS * MAX_ATOMS;
            }
            let mut to = self.ways.len();
            let way = Way { rank, to: neighbor.to, bond: neighbor.bond };
            self.ways.push(way);
            while to > start && self.ways[to - 1].rank > rank {
                self.ways[to] = self.ways[to - 1];
                to -= 1;
            }
            self.ways[to] = way;
        }
        let end = self.ways.len();
        self.frames.push(Frame { atom, start, end, next: start, branch: 0 });
    }

    /// Writes the atoms as the walk met them.
    fn write_text(&mut self, mol: &FlatMol) -> Option<()> {
        for at in 0..self.arrivals.len() {
            let Arrival { atom, via, after_branch, in_branch } = self.arrivals[at];
            if after_branch {
                self.text.push(')');
            }
            if in_branch {
                self.text.push('(');
            }
            if let Some((bond, from)) = via {
                if mol.atoms[from as usize].chiral_tag.is_some() {
                    self.followed[from as usize].push(bond);
                }
                self.write_bond(mol, bond, from);
            }
            let mark = write_atom(&mut self.text, mol, atom);
            self.order.push(atom);
            let closures = std::mem::take(&mut self.closures[atom as usize]);
            if mol.atoms[atom as usize].chiral_tag.is_some() {
                self.handed.push((atom, mark));
                self.followed.resize_with(self.followed.len().max(mol.atoms.len()), Vec::new);
                let followed = &mut self.followed[atom as usize];
                followed.clear();
                followed.extend(via.iter().map(|(bond, _)| bond).chain(&closures));
            }
            if !closures.is_empty() {
                self.write_closures(mol, atom, &closures)?;
            }
            self.closures[atom as usize] = closures;
        }
        Some(())
    }

    /// Writes the ring numbers of an atom. A number that is closed here is
    /// free from the next atom on.
    fn write_closures(&mut self, mol: &FlatMol, atom: u32, closures: &[u32]) -> Option<()> {
        self.closed.clear();
        for &bond in closures {
            let mut number = self.numbers[bond as usize];
            if number == 0 {
                let free = self.open.iter().position(|&open| !open).unwrap_or(self.open.len());
                if free == self.open.len() {
                    self.open.push(false);
                }
                if free >= MAX_OPEN {
                    return None;
                }
                self.open[free] = true;
                number = free as u8 + 1;
                self.numbers[bond as usize] = number;
            } else {
                self.write_bond(mol, bond, atom);
                self.closed.push(number);
            }
            if number >= 10 {
                self.text.push('%');
                self.text.push(char::from(b'0' + number / 10));
            }
            self.text.push(char::from(b'0' + number % 10));
        }
        for &number in &self.closed {
            self.open[usize::from(number) - 1] = false;
        }
        Some(())
    }

    /// Writes a bond that starts from atom `left`.
    fn write_bond(&mut self, mol: &FlatMol, index: u32, left: u32) {
        if !mol.configurations.is_empty() {
            self.steps.push(Step { bond: index, left });
            self.places.push(self.text.len());
        }
        let bond = &mol.bonds[index as usize];
        let both = mol.atoms[bond.begin as usize].aromatic && mol.atoms[bond.end as usize].aromatic;
        let symbol = match bond.order {
            Order::Single if both && !bond.aromatic => '-',
            Order::Double if !both || !bond.aromatic => '=',
            Order::Triple => '#',
            Order::Aromatic if !both => ':',
            _ => return,
        };
        self.text.push(symbol);
    }
}

/// Writes an atom; where a mark of its chiral tag belongs.
fn write_atom(text: &mut String, mol: &FlatMol, index: u32) -> usize {
    let atom = &mol.atoms[index as usize];
    let hydrogens = atom.total_hs();
    let bracket = atom.needs_bracket();
    if bracket {
        text.push('[');
    }
    let (first, second) = match atom.z {
        5 => ('B', None),
        6 => ('C', None),
        7 => ('N', None),
        8 => ('O', None),
        9 => ('F', None),
        14 => ('S', Some('i')),
        15 => ('P', None),
        16 => ('S', None),
        17 => ('C', Some('l')),
        33 => ('A', Some('s')),
        34 => ('S', Some('e')),
        35 => ('B', Some('r')),
        52 => ('T', Some('e')),
        _ => ('I', None),
    };
    let lower = atom.aromatic && matches!(atom.z, 5..=8 | 14..=16 | 33 | 34 | 52);
    text.push(if lower { first.to_ascii_lowercase() } else { first });
    text.extend(second);
    let mark = text.len();
    if !bracket {
        return mark;
    }
    if hydrogens > 0 {
        text.push('H');
        if hydrogens > 1 {
            text.push_str(&hydrogens.to_string());
        }
    }
    match atom.charge {
        0 => {}
        1.. => text.push('+'),
        _ => text.push('-'),
    }
    text.push(']');
    mark
}
