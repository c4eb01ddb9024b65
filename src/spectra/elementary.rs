//! Exponentials and logarithms of many numbers at once. The same IEEE 754
//! operations as `libm::exp` and `libm::log`, so the same bits, but without
//! branches: compilers turn the loops into vectors. Knows nothing of spectra.

use std::sync::LazyLock;

/// The widest vectors of this machine; all give the same bits.
static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// Numbers whose logarithms are taken at once.
const CHUNK: usize = 32;

/// ln 2, and 1 / ln 2. The higher part times an exponent is exact.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const INVERSE_LN2: f64 = f64::from_bits(0x3ff7_1547_652b_82fe);

/// `Σ p ln(p + floor)` in order, with `p = weight / total`.
pub(super) fn sum_p_ln_p(weights: &[f64], total: f64, floor: f64) -> f64 {
    // As `Iterator::sum` begins.
    let mut sum = -0.0;
    for weights in weights.chunks(CHUNK) {
        let (mut p, mut logarithms) = ([0.0; CHUNK], [1.0; CHUNK]);
        for ((p, sum), weight) in p.iter_mut().zip(&mut logarithms).zip(weights) {
            *p = weight / total;
            *sum = *p + floor;
        }
        ln_each(&mut logarithms[..weights.len()]);
        for (p, logarithm) in p.iter().zip(&logarithms[..weights.len()]) {
            sum += p * logarithm;
        }
    }
    sum
}

/// Replaces numbers by their natural logarithms.
fn ln_each(numbers: &mut [f64]) {
    let normal = |all, x: &f64| all & (f64::MIN_POSITIVE..=f64::MAX).contains(x);
    if !numbers.iter().fold(true, normal) {
        numbers.iter_mut().for_each(|x| *x = libm::log(*x));
        return;
    }
    ARCH.dispatch(
        #[inline(always)]
        || numbers.iter_mut().for_each(|x| *x = ln(*x)),
    );
}

/// Of a positive normal number; FreeBSD's `e_log.c`, as in `libm`.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e << 32;
    const ONE: u64 = 0x3ff0_0000 << 32;
    // x = 2^k (1 + f), where 1 + f is between the roots of ½ and 2.
    let shifted = x.to_bits() + (ONE - SQRT_HALF);
    let k = small_integer(shifted >> 52) - 1023.0;
    let f = f64::from_bits((shifted & (u64::MAX >> 12)) + SQRT_HALF) - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w
        * (3.999_999_999_940_942e-1
            + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let odd = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1
                + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    let r = odd + even;
    s * (half_square + r) + k * LN2_LOW - half_square + f + k * LN2_HIGH
}

/// Replaces numbers by their exponentials.
pub(super) fn exp_each(numbers: &mut [f64]) {
    // Of these no result is subnormal.
    let plain = |all, x: &f64| all & (-700.0..=0.0).contains(x);
    if !numbers.iter().fold(true, plain) {
        numbers.iter_mut().for_each(|x| *x = libm::exp(*x));
        return;
    }
    ARCH.dispatch(
        #[inline(always)]
        || numbers.iter_mut().for_each(|x| *x = exp(*x)),
    );
}

/// Of a number from −700 to 0; FreeBSD's `e_exp.c`, as in `libm`.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// Magnitudes from which k is rounded, is −1, and x is more than its ulp.
    const LIMITS: [f64; 3] = [
        f64::from_bits(0x3ff0_a2b2 << 32),
        f64::from_bits(0x3fd6_2e43 << 32),
        f64::from_bits(0x3e30_0001 << 32),
    ];
    // x = k ln 2 + (high − low).
    let rounded = (INVERSE_LN2 * x - 0.5).trunc();
    let k = if -x >= LIMITS[0] { rounded } else { 0.0 };
    let k = if -x >= LIMITS[1] && -x < LIMITS[0] { -1.0 } else { k };
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let t = high - low;
    let square = t * t;
    let c = t - square
        * (1.666_666_666_666_660_2e-1
            + square
                * (-2.777_777_777_701_559_3e-3
                    + square
                        * (6.613_756_321_437_934e-5
                            + square
                                * (-1.653_390_220_546_525_2e-6
                                    + square * 4.138_136_797_057_238_5e-8))));
    let y = 1.0 + (t * c / (2.0 - c) - low + high);
    let y = if -x < LIMITS[2] { 1.0 + x } else { y };
    // k is at least −1010.
    y * f64::from_bits((k + 1023.0 + SMALL_INTEGERS).to_bits() << 52)
}

