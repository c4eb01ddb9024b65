//! Figures of a score on labelled units that compare the two classes: ROC AUC,
//! contrast, BEDROC, with what each unit adds to them.

use super::interval::{Estimate, Influence};
use crate::ranking::{BEDROC_ALPHA, RankedHits};

/// A labelled unit with a value; units without are not here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item {
    pub(super) cluster: u32,
    pub(super) class: Class,
    pub(super) value: f64,
}

/// The class of a labelled unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Active,
    Inactive,
}

/// A figure of items in parts: what paired differences are made of.
#[derive(Debug, Clone)]
pub(super) struct TwoClass {
    pub(super) value: f64,
    /// Of each item.
    pub(super) psi: Vec<f64>,
    /// The figure without each cluster; NaN where it is not defined.
    pub(super) without: Vec<f64>,
}

/// Items of each class.
fn sizes(items: &[Item]) -> (f64, f64) {
    let active = items.iter().filter(|item| item.class == Class::Active).count();
    (active as f64, (items.len() - active) as f64)
}

/// The estimate of a two-class figure, or of a difference of two of the same
/// items.
pub(super) fn estimate(items: &[Item], figure: &TwoClass, random_unit: f64) -> Estimate {
    let (active, inactive) = sizes(items);
    let influences = items.iter().zip(&figure.psi).map(|(item, psi)| Influence {
        cluster: item.cluster,
        psi: *psi,
        weight: match item.class {
            Class::Active => 1.0 / active,
            Class::Inactive => 1.0 / inactive,
        },
    });
    let under_random = random_unit * (1.0 / active + 1.0 / inactive);
    Estimate::over_clusters(figure.value, influences, &figure.without, under_random)
}

/// One figure minus another of the same items.
pub(super) fn minus(a: &TwoClass, b: &TwoClass) -> TwoClass {
    let each = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
    TwoClass {
        value: a.value - b.value,
        psi: each(&a.psi, &b.psi),
        without: each(&a.without, &b.without),
    }
}

/// Mean value of actives minus that of inactives; `None` without either.
pub(super) fn contrast(items: &[Item], clusters: u32) -> Option<TwoClass> {
    let (active, inactive) = sizes(items);
    if active == 0.0 || inactive == 0.0 {
        return None;
    }
    // (sum, count) by class, over all and by cluster.
    let mut all = [(0.0, 0.0); 2];
    let mut by_cluster = vec![[(0.0, 0.0); 2]; clusters as usize];
    for item in items {
        for sums in [&mut all, &mut by_cluster[item.cluster as usize]] {
            let (sum, count) = &mut sums[item.class as usize];
            *sum += item.value;
            *count += 1.0;
        }
    }
    let means = all.map(|(sum, count)| sum / count);
    let without = by_cluster.iter().map(|part| {
        let left = |class: usize| {
            let count = all[class].1 - part[class].1;
            if count > 0.0 { (all[class].0 - part[class].0) / count } else { f64::NAN }
        };
        left(0) - left(1)
    });
    let psi = items.iter().map(|item| match item.class {
        Class::Active => (item.value - means[0]) / active,
        Class::Inactive => -(item.value - means[1]) / inactive,
    });
    Some(TwoClass { value: means[0] - means[1], psi: psi.collect(), without: without.collect() })
}

/// Groups of equal values of a sorted list of items.
fn ties<'a>(items: &'a [Item], order: &'a [u32]) -> impl Iterator<Item = &'a [u32]> {
    order.chunk_by(|a, b| items[*a as usize].value == items[*b as usize].value)
}

