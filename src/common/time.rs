//! The wall clock as text, as every document writes it. Knows nothing of what
//! is dated.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

/// A wall time in UTC, to the second, as ISO 8601 writes it:
/// `2026-01-31T23:59:59Z`.
#[must_use]
pub fn utc_timestamp(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An RFC 3339 time of any offset, written as [`utc_timestamp`] does; `None`
/// where `text` is none.
///
/// ```
/// use hetero2_common::time::normalized_timestamp;
///
/// let utc = normalized_timestamp("2026-02-01T00:59:59+01:00");
/// assert_eq!(utc.as_deref(), Some("2026-01-31T23:59:59Z"));
/// assert_eq!(normalized_timestamp("yesterday"), None);
/// ```
#[must_use]
pub fn normalized_timestamp(text: &str) -> Option<String> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true))
}
