//! Runs over HTTP.

use axum::Json;
use axum::extract::Path;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Caller, Listing, PageQuery, Problem, Problems, Query, id};
use crate::id::Kind;
use crate::run::{self, Run};
use crate::tenancy::Action;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// Runs of a project, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/runs", tag = "runs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"), PageQuery),
    responses((status = 200, body = Listing<Run>), Problems))]
async fn list(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<Run>>, Problem> {
    let (mut tx, project) = caller.read_in(&org, &project, Action::RunRead).await?;
    let page = query.of(Kind::Run)?;
    let items = run::list(&mut tx, &project, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |run| &run.id)))
}

/// One run.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/runs/{run}", tag = "runs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("run" = String, Path, description = "the run's id")),
    responses((status = 200, body = Run), Problems))]
async fn read(
    caller: Caller,
    Path((org, project, run)): Path<(String, String, String)>,
) -> Result<Json<Run>, Problem> {
    let (mut tx, project) = caller.read_in(&org, &project, Action::RunRead).await?;
    let run = id(Kind::Run, &run, Action::RunRead)?;
    let found = run::get(&mut tx, &project, &run).await?;
    found.map(Json).ok_or_else(Problem::not_found)
}
