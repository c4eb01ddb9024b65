//! The exact null distribution of the AUC: Wilcoxon's U under random labels
//! with fixed, untied ranks. Knows nothing of scores.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Most bytes that one distribution's counts may take.
const MAX_BYTES: usize = 64 << 20;
/// Most 64-bit additions that one distribution may cost (about two seconds).
const MAX_ADDITIONS: usize = 2_000_000_000;
/// Quantiles remembered between calls.
const MAX_REMEMBERED: usize = 4096;

type Key = (usize, usize, u64);
static REMEMBERED: LazyLock<Mutex<HashMap<Key, usize>>> = LazyLock::new(Mutex::default);

/// Smallest U whose cumulative count reaches `quantile` of all labelings, for
/// `n_pos` positives and `n_neg` negatives (both ≥ 1, `quantile` in (0, 1]).
///
/// Counts are exact integers. `None` where they would be too large: beyond
/// 2^1023 labelings, or beyond the limits on memory and work above. One
/// positive or one negative is always within them.
pub(super) fn quantile_u(n_pos: usize, n_neg: usize, quantile: f64) -> Option<usize> {
    let (small, large) = (n_pos.min(n_neg), n_pos.max(n_neg));
    if small == 1 {
        let target = quantile * (large as f64 + 1.0);
        return Some((target.ceil().max(1.0) as usize - 1).min(large));
    }
    let key = (small, large, quantile.to_bits());
    let lock = || REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(u) = lock().get(&key) {
        return Some(*u);
    }
    let u = Counts::new(small, large)?.quantile(quantile);
    let mut remembered = lock();
    if remembered.len() >= MAX_REMEMBERED {
        remembered.clear();
    }
    remembered.insert(key, u);
    Some(u)
}

/// Counts of U = 0 ..= ⌊mn/2⌋ as little-endian integers of `limbs` words each;
/// the rest follows by symmetry.
struct Counts {
    pairs: usize,
    limbs: usize,
    words: Vec<u64>,
}

impl Counts {
    /// Coefficients of the Gaussian binomial ∏ (1 − x^(n+i)) / (1 − x^i),
    /// i = 1..m, as a power series. Words wrap, which is harmless: the final
    /// coefficients fit, and all steps are ring operations.
    fn new(m: usize, n: usize) -> Option<Self> {
        let bits = log2_binomial(m + n, m) + 3.0;
        if bits > 1024.0 {
            return None;
        }
        let limbs = (bits / 64.0).ceil() as usize;
        let pairs = m.checked_mul(n)?;
        let len = pairs / 2 + 1;
        if len.checked_mul(limbs * 8)? > MAX_BYTES
            || len.checked_mul(limbs)?.checked_mul(2 * m)? > MAX_ADDITIONS
        {
            return None;
        }
        let mut words = vec![0u64; len * limbs];
        words[0] = 1;
        for i in 1..=m {
            for u in (n + i..len).rev() {
                let (before, at) = words.split_at_mut(u * limbs);
                subtract(&mut at[..limbs], &before[(u - n - i) * limbs..][..limbs]);
            }
            for u in i..len {
                let (before, at) = words.split_at_mut(u * limbs);
                add(&mut at[..limbs], &before[(u - i) * limbs..][..limbs]);
            }
        }
        Some(Self { pairs, limbs, words })
    }

    fn count(&self, u: usize) -> &[u64] {
        &self.words[u.min(self.pairs - u) * self.limbs..][..self.limbs]
    }

    fn quantile(&self, quantile: f64) -> usize {
        let mut total = vec![0; self.limbs];
        for u in 0..=self.pairs {
            add(&mut total, self.count(u));
        }
        // The product is rounded as a double: published so, and kept so.
        let target = ceil_to_words(quantile * to_f64(&total), self.limbs);
        let mut cumulative = vec![0; self.limbs];
        for u in 0..=self.pairs {
            add(&mut cumulative, self.count(u));
            if cumulative.iter().rev().ge(target.iter().rev()) {
                return u;
            }
        }
        self.pairs
    }
}

