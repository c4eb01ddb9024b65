//! How hard decoys are, how scores do by hardness, and what may be concluded:
//! `auc_interpretation.v1`.

use std::collections::BTreeMap;

use hetero2_contract::HardnessBin;
use hetero2_contract::hardness::{EASY_BELOW, MEDIUM_BELOW};
use serde::Serialize;

use super::histogram::ValueHistogram;

/// Identifier of the interpretation's definition.
pub const INTERPRETATION_SCHEMA: &str = "auc_interpretation.v1";
/// Pairs in the hard bin below which nothing is concluded.
pub const MIN_HARD_PAIRS: u64 = 50;
/// Median Tanimoto similarity below which decoys are too easy.
const MEDIAN_TOO_EASY: f64 = 0.55;
/// AUC on easy pairs above which a score looks good.
const EASY_SIGNAL: f64 = 0.70;
/// AUC on hard pairs up to which a score shows nothing.
const HARD_SIGNAL: f64 = 0.55;
/// Scores this close are tied.
const TIE: f64 = 1e-12;

/// Scores of an original and one of its decoys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredPair {
    /// The original's score.
    pub original: f64,
    /// The decoy's score.
    pub decoy: f64,
}

impl ScoredPair {
    /// Twice what the pair adds to an AUC: 2 for a win, 1 for a tie (scores
    /// within 1e-12), 0 for a loss.
    #[must_use]
    pub fn half_wins(self) -> u64 {
        let delta = self.original - self.decoy;
        if delta.abs() <= TIE { 1 } else { 2 * u64::from(delta > 0.0) }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct BinCounts {
    pairs_total: u64,
    pairs_scored: u64,
    half_wins: u64,
}

/// What one may conclude from AUC by hardness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Interpretation {
    /// The decoys do not test the score.
    InconclusiveDecoysTooEasy,
    /// The score does not tell originals from hard decoys.
    IllusionConfirmed,
    /// The score tells originals from hard decoys.
    SuccessSignalOnHard,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InterpretationReason {
    /// There is no median Tanimoto similarity: no pairs.
    MedianTanimotoNan,
    /// The median Tanimoto similarity is below 0.55.
    DecoysTooEasy,
    /// Fewer than 50 hard pairs.
    #[serde(rename = "hard_bin_insufficient_pairs<50")]
    HardBinInsufficientPairs,
    /// No hard pair is scored.
    AucHardNan,
    /// Easy AUC above 0.70, hard AUC at most 0.55.
    AucEasyHighButAucHardLow,
    /// Hard AUC at most 0.55.
    AucHardLow,
    /// Hard AUC above 0.55.
    AucHardSignal,
}

/// Mergeable counts over (original, decoy) pairs: exact integers by bin and an
/// exact histogram of similarities, the same in any order and partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HardnessStats {
    bins: [BinCounts; 4],
    tanimoto: ValueHistogram,
}

impl HardnessStats {
    /// Counts one pair: its similarity, if known, and its scores, if the decoy
    /// is scored. Returns the pair's bin.
    pub fn add(&mut self, tanimoto: Option<f64>, scores: Option<ScoredPair>) -> HardnessBin {
        let bin = HardnessBin::of(tanimoto);
        let counts = &mut self.bins[bin as usize];
        counts.pairs_total += 1;
        if let Some(pair) = scores {
            counts.pairs_scored += 1;
            counts.half_wins += pair.half_wins();
        }
        if let Some(tanimoto) = tanimoto {
            self.tanimoto.add(tanimoto);
        }
        bin
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.pairs_total += more.pairs_total;
            bin.pairs_scored += more.pairs_scored;
            bin.half_wins += more.half_wins;
        }
        self.tanimoto.merge(&other.tanimoto);
    }

    /// Pairs in a bin.
    #[must_use]
    pub fn pairs_total(&self, bin: HardnessBin) -> u64 {
        self.bins[bin as usize].pairs_total
    }

    /// Pairs in a bin whose decoy is scored.
    #[must_use]
    pub fn pairs_scored(&self, bin: HardnessBin) -> u64 {
        self.bins[bin as usize].pairs_scored
    }

    /// AUC over the scored pairs of a bin, each counting once.
    #[must_use]
    pub fn auc(&self, bin: HardnessBin) -> Option<f64> {
        let counts = self.bins[bin as usize];
        (counts.pairs_scored > 0)
            .then(|| counts.half_wins as f64 / 2.0 / counts.pairs_scored as f64)
    }

