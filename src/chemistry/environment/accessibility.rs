//! Synthetic accessibility and mean commonness of a molecule's environments.

use super::table::EnvironmentTable;
use crate::molecule::{EnvironmentCount, Molecule, MoleculeError};

/// Synthetic accessibility, 1 (easy) to 10 (hard): P. Ertl and
/// A. Schuffenhauer, J. Cheminform. 1:8 (2009), as RDKit's `Contrib/SA_Score`
/// computes it.
///
/// ```
/// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
///
/// let aspirin = Molecule::from_smiles(b"CC(=O)Oc1ccccc1C(=O)O", &ParseLimits::default())?;
/// assert!((hetero2_chemistry::sa_score(&aspirin)? - 1.580).abs() < 0.001);
/// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
/// ```
///
/// # Errors
/// [`MoleculeError::Unsupported`] for molecules without atoms and those that
/// fingerprints or stereo perception do not model.
pub fn sa_score(molecule: &Molecule) -> Result<f64, MoleculeError> {
    sa_score_of(molecule, &molecule.environments()?)
}

/// The same where the molecule's environments are at hand.
pub(crate) fn sa_score_of(
    molecule: &Molecule,
    environments: &[EnvironmentCount],
) -> Result<f64, MoleculeError> {
    let fragments = mean_fragment_score(environments)?;
    let complexity = molecule.complexity()?;
    let atoms = complexity.atoms as f64;
    let log = |count: usize| libm::log10(count as f64 + 1.0);
    let size = libm::pow(atoms, 1.005) - atoms;
    let macrocycle = if complexity.macrocycles > 0 { libm::log10(2.0) } else { 0.0 };
    let penalty = size
        + log(complexity.stereocentres)
        + log(complexity.spiro_atoms)
        + log(complexity.bridgehead_atoms)
        + macrocycle;
    // Symmetric molecules have fewer environments than atoms.
    let distinct = environments.len() as f64;
    let symmetry = if atoms > distinct { 0.5 * libm::log(atoms / distinct) } else { 0.0 };
    Ok(scaled(fragments - penalty + symmetry))
}

/// Mean fragment score of a molecule's environments, -4 (all unknown) to about
/// 3: how common the parts are that it is made of, whatever its size.
///
/// # Errors
/// [`MoleculeError::Unsupported`] for molecules without atoms and those that
/// fingerprints do not model.
pub fn environment_commonness(molecule: &Molecule) -> Result<f64, MoleculeError> {
    mean_fragment_score(&molecule.environments()?)
}

pub(crate) fn mean_fragment_score(environments: &[EnvironmentCount]) -> Result<f64, MoleculeError> {
    let table = EnvironmentTable::embedded();
    let (mut sum, mut total) = (0i64, 0i64);
    for environment in environments {
        let count = i64::from(environment.count);
        sum += count * i64::from(table.commonness(environment.id).units());
        total += count;
    }
    if total == 0 {
        return Err(MoleculeError::Unsupported("a molecule without atoms".into()));
    }
    Ok(sum as f64 / 10_000.0 / total as f64)
}

/// From the raw score, about -4 to 2.5, to the scale from 1 to 10.
fn scaled(raw: f64) -> f64 {
    const LEAST: f64 = -4.0;
    const MOST: f64 = 2.5;
    let score = 11.0 - (raw - LEAST + 1.0) / (MOST - LEAST) * 9.0;
    // The upper end is smoothed.
    let score = if score > 8.0 { 8.0 + libm::log(score - 8.0) } else { score };
    score.clamp(1.0, 10.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::molecule::ParseLimits;

    const FIXTURE: &[u8] = include_bytes!("../../../fixtures/environments.jsonl.gz");

    #[derive(serde::Deserialize)]
    struct Line {
        smiles: String,
        environments: Vec<(u32, u32)>,
        sa_score: f64,
    }

    fn fixture() -> Vec<(Line, Molecule)> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(FIXTURE).read_to_string(&mut text).unwrap();
        let line = |line: &str| {
            let line: Line = serde_json::from_str(line).unwrap();
            let molecule = Molecule::from_smiles(line.smiles.as_bytes(), &ParseLimits::default());
            Some((line, molecule.ok()?))
        };
        text.lines().filter_map(line).collect()
    }

    #[test]
    fn environments_are_those_of_rdkit() {
        let lines = fixture();
        assert!(lines.len() >= 300, "{}", lines.len());
        for (line, molecule) in lines {
            let found = molecule.environments().unwrap();
            let found: Vec<_> = found.iter().map(|found| (found.id, found.count)).collect();
            assert_eq!(found, line.environments, "{}", line.smiles);
        }
    }

    #[test]
    fn the_sa_score_is_that_of_rdkit() {
        for (line, molecule) in fixture() {
            let score = sa_score(&molecule).unwrap();
            assert!((score - line.sa_score).abs() < 1e-6, "{} {score}", line.smiles);
        }
    }

    #[test]
    fn common_parts_are_commoner_than_rare_ones() {
        let commonness = |smiles: &str| {
            let molecule = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default());
            environment_commonness(&molecule.unwrap()).unwrap()
        };
        assert!(commonness("CC(=O)Oc1ccccc1C(=O)O") > 0.0);
        assert!(commonness("FN1OSSOP1Cl") < -1.0);
    }
}
