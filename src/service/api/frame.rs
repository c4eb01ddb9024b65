//! What every request gets: an id, an origin, an end in time, a document where
//! it failed, and an entry in the trail where it was refused. It must not know
//! any resource.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;

use super::caller::Asker;
use super::{App, Problem};
use crate::id::{Id, Kind};
use crate::telemetry::fields::About;
use crate::telemetry::trace::{self, Context};
use crate::tenancy::{Origin, record_refusal};
use crate::trail::Entry;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long an answer may take to begin.
const LONGEST_ANSWER: Duration = Duration::from_secs(600);

/// What workers ask all the time, for no job: not worth a trace each.
const POLLS: [&str; 2] = ["/worker/v1/claims", "/worker/v1/renewals"];

/// Characters of an address that the trail keeps.
const LONGEST_PATH: usize = 300;

/// Wraps every request.
pub async fn frame(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let request_id = request_id(request.headers());
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map_or_else(|| "local".to_owned(), |info| info.0.ip().to_string());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let given = traceparent(request.headers());
    let span = span(&request_id, &method, &route, &path, given.as_ref());
    // Without traces of its own the server hands on what it was given.
    let trace = span.in_scope(trace::current).or(given).map(|context| context.to_string());
    let origin = Origin { request: request_id.clone(), address, trace };
    let asker = Asker::default();
    request.extensions_mut().insert(origin.clone());
    request.extensions_mut().insert(asker.clone());

    let started = std::time::Instant::now();
    let answer = tokio::time::timeout(LONGEST_ANSWER, next.run(request).instrument(span.clone()));
    let mut response = answer.await.unwrap_or_else(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the answer took too long")
            .into_response()
    });

    let problem =
        response.extensions_mut().remove::<Problem>().or_else(|| of_the_framework(&response));
    if let Some(problem) = problem {
        app.metrics().problem(problem.code());
        if let Some(principal) = asker.0.get().filter(|_| is_refusal(problem.status())) {
            let action = problem.refused().unwrap_or("request");
            let shown: String = path.chars().take(LONGEST_PATH).collect();
            let entry = Entry::on(&shown);
            let recorded =
                record_refusal(app.store(), principal, &origin, action, &entry, problem.code());
            if let Err(error) = recorded.instrument(span.clone()).await {
                // No entry, no answer: a refusal that left no trace is a failure.
                response = Problem::from(error).answer(&request_id);
            } else {
                response = with_headers(problem.answer(&request_id), response.headers());
            }
        } else {
            response = with_headers(problem.answer(&request_id), response.headers());
        }
    }
    let (status, took) = (response.status().as_u16(), started.elapsed());
    app.metrics().answered(method.as_str(), &route, status, took);
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let who = asker.0.get();
    span.record("status", status);
    if response.status().is_server_error() {
        span.record("otel.status", "error");
    }
    span.in_scope(|| {
        tracing::info!(
            status,
            milliseconds,
            member = who.and_then(|who| who.member.as_ref()).map(Id::as_str),
            address = origin.address,
            "answered"
        );
    });
    finish(&mut response, &request_id);
    response
}

/// What is logged of a request, and its part of a trace.
fn span(
    id: &str,
    method: &Method,
    route: &str,
    path: &str,
    given: Option<&Context>,
) -> tracing::Span {
    let About { project, job } = About::of(route, path);
    tracing::info_span!(
        "request",
        id,
        %method,
        route,
        organisation = tracing::field::Empty,
        project = project.as_ref().map(Id::as_str),
        job = job.as_ref().map(Id::as_str),
        status = tracing::field::Empty,
        otel.kind = if POLLS.contains(&route) { "none" } else { "server" },
        otel.status = tracing::field::Empty,
        traceparent = given.map(ToString::to_string),
    )
}

fn traceparent(headers: &HeaderMap) -> Option<Context> {
    Context::parse(headers.get(trace::TRACEPARENT)?.to_str().ok()?)
}

/// The client's own id, if it is short and plain; else a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let is_plain = |text: &&str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(is_plain)
        .map_or_else(|| Id::fresh(Kind::Request).to_string(), str::to_owned)
}

/// Refusals of authorisation. Errors of form are none, and what is over the
/// limit of requests is logged only: else a flood would fill the database.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

/// A problem for an error that the framework answered by itself.
fn of_the_framework(response: &Response) -> Option<Problem> {
    let status = response.status();
    let is_ours = response.headers().contains_key(header::CONTENT_TYPE)
        && response.headers()[header::CONTENT_TYPE] == "application/problem+json";
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    Some(match status {
        // An address that is no text names nothing either.
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Problem::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(status, "method_not_allowed", "the method is not one of this address")
        }
        _ => Problem::new(status, "bad_request", "the request is not well formed"),
    })
}

/// Headers that an answer had before its document was written: `Allow`, cookies.
fn with_headers(mut response: Response, before: &HeaderMap) -> Response {
    for name in [header::ALLOW, header::SET_COOKIE, header::CONTENT_RANGE] {
        for value in before.get_all(&name) {
            response.headers_mut().append(&name, value.clone());
        }
    }
    response
}

fn finish(response: &mut Response, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
}
