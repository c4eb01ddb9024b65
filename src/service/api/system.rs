//! Whether the server is well, and what it offers.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router, routing};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Problem, ProblemDocument, Problems};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// The route of the OpenAPI document itself.
pub(super) fn document(text: String) -> Router<App> {
    let answer = move || {
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let text = text.clone();
        async move { (kind, text).into_response() }
    };
    Router::new().route("/openapi.json", routing::get(answer))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "system", security(()),
    responses((status = 200, body = Health), Problems))]
async fn healthz() -> Json<Health> {
    OK
}

/// Whether the database answers too.
#[utoipa::path(get, path = "/readyz", tag = "system", security(()),
    responses((status = 200, body = Health), (status = 503, body = ProblemDocument,
        content_type = "application/problem+json", description = "`not_ready`"), Problems))]
async fn readyz(State(app): State<App>) -> Result<Response, Problem> {
    app.store().ping().await.map_err(|_| {
        let detail = "the database does not answer";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail).retry_after(5)
    })?;
    Ok(OK.into_response())
}
