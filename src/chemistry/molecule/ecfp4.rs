//! The Morgan fingerprint of a molecule: from what sanitising found where
//! that says enough, else by the chemistry crate.

use super::canonical::Molecule;
use super::error::MoleculeError;
use super::fingerprint::Fingerprint;
use super::graph::BondOrder;
use super::morgan::{MorganBond, morgan};

impl Molecule {
    /// The Morgan fingerprint (Rogers and Hahn 2010; RDKit's invariants):
    /// radius 2, 2,048 bits, bond types but not chirality.
    ///
    /// # Errors
    /// [`MoleculeError::Unsupported`] where the molecule is outside what the
    /// fingerprint models.
    pub fn fingerprint(&self) -> Result<Fingerprint, MoleculeError> {
        match self.own_fingerprint() {
            Some(fingerprint) => Ok(fingerprint),
            None => self.general_fingerprint(),
        }
    }

    fn general_fingerprint(&self) -> Result<Fingerprint, MoleculeError> {
        Fingerprint::by_crate(self.model()?)
    }

    /// The same from what sanitising found; `None` where that says too little.
    fn own_fingerprint(&self) -> Option<Fingerprint> {
        morgan(self.morgan_atoms.as_ref()?.iter().copied(), &self.morgan_bonds()?)
    }

    /// The bonds as the fingerprint sees them; `None` where it does not model one.
    pub(super) fn morgan_bonds(&self) -> Option<Vec<MorganBond>> {
        let bonds = self.bonds.iter().map(|bond| {
            let order = match bond.order {
                BondOrder::Single => 1,
                BondOrder::Double => 2,
                BondOrder::Triple => 3,
                BondOrder::Aromatic => 12,
                BondOrder::Zero | BondOrder::Quadruple | BondOrder::Dative => return None,
            };
            Some(MorganBond { begin: bond.begin, end: bond.end, order })
        });
        bonds.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::molecule::ParseLimits;

    #[test]
    fn the_own_fingerprint_is_that_of_the_chemistry_crate() {
        let (mut own, mut total) = (0, 0);
        for molecule in crate::molecule::test_library::molecules() {
            total += 1;
            if let Some(fingerprint) = molecule.own_fingerprint() {
                own += 1;
                assert_eq!(Ok(fingerprint), molecule.general_fingerprint(), "{molecule:?}");
            }
        }
        assert!(own as f64 > 0.9 * total as f64, "{own} of {total}");
    }

    #[test]
    fn molecules_outside_the_model_take_the_general_way() {
        for smiles in ["[2H]C", "C*", "[Na+].[Cl-]", "[13CH4]"] {
            let molecule =
                Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap();
            assert_eq!(molecule.own_fingerprint(), None, "{smiles}");
            assert_eq!(molecule.fingerprint(), molecule.general_fingerprint(), "{smiles}");
        }
    }
}
