//! The atom environments of a molecule: its Morgan identifiers, not folded.

use std::collections::BTreeMap;

use chematic::fp::{RdkitMorganConfig, rdkit_morgan_fingerprint};

use super::canonical::Molecule;
use super::catch_panic::catch_panic;
use super::error::MoleculeError;
use super::morgan::environments;

/// An atom environment and how many atoms of a molecule stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnvironmentCount {
    /// The Morgan identifier: RDKit's, 32 bits, not folded.
    pub id: u32,
    /// How often it occurs.
    pub count: u32,
}

impl Molecule {
    /// The atom environments up to two bonds wide that
    /// [`Molecule::fingerprint`] folds, by ascending identifier.
    ///
    /// ```
    /// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
    ///
    /// let methane = Molecule::from_smiles(b"C", &ParseLimits::default())?;
    /// let environments = methane.environments()?;
    /// assert_eq!((environments[0].id, environments[0].count), (2246733040, 1));
    /// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
    /// ```
    ///
    /// # Errors
    /// [`MoleculeError::Unsupported`] where the molecule is outside what the
    /// fingerprint models.
    pub fn environments(&self) -> Result<Vec<EnvironmentCount>, MoleculeError> {
        let mut found = Vec::new();
        if let (Some(atoms), Some(bonds)) = (&self.morgan_atoms, self.morgan_bonds())
            && environments(atoms.iter().copied(), &bonds, |id| found.push(id)).is_some()
        {
            return Ok(counted(found));
        }
        let model = self.model()?;
        let found = catch_panic(|| rdkit_morgan_fingerprint(model, &RdkitMorganConfig::default()))?;
        let found = found.map_err(|e| MoleculeError::Unsupported(e.to_string()))?;
        let counts: BTreeMap<u32, u32> = found.sparse_counts.into_iter().collect();
        Ok(counts.into_iter().map(|(id, count)| EnvironmentCount { id, count }).collect())
    }
}

/// Identifiers by ascending value, each with its count.
fn counted(mut ids: Vec<u32>) -> Vec<EnvironmentCount> {
    ids.sort_unstable();
    let runs = ids.chunk_by(|a, b| a == b);
    runs.map(|run| EnvironmentCount { id: run[0], count: run.len() as u32 }).collect()
}
