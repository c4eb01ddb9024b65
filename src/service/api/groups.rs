//! Groups over HTTP.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    App, Asked, Body, Caller, Fields, Listing, PageQuery, Problem, Problems, Query, etag, id,
};
use crate::directory::project_member::NewProjectRole;
use crate::directory::{digest, group};
use crate::id::Kind;
use crate::tenancy::Action;
use crate::trail::Entry;
use group::{Group, GroupMember, GroupRole, NewGroup};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, delete))
        .routes(routes!(members))
        .routes(routes!(add, remove))
        .routes(routes!(roles))
        .routes(routes!(map, unmap))
}

/// Groups of the organisation, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/groups", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"), PageQuery),
    responses((status = 200, body = Listing<Group>), Problems))]
async fn list(
    caller: Caller,
    Path(org): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<Group>>, Problem> {
    let mut tx = caller.read(&org, Action::GroupRead).await?;
    let page = query.of(Kind::Group)?;
    let items = group::list(&mut tx, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |group| &group.id)))
}

/// Makes a group.
#[utoipa::path(post, path = "/v1/orgs/{org}/groups", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body(content = NewGroup, example = json!({"name": "Chemists"})),
    responses((status = 201, body = Group), Problems))]
async fn create(
    caller: Caller,
    Path(org): Path<String>,
    body: Body<NewGroup>,
) -> Result<Response, Problem> {
    let tx = caller.write(&org, Action::GroupManage).await?;
    let new = &body.value;
    let mut fields = Fields::default();
    fields.check_name("name", &new.name);
    if let Some(name) = &new.idp_group {
        fields.check_name("idp_group", name);
    }
    fields.finish()?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    let made = group::create(&mut once.tx, new).await?;
    let entry = Entry::on(&made.id).changing(None, digest(&made));
    let location = format!("/v1/orgs/{org}/groups/{}", made.id);
    once.created(entry, Some(location), Some(made.version), &made).await
}

/// One group.
#[utoipa::path(get, path = "/v1/orgs/{org}/groups/{group}", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id")),
    responses((status = 200, body = Group), (status = 304), Problems))]
async fn read(
    caller: Caller,
    Path((org, group)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut tx = caller.read(&org, Action::GroupRead).await?;
    let group = id(Kind::Group, &group, Action::GroupRead)?;
    let found = group::get(&mut tx, &group).await?;
    Ok(etag::versioned(caller.headers(), found.version, &found))
}

/// Deletes a group, and with it the roles that it gave.
#[utoipa::path(delete, path = "/v1/orgs/{org}/groups/{group}", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204), Problems))]
async fn delete(
    caller: Caller,
    Path((org, group)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::GroupManage).await?;
    let group = id(Kind::Group, &group, Action::GroupManage)?;
    let before = group::get(&mut tx, &group).await?;
    let version = caller.expected_version()?;
    group::delete(&mut tx, &group, version).await?;
    tx.commit(Entry::on(&group).changing(digest(&before), None)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Members of a group, newest accounts first.
#[utoipa::path(get, path = "/v1/orgs/{org}/groups/{group}/members", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id"), PageQuery),
    responses((status = 200, body = Listing<GroupMember>), Problems))]
async fn members(
    caller: Caller,
    Path((org, group)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<GroupMember>>, Problem> {
    let mut tx = caller.read(&org, Action::GroupRead).await?;
    let group = id(Kind::Group, &group, Action::GroupRead)?;
    let page = query.of(Kind::Member)?;
    let items = group::members(&mut tx, &group, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |item| &item.member)))
}

/// Puts a member into a group.
#[utoipa::path(put, path = "/v1/orgs/{org}/groups/{group}/members/{member}", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id"),
        ("member" = String, Path, description = "the account's id")),
    responses((status = 204), Problems))]
async fn add(
    caller: Caller,
    Path((org, group, member)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::GroupManage).await?;
    let group = id(Kind::Group, &group, Action::GroupManage)?;
    let member = id(Kind::Member, &member, Action::GroupManage)?;
    group::add(&mut tx, &group, &member).await?;
    tx.commit(Entry::on(&format!("{group}/{member}"))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes a member out of a group.
#[utoipa::path(delete, path = "/v1/orgs/{org}/groups/{group}/members/{member}", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id"),
        ("member" = String, Path, description = "the account's id")),
    responses((status = 204), Problems))]
async fn remove(
    caller: Caller,
    Path((org, group, member)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::GroupManage).await?;
    let group = id(Kind::Group, &group, Action::GroupManage)?;
    let member = id(Kind::Member, &member, Action::GroupManage)?;
    group::remove(&mut tx, &group, &member).await?;
    tx.commit(Entry::on(&format!("{group}/{member}"))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a group's members may do in which projects.
#[utoipa::path(get, path = "/v1/orgs/{org}/groups/{group}/projects", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id"), PageQuery),
    responses((status = 200, body = Listing<GroupRole>), Problems))]
async fn roles(
    caller: Caller,
    Path((org, group)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<GroupRole>>, Problem> {
    let mut tx = caller.read(&org, Action::GroupRead).await?;
    let group = id(Kind::Group, &group, Action::GroupRead)?;
    let page = query.of(Kind::Project)?;
    let items = group::roles(&mut tx, &group, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |item| &item.project)))
}

/// Gives a group's members a role in a project, in place of the one it gave.
#[utoipa::path(put, path = "/v1/orgs/{org}/groups/{group}/projects/{project}", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id"),
        ("project" = String, Path, description = "the project's id")),
    request_body = NewProjectRole, responses((status = 204), Problems))]
async fn map(
    caller: Caller,
    Path((org, group, project)): Path<(String, String, String)>,
    body: Body<NewProjectRole>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::GroupManage).await?;
    let group = id(Kind::Group, &group, Action::GroupManage)?;
    let project = id(Kind::Project, &project, Action::GroupManage)?;
    group::map(&mut tx, &group, &project, body.value.role).await?;
    tx.commit(Entry::on(&group).within(&project)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes a group's role in a project.
#[utoipa::path(delete, path = "/v1/orgs/{org}/groups/{group}/projects/{project}", tag = "groups",
    params(("org" = String, Path, description = "the organisation's id"),
        ("group" = String, Path, description = "the group's id"),
        ("project" = String, Path, description = "the project's id")),
    responses((status = 204), Problems))]
async fn unmap(
    caller: Caller,
    Path((org, group, project)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::GroupManage).await?;
    let group = id(Kind::Group, &group, Action::GroupManage)?;
    let project = id(Kind::Project, &project, Action::GroupManage)?;
    group::unmap(&mut tx, &group, &project).await?;
    tx.commit(Entry::on(&group).within(&project)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
