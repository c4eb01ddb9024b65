//! Seeded random numbers, bit-identical to CPython's `random.Random`.
//!
//! The published decoy strategies, negative controls and bootstraps were
//! defined over that generator (MT19937, seeded by `init_by_array`), so their
//! results can only be reproduced with it. This module knows nothing of what
//! its numbers are used for.

use std::cell::RefCell;

use rand_mt::Mt;

/// CPython's `random.Random(seed)` for an integer seed.
///
/// ```
/// let mut rng = hetero2_common::random::PythonRandom::new(0);
/// assert_eq!(rng.random(), 0.8444218515250481);
/// ```
#[derive(Debug, Clone)]
pub struct PythonRandom {
    generator: Mt,
}

thread_local! {
    /// The latest seed and its generator: most rows of a run have the same, and
    /// seeding takes longer than the few numbers that a row draws.
    static LATEST: RefCell<Option<(i64, PythonRandom)>> = const { RefCell::new(None) };
}

impl PythonRandom {
    /// Seeds with the magnitude of `seed`, as CPython does for integers.
    #[must_use]
    pub fn new(seed: i64) -> Self {
        LATEST.with_borrow_mut(|latest| match latest {
            Some((known, generator)) if *known == seed => generator.clone(),
            _ => {
                let generator = Self::seeded(seed.unsigned_abs());
                *latest = Some((seed, generator.clone()));
                generator
            }
        })
    }

    fn seeded(magnitude: u64) -> Self {
        let low = (magnitude & 0xffff_ffff) as u32;
        let high = (magnitude >> 32) as u32;
        let generator =
            if high == 0 { Mt::new_with_key([low]) } else { Mt::new_with_key([low, high]) };
        Self { generator }
    }

    /// A float in `[0, 1)` with 53 random bits.
    pub fn random(&mut self) -> f64 {
        let high = self.generator.next_u32() >> 5;
        let low = self.generator.next_u32() >> 6;
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `getrandbits(bits)` for `1 <= bits <= 32`.
    pub fn bits(&mut self, bits: u32) -> u32 {
        debug_assert!((1..=32).contains(&bits));
        self.generator.next_u32() >> (32 - bits)
    }

    /// An integer in `0..bound`; `bound` must be in `1..2^32`.
    pub fn below(&mut self, bound: usize) -> usize {
        debug_assert!((1..1 << 32).contains(&bound));
        let bits = usize::BITS - bound.leading_zeros();
        loop {
            let value = self.bits(bits) as usize;
            if value < bound {
                return value;
            }
        }
    }

    /// One element of a non-empty slice.
    pub fn choice<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Shuffles in place.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }

    /// `count` distinct indices of `0..population`, in CPython's order.
    ///
    /// # Panics
    /// If `count > population`.
    pub fn sample_indices(&mut self, population: usize, count: usize) -> Vec<usize> {
        assert!(count <= population, "sample of {count} from {population}");
        // CPython keeps a pool while that is smaller than a set of the picks.
        let mut set_size = 21usize;
        if count > 5 {
            let exponent = ((count * 3) as f64).ln() / 4f64.ln();
            set_size += 4usize.pow(exponent.ceil() as u32);
        }
        if population <= set_size {
            let mut pool: Vec<usize> = (0..population).collect();
            (0..count)
                .map(|i| {
                    let j = self.below(population - i);
                    let picked = pool[j];
                    pool[j] = pool[population - i - 1];
                    picked
                })
                .collect()
        } else {
            let mut seen = std::collections::HashSet::with_capacity(count);
            let mut picked = Vec::with_capacity(count);
            while picked.len() < count {
                let j = self.below(population);
                if seen.insert(j) {
                    picked.push(j);
                }
            }
            picked
        }
    }
}
