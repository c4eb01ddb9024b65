//! Errors as text.

use std::error::Error;

/// An error with its causes: `what failed: why: why that`.
///
/// ```
/// let error = std::io::Error::other("no room");
/// assert_eq!(hetero2_common::errors::with_causes(&error), "no room");
/// ```
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
