//! Sums that do not depend on their order or grouping.
//!
//! A run is cut into shards, and shards into blocks, in more than one way, and
//! floating-point addition is not associative. [`FixedSum`] adds integers, so
//! partial sums may be merged in any order and any tree and give the same bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An exact sum of finite numbers, each first rounded to a multiple of 2⁻⁶⁴.
///
/// Holds sums up to ±2⁶³ and saturates beyond; each term contributes at most
/// 2.8e-20 of error. Its text form, in JSON too, is the integer multiple of
/// 2⁻⁶⁴ in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FixedSum(i128);

const SCALE: f64 = 18_446_744_073_709_551_616.0; // 2⁶⁴

impl FixedSum {
    /// Adds a term. A term that is not a number adds nothing.
    pub fn add(&mut self, term: f64) {
        // The product is exact (a power of two) and `as` saturates.
        self.0 = self.0.saturating_add(libm::rint(term * SCALE) as i128);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    /// The sum, correctly rounded to a double.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0 as f64 / SCALE
    }

    /// The sum divided by `count`, or nothing for a count of zero.
    #[must_use]
    pub fn mean(self, count: u64) -> Option<f64> {
        (count > 0).then(|| self.value() / count as f64)
    }
}

impl From<FixedSum> for String {
    fn from(sum: FixedSum) -> Self {
        sum.0.to_string()
    }
}

impl fmt::Display for FixedSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is not the text form of a [`FixedSum`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a partial sum must be an integer of 128 bits in decimal; the file was damaged or edited")]
pub struct FixedSumError;

impl FromStr for FixedSum {
    type Err = FixedSumError;

    fn from_str(text: &str) -> Result<Self, FixedSumError> {
        text.parse().map(Self).map_err(|_| FixedSumError)
    }
}

impl TryFrom<String> for FixedSum {
    type Error = FixedSumError;

    fn try_from(text: String) -> Result<Self, FixedSumError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouping_does_not_change_the_bits() {
        let terms: Vec<f64> = (1..2000).map(|k| libm::sin(f64::from(k)) * 7.3).collect();
        let mut whole = FixedSum::default();
        terms.iter().for_each(|&t| whole.add(t));
        for cut in [1, 500, 1998] {
            let (left, right) = terms.split_at(cut);
            let (mut a, mut b) = (FixedSum::default(), FixedSum::default());
            left.iter().for_each(|&t| a.add(t));
            right.iter().rev().for_each(|&t| b.add(t));
            b.merge(a);
            assert_eq!(b, whole);
        }
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<FixedSum>(&text).unwrap(), whole);
        assert!(serde_json::from_str::<FixedSum>("\"1e3\"").is_err());
    }

    #[test]
    fn extremes_saturate_and_nan_adds_nothing() {
        let mut sum = FixedSum::default();
        sum.add(f64::INFINITY);
        sum.add(f64::NAN);
        sum.add(1.0);
        assert!(sum.value().is_finite());
        assert_eq!(FixedSum::default().mean(0), None);
    }
}
