//! Which build this is.

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Source revision of the program, `unknown` where it was built outside a
/// checkout.
pub const COMMIT: &str = env!("HETERO2_COMMIT");
