//! Tie-aware, weighted AUC over items that are sorted once and relabelled many
//! times. Knows nothing of nulls, gates or verdicts.
//!
//! The order of the floating-point operations is part of `hetero_audit.v2`:
//! weights are totalled pairwise in blocks of eight, as the published numbers
//! were, and blocks of equal score are visited in ascending order.

use std::ops::Range;

use super::evaluate::{Item, Label};

/// Items sorted by score, label and weight, with their blocks of equal score.
#[derive(Debug, Clone)]
pub(super) struct Ranked {
    pub(super) labels: Vec<Label>,
    weights: Vec<f64>,
    blocks: Vec<Range<usize>>,
    unit_weights: bool,
}

impl Ranked {
    /// Sorts `items`, whose scores and weights must be finite.
    pub(super) fn new(items: &[Item]) -> Self {
        let mut sorted = items.to_vec();
        sorted.sort_by(|a, b| {
            let by_score = a.score.partial_cmp(&b.score);
            let by_weight = a.weight.partial_cmp(&b.weight);
            by_score
                .unwrap_or(std::cmp::Ordering::Equal)
                .then(a.label.cmp(&b.label))
                .then(by_weight.unwrap_or(std::cmp::Ordering::Equal))
        });
        let mut blocks = Vec::new();
        let mut start = 0;
        for end in 1..=sorted.len() {
            if end == sorted.len() || sorted[end].score != sorted[start].score {
                blocks.push(start..end);
                start = end;
            }
        }
        Self {
            labels: sorted.iter().map(|item| item.label).collect(),
            weights: sorted.iter().map(|item| item.weight).collect(),
            blocks,
            unit_weights: sorted.iter().all(|item| item.weight == 1.0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn has_unit_weights(&self) -> bool {
        self.unit_weights
    }

    /// AUC under `labels` (in sorted order); NaN where one class weighs nothing.
    pub(super) fn auc(&self, labels: &[Label]) -> f64 {
        let weigh = |label: Label| {
            let of_class: Vec<f64> = self
                .weights
                .iter()
                .zip(labels)
                .filter(|(_, l)| **l == label)
                .map(|(w, _)| *w)
                .collect();
            pairwise_sum(&of_class)
        };
        let (positive_weight, negative_weight) = (weigh(Label::Positive), weigh(Label::Negative));
        if positive_weight == 0.0 || negative_weight == 0.0 {
            return f64::NAN;
        }
        let (mut negatives_below, mut wins) = (0.0, 0.0);
        for block in &self.blocks {
            let (mut positive, mut negative) = (0.0, 0.0);
            for i in block.clone() {
                match labels[i] {
                    Label::Positive => positive += self.weights[i],
                    Label::Negative => negative += self.weights[i],
                }
            }
            wins += positive * negatives_below + 0.5 * positive * negative;
            negatives_below += negative;
        }
        wins / (positive_weight * negative_weight)
    }

    /// AUC for each item in turn carrying `lone` while all others carry the
    /// other label, in sorted order. Linear for unit weights, else quadratic.
    pub(super) fn lone_label_aucs(&self, lone: Label) -> Vec<f64> {
        if self.unit_weights {
            return self.lone_unit_aucs(lone);
        }
        match lone {
            Label::Positive => self.lone_positive_aucs(),
            Label::Negative => {
                let mut labels = vec![Label::Positive; self.len()];
                (0..self.len())
                    .map(|i| {
                        labels[i] = Label::Negative;
                        let auc = self.auc(&labels);
                        labels[i] = Label::Positive;
                        auc
                    })
                    .collect()
            }
        }
    }

    fn lone_unit_aucs(&self, lone: Label) -> Vec<f64> {
        let others = (self.len() - 1) as f64;
        let mut aucs = Vec::with_capacity(self.len());
        for block in &self.blocks {
            let beaten = match lone {
                Label::Positive => block.start,
                Label::Negative => self.len() - block.end,
            };
            let wins = beaten as f64 + 0.5 * (block.len() - 1) as f64;
            let auc = if others == 0.0 { f64::NAN } else { wins / others };
            aucs.resize(aucs.len() + block.len(), auc);
        }
        aucs
    }

    /// The same operations as [`Ranked::auc`], without those on zeros.
    fn lone_positive_aucs(&self) -> Vec<f64> {
        let mut aucs = Vec::with_capacity(self.len());
        let mut others = self.weights[1..].to_vec();
        let mut below = 0.0;
        for block in &self.blocks {
            for i in block.clone() {
                if i > 0 {
                    others[i - 1] = self.weights[i - 1];
                }
                let positive = self.weights[i];
                let tied: f64 =
                    block.clone().filter(|j| *j != i).fold(0.0, |sum, j| sum + self.weights[j]);
                let negative_weight = pairwise_sum(&others);
                aucs.push(if positive == 0.0 || negative_weight == 0.0 {
                    f64::NAN
                } else {
                    (positive * below + 0.5 * positive * tied) / (positive * negative_weight)
                });
            }
            below += self.weights[block.clone()].iter().fold(0.0, |sum, w| sum + w);
        }
        aucs
    }
}

/// Sums in eight lanes over at most 128 values, splitting longer runs in half.
fn pairwise_sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().fold(0.0, |sum, v| sum + v);
    }
    if n > 128 {
        let half = n / 2;
        let (left, right) = values.split_at(half - half % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let mut lanes = [0.0; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, v| sum + v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_aucs_match_the_general_computation() {
        let items: Vec<Item> = (0..150)
            .map(|i| Item {
                label: Label::Negative,
                score: f64::from((i * 7919) % 40),
                weight: f64::from((i * 31) % 5) * 0.3,
            })
            .collect();
        let ranked = Ranked::new(&items);
        let unit =
            Ranked::new(&items.iter().map(|i| Item { weight: 1.0, ..*i }).collect::<Vec<_>>());
        for ranked in [&ranked, &unit] {
            for (lone, rest) in
                [(Label::Positive, Label::Negative), (Label::Negative, Label::Positive)]
            {
                let fast = ranked.lone_label_aucs(lone);
                for (i, auc) in fast.iter().enumerate() {
                    let mut labels = vec![rest; items.len()];
                    labels[i] = lone;
                    assert_eq!(
                        auc.to_bits(),
                        ranked.auc(&labels).to_bits(),
                        "item {i} as {lone:?}"
                    );
                }
            }
        }
    }
}
