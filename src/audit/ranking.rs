//! How early a ranking finds its hits: enrichment, BEDROC, ROC AUC, and hits
//! against budget. Knows values and hits, not where they come from.
//!
//! Rows of equal value stand in random order: every figure is the exact mean
//! over all orders of the ties. Nothing is drawn.

use serde::Serialize;

use super::binomial::clopper_pearson;
use hetero2_common::rounding::round8;

/// Weight of early ranks in BEDROC; 20 puts 80 % of it on the first 8 %
/// (Truchon and Bayly 2007).
pub const BEDROC_ALPHA: f64 = 20.0;
/// Shares of the ranking at which the enrichment is reported.
pub const ENRICHMENT_FRACTIONS: [f64; 3] = [0.01, 0.05, 0.10];
/// Each interval misses with probability 0.05.
const ALPHA: f64 = 0.05;
/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// Points of a cost curve: so many over all rows …
const CURVE_POINTS: usize = 100;
/// … and so many up to the budget.
const BUDGET_POINTS: usize = 20;

/// A figure with its 95 % interval; published values (8 decimals).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end; none where it is undefined.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
}

/// Hits among the first rows against hits among as many drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Enrichment {
    /// Share of the ranking.
    pub fraction: f64,
    /// Rows: the share, rounded up.
    pub selected: u64,
    /// Hits among them.
    pub hits: f64,
    /// Their hit rate over that of all rows. The interval is that of the hit
    /// rate of the selected rows (Clopper and Pearson).
    #[serde(flatten)]
    pub factor: Estimate,
    /// The factor of a perfect ranking.
    pub factor_max: f64,
}

/// How early one ranking finds its hits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankingQuality {
    /// Probability that a hit stands before a row that is none, ties counting
    /// one half. Interval after DeLong, DeLong and Clarke-Pearson (1988).
    pub roc_auc: Estimate,
    /// Truchon and Bayly (2007), eq. 36, α = 20. Normal interval from the
    /// variance of the hits' weights.
    pub bedroc: Estimate,
    /// At each of [`ENRICHMENT_FRACTIONS`].
    pub enrichment: Vec<Enrichment>,
}

/// Rows of equal value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ties {
    rows: u64,
    hits: u64,
}

/// Rows by descending value, as groups of ties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedHits {
    groups: Vec<Ties>,
    rows: u64,
    hits: u64,
}

impl RankedHits {
    /// Ranks (value, hit) pairs, highest value first; among equal first values
    /// the second decides.
    #[must_use]
    pub fn new(mut rows: Vec<([f64; 2], bool)>) -> Self {
        // Adding 0 makes one value of both zeros.
        rows.iter_mut().flat_map(|(values, _)| values).for_each(|value| *value += 0.0);
        let order =
            |a: &[f64; 2], b: &[f64; 2]| b[0].total_cmp(&a[0]).then_with(|| b[1].total_cmp(&a[1]));
        rows.sort_unstable_by(|(a, _), (b, _)| order(a, b));
        let groups: Vec<Ties> = rows
            .chunk_by(|(a, _), (b, _)| order(a, b).is_eq())
            .map(|ties| Ties {
                rows: ties.len() as u64,
                hits: ties.iter().filter(|(_, hit)| *hit).count() as u64,
            })
            .collect();
        let hits = groups.iter().map(|ties| ties.hits).sum();
        Self { groups, rows: rows.len() as u64, hits }
    }

    /// The figures; `None` where all rows are hits, or none is.
    ///
    /// ```
    /// use hetero2_audit::RankedHits;
    /// let rows = vec![([0.9, 0.0], true), ([0.4, 0.0], false), ([0.1, 0.0], false)];
    /// let quality = RankedHits::new(rows).quality().unwrap();
    /// assert_eq!((quality.roc_auc.value, quality.bedroc.value), (1.0, 1.0));
    /// assert_eq!(quality.enrichment[0].factor.value, 3.0);
    /// ```
    #[must_use]
    pub fn quality(&self) -> Option<RankingQuality> {
        if self.hits == 0 || self.hits == self.rows {
            return None;
        }
        Some(RankingQuality {
            roc_auc: self.roc_auc(),
            bedroc: self.bedroc(),
            enrichment: ENRICHMENT_FRACTIONS.map(|fraction| self.enrichment(fraction)).into(),
        })
    }

