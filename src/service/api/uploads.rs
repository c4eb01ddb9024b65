//! Uploads over HTTP.

use std::time::Duration;

use axum::Json;
use axum::body::Body as AxumBody;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::too_large;
use super::caller::id;
use super::{App, Asked, Body, Caller, Fields, Listing, PageQuery, Problem, Problems, Query, etag};
use crate::id::Kind;
use crate::object::{KeyError, ObjectError};
use crate::quota;
use crate::tenancy::{Action, Door};
use crate::trail::Entry;
use crate::upload::{
    self, BodyError, NewUpload, PART_SIZE, Part, Upload, UploadError, UploadStatus,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, abort))
        .routes(routes!(put_part))
        .routes(routes!(complete))
}

/// How long the next bytes of a part may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The uploads of a project, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/uploads", tag = "uploads",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"), PageQuery),
    responses((status = 200, body = Listing<Upload>), Problems))]
async fn list(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<Upload>>, Problem> {
    let (mut tx, project) = caller.read_in(&org, &project, Action::UploadRead).await?;
    let page = query.of(Kind::Upload)?;
    let items = upload::list(&mut tx, &project, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |upload| &upload.id)))
}

/// Begins an upload: its name, size and SHA-256 are declared, its parts follow.
///
/// Problems of its own: 413 `upload_too_large`; 403 `quota_reached`.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/uploads", tag = "uploads",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body(content = NewUpload, example = json!({"name": "library.smi", "size": 12, "sha256": "51c6d20ef4fd3c8e5b1e1f7b3b0c3f0f7d93a9d3d6e1b9a9ba6f0f7f5a8c5d11"})),
    responses((status = 201, body = Upload), Problems))]
async fn create(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    body: Body<NewUpload>,
) -> Result<Response, Problem> {
    let (tx, project) = caller.write_in(&org, &project, Action::UploadWrite).await?;
    let new = &body.value;
    let mut fields = Fields::default();
    fields.check_name("name", &new.name);
    fields.check_sha256("sha256", &new.sha256);
    fields.finish()?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    quota::check_storage(&mut once.tx, new.size).await?;
    let made = upload::create(&mut once.tx, caller.app().depot(), &project, new).await?;
    let entry = Entry::on(&made.id).changing(None, Some(made.sha256.clone()));
    let location = format!("/v1/orgs/{org}/projects/{project}/uploads/{}", made.id);
    once.created(entry, Some(location), Some(made.version), &made).await
}

/// One upload, and which parts of it are there: those that are not are sent
/// again.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/uploads/{upload}", tag = "uploads",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("upload" = String, Path, description = "the upload's id")),
    responses((status = 200, body = UploadStatus), (status = 304), Problems))]
async fn read(
    caller: Caller,
    Path((org, project, upload)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::UploadRead;
    let (mut tx, project) = caller.read_in(&org, &project, action).await?;
    let id = id(Kind::Upload, &upload, action)?;
    let found = upload::status(&mut tx, &project, &id).await?;
    Ok(etag::versioned(caller.headers(), found.upload.version, &found))
}

/// Gives up an open upload: its parts are removed.
///
/// Problems of its own: 409 `upload_closed`.
#[utoipa::path(delete, path = "/v1/orgs/{org}/projects/{project}/uploads/{upload}",
    tag = "uploads",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("upload" = String, Path, description = "the upload's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204), Problems))]
async fn abort(
    caller: Caller,
    Path((org, project, upload)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::UploadWrite;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let id = id(Kind::Upload, &upload, action)?;
    upload::get(&mut tx, &project, &id).await?;
    let version = caller.expected_version()?;
    let leftovers = upload::abort(&mut tx, &project, &id, version).await?;
    tx.commit(Entry::on(&id)).await?;
    leftovers.remove(caller.app().depot()).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Keeps one part: exactly `part_size` bytes, the last one what is left. Sent
/// again, the same part changes nothing, and another replaces it.
///
/// Problems of its own: 409 `upload_closed`; 422 `part_size`, `digest_mismatch`:
/// nothing was kept.
#[utoipa::path(put, path = "/v1/orgs/{org}/projects/{project}/uploads/{upload}/parts/{number}",
    tag = "uploads",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("upload" = String, Path, description = "the upload's id"),
        ("number" = i64, Path, description = "which part, from 1"),
        ("Content-Digest" = String, Header, description = "the part's SHA-256 (RFC 9530)",
            example = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Part), Problems))]
async fn put_part(
    caller: Caller,
    Path((org, project, upload, number)): Path<(String, String, String, String)>,
    body: AxumBody,
) -> Result<Json<Part>, Problem> {
    let action = Action::UploadWrite;
    let project = caller.project(&org, &project, action)?;
    let id = id(Kind::Upload, &upload, action)?;
    // Who may not learns nothing of what the request lacks.
    let mut tx = caller.door(&project).read(action).await?;
    upload::get(&mut tx, &project, &id).await?;
    drop(tx);
    let number = number.parse().map_err(|_| Problem::invalid_field("number", "a whole number"))?;
    let sha256 = content_digest(caller.headers())?;
    expect_bytes(caller.headers())?;
    let (door, depot) = (caller.door(&project), caller.app().depot());
    Ok(Json(upload::put_part(door, depot, &id, number, &sha256, patient(body)).await?))
}

/// Joins the parts: once their bytes are those that were declared, the upload is
/// complete. Asked again, it answers the same. Joining goes on where the client
/// does not wait for it; the upload's state says when it is done.
///
/// Problems of its own: 409 `parts_missing`, `upload_closed`, `upload_joining`
/// (it is at work, ask for the state); 422 `digest_mismatch`: the parts are still
/// there, and can be replaced.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/uploads/{upload}/complete",
    tag = "uploads",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("upload" = String, Path, description = "the upload's id")),
    responses((status = 200, body = Upload), Problems))]
