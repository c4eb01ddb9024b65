//! Plain molecules with other bonds: sanitised and written as the chemistry
//! crate does it, and their fingerprints. It must not know which bonds change.

use super::graph::{Atom, Bond, Order, Plain};
use super::read::Marks;
use super::{WORKSPACE, Workspace, aromatic_flags, morgan_atoms};
use crate::molecule::fingerprint::Fingerprint;
use crate::molecule::morgan::{MorganBond, morgan};

/// A plain molecule as its canonical SMILES writes it.
#[derive(Debug, Clone)]
pub(in crate::molecule) struct PlainGraph {
    atoms: Vec<Atom>,
    bonds: Vec<Bond>,
    in_ring: Vec<bool>,
}

/// A bond as rewiring sees it, begin and end as RDKit has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::molecule) struct PlainBond {
    pub begin: u32,
    pub end: u32,
    pub single: bool,
    pub in_ring: bool,
}

/// A molecule that rewiring gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::molecule) struct PlainProduct {
    pub smiles: String,
    /// `None` where the fingerprint is left to the general path.
    pub fingerprint: Option<Fingerprint>,
}

impl PlainGraph {
    /// Reads a canonical SMILES; `None` unless it is a plain molecule that
    /// sanitising leaves as it is written.
    pub(in crate::molecule) fn read(canonical_smiles: &str) -> Option<Self> {
        WORKSPACE.with(|workspace| {
            let mut workspace = workspace.try_borrow_mut().ok()?;
            let Workspace { reader, plain, .. } = &mut *workspace;
            reader.read(canonical_smiles.as_bytes(), Marks::Refuse, plain)?;
            let (atoms, bonds) = (plain.atoms.clone(), plain.bonds.clone());
            workspace.note_aromatic();
            workspace.sanitize()?;
            let in_ring = workspace.plain.bond_rings.iter().map(|&rings| rings > 0).collect();
            let as_written = workspace.is_aromatic_as_noted();
            as_written.then_some(Self { atoms, bonds, in_ring })
        })
    }

    pub(in crate::molecule) fn is_aromatic(&self, atom: u32) -> bool {
        self.atoms[atom as usize].aromatic
    }

    pub(in crate::molecule) fn atom_count(&self) -> usize {
        self.atoms.len()
    }

    /// The bonds in RDKit's order: those of the chain as written, then those
    /// that close rings, which begin where they are closed.
    pub(in crate::molecule) fn bonds(&self) -> impl Iterator<Item = PlainBond> {
        let chain = self.atoms.len() - 1;
        self.bonds.iter().zip(&self.in_ring).enumerate().map(move |(index, (bond, &in_ring))| {
            let (low, high) = (bond.begin, bond.end);
            let (begin, end) = if index < chain { (low, high) } else { (high, low) };
            PlainBond { begin, end, single: bond.order == Order::Single, in_ring }
        })
    }

    /// The molecule with single bonds `made` instead of those between the
    /// atoms of `broken`; `None` where the general path has to decide.
    pub(in crate::molecule) fn rewired(
        &self,
        broken: [(u32, u32); MADE],
        made: [(u32, u32); MADE],
    ) -> Option<PlainProduct> {
        let ordered = |(a, b): (u32, u32)| (a.min(b), a.max(b));
        let (broken, made) = (broken.map(ordered), made.map(ordered));
        let kept = self.bonds.iter().filter(|bond| !broken.contains(&(bond.begin, bond.end)));
        let made =
            made.map(|(begin, end)| Bond { begin, end, order: Order::Single, aromatic: false });
        let bonds: Vec<Bond> = kept.copied().chain(made).collect();
        WORKSPACE.with(|workspace| workspace.try_borrow_mut().ok()?.settle(&self.atoms, &bonds))
    }
}

/// Bonds that rewiring makes; the last ones of a rewired graph.
const MADE: usize = 2;

impl Workspace {
    /// Sanitises and writes a graph component by component.
    fn settle(&mut self, atoms: &[Atom], bonds: &[Bond]) -> Option<PlainProduct> {
        let (component, _) = components(atoms.len(), bonds.iter());
        let count = component.iter().max().map_or(0, |&last| last + 1);
        let mut texts = Vec::with_capacity(count as usize);
        let mut fingerprint = Some(Fingerprint::empty());
        let mut place = vec![0; atoms.len()];
        for part in 0..count {
            self.plain.clear();
            for (index, atom) in atoms.iter().enumerate() {
                if component[index] == part {
                    place[index] = self.plain.atoms.len() as u32;
                    self.plain.atoms.push(*atom);
                }
            }
            let inside = bonds.iter().filter(|bond| component[bond.begin as usize] == part);
            self.plain.bonds.extend(inside.map(|bond| Bond {
                begin: place[bond.begin as usize],
                end: place[bond.end as usize],
                ..*bond
            }));
            let made = bonds[bonds.len() - MADE..].iter();
            let made = made.filter(|bond| component[bond.begin as usize] == part).count();
            self.plain.connect();
            self.note_aromatic();
            texts.push(self.settle_connected(made)?);
            fingerprint = match (fingerprint, fingerprint_of(&self.plain)) {
                (Some(whole), Some(part)) => Some(whole.union(&part)),
                _ => None,
            };
        }
        texts.sort_unstable();
        Some(PlainProduct { smiles: texts.join("."), fingerprint })
    }

