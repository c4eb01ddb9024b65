//! One decoy: its molecule, its hash, and its similarity to the original.

use hetero2_contract::{DecoyHash, Warning};

use super::{DecoyRequest, StrategyId};
use crate::molecule::{BondSwap, Fingerprint, RewiredMolecule};

/// Tanimoto similarity of two fingerprints as the exact ratio it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Similarity {
    /// Bits set in both fingerprints.
    pub shared: u32,
    /// Bits set in either fingerprint.
    pub total: u32,
}

impl Similarity {
    /// The similarity of two fingerprints.
    #[must_use]
    pub fn between(left: &Fingerprint, right: &Fingerprint) -> Self {
        let overlap = left.overlap(right);
        Self { shared: overlap.intersection, total: overlap.union }
    }

    /// The ratio, 0 to 1; 1 for two empty fingerprints, as RDKit has it.
    #[must_use]
    pub fn tanimoto(self) -> f64 {
        if self.total == 0 { 1.0 } else { f64::from(self.shared) / f64::from(self.total) }
    }
}

/// Similarity of a decoy to its original's fingerprint.
pub(super) fn similarity(
    decoy: &RewiredMolecule,
    reference: Option<&Fingerprint>,
) -> Option<Similarity> {
    let fingerprint = decoy.fingerprint().ok()?;
    Some(Similarity::between(reference?, &fingerprint))
}

/// A decoy. Its descriptors are computed when asked for, through
/// [`RewiredMolecule::molecule`].
#[derive(Debug, Clone)]
pub struct Decoy {
    /// The decoy itself.
    pub molecule: RewiredMolecule,
    /// SHA-256 of its canonical SMILES.
    pub hash: DecoyHash,
    /// Similarity to the original (Morgan, radius 2, 2,048 bits); `None` where
    /// the fingerprint does not model one of the two.
    pub similarity: Option<Similarity>,
    /// The strategy whose candidate bonds gave it.
    pub strategy: StrategyId,
    /// The swaps that made it, one after the other; atoms numbered as in the
    /// original, for [`StrategyId::AromaticAsSingle`] as in the original's
    /// converted form.
    pub swaps: Vec<BondSwap>,
}

impl Decoy {
    pub(super) fn new(
        molecule: RewiredMolecule,
        similarity: Option<Similarity>,
        strategy: StrategyId,
        swaps: Vec<BondSwap>,
    ) -> Self {
        let hash = DecoyHash::of_smiles(molecule.canonical_smiles());
        Self { molecule, hash, similarity, strategy, swaps }
    }

    /// The canonical SMILES.
    #[must_use]
    pub fn smiles(&self) -> &str {
        self.molecule.canonical_smiles()
    }

    /// Similarity to the original, 0 to 1.
    #[must_use]
    pub fn tanimoto(&self) -> Option<f64> {
        self.similarity.map(Similarity::tanimoto)
    }
}

/// What became of the attempts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct DecoyCounters {
    /// Attempts made (exhaustive: swaps tried).
    pub attempts: u64,
    /// Swaps whose result is no valid molecule.
    pub sanitize_fail: u64,
    /// Swaps whose result is the original or was seen before.
    pub duplicate: u64,
    /// Attempts that drew no admissible swap.
    pub no_candidate_swap: u64,
    /// Valid new molecules outside the range of hard mode.
    pub hardness_reject: u64,
}

impl DecoyCounters {
    /// The published remarks on a search that found `found` decoys.
    pub(super) fn warnings(&self, found: usize, request: &DecoyRequest) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let missing = request.count.saturating_sub(found) as u64;
        if missing > 0 {
            warnings.push(match request.hardness {
                Some(_) => Warning::TooFewHardDecoys(missing),
                None => Warning::TooFewDecoys(missing),
            });
        }
        if self.sanitize_fail > 0 {
            warnings.push(Warning::SanitizeFailures(self.sanitize_fail));
        }
        if self.hardness_reject > 0 {
            warnings.push(Warning::HardDecoyRejects(self.hardness_reject));
        }
        warnings
    }
}