async fn complete(
    caller: Caller,
    Path((org, project, upload)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::UploadWrite;
    let project = caller.project(&org, &project, action)?;
    let id = id(Kind::Upload, &upload, action)?;
    let (app, principal) = (caller.app().clone(), caller.principal().clone());
    let origin = caller.origin().clone();
    // Goes on where the client gives up: what it asks for then is the status.
    let work = tokio::spawn(async move {
        let door =
            Door { store: app.store(), principal: &principal, origin: &origin, project: &project };
        upload::complete(door, app.depot(), &id).await
    });
    let done = work.await.map_err(|error| {
        tracing::error!(%error, "joining an upload failed");
        Problem::internal()
    })??;
    Ok(etag::versioned(&HeaderMap::new(), done.version, &done))
}

/// The SHA-256 of `Content-Digest`, as hex.
pub(super) fn content_digest(headers: &HeaderMap) -> Result<String, Problem> {
    let values = headers.get_all("content-digest").iter();
    let digest = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|member| member.trim().strip_prefix("sha-256=:")?.strip_suffix(':'))
        .filter_map(|digest| STANDARD.decode(digest).ok())
        .find(|digest| digest.len() == 32);
    let expected = "sha-256=:, the digest in base64, and : (RFC 9530)";
    digest.map(hex::encode).ok_or_else(|| Problem::invalid_field("Content-Digest", expected))
}

pub(super) fn expect_bytes(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    if text(header::CONTENT_TYPE) != Some("application/octet-stream") {
        let detail = "the body must be application/octet-stream";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "unsupported_media_type", detail));
    }
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    match length {
        Some(length) if length > PART_SIZE => Err(too_large(PART_SIZE)),
        _ => Ok(()),
    }
}

/// The bytes of a body, none of which may take long.
pub(super) fn patient(body: AxumBody) -> impl Stream<Item = Result<Bytes, BodyError>> + Unpin {
    let body = body.into_data_stream();
    Box::pin(stream::unfold(Some(body), |body| async {
        let mut body = body?;
        match tokio::time::timeout(PATIENCE, body.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(body))),
            Ok(Some(Err(error))) => Some((Err(BodyError::Broken(error.to_string())), None)),
            Ok(None) => None,
            Err(_) => Some((Err(BodyError::Slow), None)),
        }
    }))
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        let unfit = |code, detail| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        let detail = error.to_string();
        match error {
            UploadError::Absent => Self::not_found(),
            UploadError::Closed => Self::conflict("upload_closed", detail),
            UploadError::Changed => etag::changed(),
            UploadError::TooLarge(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail)
            }
            UploadError::PartNumber(_) => Self::invalid_field("number", detail),
            UploadError::PartSize { .. } => unfit("part_size", detail),
            UploadError::Digest { .. } => unfit("digest_mismatch", detail),
            UploadError::Missing { .. } => Self::conflict("parts_missing", detail),
            UploadError::Joining => Self::conflict("upload_joining", detail).retry_after(2),
            UploadError::Body(BodyError::Slow) => super::body::slow(),
            UploadError::Body(BodyError::Broken(_)) => {
                Self::new(StatusCode::BAD_REQUEST, "body_broken", "the body ended too early")
            }
            UploadError::Randomness(_) => Self::internal(),
            UploadError::Denied(denied) => denied.into(),
            UploadError::Key(error) => error.into(),
            UploadError::Object(error) => error.into(),
            UploadError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        if let KeyError::Store(error) = error {
            return error.into();
        }
        tracing::error!(error = hetero2_common::errors::with_causes(&error), "a key is not had");
        match error {
            KeyError::Unreachable { .. } | KeyError::Refused { .. } => {
                let detail = "the key manager does not answer: try again";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "keys_unavailable", detail).retry_after(5)
            }
            _ => Self::internal(),
        }
    }
}

impl From<ObjectError> for Problem {
    fn from(error: ObjectError) -> Self {
        let causes = hetero2_common::errors::with_causes(&error);
        if error.is_tampering() {
            tracing::error!(error = causes, "stored bytes are not what was stored");
            let detail = "the stored bytes are not those that were stored: tell the operator";
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "data_damaged", detail);
        }
        tracing::error!(error = causes, "the store of objects failed");
        let detail = "the store of objects does not answer: try again";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "storage_unavailable", detail).retry_after(5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_headers() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-digest", text.parse().unwrap());
            content_digest(&headers).ok()
        };
        let empty = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(of(empty).as_deref(), Some(hex));
        assert_eq!(of(&format!("sha-512=:AAAA:, {empty}")).as_deref(), Some(hex));
        for wrong in ["", "sha-256=", "sha-256=:AAAA:", "md5=:AAAA:", hex] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
