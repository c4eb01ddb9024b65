//! A molecule's graph between taking it apart and sanitising it again.
//!
//! An edited graph keeps the parent's aromatic flags, written hydrogen counts,
//! charges, chirality tags and bond directions. What it sanitises to depends
//! on the graph alone, not on how its atoms are numbered: Kekulé structures,
//! and with them the aromaticity of bridged rings, depend on the order in which
//! atoms and rings are met, so the graph is brought into a canonical numbering
//! first. This file must not know which edits are made.

use chematic::core as cc;
use chematic::smiles as cs;

use super::canonical::Molecule;
use super::catch_panic::catch_panic;
use super::error::MoleculeError;
use super::fast;
use super::fixed_form::fixed_form;
use super::labelling::{ColouredGraph, label, odd, ranks};

/// The edited graph is not a valid molecule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rewired graph does not sanitise: {0}")]
pub struct SanitizeError(pub String);

impl From<MoleculeError> for SanitizeError {
    fn from(error: MoleculeError) -> Self {
        Self(error.to_string())
    }
}

/// A bond of the parent as edits see it, begin and end as RDKit has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct EditBond {
    pub begin: u32,
    pub end: u32,
    pub order: cc::BondOrder,
    /// Direction mark of an aromatic bond, begin to end.
    pub direction: Option<cc::BondOrder>,
    pub in_ring: bool,
}

impl EditBond {
    /// A new single bond.
    pub(super) fn single(begin: u32, end: u32) -> Self {
        Self { begin, end, order: cc::BondOrder::Single, direction: None, in_ring: false }
    }

    /// Whether the bond is single; direction marks do not matter.
    pub(super) fn is_single(&self) -> bool {
        matches!(self.order, cc::BondOrder::Single | cc::BondOrder::Up | cc::BondOrder::Down)
    }
}

/// Atoms and bonds of a molecule that is being edited.
#[derive(Clone)]
pub struct EditableGraph {
    pub(super) atoms: Vec<cc::Atom>,
    /// Chirality tags are relative to the order of an atom's bonds herein.
    pub(super) bonds: Vec<EditBond>,
}

impl EditableGraph {
    /// Atoms and bonds of a sanitised molecule, begin, end and order of the
    /// bonds as RDKit has them.
    ///
    /// # Errors
    /// [`MoleculeError`] where the chemistry model cannot describe it.
    pub fn of(molecule: &Molecule) -> Result<Self, MoleculeError> {
        let model = molecule.model()?;
        let view = catch_panic(|| cs::rdkit_mol_view(model))??;
        if view.num_atoms() != model.atom_count() {
            return Err(MoleculeError::Unsupported("hydrogens left in a canonical SMILES".into()));
        }
        let atoms =
            model.atoms().zip(&view.atoms).map(|((_, a), seen)| edit_atom(a, seen)).collect();
        let bonds = view
            .bonds
            .iter()
            .enumerate()
            .map(|(index, bond)| {
                let source = cc::BondIdx(view.chematic_bond[index] as u32);
                edit_bond(model, source, bond, view.num_bond_rings(index) > 0)
            })
            .collect();
        Ok(Self { atoms, bonds })
    }

    /// Number of atoms, hydrogens that are atoms of the graph included.
    #[must_use]
    pub fn atom_count(&self) -> usize {
        self.atoms.len()
    }

    /// The same graph with its atoms in `order` (the old atom at each new
    /// place) and its bonds sorted by their ends; `None` unless `order` holds
    /// every atom once.
    #[must_use]
    pub fn renumbered(&self, order: &[u32]) -> Option<Self> {
        let mut places = order.to_vec();
        places.sort_unstable();
        let whole = places.iter().copied().eq(0..self.atoms.len() as u32);
        whole.then(|| self.in_order(order))
    }

    /// The graph in its canonical numbering.
    fn canonical(&self) -> Self {
        self.in_order(&label(&self.coloured()))
    }

