//! A seeded bootstrap over clusters, for figures that count the first rows of
//! a ranking: those are steps, of which no influence can be taken.

/// Name of the method in the document.
pub(super) const METHOD: &str = "cluster_bootstrap_percentile_400_seed_17";
/// Resamples.
pub(super) const RESAMPLES: usize = 400;
const SEED: u64 = 17;

/// SplitMix64 (Steele, Lea and Flood 2014): one number for each counter.
#[derive(Debug, Clone)]
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which must not be 0, with a bias of at most 2^-32.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }
}

/// How often each cluster is drawn in each resample: G of G with repetition.
pub(super) fn resamples(clusters: u32) -> impl Iterator<Item = Vec<u32>> {
    let mut numbers = Numbers::new(SEED);
    (0..RESAMPLES).map(move |_| {
        let mut times = vec![0; clusters as usize];
        (0..clusters).for_each(|_| times[numbers.below(clusters) as usize] += 1);
        times
    })
}

/// The ends of the percentile interval that misses with probability `tail` on
/// each side; `None` of nothing.
pub(super) fn percentiles(mut values: Vec<f64>, tail: f64) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len() as f64 - 1.0)).round() as usize);
    at(tail).copied().zip(at(1.0 - tail).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resamples_repeat_and_draw_each_cluster_once_in_the_mean() {
        let all: Vec<Vec<u32>> = resamples(50).collect();
        assert_eq!(all, resamples(50).collect::<Vec<_>>());
        assert!(all.iter().all(|times| times.iter().sum::<u32>() == 50));
        let first: u32 = all.iter().map(|times| times[0]).sum();
        assert!((300..500).contains(&first), "{first}");
        assert_eq!(percentiles((0..401).map(f64::from).collect(), 0.025), Some((10.0, 390.0)));
        assert_eq!(percentiles(Vec::new(), 0.025), None);
    }
}
