//! CPU twins of the shaders: the same algorithms in the same order of
//! operations, one matrix at a time. They compute screening spectra where
//! there is no GPU, and tests hold every shader against its twin. Knows
//! nothing of devices.

mod assembly;
mod bisection;
mod jacobi;
mod ql;
mod real;
mod tridiagonal;

pub(super) use self::assembly::assemble;
pub(super) use self::bisection::bisection;
pub(super) use self::jacobi::jacobi;
pub(super) use self::ql::ql;
pub(super) use self::real::Real;
pub(super) use self::tridiagonal::{Tridiagonal, tridiagonalise};
