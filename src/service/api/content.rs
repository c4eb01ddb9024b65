//! A dataset's bytes over HTTP: whole, by ranges (RFC 9110), and by signed
//! links.

use std::time::Duration;

use axum::Extension;
use axum::body::Body as AxumBody;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::id;
use super::{App, Asked, Body, Caller, Problem, Problems, etag};
use crate::dataset::{self, Content, Dataset, DatasetError, link};
use crate::id::Kind;
use crate::object::Depot;
use crate::tenancy::{Action, Origin};
use crate::trail::Entry;
use link::Link;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read, head))
        .routes(routes!(create_link))
        .routes(routes!(follow))
}

/// The bytes of a dataset, as they were uploaded. A range that is asked for is
/// given as 206; several ranges, or one of another version (`If-Range`), as the
/// whole.
///
/// Problems of its own: 416 `range_not_satisfiable`; 500 `data_damaged`: what is
/// stored is not what was stored, and nothing of it is given.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/datasets/{dataset}/content",
    tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("dataset" = String, Path, description = "the dataset's id"),
        ("Range" = Option<String>, Header, description = "the bytes that are wanted",
            example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "the ETag that the range is of")),
    responses(
        (status = 200, description = "the whole", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = 206, description = "the range", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = 304, description = "the client has it"),
        (status = 416, description = "`range_not_satisfiable`", body = super::ProblemDocument,
            content_type = "application/problem+json"), Problems))]
async fn read(
    caller: Caller,
    Path((org, project, dataset)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::DataRead;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let id = id(Kind::Dataset, &dataset, action)?;
    let depot = caller.app().depot();
    let content = dataset::content(&mut tx, depot, &project, &id).await?;
    let wanted = match Wanted::of(caller.headers(), &content.dataset) {
        Ok(wanted) => wanted,
        // Nothing is read.
        Err(answer) => return Ok(*answer),
    };
    tx.commit(Entry::on(&id)).await?;
    give(depot, &content, wanted).await
}

/// What [`read`] would say, without the bytes.
#[utoipa::path(head, path = "/v1/orgs/{org}/projects/{project}/datasets/{dataset}/content",
    tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("dataset" = String, Path, description = "the dataset's id")),
    responses((status = 200, description = "size and digest, as headers"),
        (status = 304, description = "the client has it"), Problems))]
async fn head(
    caller: Caller,
    Path((org, project, dataset)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::DatasetRead;
    let (mut tx, project) = caller.read_in(&org, &project, action).await?;
    let id = id(Kind::Dataset, &dataset, action)?;
    let dataset = dataset::get(&mut tx, &project, &id).await?;
    if has_it(caller.headers(), &dataset) {
        return Ok(not_modified(&dataset));
    }
    let mut response = StatusCode::OK.into_response();
    describe(response.headers_mut(), &dataset);
    response.headers_mut().insert(header::CONTENT_LENGTH, dataset.size.into());
    Ok(response)
}

/// How long a link is to live.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// Seconds, 1 to 900; 300 unless given.
    #[serde(default = "five_minutes")]
    #[schema(example = 300, minimum = 1, maximum = 900, default = 300)]
    seconds: u64,
}

fn five_minutes() -> u64 {
    300
}

/// Makes a link that reads the dataset's bytes without a credential, for some
/// minutes, and no longer than the caller may read them.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/datasets/{dataset}/link",
    tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("dataset" = String, Path, description = "the dataset's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body = NewLink, responses((status = 201, body = Link), Problems))]
async fn create_link(
    caller: Caller,
    Path((org, project, dataset)): Path<(String, String, String)>,
    body: Body<NewLink>,
) -> Result<Response, Problem> {
    let action = Action::LinkCreate;
    let (tx, project) = caller.write_in(&org, &project, action).await?;
    let id = id(Kind::Dataset, &dataset, action)?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    let lifetime = Duration::from_secs(body.value.seconds);
    let depot = caller.app().depot();
    let made = link::create(&mut once.tx, depot, &project, &id, lifetime).await?;
    // The entry names the dataset by its project's act, and the link by its id.
    let entry = Entry::on(&format!("{id} {}", made.id));
    once.created_secret(entry, &made).await
}

/// The bytes that a signed link is for; ranges as everywhere.
///
/// Problems of its own: 410 `link_expired`; 416 `range_not_satisfiable`.
#[utoipa::path(get, path = "/v1/signed/{token}", tag = "datasets", security(()),
    params(("token" = String, Path, description = "as the link has it"),
        ("Range" = Option<String>, Header, description = "the bytes that are wanted"),
        ("If-Range" = Option<String>, Header, description = "the ETag that the range is of")),
    responses(
        (status = 200, description = "the whole", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = 206, description = "the range", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = 304, description = "the client has it"),
        (status = 410, description = "`link_expired`", body = super::ProblemDocument,
            content_type = "application/problem+json"),
        (status = 416, description = "`range_not_satisfiable`", body = super::ProblemDocument,
            content_type = "application/problem+json"), Problems))]
async fn follow(
    State(app): State<App>,
    Path(token): Path<String>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = link::follow(app.store(), app.depot(), &origin, &token).await?;
    match Wanted::of(&headers, &content.dataset) {
        Ok(wanted) => give(app.depot(), &content, wanted).await,
        Err(answer) => Ok(*answer),
    }
}

/// The bytes that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// From the first to before the second.
    Range(u64, u64),
}

