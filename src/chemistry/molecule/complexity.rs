//! Counts of what a molecule is made of: its formula, its rings by size, and
//! what makes it complex. It must not know what they are used for.

use chematic::chem;
use chematic::perception::rdkit_symmetrized_sssr;
use chematic::smiles as cs;

use super::canonical::Molecule;
use super::catch_panic::catch_panic;
use super::error::MoleculeError;
use super::graph::{Bond, BondOrder};
use super::limits::ParseLimits;
use super::topology;

/// Rings of more atoms than this are macrocycles.
const LARGEST_COMMON_RING: usize = 8;

/// Counts of what makes a molecule hard to make, as RDKit defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complexity {
    /// Atoms of any kind that the molecule has as atoms.
    pub atoms: usize,
    /// Tetrahedral stereocentres, marked or not.
    pub stereocentres: usize,
    /// Atoms that two rings have in common and nothing else.
    pub spiro_atoms: usize,
    /// Atoms at which bridged rings meet.
    pub bridgehead_atoms: usize,
    /// Rings of more than eight atoms (symmetrised smallest set).
    pub macrocycles: usize,
}

impl Molecule {
    /// Counts stereocentres, spiro atoms, bridgeheads and macrocycles.
    ///
    /// # Errors
    /// [`MoleculeError::Unsupported`] where the chemistry crate does not model
    /// the molecule, [`MoleculeError::Internal`] where it fails.
    pub fn complexity(&self) -> Result<Complexity, MoleculeError> {
        let model = self.model()?;
        let stereocentres = catch_panic(|| cs::rdkit_chiral_centers(model, true))?;
        let stereocentres = stereocentres?.len();
        let atoms = self.atom_count();
        let has_rings = self.bonds.iter().any(|bond| bond.in_ring);
        if !has_rings {
            let (spiro_atoms, bridgehead_atoms, macrocycles) = (0, 0, 0);
            return Ok(Complexity {
                atoms,
                stereocentres,
                spiro_atoms,
                bridgehead_atoms,
                macrocycles,
            });
        }
        catch_panic(|| Complexity {
            atoms,
            stereocentres,
            spiro_atoms: chem::num_spiro_atoms(model),
            bridgehead_atoms: chem::num_bridgehead_atoms(model),
            macrocycles: self.macrocycles(),
        })
    }

    /// The formula in Hill's order with all hydrogens and the net charge.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn formula(&self) -> Result<String, MoleculeError> {
        let model = self.model()?;
        catch_panic(|| chem::calc_mol_formula(model))
    }

    /// Hydrogens and net charge of what is known of the atoms, if it is.
    #[must_use]
    pub fn hydrogens_and_charge(&self) -> Option<(u32, i32)> {
        let atoms = self.morgan_atoms.as_ref()?;
        let hydrogens = atoms.iter().map(|atom| atom.hydrogens).sum();
        Some((hydrogens, atoms.iter().map(|atom| atom.charge).sum()))
    }

    /// Sizes of the rings of a minimum cycle basis, ascending. Unlike the
    /// basis itself, its sizes do not depend on how the atoms are numbered.
    ///
    /// # Errors
    /// [`MoleculeError::TooLarge`] above 10,000 relevant cycles.
    pub fn ring_sizes(&self) -> Result<Vec<usize>, MoleculeError> {
        ring_sizes(self.atom_count(), &self.bonds)
    }

    /// The canonical SMILES without stereo marks.
    ///
    /// # Errors
    /// [`MoleculeError`] where what is left is no valid molecule.
    pub fn smiles_without_stereo(&self) -> Result<String, MoleculeError> {
        without_stereo(&self.canonical_smiles)
    }

    /// Rings of more than eight atoms; none where RDKit finds no exact rings.
    fn macrocycles(&self) -> usize {
        let closes = |order| !matches!(order, BondOrder::Zero | BondOrder::Dative);
        let bonds: Vec<(usize, usize, bool)> = self
            .bonds
            .iter()
            .map(|bond| (bond.begin as usize, bond.end as usize, closes(bond.order)))
            .collect();
        let rings = rdkit_symmetrized_sssr(self.atom_count(), &bonds).unwrap_or_default();
        rings.iter().filter(|ring| ring.len() > LARGEST_COMMON_RING).count()
    }
}

/// Sizes of the rings of a minimum cycle basis of a graph, ascending.
pub(super) fn ring_sizes(atoms: usize, bonds: &[Bond]) -> Result<Vec<usize>, MoleculeError> {
    let mut cycles = catch_panic(|| topology::relevant_cycles(atoms, bonds))??;
    cycles.sort_by_key(Vec::len);
    let mut basis = topology::CycleSpace::new(bonds);
    let independent = cycles.iter().filter(|cycle| basis.adds(cycle));
    Ok(independent.map(Vec::len).collect())
}

/// The canonical SMILES of the molecule of `canonical` without stereo marks.
pub(super) fn without_stereo(canonical: &str) -> Result<String, MoleculeError> {
    const MARKS: [char; 3] = ['@', '/', '\\'];
    /// Classes of stereocentres, which a number follows.
    const CLASSES: [&str; 5] = ["TH", "AL", "SP", "TB", "OH"];
    if !canonical.contains(MARKS) {
        return Ok(canonical.to_owned());
    }
    let mut flat = String::with_capacity(canonical.len());
    let mut rest = canonical;
    while let Some(at) = rest.find(MARKS) {
        flat.push_str(&rest[..at]);
        let after = rest[at..].trim_start_matches(MARKS);
        let class = CLASSES.iter().find_map(|class| {
            let number = after.strip_prefix(class)?;
            let number_end = number.trim_start_matches(|c: char| c.is_ascii_digit());
            (number_end.len() < number.len()).then_some(number_end)
        });
        rest = class.unwrap_or(after);
    }
    flat.push_str(rest);
    let limits = ParseLimits { max_bytes: usize::MAX, max_atoms: usize::MAX, ..Default::default() };
    Ok(Molecule::from_smiles(flat.as_bytes(), &limits)?.canonical_smiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn molecule(smiles: &str) -> Molecule {
        Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap()
    }

    #[test]
    fn ring_sizes_are_those_of_a_smallest_basis() {
        let sizes = |smiles| molecule(smiles).ring_sizes().unwrap();
        assert!(sizes("CCO").is_empty());
        assert_eq!(sizes("c1ccc2[nH]ccc2c1"), [5, 6]);
        assert_eq!(sizes("C1CC2CCC1C2"), [5, 5]);
        assert_eq!(sizes("C1CCC2CC1CCC2.C1CC1"), [3, 6, 6]);
        // Cubane has six faces, five of them independent.
        assert_eq!(sizes("C12C3C4C1C5C2C3C45"), [4, 4, 4, 4, 4]);
        assert_eq!(sizes("C1CCCCCCCCCCC1"), [12]);
    }

    #[test]
    fn stereo_marks_are_left_out() {
        let flat = |smiles| molecule(smiles).smiles_without_stereo().unwrap();
        assert_eq!(flat("C[C@H](N)C(=O)O"), molecule("CC(N)C(=O)O").canonical_smiles());
        assert_eq!(flat("C/C=C/C[C@@]1(F)CCOC1"), molecule("CC=CCC1(F)CCOC1").canonical_smiles());
        assert_eq!(flat("CCO"), "CCO");
    }

    #[test]
    fn formulas_count_hydrogens_and_charges() {
        assert_eq!(molecule("CC(=O)Oc1ccccc1C(=O)O").formula().unwrap(), "C9H8O4");
        assert_eq!(molecule("CC(=O)[O-]").formula().unwrap(), "C2H3O2-");
    }
}
