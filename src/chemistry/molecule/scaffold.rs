//! What molecules have in common: Bemis-Murcko scaffolds and the size of rings.
//! Knows nothing of clusters or statistics.

use chematic::smiles as cs;

use super::canonical::Molecule;
use super::catch_panic::catch_panic;
use super::error::MoleculeError;
use super::topology;

impl Molecule {
    /// The Bemis-Murcko scaffold (1996) as RDKit's `MurckoScaffold` writes it:
    /// rings, the chains between them, and what is double-bonded to either;
    /// `None` for molecules without a ring.
    ///
    /// ```
    /// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
    ///
    /// let scaffold = |smiles: &str| {
    ///     Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default())?.scaffold()
    /// };
    /// assert_eq!(scaffold("CC(=O)Oc1ccccc1C(=O)O")?.as_deref(), Some("c1ccccc1"));
    /// assert_eq!(scaffold("CCCC")?, None);
    /// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
    /// ```
    ///
    /// # Errors
    /// [`MoleculeError`] where the scaffold is no valid molecule, or the
    /// chemistry crate fails.
    pub fn scaffold(&self) -> Result<Option<String>, MoleculeError> {
        if self.bonds.iter().all(|bond| !bond.in_ring) {
            return Ok(None);
        }
        let model = self.model()?;
        let scaffold = catch_panic(|| cs::rdkit_murcko_scaffold(model))??;
        Ok(Some(scaffold).filter(|scaffold| !scaffold.is_empty()))
    }

    /// Atoms of the largest relevant cycle (Vismara 1997); 0 without a ring.
    ///
    /// # Errors
    /// [`MoleculeError::TooLarge`] above 10,000 relevant cycles.
    pub fn largest_ring(&self) -> Result<u32, MoleculeError> {
        if self.bonds.iter().all(|bond| !bond.in_ring) {
            return Ok(0);
        }
        let n = self.atom_count();
        let cycles = catch_panic(|| topology::relevant_cycles(n, &self.bonds))??;
        Ok(cycles.iter().map(Vec::len).max().unwrap_or(0) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::molecule::ParseLimits;

    #[test]
    fn scaffolds_and_molecules_without_stereo_are_those_of_rdkit() {
        let table = include_str!("../../../fixtures/scaffolds.tsv");
        let (mut molecules, mut cyclic) = (0, 0);
        for line in table.lines().skip(1) {
            let cells: Vec<&str> = line.split('\t').collect();
            let [smiles, scaffold, flat] = cells[..] else { panic!("{line}") };
            let molecule =
                Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
            let found = molecule.scaffold().unwrap();
            assert_eq!(found.as_deref().unwrap_or_default(), scaffold, "{smiles}");
            assert_eq!(molecule.smiles_without_stereo().unwrap(), flat, "{smiles}");
            molecules += 1;
            cyclic += u32::from(found.is_some());
        }
        assert!(molecules >= 200 && cyclic >= 150, "{molecules} molecules, {cyclic} with rings");
    }

    #[test]
    fn the_largest_ring_is_counted_in_atoms() {
        for (smiles, size) in
            [("CCO", 0), ("C1CC1", 3), ("c1ccc2[nH]ccc2c1", 6), ("C1CCCCCCCCCCC1CC1CC1", 12)]
        {
            let molecule =
                Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
            assert_eq!(molecule.largest_ring(), Ok(size), "{smiles}");
        }
    }
}
