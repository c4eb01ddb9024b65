//! The rows that a budget would buy: the N best by score.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The best rows by the model's score of the original; of equal scores the
/// earlier row. Mergeable, the same in any partition. Memory: about 32 bytes
/// for each of N rows.
///
/// ```
/// let mut top = hetero2_audit::evidence::TopRows::new(2);
/// [(0, 1.0), (1, 3.0), (2, 3.0), (3, 3.0)].iter().for_each(|(row, s)| top.add(*row, *s));
/// assert_eq!(top.rows(), [1, 2]);
/// let last = top.last().unwrap();
/// assert!(last.admits(2, 3.0) && !last.admits(3, 3.0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopRows {
    limit: usize,
    /// By (descending score, row).
    rows: BTreeSet<(u64, u64)>,
}

impl TopRows {
    /// So many rows at most.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, rows: BTreeSet::new() }
    }

    /// Offers a row; a score that is not finite is left out.
    pub fn add(&mut self, row: u64, score: f64) {
        if score.is_finite() {
            self.keep((descending(score), row));
        }
    }

    /// Takes in another's rows.
    pub fn merge(&mut self, other: &Self) {
        other.rows.iter().for_each(|row| self.keep(*row));
    }

    /// The last of the rows, where there are as many as the limit: whatever comes
    /// after it is left out.
    #[must_use]
    pub fn last(&self) -> Option<LastOfTop> {
        let (key, row) = *self.rows.last().filter(|_| self.rows.len() == self.limit)?;
        Some(LastOfTop { score: score_of(key), row })
    }

    /// The rows, ascending.
    #[must_use]
    pub fn rows(&self) -> Vec<u64> {
        let mut rows: Vec<u64> = self.rows.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows
    }

    fn keep(&mut self, row: (u64, u64)) {
        self.rows.insert(row);
        if self.rows.len() > self.limit {
            self.rows.pop_last();
        }
    }
}

/// The last of the best rows: those that come before it are among them, too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LastOfTop {
    /// Its score.
    pub score: f64,
    /// Its row in the library; of equal scores the earlier row is better.
    pub row: u64,
}

impl LastOfTop {
    /// Whether a row of this score is this one or a better one.
    #[must_use]
    pub fn admits(&self, row: u64, score: f64) -> bool {
        (descending(score), row) <= (descending(self.score), self.row)
    }
}

/// A key that is smaller the higher the score; both zeros are one.
fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    // Ascending order of doubles, turned around.
    !(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
}

/// The score of such a key.
fn score_of(key: u64) -> f64 {
    let bits = !key;
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_agree() {
        let scores: Vec<f64> = (0..400)
            .map(|i| f64::from((i * 37) % 23 - 11) * 1e-3)
            .chain([f64::NAN, -0.0])
            .collect();
        let top = |from: usize, to: usize| {
            let mut top = TopRows::new(50);
            (from..to).for_each(|row| top.add(row as u64, scores[row]));
            top
        };
        let whole = top(0, scores.len());
        let mut merged = top(300, scores.len());
        merged.merge(&top(0, 130));
        merged.merge(&top(130, 300));
        assert_eq!(merged, whole);
        let worst = whole.rows().iter().map(|row| scores[*row as usize]).fold(1.0, f64::min);
        let better = scores.iter().filter(|score| **score > worst).count();
        assert!(better < 50 && whole.rows().len() == 50);
        // The last one says which rows these are.
        let last = whole.last().unwrap();
        assert_eq!(last.score.to_bits(), worst.to_bits());
        let finite = (0..400).filter(|row| last.admits(*row, scores[*row as usize]));
        assert_eq!(finite.collect::<Vec<u64>>(), whole.rows());
        assert_eq!(top(0, 30).last(), None, "fewer than the limit");
    }
}
