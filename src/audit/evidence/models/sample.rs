//! A sample of molecules that depends on the set of them alone.

use std::collections::BTreeMap;

use crate::evidence::Key;

/// The values of the smallest keys: mergeable, the same in any partition.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySample<T> {
    limit: usize,
    values: BTreeMap<Key, (u64, T)>,
}

impl<T: Clone> KeySample<T> {
    /// A sample of at most so many keys.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, values: BTreeMap::new() }
    }

    /// Whether a value of this key would be kept as things stand: ask before
    /// computing one.
    #[must_use]
    pub fn wants(&self, key: Key) -> bool {
        self.values.len() < self.limit
            || self.values.last_key_value().is_some_and(|(last, _)| key <= *last)
    }

    /// Offers a row's value; of rows of one key the first of the library is
    /// kept.
    pub fn add(&mut self, key: Key, row: u64, value: T) {
        if !self.wants(key) {
            return;
        }
        let first = self.values.get(&key).is_none_or(|(known, _)| row < *known);
        if first {
            self.values.insert(key, (row, value));
        }
        if self.values.len() > self.limit {
            self.values.pop_last();
        }
    }

    /// Takes in another sample of the same limit.
    pub fn merge(&mut self, other: &Self) {
        for (key, (row, value)) in &other.values {
            self.add(*key, *row, value.clone());
        }
    }

    /// The sample by ascending key.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.values.iter().map(|(key, (_, value))| (*key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_agree() {
        let rows: Vec<(Key, u64)> = (0..500).map(|row| (Key(row * 7_919 % 301), row)).collect();
        let sample = |rows: &[(Key, u64)]| {
            let mut sample = KeySample::new(40);
            rows.iter().for_each(|(key, row)| sample.add(*key, *row, *row));
            sample
        };
        let whole = sample(&rows);
        let mut merged = KeySample::new(40);
        rows.rchunks(33).for_each(|part| merged.merge(&sample(part)));
        assert_eq!(merged, whole);
        assert_eq!(whole.iter().count(), 40);
        assert!(!whole.wants(Key(200)) && whole.wants(Key(3)));
    }
}
