//! References of the shaders for tests: the same algorithms in the same order
//! of operations, one matrix at a time, so that every shader is compared with
//! its own. Knows nothing of devices.

mod assembly;
mod bisection;
mod jacobi;
mod ql;
mod tridiagonal;

pub(super) use self::assembly::assemble;
pub(super) use self::bisection::bisection;
pub(super) use self::jacobi::jacobi;
pub(super) use self::ql::ql;
pub(super) use self::tridiagonal::{Tridiagonal, tridiagonalise};
pub(super) use crate::gpu::scalar::Scalar;
