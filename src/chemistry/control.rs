//! Scores that know a molecule and no activity: the controls that an audit runs
//! beside a model. Each is higher for what a naive reader would prefer.

use hetero2_contract::evidence::ControlName;

use crate::environment::{environment_commonness, sa_score};
use crate::molecule::{Molecule, MoleculeError};

/// The score that a control gives a molecule; `None` for controls that need
/// more than the molecule: the classifier of originals and decoys, and those of
/// training molecules.
///
/// ```
/// use hetero2_chemistry::control_score;
/// use hetero2_chemistry::molecule::{Molecule, ParseLimits};
/// use hetero2_contract::evidence::ControlName;
///
/// let salt = Molecule::from_smiles(b"CC(=O)[O-].[Na+]", &ParseLimits::default())?;
/// assert_eq!(control_score(ControlName::Fragments, &salt)?, Some(-2.0));
/// # Ok::<(), hetero2_chemistry::molecule::MoleculeError>(())
/// ```
///
/// # Errors
/// [`MoleculeError`] where the molecule is outside what the control models.
pub fn control_score(
    control: ControlName,
    molecule: &Molecule,
) -> Result<Option<f64>, MoleculeError> {
    Ok(Some(match control {
        ControlName::Constant => 0.0,
        ControlName::HeavyAtoms => molecule.heavy_atom_count() as f64,
        ControlName::Logp => molecule.logp()?,
        ControlName::Tpsa => molecule.tpsa()?,
        ControlName::Qed => molecule.qed()?,
        ControlName::Fragments => -(molecule.component_count() as f64),
        ControlName::RingSize => -f64::from(molecule.largest_ring()?),
        ControlName::SaScore => -sa_score(molecule)?,
        ControlName::EnvironmentCommonness => environment_commonness(molecule)?,
        ControlName::Separability
        | ControlName::NnSimilarity
        | ControlName::KnnLabel
        | ControlName::RidgeEcfp4
        | ControlName::YScrambled => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::molecule::ParseLimits;

    #[test]
    fn scores_prefer_small_rings_few_parts_and_easy_molecules() {
        let score = |control, smiles: &str| {
            let molecule = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default());
            control_score(control, &molecule.unwrap()).unwrap().unwrap()
        };
        let (plain, odd) = ("CC(=O)Oc1ccccc1C(=O)O", "C1=CCCCCCCCC1C1CC2CC1C2.C");
        for control in [
            ControlName::Fragments,
            ControlName::RingSize,
            ControlName::SaScore,
            ControlName::EnvironmentCommonness,
        ] {
            assert!(score(control, plain) > score(control, odd), "{control}");
        }
        assert_eq!(score(ControlName::Constant, plain), score(ControlName::Constant, odd));
        assert_eq!(score(ControlName::HeavyAtoms, plain), 13.0);
    }
}
