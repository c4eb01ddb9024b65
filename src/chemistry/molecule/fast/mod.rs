//! FlatMol molecules, sanitised and written canonically in flat arrays.
//!
//! Most molecules of a library are plain: one component, no stereo marks but
//! those of carbons whose neighbours differ and of double bonds, where none
//! depends on another, no isotopes, atom maps, explicit hydrogens, dummies or
//! metals, charges of one at most. For them this module does what the chemistry
//! crate does when it sanitises and writes a molecule, with the same result, in
//! a fraction of the time: both follow RDKit 2026.03 (BSD-3-Clause, see NOTICE),
//! operation for operation, but for rings, which are those of RDKit 2026.09 here. Whatever is not plain, or wrong in any way, is
//! `None`, and the chemistry crate decides. It must not know of files, operators
//! or runs.

mod aromatic;
mod directions;
mod graph;
mod kekule;
mod numbering;
mod rank;
mod read;
mod rewire;
mod rings;

mod stereo;
mod ties;
mod valence;
mod write;

use std::cell::RefCell;

use self::graph::{FlatMol, Order, Rows};
use self::numbering::depends_on_numbering;
use self::read::Marks;
pub(super) use self::rewire::{
    FastBond, FastMol, FastProduct, FastRewired, fingerprint, has_isotopes,
};
use self::rings::Rings;
pub(super) use self::valence::{hypervalent, of_aromatic};
use super::graph::{Bond, BondOrder, HeavyBond, HeavyGraph};
use super::morgan::{MorganAtom, MorganBond};

/// A plain molecule, sanitised, in the order of its canonical SMILES.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sanitized<'a> {
    pub canonical_smiles: &'a str,
    mol: &'a FlatMol,
    /// Whether its rings are the only smallest ones possible.
    has_unique_rings: bool,
}

impl Sanitized<'_> {
    pub(super) fn graph(&self) -> HeavyGraph {
        heavy_graph(self.mol, |atom| atom)
    }

    pub(super) fn bonds(&self) -> Vec<Bond> {
        let bonds = self.mol.bonds.iter().zip(&self.mol.bond_rings);
        bonds
            .map(|(bond, &rings)| Bond {
                begin: bond.begin,
                end: bond.end,
                order: match bond.order {
                    Order::Single => BondOrder::Single,
                    Order::Double => BondOrder::Double,
                    Order::Triple => BondOrder::Triple,
                    Order::Aromatic => BondOrder::Aromatic,
                },
                in_ring: rings > 0,
            })
            .collect()
    }

    pub(super) fn atom_aromatic(&self) -> Vec<bool> {
        self.mol.atoms.iter().map(|atom| atom.aromatic).collect()
    }

    /// What a fingerprint says of each atom; `None` where aromaticity depends on
    /// the numbering, so that the chemistry crate's fingerprint may see another.
    pub(super) fn morgan_atoms(&self) -> Option<Vec<MorganAtom>> {
        let old = self.mol.bonds.len();
        (!depends_on_numbering(self.mol, None, old)).then(|| morgan_atoms(self.mol).collect())
    }
}

/// What a fingerprint says of the atoms and bonds of a canonical SMILES of any
/// number of parts, numbered as written; `None` where one part is not plain but
/// for marks that a fingerprint does not see, or aromaticity depends on numbering.
pub(super) fn morgan_graph(text: &str) -> Option<(Vec<MorganAtom>, Vec<MorganBond>)> {
    if has_isotopes(text) {
        return None;
    }
    WORKSPACE.with(|workspace| {
        let mut workspace = workspace.try_borrow_mut().ok()?;
        let (mut atoms, mut bonds) = (Vec::new(), Vec::new());
        for part in text.split('.') {
            workspace.perceive(part, Marks::Ignore)?;
            let Workspace { mol, rings, .. } = &mut *workspace;
            if depends_on_numbering(mol, Some(rings), mol.bonds.len()) {
                return None;
            }
            let first = atoms.len() as u32;
            atoms.extend(morgan_atoms(mol));
            bonds.extend(mol.bonds.iter().map(|bond| MorganBond {
                begin: first + bond.begin,
                end: first + bond.end,
                order: bond.order as u32,
            }));
        }
        Some((atoms, bonds))
    })
}

