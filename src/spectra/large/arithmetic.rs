//! The numbers that eliminations are computed in: many doubles side by side,
//! or one number of twice the precision. Knows nothing of graphs.

/// Doubles that are computed side by side.
pub(super) const LANES: usize = 16;

/// What an elimination needs of its numbers.
pub(super) trait Number: Copy {
    /// Largest relative error of one operation.
    const ROUNDING: f64;

    fn splat(value: f64) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn recip(self) -> Self;
    fn abs(self) -> Self;
    /// The larger; not a number where one of them is none.
    fn max(self, other: Self) -> Self;
    /// `self`, or `−least` where its magnitude is below that.
    fn away_from_zero(self, least: f64) -> Self;
    /// Adds 1 to `counts` where `self` is below zero.
    fn count_negative(self, counts: &mut [f64; LANES]);
}

/// Independent doubles. IEEE 754 operations without fused ones: the same bits
/// under every instruction set.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Pack(pub [f64; LANES]);

impl Pack {
    #[inline(always)]
    fn each(self, change: impl Fn(f64) -> f64) -> Self {
        let mut result = self;
        for value in &mut result.0 {
            *value = change(*value);
        }
        result
    }

    #[inline(always)]
    fn with(self, other: Self, join: impl Fn(f64, f64) -> f64) -> Self {
        let mut result = self;
        for (value, other) in result.0.iter_mut().zip(other.0) {
            *value = join(*value, other);
        }
        result
    }
}

impl Number for Pack {
    const ROUNDING: f64 = f64::EPSILON / 2.0;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self([value; LANES])
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
    #[inline(always)]
    fn recip(self) -> Self {
        self.each(|a| 1.0 / a)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.each(f64::abs)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b || a.is_nan() { a } else { b })
    }
    #[inline(always)]
    fn away_from_zero(self, least: f64) -> Self {
        self.each(|a| if a.abs() < least { -least } else { a })
    }
    #[inline(always)]
    fn count_negative(self, counts: &mut [f64; LANES]) {
        for (count, value) in counts.iter_mut().zip(self.0) {
            *count += if value < 0.0 { 1.0 } else { 0.0 };
        }
    }
}

/// A sum of two doubles that do not overlap: about 104 bits (Dekker 1971;
/// Joldes, Muller and Popescu 2017, whose bounds are below 2⁻¹⁰⁰).
#[derive(Clone, Copy)]
pub(super) struct Twofold {
    high: f64,
    low: f64,
}

#[inline(always)]
fn exact_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// As [`exact_sum`] where `a` is the larger.
#[inline(always)]
fn ordered_sum(a: f64, b: f64) -> Twofold {
    let sum = a + b;
    Twofold { high: sum, low: b - (sum - a) }
}

#[inline(always)]
fn exact_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

impl Twofold {
    #[inline(always)]
    fn negated(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Number for Twofold {
    const ROUNDING: f64 = 1.0 / (1_u128 << 100) as f64;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let (high, rest) = exact_sum(self.high, other.high);
        let (low, rest_low) = exact_sum(self.low, other.low);
        let first = ordered_sum(high, rest + low);
        ordered_sum(first.high, first.low + rest_low)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.add(other.negated())
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (high, rest) = exact_product(self.high, other.high);
        let cross = self.high.mul_add(other.low, self.low * other.high);
        ordered_sum(high, rest + cross)
    }
    #[inline(always)]
    fn recip(self) -> Self {
        // Two steps of Newton's from the double.
        let start = Self::splat(1.0 / self.high);
        let step = |x: Self| x.add(x.mul(Self::splat(1.0).sub(self.mul(x))));
        step(step(start))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        if self.high < 0.0 { self.negated() } else { self }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self.high > other.high || self.high.is_nan() { self } else { other }
    }
    #[inline(always)]
    fn away_from_zero(self, least: f64) -> Self {
        if self.high.abs() < least { Self::splat(-least) } else { self }
    }
    #[inline(always)]
    fn count_negative(self, counts: &mut [f64; LANES]) {
        if self.high < 0.0 {
            counts[0] += 1.0;
        }
    }
}

/// The doubles nearest to a number's lanes.
pub(super) trait Lanes {
    fn lanes(&self) -> &[f64];
}

impl Lanes for Pack {
    fn lanes(&self) -> &[f64] {
        &self.0
    }
}

impl Lanes for Twofold {
    fn lanes(&self) -> &[f64] {
        std::slice::from_ref(&self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twofold_numbers_keep_what_doubles_lose() {
        let (one, tiny) = (Twofold::splat(1.0), Twofold::splat(1e-25));
        let sum = one.add(tiny).sub(one);
        assert!((sum.high - 1e-25).abs() < 1e-30);
        let third = Twofold::splat(3.0).recip();
        let rest = third.mul(Twofold::splat(3.0)).sub(one);
        assert!(rest.high.abs() < 1e-30, "{}", rest.high);
        let square = one.add(tiny).mul(one.add(tiny)).sub(one);
        assert!((square.high - 2e-25).abs() < 1e-30);
    }
}
