//! Molecules that stand out at a false-discovery rate, by p-values of which
//! only whole fractions are possible.

use std::collections::BTreeMap;

use hetero2_common::rounding::round8;
use hetero2_contract::evidence::{Discoveries, DiscoveryProcedure};

use super::row::RowChance;

/// The false-discovery rate of discoveries.
pub const DISCOVERY_LEVEL: f64 = 0.05;
/// The share of molecules with a signal that should be discoverable.
pub const SIGNAL_SHARE: f64 = 0.1;
/// Fractions this close are equal.
const CLOSE: f64 = 1e-12;

/// Decoys a molecule at which molecules that win against all of them can be
/// discovered at the false-discovery rate `level` if a share `signal` of all
/// does: the smallest whole k ≥ 1 / (level · signal) − 1.
///
/// If all of N molecules have k decoys, those that win have p = 1/(k + 1), and
/// Benjamini and Hochberg's q is at most p·N / (signal·N).
///
/// ```
/// assert_eq!(hetero2_audit::evidence::decoys_needed(0.05, 0.1), 199);
/// ```
#[must_use]
pub fn decoys_needed(level: f64, signal: f64) -> u64 {
    // As a float, 1 / (0.05 · 0.1) may be a little above 200.
    (1.0 / (level * signal) - 1.0 - 1e-9).ceil().max(1.0) as u64
}

/// p-values by their fractions: mergeable, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscoveryTable {
    /// Molecules by (labelings, as high).
    counts: BTreeMap<(u64, u64), u64>,
}

/// A q-value of one fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Adjusted {
    labelings: u64,
    as_high: u64,
    q: f64,
}

impl DiscoveryTable {
    /// Counts one p-value.
    pub fn add(&mut self, chance: RowChance) {
        *self.counts.entry((chance.labelings, chance.as_high)).or_default() += 1;
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            *self.counts.entry(*key).or_default() += count;
        }
    }

    /// The discoveries at `level`.
    ///
    /// Only molecules that could be significant at `level` are tested (Tarone
    /// 1990): the smallest p-value of the others is above every threshold, and
    /// which they are does not depend on scores. Among them Benjamini and
    /// Hochberg (1995), or, where numbers of decoys differ so much that it
    /// gains, the discrete step-up procedure of Döhler, Durand and Roquain
    /// (2018), the valid form of Heyse's (2011); which one depends on the
    /// numbers of decoys alone. `None` without p-values.
    #[must_use]
    pub fn discoveries(&self, level: f64) -> Option<Discoveries> {
        let rows: u64 = self.counts.values().sum();
        if rows == 0 {
            return None;
        }
        let null = Null::new(self, level);
        let (procedure, adjusted) = self.adjusted(&null);
        let found = adjusted.iter().filter(|row| row.q <= level + CLOSE);
        let discoveries = found.map(|row| self.counts[&(row.labelings, row.as_high)]).sum();
        Some(Discoveries {
            level,
            procedure,
            units: rows,
            testable: null.testable,
            discoveries,
            decoys_needed: decoys_needed(level, SIGNAL_SHARE),
            smallest_share: null.smallest_share().map(round8),
        })
    }

    /// The q-value of a p-value that was counted; none where it is not
    /// testable at `level`. Those of the discrete procedure are valid as
    /// decisions at `level`.
    #[must_use]
    pub fn q_value(&self, chance: RowChance, level: f64) -> Option<f64> {
        let (_, adjusted) = self.adjusted(&Null::new(self, level));
        let same =
            |row: &&Adjusted| (row.labelings, row.as_high) == (chance.labelings, chance.as_high);
        adjusted.iter().find(same).map(|row| row.q)
    }

    fn adjusted(&self, null: &Null) -> (DiscoveryProcedure, Vec<Adjusted>) {
        let at = null.compared_at();
        let gains = null.discrete(at) + CLOSE < at * null.testable as f64;
        let (procedure, expected): (_, &dyn Fn(f64) -> f64) = if gains {
            (DiscoveryProcedure::DiscreteStepUp, &|p| null.discrete(p))
        } else {
            (DiscoveryProcedure::BenjaminiHochberg, &|p| p * null.testable as f64)
        };
        let testable = self.counts.keys().filter(|(labelings, _)| null.tests(*labelings));
        let mut sorted: Vec<(u64, u64)> = testable.copied().collect();
        // By p = as_high / labelings, exactly.
        sorted.sort_unstable_by(|a, b| {
            let cross = |x: u64, y: u64| u128::from(x) * u128::from(y);
            cross(a.1, b.0).cmp(&cross(b.1, a.0)).then(a.cmp(b))
        });
        let mut rank: u64 = sorted.iter().map(|key| self.counts[key]).sum();
        let mut smallest = 1.0f64;
        let mut adjusted = Vec::with_capacity(sorted.len());
        let (mut last_p, mut last_rank) = (f64::NAN, rank);
        for &(labelings, as_high) in sorted.iter().rev() {
            let p = as_high as f64 / labelings as f64;
            // Equal p-values of different denominators share the larger rank.
            let shared = if p == last_p { last_rank } else { rank };
            smallest = smallest.min(expected(p) / shared as f64);
            adjusted.push(Adjusted { labelings, as_high, q: smallest });
            (last_p, last_rank) = (p, shared);
            rank -= self.counts[&(labelings, as_high)];
        }
        (procedure, adjusted)
    }
}