    /// Hits among the first rows, for ascending numbers of rows.
    #[must_use]
    pub fn hits_at(&self, budgets: &[u64]) -> Vec<f64> {
        let mut groups = self.groups.iter().copied();
        let mut next = groups.next();
        let (mut rows, mut hits) = (0, 0);
        let mut at = Vec::with_capacity(budgets.len());
        for budget in budgets {
            while let Some(ties) = next.filter(|ties| rows + ties.rows <= *budget) {
                rows += ties.rows;
                hits += ties.hits;
                next = groups.next();
            }
            let rate = next.map_or(0.0, |ties| ties.hits as f64 / ties.rows as f64);
            at.push(hits as f64 + budget.saturating_sub(rows) as f64 * rate);
        }
        at
    }

    fn roc_auc(&self) -> Estimate {
        let (hits, others) = (self.hits as f64, (self.rows - self.hits) as f64);
        // Placement values (DeLong): of each hit among the others, and back.
        let (mut hits_before, mut others_before) = (0.0, 0.0);
        let mut placements = Vec::with_capacity(self.groups.len());
        let mut auc = 0.0;
        for ties in &self.groups {
            let (tied_hits, tied_others) = (ties.hits as f64, (ties.rows - ties.hits) as f64);
            let of_hit = 1.0 - (others_before + 0.5 * tied_others) / others;
            let of_other = (hits_before + 0.5 * tied_hits) / hits;
            placements.push((tied_hits, of_hit, tied_others, of_other));
            auc += tied_hits * of_hit / hits;
            hits_before += tied_hits;
            others_before += tied_others;
        }
        let variance = |count: f64, spread: f64| spread / (count - 1.0) / count;
        let square = |x: f64| (x - auc) * (x - auc);
        let of_hits = placements.iter().map(|(n, of_hit, ..)| n * square(*of_hit)).sum();
        let of_others = placements.iter().map(|(_, _, n, of_other)| n * square(*of_other)).sum();
        let defined = hits > 1.0 && others > 1.0;
        let variance = defined.then(|| variance(hits, of_hits) + variance(others, of_others));
        normal_estimate(auc, variance)
    }

    fn bedroc(&self) -> Estimate {
        let (n, hits) = (self.rows as f64, self.hits as f64);
        let rate = BEDROC_ALPHA / n;
        // Mean of e^(−αr/N) over the ranks r of each group: a geometric series.
        let mut before = 0.0;
        let mut weights = Vec::with_capacity(self.groups.len());
        for ties in &self.groups {
            let rows = ties.rows as f64;
            let series = libm::expm1(-rate * rows) / libm::expm1(-rate) / rows;
            weights.push((ties.hits as f64, libm::exp(-rate * (before + 1.0)) * series));
            before += rows;
        }
        let mean = weights.iter().map(|(hits, weight)| hits * weight).sum::<f64>() / hits;
        let random = -libm::expm1(-BEDROC_ALPHA) / libm::expm1(rate) / n;
        let share = hits / n;
        let highest = libm::expm1(-BEDROC_ALPHA * share) / (share * libm::expm1(-BEDROC_ALPHA));
        let lowest = libm::expm1(BEDROC_ALPHA * share) / (share * libm::expm1(BEDROC_ALPHA));
        let slope = 1.0 / (random * (highest - lowest));
        let value = (mean / random - lowest) / (highest - lowest);
        let spread: f64 = weights.iter().map(|(h, w)| h * (w - mean) * (w - mean)).sum();
        let variance = (hits > 1.0).then(|| spread / (hits - 1.0) / hits * slope * slope);
        normal_estimate(value, variance)
    }

