//! Requests to the API in the name of a browser: its cookie, and where its
//! request came from. It must not know any page.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

use super::Pages;

/// Most bytes of an answer that a page shows.
const LARGEST: usize = 16 << 20;

/// What the API needs to know of the browser's request: who sent it and from
/// which page, since a login's cookie changes nothing from another site's.
const PASSED: [HeaderName; 6] = [
    header::COOKIE,
    header::ORIGIN,
    header::HOST,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("idempotency-key"),
];

/// The API as the browser's login sees it.
pub struct Api {
    router: Router,
    headers: HeaderMap,
    address: Option<ConnectInfo<SocketAddr>>,
}

impl FromRequestParts<Pages> for Api {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Self::Rejection> {
        let mut headers = HeaderMap::new();
        for name in PASSED {
            for value in parts.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().copied();
        Ok(Self { router: pages.api.clone(), headers, address })
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, Deserialize)]
pub struct FieldError {
    /// Its path in the API's document.
    pub field: String,
    /// What it must be.
    pub message: String,
}

/// A problem that the API answered with.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: String,
    pub detail: String,
    pub errors: Vec<FieldError>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemDocument {
    code: String,
    detail: String,
    errors: Vec<FieldError>,
}

impl Refusal {
    fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal".to_owned(),
            detail: "the server failed; its log names this request".to_owned(),
            errors: Vec::new(),
        }
    }

    /// What a form shows instead of sending the browser to the sign-in, where it
    /// is a field that was refused and not the login.
    pub fn of_form(self) -> Result<Self, Self> {
        match self.status {
            StatusCode::UNAUTHORIZED if self.code == "unauthenticated" => Err(self),
            status if status.is_server_error() => Err(self),
            _ => Ok(self),
        }
    }
}

/// A good answer.
pub struct Answer {
    pub headers: HeaderMap,
    pub value: Value,
}

impl Api {
    /// Reads a document.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        let answer = self.send(Method::GET, path, None, None).await?;
        serde_json::from_value(answer.value).map_err(|error| {
            tracing::error!(%error, path, "the API's answer is not as pages know it");
            Refusal::internal()
        })
    }

    /// Sends a document.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Refusal> {
        self.send(Method::POST, path, Some(body), None).await
    }

    /// Does what needs no document.
    pub async fn act(&self, path: &str) -> Result<Answer, Refusal> {
        self.send(Method::POST, path, None, None).await
    }

    /// Deletes what has `version`, if it has versions.
    pub async fn delete(
        &self,
        path: &str,
        version: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        self.send(Method::DELETE, path, body, version).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        version: Option<&str>,
    ) -> Result<Answer, Refusal> {
        let body_bytes = match body {
            Some(value) => Body::from(value.to_string()),
            None => Body::empty(),
        };
        let request = Request::builder().method(method).uri(path).body(body_bytes);
        let mut request = request.map_err(|_| Refusal {
            status: StatusCode::NOT_FOUND,
            code: "not_found".to_owned(),
            detail: "there is no such thing here".to_owned(),
            errors: Vec::new(),
        })?;
        *request.headers_mut() = self.headers.clone();
        if body.is_some() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        if let Some(tag) = version.and_then(|v| HeaderValue::from_str(&format!("\"v{v}\"")).ok()) {
            request.headers_mut().insert(header::IF_MATCH, tag);
        }
        if let Some(address) = self.address {
            request.extensions_mut().insert(address);
        }
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes =
            to_bytes(response.into_body(), LARGEST).await.map_err(|_| Refusal::internal())?;
        if !status.is_success() {
            let problem: ProblemDocument = serde_json::from_slice(&bytes).unwrap_or_default();
            let ProblemDocument { code, detail, errors } = problem;
            return Err(Refusal { status, code, detail, errors });
        }
        let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { headers, value })
    }
}