    /// Sanitises the graph; the result does not depend on its numbering.
    ///
    /// # Errors
    /// [`SanitizeError`] where it is no valid molecule.
    pub fn sanitized(&self) -> Result<Molecule, SanitizeError> {
        let text = self.canonical().stable_text()?;
        Ok(catch_panic(|| Molecule::from_canonical(text))??)
    }

    /// The canonical SMILES of the graph sanitised as it is numbered: one that
    /// reading and writing again leaves as it is (see [`fixed_form`]).
    pub(super) fn stable_text(&self) -> Result<String, MoleculeError> {
        let text = catch_panic(|| fixed_form(cs::rdkit_canonical_smiles(&self.model())?))??;
        catch_panic(|| fast::with_relevant_rings(text))
    }

    pub(super) fn coloured(&self) -> ColouredGraph {
        let edges = self.bonds.iter().map(|bond| {
            let (from_begin, from_end) = bond_colours(bond);
            [(bond.begin, from_begin), (bond.end, from_end)]
        });
        let key = |atom: &cc::Atom| {
            (
                if atom.wildcard { 0 } else { atom.element.atomic_number() },
                atom.isotope,
                atom.charge,
                atom.hydrogen_count,
                atom.aromatic,
                atom.atom_map,
                atom.chirality != cc::Chirality::None,
            )
        };
        let parity = |atom: &cc::Atom| match atom.chirality {
            cc::Chirality::Clockwise => Some(true),
            cc::Chirality::CounterClockwise => Some(false),
            _ => None,
        };
        let parities = self.atoms.iter().map(parity).collect();
        ColouredGraph::new(ranks(&self.atoms, key), parities, edges)
    }

    pub(super) fn in_order(&self, order: &[u32]) -> Self {
        let mut place = vec![0; order.len()];
        for (at, &v) in order.iter().enumerate() {
            place[v as usize] = at as u32;
        }
        let mut seen: Vec<Vec<u32>> = vec![Vec::new(); order.len()];
        let mut bonds: Vec<EditBond> = Vec::with_capacity(self.bonds.len());
        for bond in &self.bonds {
            let (begin, end) = (place[bond.begin as usize], place[bond.end as usize]);
            seen[begin as usize].push(end);
            seen[end as usize].push(begin);
            let turned = begin > end && bond.order != cc::BondOrder::Dative;
            let (begin, end) = if turned { (end, begin) } else { (begin, end) };
            let turn = |mark| if turned { flipped(mark) } else { mark };
            let (order, direction) = (turn(bond.order), bond.direction.map(turn));
            bonds.push(EditBond { begin, end, order, direction, in_ring: bond.in_ring });
        }
        bonds.sort_unstable_by_key(|bond| (bond.begin.min(bond.end), bond.begin.max(bond.end)));
        let atoms = order
            .iter()
            .zip(&seen)
            .map(|(&v, seen)| {
                let mut atom = self.atoms[v as usize].clone();
                // Sorted bonds meet an atom's neighbours in ascending order.
                if odd(seen) {
                    atom.chirality = match atom.chirality {
                        cc::Chirality::Clockwise => cc::Chirality::CounterClockwise,
                        cc::Chirality::CounterClockwise => cc::Chirality::Clockwise,
                        other => other,
                    };
                }
                atom
            })
            .collect();
        Self { atoms, bonds }
    }

