//! How published numbers are rounded: the only place that does it.

/// Rounds to 8 decimals: the double nearest to the nearest multiple of 1e-8.
///
/// The nearest multiple is that of the exact value of `x`, also where the
/// product with 1e8 is itself rounded; an exact tie goes to the even multiple,
/// and a result of zero is `+0`. Values of magnitude 2²⁶ and more have no
/// eighth decimal and, like NaN and infinities, are returned as they are.
///
/// ```
/// use hetero2_common::rounding::round8;
///
/// assert_eq!(round8(57.999_999_999_999_99), 58.0);
/// assert_eq!(round8(-1e-17).to_bits(), 0.0_f64.to_bits());
/// ```
#[must_use]
pub fn round8(x: f64) -> f64 {
    const UNITS: f64 = 1e8;
    const NO_EIGHTH_DECIMAL: f64 = (1u64 << 26) as f64;
    if x.is_nan() || x.abs() >= NO_EIGHTH_DECIMAL {
        return x;
    }
    let scaled = x * UNITS;
    let mut units = scaled.round_ties_even();
    if (scaled - units).abs() == 0.5 {
        // The product may only look like a tie: what rounding took from it
        // says on which side the exact value lies.
        let lost = libm::fma(x, UNITS, -scaled);
        if lost > 0.0 {
            units = scaled.ceil();
        } else if lost < 0.0 {
            units = scaled.floor();
        }
    }
    // Adding zero turns −0 into +0.
    units / UNITS + 0.0
}
