//! The audit trail over HTTP.

use axum::Json;
use axum::extract::Path;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Caller, Listing, PageQuery, Problem, Problems, Query};
use crate::id::Kind;
use crate::tenancy::Action;
use crate::trail::list::{AuditEvent, list as events};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who did what, when, to which object; newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/audit", tag = "audit",
    params(("org" = String, Path, description = "the organisation's id"), PageQuery),
    responses((status = 200, body = Listing<AuditEvent>), Problems))]
async fn list(
    caller: Caller,
    Path(org): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<AuditEvent>>, Problem> {
    let mut tx = caller.read(&org, Action::AuditRead).await?;
    let page = query.of(Kind::Event)?;
    let items = events(&mut tx, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |event| &event.id)))
}