/// Probability that an active has a higher value than an inactive, ties one
/// half, with DeLong's placement values as influences and the exact value
/// without each cluster. `None` without either class.
pub(super) fn roc_auc(items: &[Item], clusters: u32) -> Option<TwoClass> {
    let (active, inactive) = sizes(items);
    if active == 0.0 || inactive == 0.0 {
        return None;
    }
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    let value = |i: &u32| items[*i as usize].value;
    order.sort_by(|a, b| value(a).total_cmp(&value(b)).then(a.cmp(b)));
    // Wins of each item over the other class, or of the other class over it.
    let mut wins = vec![0.0; items.len()];
    let total = count_wins(items, &order, &mut wins);
    // Pairs that a cluster takes part in: those of its items, each pair within
    // it once.
    let mut involved = vec![(0.0, 0.0, 0.0); clusters as usize];
    for (item, wins) in items.iter().zip(&wins) {
        let (sum, actives, inactives) = &mut involved[item.cluster as usize];
        *sum += wins;
        match item.class {
            Class::Active => *actives += 1.0,
            Class::Inactive => *inactives += 1.0,
        }
    }
    // Stable, so that each cluster stays sorted by value.
    order.sort_by_key(|i| items[*i as usize].cluster);
    let mut unused = vec![0.0; items.len()];
    for part in order.chunk_by(|a, b| items[*a as usize].cluster == items[*b as usize].cluster) {
        let cluster = items[part[0] as usize].cluster;
        involved[cluster as usize].0 -= count_wins(items, part, &mut unused);
    }
    let without = involved.iter().map(|(wins, actives, inactives)| {
        let pairs = (active - actives) * (inactive - inactives);
        if pairs > 0.0 { (total - wins) / pairs } else { f64::NAN }
    });
    let auc = total / (active * inactive);
    let psi = items.iter().zip(&wins).map(|(item, wins)| match item.class {
        Class::Active => (wins / inactive - auc) / active,
        Class::Inactive => (wins / active - auc) / inactive,
    });
    Some(TwoClass { value: auc, psi: psi.collect(), without: without.collect() })
}

/// Wins of actives over inactives among the items of `order`, ties one half;
/// fills in each item's.
fn count_wins(items: &[Item], order: &[u32], wins: &mut [f64]) -> f64 {
    let of_class = |group: &[u32], class| {
        group.iter().filter(|i| items[**i as usize].class == class).count() as f64
    };
    let actives = of_class(order, Class::Active);
    let (mut active_below, mut inactive_below, mut total) = (0.0, 0.0, 0.0);
    for group in ties(items, order) {
        let (active, inactive) = (of_class(group, Class::Active), of_class(group, Class::Inactive));
        let of_active = inactive_below + 0.5 * inactive;
        let of_inactive = actives - active_below - 0.5 * active;
        for i in group {
            wins[*i as usize] = match items[*i as usize].class {
                Class::Active => of_active,
                Class::Inactive => of_inactive,
            };
        }
        total += active * of_active;
        active_below += active;
        inactive_below += inactive;
    }
    total
}

/// BEDROC (Truchon and Bayly 2007, α = 20), with an interval of first order:
/// the influence of a unit on Σ e^(−αF) over the actives, F being the share of
/// units above; the share of actives is held fixed.
pub(super) fn bedroc(items: &[Item], clusters: u32) -> Option<Estimate> {
    let ranked = items.iter().map(|item| ([item.value, 0.0], item.class == Class::Active));
    let value = RankedHits::new(ranked.collect()).quality()?.bedroc.value;
    let (active, _) = sizes(items);
    let n = items.len() as f64;
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    let of = |i: &u32| items[*i as usize].value;
    order.sort_by(|a, b| of(b).total_cmp(&of(a)).then(a.cmp(b)));
    // Sum and slope over the actives, from the best down.
    let (mut above, mut early) = (0.0, 0.0);
    let mut groups = Vec::new();
    for group in ties(items, &order) {
        let middle = (above + 0.5 * group.len() as f64) / n;
        let actives =
            group.iter().filter(|i| items[**i as usize].class == Class::Active).count() as f64;
        let weight = libm::exp(-BEDROC_ALPHA * middle);
        early += actives * weight;
        groups.push((group, middle, actives, weight));
        above += group.len() as f64;
    }
    let mean = early / active;
    let drag: f64 = groups.iter().map(|(_, middle, hits, weight)| hits * weight * middle).sum();
    let slope = bedroc_slope(active / n);
    let mut influences = Vec::with_capacity(items.len());
    let mut below = 0.0;
    for (group, _, actives, weight) in groups.iter().rev() {
        // Another unit here pushes every active below it down.
        let pushed = below + 0.5 * actives * weight;
        below += actives * weight;
        let push = -BEDROC_ALPHA * (pushed - drag) / n / active;
        influences.extend(group.iter().map(|i| {
            let item = items[*i as usize];
            let (own, share) = match item.class {
                Class::Active => ((weight - mean) / active, 1.0 / active),
                Class::Inactive => (0.0, 1.0 / n),
            };
            Influence { cluster: item.cluster, psi: slope * (own + push), weight: share }
        }));
    }
    Some(Estimate::to_first_order(value, &influences, clusters, 0.25 / active))
}

