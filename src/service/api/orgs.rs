//! The organisation over HTTP.

use axum::extract::Path;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Body, Caller, Fields, Problem, Problems, etag};
use crate::directory::{digest, org};
use crate::tenancy::Action;
use crate::trail::Entry;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read, update))
}

/// The organisation.
#[utoipa::path(get, path = "/v1/orgs/{org}", tag = "organisation",
    params(("org" = String, Path, description = "the organisation's id")),
    responses((status = 200, body = org::Org), (status = 304), Problems))]
async fn read(caller: Caller, Path(org): Path<String>) -> Result<Response, Problem> {
    let mut tx = caller.read(&org, Action::OrgRead).await?;
    let found = org::get(&mut tx).await?;
    Ok(etag::versioned(caller.headers(), found.version, &found))
}

/// A change of the organisation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrgChange {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// Renames the organisation.
#[utoipa::path(patch, path = "/v1/orgs/{org}", tag = "organisation",
    params(("org" = String, Path, description = "the organisation's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    request_body = OrgChange, responses((status = 200, body = org::Org), Problems))]
async fn update(
    caller: Caller,
    Path(org): Path<String>,
    body: Body<OrgChange>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::OrgUpdate).await?;
    let version = caller.expected_version()?;
    let mut fields = Fields::default();
    fields.check_name("name", &body.value.name);
    fields.finish()?;
    let before = org::get(&mut tx).await?;
    let after = org::rename(&mut tx, &body.value.name, version).await?;
    tx.commit(Entry::on(&after.id).changing(digest(&before), digest(&after))).await?;
    Ok(etag::versioned(&Default::default(), after.version, &after))
}
