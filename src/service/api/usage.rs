//! What the organisation may use and used, over HTTP.

use axum::Json;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Caller, Listing, PageQuery, Problem, Problems, Query};
use crate::id::Kind;
use crate::quota::month::Month;
use crate::quota::statement::{self, MonthlyStatement};
use crate::quota::usage::{self, UsageEvent};
use crate::quota::{self, QuotaError, Standing};
use crate::tenancy::Action;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(quotas)).routes(routes!(list)).routes(routes!(statement))
}

/// What the organisation may use, and uses.
#[utoipa::path(get, path = "/v1/orgs/{org}/quotas", tag = "usage",
    params(("org" = String, Path, description = "the organisation's id")),
    responses((status = 200, body = Standing), Problems))]
async fn quotas(caller: Caller, Path(org): Path<String>) -> Result<Json<Standing>, Problem> {
    let mut tx = caller.read(&org, Action::QuotaRead).await?;
    Ok(Json(quota::standing(&mut tx).await?))
}

/// What each attempt used, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/usage", tag = "usage",
    params(("org" = String, Path, description = "the organisation's id"), PageQuery),
    responses((status = 200, body = Listing<UsageEvent>), Problems))]
async fn list(
    caller: Caller,
    Path(org): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<UsageEvent>>, Problem> {
    let mut tx = caller.read(&org, Action::UsageRead).await?;
    let page = query.of(Kind::Usage)?;
    let items = usage::list(&mut tx, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |event| &event.id)))
}

/// How a statement is wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// A document.
    #[default]
    Json,
    /// Its lines as a table.
    Csv,
}

/// How a statement is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FormQuery {
    /// `json` unless given.
    #[serde(default)]
    #[param(inline)]
    format: Form,
}

/// What was used in a month (UTC), by project, kind and outcome. The statement
/// of a month that has ended is final an hour after.
#[utoipa::path(get, path = "/v1/orgs/{org}/statements/{month}", tag = "usage",
    params(("org" = String, Path, description = "the organisation's id"),
        ("month" = String, Path, description = "as in 2026-12"), FormQuery),
    responses((status = 200, content((MonthlyStatement = "application/json"),
        (String = "text/csv"))), Problems))]
async fn statement(
    caller: Caller,
    Path((org, month)): Path<(String, String)>,
    Query(query): Query<FormQuery>,
) -> Result<Response, Problem> {
    let mut tx = caller.read(&org, Action::UsageRead).await?;
    let month = Month::parse(&month).ok_or_else(Problem::not_found)?;
    let document = statement::document(&mut tx, month).await?;
    Ok(match query.format {
        Form::Json => ([(header::CONTENT_TYPE, "application/json")], document).into_response(),
        Form::Csv => {
            let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
            (kind, statement::csv(&document)).into_response()
        }
    })
}

impl From<QuotaError> for Problem {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Reached { .. } => {
                let status = axum::http::StatusCode::FORBIDDEN;
                Self::new(status, "quota_reached", error.to_string())
            }
            QuotaError::Store(error) => error.into(),
        }
    }
}