    /// The graph as the chemistry crate takes it.
    fn model(&self) -> cc::Molecule {
        let mut builder = cc::MoleculeBuilder::with_capacity(self.atoms.len(), self.bonds.len());
        for atom in &self.atoms {
            builder.add_atom(atom.clone());
        }
        let mut neighbours: Vec<Vec<u32>> = vec![Vec::new(); self.atoms.len()];
        for bond in &self.bonds {
            let (begin, end) = (cc::AtomIdx(bond.begin), cc::AtomIdx(bond.end));
            // No edit bonds a pair of atoms twice.
            let Ok(index) = builder.add_bond(begin, end, bond.order) else { continue };
            if let Some(direction) = bond.direction {
                builder.set_bond_direction(index, direction);
                builder.set_bond_direction_anchor(index, begin);
            }
            neighbours[bond.begin as usize].push(bond.end);
            neighbours[bond.end as usize].push(bond.begin);
        }
        for (index, (atom, mut order)) in self.atoms.iter().zip(neighbours).enumerate() {
            if atom.chirality == cc::Chirality::None {
                continue;
            }
            if order.len() == 3 && atom.hydrogen_count.unwrap_or(0) > 0 {
                order.push(cc::STEREO_H_SENTINEL);
            }
            builder.set_stereo_neighbor_order(cc::AtomIdx(index as u32), order);
        }
        builder.build()
    }
}

fn edit_atom(written: &cc::Atom, seen: &cs::RdkitViewAtom) -> cc::Atom {
    let mut atom = written.clone();
    atom.aromatic = seen.is_aromatic;
    atom.charge = seen.formal_charge as i8;
    atom.chirality = match seen.chiral_tag {
        1 => cc::Chirality::Clockwise,
        2 => cc::Chirality::CounterClockwise,
        // Permutations of metal centres depend on the numbering.
        _ => cc::Chirality::None,
    };
    if atom.element == cc::Element::H && !atom.wildcard && atom.charge == 0 {
        // Marks hydrogens that sanitising has to leave alone.
        atom.hydrogen_count = None;
    }
    atom
}

fn flipped(direction: cc::BondOrder) -> cc::BondOrder {
    match direction {
        cc::BondOrder::Up => cc::BondOrder::Down,
        cc::BondOrder::Down => cc::BondOrder::Up,
        other => other,
    }
}

fn edit_bond(
    model: &cc::Molecule,
    source: cc::BondIdx,
    seen: &cs::RdkitViewBond,
    in_ring: bool,
) -> EditBond {
    let written = model.bond(source);
    let begin = seen.begin as u32;
    let mark = match (model.bond_direction(source), written.order) {
        (Some(mark), _) => {
            Some((mark, model.bond_direction_anchor(source).unwrap_or(written.atom1)))
        }
        (None, mark @ (cc::BondOrder::Up | cc::BondOrder::Down)) => Some((mark, written.atom1)),
        (None, _) => None,
    };
    let direction = mark.map(|(mark, from)| if from.0 == begin { mark } else { flipped(mark) });
    let order = match seen.bond_type {
        2 => cc::BondOrder::Double,
        3 => cc::BondOrder::Triple,
        4 => cc::BondOrder::Quadruple,
        12 => cc::BondOrder::Aromatic,
        17 => cc::BondOrder::Dative,
        _ => direction.unwrap_or(cc::BondOrder::Single),
    };
    let direction = direction.filter(|_| order == cc::BondOrder::Aromatic);
    EditBond { begin, end: seen.end as u32, order, direction, in_ring }
}

/// A bond's kind as seen from its begin and from its end.
fn bond_colours(bond: &EditBond) -> (u8, u8) {
    match (bond.order, bond.direction) {
        (cc::BondOrder::Single, _) => (0, 0),
        (cc::BondOrder::Double, _) => (1, 1),
        (cc::BondOrder::Triple, _) => (2, 2),
        (cc::BondOrder::Quadruple, _) => (3, 3),
        (cc::BondOrder::Aromatic, None) => (4, 4),
        (cc::BondOrder::Dative, _) => (5, 6),
        (cc::BondOrder::Up, _) => (7, 8),
        (cc::BondOrder::Down, _) => (8, 7),
        (cc::BondOrder::Aromatic, Some(cc::BondOrder::Up)) => (9, 10),
        (cc::BondOrder::Aromatic, Some(_)) => (10, 9),
        _ => (11, 11),
    }
}
