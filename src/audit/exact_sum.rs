//! Sums of doubles without rounding: the same in any order and partition.

/// Words of a fixed-point number with bits 2^-1074 ..= 2^1101: every finite
/// double, 2^64 times over, with its sign.
const WORDS: usize = 34;
/// Exponent of the lowest bit.
const LOWEST: i32 = -1074;

/// An exact, mergeable sum of finite doubles (a long accumulator after
/// Kulisch). 280 bytes.
///
/// ```
/// let mut sum = hetero2_audit::ExactSum::default();
/// [1e300, 1.0, -1e300].iter().for_each(|v| sum.add(*v));
/// assert_eq!(sum.mean(), Some(1.0 / 3.0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactSum {
    /// Two's complement, least significant word first.
    words: [u64; WORDS],
    count: u64,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { words: [0; WORDS], count: 0 }
    }
}

impl ExactSum {
    /// Adds one value. Values that are not finite are left out.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        let bits = value.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as usize;
        let fraction = bits & ((1 << 52) - 1);
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        let shift = exponent.max(1) - 1;
        let wide = u128::from(mantissa) << (shift % 64);
        let mut addend = [0; WORDS];
        addend[shift / 64] = wide as u64;
        addend[shift / 64 + 1] = (wide >> 64) as u64;
        if value.is_sign_negative() {
            negate(&mut addend);
        }
        add_words(&mut self.words, &addend);
    }

    /// Adds all that `other` has summed.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        add_words(&mut self.words, &other.words);
    }

    /// Values summed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean, rounded once, ties to even; `None` of nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let mut magnitude = self.words;
        let negative = magnitude[WORDS - 1] >> 63 == 1;
        if negative {
            negate(&mut magnitude);
        }
        let mut remainder = 0u128;
        for word in magnitude.iter_mut().rev() {
            let dividend = remainder << 64 | u128::from(*word);
            *word = (dividend / u128::from(self.count)) as u64;
            remainder = dividend % u128::from(self.count);
        }
        let mean = round(&magnitude, (remainder * 2).cmp(&u128::from(self.count)), remainder != 0);
        Some(if negative { -mean } else { mean })
    }
}

/// The double nearest to `words` plus a fraction below the lowest bit, of which
/// only its comparison with one half and whether it is there are known.
fn round(words: &[u64; WORDS], fraction: std::cmp::Ordering, inexact: bool) -> f64 {
    let bit = |i: usize| words[i / 64] >> (i % 64) & 1;
    let Some(top) = words.iter().rposition(|w| *w != 0) else {
        // Below the smallest subnormal.
        return if fraction.is_gt() { f64::from_bits(1) } else { 0.0 };
    };
    let highest = top * 64 + 63 - words[top].leading_zeros() as usize;
    let lowest_kept = highest.saturating_sub(52);
    let mut mantissa = (lowest_kept..=highest).rev().fold(0u64, |m, i| m << 1 | bit(i));
    let above_half = if lowest_kept == 0 {
        fraction
    } else {
        let below = (0..lowest_kept - 1).any(|i| bit(i) == 1) || inexact;
        match (bit(lowest_kept - 1), below) {
            (0, _) => std::cmp::Ordering::Less,
            (_, false) => std::cmp::Ordering::Equal,
            (_, true) => std::cmp::Ordering::Greater,
        }
    };
    if above_half.is_gt() || above_half.is_eq() && mantissa & 1 == 1 {
        mantissa += 1;
    }
    libm::ldexp(mantissa as f64, lowest_kept as i32 + LOWEST)
}

fn add_words(to: &mut [u64; WORDS], from: &[u64; WORDS]) {
    let mut carry = false;
    for (a, b) in to.iter_mut().zip(from) {
        let (sum, over) = a.overflowing_add(*b);
        let (sum, over_again) = sum.overflowing_add(u64::from(carry));
        (*a, carry) = (sum, over || over_again);
    }
}

fn negate(words: &mut [u64; WORDS]) {
    let mut carry = true;
    for word in words {
        let (negated, over) = (!*word).overflowing_add(u64::from(carry));
        (*word, carry) = (negated, over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> Option<f64> {
        let mut sum = ExactSum::default();
        values.iter().for_each(|v| sum.add(*v));
        sum.mean()
    }

    #[test]
    fn means_are_rounded_once() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[0.1; 10]), Some(0.1));
        assert_eq!(mean(&[0.1, 0.2]), Some(0.15000000000000002));
        assert_eq!(mean(&[-0.1, -0.2, -0.3]), Some(-0.2));
        assert_eq!(mean(&[1.0, -1.0]), Some(0.0));
        assert_eq!(mean(&[f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(mean(&[5e-324, 0.0, 5e-324]), Some(5e-324));
        assert_eq!(mean(&[5e-324, 0.0]), Some(0.0));
        assert_eq!(mean(&[1.0, f64::NAN, 2.0]), Some(1.5));
    }

    #[test]
    fn order_and_partition_do_not_matter() {
        let values: Vec<f64> =
            (0..500).map(|i| libm::sin(f64::from(i)) * 10f64.powi(i % 40 - 20)).collect();
        let whole = mean(&values);
        let mut merged = ExactSum::default();
        for part in values.rchunks(37) {
            let mut sum = ExactSum::default();
            part.iter().rev().for_each(|v| sum.add(*v));
            merged.merge(&sum);
        }
        assert_eq!(merged.mean(), whole);
    }
}