fn add(to: &mut [u64], from: &[u64]) {
    let mut carry = false;
    for (a, b) in to.iter_mut().zip(from) {
        let (sum, over) = a.overflowing_add(*b);
        let (sum, over_again) = sum.overflowing_add(u64::from(carry));
        (*a, carry) = (sum, over || over_again);
    }
}

fn subtract(from: &mut [u64], what: &[u64]) {
    let mut borrow = false;
    for (a, b) in from.iter_mut().zip(what) {
        let (rest, under) = a.overflowing_sub(*b);
        let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
        (*a, borrow) = (rest, under || under_again);
    }
}

/// The nearest double, ties to even.
fn to_f64(words: &[u64]) -> f64 {
    let Some(top) = words.iter().rposition(|w| *w != 0) else { return 0.0 };
    let shift = words[top].leading_zeros();
    let below = if top > 0 { words[top - 1] } else { 0 };
    let mut head = words[top] << shift;
    if shift > 0 {
        head |= below >> (64 - shift);
    }
    // Whatever is cut off only decides ties: fold it into the lowest bit.
    let cut = below << shift != 0 || words[..top.saturating_sub(1)].iter().any(|w| *w != 0);
    let exponent = top as i32 * 64 - shift as i32;
    libm::ldexp((head | u64::from(cut)) as f64, exponent)
}

/// The smallest integer that is not below `value` (≥ 0).
fn ceil_to_words(value: f64, limbs: usize) -> Vec<u64> {
    let value = value.ceil();
    let mut words = vec![0; limbs];
    let exponent = (value.to_bits() >> 52) as i64 - 1075;
    let mantissa = (value.to_bits() & ((1 << 52) - 1)) | (1 << 52);
    if value == 0.0 {
        return words;
    }
    if exponent <= 0 {
        words[0] = mantissa >> -exponent;
        return words;
    }
    let (word, bit) = (exponent as usize / 64, exponent as usize % 64);
    let wide = u128::from(mantissa) << bit;
    for (offset, part) in [wide as u64, (wide >> 64) as u64].into_iter().enumerate() {
        if let Some(slot) = words.get_mut(word + offset) {
            *slot = part;
        }
    }
    words
}

fn log2_binomial(n: usize, k: usize) -> f64 {
    let ln_factorial = |x: usize| libm::lgamma(x as f64 + 1.0);
    (ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)) / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_to_the_binomial() {
        for (m, n, total) in [(2, 3, 10.0), (5, 5, 252.0), (20, 20, 137_846_528_820.0)] {
            let counts = Counts::new(m, n).unwrap();
            let mut sum = vec![0; counts.limbs];
            (0..=m * n).for_each(|u| add(&mut sum, counts.count(u)));
            assert_eq!(to_f64(&sum), total);
        }
    }

    #[test]
    fn sizes_beyond_the_limits_are_refused_at_once() {
        assert_eq!(quantile_u(2000, 2000, 0.95), None);
        assert_eq!(quantile_u(usize::MAX / 2, 2, 0.95), None);
        assert_eq!(quantile_u(1, 20_000, 0.95), Some(19_000));
        assert!(quantile_u(2, 20_000, 0.95).is_some());
        // More than 128 bits of labelings.
        assert!(quantile_u(80, 80, 0.95).is_some_and(|u| (3600..3760).contains(&u)));
    }

    #[test]
    fn words_convert_both_ways() {
        let third = [1, 0, 1u64 << 63];
        assert_eq!(to_f64(&third), 2f64.powi(191));
        assert_eq!(to_f64(&[(1 << 53) + 1]), 2f64.powi(53));
        assert_eq!(to_f64(&[0, (1 << 53) + 1]), 2f64.powi(117));
        assert_eq!(to_f64(&[1, (1 << 53) + 1]), 2f64.powi(117) + 2f64.powi(65));
        assert_eq!(ceil_to_words(2.5, 2), [3, 0]);
        assert_eq!(ceil_to_words(2f64.powi(100), 2), [0, 1 << 36]);
        assert_eq!(ceil_to_words(0.0, 1), [0]);
        assert_eq!(ceil_to_words(0.25, 1), [1]);
    }
}
