//! Intervals of a figure over clusters of dependent units.
//!
//! The variance is the jackknife over clusters (CV3; MacKinnon, Nielsen and
//! Webb 2023): (G − 1)/G · Σ (θ₋g − θ)², θ₋g being the figure without cluster
//! g. One part in G + 1 of the variance under random scores is added, so that a
//! handful of equal values does not look exact. The quantile is Student's with
//! Satterthwaite's degrees of freedom, (Σ v)² / Σ v² − 1 over the clusters'
//! variances v = Σ d² + ρ ((Σ d)² − Σ d²), d being the units' weights in the
//! figure and ρ their correlation within clusters (moment estimate, 0 to 1;
//! Imbens and Kolesár 2016): so few large clusters count for what they are.

use hetero2_common::rounding::round8;
use hetero2_contract::evidence::Figure;

use super::student::{upper_quantile, upper_tail};

/// Name of the method in the document.
pub(super) const METHOD: &str = "cluster_jackknife_cv3_student_satterthwaite";
/// Two-sided confidence of every interval.
pub(super) const CONFIDENCE: f64 = 0.95;
/// Each end is missed with this probability.
pub(super) const TAIL: f64 = 0.025;

/// What one unit adds to a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Influence {
    /// Its cluster, from 0.
    pub(super) cluster: u32,
    /// Change of the figure that it is responsible for, to first order.
    pub(super) psi: f64,
    /// Its weight in the figure.
    pub(super) weight: f64,
}

/// A figure with what is known of its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) spread: Option<Spread>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) variance: f64,
    pub(super) degrees: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cluster {
    psi: f64,
    psi_squared: f64,
    weight: f64,
    weight_squared: f64,
    units: u32,
}

impl Estimate {
    /// A figure from its units' influences and from its values without each
    /// cluster. Clusters without a unit count for nothing. The spread is
    /// unknown where fewer than two clusters are left, or where the figure is
    /// not defined without one of them (`NaN`). `under_random` is the variance
    /// that the figure would have with random scores of independent units.
    pub(super) fn over_clusters(
        value: f64,
        units: impl IntoIterator<Item = Influence>,
        without: &[f64],
        under_random: f64,
    ) -> Self {
        let mut clusters = vec![Cluster::default(); without.len()];
        for unit in units {
            let cluster = &mut clusters[unit.cluster as usize];
            cluster.psi += unit.psi;
            cluster.psi_squared += unit.psi * unit.psi;
            cluster.weight += unit.weight;
            cluster.weight_squared += unit.weight * unit.weight;
            cluster.units += 1;
        }
        let used = || clusters.iter().zip(without).filter(|(cluster, _)| cluster.units > 0);
        let count = used().count() as f64;
        if count < 2.0 || used().any(|(_, without)| !without.is_finite()) {
            return Self { value, spread: None };
        }
        let squares: f64 = used().map(|(_, without)| (without - value) * (without - value)).sum();
        let variance = (count - 1.0) / count * squares + under_random / (count + 1.0);
        let degrees = degrees_of_freedom(used().map(|(cluster, _)| cluster));
        Self { value, spread: Some(Spread { variance, degrees }) }
    }

    /// As [`Estimate::over_clusters`], where the figures without each cluster
    /// are those of first order.
    pub(super) fn to_first_order(
        value: f64,
        units: &[Influence],
        clusters: u32,
        under_random: f64,
    ) -> Self {
        let mut psi = vec![0.0; clusters as usize];
        let mut weight = vec![0.0; clusters as usize];
        let mut total = 0.0;
        for unit in units {
            psi[unit.cluster as usize] += unit.psi;
            weight[unit.cluster as usize] += unit.weight;
            total += unit.weight;
        }
        let both = psi.iter().zip(&weight);
        let without: Vec<f64> = both
            .map(|(psi, weight)| {
                let left = 1.0 - weight / total;
                if left > 0.0 { value - psi / left } else { f64::NAN }
            })
            .collect();
        Self::over_clusters(value, units.iter().copied(), &without, under_random)
    }

    /// The figure with its interval, within `bounds`; published values.
    pub(super) fn figure(&self, bounds: (f64, f64)) -> Figure {
        let ends = self.interval(TAIL);
        let end = |value: f64| round8(value.clamp(bounds.0, bounds.1));
        Figure {
            value: round8(self.value),
            low: ends.map(|(low, _)| end(low)),
            high: ends.map(|(_, high)| end(high)),
        }
    }

    /// Both ends, each missed with probability `tail`.
    pub(super) fn interval(&self, tail: f64) -> Option<(f64, f64)> {
        self.spread.map(|spread| {
            let reach = upper_quantile(tail, spread.degrees) * libm::sqrt(spread.variance);
            (self.value - reach, self.value + reach)
        })
    }

    /// One-sided p-value of "not above `null`", with the variance not below
    /// `floor`, and with `more` variance that is known.
    pub(super) fn p_above(&self, null: f64, floor: f64, more: f64) -> Option<f64> {
        self.spread.map(|spread| {
            let error = libm::sqrt(spread.variance.max(floor) + more);
            upper_tail((self.value - null) / error, spread.degrees)
        })
    }

