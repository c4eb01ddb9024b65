//! The best rows of a stream, in bounded memory.

use std::collections::BinaryHeap;

/// A row in a ranking; "less" is better: higher value, then id, then place.
#[derive(Debug)]
struct Ranked {
    value: f64,
    id: Box<str>,
    place: usize,
    hit: bool,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let by_value = other.value.total_cmp(&self.value);
        by_value.then_with(|| self.id.cmp(&other.id)).then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

/// The best rows so far, the worst of them on top.
#[derive(Debug)]
pub(super) struct TopK {
    limit: usize,
    heap: BinaryHeap<Ranked>,
}

impl TopK {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    pub(super) fn add(&mut self, value: f64, id: &str, place: usize, hit: bool) {
        // Both zeros are one value.
        self.heap.push(Ranked { value: value + 0.0, id: id.into(), place, hit });
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Whether each is a hit, best first.
    pub(super) fn hits(self) -> Vec<bool> {
        self.heap.into_sorted_vec().into_iter().map(|row| row.hit).collect()
    }
}
