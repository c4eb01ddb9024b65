//! Student's t distribution with any positive degrees of freedom.

use crate::binomial::{beta_cdf, solve};

/// P(T > t).
pub(super) fn upper_tail(t: f64, degrees: f64) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    // 1 − x without cancellation where t is small.
    let square = t * t;
    let half = if square < degrees {
        0.5 - 0.5 * beta_cdf(square / (degrees + square), 0.5, degrees / 2.0)
    } else {
        0.5 * beta_cdf(degrees / (degrees + square), degrees / 2.0, 0.5)
    };
    if t >= 0.0 { half } else { 1.0 - half }
}

/// The t with P(T > t) = `tail`, for `tail` in (0, 0.5]; infinite where no
/// double is large enough.
pub(super) fn upper_quantile(tail: f64, degrees: f64) -> f64 {
    // In y = ν / (ν + t²), which runs over 0..1 and rises with the tail.
    let y = solve(|y| beta_cdf(y, degrees / 2.0, 0.5), 2.0 * tail);
    if y <= 1e-20 { f64::INFINITY } else { libm::sqrt(degrees * (1.0 - y) / y) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (tail, degrees, expected) in [
            (0.025, 1.0, 12.706_204_736),
            (0.025, 2.0, 4.302_652_730),
            (0.025, 4.0, 2.776_445_105),
            (0.005, 7.0, 3.499_483_297),
            (0.05, 10.0, 1.812_461_123),
            (0.025, 30.0, 2.042_272_456),
            (0.025, 1e6, 1.959_966_4),
        ] {
            let found = upper_quantile(tail, degrees);
            assert!((found - expected).abs() < 2e-6, "{tail} {degrees}: {found}");
            assert!((upper_tail(found, degrees) - tail).abs() < 1e-9);
            assert!((upper_tail(-found, degrees) - (1.0 - tail)).abs() < 1e-9);
        }
        assert_eq!(upper_tail(0.0, 3.0), 0.5);
        assert!((upper_tail(1e-9, 3.0) - 0.5).abs() < 1e-9);
        assert!(upper_quantile(0.025, 0.05) > 1e9);
    }
}