/// Change of BEDROC with the mean of e^(−αF).
fn bedroc_slope(share: f64) -> f64 {
    let random = -libm::expm1(-BEDROC_ALPHA) / BEDROC_ALPHA;
    let highest = libm::expm1(-BEDROC_ALPHA * share) / (share * libm::expm1(-BEDROC_ALPHA));
    let lowest = libm::expm1(BEDROC_ALPHA * share) / (share * libm::expm1(BEDROC_ALPHA));
    1.0 / (random * (highest - lowest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: u32, clusters: u32) -> Vec<Item> {
        let item = |i: u32| Item {
            cluster: i % clusters,
            class: if i * 7 % 5 < 2 { Class::Active } else { Class::Inactive },
            value: f64::from(i * 37 % 11) + f64::from(u8::from(i * 7 % 5 < 2)),
        };
        (0..count).map(item).collect()
    }

    #[test]
    fn figures_without_a_cluster_are_those_of_the_rest() {
        let (all, clusters) = (items(60, 13), 13);
        for figure in [roc_auc, contrast] {
            let found = figure(&all, clusters).unwrap();
            for cluster in 0..clusters {
                let rest: Vec<Item> =
                    all.iter().filter(|item| item.cluster != cluster).copied().collect();
                let expected = figure(&rest, clusters).unwrap().value;
                let without = found.without[cluster as usize];
                assert!((without - expected).abs() < 1e-12, "{without} {expected}");
            }
            assert!(found.psi.iter().sum::<f64>().abs() < 1e-12);
        }
    }

    #[test]
    fn roc_auc_is_that_of_the_ranking() {
        let all = items(60, 60);
        let ranked = all.iter().map(|i| ([i.value, 0.0], i.class == Class::Active)).collect();
        let quality = RankedHits::new(ranked).quality().unwrap();
        let found = estimate(&all, &roc_auc(&all, 60).unwrap(), 0.0);
        assert!((found.value - quality.roc_auc.value).abs() < 1e-8);
        // DeLong's variance, nearly.
        let (low, high) = (quality.roc_auc.ci_low.unwrap(), quality.roc_auc.ci_high.unwrap());
        let error = (high - low) / 2.0 / 1.96;
        let spread = found.spread.unwrap();
        assert!((libm::sqrt(spread.variance) / error - 1.0).abs() < 0.05, "{spread:?} {error}");
    }

    #[test]
    fn influence_on_bedroc_is_the_change_without_a_unit() {
        let all = items(400, 400);
        let whole = bedroc(&all, 400).unwrap();
        let value = |items: &[Item]| bedroc(items, 400).unwrap().value;
        let squares: f64 = (0..400)
            .map(|left_out| {
                let mut rest = all.clone();
                rest.remove(left_out);
                let change = value(&rest) - whole.value;
                change * change
            })
            .sum();
        let ratio = whole.spread.unwrap().variance / squares;
        assert!((0.7..1.5).contains(&ratio), "{ratio}");
    }

    #[test]
    fn one_class_has_no_figures() {
        let all: Vec<Item> =
            items(20, 5).into_iter().filter(|item| item.class == Class::Active).collect();
        assert!(roc_auc(&all, 5).is_none() && contrast(&all, 5).is_none());
        assert!(bedroc(&all, 5).is_none());
    }
}
