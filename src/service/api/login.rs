//! Logging in and out, and what an account is and may change of itself, over
//! HTTP.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::is_same_origin;
use super::{App, Body, Caller, Problem, Problems, SESSION_COOKIE};
use crate::auth::AuthError;
use crate::auth::credential::factors;
use crate::auth::login::{Gate, Proof};
use crate::auth::password::Password;
use crate::auth::session::{self, Session};
use crate::directory::member::{self, Member};
use crate::directory::org::{self, Org};
use crate::id::Id;
use crate::tenancy::{Action, Origin, Scope, Via};
use crate::trail::Entry;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(enrol, remove_totp))
        .routes(routes!(confirm_totp))
}

impl App {
    /// What judges logins.
    pub(super) fn gate<'a>(&'a self, origin: &'a Origin) -> Gate<'a> {
        Gate {
            store: self.store(),
            keys: &self.depot().keys,
            passwords: self.passwords(),
            policy: &self.settings().sessions,
            origin,
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Denied(denied) => denied.into(),
            AuthError::Store(error) => error.into(),
            AuthError::Field { field, problem } => Self::invalid_field(field, problem),
            AuthError::Refused => {
                Self::new(StatusCode::UNAUTHORIZED, "login_refused", error.to_string())
            }
            AuthError::Password(crate::auth::password::PasswordError::Busy) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "busy", error.to_string()).retry_after(2)
            }
            AuthError::Random(_) | AuthError::Key(_) | AuthError::Password(_) => {
                let error = hetero2_common::errors::with_causes(&error);
                tracing::error!(error, "an account's credential could not be handled");
                Self::internal()
            }
        }
    }
}

/// A cookie that scripts do not read and other sites do not send: to `path` and
/// what is below, for `seconds`; 0 removes it. For TLS only where browsers reach
/// the server by TLS.
pub(super) fn cookie(
    app: &App,
    name: &str,
    path: &str,
    value: &str,
    seconds: u64,
) -> Result<HeaderValue, Problem> {
    let is_public_tls = app.providers().public_url().is_some_and(|url| url.scheme() == "https");
    let secure = if app.settings().is_tls || is_public_tls { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&text).map_err(|_| Problem::internal())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The cookie of a login: `value` for as long as one lives, or none any more.
pub(super) fn session_cookie(app: &App, value: Option<&str>) -> Result<HeaderValue, Problem> {
    let seconds = value.map_or(0, |_| app.settings().sessions.absolute.as_secs());
    cookie(app, SESSION_COOKIE, "/", value.unwrap_or_default(), seconds)
}

/// A browser says where a request came from; other programs do not.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Problem> {
    let is_browser = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    match is_browser && !is_same_origin(headers) {
        true => {
            let detail = "a login is made from a page of this server";
            Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail))
        }
        false => Ok(()),
    }
}

/// What a login takes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    /// The organisation's name in addresses.
    #[schema(example = "acme")]
    org: String,
    /// The account's login.
    #[schema(example = "ada@example.org")]
    login: String,
    /// Its password.
    password: Password,
    /// The code of its authenticator, where it has a second factor.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// A login that was made; its secret is in the cookie.
#[derive(Serialize, ToSchema)]
struct LoginAnswer {
    /// The organisation.
    #[schema(value_type = String, example = "org_01jdq0v8w3e8tav4k1m2n3p4q5")]
    org: Id,
    /// The login.
    session: Session,
}

/// Logs in by password, and code where the account has a second factor. The
/// answer sets the cookie `hetero2_session`.
///
/// Problems of its own: 401 `login_refused`, the same whatever is wrong, also
/// for an account that is locked: every fifth failure locks for 15 minutes or
/// longer.
#[utoipa::path(post, path = "/v1/login", tag = "accounts", security(()),
    request_body = LoginRequest,
    responses((status = 200, body = LoginAnswer,
        headers(("Set-Cookie" = String, description = "the login"))), Problems))]
async fn login(
    State(app): State<App>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    body: Body<LoginRequest>,
) -> Result<Response, Problem> {
    refuse_other_sites(&headers)?;
    let LoginRequest { org, login, password, code } = body.value;
    let made = app.gate(&origin).login(&org, &login, Proof { password, code }).await?;
    let cookie = session_cookie(&app, Some(&made.cookie))?;
    let answer = LoginAnswer { org: made.org, session: made.session };
    Ok(([(header::SET_COOKIE, cookie)], Json(answer)).into_response())
}

/// What is left to do after a logout.
#[derive(Serialize, ToSchema)]
struct LogoutAnswer {
    /// Where the browser goes to log out at the identity provider too, if the
    /// login came from one that offers it.
    end_session_url: Option<String>,
}

/// Logs out. A token is refused with 409 `no_login`: it is revoked instead.
#[utoipa::path(post, path = "/v1/logout", tag = "accounts",
    responses((status = 200, body = LogoutAnswer), Problems))]
