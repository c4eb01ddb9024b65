//! Numbers read from one spectrum, and the rounding of published values.
//!
//! Spectra are ascending eigenvalues λ_0 ≤ … ≤ λ_{n−1}, dimensionless. A
//! feature that is undefined, or that would not be finite, is `None`. Functions
//! return full precision; only the `published` constructors round.

use super::elementary::{exp_each, sum_p_ln_p};
use hetero2_common::rounding::round8;

/// β of `entropy_beta`; published as `physics_entropy_beta`.
pub const ENTROPY_BETA: f64 = 1.0;

/// Eigenvalues up to this count as zero in the stability metrics.
pub const ZERO_EIGENVALUE: f64 = 1e-9;

/// Keeps `ln` finite for probabilities that underflow.
pub(crate) const LN_FLOOR: f64 = 1e-12;

/// `λ_1 − λ_0`; undefined for fewer than two eigenvalues.
#[must_use]
pub fn gap(eigenvalues: &[f64]) -> Option<f64> {
    match eigenvalues {
        [lowest, second, ..] => finite(second - lowest),
        _ => None,
    }
}

/// `Σ λ`, summed in ascending order; undefined for an empty spectrum.
#[must_use]
pub fn trace(eigenvalues: &[f64]) -> Option<f64> {
    if eigenvalues.is_empty() { None } else { finite(eigenvalues.iter().sum()) }
}

/// `−Σ p ln(p + 1e−12)` with `p_k = exp(−β λ_k) / Σ`; undefined for an empty
/// spectrum.
#[must_use]
pub fn entropy_beta(eigenvalues: &[f64], beta: f64) -> Option<f64> {
    // Shifted by the largest exponent, so that nothing overflows.
    let shift = eigenvalues.iter().map(|l| -beta * l).reduce(f64::max)?;
    let mut weights: Vec<f64> = eigenvalues.iter().map(|l| -beta * l - shift).collect();
    exp_each(&mut weights);
    let total: f64 = weights.iter().sum();
    finite(-sum_p_ln_p(&weights, total, LN_FLOOR))
}

/// The features published per operator, rounded to 8 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OperatorFeatures {
    /// See [`gap`].
    pub gap: Option<f64>,
    /// See [`trace`].
    pub trace: Option<f64>,
    /// See [`entropy_beta`], with β = [`ENTROPY_BETA`].
    pub entropy_beta: Option<f64>,
}

impl OperatorFeatures {
    /// Reads and rounds the features of an ascending spectrum.
    #[must_use]
    pub fn published(eigenvalues: &[f64]) -> Self {
        Self {
            gap: gap(eigenvalues).map(round8),
            trace: trace(eigenvalues).map(round8),
            entropy_beta: entropy_beta(eigenvalues, ENTROPY_BETA).map(round8),
        }
    }
}

/// What is published from the positive eigenvalues of L.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StabilityMetrics {
    /// The smallest eigenvalue above [`ZERO_EIGENVALUE`].
    pub spectral_gap: Option<f64>,
    /// `−Σ p ln p` over eigenvalues above [`ZERO_EIGENVALUE`], `p = λ/Σλ`.
    pub spectral_entropy: Option<f64>,
    /// `spectral_entropy / ln(count)`; 0 for a single eigenvalue.
    pub spectral_entropy_norm: Option<f64>,
}

impl StabilityMetrics {
    /// Computes the metrics in full precision from the ascending spectrum of L.
    #[must_use]
    pub fn of(laplacian_eigenvalues: &[f64]) -> Self {
        let zeros = laplacian_eigenvalues.partition_point(|&l| l <= ZERO_EIGENVALUE);
        let positive = &laplacian_eigenvalues[zeros..];
        let Some(&spectral_gap) = positive.first() else { return Self::default() };
        let total: f64 = positive.iter().sum();
        // `0 −` and not a sign change: one eigenvalue has entropy +0.
        let entropy = 0.0 - sum_p_ln_p(positive, total, 0.0);
        let norm = match positive.len() {
            1 => 0.0,
            count => entropy / libm::log(count as f64),
        };
        Self {
            spectral_gap: finite(spectral_gap),
            spectral_entropy: finite(entropy),
            spectral_entropy_norm: finite(norm),
        }
    }

    /// As [`Self::of`], rounded to 8 decimals.
    #[must_use]
    pub fn published(laplacian_eigenvalues: &[f64]) -> Self {
        let metrics = Self::of(laplacian_eigenvalues);
        Self {
            spectral_gap: metrics.spectral_gap.map(round8),
            spectral_entropy: metrics.spectral_entropy.map(round8),
            spectral_entropy_norm: metrics.spectral_entropy_norm.map(round8),
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_agrees_with_exact_decimal_arithmetic() {
        // `{:.8}` rounds the exact value, ties to even: an independent oracle.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for k in 0..200_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let unit = (state >> 11) as f64 / (1u64 << 53) as f64;
            let near_tie = ((state >> 40) as f64 + 0.5) / 1e8;
            let x = match k % 4 {
                0 => (unit - 0.5) * 1e-6,
                1 => (unit - 0.5) * 100.0,
                2 => (unit - 0.5) * 1.3e8,
                _ => near_tie,
            };
            let exact: f64 = format!("{x:.8}").parse().unwrap();
            assert_eq!(round8(x), exact, "{x:e}");
        }
        for k in 0..2000 {
            let x = f64::from(k) / 512.0;
            let exact: f64 = format!("{x:.8}").parse().unwrap();
            assert_eq!(round8(x), exact, "{x}");
        }
    }

    #[test]
    fn rounding_is_idempotent_and_keeps_extremes() {
        for x in [0.1, 1.0 / 3.0, 33_554_432.123_456_78, 5e7 + 1.0 / 3.0, -2.5e-9, 5e-9] {
            assert_eq!(round8(round8(x)), round8(x));
        }
        for x in [-4e-9, -0.0, -f64::MIN_POSITIVE] {
            assert_eq!(round8(x).to_bits(), 0.0_f64.to_bits());
        }
        assert_eq!(round8(f64::MAX), f64::MAX);
        assert_eq!(round8(f64::INFINITY), f64::INFINITY);
        assert!(round8(f64::NAN).is_nan());
    }
}
