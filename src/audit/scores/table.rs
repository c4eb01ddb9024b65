//! Scores sorted by 256-bit key in 256 buckets: 40 bytes an entry, and no more
//! than one bucket is ever copied.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{Score, ScoresError};
use hetero2_contract::DecoyHash;

/// A key without its first byte, which chose the bucket, and its score.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tail: [u8; 31],
    /// 0: the weight is 1; else it is in the side table.
    own_weight: u8,
    score: [u8; 8],
}

/// Keys with scores, sorted, each once.
#[derive(Debug, Default)]
pub(super) struct HashedScores {
    buckets: Vec<Vec<Entry>>,
    weights: HashMap<DecoyHash, f64>,
    len: usize,
}

impl HashedScores {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &DecoyHash) -> Option<Score> {
        let (bucket, tail) = split(key);
        let bucket = self.buckets.get(bucket)?;
        let place = bucket.binary_search_by(|entry| entry.tail.cmp(&tail)).ok()?;
        let entry = bucket[place];
        let own = || self.weights.get(key).copied();
        let weight = if entry.own_weight == 0 { Some(1.0) } else { own() };
        Some(Score { score: f64::from_le_bytes(entry.score), weight: weight? })
    }
}

/// What becomes of a key that is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    /// The last one counts.
    LastWins,
    /// They must be equal.
    MustAgree,
}

/// Gathers scores in any order.
#[derive(Debug)]
pub(super) struct Builder {
    table: HashedScores,
    duplicates: Duplicates,
    limit: usize,
    given: usize,
    conflict: Option<DecoyHash>,
}

impl Builder {
    pub(super) fn new(duplicates: Duplicates, limit: usize) -> Self {
        let buckets = vec![Vec::new(); 256];
        let table = HashedScores { buckets, ..HashedScores::default() };
        Self { table, duplicates, limit, given: 0, conflict: None }
    }

    pub(super) fn add(&mut self, key: DecoyHash, score: Score) -> Result<(), ScoresError> {
        if self.given == self.limit {
            return Err(ScoresError::TooMany { limit: self.limit });
        }
        self.given += 1;
        let own_weight = u8::from(score.weight != 1.0);
        if own_weight == 1 {
            let before = self.table.weights.insert(key, score.weight);
            if before.is_some_and(|before| before != score.weight) {
                self.conflict.get_or_insert(key);
            }
        }
        let (bucket, tail) = split(&key);
        let bucket = &mut self.table.buckets[bucket];
        if bucket.len() == bucket.capacity() {
            // By an eighth: doubling would waste half of the memory at the end.
            bucket.reserve_exact(bucket.len() / 8 + 16);
        }
        bucket.push(Entry { tail, own_weight, score: score.score.to_le_bytes() });
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<HashedScores, ScoresError> {
        let conflict = |key: DecoyHash| Err(ScoresError::Conflict { key: key.to_string() });
        let must_agree = self.duplicates == Duplicates::MustAgree;
        if must_agree && let Some(key) = self.conflict {
            return conflict(key);
        }
        let buckets = self.table.buckets.par_iter_mut().enumerate();
        let found: Vec<Option<DecoyHash>> =
            buckets.map(|(first, bucket)| keep_last_of_each(first, bucket)).collect();
        if must_agree && let Some(key) = found.into_iter().flatten().next() {
            return conflict(key);
        }
        self.table.len = self.table.buckets.iter().map(Vec::len).sum();
        Ok(self.table)
    }
}

/// Sorts a bucket and keeps the last of each key; returns a key whose entries
/// differ, if there is one.
fn keep_last_of_each(first: usize, bucket: &mut Vec<Entry>) -> Option<DecoyHash> {
    // Stable, so that equal keys stay in the order in which they were given.
    bucket.sort_by_key(|entry| entry.tail);
    let mut differing = None;
    bucket.dedup_by(|later, kept| {
        let same = later.tail == kept.tail;
        if same {
            if (later.score, later.own_weight) != (kept.score, kept.own_weight) {
                differing.get_or_insert(later.tail);
            }
            *kept = *later;
        }
        same
    });
    bucket.shrink_to_fit();
    differing.map(|tail| {
        let mut key = [first as u8; 32];
        key[1..].copy_from_slice(&tail);
        DecoyHash::from(key)
    })
}

fn split(key: &DecoyHash) -> (usize, [u8; 31]) {
    let mut tail = [0; 31];
    tail.copy_from_slice(&key.as_bytes()[1..]);
    (usize::from(key.as_bytes()[0]), tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_forty_bytes() {
        assert_eq!(size_of::<Entry>(), 40);
    }

    #[test]
    fn the_last_weight_counts_even_when_it_is_one() {
        let key = DecoyHash::of_smiles("C");
        let mut builder = Builder::new(Duplicates::LastWins, 10);
        for weight in [2.0, 1.0] {
            builder.add(key, Score { score: weight, weight }).unwrap();
        }
        let table = builder.finish().unwrap();
        assert_eq!(table.get(&key), Some(Score { score: 1.0, weight: 1.0 }));
        assert_eq!(table.len(), 1);
    }
}
