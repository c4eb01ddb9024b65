//! Projects over HTTP.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Asked, Body, Caller, Fields, Listing, PageQuery, Problem, Problems, Query, etag};
use crate::directory::{digest, project};
use crate::id::Kind;
use crate::tenancy::Action;
use crate::trail::Entry;
use project::{NewProject, Project, ProjectChange};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, delete))
}

/// The projects that the caller sees, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects", tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"), PageQuery),
    responses((status = 200, body = Listing<Project>), Problems))]
async fn list(
    caller: Caller,
    Path(org): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Listing<Project>>, Problem> {
    // Which projects are seen is decided for each.
    let mut tx = caller.read(&org, Action::OrgRead).await?;
    let page = query.of(Kind::Project)?;
    let items = project::list(&mut tx, page.bound(), page.fetched()).await?;
    Ok(axum::Json(page.listing(items, |project| &project.id)))
}

/// Makes a project, whose administrator the caller is.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects", tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body(content = NewProject, example = json!({"slug": "factor-xa", "name": "Factor Xa", "description": "Screening of 2026"})),
    responses((status = 201, body = Project), Problems))]
async fn create(
    caller: Caller,
    Path(org): Path<String>,
    body: Body<NewProject>,
) -> Result<Response, Problem> {
    let tx = caller.write(&org, Action::ProjectCreate).await?;
    let new = &body.value;
    let mut fields = Fields::default();
    fields.check_slug("slug", &new.slug);
    fields.check_name("name", &new.name);
    fields.check_text("description", &new.description);
    fields.finish()?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    let made = project::create(&mut once.tx, new).await?;
    let entry = Entry::on(&made.id).within(&made.id).changing(None, digest(&made));
    let location = format!("/v1/orgs/{org}/projects/{}", made.id);
    once.created(entry, Some(location), Some(made.version), &made).await
}

/// One project.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}", tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id")),
    responses((status = 200, body = Project), (status = 304), Problems))]
async fn read(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (mut tx, id) = caller.read_in(&org, &project, Action::ProjectRead).await?;
    let found = project::get(&mut tx, &id).await?;
    Ok(etag::versioned(caller.headers(), found.version, &found))
}

/// Changes a project's name or description.
#[utoipa::path(patch, path = "/v1/orgs/{org}/projects/{project}", tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    request_body = ProjectChange, responses((status = 200, body = Project), Problems))]
async fn update(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    body: Body<ProjectChange>,
) -> Result<Response, Problem> {
    let (mut tx, id) = caller.write_in(&org, &project, Action::ProjectUpdate).await?;
    let version = caller.expected_version()?;
    let mut fields = Fields::default();
    if let Some(name) = &body.value.name {
        fields.check_name("name", name);
    }
    if let Some(description) = &body.value.description {
        fields.check_text("description", description);
    }
    fields.finish()?;
    let (before, after) = project::update(&mut tx, &id, &body.value, version).await?;
    tx.commit(Entry::on(&id).changing(digest(&before), digest(&after))).await?;
    Ok(etag::versioned(&Default::default(), after.version, &after))
}

/// Deletes a project: nothing in it is seen again.
#[utoipa::path(delete, path = "/v1/orgs/{org}/projects/{project}", tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204), Problems))]
async fn delete(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (mut tx, id) = caller.write_in(&org, &project, Action::ProjectDelete).await?;
    let version = caller.expected_version()?;
    let before = project::delete(&mut tx, &id, version).await?;
    tx.commit(Entry::on(&id).changing(digest(&before), None)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