/// What a fingerprint says of each atom.
fn morgan_atoms(mol: &FlatMol) -> impl Iterator<Item = MorganAtom> {
    mol.atoms.iter().enumerate().map(|(index, atom)| {
        let hydrogens = atom.total_hs() as u32;
        MorganAtom {
            atomic_number: atom.z,
            total_degree: mol.degree(index as u32) as u32 + hydrogens,
            hydrogens,
            charge: atom.charge.into(),
            in_ring: mol.atom_rings[index] > 0,
        }
    })
}

/// The canonical SMILES of one part in which the chemistry crate may find other rings than RDKit:
/// several sets of rings are smallest, or an oxygen or sulfur is in a small ring and a large one, of
/// which the smaller decides whether it is aromatic.
pub(super) fn of_relevant_rings(part: &str) -> Option<String> {
    let written = sanitized(part, |found, _| {
        let mut atoms = 0..found.mol.atoms.len() as u32;
        let differs = !found.has_unique_rings
            || atoms.any(|atom| aromatic::depends_on_ring_order(found.mol, atom));
        differs.then(|| found.canonical_smiles.to_owned())
    });
    written.flatten()
}

/// A canonical text of the chemistry crate, each such part of it written again.
pub(super) fn with_relevant_rings(text: String) -> String {
    let again: Vec<Option<String>> = text.split('.').map(of_relevant_rings).collect();
    if again.iter().all(Option::is_none) {
        return text;
    }
    let parts = text.split('.').zip(again);
    let mut parts: Vec<String> =
        parts.map(|(part, again)| again.unwrap_or_else(|| part.to_owned())).collect();
    parts.sort_unstable();
    parts.join(".")
}

/// One thread's buffers.
#[derive(Default)]
struct Workspace {
    reader: read::Reader,
    mol: FlatMol,
    rings: rings::RingFinder,
    kekulizer: kekule::Kekulizer,
    perceiver: aromatic::Perceiver,
    stereo: stereo::StereoPerceiver,
    ranker: rank::Ranker,
    writer: write::Writer,
    written: Vec<bool>,
    /// Per atom: its place in the canonical SMILES.
    places: Vec<u32>,
    rows: Rows,
    /// The atoms as they were last read, and what was read of their marks.
    read_atoms: Vec<graph::Atom>,
    marks: Marks,
}

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

