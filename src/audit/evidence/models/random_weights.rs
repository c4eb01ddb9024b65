//! How far scores get by chance that are functions of structure: those that
//! weigh atom environments at random.
//!
//! Molecules of one library share their parts, so that such a score prefers
//! them to their decoys, or the decoys to them, all alike. No number of
//! molecules averages that out, and no interval over clusters shows it.

use hetero2_common::rounding::round8;

use super::separability::{Features, SeparabilityUnit};
use crate::ScoredPair;
use crate::evidence::resample::Numbers;

/// Scores tried: their spread is then known to about 6 %.
const SCORES: usize = 128;
/// Of the weights.
const SEED: u64 = 23;
/// Scores that are tried at a time.
const LANES: usize = 16;

/// Standard deviation about 0.5 of the mean AUC of scores that weigh hashed
/// environments at random (uniformly between −1 and 1, seeded), beyond what
/// sampling of clusters explains: √max(0, mean of (AUC − 0.5)² − V), V being the
/// jackknife over clusters. 0 where fewer than two clusters have decoys.
///
/// Cost: a tenth of a second for 1,000 molecules of 4 decoys.
pub(super) fn spread(units: &[&SeparabilityUnit], cluster: &[u32], clusters: u32) -> f64 {
    let mut excess = 0.0;
    for first in (0..SCORES).step_by(LANES) {
        excess += excess_of(units, cluster, clusters, first as u64).iter().sum::<f64>();
    }
    let variance = excess / SCORES as f64;
    if variance > 0.0 { round8(libm::sqrt(variance)) } else { 0.0 }
}

/// Squared distance from 0.5 less the variance of sampling, of some scores.
fn excess_of(
    units: &[&SeparabilityUnit],
    cluster: &[u32],
    clusters: u32,
    first: u64,
) -> [f64; LANES] {
    // Of each cluster: units, and the sum of their AUCs by each score.
    let mut sums = vec![(0.0, [0.0; LANES]); clusters as usize];
    for (unit, cluster) in units.iter().zip(cluster) {
        if unit.decoys.is_empty() {
            continue;
        }
        let original = scores(&unit.original, first);
        let mut half_wins = [0u64; LANES];
        for (_, decoy) in &unit.decoys {
            let pairs = original.into_iter().zip(scores(decoy, first));
            for (wins, (original, decoy)) in half_wins.iter_mut().zip(pairs) {
                *wins += ScoredPair { original, decoy }.half_wins();
            }
        }
        let (count, aucs) = &mut sums[*cluster as usize];
        *count += 1.0;
        for (sum, wins) in aucs.iter_mut().zip(half_wins) {
            *sum += wins as f64 / (2 * unit.decoys.len()) as f64;
        }
    }
    let used: Vec<&(f64, [f64; LANES])> = sums.iter().filter(|(count, _)| *count > 0.0).collect();
    let (number, total) = (used.len() as f64, used.iter().map(|(count, _)| count).sum::<f64>());
    if used.len() < 2 {
        return [0.0; LANES];
    }
    std::array::from_fn(|lane| {
        let sum: f64 = used.iter().map(|(_, aucs)| aucs[lane]).sum();
        let mean = sum / total;
        let changes = used.iter().map(|(count, aucs)| (sum - aucs[lane]) / (total - count) - mean);
        let squares: f64 = changes.map(|change| change * change).sum();
        (mean - 0.5) * (mean - 0.5) - (number - 1.0) / number * squares
    })
}

/// Scores of a structure by some random weights.
fn scores(features: &Features, first: u64) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for environment in &features.environments {
        let mut numbers = Numbers::new(SEED ^ first << 16 ^ u64::from(*environment) << 32);
        for sum in &mut sums {
            // Exact in double precision, so that no order of summing shows.
            *sum += (numbers.next() >> 32) as f64 / f64::from(1u32 << 31) - 1.0;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Scaffold;
    use crate::evidence::simulations::key;

    /// Molecules of ten environments of 500, and of `shared` ones that no decoy
    /// has.
    fn spread_of(count: u64, shared: u32) -> f64 {
        let mut numbers = Numbers::new(11);
        let mut features = |shared: u32| Features {
            descriptors: Vec::new(),
            environments: (0..10)
                .map(|_| numbers.below(500))
                .chain(1_000..1_000 + shared)
                .collect(),
        };
        let units: Vec<SeparabilityUnit> = (0..count)
            .map(|unit| SeparabilityUnit {
                unit: key(1, unit),
                scaffold: Scaffold::Acyclic,
                original: features(shared),
                decoys: (0..4).map(|d| (key(2, unit * 4 + d), features(0))).collect(),
            })
            .collect();
        let cluster: Vec<u32> = (0..count as u32).collect();
        spread(&units.iter().collect::<Vec<_>>(), &cluster, count as u32)
    }

    #[test]
    fn what_molecules_share_brings_random_weights_far() {
        assert!(spread_of(300, 0) < 0.015, "{}", spread_of(300, 0));
        let shared = [100, 1_000].map(|count| spread_of(count, 3));
        // It is no matter of numbers.
        assert!(shared.iter().all(|spread| (0.1..0.3).contains(spread)), "{shared:?}");
        assert_eq!(spread_of(1, 3), 0.0);
    }
}
