//! Reading SMILES text into a sanitised molecule.

use std::sync::OnceLock;

use chematic::core as cc;
use chematic::smiles as cs;

use super::edit::fixed_form;
use super::graph::{Bond, BondOrder, HeavyGraph};
use super::guard::guarded;
use super::morgan::MorganAtom;
use super::plain::{self, PlainGraph, Sanitized};
use super::syntax::{self, Scan};
use super::topology;

/// A molecule with more than this many times the permitted heavy atoms is
/// refused as written, without asking whether it is a valid one.
const CLEARLY_TOO_LARGE: usize = 10;

/// Bounds on one molecule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseLimits {
    /// Longest accepted text, in bytes.
    pub max_bytes: usize,
    /// Deepest accepted nesting of parentheses; the parser itself stops at 500.
    pub max_nesting: usize,
    /// Most atoms of any kind, hydrogens and dummies included. Canonical
    /// numbering takes time quadratic in chains: 0.5 s for 5,000 atoms.
    pub max_atoms: usize,
    /// Most heavy atoms (Z > 1) of a molecule worth computing; `None` for no
    /// limit but the others. Above it the answer is
    /// [`MoleculeError::TooManyAtoms`], before any expensive perception.
    pub max_heavy_atoms: Option<usize>,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_nesting: 500, max_atoms: 10_000, max_heavy_atoms: None }
    }
}

impl ParseLimits {
    /// The default bounds with the guardrail of `max_heavy_atoms` heavy
    /// atoms; 0 means no guardrail.
    #[must_use]
    pub fn with_max_heavy_atoms(max_heavy_atoms: usize) -> Self {
        let max_heavy_atoms = (max_heavy_atoms > 0).then_some(max_heavy_atoms);
        Self { max_heavy_atoms, ..Self::default() }
    }

    fn heavy_atoms(&self) -> usize {
        self.max_heavy_atoms.unwrap_or(usize::MAX)
    }
}

/// Why a text is not a molecule, or not one to compute on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoleculeError {
    /// The text is no valid SMILES.
    #[error("invalid SMILES: {0}")]
    Syntax(String),
    /// The text parses but its valences or aromaticity make no molecule.
    #[error("not a valid molecule: {0}")]
    Sanitize(String),
    /// The text or the molecule is beyond a bound of [`ParseLimits`] or of
    /// the algorithms.
    #[error("molecule too large: {0}")]
    TooLarge(String),
    /// A valid molecule with more heavy atoms than the guardrail allows.
    #[error("too many heavy atoms: {found}, at most {limit}")]
    TooManyAtoms {
        /// Heavy atoms of the molecule.
        found: usize,
        /// Heavy atoms allowed.
        limit: usize,
    },
    /// A valid molecule with a feature that is not supported.
    #[error("unsupported chemistry: {0}")]
    Unsupported(String),
    /// The chemistry crate failed on the molecule: a defect worth a report.
    #[error("the chemistry library failed on this molecule: {0}")]
    Internal(String),
}

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
    pub(super) rewirable: Option<PlainGraph>,
    pub(super) heavy_atom_count: usize,
    pub(super) component_count: usize,
}

impl std::fmt::Debug for Molecule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Molecule").field(&self.canonical_smiles).finish()
    }
}

impl Molecule {
    /// Reads a SMILES text and sanitises it as RDKit's `MolFromSmiles` does.
    ///
    /// Surrounding blanks are ignored, and so is a name after the SMILES.
    ///
    /// ```
    /// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
    ///
    /// let molecule = Molecule::from_smiles(b"OCC ethanol", &ParseLimits::default())?;
    /// assert_eq!(molecule.canonical_smiles(), "CCO");
    /// assert_eq!(molecule.graph().atomic_numbers, [6, 6, 8]);
    /// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
    /// ```
    ///
    /// # Errors
    /// [`MoleculeError`] names what is wrong. An invalid text is reported as
    /// such before [`MoleculeError::TooManyAtoms`], unless it writes more
    /// than ten times the permitted heavy atoms: those are refused unread.
    pub fn from_smiles(text: &[u8], limits: &ParseLimits) -> Result<Self, MoleculeError> {
        let scan = admitted(text, limits)?;
        if scan.heavy_atoms <= limits.heavy_atoms()
            && let Some(found) = guarded(|| plain::sanitized(&scan.smiles, Self::from_plain))?
        {
            return Ok(found);
        }
        Self::read(&scan, limits)
    }

    fn from_plain(found: Sanitized<'_>, rewirable: Option<PlainGraph>) -> Self {
        let graph = found.graph();
        let isotopes = plain::has_isotopes(found.canonical_smiles);
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
        let model = guarded(|| parse(&self.canonical_smiles))??;
        Ok(self.model.get_or_init(|| model))
    }

