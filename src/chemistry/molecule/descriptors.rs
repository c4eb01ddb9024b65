//! Physico-chemical descriptors and ring counts, each computed when asked for.

use chematic::chem;
use chematic::core as cc;

use super::canonical::Molecule;
use super::catch_panic::catch_panic;
use super::error::MoleculeError;
use super::topology;

/// The six descriptors that decoys are matched on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Descriptors {
    /// Average molecular weight, g/mol.
    pub mw: f64,
    /// Crippen octanol-water log P.
    pub logp: f64,
    /// Topological polar surface area (Ertl), square ångström.
    pub tpsa: f64,
    /// Hydrogen-bond donors.
    pub hbd: u32,
    /// Hydrogen-bond acceptors.
    pub hba: u32,
    /// Quantitative estimate of drug-likeness, 0 to 1.
    pub qed: f64,
}

/// Ring counts over relevant cycles (Vismara 1997): unlike a smallest set of
/// smallest rings they do not depend on how the atoms are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RingInfo {
    /// Relevant cycles.
    pub rings: u32,
    /// Relevant cycles whose atoms are all aromatic. Stricter counts ask for
    /// aromatic bonds, which differs for rings such as azulene's, whose shared
    /// bond is single; this is the published definition.
    pub aromatic_rings: u32,
}

impl Molecule {
    /// All six descriptors.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn descriptors(&self) -> Result<Descriptors, MoleculeError> {
        self.describe(|m| Descriptors {
            mw: chem::rdkit_molecular_weight(m),
            logp: chem::logp_crippen(m),
            tpsa: chem::rdkit_tpsa(m),
            hbd: chem::hbd_count(m) as u32,
            hba: chem::rdkit_hba_count(m) as u32,
            qed: chem::qed(m),
        })
    }

    /// Average molecular weight, g/mol, isotopes as labelled.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn mw(&self) -> Result<f64, MoleculeError> {
        self.describe(chem::rdkit_molecular_weight)
    }

    /// Octanol-water log P by atom contributions (Wildman and Crippen 1999).
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn logp(&self) -> Result<f64, MoleculeError> {
        self.describe(chem::logp_crippen)
    }

    /// Topological polar surface area (Ertl 2000), square ångström.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn tpsa(&self) -> Result<f64, MoleculeError> {
        self.describe(chem::rdkit_tpsa)
    }

    /// Hydrogen-bond donors.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn hbd(&self) -> Result<u32, MoleculeError> {
        self.describe(|m| chem::hbd_count(m) as u32)
    }

    /// Hydrogen-bond acceptors (definition of RDKit 2026.09).
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn hba(&self) -> Result<u32, MoleculeError> {
        self.describe(|m| chem::rdkit_hba_count(m) as u32)
    }

    /// Rotatable bonds (RDKit's strict definition).
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn rotatable_bonds(&self) -> Result<u32, MoleculeError> {
        self.describe(|m| chem::rotatable_bond_count(m) as u32)
    }

    /// Formal charge of the whole molecule.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn formal_charge(&self) -> Result<i32, MoleculeError> {
        if let Some((_, charge)) = self.hydrogens_and_charge() {
            return Ok(charge);
        }
        self.describe(|m| m.atoms().map(|(_, atom)| i32::from(atom.charge)).sum())
    }

    /// Quantitative estimate of drug-likeness (Bickerton 2012), 0 to 1, mean
    /// weights. The dearest of the six: it counts structural alerts.
    ///
    /// # Errors
    /// [`MoleculeError::Internal`].
    pub fn qed(&self) -> Result<f64, MoleculeError> {
        self.describe(chem::qed)
    }

    /// Ring counts.
    ///
    /// # Errors
    /// [`MoleculeError::TooLarge`] above 10,000 relevant cycles.
    pub fn rings(&self) -> Result<RingInfo, MoleculeError> {
        let n = self.atom_count();
        let cycles = catch_panic(|| topology::relevant_cycles(n, &self.bonds))??;
        Ok(RingInfo {
            rings: cycles.len() as u32,
            aromatic_rings: topology::count_aromatic(&cycles, &self.atom_aromatic) as u32,
        })
    }

    fn describe<T>(&self, compute: impl FnOnce(&cc::Molecule) -> T) -> Result<T, MoleculeError> {
        let model = self.model()?;
        catch_panic(|| compute(model))
    }
}
