//! Versions of things as entity tags, so that nobody overwrites what they have
//! not read.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Problem;

/// The entity tag of a version.
#[must_use]
pub fn tag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"v{version}\"")).unwrap_or(HeaderValue::from_static("\"v0\""))
}

/// The version that an entity tag names; none of `*` and of foreign tags.
#[must_use]
pub fn version(tag: &HeaderValue) -> Option<i64> {
    tag.to_str().ok()?.strip_prefix("\"v")?.strip_suffix('"')?.parse().ok()
}

/// The thing is not the one that was read.
#[must_use]
pub fn changed() -> Problem {
    let detail = "it changed since it was read: read it again and repeat the change";
    Problem::new(StatusCode::PRECONDITION_FAILED, "version_changed", detail)
}

/// The entity tags that the client has, as `If-None-Match` names them.
pub(super) fn known(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let value = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    value.into_iter().flat_map(|value| value.split(',')).map(str::trim)
}

/// A document with its version as entity tag; 304 where the client has it.
pub fn versioned(headers: &HeaderMap, version: i64, document: &impl Serialize) -> Response {
    let tag = tag(version);
    let has_it = known(headers).any(|known| known.as_bytes() == tag.as_bytes());
    let tags = [(header::ETAG, tag)];
    match has_it {
        true => (StatusCode::NOT_MODIFIED, tags).into_response(),
        false => (tags, Json(document)).into_response(),
    }
}
