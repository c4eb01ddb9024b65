//! Median and spread of repeated measurements.

use serde::{Deserialize, Serialize};

/// Order statistics of repeated measurements, in their unit. Quartiles are
/// interpolated linearly between the two nearest measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of the measurements are at most this.
    pub median: f64,
    /// A quarter of the measurements are at most this.
    pub q1: f64,
    /// Three quarters of the measurements are at most this.
    pub q3: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of some measurements; `None` where there are none, or one
    /// is no number.
    ///
    /// ```
    /// use hetero2_engine::bench::Spread;
    ///
    /// let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
    /// assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.5, 4.0));
    /// assert_eq!((spread.q1, spread.q3), (1.75, 3.25));
    /// ```
    #[must_use]
    pub fn of(measurements: &[f64]) -> Option<Self> {
        let mut sorted = measurements.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        if sorted.iter().any(|x| x.is_nan()) {
            return None;
        }
        let at = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
        };
        Some(Self { median: at(0.5), q1: at(0.25), q3: at(0.75), min, max })
    }

    /// Interquartile range over the median.
    #[must_use]
    pub fn relative(&self) -> f64 {
        (self.q3 - self.q1) / self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_measurements_have_a_spread_and_none_have_none() {
        let one = Spread::of(&[2.0]).unwrap();
        assert_eq!(one, Spread { median: 2.0, q1: 2.0, q3: 2.0, min: 2.0, max: 2.0 });
        let three = Spread::of(&[9.0, 1.0, 5.0]).unwrap();
        assert_eq!((three.q1, three.median, three.q3), (3.0, 5.0, 7.0));
        assert_eq!(three.relative(), 0.8);
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
    }
}