    /// One-sided p-value of "not below `null`".
    pub(super) fn p_below(&self, null: f64) -> Option<f64> {
        self.spread.map(|spread| {
            upper_tail((null - self.value) / libm::sqrt(spread.variance), spread.degrees)
        })
    }
}

fn degrees_of_freedom<'a>(clusters: impl Iterator<Item = &'a Cluster> + Clone) -> f64 {
    let pairs = |sum: f64, squared: f64| sum * sum - squared;
    let sum = |of: &dyn Fn(&Cluster) -> f64| clusters.clone().map(of).sum::<f64>();
    let variance = sum(&|c| c.psi_squared) / sum(&|c| c.weight_squared);
    let covariance =
        sum(&|c| pairs(c.psi, c.psi_squared)) / sum(&|c| pairs(c.weight, c.weight_squared));
    let correlation = covariance / variance;
    // Undefined where all clusters are of one unit, or nothing varies.
    let correlation = if correlation.is_finite() { correlation.clamp(0.0, 1.0) } else { 0.0 };
    let of = |c: &Cluster| c.weight_squared + correlation * pairs(c.weight, c.weight_squared);
    let (total, squares) = (sum(&of), sum(&|c| of(c) * of(c)));
    (total * total / squares - 1.0).max(0.02)
}

/// A ratio of sums over units, Σ numerators / Σ denominators; a mean where all
/// denominators are 1. `None` where the denominators add up to nothing.
pub(super) fn ratio(
    units: &[Part],
    clusters: u32,
    variance_of_random_unit: f64,
) -> Option<Estimate> {
    let numerator: f64 = units.iter().map(|unit| unit.numerator).sum();
    let denominator: f64 = units.iter().map(|unit| unit.denominator).sum();
    if denominator <= 0.0 {
        return None;
    }
    let value = numerator / denominator;
    let mut sums = vec![(0.0, 0.0); clusters as usize];
    let mut squares = 0.0;
    for unit in units {
        let (top, bottom) = &mut sums[unit.cluster as usize];
        *top += unit.numerator;
        *bottom += unit.denominator;
        squares += unit.denominator * unit.denominator;
    }
    let without: Vec<f64> = sums
        .iter()
        .map(|(top, bottom)| {
            let left = denominator - bottom;
            if left > 0.0 { (numerator - top) / left } else { f64::NAN }
        })
        .collect();
    let influences = units.iter().map(|unit| Influence {
        cluster: unit.cluster,
        psi: (unit.numerator - value * unit.denominator) / denominator,
        weight: unit.denominator / denominator,
    });
    let under_random = variance_of_random_unit * squares / (denominator * denominator);
    Some(Estimate::over_clusters(value, influences, &without, under_random))
}

/// What a unit adds to a [`ratio`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    pub(super) cluster: u32,
    pub(super) numerator: f64,
    pub(super) denominator: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[(u32, f64)], clusters: u32) -> Estimate {
        let part = |(cluster, value): &(u32, f64)| Part {
            cluster: *cluster,
            numerator: *value,
            denominator: 1.0,
        };
        let parts: Vec<Part> = values.iter().map(part).collect();
        ratio(&parts, clusters, 0.0).unwrap()
    }

    #[test]
    fn of_clusters_of_one_it_is_students_interval() {
        let estimate = mean(&[(0, 1.0), (1, 2.0), (2, 3.0), (3, 6.0)], 4);
        let spread = estimate.spread.unwrap();
        // Mean 3, variance 14/3 of a value, four values.
        assert!((estimate.value - 3.0).abs() < 1e-12);
        assert!((spread.variance - 14.0 / 12.0).abs() < 1e-12, "{spread:?}");
        assert!((spread.degrees - 3.0).abs() < 1e-12, "{spread:?}");
    }

    #[test]
    fn repeating_units_within_clusters_changes_nothing() {
        let once = mean(&[(0, 1.0), (1, 2.0), (2, 4.0)], 3);
        let values = [(0, 1.0), (1, 2.0), (2, 4.0)];
        let twenty: Vec<_> = values.iter().flat_map(|value| [*value; 20]).collect();
        let repeated = mean(&twenty, 3);
        let (a, b) = (once.spread.unwrap(), repeated.spread.unwrap());
        assert!((a.variance - b.variance).abs() < 1e-12);
        assert!((a.degrees - b.degrees).abs() < 1e-9, "{a:?} {b:?}");
    }

    #[test]
    fn one_cluster_has_no_interval() {
        assert_eq!(mean(&[(0, 1.0), (0, 2.0)], 1).spread, None);
        assert_eq!(mean(&[(1, 1.0), (1, 2.0)], 3).spread, None);
        assert_eq!(mean(&[(1, 1.0)], 2).p_above(0.5, 0.0, 0.0), None);
        let lopsided: Vec<_> = (0..100).map(|i| (u32::from(i == 0), f64::from(i))).collect();
        let degrees = mean(&lopsided, 2).spread.unwrap().degrees;
        assert!(degrees < 0.1, "{degrees}");
    }
}
