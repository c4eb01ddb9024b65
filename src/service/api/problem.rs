//! Errors as documents (RFC 9457) with codes that stay. It must not know which
//! request failed: `frame` adds that.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema, openapi};

use crate::store::StoreError;
use crate::tenancy::Denied;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as a path of names and positions: `parts[2].size`.
    #[schema(example = "slug")]
    pub field: String,
    /// What it must be.
    #[schema(example = "1 to 40 characters of a-z, 0-9 and -")]
    pub message: String,
}

/// The document of an error, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// `urn:hetero2:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:hetero2:problem:not_found")]
    pub kind: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What failed, for programs: a code never changes its meaning.
    #[schema(example = "not_found")]
    pub code: String,
    /// What failed and what helps, for people.
    #[schema(example = "there is no such thing here")]
    pub detail: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The request, as in the header `X-Request-Id` and in the server's log.
    #[schema(example = "req_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub request_id: String,
}

/// An error on its way to becoming a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u64>,
    refused: Option<&'static str>,
}

impl Problem {
    /// A problem with a stable `code`.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_seconds: None,
            refused: None,
        }
    }

    /// What exists elsewhere and what exists nowhere: one answer.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing here")
    }

    /// No credential, or none that is valid.
    #[must_use]
    pub fn unauthenticated() -> Self {
        let detail = "a valid token in the header Authorization, or a login, is needed";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// The thing is in a state that does not allow the act.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Fields that do not hold what they must.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = "some fields do not hold what they must: see errors";
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", detail);
        problem.errors = errors;
        problem
    }

    /// One field that does not hold what it must.
    #[must_use]
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    /// Something failed here; the log has it, the client does not.
    #[must_use]
    pub fn internal() -> Self {
        let detail = "the server failed; its log names this request";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Come again in so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The act that was refused, by its name in the audit trail.
    #[must_use]
    pub fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// The same, as the refusal of `action`.
    #[must_use]
    pub fn refusing(mut self, action: &'static str) -> Self {
        self.refused = Some(action);
        self
    }

    /// The document for one request.
    #[must_use]
    pub fn document(&self, request_id: &str) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:hetero2:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            request_id: request_id.to_owned(),
        }
    }

    /// The answer to one request.
    #[must_use]
    pub fn answer(&self, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.document(request_id)).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// An empty answer that carries the problem to `frame`, which writes the
    /// document.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = hetero2_common::errors::with_causes(&error), "the database failed");
        if error.is_busy() {
            let detail = "the database is busy: try again";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1);
        }
        Self::internal()
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let forbid = |code, action: crate::tenancy::Action, detail| {
            Self::new(StatusCode::FORBIDDEN, code, detail).refusing(action.code())
        };
        match denied {
            Denied::Absent(action) => Self::not_found().refusing(action.code()),
            Denied::Role(action) => forbid("forbidden", action, denied.to_string()),
            Denied::Scope(action) => forbid("scope_too_small", action, denied.to_string()),
            Denied::Store(error) => error.into(),
        }
    }
}

/// The errors that any operation may answer with, in OpenAPI.
pub struct Problems;

/// Status and what it means.
const DOCUMENTED: [(&str, &str); 12] = [
    ("401", "`unauthenticated`: no credential, or none that is valid"),
    ("403", "`forbidden`, `scope_too_small`: the role or the token does not allow it"),
    ("404", "`not_found`: it does not exist, or not for the one who asks"),
    ("408", "`slow_body`: the body did not arrive in time"),
    ("409", "the state of the thing does not allow it"),
    ("412", "`version_changed`: the thing changed since it was read"),
    ("413", "`body_too_large`"),
    ("415", "`unsupported_media_type`"),
    ("422", "`invalid_request`: fields do not hold what they must"),
    ("428", "`if_match_required`: the header If-Match is missing"),
    ("429", "`too_many_requests`: come again after Retry-After seconds"),
    ("default", "any other problem"),
];

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let schema = Ref::from_schema_name("ProblemDocument");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = |description: &str| {
            ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content.clone())
                .build()
        };
        DOCUMENTED
            .iter()
            .map(|(status, text)| ((*status).to_owned(), RefOr::T(response(text))))
            .collect()
    }
}
