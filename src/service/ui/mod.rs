//! Pages for browsers. They are a client of the API like any other: what they
//! show is what it answered to the same login. They must not know the database,
//! the store of objects, or any other part of the server.

mod account;
mod asset;
mod client;
mod data;
mod form;
mod job;
mod project;
mod sign_in;
mod submit;
mod view;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

use client::{Api, Refusal};
use view::{Me, Project};

/// The state of the pages: the API's own router.
#[derive(Clone)]
struct Pages {
    api: Router,
}

/// Nothing runs, is styled, loaded or sent but from and to this server; no other
/// page frames one of these.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// The API's router with the pages beside it.
pub fn with_pages(api: Router) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/projects") }))
        .route("/assets/{name}", get(asset::read))
        .route("/login", get(sign_in::show).post(sign_in::sign_in))
        .route("/logout", post(sign_in::sign_out))
        .route("/projects", get(project::list).post(project::create))
        .route("/projects/{project}", get(project::show))
        .route("/projects/{project}/datasets", get(data::list))
        .route("/projects/{project}/datasets/{dataset}/delete", post(data::delete))
        .route("/projects/{project}/jobs", get(job::list).post(submit::send))
        .route("/projects/{project}/jobs/new", get(submit::show))
        .route("/projects/{project}/jobs/{job}", get(job::show))
        .route("/projects/{project}/jobs/{job}/report", get(job::report))
        .route("/projects/{project}/jobs/{job}/{act}", post(job::act))
        .route("/account", get(account::show))
        .route("/account/password", post(account::change_password))
        .route("/account/totp", post(account::enrol))
        .route("/account/totp/confirm", post(account::confirm))
        .route("/account/totp/remove", post(account::remove))
        .route("/account/tokens", post(account::make_token))
        .route("/account/tokens/{token}/revoke", post(account::revoke))
        .route("/account/sessions/{session}/end", post(account::end_session))
        .layer(axum::middleware::from_fn(protect))
        .with_state(Pages { api: api.clone() })
        .fallback_service(api)
}

/// Gives every page its headers. A part of a page that is asked for by a script
/// after the login ended leads the whole browser to the sign-in.
async fn protect(request: Request, next: Next) -> Response {
    let is_part = request.headers().contains_key("hx-request");
    let mut response = next.run(request).await;
    let to_login = response.headers().get(header::LOCATION).is_some_and(|to| to == "/login");
    if is_part && to_login {
        let name = HeaderName::from_static("hx-redirect");
        response = ([(name, "/login")], StatusCode::NO_CONTENT).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What stands around every page.
struct Frame {
    title: String,
    me: Option<Me>,
    project: Option<Project>,
    section: Section,
}

/// The part of a project or of the server that a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Projects,
    Account,
    Jobs,
    Datasets,
    Submit,
}

impl Frame {
    /// Of a page for nobody in particular.
    fn open(title: &str) -> Self {
        Self { title: title.to_owned(), me: None, project: None, section: Section::None }
    }

    /// Of a page for the account that is signed in.
    async fn of(api: &Api, title: &str, section: Section) -> Result<Self, Refusal> {
        let me = Some(api.get("/v1/me").await?);
        Ok(Self { title: title.to_owned(), me, project: None, section })
    }

    /// Of a page of a project.
    async fn within(
        api: &Api,
        project: &str,
        title: &str,
        section: Section,
    ) -> Result<Self, Refusal> {
        let mut frame = Self::of(api, title, section).await?;
        let found: Project = api.get(&frame.address(&["projects", project])).await?;
        frame.title = format!("{title} · {}", found.name);
        frame.project = Some(found);
        Ok(frame)
    }

    /// An address of the API within the account's organisation.
    fn address(&self, path: &[&str]) -> String {
        let org = self.me.as_ref().map_or("", |me| me.org.id.as_str());
        let escaped =
            |part: &&str| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
        let path: Vec<String> = path.iter().map(escaped).collect();
        format!("/v1/orgs/{org}/{}", path.join("/"))
    }

    /// An address of the API within the page's project.
    fn within_project(&self, path: &[&str]) -> String {
        let project = self.project.as_ref().map_or("", |project| project.id.as_str());
        self.address(&[&["projects", project], path].concat())
    }

    /// The id of the page's project, for addresses.
    fn project_id(&self) -> &str {
        self.project.as_ref().map_or("", |project| project.id.as_str())
    }

    fn is(&self, section: Section) -> bool {
        self.section == section
    }
}

/// A rendered template.
fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

fn page_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says what was refused.
#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    frame: Frame,
    refusal: &'a Refusal,
}

impl axum::response::IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.status == StatusCode::UNAUTHORIZED {
            return Redirect::to("/login").into_response();
        }
        page_with(self.status, &Refused { frame: Frame::open("Refused"), refusal: &self })
    }
}
