//! Arithmetic on the number types of the shaders.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use crate::gpu;

/// What the twins do with a number.
pub(crate) trait Real:
    gpu::real::Real
    + Debug
    + Default
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
{
    /// The square root, correctly rounded.
    fn sqrt(self) -> Self;

    /// The magnitude.
    fn abs(self) -> Self {
        if self < Self::default() { -self } else { self }
    }

    /// The larger one.
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The smaller one.
    fn smaller(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
}

impl Real for f64 {
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
}

impl Real for f32 {
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
}
