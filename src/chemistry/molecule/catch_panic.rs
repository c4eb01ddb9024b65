//! The one place where a panic of the chemistry crate becomes an error.
//!
//! That crate is large and reads untrusted text. A molecule that trips an
//! assertion in it must cost one row, not the run. Nothing it holds outlives
//! a panic: its per-molecule caches are set once, after they are computed,
//! and its thread-local state is reset by drop guards.

use super::error::MoleculeError;

/// Runs `work`; a panic in it is an error and prints nothing.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, MoleculeError> {
    hetero2_common::panics::catch_panic(work).map_err(MoleculeError::Internal)
}
