//! Who works in a project, over HTTP.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Body, Caller, Listing, PageQuery, Problem, Problems, Query, id};
use crate::directory::{digest, project_member};
use crate::id::Kind;
use crate::tenancy::Action;
use crate::trail::Entry;
use project_member::{NewProjectRole, ProjectMember};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(put, delete))
}

/// Members of a project by hand; groups give roles besides.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/members", tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"), PageQuery),
    responses((status = 200, body = Listing<ProjectMember>), Problems))]
async fn list(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<ProjectMember>>, Problem> {
    let (mut tx, project) = caller.read_in(&org, &project, Action::ProjectMemberRead).await?;
    let page = query.of(Kind::Member)?;
    let items = project_member::list(&mut tx, &project, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |item| &item.member)))
}

/// Gives a member a role in a project, in place of the one it has.
#[utoipa::path(put, path = "/v1/orgs/{org}/projects/{project}/members/{member}", tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("member" = String, Path, description = "the account's id")),
    request_body = NewProjectRole, responses((status = 200, body = ProjectMember), Problems))]
async fn put(
    caller: Caller,
    Path((org, project, member)): Path<(String, String, String)>,
    body: Body<NewProjectRole>,
) -> Result<Json<ProjectMember>, Problem> {
    let action = Action::ProjectMemberManage;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let member = id(Kind::Member, &member, action)?;
    let (before, after) = project_member::put(&mut tx, &project, &member, body.value.role).await?;
    let before = before.as_ref().and_then(digest);
    tx.commit(Entry::on(&member).changing(before, digest(&after))).await?;
    Ok(Json(after))
}

/// Takes the role that a member has by hand.
#[utoipa::path(delete, path = "/v1/orgs/{org}/projects/{project}/members/{member}",
    tag = "projects",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("member" = String, Path, description = "the account's id")),
    responses((status = 204), Problems))]
async fn delete(
    caller: Caller,
    Path((org, project, member)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::ProjectMemberManage;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let member = id(Kind::Member, &member, action)?;
    project_member::delete(&mut tx, &project, &member).await?;
    tx.commit(Entry::on(&member)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
