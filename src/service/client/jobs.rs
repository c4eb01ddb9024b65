//! Jobs of a project through the API: submitted, watched, stopped, their artifacts
//! received.

use std::path::Path;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Client, ClientError, Dataset, Project, Watch, download};
use crate::job::{JobKind, JobSpec, JobState};

/// A job, as far as the client needs it; the rest of its document is in `more`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RemoteJob {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it computes.
    pub kind: JobKind,
    /// How it stands.
    pub state: String,
    /// What its worker does.
    #[serde(default)]
    pub phase: Option<String>,
    /// The run of the last attempt.
    #[serde(default)]
    pub run: Option<String>,
    /// Why it failed, in words.
    #[serde(default)]
    pub message: Option<String>,
    /// The verdict's word.
    #[serde(default)]
    pub verdict: Option<String>,
    /// SHA-256 that the pack's contents come to.
    #[serde(default)]
    pub content_digest: Option<String>,
    /// When it was submitted, RFC 3339.
    pub created_at: String,
    /// What else the server says.
    #[serde(flatten)]
    pub more: serde_json::Map<String, Value>,
}

impl RemoteJob {
    /// Whether nothing changes it any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        JobState::from_word(&self.state).is_some_and(JobState::is_final)
    }

    /// Rows done, of how many where that is known.
    #[must_use]
    pub fn rows(&self) -> Option<(u64, Option<u64>)> {
        let progress = self.more.get("progress")?;
        let number = |name: &str| progress.get(name).and_then(Value::as_u64);
        Some((number("rows_done")?, number("rows_total")))
    }

    /// Seconds left, as the worker reckons.
    #[must_use]
    pub fn seconds_left(&self) -> Option<u64> {
        self.more.get("progress")?.get("seconds_left")?.as_u64()
    }
}

/// A file that a job made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 as hex.
    pub sha256: String,
}

/// What a member does to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// End it.
    Cancel,
    /// Have it wait.
    Hold,
    /// Let it go on.
    Release,
    /// Queue it again.
    Retry,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Retry => "retry",
        }
    }
}

/// A job that is asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Submission {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The pool whose workers compute it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Of the organisation's jobs the greater goes first.
    pub priority: i64,
    /// What to compute.
    pub spec: JobSpec,
}

impl Client {
    /// Submits a job, once however often the request is tried.
    ///
    /// # Errors
    ///
    /// Where the server refuses.
    pub async fn submit_job(
        &self,
        project: &Project,
        new: &Submission,
    ) -> Result<RemoteJob, ClientError> {
        let key = format!("job-{}", uuid::Uuid::now_v7());
        self.post(&format!("/projects/{}/jobs", project.id), Some(&key), new).await
    }

    /// The jobs of a project, newest first, in `state` where one is given.
    ///
    /// # Errors
    ///
    /// Where the server refuses.
    pub async fn jobs(
        &self,
        project: &Project,
        state: Option<&str>,
        most: usize,
    ) -> Result<Vec<RemoteJob>, ClientError> {
        let state = state.map_or_else(String::new, |state| format!("&state={state}"));
        let path = format!("/projects/{}/jobs", project.id);
        let mut jobs = Vec::new();
        let mut cursor = String::new();
        while jobs.len() < most {
            let limit = (most - jobs.len()).min(200);
            let page: super::Listing<RemoteJob> =
                self.get(&format!("{path}?limit={limit}{state}{cursor}")).await?;
            jobs.extend(page.items);
            match page.next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        Ok(jobs)
    }

    /// One job.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub async fn job(&self, project: &Project, job: &str) -> Result<RemoteJob, ClientError> {
        self.get(&format!("/projects/{}/jobs/{}", project.id, plain(job)?)).await
    }

    /// Acts on a job.
    ///
    /// # Errors
    ///
    /// Where there is none, or its state does not allow it.
    pub async fn act(
        &self,
        project: &Project,
        job: &str,
        act: Act,
    ) -> Result<RemoteJob, ClientError> {
        let path = format!("/projects/{}/jobs/{}/{}", project.id, plain(job)?, act.word());
        let answer = self.tried(|| self.request(Method::POST, &path)).await?;
        self.document(answer).await
    }

    /// What a run made.
    ///
    /// # Errors
    ///
    /// Where there is no such run.
    pub async fn artifacts(
        &self,
        project: &Project,
        run: &str,
    ) -> Result<Vec<Artifact>, ClientError> {
        self.list(&format!("/projects/{}/runs/{}/artifacts", project.id, plain(run)?)).await
    }

    /// Receives an artifact into the new file `to`, checked by its SHA-256.
    ///
    /// # Errors
    ///
    /// As of [`download`].
    pub async fn receive_artifact(
        &self,
        project: &Project,
        run: &str,
        artifact: &Artifact,
        to: &Path,
        watch: Watch<'_>,
    ) -> Result<(), ClientError> {
        let (run, name) = (plain(run)?, plain(&artifact.name)?);
        let at = format!("/projects/{}/runs/{run}/artifacts/{name}/content", project.id);
        let bytes = Dataset {
            id: run.to_owned(),
            name: artifact.name.clone(),
            size: artifact.size,
            sha256: artifact.sha256.clone(),
            created_at: String::new(),
        };
        download::receive_from(self, &at, &bytes, to, watch).await
    }
}

/// What can stand in an address as it is.
fn plain(text: &str) -> Result<&str, ClientError> {
    let is_plain = !text.is_empty()
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    match is_plain {
        true => Ok(text),
        false => Err(ClientError::Absent { what: "job, run or artifact", name: text.to_owned() }),
    }
}

/// A job's document, as `--json` prints it.
#[must_use]
pub fn as_json(job: &RemoteJob) -> Value {
    serde_json::to_value(job).unwrap_or_else(|_| json!({}))
}
