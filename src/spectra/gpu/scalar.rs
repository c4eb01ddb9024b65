//! The two number types of the shaders, and the arithmetic that their
//! references on the CPU need.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use bytemuck::Pod;

use crate::screening::LEVEL_TOLERANCE;
use crate::{Precision, SHELL_TOLERANCE};

/// `f64`, or `f32` for screening, with the constants that the shaders get.
pub(crate) trait Scalar:
    Pod
    + Debug
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + Send
    + Sync
    + 'static
{
    /// What it is for.
    const PRECISION: Precision;
    /// Name of the type in WGSL.
    const WGSL: &'static str;
    /// What follows a literal of the type in WGSL.
    const WGSL_SUFFIX: &'static str;
    /// Half a unit in the last place of 1.
    const EPS: Self;
    /// Smallest pivot, smallest squared tolerance.
    const TINY: Self;
    /// Neighbours that differ by at most this, relative to the larger
    /// magnitude but at least to 1, are one shell.
    const SHELL: Self;
    /// Halvings that bring a bisection below the rounding errors.
    const HALVINGS: u32;
    /// Largest error of an eigenvalue against the CPU kernel, in units of
    /// `EPS` and the largest absolute row sum: measured on molecules and on
    /// graphs of degenerate spectra, see docs/gpu.md.
    const MEASURED_ERROR: f64;

    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
    /// The square root, correctly rounded.
    #[cfg(test)]
    fn sqrt(self) -> Self;

    /// The magnitude.
    #[cfg(test)]
    fn abs(self) -> Self {
        if self < Self::default() { -self } else { self }
    }

    /// The larger one.
    #[cfg(test)]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The smaller one.
    #[cfg(test)]
    fn smaller(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
}

impl Scalar for f64 {
    const PRECISION: Precision = Precision::Double;
    const WGSL: &'static str = "f64";
    const WGSL_SUFFIX: &'static str = "lf";
    const EPS: Self = f64::EPSILON / 2.0;
    const TINY: Self = 1e-280;
    const SHELL: Self = SHELL_TOLERANCE;
    const HALVINGS: u32 = 58;
    const MEASURED_ERROR: f64 = 32.0;

    fn from_f64(x: f64) -> Self {
        x
    }

    fn to_f64(self) -> f64 {
        self
    }

    #[cfg(test)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
}

impl Scalar for f32 {
    const PRECISION: Precision = Precision::Screening;
    const WGSL: &'static str = "f32";
    const WGSL_SUFFIX: &'static str = "f";
    const EPS: Self = f32::EPSILON / 2.0;
    const TINY: Self = 1e-30;
    const SHELL: Self = LEVEL_TOLERANCE as f32;
    const HALVINGS: u32 = 29;
    const MEASURED_ERROR: f64 = 32.0;

    fn from_f64(x: f64) -> Self {
        x as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[cfg(test)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
}