/// The numbers from 2⁵² on are those whose last bit is 1.
const SMALL_INTEGERS: f64 = (1_u64 << 52) as f64;

/// A number below 2⁵², which vectors cannot convert everywhere.
#[inline(always)]
fn small_integer(n: u64) -> f64 {
    f64::from_bits(SMALL_INTEGERS.to_bits() | n) - SMALL_INTEGERS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pseudo-random bits.
    fn bits() -> impl Iterator<Item = u64> {
        let mut state = 1_u64;
        std::iter::from_fn(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Some(state ^ (state >> 31))
        })
    }

    fn unit(bits: u64) -> f64 {
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }

    fn assert_same(found: &[f64], expected: impl Fn(f64) -> f64, numbers: &[f64]) {
        for (found, &x) in found.iter().zip(numbers) {
            assert_eq!(found.to_bits(), expected(x).to_bits(), "of {x:e}");
        }
    }

    #[test]
    fn logarithms_are_those_of_libm_to_the_bit() {
        let probabilities = bits().map(unit).map(|p| p + 1e-12);
        let any = bits().map(|b| f64::from_bits(b >> 1)).filter(|x| x.is_normal());
        let near_one = bits().map(unit).map(|x| 1.0 + (x - 0.5) * 1e-3);
        let powers = (-1022..1024).map(|k| libm::ldexp(1.0, k));
        let edge = f64::from_bits(0x3fe6_a09e << 32);
        let edges = [1.0, edge, edge.next_down(), 2.0 * edge, f64::MAX, f64::MIN_POSITIVE];
        let numbers: Vec<f64> = (probabilities.take(400_000))
            .chain(any.take(200_000))
            .chain(near_one.take(200_000))
            .chain(powers)
            .chain(edges)
            .collect();
        let mut found = numbers.clone();
        ln_each(&mut found);
        assert_same(&found, libm::log, &numbers);
        let numbers = [0.5, 0.0, -1.0, f64::INFINITY, 5e-324, -0.0];
        let mut found = numbers;
        ln_each(&mut found);
        assert_same(&found, libm::log, &numbers);
    }

    #[test]
    fn exponentials_are_those_of_libm_to_the_bit() {
        let edges =
            [0x3ff0_a2b2_u64, 0x3fd6_2e43, 0x3e30_0001].map(|word| f64::from_bits(word << 32));
        let edges = edges.into_iter().flat_map(|x| [x.next_down(), x, x.next_up()]);
        let halves = (0..1400).map(|k| f64::from(k) * std::f64::consts::LN_2 / 2.0);
        let numbers: Vec<f64> = (bits().map(unit).map(|x| x * 700.0).take(300_000))
            .chain(bits().map(unit).map(|x| x * 12.0).take(300_000))
            .chain(bits().map(unit).map(|x| x * x * x * 1e-8).take(100_000))
            .chain(edges)
            .chain(halves)
            .chain([0.0, -0.0, 700.0])
            .map(|x| 0.0 - x)
            .collect();
        let mut found = numbers.clone();
        exp_each(&mut found);
        assert_same(&found, libm::exp, &numbers);
        let numbers = [-0.5, 1.0, -800.0, f64::NEG_INFINITY, 710.0];
        let mut found = numbers;
        exp_each(&mut found);
        assert_same(&found, libm::exp, &numbers);
    }

    #[test]
    fn sums_are_those_of_the_terms_in_order() {
        for count in [0, 1, 31, 32, 33, 128, 200] {
            let weights: Vec<f64> = bits().map(unit).take(count).collect();
            let total: f64 = weights.iter().sum();
            for floor in [0.0, 1e-12] {
                let terms = weights.iter().map(|w| {
                    let p = w / total;
                    p * libm::log(p + floor)
                });
                let expected: f64 = terms.sum();
                assert_eq!(sum_p_ln_p(&weights, total, floor).to_bits(), expected.to_bits());
            }
        }
    }
}