async fn logout(caller: Caller) -> Result<Response, Problem> {
    let app = caller.app();
    let Via::Session { id } = &caller.principal().via else {
        return Err(Problem::conflict("no_login", "a token is revoked, not logged out"));
    };
    let mut tx = caller.write_own(Action::SessionEnd).await?;
    let came_from = session::came_from(&mut tx, id).await?;
    session::end(&mut tx, id).await?;
    tx.commit(Entry::on(id)).await?;
    let end_session_url = app.providers().end_session_url(&came_from).await;
    let end_session_url = end_session_url.map(String::from);
    let cookie = session_cookie(app, None)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(LogoutAnswer { end_session_url })).into_response())
}

/// The account that asks, and by what.
#[derive(Serialize, ToSchema)]
struct Me {
    /// Its organisation.
    org: Org,
    /// The account.
    member: Member,
    /// Whether it has a password of its own.
    has_password: bool,
    /// Whether it has a second factor.
    has_totp: bool,
    /// The token or the login that it asks with.
    #[schema(value_type = String, example = "tok_01jdq0v8w3e8tav4k1m2n3p4q5")]
    credential: Id,
    /// What the credential may be used for at most.
    scope: Scope,
    /// The one project that the credential is for.
    #[schema(value_type = Option<String>)]
    project: Option<Id>,
}

/// The account that asks.
#[utoipa::path(get, path = "/v1/me", tag = "accounts",
    responses((status = 200, body = Me), Problems))]
async fn me(caller: Caller) -> Result<Json<Me>, Problem> {
    let principal = caller.principal();
    let Some(id) = &principal.member else { return Err(Problem::not_found()) };
    let (credential, scope, project) = match &principal.via {
        Via::Token { id, scope, project } => (id.clone(), *scope, project.clone()),
        Via::Session { id } => (id.clone(), Scope::Admin, None),
        Via::Link { .. } | Via::Worker { .. } | Via::Login | Via::System => {
            return Err(Problem::not_found());
        }
    };
    let mut tx = caller.read_own(Action::OrgRead).await?;
    let org = org::get(&mut tx).await?;
    let member = member::get(&mut tx, id).await?;
    let factors = factors(&mut tx, id).await?;
    let (has_password, has_totp) = (factors.has_password, factors.has_totp);
    Ok(Json(Me { org, member, has_password, has_totp, credential, scope, project }))
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password until now.
    password: Password,
    /// The code of the authenticator, where there is a second factor.
    #[schema(example = "123456")]
    code: Option<String>,
    /// The new one: 12 characters at least, 1,024 bytes at most, not the login.
    new_password: Password,
}

/// Changes the password of the account that asks by a login, and ends its other
/// logins. Failures are counted as those of `POST /v1/login`.
#[utoipa::path(post, path = "/v1/me/password", tag = "accounts",
    request_body = PasswordChange, responses((status = 204), Problems))]
async fn change_password(
    caller: Caller,
    body: Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let PasswordChange { password, code, new_password } = body.value;
    let gate = caller.app().gate(caller.origin());
    gate.change_password(caller.principal(), Proof { password, code }, new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the account that asks proves itself with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProofRequest {
    /// The password.
    password: Password,
    /// The code of the authenticator, where there is a second factor.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// A second factor to be confirmed.
#[derive(Serialize, ToSchema)]
struct EnrolAnswer {
    /// The shared secret in base32, shown once.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// The same, as an authenticator scans it.
    url: String,
}

/// Makes a second factor for the account that asks by a login. It counts once
/// `POST /v1/me/totp/confirm` has seen a code of it.
#[utoipa::path(post, path = "/v1/me/totp", tag = "accounts",
    request_body = ProofRequest, responses((status = 200, body = EnrolAnswer), Problems))]
async fn enrol(caller: Caller, body: Body<ProofRequest>) -> Result<Json<EnrolAnswer>, Problem> {
    let ProofRequest { password, code } = body.value;
    let gate = caller.app().gate(caller.origin());
    let enrolment = gate.enrol(caller.principal(), Proof { password, code }).await?;
    let mut tx = caller.read_own(Action::OrgRead).await?;
    let org = org::get(&mut tx).await?;
    let url = enrolment.secret.url(&org.slug, &enrolment.login).to_string();
    Ok(Json(EnrolAnswer { secret: enrolment.secret.text().reveal().to_owned(), url }))
}

/// The code of a second factor to be confirmed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeRequest {
    /// What the authenticator shows.
    #[schema(example = "123456")]
    code: String,
}

/// Makes the second factor count, and ends the account's other logins.
#[utoipa::path(post, path = "/v1/me/totp/confirm", tag = "accounts",
    request_body = CodeRequest, responses((status = 204), Problems))]
async fn confirm_totp(caller: Caller, body: Body<CodeRequest>) -> Result<StatusCode, Problem> {
    let gate = caller.app().gate(caller.origin());
    gate.confirm(caller.principal(), &body.value.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the second factor of the account that asks by a login.
#[utoipa::path(delete, path = "/v1/me/totp", tag = "accounts",
    request_body = ProofRequest, responses((status = 204), Problems))]
async fn remove_totp(caller: Caller, body: Body<ProofRequest>) -> Result<StatusCode, Problem> {
    let ProofRequest { password, code } = body.value;
    let gate = caller.app().gate(caller.origin());
    gate.remove_totp(caller.principal(), Proof { password, code }).await?;
    Ok(StatusCode::NO_CONTENT)
}