impl Wanted {
    /// What is wanted, or an answer without bytes.
    pub(super) fn of(headers: &HeaderMap, dataset: &Dataset) -> Result<Self, Box<Response>> {
        if has_it(headers, dataset) {
            return Err(Box::new(not_modified(dataset)));
        }
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let is_of_this =
            text(header::IF_RANGE).is_none_or(|tag| tag.as_bytes() == tag_of(dataset).as_bytes());
        let Some(range) = text(header::RANGE).filter(|_| is_of_this) else {
            return Ok(Self::Whole);
        };
        match Self::parse(range, dataset.size) {
            Parsed::Range(start, end) => Ok(Self::Range(start, end)),
            Parsed::Ignored => Ok(Self::Whole),
            Parsed::Unsatisfiable => Err(Box::new(unsatisfiable(dataset.size))),
        }
    }

    fn parse(text: &str, size: u64) -> Parsed {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            // Beyond any size is as good as the end.
            is_number.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let Some(range) = text.trim().strip_prefix("bytes=").map(str::trim) else {
            return Parsed::Ignored;
        };
        let Some((first, last)) = range.split_once('-') else { return Parsed::Ignored };
        let (start, end) = match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1)),
            (Some(first), None) if last.is_empty() => (first, size),
            (None, Some(0)) if first.is_empty() => return Parsed::Unsatisfiable,
            (None, Some(last)) if first.is_empty() => (size.saturating_sub(last), size),
            // Malformed, or several ranges.
            _ => return Parsed::Ignored,
        };
        match start < size {
            true => Parsed::Range(start, end.min(size)),
            false => Parsed::Unsatisfiable,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parsed {
    Range(u64, u64),
    Ignored,
    Unsatisfiable,
}

/// The entity tag of a dataset's bytes, which never change.
fn tag_of(dataset: &Dataset) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", dataset.sha256))
        .unwrap_or(HeaderValue::from_static("\"\""))
}

fn has_it(headers: &HeaderMap, dataset: &Dataset) -> bool {
    let tag = tag_of(dataset);
    etag::known(headers).any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
}

fn not_modified(dataset: &Dataset) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, tag_of(dataset))]).into_response()
}

fn unsatisfiable(size: u64) -> Response {
    let detail = format!("the dataset has {size} bytes, none of them in this range");
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let mut response = Problem::new(status, "range_not_satisfiable", detail).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// Headers of a dataset's bytes.
fn describe(headers: &mut HeaderMap, dataset: &Dataset) {
    let bytes = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, bytes);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, tag_of(dataset));
    let digest = hex::decode(&dataset.sha256).unwrap_or_default();
    let digest = format!("sha-256=:{}:", STANDARD.encode(digest));
    if let Ok(digest) = HeaderValue::from_str(&digest) {
        headers.insert("repr-digest", digest);
    }
    if let Ok(name) = HeaderValue::from_str(&disposition(&dataset.name)) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
}

/// Saved, never shown: under a plain form of the name, and under itself for
/// clients that know RFC 8187.
fn disposition(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let encode = |byte: u8| match byte {
        byte if is_plain(char::from(byte)) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let encoded: String = name.bytes().map(encode).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Gives the bytes.
pub(super) async fn give(
    depot: &Depot,
    content: &Content,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let size = content.dataset.size;
    let (status, start, end) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Range(start, end) => (StatusCode::PARTIAL_CONTENT, start, end),
    };
    let mut plain = content.read(depot, start, end).await?;
    // Damage in the first bytes is answered, not sent.
    let first = plain.try_next().await.map_err(DatasetError::from)?;
    let plain = stream::iter(first.map(Ok)).chain(plain);
    // After that it is too late for a status: the connection ends early.
    let plain = plain.inspect_err(|error| {
        let error = hetero2_common::errors::with_causes(error);
        tracing::error!(error, "a download ends early");
    });
    let mut response = (status, AxumBody::from_stream(plain)).into_response();
    let headers = response.headers_mut();
    describe(headers, &content.dataset);
    headers.insert(header::CONTENT_LENGTH, (end - start).into());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{size}", end - 1);
        if let Ok(range) = HeaderValue::from_str(&range) {
            headers.insert(header::CONTENT_RANGE, range);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, parsed) in [
            ("bytes=0-0", Parsed::Range(0, 1)),
            ("bytes=10-", Parsed::Range(10, 100)),
            ("bytes=-10", Parsed::Range(90, 100)),
            ("bytes=-1000", Parsed::Range(0, 100)),
            ("bytes=5-1000", Parsed::Range(5, 100)),
            ("bytes=99-99999999999999999999999999", Parsed::Range(99, 100)),
            ("bytes=100-", Parsed::Unsatisfiable),
            ("bytes=99999999999999999999999999-", Parsed::Unsatisfiable),
            ("bytes=-0", Parsed::Unsatisfiable),
            ("bytes=5-4", Parsed::Ignored),
            ("bytes=0-1,5-6", Parsed::Ignored),
            ("bytes=-", Parsed::Ignored),
            ("bytes=a-b", Parsed::Ignored),
            ("items=0-1", Parsed::Ignored),
        ] {
            assert_eq!(Wanted::parse(text, 100), parsed, "{text}");
        }
        assert_eq!(Wanted::parse("bytes=0-", 0), Parsed::Unsatisfiable);
        assert_eq!(Wanted::parse("bytes=-5", 0), Parsed::Unsatisfiable);
    }

    #[test]
    fn names_cannot_leave_their_header() {
        let text = disposition("a\"b\r\n c/é.smi");
        assert!(text.is_ascii() && !text.contains(['\r', '\n']), "{text}");
        assert!(text.starts_with("attachment; filename=\"a_b___c__.smi\";"), "{text}");
    }
}
