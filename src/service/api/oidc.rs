//! Logging in by identity providers over HTTP: two stops of a browser.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::cookie as read_cookie;
use super::login::{cookie, session_cookie};
use super::{App, Problem, Problems, Query};
use crate::auth::oidc::{Callback, OidcError};
use crate::tenancy::Origin;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(start)).routes(routes!(callback))
}

/// The cookie that binds a login under way to its browser.
const BROWSER_COOKIE: &str = "hetero2_oidc";

const CALLBACK: &str = "/v1/oidc/callback";

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Unknown => Self::not_found(),
            OidcError::Refused(_) => {
                tracing::warn!(reason = error.to_string(), "a login by a provider is refused");
                let detail = "the login is refused: the server's log and audit trail say why";
                Self::new(StatusCode::UNAUTHORIZED, "login_refused", detail)
            }
            OidcError::Busy => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "busy", error.to_string()).retry_after(10)
            }
            OidcError::Provider { .. } | OidcError::Settings { .. } => {
                tracing::error!(error = error.to_string(), "an identity provider failed");
                let detail = "the identity provider does not answer as it must";
                Self::new(StatusCode::BAD_GATEWAY, "provider_failed", detail)
            }
            OidcError::Auth(error) => error.into(),
        }
    }
}

fn browser_cookie(app: &App, value: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    cookie(app, BROWSER_COOKIE, CALLBACK, value, seconds)
}

/// An identity provider that accounts can log in by.
#[derive(Serialize, ToSchema)]
struct ProviderName {
    /// Its name in the server's set-up.
    #[schema(example = "acme")]
    name: String,
}

/// The identity providers.
#[derive(Serialize, ToSchema)]
struct ProviderNames {
    /// The providers.
    items: Vec<ProviderName>,
}

/// The identity providers that this server knows.
#[utoipa::path(get, path = "/v1/oidc", tag = "accounts", security(()),
    responses((status = 200, body = ProviderNames), Problems))]
async fn list(State(app): State<App>) -> Json<ProviderNames> {
    let items = app.providers().names().map(|name| ProviderName { name: name.to_owned() });
    Json(ProviderNames { items: items.collect() })
}

/// Where a login is to end.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StartQuery {
    /// The path of this server to go to afterwards; `/` unless given.
    #[param(example = "/")]
    return_to: Option<String>,
}

/// Sends a browser to log in at an identity provider.
///
/// Problems of its own: 502 `provider_failed`.
#[utoipa::path(get, path = "/v1/oidc/{provider}/start", tag = "accounts", security(()),
    params(("provider" = String, Path, description = "the provider's name in the server's set-up"),
        StartQuery),
    responses((status = 303, description = "to the provider",
        headers(("Location" = String), ("Set-Cookie" = String))), Problems))]
async fn start(
    State(app): State<App>,
    Extension(origin): Extension<Origin>,
    Path(provider): Path<String>,
    Query(query): Query<StartQuery>,
) -> Result<Response, Problem> {
    let return_to = query.return_to.as_deref().unwrap_or("/");
    let started = app.providers().start(&app.gate(&origin), &provider, return_to).await?;
    let cookie = browser_cookie(&app, &started.browser, started.seconds)?;
    let location = HeaderValue::from_str(started.url.as_str()).map_err(|_| Problem::internal())?;
    let headers = [(header::LOCATION, location), (header::SET_COOKIE, cookie)];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// What a provider sends a browser back with. What else it sends is ignored.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CallbackQuery {
    /// What the login is taken up by.
    state: String,
    /// The code, where the provider let somebody in.
    code: Option<String>,
    /// The issuer that answers.
    iss: Option<String>,
}

/// Ends a login that an identity provider answered.
///
/// Problems of its own: 401 `login_refused`, whatever is wrong; 404 for a state
/// that is none of a login under way, or was used; 502 `provider_failed`.
#[utoipa::path(get, path = "/v1/oidc/callback", tag = "accounts", security(()),
    params(CallbackQuery),
    responses((status = 303, description = "to where the login was begun for",
        headers(("Location" = String), ("Set-Cookie" = String))), Problems))]
async fn callback(
    State(app): State<App>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, Problem> {
    let browser = read_cookie(&headers, BROWSER_COOKIE);
    let callback = Callback {
        code: query.code.as_deref(),
        state: &query.state,
        issuer: query.iss.as_deref(),
        browser: browser.as_deref(),
    };
    let (login, return_to) = app.providers().finish(&app.gate(&origin), callback).await?;
    let session = session_cookie(&app, Some(&login.cookie))?;
    let location = HeaderValue::from_str(&return_to).map_err(|_| Problem::internal())?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    response.headers_mut().append(header::SET_COOKIE, session);
    response.headers_mut().append(header::SET_COOKIE, browser_cookie(&app, "", 0)?);
    Ok(response)
}
