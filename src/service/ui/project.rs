//! The list of projects, and making one.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::client::{Api, Refusal};
use super::form::Form;
use super::view::{Listing, Project};
use super::{Frame, Section, page, page_with};

#[derive(Template)]
#[template(path = "projects.html")]
struct Projects {
    frame: Frame,
    projects: Listing<Project>,
    slug: String,
    name: String,
    description: String,
    refusal: Option<Refusal>,
}

/// Where a list goes on.
#[derive(Default, Deserialize)]
pub(super) struct After {
    cursor: Option<String>,
}

impl After {
    /// The address of the list's part.
    pub(super) fn of(&self, list: String) -> String {
        match &self.cursor {
            Some(cursor) => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                format!("{list}?{}", query.append_pair("cursor", cursor).finish())
            }
            None => list,
        }
    }
}

async fn projects(
    api: &Api,
    form: &Form,
    refusal: Option<Refusal>,
    after: &After,
) -> Result<Projects, Refusal> {
    let frame = Frame::of(api, "Projects", Section::Projects).await?;
    let projects = api.get(&after.of(frame.address(&["projects"]))).await?;
    Ok(Projects {
        frame,
        projects,
        slug: form.text("slug").to_owned(),
        name: form.text("name").to_owned(),
        description: form.text("description").to_owned(),
        refusal,
    })
}

/// The projects that the account sees.
pub(super) async fn list(
    api: Api,
    axum::extract::Query(after): axum::extract::Query<After>,
) -> Result<Response, Refusal> {
    Ok(page(&projects(&api, &Form::default(), None, &after).await?))
}

/// Makes a project.
pub(super) async fn create(api: Api, form: Form) -> Result<Response, Refusal> {
    let frame = Frame::of(&api, "", Section::Projects).await?;
    let body = json!({
        "slug": form.text("slug").trim(),
        "name": form.text("name").trim(),
        "description": form.text("description"),
    });
    match api.post(&frame.address(&["projects"]), &body).await {
        Ok(answer) => {
            let id = answer.value["id"].as_str().unwrap_or_default();
            Ok(Redirect::to(&format!("/projects/{id}/datasets")).into_response())
        }
        Err(refusal) => {
            let refusal = refusal.of_form()?;
            let shown = projects(&api, &form, Some(refusal), &After::default()).await?;
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown))
        }
    }
}

/// A project begins with its jobs.
pub(super) async fn show(Path(project): Path<String>) -> Redirect {
    let project: String = url::form_urlencoded::byte_serialize(project.as_bytes()).collect();
    Redirect::to(&format!("/projects/{project}/jobs"))
}
