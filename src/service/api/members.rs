//! Accounts over HTTP.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    App, Asked, Body, Caller, Fields, Listing, PageQuery, Problem, Problems, Query, etag, id,
};
use crate::directory::{digest, member};
use crate::id::Kind;
use crate::tenancy::Action;
use crate::trail::Entry;
use member::{Member, MemberChange, NewMember};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, delete))
}

/// Accounts of the organisation, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/members", tag = "members",
    params(("org" = String, Path, description = "the organisation's id"), PageQuery),
    responses((status = 200, body = Listing<Member>), Problems))]
async fn list(
    caller: Caller,
    Path(org): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Listing<Member>>, Problem> {
    let mut tx = caller.read(&org, Action::MemberRead).await?;
    let page = query.of(Kind::Member)?;
    let items = member::list(&mut tx, page.bound(), page.fetched()).await?;
    Ok(axum::Json(page.listing(items, |member| &member.id)))
}

/// Makes an account. A person logs in once an administrator or an identity
/// provider lets them; a service account has tokens only.
#[utoipa::path(post, path = "/v1/orgs/{org}/members", tag = "members",
    params(("org" = String, Path, description = "the organisation's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body(content = NewMember, example = json!({"kind": "service", "login": "robot", "name": "Robot", "role": "member"})),
    responses((status = 201, body = Member), Problems))]
async fn create(
    caller: Caller,
    Path(org): Path<String>,
    body: Body<NewMember>,
) -> Result<Response, Problem> {
    let tx = caller.write(&org, Action::MemberCreate).await?;
    let new = &body.value;
    let mut fields = Fields::default();
    let login = "1 to 100 characters of a-z, 0-9 and . _ @ + -";
    fields.check("login", member::is_login(&new.login), login);
    fields.check_name("name", &new.name);
    fields.finish()?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    let made = member::create(&mut once.tx, new).await?;
    let entry = Entry::on(&made.id).changing(None, digest(&made));
    let location = format!("/v1/orgs/{org}/members/{}", made.id);
    once.created(entry, Some(location), Some(made.version), &made).await
}

/// One account.
#[utoipa::path(get, path = "/v1/orgs/{org}/members/{member}", tag = "members",
    params(("org" = String, Path, description = "the organisation's id"),
        ("member" = String, Path, description = "the account's id")),
    responses((status = 200, body = Member), (status = 304), Problems))]
async fn read(
    caller: Caller,
    Path((org, member)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut tx = caller.read(&org, Action::MemberRead).await?;
    let member = id(Kind::Member, &member, Action::MemberRead)?;
    let found = member::get(&mut tx, &member).await?;
    Ok(etag::versioned(caller.headers(), found.version, &found))
}

/// Changes an account: its name, its role, or whether it is shut out.
#[utoipa::path(patch, path = "/v1/orgs/{org}/members/{member}", tag = "members",
    params(("org" = String, Path, description = "the organisation's id"),
        ("member" = String, Path, description = "the account's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    request_body = MemberChange, responses((status = 200, body = Member), Problems))]
async fn update(
    caller: Caller,
    Path((org, member)): Path<(String, String)>,
    body: Body<MemberChange>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::MemberUpdate).await?;
    let member = id(Kind::Member, &member, Action::MemberUpdate)?;
    let before = member::get(&mut tx, &member).await?;
    let version = caller.expected_version()?;
    let mut fields = Fields::default();
    if let Some(name) = &body.value.name {
        fields.check_name("name", name);
    }
    fields.finish()?;
    let after = member::update(&mut tx, &before, &body.value, version).await?;
    tx.commit(Entry::on(&member).changing(digest(&before), digest(&after))).await?;
    Ok(etag::versioned(&Default::default(), after.version, &after))
}

/// Deletes an account; what it made stays.
#[utoipa::path(delete, path = "/v1/orgs/{org}/members/{member}", tag = "members",
    params(("org" = String, Path, description = "the organisation's id"),
        ("member" = String, Path, description = "the account's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204), Problems))]
async fn delete(
    caller: Caller,
    Path((org, member)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut tx = caller.write(&org, Action::MemberDelete).await?;
    let member = id(Kind::Member, &member, Action::MemberDelete)?;
    let before = member::get(&mut tx, &member).await?;
    let version = caller.expected_version()?;
    member::delete(&mut tx, &before, version).await?;
    tx.commit(Entry::on(&member).changing(digest(&before), None)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
