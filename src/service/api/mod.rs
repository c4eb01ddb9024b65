//! The API over HTTP: which request does what, under `/v1`. Handlers are thin:
//! what a resource does is in the modules beside this one, which must not know
//! HTTP.

mod artifacts;
mod audit;
mod body;
mod caller;
mod content;
mod datasets;
mod etag;
mod frame;
mod groups;
mod jobs;
mod kinds;
mod limits;
mod login;
mod members;
mod oidc;
pub(crate) mod once;
mod orgs;
mod page;
mod problem;
mod project_members;
mod projects;
mod runs;
mod sessions;
mod stream;
mod system;
mod tokens;
mod uploads;
mod usage;
mod worker;

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

pub use body::{Body, Fields, Query, is_slug};
pub use caller::{Caller, SESSION_COOKIE, id};
pub use once::{Asked, Once};
pub use page::{Listing, Page, PageQuery};
pub use problem::{FieldError, Problem, ProblemDocument, Problems};

use crate::auth::oidc::Providers;
use crate::auth::password::Passwords;
use crate::config::Settings;
use crate::directory::DirectoryError;
use crate::object::Depot;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use limits::Limits;

/// What every request works with.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    store: Store,
    depot: Arc<Depot>,
    limits: Limits,
    passwords: Passwords,
    providers: Providers,
    settings: Settings,
    metrics: Arc<Metrics>,
}

impl App {
    /// An application over an open database, a store of objects and identity
    /// providers.
    #[must_use]
    pub fn new(store: Store, depot: Arc<Depot>, providers: Providers, settings: Settings) -> Self {
        let limits = Limits::new(settings.requests_per_second);
        let passwords = Passwords::default();
        let metrics = Arc::default();
        let parts = Parts { store, depot, limits, passwords, providers, settings, metrics };
        Self(Arc::new(parts))
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Where bytes are kept.
    #[must_use]
    pub fn depot(&self) -> &Arc<Depot> {
        &self.0.depot
    }

    /// How many requests an account may make.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// What compares passwords.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Who else vouches for accounts.
    #[must_use]
    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// How the server was set up.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

/// The document's own part of OpenAPI; operations say theirs where they are.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "HETERO-2",
        description = "The API of a HETERO-2 server. Every error is a problem document (RFC 9457) with a stable `code`. \
            What does not exist and what is another's get the same answer. Lists are pages, newest first. \
            A POST with the header `Idempotency-Key` is done once in a day. PATCH and DELETE need the ETag that was read as `If-Match`."
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Credentials),
    security(("token" = []), ("login" = [])),
)]
struct Document;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE));
        components.add_security_scheme("login", SecurityScheme::ApiKey(cookie));
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(system::routes())
        .merge(login::routes())
        .merge(oidc::routes())
        .merge(sessions::routes())
        .merge(tokens::routes())
        .merge(orgs::routes())
        .merge(members::routes())
        .merge(groups::routes())
        .merge(projects::routes())
        .merge(project_members::routes())
        .merge(uploads::routes())
        .merge(datasets::routes())
        .merge(content::routes())
        .merge(kinds::routes())
        .merge(jobs::routes())
        .merge(stream::routes())
        .merge(runs::routes())
        .merge(artifacts::routes())
        .merge(audit::routes())
        .merge(usage::routes())
}

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

/// All routes, framed.
pub fn router(app: App) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = serde_json::to_string(&document).unwrap_or_default();
    router
        .merge(worker::routes())
        .merge(system::document(document))
        .fallback(|| async { Problem::not_found() })
        .layer(axum::middleware::from_fn_with_state(app.clone(), frame::frame))
        .with_state(app)
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Absent(_) => Self::not_found(),
            DirectoryError::Changed => etag::changed(),
            DirectoryError::Taken(_) => Self::conflict("taken", error.to_string()),
            DirectoryError::LastOwner => Self::conflict("last_owner", error.to_string()),
            DirectoryError::OwnersOnly => {
                Self::new(axum::http::StatusCode::FORBIDDEN, "owners_only", error.to_string())
            }
            DirectoryError::Store(error) => error.into(),
        }
    }
}
