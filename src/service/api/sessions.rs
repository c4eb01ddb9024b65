//! Logins over HTTP, and what an administrator resets of an account.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Body, Caller, Listing, PageQuery, Problem, Problems, Query, id};
use crate::auth::credential;
use crate::auth::password::Password;
use crate::auth::session::{self, Session, Whose};
use crate::directory::member;
use crate::id::Kind;
use crate::tenancy::Action;
use crate::trail::Entry;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(end))
        .routes(routes!(end_all))
        .routes(routes!(reset_password))
        .routes(routes!(reset_totp))
}

/// Live logins, newest first: one's own; everybody's for whoever may read
/// accounts.
#[utoipa::path(get, path = "/v1/orgs/{org}/sessions", tag = "accounts",
    params(("org" = String, Path, description = "the organisation's id"), PageQuery),
    responses((status = 200, body = Listing<Session>), Problems))]
async fn list(
    caller: Caller,
    Path(org): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing<Session>>, Problem> {
    let mut tx = caller.read(&org, Action::SessionRead).await?;
    let page = query.of(Kind::Session)?;
    let policy = &caller.app().settings().sessions;
    let (before, limit) = (page.bound(), page.fetched());
    let items = session::list(&mut tx, Whose::Everybody, policy, before, limit).await?;
    Ok(Json(page.listing(items, |session| &session.id)))
}

/// Ends a login: one's own, or anybody's by an administrator. It has no
/// version, so no `If-Match` is needed.
#[utoipa::path(delete, path = "/v1/orgs/{org}/sessions/{session}", tag = "accounts",
    params(("org" = String, Path, description = "the organisation's id"),
        ("session" = String, Path, description = "the login's id")),
    responses((status = 204), Problems))]
async fn end(
    caller: Caller,
    Path((org, session)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.write(&org, Action::SessionEnd).await?;
    let session = id(Kind::Session, &session, Action::SessionEnd)?;
    session::end(&mut tx, &session).await?;
    tx.commit(Entry::on(&session)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends every login of an account, by an administrator.
#[utoipa::path(delete, path = "/v1/orgs/{org}/members/{member}/sessions", tag = "accounts",
    params(("org" = String, Path, description = "the organisation's id"),
        ("member" = String, Path, description = "the account's id")),
    responses((status = 204), Problems))]
async fn end_all(
    caller: Caller,
    Path((org, member)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.write(&org, Action::MemberUpdate).await?;
    let member = id(Kind::Member, &member, Action::MemberUpdate)?;
    member::get(&mut tx, &member).await?;
    session::end_all(&mut tx, &member, None).await?;
    tx.commit(Entry::on(&member)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A password that an administrator gives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordReset {
    /// The password: 12 characters at least, 1,024 bytes at most, not the login.
    password: Password,
}

/// Gives an account a password, unlocks it and ends its logins, by an
/// administrator; an owner's by an owner.
#[utoipa::path(put, path = "/v1/orgs/{org}/members/{member}/password", tag = "accounts",
    params(("org" = String, Path, description = "the organisation's id"),
        ("member" = String, Path, description = "the account's id")),
    request_body = PasswordReset, responses((status = 204), Problems))]
async fn reset_password(
    caller: Caller,
    Path((org, member)): Path<(String, String)>,
    body: Body<PasswordReset>,
) -> Result<StatusCode, Problem> {
    let action = Action::MemberUpdate;
    let mut tx = caller.read(&org, action).await?;
    let member = id(Kind::Member, &member, action)?;
    credential::check_reset(&mut tx, &member, &body.value.password).await?;
    // No transaction waits for the hash.
    drop(tx);
    let hashed = caller.app().passwords().hash(body.value.password).await;
    let hash = hashed.map_err(crate::auth::AuthError::from)?;
    let mut tx = caller.write(&org, action).await?;
    credential::reset_password(&mut tx, &member, &hash).await?;
    tx.commit(Entry::on(&member)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the second factor of an account and ends its logins, by an
/// administrator; an owner's by an owner.
#[utoipa::path(delete, path = "/v1/orgs/{org}/members/{member}/totp", tag = "accounts",
    params(("org" = String, Path, description = "the organisation's id"),
        ("member" = String, Path, description = "the account's id")),
    responses((status = 204), Problems))]
async fn reset_totp(
    caller: Caller,
    Path((org, member)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.write(&org, Action::MemberUpdate).await?;
    let member = id(Kind::Member, &member, Action::MemberUpdate)?;
    credential::reset_totp(&mut tx, &member).await?;
    tx.commit(Entry::on(&member)).await?;
    Ok(StatusCode::NO_CONTENT)
}
