//! The distribution of the AUC under permuted labels of given scores: every
//! labeling where they are few, else a seeded sample.

use super::auc::Ranked;
use super::evaluate::{AuditSettings, Label, Method, defined};
use super::python_sort;
use hetero2_common::random::PythonRandom;

/// Up to this many items every labeling is counted.
const EXHAUSTIVE_ITEMS: usize = 10;

/// The AUC of each labeling, in the order in which they were visited; NaN
/// where a labeling leaves one class without weight.
#[derive(Debug)]
pub(super) enum Permutations {
    /// Each labeling once.
    All(Vec<f64>),
    /// Seeded shuffles.
    Sampled(Vec<f64>),
}

impl Permutations {
    pub(super) fn new(ranked: &Ranked, n_pos: usize, settings: &AuditSettings) -> Self {
        let n = ranked.len();
        if n_pos == n - 1 {
            Self::All(ranked.lone_label_aucs(Label::Negative))
        } else if n_pos == 1 {
            Self::All(ranked.lone_label_aucs(Label::Positive))
        } else if n <= EXHAUSTIVE_ITEMS {
            Self::All(Combinations::new(n, n_pos).map(|labels| ranked.auc(&labels)).collect())
        } else {
            let mut rng = PythonRandom::new(settings.seed);
            let shuffled = (0..settings.repetitions).map(|_| {
                let mut labels = ranked.labels.clone();
                rng.shuffle(&mut labels);
                ranked.auc(&labels)
            });
            Self::Sampled(shuffled.collect())
        }
    }

    pub(super) fn method(&self) -> Method {
        match self {
            Self::All(_) => Method::Exact,
            Self::Sampled(_) => Method::MonteCarlo,
        }
    }

    pub(super) fn sampled(&self) -> u32 {
        match self {
            Self::All(_) => 0,
            Self::Sampled(aucs) => aucs.len() as u32,
        }
    }
}

/// The quantile of `hetero_audit.v2`; `None` where it is undefined.
pub(super) fn quantile(permutations: &Permutations, q: f64) -> Option<f64> {
    match permutations {
        Permutations::All(aucs) => exact_quantile(aucs, q),
        Permutations::Sampled(aucs) => {
            let mut sorted = aucs.clone();
            python_sort::sort(&mut sorted);
            nearest_rank(&sorted, q).and_then(defined)
        }
    }
}

/// Nearest rank, halves to even: element ⌊q·n⌉ (from 1) of sorted values.
pub(super) fn nearest_rank(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = (q * sorted.len() as f64).round_ties_even().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

/// Smallest value whose cumulative count reaches q of all. Undefined values
/// stand where the published sort leaves them, each for itself; if the quantile
/// falls on one, the largest value found by a left-to-right maximum stands in.
fn exact_quantile(aucs: &[f64], q: f64) -> Option<f64> {
    let target = q * aucs.len() as f64;
    if !aucs.iter().any(|auc| auc.is_nan()) {
        let mut sorted = aucs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = (target.ceil().max(1.0) as usize).min(sorted.len());
        return Some(sorted[rank - 1]);
    }
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for auc in aucs {
        if auc.is_nan() {
            distinct.push((*auc, 1));
            continue;
        }
        let place = *places.entry(auc.to_bits()).or_insert(distinct.len());
        match distinct.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => distinct.push((*auc, 1)),
        }
    }
    let mut order: Vec<f64> = distinct.iter().map(|(auc, _)| *auc).collect();
    let largest = order.iter().copied().reduce(|best, auc| if auc > best { auc } else { best });
    python_sort::sort(&mut order);
    let mut cumulative = 0;
    for auc in order {
        let count = places.get(&auc.to_bits()).map_or(1, |place| distinct[*place].1);
        cumulative += count;
        if cumulative as f64 >= target {
            return defined(auc).or(largest.and_then(defined));
        }
    }
    largest.and_then(defined)
}

/// All labelings of `n` items with `k` positives, positions in lexicographic order.
struct Combinations {
    n: usize,
    picked: Vec<usize>,
    done: bool,
}

impl Combinations {
    fn new(n: usize, k: usize) -> Self {
        Self { n, picked: (0..k).collect(), done: false }
    }
}

impl Iterator for Combinations {
    type Item = Vec<Label>;

    fn next(&mut self) -> Option<Vec<Label>> {
        if self.done {
            return None;
        }
        let mut labels = vec![Label::Negative; self.n];
        self.picked.iter().for_each(|i| labels[*i] = Label::Positive);
        let k = self.picked.len();
        match (0..k).rev().find(|i| self.picked[*i] < self.n - k + i) {
            None => self.done = true,
            Some(i) => {
                self.picked[i] += 1;
                for j in i + 1..k {
                    self.picked[j] = self.picked[j - 1] + 1;
                }
            }
        }
        Some(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_complete_and_ordered() {
        let all: Vec<String> = Combinations::new(5, 2)
            .map(|labels| {
                labels.iter().map(|l| if *l == Label::Positive { '1' } else { '0' }).collect()
            })
            .collect();
        assert_eq!(all.len(), 10);
        assert!(all.windows(2).all(|w| w[0] > w[1]), "{all:?}");
    }
}
