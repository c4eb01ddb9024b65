//! Bodies and queries of requests, bounded in size, time and form.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query as AxumQuery, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{App, Problem};

/// Most bytes of a JSON body.
pub const LARGEST_BODY: usize = 64 * 1024;

/// How long a JSON body may take to arrive.
const LONGEST_BODY: Duration = Duration::from_secs(10);

/// A JSON body without unknown fields.
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// SHA-256 of its bytes, as hex.
    pub digest: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        if !is_json(&request) {
            let detail = "the body must be application/json";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", detail));
        }
        let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY);
        let bytes = match tokio::time::timeout(LONGEST_BODY, body).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => return Err(unreadable(&error)),
            Err(_) => return Err(slow()),
        };
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let field = if matches!(path.as_str(), "." | "?") { "body" } else { path.as_str() };
            Problem::invalid_field(field, error.inner().to_string())
        })?;
        reader.end().map_err(|error| Problem::invalid_field("body", error.to_string()))?;
        Ok(Self { value, digest: hex::encode(Sha256::digest(&bytes)) })
    }
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/json")
    })
}

fn unreadable(error: &axum::Error) -> Problem {
    let is_long = std::error::Error::source(error)
        .is_some_and(|cause| cause.to_string().contains("length limit"));
    match is_long {
        true => too_large(LARGEST_BODY as u64),
        false => Problem::new(StatusCode::BAD_REQUEST, "body_broken", "the body ended too early"),
    }
}

/// A body of more than `limit` bytes.
#[must_use]
pub fn too_large(limit: u64) -> Problem {
    let detail = format!("the body may have at most {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

/// A body that did not arrive in time.
#[must_use]
pub fn slow() -> Problem {
    let detail = "the body did not arrive in time";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "slow_body", detail)
}

/// The query of a request.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, Problem> {
        let query: Result<AxumQuery<T>, QueryRejection> =
            AxumQuery::from_request_parts(parts, state).await;
        match query {
            Ok(AxumQuery(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::invalid_field("query", error.body_text())),
        }
    }
}

/// Collects what is wrong with the fields of a body.
#[derive(Default)]
pub struct Fields(Vec<super::problem::FieldError>);

impl Fields {
    /// Notes that `field` is wrong unless it `holds`.
    pub fn check(&mut self, field: &str, holds: bool, message: &str) {
        if !holds {
            let (field, message) = (field.to_owned(), message.to_owned());
            self.0.push(super::problem::FieldError { field, message });
        }
    }

    /// A name of 1 to 200 characters without control characters.
    pub fn check_name(&mut self, field: &str, text: &str) {
        let holds = !text.trim().is_empty()
            && text.chars().count() <= 200
            && !text.chars().any(char::is_control);
        self.check(field, holds, "1 to 200 characters, no control characters");
    }

    /// A text of at most 4,000 characters; lines are allowed.
    pub fn check_text(&mut self, field: &str, text: &str) {
        let is_allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
        let holds = text.chars().count() <= 4000 && text.chars().all(is_allowed);
        self.check(field, holds, "at most 4,000 characters, no control characters but line ends");
    }

    /// A SHA-256 as hex.
    pub fn check_sha256(&mut self, field: &str, text: &str) {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let holds = text.len() == 64 && text.bytes().all(is_hex);
        self.check(field, holds, "64 characters of 0-9 and a-f");
    }

    /// A name for addresses.
    pub fn check_slug(&mut self, field: &str, text: &str) {
        self.check(field, is_slug(text), "1 to 40 characters of a-z, 0-9 and -, not - at an end");
    }

    /// Nothing, if nothing is wrong.
    ///
    /// # Errors
    ///
    /// All that is wrong.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Problem::invalid(self.0)),
        }
    }
}

/// Whether `text` is a name for addresses.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
