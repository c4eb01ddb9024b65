//! Counts of distinct values: exact quantiles of any number of rows, mergeable
//! in any order, in bounded memory.

use std::collections::BTreeMap;

/// Distinct values kept before the grid is made coarser.
const MAX_DISTINCT: usize = 1 << 18;

/// How finely values are distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// As they are.
    Exact,
    /// Rounded to 8 decimals, as published.
    EightDecimals,
    /// Rounded to 5 decimals.
    FiveDecimals,
}

/// A mergeable multiset of finite doubles.
///
/// Values are exact while there are at most 2^18 distinct ones, else rounded to
/// 8 and then to 5 decimals. The resolution depends on the set of values only,
/// so neither order nor partition changes a result. Memory: about 40 bytes a
/// distinct value, at most 10 MB for values in −1 ..= 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueHistogram {
    resolution: Resolution,
    counts: BTreeMap<i64, u64>,
    total: u64,
}

impl Default for ValueHistogram {
    fn default() -> Self {
        Self { resolution: Resolution::Exact, counts: BTreeMap::new(), total: 0 }
    }
}

impl ValueHistogram {
    /// Counts one value. Values that are not finite are left out.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.count(exact_key(value), Resolution::Exact, 1);
            self.coarsen_if_full();
        }
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        while self.resolution < other.resolution {
            self.coarsen();
        }
        for (key, count) in &other.counts {
            self.count(*key, other.resolution, *count);
            self.coarsen_if_full();
        }
    }

    /// Values counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How finely values are distinguished.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Distinct values with their counts, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (f64, u64)> + '_ {
        self.counts.iter().map(|(key, count)| (value(*key, self.resolution), *count))
    }

    /// The value at nearest rank `⌊q·n⌉` (halves to even, from 1), for `q` in
    /// 0 ..= 1; `None` of nothing.
    #[must_use]
    pub fn nearest_rank(&self, q: f64) -> Option<f64> {
        let rank = (q * self.total as f64).round_ties_even().max(1.0) as u64;
        self.at_rank(rank.min(self.total))
    }

    /// The median: the mean of the two middle values where their number is even.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let upper = self.at_rank(self.total / 2 + 1);
        if self.total % 2 == 1 {
            return upper;
        }
        Some((self.at_rank(self.total / 2)? + upper?) / 2.0)
    }

    /// The `rank`-th value from 1.
    fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut cumulative = 0;
        let reached = |(_, count): &(f64, u64)| {
            cumulative += count;
            cumulative >= rank
        };
        if rank == 0 { None } else { self.iter().find(reached).map(|(value, _)| value) }
    }

    fn count(&mut self, key: i64, resolution: Resolution, count: u64) {
        let key = match (resolution, self.resolution) {
            (Resolution::Exact, Resolution::EightDecimals) => to_eight(key),
            (Resolution::Exact, Resolution::FiveDecimals) => to_five(to_eight(key)),
            (Resolution::EightDecimals, Resolution::FiveDecimals) => to_five(key),
            _ => key,
        };
        *self.counts.entry(key).or_default() += count;
        self.total += count;
    }

    fn coarsen_if_full(&mut self) {
        while self.counts.len() > MAX_DISTINCT && self.resolution != Resolution::FiveDecimals {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        let coarser: fn(i64) -> i64 = match self.resolution {
            Resolution::Exact => to_eight,
            Resolution::EightDecimals => to_five,
            Resolution::FiveDecimals => return,
        };
        for (key, count) in std::mem::take(&mut self.counts) {
            *self.counts.entry(coarser(key)).or_default() += count;
        }
        self.resolution = match self.resolution {
            Resolution::Exact => Resolution::EightDecimals,
            _ => Resolution::FiveDecimals,
        };
    }
}

/// An integer that orders as the double does; both zeros are one.
fn exact_key(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits() as i64;
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn from_exact_key(key: i64) -> f64 {
    f64::from_bits(if key < 0 { key ^ i64::MAX } else { key } as u64)
}

fn to_eight(key: i64) -> i64 {
    (from_exact_key(key) * 1e8).round() as i64
}

fn to_five(key: i64) -> i64 {
    key.saturating_add(500).div_euclid(1000)
}

fn value(key: i64, resolution: Resolution) -> f64 {
    match resolution {
        Resolution::Exact => from_exact_key(key),
        Resolution::EightDecimals => key as f64 / 1e8,
        Resolution::FiveDecimals => key as f64 / 1e5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> ValueHistogram {
        let mut histogram = ValueHistogram::default();
        values.iter().for_each(|v| histogram.add(*v));
        histogram
    }

    #[test]
    fn quantiles_of_few_values() {
        assert_eq!(of(&[]).median(), None);
        assert_eq!(of(&[]).nearest_rank(0.5), None);
        let four = of(&[-0.0, -1.5, 3.0, 0.0]);
        assert_eq!(four.median(), Some(0.0));
        assert_eq!(four.nearest_rank(0.25), Some(-1.5));
        assert_eq!(four.nearest_rank(1.0), Some(3.0));
        // 0.25 · 10 = 2.5 rounds to 2, 0.75 · 10 = 7.5 to 8.
        let ten = of(&(1..=10).map(f64::from).collect::<Vec<_>>());
        assert_eq!((ten.nearest_rank(0.25), ten.nearest_rank(0.75)), (Some(2.0), Some(8.0)));
    }

    #[test]
    fn memory_is_bounded_and_partitions_agree() {
        let values: Vec<f64> = (0..300_000u64)
            .map(|i| {
                (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            })
            .collect();
        let whole = of(&values);
        assert_ne!(whole.resolution(), Resolution::Exact);
        assert!(whole.iter().count() <= MAX_DISTINCT);
        let mut merged = ValueHistogram::default();
        for part in values.rchunks(70_001) {
            merged.merge(&of(part));
        }
        assert_eq!(merged, whole);
    }
}