/// Reads and sanitises a SMILES text that the scan has passed, and hands what
/// it found to `take`, with the graph for rewiring if it has one; `None` if it is
/// no plain molecule or no valid one.
pub(super) fn sanitized<T>(
    text: &str,
    take: impl FnOnce(Sanitized<'_>, Option<FastMol>) -> T,
) -> Option<T> {
    WORKSPACE.with(|workspace| {
        let mut workspace = workspace.try_borrow_mut().ok()?;
        if workspace.canonicalize(text)? {
            workspace.renumber()?;
        } else if !workspace.reread()? {
            return None;
        }
        let graph = workspace.rewirable();
        let Workspace { writer, mol, rings, .. } = &*workspace;
        let (canonical_smiles, has_unique_rings) = (&*writer.text, rings.unique);
        Some(take(Sanitized { canonical_smiles, mol, has_unique_rings }, graph))
    })
}

/// The canonical SMILES of a text that the scan has passed, and its graph;
/// `None` as of [`sanitized`].
pub(super) fn graph(text: &str) -> Option<(String, HeavyGraph)> {
    WORKSPACE.with(|workspace| workspace.try_borrow_mut().ok()?.graph(text))
}

/// The graph of a text that the scan has passed, of any number of atoms, with atoms
/// and bonds as they are written: valences are checked, rings are not looked for. `None` as of
/// [`sanitized`].
pub(super) fn as_written(text: &str) -> Option<HeavyGraph> {
    // Buffers of its own: they are too large to keep.
    let (mut reader, mut mol) = (read::Reader::default(), FlatMol::default());
    reader.read_up_to(text.as_bytes(), Marks::Ignore, usize::MAX, &mut mol)?;
    mol.update_valences()?;
    let graph = heavy_graph(&mol, |atom| atom);
    let bonds = graph.bonds.windows(2);
    let once = bonds.into_iter().all(|pair| (pair[0].i, pair[0].j) < (pair[1].i, pair[1].j));
    once.then_some(graph)
}

/// Sanitises a canonical SMILES, with any marks that say nothing of valences.
/// `take` is also told whether it found the aromatic atoms and bonds that the
/// text was written with. `None` as of [`sanitized`].
pub(super) fn perceived<T>(text: &str, take: impl FnOnce(Sanitized<'_>, bool) -> T) -> Option<T> {
    WORKSPACE.with(|workspace| {
        let mut workspace = workspace.try_borrow_mut().ok()?;
        let as_written = workspace.perceive(text, Marks::Ignore)?;
        let Workspace { mol, rings, .. } = &*workspace;
        let found = Sanitized { canonical_smiles: text, mol, has_unique_rings: rings.unique };
        Some(take(found, as_written))
    })
}

impl Workspace {
    fn graph(&mut self, text: &str) -> Option<(String, HeavyGraph)> {
        let graph = if self.canonicalize(text)? {
            self.renumbered()
        } else {
            let as_written = self.reread()?;
            as_written.then(|| heavy_graph(&self.mol, |atom| atom))?
        };
        Some((self.writer.text.clone(), graph))
    }

    /// Reads, sanitises and writes canonically; whether reading that again is
    /// sure to find the same molecule. Which atoms of a ring system get a double
    /// bond does not depend on the numbering, nor do rings that are the only ones
    /// possible, nor then aromaticity. So it is, if the text was written with
    /// the aromatic atoms and bonds that were found, and every hydrogen that
    /// was counted will be counted again.
    fn canonicalize(&mut self, text: &str) -> Option<bool> {
        let as_written = self.perceive(text, Marks::Read)?;
        self.stereo.perceive(&mut self.mol)?;
        let ranks = self.ranker.rank(&self.mol)?;
        self.writer.write(&self.mol, ranks)?;
        Some(as_written && self.reads_the_same())
    }

    /// Whether what `fast` holds, written with the aromatic atoms and bonds that
    /// were found, is sure to be found again.
    fn reads_the_same(&self) -> bool {
        // A triple bond of an aromatic ring is not written as aromatic.
        let is_written = |bond: &graph::Bond| !bond.aromatic || bond.order == Order::Aromatic;
        self.rings.unique
            && self.mol.bonds.iter().all(is_written)
            && !self.mol.atoms.iter().any(graph::Atom::loses_bracket)
    }

    /// Perception may depend on the numbering, so that a molecule is what its
    /// canonical SMILES says: it is read as any other text.
    fn reread(&mut self) -> Option<bool> {
        self.with_written(|workspace, text| workspace.perceive(text, Marks::Read))
    }

    /// Hands on the text that was written last, and keeps it.
    fn with_written<T>(&mut self, take: impl FnOnce(&mut Self, &str) -> T) -> T {
        let text = std::mem::take(&mut self.writer.text);
        let taken = take(self, &text);
        self.writer.text = text;
        taken
    }

    /// The same for a text that is sure to be read the same: atoms are as they
    /// were found before.
    fn renumber(&mut self) -> Option<()> {
        let before = std::mem::take(&mut self.mol.atoms);
        self.with_written(|workspace, text| workspace.read(text, Marks::Read))?;
        for (atom, &place) in self.mol.atoms.iter_mut().zip(&self.writer.order) {
            let found = &before[place as usize];
            atom.implicit_hs = found.total_hs() - i32::from(atom.explicit_hs);
            atom.explicit_valence = found.total_valence() - atom.implicit_hs;
            atom.radicals = found.radicals;
            atom.no_implicit &= !atom.is_pyrrolic();
        }
        // Hydrogens that are written count as bonds there.
        let mut atoms = 0..self.mol.atoms.len() as u32;
        if atoms.any(|atom| self.mol.needs_clean_up(atom)) {
            return None;
        }
        self.rings.find(&mut self.mol, Rings::Smallest)
    }

    /// The graph in the order in which the atoms were written.
    fn renumbered(&mut self) -> HeavyGraph {
        let places = &mut self.places;
        places.clear();
        places.resize(self.mol.atoms.len(), 0);
        for (place, &atom) in self.writer.order.iter().enumerate() {
            places[atom as usize] = place as u32;
        }
        let mut graph = heavy_graph(&self.mol, |atom| places[atom as usize]);
        let atoms = self.writer.order.iter().map(|&atom| self.mol.atoms[atom as usize].z);
        graph.atomic_numbers.clear();
        graph.atomic_numbers.extend(atoms);
        graph
    }

    /// Reads and sanitises; whether it found the aromatic atoms and bonds that
    /// the text was written with.
    fn perceive(&mut self, text: &str, marks: Marks) -> Option<bool> {
        self.read(text, marks)?;
        self.note_aromatic();
        self.sanitize()?;
        Some(self.is_aromatic_as_noted())
    }

    /// Reads a text, and keeps what was read of it.
    fn read(&mut self, text: &str, marks: Marks) -> Option<()> {
        self.reader.read(text.as_bytes(), marks, &mut self.mol)?;
        self.marks = marks;
        self.read_atoms.clone_from(&self.mol.atoms);
        Some(())
    }

    /// Notes which atoms and bonds are aromatic.
    fn note_aromatic(&mut self) {
        self.written.clear();
        self.written.extend(aromatic_flags(&self.mol));
    }

    fn is_aromatic_as_noted(&self) -> bool {
        self.written.iter().copied().eq(aromatic_flags(&self.mol))
    }

    /// Whether what was noted is still aromatic.
    fn is_aromatic_where_noted(&self) -> bool {
        self.written.iter().zip(aromatic_flags(&self.mol)).all(|(&noted, is)| is || !noted)
    }

    /// RDKit's `sanitizeMol`, without what only stereochemistry needs.
    fn sanitize(&mut self) -> Option<()> {
        self.sanitize_with(Rings::Smallest)
    }

    fn sanitize_with(&mut self, rings: Rings) -> Option<()> {
        let mol = &mut self.mol;
        mol.update_valences()?;
        self.rings.find(mol, rings)?;
        self.kekulizer.kekulize(mol, &self.rings)?;
        mol.assign_radicals();
        self.perceiver.perceive(mol)?;
        mol.adjust_hydrogens()
    }
}

/// The graph with atoms at these places.
fn heavy_graph(mol: &FlatMol, place: impl Fn(u32) -> u32) -> HeavyGraph {
    let heavy = |bond: &graph::Bond| {
        let (a, b) = (place(bond.begin), place(bond.end));
        HeavyBond { i: a.min(b), j: a.max(b), doubled_order: bond.order.doubled() as u8 }
    };
    let mut bonds: Vec<HeavyBond> = mol.bonds.iter().map(heavy).collect();
    bonds.sort_unstable();
    HeavyGraph { atomic_numbers: mol.atoms.iter().map(|atom| atom.z).collect(), bonds }
}

fn aromatic_flags(mol: &FlatMol) -> impl Iterator<Item = bool> {
    let bonds = mol.bonds.iter().map(|bond| bond.order == Order::Aromatic);
    mol.atoms.iter().map(|atom| atom.aromatic).chain(bonds)
}

#[cfg(test)]
mod tests;
