//! How hard decoys are, how scores do by hardness, and what may be concluded:
//! `auc_interpretation.v1`.

use hetero2_contract::hardness::{
    AucInterpretation, DecoyRealism, HardnessBin, INTERPRETATION_SCHEMA, Interpretation,
    InterpretationReason, TanimotoBins,
};

use super::histogram::ValueHistogram;

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
    pub fn interpret(&self) -> (AucInterpretation, InterpretationReason) {
        use AucInterpretation::{
            IllusionConfirmed, InconclusiveDecoysTooEasy, SuccessSignalOnHard,
        };
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

    /// The `decoy_realism` section of `metrics.json`, not rounded. A bin without
    /// scored pairs has no AUC.
    #[must_use]
    pub fn report(&self) -> DecoyRealism {
        let (auc_interpretation, auc_interpretation_reason) = self.interpret();
        DecoyRealism {
            interpretation: Interpretation {
                auc_interpretation,
                auc_interpretation_reason,
                auc_interpretation_schema: INTERPRETATION_SCHEMA.into(),
                auc_tie_aware_by_bin: HardnessBin::ALL.map(|bin| (bin, self.auc(bin))).into(),
                pairs_scored_by_bin: HardnessBin::ALL
                    .map(|bin| (bin, self.pairs_scored(bin)))
                    .into(),
                pairs_total_by_bin: HardnessBin::ALL.map(|bin| (bin, self.pairs_total(bin))).into(),
                tanimoto_median: self.tanimoto_median(),
            },
            hard_pairs_min_n: MIN_HARD_PAIRS,
            tanimoto_bins: TanimotoBins::default(),
        }
    }
}
