//! A molecule as its canonical SMILES has it, and the reading of a canonical
//! SMILES. How a text becomes canonical is not its business.

use std::sync::OnceLock;

use chematic::core as cc;
use chematic::smiles as cs;

use super::catch_panic::catch_panic;
use super::error::MoleculeError;
use super::fast::{self, FastMol, Sanitized};
use super::graph::{Bond, BondOrder, HeavyGraph};
use super::morgan::MorganAtom;
use super::topology;

/// A sanitised molecule, its atoms numbered as in its canonical SMILES.
///
/// Descriptors and fingerprint are computed when asked for. Memory: about
/// 300 bytes per atom.
#[derive(Clone)]
pub struct Molecule {
    /// The chemistry crate's model of the canonical SMILES, once it is needed.
    model: OnceLock<cc::Molecule>,
    pub(super) canonical_smiles: String,
    pub(super) atom_aromatic: Vec<bool>,
    /// What a fingerprint says of each atom, where it is known.
    pub(super) morgan_atoms: Option<Vec<MorganAtom>>,
    pub(super) bonds: Vec<Bond>,
    pub(super) graph: HeavyGraph,
    /// Where reading found it.
    pub(super) rewirable: Option<FastMol>,
    pub(super) heavy_atom_count: usize,
    pub(super) component_count: usize,
}

impl std::fmt::Debug for Molecule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Molecule").field(&self.canonical_smiles).finish()
    }
}

impl Molecule {
    pub(super) fn from_fast(found: Sanitized<'_>, rewirable: Option<FastMol>) -> Self {
        let graph = found.graph();
        let isotopes = fast::has_isotopes(found.canonical_smiles);
        Self {
            model: OnceLock::new(),
            canonical_smiles: found.canonical_smiles.to_owned(),
            atom_aromatic: found.atom_aromatic(),
            morgan_atoms: if isotopes { None } else { found.morgan_atoms() },
            bonds: found.bonds(),
            heavy_atom_count: graph.atomic_numbers.len(),
            component_count: 1,
            graph,
            rewirable,
        }
    }

    /// The chemistry crate's model of the canonical SMILES.
    pub(super) fn model(&self) -> Result<&cc::Molecule, MoleculeError> {
        if let Some(model) = self.model.get() {
            return Ok(model);
        }
        let model = catch_panic(|| parse(&self.canonical_smiles))??;
        Ok(self.model.get_or_init(|| model))
    }

    /// Reads a canonical SMILES that the chemistry crate has just written.
    pub(super) fn from_canonical(canonical_smiles: String) -> Result<Self, MoleculeError> {
        match fast::perceived(&canonical_smiles, |found, _| Self::from_fast(found, None)) {
            Some(molecule) => Ok(molecule),
            None => Self::perceived_by_crate(canonical_smiles),
        }
    }

    /// The same by the chemistry crate alone.
    pub(super) fn perceived_by_crate(canonical_smiles: String) -> Result<Self, MoleculeError> {
        let model = parse(&canonical_smiles)?;
        let sanitized = cs::rdkit_sanitized_model(&model)?;
        let n = model.atom_count();
        let atom_aromatic: Vec<bool> =
            sanitized.atoms.iter().map(|a| a.is_some_and(|(aromatic, _, _)| aromatic)).collect();
        let mut bonds = Vec::with_capacity(model.bond_count());
        for index in model.rdkit_bond_order() {
            let Some(order) = sanitized.bonds[index.0 as usize] else { continue };
            let entry = model.bond(index);
            bonds.push(Bond {
                begin: entry.atom1.0,
                end: entry.atom2.0,
                order: convert_order(order)?,
                in_ring: false,
            });
        }
        topology::mark_ring_bonds(n, &mut bonds);
        let component_count = topology::count_components(n, &bonds);
        let graph = topology::heavy_graph(&model, &bonds);
        let heavy_atom_count = graph.atomic_numbers.len();
        Ok(Self {
            model: OnceLock::from(model),
            canonical_smiles,
            atom_aromatic,
            morgan_atoms: None,
            bonds,
            graph,
            rewirable: None,
            heavy_atom_count,
            component_count,
        })
    }

    /// Whether sanitising found the aromatic atoms and bonds that the canonical
    /// SMILES was written with; if so, writing it again changes nothing.
    ///
    /// # Errors
    /// [`MoleculeError`] where the chemistry crate cannot read it.
    pub(super) fn perceived_as_written(&self) -> Result<bool, MoleculeError> {
        let model = self.model()?;
        let atoms = model.atoms().map(|(_, atom)| atom.aromatic);
        let bonds = model.rdkit_bond_order().into_iter();
        let written = bonds.map(|bond| model.bond(bond).order == cc::BondOrder::Aromatic);
        let perceived = self.bonds.iter().map(|bond| bond.order == BondOrder::Aromatic);
        Ok(atoms.eq(self.atom_aromatic.iter().copied()) && written.eq(perceived))
    }

    /// The canonical SMILES.
    #[must_use]
    pub fn canonical_smiles(&self) -> &str {
        &self.canonical_smiles
    }

    /// The heavy-atom graph, nodes in canonical order.
    #[must_use]
    pub fn graph(&self) -> &HeavyGraph {
        &self.graph
    }

    /// Bonds in the order in which the canonical SMILES makes them: chain
    /// bonds as written, then ring closures.
    #[must_use]
    pub fn bonds(&self) -> &[Bond] {
        &self.bonds
    }

    /// Number of atoms of any kind that the canonical SMILES writes.
    #[must_use]
    pub fn atom_count(&self) -> usize {
        self.atom_aromatic.len()
    }

    /// Number of atoms with Z > 1; hydrogens and dummies do not count.
    #[must_use]
    pub fn heavy_atom_count(&self) -> usize {
        self.heavy_atom_count
    }

    /// Number of connected components, over all atoms and bonds.
    #[must_use]
    pub fn component_count(&self) -> usize {
        self.component_count
    }
}

/// The only recursion in reading is one call per open parenthesis, of which
/// the crate allows 500: under 256 KiB of stack.
pub(super) fn parse(smiles: &str) -> Result<cc::Molecule, MoleculeError> {
    cs::parse(smiles).map_err(|e| match e {
        cs::SmilesError::NestingTooDeep { .. } => {
            MoleculeError::TooLarge("parentheses nested more than 500 deep".into())
        }
        other => MoleculeError::Syntax(other.to_string()),
    })
}

fn convert_order(order: cc::BondOrder) -> Result<BondOrder, MoleculeError> {
    Ok(match order {
        cc::BondOrder::Zero => BondOrder::Zero,
        cc::BondOrder::Single | cc::BondOrder::Up | cc::BondOrder::Down => BondOrder::Single,
        cc::BondOrder::Aromatic => BondOrder::Aromatic,
        cc::BondOrder::Double => BondOrder::Double,
        cc::BondOrder::Triple => BondOrder::Triple,
        cc::BondOrder::Quadruple => BondOrder::Quadruple,
        cc::BondOrder::Dative => BondOrder::Dative,
        other => return Err(MoleculeError::Unsupported(format!("bond order {other:?}"))),
    })
}
