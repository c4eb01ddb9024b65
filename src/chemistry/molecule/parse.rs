//! Reading SMILES text into a sanitised molecule.

use chematic::smiles as cs;

use super::canonical::{Molecule, parse};
use super::catch_panic::catch_panic;
use super::error::MoleculeError;
use super::fast::{self, Sanitized};
use super::fixed_form::fixed_form;
use super::graph::HeavyGraph;
use super::limits::ParseLimits;
use super::syntax::{self, Scan};

/// A molecule with more than this many times the permitted heavy atoms is
/// refused as written, without asking whether it is a valid one.
const CLEARLY_TOO_LARGE: usize = 10;

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
            && let Some(found) = catch_panic(|| fast::sanitized(&scan.smiles, Self::from_fast))?
        {
            return Ok(found);
        }
        Self::read(&scan, limits)
    }

    /// Reads a canonical SMILES as this program wrote it: its form is not looked
    /// for again, which takes most of the time of [`Molecule::from_smiles`] where
    /// the chemistry crate has to.
    ///
    /// # Errors
    /// Those of [`Molecule::from_smiles`].
    pub fn from_canonical_smiles(text: &str, limits: &ParseLimits) -> Result<Self, MoleculeError> {
        let scan = admitted(text.as_bytes(), limits)?;
        let (found, limit) = (scan.heavy_atoms, limits.heavy_atoms());
        if found > limit {
            return Err(MoleculeError::TooManyAtoms { found, limit });
        }
        catch_panic(|| Self::from_canonical(text.to_owned()))?
    }

    /// How many atoms a text writes, hydrogens and dummies included, where it is one that
    /// [`Molecule::from_smiles`] would begin to read.
    ///
    /// # Errors
    /// As there, for what is wrong at the first look.
    pub fn written_atoms(text: &[u8], limits: &ParseLimits) -> Result<usize, MoleculeError> {
        Ok(admitted(text, limits)?.atoms)
    }

    /// Reads a molecule whose canonical SMILES only the chemistry crate can write.
    fn read(scan: &Scan<'_>, limits: &ParseLimits) -> Result<Self, MoleculeError> {
        let (found, limit) = (scan.heavy_atoms, limits.heavy_atoms());
        catch_panic(|| {
            if found > limit {
                cs::rdkit_sanitized_model(&parse(&scan.smiles)?)?;
                return Err(MoleculeError::TooManyAtoms { found, limit });
            }
            Self::canonicalized(canonical_smiles(scan)?)
        })?
    }

    /// The molecule of a canonical SMILES, or of the form that it settles in.
    fn canonicalized(canonical: String) -> Result<Self, MoleculeError> {
        let mut molecule = Self::from_canonical(canonical)?;
        if !molecule.perceived_as_written()? {
            molecule = Self::from_canonical(fixed_form(molecule.canonical_smiles)?)?;
        }
        let text = fast::with_relevant_rings(molecule.canonical_smiles.clone());
        if text == molecule.canonical_smiles { Ok(molecule) } else { Self::from_canonical(text) }
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
            && let Some((canonical_smiles, graph)) = catch_panic(|| fast::graph(&scan.smiles))?
        {
            return Ok(Self { canonical_smiles, graph, component_count: 1 });
        }
        if scan.heavy_atoms > limits.heavy_atoms() {
            return Molecule::read(&scan, limits).map(Self::from);
        }
        catch_panic(|| {
            let canonical_smiles = canonical_smiles(&scan)?;
            let graph = |found: Sanitized<'_>, as_written: bool| as_written.then(|| found.graph());
            match fast::perceived(&canonical_smiles, graph).flatten() {
                Some(graph) => Ok(Self { canonical_smiles, graph, component_count: 1 }),
                None => Molecule::canonicalized(canonical_smiles).map(Self::from),
            }
        })?
    }
}

impl HeavyGraph {
    /// Reads the SMILES of a large molecule, such as a polymer, with atoms and bonds as they are
    /// written: the canonical numbering and the perception of rings that
    /// [`Molecule::from_smiles`] needs take time quadratic in its atoms. Time here is linear.
    ///
    /// # Errors
    /// [`MoleculeError::TooLarge`] beyond `limits`; [`MoleculeError::Unsupported`] for more than one
    /// component, metals, explicit hydrogens, dummies or charges beyond one, and for wrong valences.
    pub fn as_written(text: &[u8], limits: &ParseLimits) -> Result<Self, MoleculeError> {
        let scan = admitted(text, limits)?;
        let graph = catch_panic(|| fast::as_written(&scan.smiles))?;
        graph.ok_or_else(|| {
            let what = "a large molecule is read as written, one component of common elements with \
                        their usual valences; this one is not such";
            MoleculeError::Unsupported(what.into())
        })
    }
}

/// The canonical SMILES as the chemistry crate writes it.
pub(super) fn canonical_smiles(scan: &Scan<'_>) -> Result<String, MoleculeError> {
    Ok(cs::rdkit_canonical_smiles(&parse(&scan.smiles)?)?)
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
