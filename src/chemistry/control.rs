//! Scores that know a molecule and no activity: the controls that an audit runs
//! beside a model. Each is higher for what a naive reader would prefer.

use hetero2_contract::evidence::ControlName;

use crate::environment::{environment_commonness, mean_fragment_score, sa_score, sa_score_of};
use crate::molecule::{Molecule, MoleculeError};

/// What several controls say of a molecule, in the order of
/// [`ControlName::ALL`]: as [`control_score`] for each, with what they share
/// computed once. `None` for controls that are not asked for or do not model the
/// molecule.
#[must_use]
pub fn control_scores(
    controls: &[ControlName],
    molecule: &Molecule,
) -> [Option<f64>; ControlName::ALL.len()] {
    let of_environments = [ControlName::SaScore, ControlName::EnvironmentCommonness];
    let asked = controls.iter().any(|control| of_environments.contains(control));
    let environments = if asked { molecule.environments().ok() } else { None };
    let mut found = [None; ControlName::ALL.len()];
    for control in controls {
        let score = match (control, &environments) {
            (ControlName::SaScore, Some(known)) => sa_score_of(molecule, known).ok().map(|s| -s),
            (ControlName::EnvironmentCommonness, Some(known)) => mean_fragment_score(known).ok(),
            _ => control_score(*control, molecule).ok().flatten(),
        };
        found[*control as usize] = score.filter(|score| score.is_finite());
    }
    found
}

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
        let molecule = Molecule::from_canonical_smiles(plain, &ParseLimits::default()).unwrap();
        let together = control_scores(&ControlName::ALL, &molecule);
        for control in ControlName::ALL {
            let alone = control_score(control, &molecule).unwrap();
            assert_eq!(together[control as usize], alone, "{control}");
        }
        assert_eq!(score(ControlName::Constant, plain), score(ControlName::Constant, odd));
        assert_eq!(score(ControlName::HeavyAtoms, plain), 13.0);
    }
}