    /// Median Tanimoto similarity over all pairs where it is known.
    #[must_use]
    pub fn tanimoto_median(&self) -> Option<f64> {
        self.tanimoto.median()
    }

    /// Distinct similarities with their counts, ascending.
    pub fn tanimoto_counts(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> + '_ {
        self.tanimoto.iter()
    }

    /// `auc_interpretation.v1`.
    #[must_use]
    pub fn interpret(&self) -> (Interpretation, InterpretationReason) {
        use Interpretation::{IllusionConfirmed, InconclusiveDecoysTooEasy, SuccessSignalOnHard};
        use InterpretationReason as Reason;
        let Some(median) = self.tanimoto_median() else {
            return (InconclusiveDecoysTooEasy, Reason::MedianTanimotoNan);
        };
        if median < MEDIAN_TOO_EASY {
            return (InconclusiveDecoysTooEasy, Reason::DecoysTooEasy);
        }
        if self.pairs_total(HardnessBin::Hard) < MIN_HARD_PAIRS {
            return (InconclusiveDecoysTooEasy, Reason::HardBinInsufficientPairs);
        }
        let Some(hard) = self.auc(HardnessBin::Hard) else {
            return (InconclusiveDecoysTooEasy, Reason::AucHardNan);
        };
        if hard > HARD_SIGNAL {
            return (SuccessSignalOnHard, Reason::AucHardSignal);
        }
        match self.auc(HardnessBin::Easy) {
            Some(easy) if easy > EASY_SIGNAL => {
                (IllusionConfirmed, Reason::AucEasyHighButAucHardLow)
            }
            _ => (IllusionConfirmed, Reason::AucHardLow),
        }
    }

    /// The `decoy_realism` section of `metrics.json`. Bins without pairs are
    /// left out of the counts; a bin without scored pairs has no AUC.
    #[must_use]
    pub fn report(&self) -> DecoyRealism {
        let (auc_interpretation, auc_interpretation_reason) = self.interpret();
        let counts = |of: fn(&BinCounts) -> u64| {
            let by_bin = HardnessBin::ALL.map(|bin| (bin, of(&self.bins[bin as usize])));
            by_bin.into_iter().filter(|(_, count)| *count > 0).collect()
        };
        DecoyRealism {
            tanimoto_bins: TanimotoBins {
                easy_max_exclusive: EASY_BELOW,
                medium_max_exclusive: MEDIUM_BELOW,
            },
            tanimoto_median: self.tanimoto_median(),
            pairs_total_by_bin: counts(|bin| bin.pairs_total),
            pairs_scored_by_bin: counts(|bin| bin.pairs_scored),
            auc_tie_aware_by_bin: HardnessBin::ALL.map(|bin| (bin, self.auc(bin))).into(),
            auc_interpretation_schema: INTERPRETATION_SCHEMA,
            auc_interpretation,
            auc_interpretation_reason,
            hard_pairs_min_n: MIN_HARD_PAIRS,
        }
    }
}

/// Upper limits of the similarity bins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TanimotoBins {
    /// [`EASY_BELOW`].
    pub easy_max_exclusive: f64,
    /// [`MEDIUM_BELOW`].
    pub medium_max_exclusive: f64,
}

/// The `decoy_realism` section of `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecoyRealism {
    /// Upper limits of the bins.
    pub tanimoto_bins: TanimotoBins,
    /// Median similarity of all pairs.
    pub tanimoto_median: Option<f64>,
    /// Pairs by bin.
    pub pairs_total_by_bin: BTreeMap<HardnessBin, u64>,
    /// Scored pairs by bin.
    pub pairs_scored_by_bin: BTreeMap<HardnessBin, u64>,
    /// AUC by bin.
    pub auc_tie_aware_by_bin: BTreeMap<HardnessBin, Option<f64>>,
    /// [`INTERPRETATION_SCHEMA`].
    pub auc_interpretation_schema: &'static str,
    /// What may be concluded.
    pub auc_interpretation: Interpretation,
    /// Why.
    pub auc_interpretation_reason: InterpretationReason,
    /// [`MIN_HARD_PAIRS`].
    pub hard_pairs_min_n: u64,
}
