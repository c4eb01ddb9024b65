//! What a job can compute, over HTTP.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Caller, Problem, Problems};
use crate::job::catalogue::KindDescription;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Everything that a job can compute.
#[derive(Serialize, ToSchema)]
struct Kinds {
    /// The kinds.
    items: Vec<KindDescription>,
}

/// The kinds of jobs with their inputs and options.
#[utoipa::path(get, path = "/v1/kinds", tag = "jobs",
    responses((status = 200, body = Kinds), Problems))]
async fn list(State(app): State<App>, _caller: Caller) -> Result<Json<Kinds>, Problem> {
    let catalogue = app.settings().catalogue.as_ref();
    let items = catalogue.map(|catalogue| catalogue.kinds.clone()).unwrap_or_default();
    Ok(Json(Kinds { items }))
}