/// p-values under random labels: by the numbers of labelings alone.
#[derive(Debug)]
struct Null {
    level: f64,
    /// Testable molecules by labelings.
    groups: BTreeMap<u64, u64>,
    testable: u64,
    /// Largest p-value that can be rejected by the discrete procedure.
    largest: f64,
}

impl Null {
    fn new(table: &DiscoveryTable, level: f64) -> Self {
        let mut groups: BTreeMap<u64, u64> = BTreeMap::new();
        for ((labelings, _), count) in &table.counts {
            if 1.0 / *labelings as f64 <= level + CLOSE {
                *groups.entry(*labelings).or_default() += count;
            }
        }
        let testable = groups.values().sum();
        let mut null = Self { level, groups, testable, largest: 0.0 };
        null.largest = null.groups.keys().map(|n| null.largest_of(*n)).fold(0.0, f64::max);
        null
    }

    fn tests(&self, labelings: u64) -> bool {
        self.groups.contains_key(&labelings)
    }

    /// τₘ among the fractions of `labelings`: the largest t for which
    /// Σ F(t) / (1 − F(t)) ≤ level · m.
    fn largest_of(&self, labelings: u64) -> f64 {
        let (mut low, mut high) = (0, labelings);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let t = middle as f64 / labelings as f64;
            let odds = |(n, count): (&u64, &u64)| {
                let f = probability(t, *n);
                *count as f64 * f / (1.0 - f)
            };
            let total: f64 = self.groups.iter().map(odds).sum();
            if total <= self.level * self.testable as f64 + CLOSE {
                low = middle;
            } else {
                high = middle;
            }
        }
        low as f64 / labelings as f64
    }

    /// Σ F(t) / (1 − F(τₘ)): false rejections to be expected at t.
    fn discrete(&self, t: f64) -> f64 {
        if t > self.largest + CLOSE {
            return f64::INFINITY;
        }
        let of = |(n, count): (&u64, &u64)| {
            *count as f64 * probability(t, *n) / (1.0 - probability(self.largest, *n))
        };
        self.groups.iter().map(of).sum()
    }

    /// The smallest possible p-value from the one on at which a tenth of the
    /// molecules could be discovered: where the procedures are compared.
    fn compared_at(&self) -> f64 {
        let least = SIGNAL_SHARE * self.level;
        let next = |n: &u64| (least * *n as f64 - 1e-9).ceil().max(1.0) / *n as f64;
        self.groups.keys().map(next).fold(1.0, f64::min)
    }

    /// Smallest share of the testable molecules that could be discovered, the
    /// ones with most decoys winning against all of them.
    fn smallest_share(&self) -> Option<f64> {
        let total = self.testable as f64;
        let mut rank = 0;
        for (labelings, count) in self.groups.iter().rev() {
            let needed = (total / *labelings as f64 / self.level - 1e-9).ceil() as u64;
            if needed <= rank + count {
                return Some(needed.max(rank + 1) as f64 / total);
            }
            rank += count;
        }
        None
    }
}

