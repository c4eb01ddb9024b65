//! The guard band: whether numbers that are a little wrong still decide what is
//! published.
//!
//! Published numbers are rounded to 8 decimals. A number whose error bound
//! could tip it over a rounding boundary decides nothing, and the CPU kernel
//! computes that spectrum anew; so a pack does not depend on the device. Bounds
//! of features follow from the bound of the eigenvalues by their derivatives.
//! Knows nothing of any device.

use super::ShellProjectors;
use super::features::{self, ENTROPY_BETA, StabilityMetrics, ZERO_EIGENVALUE};
use super::ldos::TIE_TOLERANCE;
use super::projectors::SHELL_TOLERANCE;

/// Units of the eighth decimal.
const UNITS: f64 = 1e8;
/// From here on numbers are published as they are, to the last bit.
const NOT_ROUNDED: f64 = (1u64 << 26) as f64;
/// What a sum or a logarithm may add to an error of its own, in units of
/// machine precision and per term.
const ARITHMETIC: f64 = 8.0 * f64::EPSILON;

/// Whether every number published from a spectrum alone is decided: its
/// eigenvalues, the features of an operator and the stability metrics.
/// `bound` is the largest error of an eigenvalue.
pub(super) fn values_decided(values: &[f64], bound: f64) -> bool {
    values.iter().all(|&value| decided(value, bound))
        && features_decided(values, bound)
        && stability_decided(values, bound)
}

/// Whether the local density of states is decided, too: the shells, the atom,
/// its weights.
pub(super) fn densities_decided(spectrum: &ShellProjectors, bound: f64) -> bool {
    values_decided(spectrum.values(), bound)
        && shells_decided(spectrum.values(), bound)
        && local_decided(spectrum, bound)
}

/// Whether rounding `x` gives the same for every number within `bound`.
fn decided(x: f64, bound: f64) -> bool {
    if x.is_nan() || x.abs() + bound >= NOT_ROUNDED {
        return false;
    }
    let units = x * UNITS;
    let to_boundary = (units - units.floor() - 0.5).abs();
    to_boundary > bound * UNITS + units.abs() * ARITHMETIC
}

fn features_decided(values: &[f64], bound: f64) -> bool {
    let n = values.len() as f64;
    let total: f64 = values.iter().map(|value| value.abs()).sum();
    let gap = features::gap(values).is_none_or(|gap| decided(gap, 2.0 * bound));
    let trace = features::trace(values)
        .is_none_or(|trace| decided(trace, n * (bound + total * ARITHMETIC)));
    // |∂S/∂λ_j| sums to at most 2 β (S + 1) over j.
    let entropy = features::entropy_beta(values, ENTROPY_BETA).is_none_or(|entropy| {
        let slope = 2.0 * ENTROPY_BETA * (entropy.abs() + 1.0);
        decided(entropy, 1.1 * slope * bound + (n + 8.0) * ARITHMETIC)
    });
    gap && trace && entropy
}

fn stability_decided(values: &[f64], bound: f64) -> bool {
    // What counts as zero must be clear, and what does not, large against errors.
    let clear = |&value: &f64| {
        (value - ZERO_EIGENVALUE).abs() > bound && (value <= ZERO_EIGENVALUE || value > 1e3 * bound)
    };
    if !values.iter().all(clear) {
        return false;
    }
    let StabilityMetrics {
        spectral_entropy: Some(entropy), spectral_entropy_norm: Some(norm), ..
    } = StabilityMetrics::of(values)
    else {
        return true;
    };
    let positive = || values.iter().filter(|&&value| value > ZERO_EIGENVALUE);
    let (count, total) = (positive().count() as f64, positive().sum::<f64>());
    // ∂S/∂λ_k = −(ln p_k + S) / Σλ.
    let slope = positive().map(|value| (libm::log(value / total) + entropy).abs()).sum::<f64>();
    let entropy_bound =
        1.1 * slope / total * bound + (count + 8.0) * (1.0 + entropy.abs()) * ARITHMETIC;
    let norm_bound = entropy_bound / libm::log(count.max(2.0)) + ARITHMETIC;
    decided(entropy, entropy_bound) && decided(norm, norm_bound)
}

/// Whether no two neighbours are as far apart as the tolerance of a shell.
fn shells_decided(values: &[f64], bound: f64) -> bool {
    values.windows(2).all(|pair| {
        let tolerance = SHELL_TOLERANCE * pair[0].abs().max(pair[1].abs()).max(1.0);
        ((pair[1] - pair[0]) - tolerance).abs() > 4.0 * bound
    })
}

