//! Jobs: the list with its filters, one job, its report, and what is done to it.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::client::{Api, Refusal};
use super::view::{Artifact, Event, Job, Listing};
use super::{Frame, Section, page};

const STATES: [&str; 7] =
    ["queued", "held", "running", "cancelling", "succeeded", "failed", "cancelled"];
const KINDS: [&str; 5] = ["run", "audit", "cost-lift", "rerun", "suite"];

/// What a list is filtered by; empty is everything.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    state: String,
    kind: String,
    cursor: String,
}

impl Filter {
    fn query(&self, cursor: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("state", &*self.state), ("kind", &*self.kind), ("cursor", cursor)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Jobs {
    frame: Frame,
    jobs: Listing<Job>,
    filter: Filter,
    /// This page's own address, which is asked again while jobs are at work.
    here: String,
    next: Option<String>,
}

impl Jobs {
    fn is_state(&self, word: &str) -> bool {
        self.filter.state == word
    }

    fn is_kind(&self, word: &str) -> bool {
        self.filter.kind == word
    }
}

/// The jobs of a project.
pub(super) async fn list(
    api: Api,
    Path(project): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Response, Refusal> {
    let frame = Frame::within(&api, &project, "Jobs", Section::Jobs).await?;
    let query = filter.query(&filter.cursor);
    let jobs: Listing<Job> =
        api.get(&format!("{}?{query}", frame.within_project(&["jobs"]))).await?;
    let list = format!("/projects/{}/jobs", frame.project_id());
    let here = format!("{list}?{query}");
    let next = jobs.next.as_deref().map(|cursor| format!("{list}?{}", filter.query(cursor)));
    Ok(page(&Jobs { frame, jobs, filter, here, next }))
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    job: Job,
    events: Vec<Event>,
    artifacts: Vec<Artifact>,
}

impl JobPage {
    fn stream(&self) -> String {
        self.frame.within_project(&["jobs", &self.job.id, "stream"])
    }

    fn content(&self, artifact: &str) -> String {
        let run = self.job.run.as_deref().unwrap_or_default();
        self.frame.within_project(&["runs", run, "artifacts", artifact, "content"])
    }

    fn has_report(&self) -> bool {
        self.artifacts.iter().any(|artifact| artifact.name == REPORT)
    }
}

const REPORT: &str = "report.html";

async fn job_page(api: &Api, project: &str, job: &str) -> Result<JobPage, Refusal> {
    let mut frame = Frame::within(api, project, "Job", Section::Jobs).await?;
    let found: Job = api.get(&frame.within_project(&["jobs", job])).await?;
    let events: Listing<Event> = api.get(&frame.within_project(&["jobs", job, "events"])).await?;
    let artifacts = match &found.run {
        Some(run) if found.is_final() => {
            let listing: Listing<Artifact> =
                api.get(&frame.within_project(&["runs", run, "artifacts"])).await?;
            listing.items
        }
        _ => Vec::new(),
    };
    frame.title = format!("{} · {}", found.name, frame.title);
    Ok(JobPage { frame, job: found, events: events.items, artifacts })
}

/// One job. A script follows its stream and has the panel read again.
pub(super) async fn show(
    api: Api,
    Path((project, job)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    Ok(page(&job_page(&api, &project, &job).await?))
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    frame: Frame,
    job: Job,
    content: String,
}

/// The report, in a frame that may do nothing.
pub(super) async fn report(
    api: Api,
    Path((project, job)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let shown = job_page(&api, &project, &job).await?;
    let content = shown.content(REPORT);
    Ok(page(&ReportPage { frame: shown.frame, job: shown.job, content }))
}

/// Cancels, holds, releases or retries a job.
pub(super) async fn act(
    api: Api,
    Path((project, job, act)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    let frame = Frame::within(&api, &project, "Job", Section::Jobs).await?;
    api.act(&frame.within_project(&["jobs", &job, &act])).await?;
    let job: String = url::form_urlencoded::byte_serialize(job.as_bytes()).collect();
    Ok(Redirect::to(&format!("/projects/{}/jobs/{job}", frame.project_id())).into_response())
}