    /// Reads a molecule whose canonical SMILES only the chemistry crate can write.
    fn read(scan: &Scan<'_>, limits: &ParseLimits) -> Result<Self, MoleculeError> {
        let (found, limit) = (scan.heavy_atoms, limits.heavy_atoms());
        guarded(|| {
            if found > limit {
                cs::rdkit_sanitized_model(&parse(&scan.smiles)?).map_err(sanitize_error)?;
                return Err(MoleculeError::TooManyAtoms { found, limit });
            }
            Self::settled(canonical_smiles(scan)?)
        })?
    }

    /// The molecule of a canonical SMILES, or of the form that it settles in.
    fn settled(canonical: String) -> Result<Self, MoleculeError> {
        let molecule = Self::from_canonical(canonical)?;
        if molecule.perceived_as_written()? {
            return Ok(molecule);
        }
        Self::from_canonical(fixed_form(molecule.canonical_smiles)?)
    }

    /// Reads a canonical SMILES that the chemistry crate has just written.
    pub(super) fn from_canonical(canonical_smiles: String) -> Result<Self, MoleculeError> {
        match plain::perceived(&canonical_smiles, |found, _| Self::from_plain(found, None)) {
            Some(molecule) => Ok(molecule),
            None => Self::perceived_by_crate(canonical_smiles),
        }
    }

    /// The same by the chemistry crate alone.
    pub(super) fn perceived_by_crate(canonical_smiles: String) -> Result<Self, MoleculeError> {
        let model = parse(&canonical_smiles)?;
        let sanitized = cs::rdkit_sanitized_model(&model).map_err(sanitize_error)?;
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

/// What operators are built from: a molecule's canonical SMILES and graph,
/// without what descriptors, fingerprints and decoys need. It is read several
/// times faster than a [`Molecule`], and says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MolecularGraph {
    /// The canonical SMILES.
    pub canonical_smiles: String,
    /// The heavy-atom graph, nodes in canonical order.
    pub graph: HeavyGraph,
    /// Number of connected components, over all atoms and bonds.
    pub component_count: usize,
}

impl MolecularGraph {
    /// Reads a SMILES text as [`Molecule::from_smiles`] does.
    ///
    /// # Errors
    /// Those of [`Molecule::from_smiles`].
    pub fn from_smiles(text: &[u8], limits: &ParseLimits) -> Result<Self, MoleculeError> {
        let scan = admitted(text, limits)?;
        if scan.heavy_atoms <= limits.heavy_atoms()
            && let Some((canonical_smiles, graph)) = guarded(|| plain::graph(&scan.smiles))?
        {
            return Ok(Self { canonical_smiles, graph, component_count: 1 });
        }
        if scan.heavy_atoms > limits.heavy_atoms() {
            return Molecule::read(&scan, limits).map(Self::from);
        }
        guarded(|| {
            let canonical_smiles = canonical_smiles(&scan)?;
            let graph = |found: Sanitized<'_>, as_written: bool| as_written.then(|| found.graph());
            match plain::perceived(&canonical_smiles, graph).flatten() {
                Some(graph) => Ok(Self { canonical_smiles, graph, component_count: 1 }),
                None => Molecule::settled(canonical_smiles).map(Self::from),
            }
        })?
    }
}

/// The canonical SMILES as the chemistry crate writes it.
pub(super) fn canonical_smiles(scan: &Scan<'_>) -> Result<String, MoleculeError> {
    cs::rdkit_canonical_smiles(&parse(&scan.smiles)?).map_err(sanitize_error)
}

impl From<Molecule> for MolecularGraph {
    fn from(molecule: Molecule) -> Self {
        let Molecule { canonical_smiles, graph, component_count, .. } = molecule;
        Self { canonical_smiles, graph, component_count }
    }
}

/// Scans a text; refuses what is too large to be read.
pub(super) fn admitted<'a>(
    text: &'a [u8],
    limits: &ParseLimits,
) -> Result<Scan<'a>, MoleculeError> {
    let scan = syntax::scan(text, limits)?;
    let (found, limit) = (scan.heavy_atoms, limits.heavy_atoms());
    if found > limit.saturating_mul(CLEARLY_TOO_LARGE) {
        return Err(MoleculeError::TooManyAtoms { found, limit });
    }
    if scan.atoms > limits.max_atoms {
        let (atoms, most) = (scan.atoms, limits.max_atoms);
        return Err(MoleculeError::TooLarge(format!("{atoms} atoms, at most {most}")));
    }
    Ok(scan)
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

pub(super) fn sanitize_error(error: cs::RdkitSmilesError) -> MoleculeError {
    match error {
        cs::RdkitSmilesError::Sanitization(what) => MoleculeError::Sanitize(what),
        cs::RdkitSmilesError::Unsupported(what) => MoleculeError::Unsupported(what),
    }
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
