//! Which build this is.

use std::sync::OnceLock;

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

static COMMIT: OnceLock<&str> = OnceLock::new();

/// Source revision of the program; `unknown` until it said so.
#[must_use]
pub fn commit() -> &'static str {
    COMMIT.get().copied().unwrap_or("unknown")
}

/// States the source revision. The program alone knows it, so that a commit
/// compiles nothing else again; the first call counts.
pub fn set_commit(commit: &'static str) {
    let _ = COMMIT.set(commit);
}
