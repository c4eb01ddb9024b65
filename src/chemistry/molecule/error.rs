//! Why a text is not a molecule, or not one to compute on.

use chematic::smiles as cs;

#[cfg(doc)]
use super::limits::ParseLimits;

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
    /// A bond of no definite order.
    #[error("unsupported chemistry: {0}")]
    UnsupportedBond(String),
    /// A cage whose rings the chemistry crate does not find.
    #[error("unsupported chemistry: a cage whose rings are not found with certainty")]
    UnsupportedRings,
    /// The chemistry crate failed on the molecule: a defect worth a report.
    #[error("the chemistry library failed on this molecule: {0}")]
    Internal(String),
}

impl From<cs::RdkitSmilesError> for MoleculeError {
    fn from(error: cs::RdkitSmilesError) -> Self {
        match error {
            cs::RdkitSmilesError::Sanitization(what) => Self::Sanitize(what),
            cs::RdkitSmilesError::Unsupported(what) if what.contains("ring finder") => {
                Self::UnsupportedRings
            }
            cs::RdkitSmilesError::Unsupported(what) => Self::Unsupported(what),
        }
    }
}
