//! Bearer tokens over HTTP.

use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Asked, Body, Caller, Fields, Listing, PageQuery, Problem, Problems, Query, id};
use crate::auth::session::Whose;
use crate::auth::token::{self, NewToken, Token};
use crate::directory::digest;
use crate::id::{Id, Kind};
use crate::tenancy::{Action, Scope};
use crate::time::Instant;
use crate::trail::Entry;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, revoke))
}

/// How long a token lives whose maker does not say.
const USUAL: Duration = Duration::from_secs(90 * 24 * 3600);

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// What to call it.
    #[schema(example = "nightly run", min_length = 1, max_length = 100)]
    name: String,
    /// What it may be used for at most; no more than the token that makes it.
    scope: Scope,
    /// The one project that it is for; for the whole organisation unless given.
    #[schema(example = "prj_01jdq0v8w3e8tav4k1m2n3p4q5")]
    project: Option<String>,
    /// The account that it acts for: one's own unless given; an administrator
    /// names a service account.
    #[schema(example = "mem_01jdq0v8w3e8tav4k1m2n3p4q5")]
    member: Option<String>,
    /// When it ends, at most 365 days away; in 90 days unless given.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A token with its text, which is shown once.
#[derive(Serialize, ToSchema)]
struct TokenMade {
    /// The token.
    token: Token,
    /// What goes behind `Authorization: Bearer`.
    secret: String,
}

/// Tokens, newest first: one's own; everybody's for whoever may read accounts.
#[utoipa::path(get, path = "/v1/orgs/{org}/tokens", tag = "tokens",
    params(("org" = String, Path, description = "the organisation's id"), PageQuery),
    responses((status = 200, body = Listing<Token>), Problems))]
async fn list(
    caller: Caller,
    Path(org): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<Token>>, Problem> {
    let mut tx = caller.read(&org, Action::TokenRead).await?;
    let page = query.of(Kind::Token)?;
    let items = token::list(&mut tx, Whose::Everybody, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |token| &token.id)))
}

/// Makes a token. Its text is in this answer alone: the same
/// `Idempotency-Key` again is answered with 409 `secret_shown_before`.
#[utoipa::path(post, path = "/v1/orgs/{org}/tokens", tag = "tokens",
    params(("org" = String, Path, description = "the organisation's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body(content = TokenRequest, example = json!({"name": "nightly run", "scope": "write"})),
    responses((status = 201, body = TokenMade), Problems))]
async fn create(
    caller: Caller,
    Path(org): Path<String>,
    body: Body<TokenRequest>,
) -> Result<Response, Problem> {
    let tx = caller.write(&org, Action::TokenCreate).await?;
    let new = asked(&caller, &body.value)?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    let (token, secret) = token::create(&mut once.tx, new).await?;
    let entry = Entry::on(&token.id).changing(None, digest(&token));
    once.created_secret(entry, &TokenMade { token, secret: secret.to_string() }).await
}

/// The fields as values.
fn asked(caller: &Caller, request: &TokenRequest) -> Result<NewToken, Problem> {
    let mut fields = Fields::default();
    let member = match &request.member {
        Some(text) => Id::parse(Kind::Member, text),
        None => caller.principal().member.clone(),
    };
    let project = request.project.as_deref().map(|text| Id::parse(Kind::Project, text));
    let expires_at = match &request.expires_at {
        Some(text) => Instant::parse(text),
        None => Some(Instant::now().plus(USUAL)),
    };
    fields.check("member", member.is_some(), "the id of an account");
    fields.check("project", project != Some(None), "the id of a project");
    fields.check("expires_at", expires_at.is_some(), "an instant: 2027-01-31T12:00:00Z");
    fields.finish()?;
    Ok(NewToken {
        member: member.ok_or_else(Problem::internal)?,
        name: request.name.clone(),
        scope: request.scope,
        project: project.flatten(),
        expires_at: expires_at.ok_or_else(Problem::internal)?,
    })
}

/// One token.
#[utoipa::path(get, path = "/v1/orgs/{org}/tokens/{token}", tag = "tokens",
    params(("org" = String, Path, description = "the organisation's id"),
        ("token" = String, Path, description = "the token's id")),
    responses((status = 200, body = Token), Problems))]
async fn read(
    caller: Caller,
    Path((org, token)): Path<(String, String)>,
) -> Result<Json<Token>, Problem> {
    let mut tx = caller.read(&org, Action::TokenRead).await?;
    let token = id(Kind::Token, &token, Action::TokenRead)?;
    Ok(Json(token::get(&mut tx, &token).await?))
}

/// Revokes a token: one's own, or anybody's by an administrator. It has no
/// version, so no `If-Match` is needed.
#[utoipa::path(delete, path = "/v1/orgs/{org}/tokens/{token}", tag = "tokens",
    params(("org" = String, Path, description = "the organisation's id"),
        ("token" = String, Path, description = "the token's id")),
    responses((status = 204), Problems))]
async fn revoke(
    caller: Caller,
    Path((org, token)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.write(&org, Action::TokenRevoke).await?;
    let token = id(Kind::Token, &token, Action::TokenRevoke)?;
    token::revoke(&mut tx, &token).await?;
    tx.commit(Entry::on(&token)).await?;
    Ok(StatusCode::NO_CONTENT)
}
