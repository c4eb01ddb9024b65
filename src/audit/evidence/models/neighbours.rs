//! The most similar molecules of a training set, by fingerprint.

/// One of the nearest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Tanimoto similarity.
    pub similarity: f64,
    /// Place in the training set.
    pub place: usize,
}

/// Fingerprints that are searched: bit sets of equal length.
#[derive(Debug, Clone)]
pub struct Neighbours {
    words: usize,
    /// By number of bits, then place: (bits, place).
    order: Vec<(u32, u32)>,
    /// In that order.
    sets: Vec<u64>,
}

impl Neighbours {
    /// Takes fingerprints of `words` words each; others are left out.
    #[must_use]
    pub fn new<'a>(words: usize, fingerprints: impl IntoIterator<Item = &'a [u64]>) -> Self {
        let all: Vec<(u32, &[u64])> =
            (0..).zip(fingerprints).filter(|(_, set)| set.len() == words).collect();
        let mut sorted: Vec<((u32, u32), &[u64])> =
            all.iter().map(|(place, set)| ((bits(set), *place), *set)).collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        Self {
            words,
            order: sorted.iter().map(|(key, _)| *key).collect(),
            sets: sorted.iter().flat_map(|(_, set)| *set).copied().collect(),
        }
    }

    /// The `count` most similar, most similar first, then in their order; two
    /// empty sets have similarity 0.
    ///
    /// Sets are visited by difference in size, until no other can be more
    /// similar: min/max of the sizes bounds the similarity.
    #[must_use]
    pub fn nearest(&self, fingerprint: &[u64], count: usize) -> Vec<Neighbour> {
        let mut best: Vec<Neighbour> = Vec::with_capacity(count + 1);
        if fingerprint.len() != self.words || count == 0 {
            return best;
        }
        let size = bits(fingerprint);
        let mut above = self.order.partition_point(|(bits, _)| *bits < size);
        let mut below = above;
        loop {
            let bound = |index: Option<usize>| {
                index
                    .and_then(|i| self.order.get(i))
                    .map(|(bits, _)| f64::from(size.min(*bits)) / f64::from(size.max(*bits).max(1)))
            };
            let (up, down) = (bound(Some(above)), bound(below.checked_sub(1)));
            let (index, bound) = match (up, down) {
                (None, None) => break,
                (Some(up), down) if down.is_none_or(|down| up >= down) => {
                    above += 1;
                    (above - 1, up)
                }
                (_, Some(down)) => {
                    below -= 1;
                    (below, down)
                }
                (Some(_), None) => break,
            };
            let full = best.len() == count;
            if full && bound < best[count - 1].similarity {
                break;
            }
            let found = Neighbour {
                similarity: self.similarity(index, fingerprint, size),
                place: self.order[index].1 as usize,
            };
            let at = best.partition_point(|known| {
                known.similarity > found.similarity
                    || known.similarity == found.similarity && known.place < found.place
            });
            if at < count {
                best.insert(at, found);
                best.truncate(count);
            }
        }
        best
    }

    fn similarity(&self, index: usize, fingerprint: &[u64], size: u32) -> f64 {
        let set = &self.sets[index * self.words..(index + 1) * self.words];
        let shared: u32 = set.iter().zip(fingerprint).map(|(a, b)| (a & b).count_ones()).sum();
        let total = size + self.order[index].0 - shared;
        if total == 0 { 0.0 } else { f64::from(shared) / f64::from(total) }
    }
}

fn bits(set: &[u64]) -> u32 {
    set.iter().map(|word| word.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::resample::Numbers;

    #[test]
    fn pruning_loses_nothing() {
        let mut numbers = Numbers::new(3);
        let mut set = |_| -> Vec<u64> {
            let rare = numbers.next() % 3;
            (0..4).map(|_| (0..=rare).fold(!0, |word, _| word & numbers.next())).collect()
        };
        let mut all: Vec<Vec<u64>> = (0..300).map(&mut set).collect();
        all.push(vec![0; 4]);
        all.push(all[7].clone());
        let index = Neighbours::new(4, all.iter().map(Vec::as_slice));
        for query in all.iter().step_by(7).cloned().chain((0..40).map(&mut set)) {
            let mut expected: Vec<Neighbour> = (0..all.len())
                .map(|place| {
                    let (a, b) = (&all[place], &query);
                    let count = |f: fn(u64, u64) -> u64| -> f64 {
                        let each = a.iter().zip(b).map(|(a, b)| f(*a, *b).count_ones());
                        f64::from(each.sum::<u32>())
                    };
                    let total = count(|a, b| a | b);
                    let shared = count(|a, b| a & b);
                    let similarity = if total == 0.0 { 0.0 } else { shared / total };
                    Neighbour { similarity, place }
                })
                .collect();
            expected
                .sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.place.cmp(&b.place)));
            expected.truncate(5);
            assert_eq!(index.nearest(&query, 5), expected);
        }
        assert!(index.nearest(&[0; 3], 5).is_empty());
    }
}
