//! Fingerprints as bits, and their Tanimoto similarity.

use chematic::core as cc;

use super::catch_panic::catch_panic;
use super::error::MoleculeError;

/// A Morgan fingerprint of radius 2 folded to 2,048 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    words: [u64; 32],
}

/// Two fingerprints compared, in whole bits, so that sums over many pairs
/// can be exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Bits set in both.
    pub intersection: u32,
    /// Bits set in either.
    pub union: u32,
}

impl Overlap {
    /// Tanimoto similarity, 0 to 1: the quotient of the two counts, rounded
    /// once; 1 for two empty fingerprints, as RDKit has it.
    #[must_use]
    pub fn tanimoto(self) -> f64 {
        if self.union == 0 { 1.0 } else { f64::from(self.intersection) / f64::from(self.union) }
    }
}

impl Fingerprint {
    /// The fingerprint as the chemistry crate computes it, from the molecule as
    /// written.
    pub(super) fn by_crate(model: &cc::Molecule) -> Result<Self, MoleculeError> {
        let bits = catch_panic(|| chematic::fp::rdkit_morgan_ecfp4_bitvec(model))?;
        let bits = bits.map_err(|e| MoleculeError::Unsupported(e.to_string()))?;
        let mut words = [0u64; 32];
        for bit in (0..2048usize).filter(|&bit| bits.get(bit)) {
            words[bit / 64] |= 1 << (bit % 64);
        }
        Ok(Self { words })
    }

    pub(super) fn empty() -> Self {
        Self { words: [0; 32] }
    }

    /// Sets the bit of an environment's hash.
    pub(super) fn set(&mut self, hash: u32) {
        let bit = hash % 2048;
        self.words[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    /// The bits of both.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self { words: std::array::from_fn(|word| self.words[word] | other.words[word]) }
    }

    /// Bits that this fingerprint and `other` have in common and together.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Overlap {
        let mut overlap = Overlap { intersection: 0, union: 0 };
        for (a, b) in self.words.iter().zip(&other.words) {
            overlap.intersection += (a & b).count_ones();
            overlap.union += (a | b).count_ones();
        }
        overlap
    }

    /// Tanimoto similarity, 0 to 1 (see [`Overlap::tanimoto`]).
    #[must_use]
    pub fn tanimoto(&self, other: &Self) -> f64 {
        self.overlap(other).tanimoto()
    }

    /// The bits, 64 a word, the lowest first.
    #[must_use]
    pub fn words(&self) -> &[u64; 32] {
        &self.words
    }

    /// Indices of the set bits, ascending.
    pub fn on_bits(&self) -> impl Iterator<Item = u32> + '_ {
        (0..2048u32).filter(|bit| self.words[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
    }
}