/// P(p ≤ t) under random labels where p is a multiple of 1 / `labelings`. With
/// ties it is less.
fn probability(t: f64, labelings: u64) -> f64 {
    let n = labelings as f64;
    (t * n + 1e-9).floor().min(n) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(u64, u64, u64)]) -> DiscoveryTable {
        let mut table = DiscoveryTable::default();
        for &(labelings, as_high, count) in rows {
            (0..count).for_each(|_| table.add(RowChance { labelings, as_high, passing: 1 }));
        }
        table
    }

    #[test]
    fn the_rule_for_decoys_is_sharp() {
        let found = |k: u64, winners: u64| {
            let rows = table(&[(k + 1, 1, winners), (k + 1, k + 1, 100 - winners)]);
            rows.discoveries(0.05).unwrap().discoveries
        };
        assert_eq!((found(199, 10), found(198, 10), found(199, 9)), (10, 0, 0));
        assert_eq!((decoys_needed(0.05, 1.0), decoys_needed(0.05, 0.5)), (19, 39));
        assert_eq!((found(19, 100), found(18, 100)), (100, 0));
    }

    #[test]
    fn rows_without_power_cost_nothing() {
        let few = table(&[(200, 1, 10), (200, 200, 90)]);
        let with_hopeless = table(&[(200, 1, 10), (200, 200, 90), (5, 1, 1_000)]);
        let (a, b) = (few.discoveries(0.05).unwrap(), with_hopeless.discoveries(0.05).unwrap());
        assert_eq!((a.discoveries, b.discoveries, b.units, b.testable), (10, 10, 1_100, 100));
        assert_eq!(a.smallest_share, Some(0.1));
        assert_eq!(table(&[(5, 1, 9)]).discoveries(0.05).unwrap().smallest_share, None);
        assert_eq!(DiscoveryTable::default().discoveries(0.05), None);
    }

    #[test]
    fn the_discrete_procedure_gains_where_decoys_differ() {
        // Half of the molecules have 20 decoys: they cannot reach 1/200.
        let rows = table(&[(200, 1, 6), (200, 150, 44), (21, 15, 50)]);
        let found = rows.discoveries(0.05).unwrap();
        assert_eq!(found.procedure, DiscoveryProcedure::DiscreteStepUp);
        // BH over all 100: 0.005 · 100 / 6 > 0.05.
        assert_eq!(found.discoveries, 6);
        let alike = table(&[(200, 1, 6), (200, 150, 94)]).discoveries(0.05).unwrap();
        assert_eq!(alike.procedure, DiscoveryProcedure::BenjaminiHochberg);
        assert_eq!(alike.discoveries, 0);
    }

    #[test]
    fn q_values_are_those_of_benjamini_and_hochberg() {
        let rows = table(&[(100, 1, 1), (100, 4, 1), (100, 3, 1), (100, 50, 1)]);
        let q = |as_high| rows.q_value(RowChance { labelings: 100, as_high, passing: 1 }, 0.05);
        let expected = [(1, 0.04), (3, 0.04 * 4.0 / 3.0), (4, 0.04 * 4.0 / 3.0), (50, 0.5)];
        for (as_high, expected) in expected {
            assert!((q(as_high).unwrap() - expected).abs() < 1e-12, "{as_high}");
        }
        assert_eq!(q(7), None);
    }

    #[test]
    fn partitions_agree() {
        let mut merged = table(&[(200, 1, 3), (21, 2, 5)]);
        merged.merge(&table(&[(21, 2, 1), (50, 50, 2)]));
        assert_eq!(merged, table(&[(50, 50, 2), (21, 2, 6), (200, 1, 3)]));
    }
}
