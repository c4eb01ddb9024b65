//! Vectors of independent lanes: the arithmetic the kernels are written in.
//!
//! Every operation is the IEEE 754 one, lane by lane, with no fused
//! multiply-add and no reassociation; so a lane holds the same bits in every
//! vector width. Knows nothing of matrices.

use std::ops::{Add, Div, Mul, Sub};

use pulp::{Simd, bytemuck};

/// The bit that holds the sign of a double.
const SIGN: u64 = 1 << 63;

/// A vector of `WIDTH` doubles that never influence one another.
pub(super) trait Lane:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + 'static
{
    /// Proof that the instructions exist on this machine.
    type Token: Copy;
    /// One truth value per lane.
    type Mask: Copy;
    /// One hardware vector of the same instructions.
    type Single: Lane<Token = Self::Token>;
    /// Number of lanes.
    const WIDTH: usize;

    fn splat(token: Self::Token, value: f64) -> Self;
    fn token(self) -> Self::Token;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// Magnitude of `self`, sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    fn less(self, other: Self) -> Self::Mask;
    fn less_or_equal(self, other: Self) -> Self::Mask;
    fn equal(self, other: Self) -> Self::Mask;
    fn both(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// `self` where `mask` is true, else `other`.
    fn or_else(self, mask: Self::Mask, other: Self) -> Self;
    /// The smallest lane; lanes must not be NaN.
    fn smallest(self) -> f64;
    /// The largest lane; lanes must not be NaN.
    fn largest(self) -> f64;
    fn get(&self, lane: usize) -> f64;
    fn set(&mut self, lane: usize, value: f64);
}

/// One hardware vector, carrying its (zero-sized) instruction token.
#[derive(Clone, Copy)]
pub(super) struct Vector<S: Simd> {
    value: S::f64s,
    simd: S,
}

macro_rules! vector_operator {
    ($trait:ident, $method:ident, $instruction:ident) => {
        impl<S: Simd> $trait for Vector<S> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self { value: self.simd.$instruction(self.value, other.value), simd: self.simd }
            }
        }
    };
}
vector_operator!(Add, add, add_f64s);
vector_operator!(Sub, sub, sub_f64s);
vector_operator!(Mul, mul, mul_f64s);
vector_operator!(Div, div, div_f64s);

impl<S: Simd> Vector<S> {
    #[inline(always)]
    fn with(self, value: S::f64s) -> Self {
        Self { value, simd: self.simd }
    }
}

impl<S: Simd> Lane for Vector<S> {
    type Token = S;
    type Mask = S::m64s;
    type Single = Self;
    const WIDTH: usize = S::F64_LANES;

    #[inline(always)]
    fn splat(simd: S, value: f64) -> Self {
        Self { value: simd.splat_f64s(value), simd }
    }
    #[inline(always)]
    fn token(self) -> S {
        self.simd
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.with(self.simd.sqrt_f64s(self.value))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let magnitude = self.simd.splat_f64s(f64::from_bits(!SIGN));
        self.with(self.simd.and_f64s(self.value, magnitude))
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        let s = self.simd;
        let bit = s.and_f64s(s.splat_f64s(f64::from_bits(SIGN)), sign.value);
        self.with(s.or_f64s(self.abs().value, bit))
    }
    #[inline(always)]
    fn less(self, other: Self) -> S::m64s {
        self.simd.less_than_f64s(self.value, other.value)
    }
    #[inline(always)]
    fn less_or_equal(self, other: Self) -> S::m64s {
        self.simd.less_than_or_equal_f64s(self.value, other.value)
    }
    #[inline(always)]
    fn equal(self, other: Self) -> S::m64s {
        self.simd.equal_f64s(self.value, other.value)
    }
    #[inline(always)]
    fn both(self, a: S::m64s, b: S::m64s) -> S::m64s {
        self.simd.and_m64s(a, b)
    }
    #[inline(always)]
    fn or_else(self, mask: S::m64s, other: Self) -> Self {
        self.with(self.simd.select_f64s(mask, self.value, other.value))
    }
    #[inline(always)]
    fn smallest(self) -> f64 {
        self.simd.reduce_min_f64s(self.value)
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        self.simd.reduce_max_f64s(self.value)
    }
    #[inline(always)]
    fn get(&self, lane: usize) -> f64 {
        bytemuck::cast_slice::<S::f64s, f64>(std::slice::from_ref(&self.value))[lane]
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, value: f64) {
        bytemuck::cast_slice_mut::<S::f64s, f64>(std::slice::from_mut(&mut self.value))[lane] =
            value;
    }
}

/// Two vectors side by side: twice the independent work hides the latency of
/// dependent divisions. Aligned so that no access straddles a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Pair<L>(L, L);

macro_rules! pair_operator {
    ($trait:ident, $method:ident) => {
        impl<L: Lane> $trait for Pair<L> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0), self.1.$method(other.1))
            }
        }
    };
}
pair_operator!(Add, add);
pair_operator!(Sub, sub);
pair_operator!(Mul, mul);
pair_operator!(Div, div);

impl<L: Lane> Lane for Pair<L> {
    type Token = L::Token;
    type Mask = (L::Mask, L::Mask);
    type Single = L::Single;
    const WIDTH: usize = 2 * L::WIDTH;

    #[inline(always)]
    fn splat(token: L::Token, value: f64) -> Self {
        Self(L::splat(token, value), L::splat(token, value))
    }
    #[inline(always)]
    fn token(self) -> L::Token {
        self.0.token()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs(), self.1.abs())
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        Self(self.0.copysign(sign.0), self.1.copysign(sign.1))
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        (self.0.less(other.0), self.1.less(other.1))
    }
    #[inline(always)]
    fn less_or_equal(self, other: Self) -> Self::Mask {
        (self.0.less_or_equal(other.0), self.1.less_or_equal(other.1))
    }
    #[inline(always)]
    fn equal(self, other: Self) -> Self::Mask {
        (self.0.equal(other.0), self.1.equal(other.1))
    }
    #[inline(always)]
    fn both(self, a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (self.0.both(a.0, b.0), self.1.both(a.1, b.1))
    }
    #[inline(always)]
    fn or_else(self, mask: Self::Mask, other: Self) -> Self {
        Self(self.0.or_else(mask.0, other.0), self.1.or_else(mask.1, other.1))
    }
    #[inline(always)]
    fn smallest(self) -> f64 {
        self.0.smallest().min(self.1.smallest())
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        self.0.largest().max(self.1.largest())
    }
    #[inline(always)]
    fn get(&self, lane: usize) -> f64 {
        if lane < L::WIDTH { self.0.get(lane) } else { self.1.get(lane - L::WIDTH) }
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, value: f64) {
        if lane < L::WIDTH {
            self.0.set(lane, value);
        } else {
            self.1.set(lane - L::WIDTH, value);
        }
    }
}