    /// Notes which atoms and bonds are aromatic.
    fn note_aromatic(&mut self) {
        self.written.clear();
        self.written.extend(aromatic_flags(&self.plain));
    }

    fn is_aromatic_as_noted(&self) -> bool {
        self.written.iter().copied().eq(aromatic_flags(&self.plain))
    }

    /// Sanitises and writes what `plain` holds, its last `made` bonds new
    /// ones, reads it again, and leaves it as it was read. `None` unless
    /// reading and writing change nothing, and where the result could hang on
    /// the numbering: a ring that stops being aromatic takes any Kekulé
    /// structure, and RDKit finds bridged aromatic rings in some numberings
    /// only.
    fn settle_connected(&mut self, made: usize) -> Option<String> {
        self.sanitize()?;
        let made = self.plain.bonds.len() - made;
        if !self.is_aromatic_as_noted() || hangs_on_numbering(&self.plain, made) {
            return None;
        }
        let ranks = self.ranker.rank(&self.plain)?;
        self.writer.write(&self.plain, ranks)?;
        let text = self.writer.text.clone();
        self.reader.read(text.as_bytes(), Marks::Refuse, &mut self.plain)?;
        self.sanitize()?;
        let ranks = self.ranker.rank(&self.plain)?;
        self.writer.write(&self.plain, ranks)?;
        (self.writer.text == text).then_some(text)
    }
}

/// Whether aromaticity could hang on the numbering. Rings that could be
/// aromatic, as no atom has more than three neighbours, hydrogens included,
/// must have none of the bonds from `made` on, no more than one bond in common
/// with another ring, and there must be as many of them as independent cycles
/// through such atoms: none that only some numberings find.
pub(super) fn hangs_on_numbering(plain: &Plain, made: usize) -> bool {
    let crowded = |atom: u32| plain.degree(atom) + plain.atoms[atom as usize].total_hs() > 3;
    let open = |bond: &&Bond| !crowded(bond.begin) && !crowded(bond.end);
    let cycles = components(plain.atoms.len(), plain.bonds.iter().filter(open)).1;
    if cycles == 0 {
        return false;
    }
    let rings = &plain.ring_bonds;
    let new = |ring: usize| rings.row(ring).iter().any(|&bond| bond as usize >= made);
    let bridged = |ring: usize| {
        let common =
            |other: &[u32]| rings.row(ring).iter().filter(|bond| other.contains(bond)).count();
        (0..rings.len()).any(|other| other != ring && common(rings.row(other)) > 1)
    };
    let candidate = |&ring: &usize| !plain.ring_atoms.row(ring).iter().any(|&atom| crowded(atom));
    let mut found = 0;
    for ring in (0..rings.len()).filter(candidate) {
        if new(ring) || bridged(ring) {
            return true;
        }
        found += 1;
    }
    found != cycles
}

fn fingerprint_of(plain: &Plain) -> Option<Fingerprint> {
    let bonds = plain.bonds.iter().map(|bond| MorganBond {
        begin: bond.begin,
        end: bond.end,
        order: bond.order as u32,
    });
    morgan(morgan_atoms(plain), &bonds.collect::<Vec<_>>())
}

/// Each atom's component, numbered from 0, and how many independent cycles
/// there are.
fn components<'a>(atoms: usize, bonds: impl Iterator<Item = &'a Bond>) -> (Vec<u32>, usize) {
    fn root(parent: &mut [u32], mut atom: u32) -> u32 {
        while parent[atom as usize] != atom {
            parent[atom as usize] = parent[parent[atom as usize] as usize];
            atom = parent[atom as usize];
        }
        atom
    }
    let mut cycles = 0;
    let mut parent: Vec<u32> = (0..atoms as u32).collect();
    for bond in bonds {
        let (a, b) = (root(&mut parent, bond.begin), root(&mut parent, bond.end));
        cycles += usize::from(a == b);
        parent[a.max(b) as usize] = a.min(b);
    }
    // A root is the least atom of its component, so it is met first.
    let mut count = 0;
    let mut component = vec![0; atoms];
    for atom in 0..atoms as u32 {
        let root = root(&mut parent, atom);
        component[atom as usize] = if root == atom {
            count += 1;
            count - 1
        } else {
            component[root as usize]
        };
    }
    (component, cycles)
}