fn local_decided(spectrum: &ShellProjectors, bound: f64) -> bool {
    let values = spectrum.values();
    let arithmetic = 8.0 * spectrum.n() as f64 * ARITHMETIC;
    // A projector moves by at most the error over the distance to the next
    // shell (Davis & Kahan 1970), and by rounding.
    let weight_bounds: Vec<f64> = spectrum
        .shells()
        .map(|(levels, _)| {
            let below = levels.start.checked_sub(1).map(|k| values[levels.start] - values[k]);
            let above = values.get(levels.end).map(|next| next - values[levels.end - 1]);
            let distance = below.into_iter().chain(above).fold(f64::INFINITY, f64::min);
            2.0 * bound / distance + arithmetic
        })
        .collect();
    let shells = || spectrum.shells().zip(&weight_bounds);
    let (mut low, mut high) = (vec![0.0f64; spectrum.n()], vec![0.0f64; spectrum.n()]);
    for ((_, density), bound) in shells() {
        for ((low, high), weight) in low.iter_mut().zip(&mut high).zip(density) {
            *low = low.max(weight - bound);
            *high = high.max(weight + bound);
        }
    }
    let largest = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    let (lowest_largest, highest_largest) = (largest(&low), largest(&high));
    let may_be_chosen = |atom: &usize| high[*atom] >= lowest_largest - TIE_TOLERANCE;
    let Some(atom) = (0..spectrum.n()).find(may_be_chosen) else { return true };
    let is_chosen = low[atom] > highest_largest - TIE_TOLERANCE;
    is_chosen
        && shells().all(|((levels, density), &weight_bound)| {
            let energies = &values[levels];
            let energy = energies.iter().sum::<f64>() / energies.len() as f64;
            decided(energy, 1.1 * bound) && decided(density[atom], weight_bound)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::OperatorFeatures;
    use crate::ldos::LocalDensity;
    use hetero2_common::rounding::round8;

    /// Pseudo-random numbers in [0, 1).
    struct Uniform(u64);

    impl Uniform {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    #[test]
    fn what_is_decided_rounds_alike_within_its_bound() {
        let mut random = Uniform(1);
        let mut undecided = 0;
        for _ in 0..100_000 {
            let (x, bound) = (random.next() * 20.0 - 10.0, random.next() * 1e-9);
            let alike = round8(x - bound) == round8(x + bound);
            assert!(alike || !decided(x, bound), "{x} ± {bound}");
            undecided += u32::from(!decided(x, bound));
        }
        assert!((5_000..20_000).contains(&undecided), "{undecided}");
        for x in [f64::NAN, f64::INFINITY, NOT_ROUNDED] {
            assert!(!decided(x, 1e-13));
        }
        assert!(decided(0.0, 1e-13));
    }

    #[test]
    fn features_of_decided_spectra_do_not_feel_errors_within_the_bound() {
        let mut random = Uniform(7);
        let bound = 2e-10;
        let (mut decided, mut undecided) = (0, 0);
        for round in 0..4000 {
            let n = 1 + round % 23;
            let mut values: Vec<f64> = (0..n).map(|_| random.next() * 8.0 - 0.5).collect();
            values[0] = 0.0;
            values.sort_by(f64::total_cmp);
            if !values_decided(&values, bound) {
                undecided += 1;
                continue;
            }
            decided += 1;
            for _ in 0..4 {
                let moved: Vec<f64> =
                    values.iter().map(|v| v + (2.0 * random.next() - 1.0) * bound).collect();
                assert_eq!(
                    OperatorFeatures::published(&moved),
                    OperatorFeatures::published(&values)
                );
                assert_eq!(
                    StabilityMetrics::published(&moved),
                    StabilityMetrics::published(&values)
                );
            }
        }
        assert!(decided > 1000 && undecided > 200, "{decided} {undecided}");
    }

    #[test]
    fn a_tie_between_atoms_is_decided_and_a_near_tie_is_not() {
        let system = |weight: f64| {
            let s = (1.0 - weight).sqrt();
            let vectors = [weight.sqrt(), s, -s, weight.sqrt()];
            ShellProjectors::from_eigenvectors(vec![0.25, 2.0], |state, node| {
                vectors[state * 2 + node]
            })
        };
        assert!(local_decided(&system(0.7), 1e-13));
        assert_eq!(LocalDensity::of(&system(0.7)).unwrap().atom, 0);
        // Shells as far apart as their tolerance.
        assert!(!shells_decided(&[1.0, 1.0 + SHELL_TOLERANCE], 1e-13));
        assert!(shells_decided(&[1.0, 1.0 + 1e-15, 1.5], 1e-13));
        // One atom leads by almost what still counts as a tie.
        let edge = ShellProjectors::from_rows(
            vec![0.25, 2.0],
            &[0.5, 0.5 + TIE_TOLERANCE, 0.5, 0.5 - TIE_TOLERANCE],
        );
        assert!(!local_decided(&edge, 1e-13));
    }
}
