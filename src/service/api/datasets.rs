//! Datasets over HTTP.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::id;
use super::{App, Asked, Body, Caller, Fields, Listing, PageQuery, Problem, Problems, Query, etag};
use crate::dataset::{self, Dataset, DatasetChange, DatasetError, NewDataset};
use crate::directory::digest;
use crate::id::Kind;
use crate::tenancy::Action;
use crate::trail::Entry;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, delete))
}

/// The datasets of a project, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/datasets", tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"), PageQuery),
    responses((status = 200, body = Listing<Dataset>), Problems))]
async fn list(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<Dataset>>, Problem> {
    let (mut tx, project) = caller.read_in(&org, &project, Action::DatasetRead).await?;
    let page = query.of(Kind::Dataset)?;
    let items = dataset::list(&mut tx, &project, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |dataset| &dataset.id)))
}

/// Makes a dataset of a complete upload.
///
/// Problems of its own: 409 `upload_incomplete`.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/datasets", tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body = NewDataset, responses((status = 201, body = Dataset), Problems))]
async fn create(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    body: Body<NewDataset>,
) -> Result<Response, Problem> {
    let action = Action::DatasetCreate;
    let (tx, project) = caller.write_in(&org, &project, action).await?;
    let new = &body.value;
    let mut fields = Fields::default();
    if let Some(name) = &new.name {
        fields.check_name("name", name);
    }
    fields.check_text("description", &new.description);
    fields.finish()?;
    let upload = id(Kind::Upload, &new.upload, action)?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    let made = dataset::create(&mut once.tx, &project, &upload, new).await?;
    let entry = Entry::on(&made.id).changing(None, digest(&made));
    let location = format!("/v1/orgs/{org}/projects/{project}/datasets/{}", made.id);
    once.created(entry, Some(location), Some(made.version), &made).await
}

/// One dataset.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/datasets/{dataset}",
    tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("dataset" = String, Path, description = "the dataset's id")),
    responses((status = 200, body = Dataset), (status = 304), Problems))]
async fn read(
    caller: Caller,
    Path((org, project, dataset)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::DatasetRead;
    let (mut tx, project) = caller.read_in(&org, &project, action).await?;
    let id = id(Kind::Dataset, &dataset, action)?;
    let found = dataset::get(&mut tx, &project, &id).await?;
    Ok(etag::versioned(caller.headers(), found.version, &found))
}

/// Changes a dataset's name or description.
#[utoipa::path(patch, path = "/v1/orgs/{org}/projects/{project}/datasets/{dataset}",
    tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("dataset" = String, Path, description = "the dataset's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    request_body = DatasetChange, responses((status = 200, body = Dataset), Problems))]
async fn update(
    caller: Caller,
    Path((org, project, dataset)): Path<(String, String, String)>,
    body: Body<DatasetChange>,
) -> Result<Response, Problem> {
    let action = Action::DatasetUpdate;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let id = id(Kind::Dataset, &dataset, action)?;
    let before = dataset::get(&mut tx, &project, &id).await?;
    let version = caller.expected_version()?;
    let mut fields = Fields::default();
    if let Some(name) = &body.value.name {
        fields.check_name("name", name);
    }
    if let Some(description) = &body.value.description {
        fields.check_text("description", description);
    }
    fields.finish()?;
    let after = dataset::update(&mut tx, &project, &before, &body.value, version).await?;
    tx.commit(Entry::on(&id).changing(digest(&before), digest(&after))).await?;
    Ok(etag::versioned(&Default::default(), after.version, &after))
}

/// Puts a dataset in the trash: it is not seen again.
#[utoipa::path(delete, path = "/v1/orgs/{org}/projects/{project}/datasets/{dataset}",
    tag = "datasets",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("dataset" = String, Path, description = "the dataset's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204), Problems))]
async fn delete(
    caller: Caller,
    Path((org, project, dataset)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::DatasetDelete;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let id = id(Kind::Dataset, &dataset, action)?;
    let before = dataset::get(&mut tx, &project, &id).await?;
    let version = caller.expected_version()?;
    dataset::delete(&mut tx, &project, &id, version).await?;
    tx.commit(Entry::on(&id).changing(digest(&before), None)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl From<DatasetError> for Problem {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Absent => Self::not_found(),
            DatasetError::Changed => etag::changed(),
            DatasetError::Incomplete => Self::conflict("upload_incomplete", error.to_string()),
            DatasetError::Lifetime(_) => Self::invalid_field("seconds", error.to_string()),
            DatasetError::Expired => Self::new(StatusCode::GONE, "link_expired", error.to_string()),
            DatasetError::Denied(denied) => denied.into(),
            DatasetError::Upload(error) => error.into(),
            DatasetError::Key(error) => error.into(),
            DatasetError::Object(error) => error.into(),
            DatasetError::Store(error) => error.into(),
        }
    }
}
