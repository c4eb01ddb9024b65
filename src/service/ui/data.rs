//! The datasets of a project. A file is sent by a script of the page, to the API
//! itself: large ones in parts.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::client::{Api, Refusal};
use super::form::Form;
use super::project::After;
use super::view::{Dataset, Listing};
use super::{Frame, Section, page};

#[derive(Template)]
#[template(path = "datasets.html")]
struct Datasets {
    frame: Frame,
    datasets: Listing<Dataset>,
}

impl Datasets {
    fn content(&self, dataset: &Dataset) -> String {
        self.frame.within_project(&["datasets", &dataset.id, "content"])
    }

    fn api(&self) -> String {
        self.frame.address(&["projects", self.frame.project_id()])
    }
}

/// The list, and the form of an upload.
pub(super) async fn list(
    api: Api,
    Path(project): Path<String>,
    Query(after): Query<After>,
) -> Result<Response, Refusal> {
    let frame = Frame::within(&api, &project, "Datasets", Section::Datasets).await?;
    let datasets = api.get(&after.of(frame.within_project(&["datasets"]))).await?;
    Ok(page(&Datasets { frame, datasets }))
}

/// Puts a dataset in the trash, if it is still as the page showed it.
pub(super) async fn delete(
    api: Api,
    Path((project, dataset)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Refusal> {
    let frame = Frame::within(&api, &project, "Datasets", Section::Datasets).await?;
    let path = frame.within_project(&["datasets", &dataset]);
    api.delete(&path, Some(form.text("version")), None).await?;
    Ok(Redirect::to(&format!("/projects/{}/datasets", frame.project_id())).into_response())
}
