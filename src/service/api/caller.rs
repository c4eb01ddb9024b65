//! Who calls, and transactions for what they ask. It must not know any
//! resource.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};

use super::{App, Problem};
use crate::auth::{Presented, authenticate};
use crate::id::{Id, Kind};
use crate::tenancy::{Action, Denied, Door, Origin, Principal, TenantTx};

/// Who asked, once that is known: `frame` records refusals by it.
#[derive(Debug, Clone, Default)]
pub(super) struct Asker(pub Arc<OnceLock<Principal>>);

/// The account that calls, and what its request says beside its body.
pub struct Caller {
    app: App,
    principal: Principal,
    origin: Origin,
    headers: HeaderMap,
    method: Method,
    path: String,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let origin = parts.extensions.get::<Origin>().cloned().unwrap_or_else(Origin::local);
        let carried = carried(parts)?;
        let presented = match &carried {
            Carried::Bearer(text) => Presented::Bearer(text),
            Carried::Cookie(text) => Presented::Cookie(text),
        };
        let policy = &app.settings().sessions;
        let principal = authenticate(app.store(), presented, &origin, policy)
            .await?
            .ok_or_else(Problem::unauthenticated)?;
        tracing::Span::current().record("organisation", principal.org.as_str());
        if let Some(asker) = parts.extensions.get::<Asker>() {
            let _ = asker.0.set(principal.clone());
        }
        app.limits().check(&principal)?;
        Ok(Self {
            app: app.clone(),
            principal,
            origin,
            headers: parts.headers.clone(),
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
        })
    }
}

/// The name of the cookie of a login.
pub const SESSION_COOKIE: &str = "hetero2_session";

/// What a request carries.
enum Carried {
    Bearer(String),
    Cookie(String),
}

/// The credential of a request: a bearer token, or the cookie of a login, which
/// may change something only from a page of this server.
fn carried(parts: &Parts) -> Result<Carried, Problem> {
    if let Some(token) = bearer(&parts.headers)? {
        return Ok(Carried::Bearer(token.to_owned()));
    }
    let cookie = cookie(&parts.headers, SESSION_COOKIE).ok_or_else(Problem::unauthenticated)?;
    if !parts.method.is_safe() && !is_same_origin(&parts.headers) {
        let detail = "a login's cookie changes nothing from another site's page";
        return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail));
    }
    Ok(Carried::Cookie(cookie))
}

/// The token of the header `Authorization`; none where there is no such header.
///
/// # Errors
///
/// Where there are several, or it holds something else.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let (scheme, token) = value.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
    match scheme.eq_ignore_ascii_case("bearer") && values.next().is_none() {
        true => Ok(Some(token.trim())),
        false => Err(Problem::unauthenticated()),
    }
}

/// The value of the cookie called `wanted`.
pub(super) fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value.to_owned())
}

/// Whether a browser says that a page of this server sent the request.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let host = text(header::HOST);
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    matches!((origin, host), (Some((_, origin)), Some(host)) if origin == host)
}

impl Caller {
    /// What the server works with.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Who calls.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Where the request came from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Method and path, for what binds an answer to its request.
    pub(super) fn request_line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A transaction that reads in organisation `org`, for an act on no project.
    ///
    /// # Errors
    ///
    /// Where the organisation is another's, or the role does not allow it.
    pub async fn read(&self, org: &str, action: Action) -> Result<TenantTx, Problem> {
        self.expect_own(org, action)?;
        let store = self.app.store();
        Ok(TenantTx::read(store, &self.principal, &self.origin, action, None).await?)
    }

    /// As [`Caller::read`], in the caller's own organisation.
    ///
    /// # Errors
    ///
    /// As for [`Caller::read`].
    pub async fn read_own(&self, action: Action) -> Result<TenantTx, Problem> {
        self.read(self.principal.org.as_str(), action).await
    }

    /// As [`Caller::write`], in the caller's own organisation.
    ///
    /// # Errors
    ///
    /// As for [`Caller::write`].
    pub async fn write_own(&self, action: Action) -> Result<TenantTx, Problem> {
        self.write(self.principal.org.as_str(), action).await
    }

    /// As [`Caller::read`], for an act in `project`.
    ///
    /// # Errors
    ///
    /// As for [`Caller::read`], and where the project is not seen.
    pub async fn read_in(
        &self,
        org: &str,
        project: &str,
        action: Action,
    ) -> Result<(TenantTx, Id), Problem> {
        let project = self.project(org, project, action)?;
        let tx = self.door(&project).read(action).await?;
        Ok((tx, project))
    }

    /// A transaction that writes in organisation `org`; as [`Caller::read`].
    ///
    /// # Errors
    ///
    /// As for [`Caller::read`].
    pub async fn write(&self, org: &str, action: Action) -> Result<TenantTx, Problem> {
        self.expect_own(org, action)?;
        let store = self.app.store();
        Ok(TenantTx::write(store, &self.principal, &self.origin, action, None).await?)
    }

    /// A transaction that writes in `project`; as [`Caller::read_in`].
    ///
    /// # Errors
    ///
    /// As for [`Caller::read_in`].
    pub async fn write_in(
        &self,
        org: &str,
        project: &str,
        action: Action,
    ) -> Result<(TenantTx, Id), Problem> {
        let project = self.project(org, project, action)?;
        let tx = self.door(&project).write(action).await?;
        Ok((tx, project))
    }

    /// The id of `project` in organisation `org`, for acts of several
    /// transactions: see [`Caller::door`].
    ///
    /// # Errors
    ///
    /// Where the organisation is another's, or the id malformed.
    pub fn project(&self, org: &str, project: &str, action: Action) -> Result<Id, Problem> {
        self.expect_own(org, action)?;
        id(Kind::Project, project, action)
    }

    /// Makes transactions of the caller in `project`.
    #[must_use]
    pub fn door<'a>(&'a self, project: &'a Id) -> Door<'a> {
        let (store, principal, origin) = (self.app.store(), &self.principal, &self.origin);
        Door { store, principal, origin, project }
    }

    /// Another's organisation is answered like one that does not exist.
    fn expect_own(&self, org: &str, action: Action) -> Result<(), Problem> {
        match self.principal.org.as_str() == org {
            true => Ok(()),
            false => Err(Denied::Absent(action).into()),
        }
    }

    /// The version that the header `If-Match` names.
    ///
    /// # Errors
    ///
    /// Where it is missing, or is no version of this server's.
    pub fn expected_version(&self) -> Result<i64, Problem> {
        let value = self.headers.get(header::IF_MATCH).ok_or_else(|| {
            let detail = "give the ETag that was read as the header If-Match";
            Problem::new(StatusCode::PRECONDITION_REQUIRED, "if_match_required", detail)
        })?;
        super::etag::version(value).ok_or_else(super::etag::changed)
    }
}

/// `text` as an id of `kind`; a malformed one is answered like one that does not
/// exist.
///
/// # Errors
///
/// Where it is malformed.
pub fn id(kind: Kind, text: &str, action: Action) -> Result<Id, Problem> {
    Id::parse(kind, text).ok_or_else(|| Denied::Absent(action).into())
}
