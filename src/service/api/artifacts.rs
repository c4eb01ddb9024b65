//! What runs made, over HTTP.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::id;
use super::content::{Wanted, give};
use super::{App, Caller, Problem, Problems};
use crate::dataset;
use crate::id::Kind;
use crate::job::artifact::{self, Artifact};
use crate::tenancy::Action;
use crate::trail::Entry;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// Everything that a run made.
#[derive(Serialize, ToSchema)]
struct Artifacts {
    /// The files.
    items: Vec<Artifact>,
}

/// What a run made, once it ended.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/runs/{run}/artifacts", tag = "runs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("run" = String, Path, description = "the run's id")),
    responses((status = 200, body = Artifacts), Problems))]
async fn list(
    caller: Caller,
    Path((org, project, run)): Path<(String, String, String)>,
) -> Result<Json<Artifacts>, Problem> {
    let action = Action::RunRead;
    let (mut tx, project) = caller.read_in(&org, &project, action).await?;
    let run = id(Kind::Run, &run, action)?;
    crate::run::get(&mut tx, &project, &run).await?.ok_or_else(Problem::not_found)?;
    let items = artifact::list(&mut tx, &run).await?;
    Ok(Json(Artifacts { items }))
}

/// Pages of a report are shown, apart from everything of this server; other
/// files are saved.
const REPORT: &str = "report.html";

/// A report brings its own styles and pictures. It loads nothing, runs nothing,
/// and is of no origin.
const REPORT_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The bytes of a file that a run made; ranges as of datasets. `report.html` is
/// a page in a sandbox, every other file a download.
#[utoipa::path(get,
    path = "/v1/orgs/{org}/projects/{project}/runs/{run}/artifacts/{name}/content", tag = "runs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("run" = String, Path, description = "the run's id"),
        ("name" = String, Path, description = "the file's name", example = "pack.zip"),
        ("Range" = Option<String>, Header, description = "the bytes that are wanted"),
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
    Path((org, project, run, name)): Path<(String, String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::ArtifactRead;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let run = id(Kind::Run, &run, action)?;
    let blob = artifact::blob(&mut tx, &project, &run, &name).await?;
    let blob = blob.ok_or_else(|| Problem::not_found().refusing(action.code()))?;
    let depot = caller.app().depot();
    let content = dataset::content_of_blob(&mut tx, depot, (&run, &name), &blob).await?;
    let wanted = match Wanted::of(caller.headers(), &content.dataset) {
        Ok(wanted) => wanted,
        // Nothing is read.
        Err(answer) => return Ok(*answer),
    };
    tx.commit(Entry::on(&format!("{run} {name}"))).await?;
    let mut response = give(depot, &content, wanted).await?;
    if name == REPORT {
        let headers = response.headers_mut();
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, html);
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
        let policy = HeaderValue::from_static(REPORT_POLICY);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}
