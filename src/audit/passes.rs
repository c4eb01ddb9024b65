//! How many rows would pass by chance, against how many did.

use std::collections::BTreeMap;

use hetero2_contract::Verdict;
use hetero2_contract::significance::Passes;

use super::binomial::{Distribution, clopper_pearson};
use super::evaluate::Audit;
use super::significance::Significance;

/// Each end of an interval is missed with at most half of this probability.
const ALPHA: f64 = 0.05;
/// Variance of the number of passes above which it is taken as normal: the
/// exact sum would take minutes, and differs by less than a pass.
const MAX_EXACT_VARIANCE: f64 = 1e6;

/// Mergeable counts of passes under random labels and in fact; the same in any
/// order and partition. Memory: one entry for each distinct pass probability.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassLedger {
    /// Rows by (labelings that pass, labelings).
    rows: BTreeMap<(u64, u64), u64>,
    total: u64,
    observed: u64,
}

impl PassLedger {
    /// Counts one audited row.
    pub fn add(&mut self, audit: &Audit, chance: &Significance) {
        self.count(audit.neg_controls.verdict, chance.null_passes, chance.labelings);
    }

    /// Counts one row with this verdict, which `null_passes` of `labelings`
    /// labelings would pass.
    pub fn count(&mut self, verdict: Verdict, null_passes: u64, labelings: u64) {
        self.total += 1;
        self.observed += u64::from(verdict == Verdict::Pass);
        let divisor = gcd(null_passes, labelings).max(1);
        *self.rows.entry((null_passes / divisor, labelings / divisor)).or_default() += 1;
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.observed += other.observed;
        for (probability, rows) in &other.rows {
            *self.rows.entry(*probability).or_default() += rows;
        }
    }

    /// Passes expected by chance against passes observed, not rounded; `None`
    /// without rows. The number of passes under random labels is
    /// Poisson-binomial, the interval of the rate is that of Clopper and Pearson,
    /// and a p-value below 1e-18 is 0.
    #[must_use]
    pub fn report(&self) -> Option<Passes> {
        if self.total == 0 {
            return None;
        }
        let share = |(passes, of): &(u64, u64)| *passes as f64 / (*of).max(1) as f64;
        let rows = || self.rows.iter().map(|(p, rows)| (share(p), *rows));
        let expected: f64 = rows().map(|(p, rows)| p * rows as f64).sum();
        let variance: f64 = rows().map(|(p, rows)| p * (1.0 - p) * rows as f64).sum();
        let (null_low, null_high, p_value) = if variance > MAX_EXACT_VARIANCE {
            normal(expected, variance, self.observed)
        } else {
            let null = rows().fold(Distribution::zero(), |sum, (p, rows)| {
                sum.plus(&Distribution::binomial(rows, p))
            });
            let (low, high) = (null.quantile(ALPHA / 2.0), null.quantile(1.0 - ALPHA / 2.0));
            (low, high, null.at_least(self.observed))
        };
        let (rate_low, rate_high) = clopper_pearson(self.observed as f64, self.total as f64, ALPHA);
        Some(Passes {
            rows: self.total,
            observed_passes: self.observed,
            expected_passes_by_chance: expected,
            chance_low: null_low,
            chance_high: null_high,
            // An empty sum is −0.
            p_value: p_value.clamp(0.0, 1.0) + 0.0,
            pass_rate: self.observed as f64 / self.total as f64,
            pass_rate_low: rate_low,
            pass_rate_high: rate_high,
        })
    }
}

fn normal(mean: f64, variance: f64, observed: u64) -> (u64, u64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let deviation = libm::sqrt(variance);
    let low = (mean - Z * deviation).round().max(0.0) as u64;
    let high = (mean + Z * deviation).round().max(0.0) as u64;
    let z = (observed as f64 - 0.5 - mean) / deviation;
    (low, high, 0.5 * libm::erfc(z / std::f64::consts::SQRT_2))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