    fn enrichment(&self, fraction: f64) -> Enrichment {
        let selected = ((self.rows as f64 * fraction).ceil() as u64).clamp(1, self.rows);
        let hits = self.hits_at(&[selected])[0];
        let (n, overall) = (selected as f64, self.hits as f64 / self.rows as f64);
        let (low, high) = clopper_pearson(hits, n, ALPHA);
        Enrichment {
            fraction,
            selected,
            hits: round8(hits),
            factor: Estimate {
                value: round8(hits / n / overall),
                ci_low: Some(round8(low / overall)),
                ci_high: Some(round8(high / overall)),
            },
            factor_max: round8(selected.min(self.hits) as f64 / n / overall),
        }
    }
}

/// A figure of 0 to 1 with its normal interval.
fn normal_estimate(value: f64, variance: Option<f64>) -> Estimate {
    let reach = variance.map(|variance| Z * libm::sqrt(variance.max(0.0)));
    let end = |sign: f64| reach.map(|reach| round8((value + sign * reach).clamp(0.0, 1.0)));
    Estimate { value: round8(value), ci_low: end(-1.0), ci_high: end(1.0) }
}

/// Budgets at which a cost curve of so many rows has points: from 0 to all
/// rows, closer up to `budget`.
pub(super) fn curve_budgets(rows: u64, budget: u64) -> Vec<u64> {
    let steps = |end: u64, points: usize| {
        (0..=points as u64).map(move |i| {
            let points = points as u128;
            (u128::from(end) * u128::from(i) / points) as u64
        })
    };
    let budget = budget.min(rows);
    let mut budgets: Vec<u64> =
        steps(rows, CURVE_POINTS).chain(steps(budget, BUDGET_POINTS)).collect();
    budgets.sort_unstable();
    budgets.dedup();
    budgets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_holds_its_ends_and_its_budget() {
        assert_eq!(curve_budgets(3, 2), [0, 1, 2, 3]);
        let budgets = curve_budgets(u64::MAX, 17);
        assert_eq!((budgets[0], budgets[17], budgets.last()), (0, 17, Some(&u64::MAX)));
        assert!(budgets.len() <= CURVE_POINTS + BUDGET_POINTS + 1);
        assert_eq!(curve_budgets(0, 5), [0]);
    }

    #[test]
    fn ties_share_their_hits() {
        let rows = [(2.0, true), (1.0, true), (1.0, false), (1.0, false), (0.0, false)];
        let ranked = RankedHits::new(rows.iter().map(|(v, h)| ([*v, 0.0], *h)).collect());
        let third = 1.0 / 3.0;
        let found = ranked.hits_at(&[0, 1, 2, 3, 4, 5, 6]);
        let expected = [0.0, 1.0, 1.0 + third, 1.0 + 2.0 * third, 2.0, 2.0, 2.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}");
        // The second value decides among equal first ones; zeros are one value.
        let ranked = RankedHits::new(vec![
            ([0.0, 1.0], true),
            ([-0.0, 2.0], false),
            ([0.0, -0.0], true),
            ([-0.0, 0.0], false),
        ]);
        assert_eq!(ranked.hits_at(&[1, 2, 3, 4]), [0.0, 1.0, 1.5, 2.0]);
    }

    #[test]
    fn figures_of_one_kind_of_row_are_undefined() {
        let rows = |hit| RankedHits::new(vec![([1.0, 0.0], hit), ([0.0, 0.0], hit)]);
        assert_eq!((rows(true).quality(), rows(false).quality()), (None, None));
        assert_eq!(RankedHits::new(Vec::new()).quality(), None);
        let one = RankedHits::new(vec![([1.0, 0.0], true), ([0.0, 0.0], false)]);
        let quality = one.quality().unwrap();
        assert_eq!((quality.roc_auc.value, quality.roc_auc.ci_low), (1.0, None));
    }
}
