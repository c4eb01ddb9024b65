//! What evidence takes from one row.

use crate::hardness::ScoredPair;
use crate::significance::Significance;
use hetero2_contract::{DecoyHash, HardnessBin, Sha256Digest, Verdict};

/// Identifies a molecule, a scaffold or a decoy: the first 8 bytes of the
/// SHA-256 of its canonical SMILES. Two of a million collide with a probability
/// of 3e-8; they would then be taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    /// The key of a text.
    #[must_use]
    pub fn of(canonical: &str) -> Self {
        Self::of_digest(Sha256Digest::of(canonical.as_bytes()).as_bytes())
    }

    /// The key of a decoy whose hash is known.
    #[must_use]
    pub fn of_decoy(hash: &DecoyHash) -> Self {
        Self::of_digest(hash.as_bytes())
    }

    fn of_digest(digest: &[u8; 32]) -> Self {
        Self(digest[..8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }
}

/// The Bemis-Murcko scaffold of a molecule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaffold {
    /// No ring: the molecule is a cluster of its own.
    Acyclic,
    /// The scaffold's key, usually [`Key::of`] its canonical SMILES.
    Of(Key),
}

/// What the outcome of a molecule is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Active: `PASS` in `customer_truth.v1`.
    Active,
    /// Inactive: `FAIL`.
    Inactive,
}

/// Whether a molecule stands in the training file, compared without stereo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Training {
    /// It does not, or there is no training file.
    #[default]
    Apart,
    /// It does: its outcome does not count towards support.
    Contained,
}

/// Pairs of an original and its scored decoys, by hardness, and how often the
/// original won. Pairs of unknown hardness are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairCounts {
    /// Pairs, of `easy`, `medium` and `hard`.
    pub pairs: [u64; 3],
    /// Twice the wins, ties counting one: 0 ..= 2 · pairs.
    pub half_wins: [u64; 3],
}

impl PairCounts {
    /// Counts one pair.
    pub fn add(&mut self, bin: HardnessBin, pair: ScoredPair) {
        let at = bin as usize;
        if at < self.pairs.len() {
            self.pairs[at] += 1;
            self.half_wins[at] += pair.half_wins();
        }
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        let both = self.pairs.iter_mut().zip(&mut self.half_wins);
        for ((pairs, wins), (more_pairs, more_wins)) in
            both.zip(other.pairs.iter().zip(&other.half_wins))
        {
            *pairs += more_pairs;
            *wins += more_wins;
        }
    }
}

/// How a row's audit compares with random labels, in whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowChance {
    /// Labelings looked at; with one original, scored decoys + 1.
    pub labelings: u64,
    /// Of these, with an AUC at least as high as observed.
    pub as_high: u64,
    /// Of these, that would pass the gate.
    pub passing: u64,
}

impl RowChance {
    /// From a row's significance; none where its p-value is undefined.
    #[must_use]
    pub fn of(significance: &Significance) -> Option<Self> {
        let passing = significance.null_passes;
        Self::of_columns(significance.p_value?, significance.labelings, passing)
    }

    /// From the published columns `p_value`, `null_labelings` and
    /// `null_passes`, where every labeling was counted.
    #[must_use]
    pub fn of_columns(p_value: f64, labelings: u64, passing: u64) -> Option<Self> {
        let as_high = (p_value * labelings as f64).round();
        let valid = labelings > 0 && (1.0..=labelings as f64).contains(&as_high);
        valid.then_some(Self { labelings, as_high: as_high as u64, passing })
    }
}

/// A control's score of a row's original, and how that does against the decoys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlAudit {
    /// Of the original.
    pub score: f64,
    /// Against decoys of the row; not finite where there was none.
    pub auc: f64,
    /// PASS where it is above every decoy, SKIP where it was held against some of
    /// them only.
    pub verdict: Verdict,
}

impl ControlAudit {
    /// Audits a control; `None` without decoys. Scores within 1e-12 tie.
    ///
    /// ```
    /// use hetero2_audit::evidence::ControlAudit;
    /// let audit = ControlAudit::of(2.0, [1.0, 2.0, 3.0, 0.0]).unwrap();
    /// assert_eq!(audit.auc, 0.625);
    /// ```
    #[must_use]
    pub fn of(original: f64, decoys: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (mut pairs, mut half_wins) = (0u64, 0u64);
        for decoy in decoys {
            pairs += 1;
            half_wins += ScoredPair { original, decoy }.half_wins();
        }
        (pairs > 0).then(|| Self {
            score: original,
            auc: half_wins as f64 / (2 * pairs) as f64,
            verdict: if half_wins == 2 * pairs { Verdict::Pass } else { Verdict::Fail },
        })
    }
}

/// One audited row: an original with a score and at least one scored decoy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvidenceRow<'a> {
    /// Its place in the library, from 0.
    pub row: u64,
    /// [`Key::of`] the original's canonical SMILES.
    pub unit: Key,
    /// Its scaffold.
    pub scaffold: Scaffold,
    /// Its scored decoys.
    pub decoys: &'a [Key],
    /// The model's score of the original, higher is better.
    pub score: f64,
    /// AUC against the decoys, 0 to 1, as audited.
    pub auc: f64,
    /// PASS or FAIL, as audited.
    pub verdict: Verdict,
    /// Comparison with random labels; none where the AUC is undefined.
    pub chance: Option<RowChance>,
    /// Pairs by hardness.
    pub pairs: PairCounts,
    /// What is known of the molecule.
    pub outcome: Option<Outcome>,
    /// Whether the molecule stands in the training file.
    pub training: Training,
    /// Each control of the table in its order; none where it has no score of
    /// the original or of every decoy.
    pub controls: &'a [Option<ControlAudit>],
}

/// Why a row has no audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unaudited {
    /// The original has no score.
    NoOriginalScore,
    /// No decoy has a score, or there is no decoy.
    NoDecoyScore,
    /// The row was skipped or in error before scores mattered.
    NotPrepared,
}
