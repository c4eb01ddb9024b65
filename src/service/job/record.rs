//! Jobs and their history as the database has them. It must not know how a job
//! changes.

use serde::Serialize;
use utoipa::ToSchema;

use super::protocol::Progress;
use super::{JobKind, JobSpec, JobState, Phase};
use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;

statements! {
    GET = "SELECT id, name, kind, pool, priority, spec, state, wanted, attempt, phase, progress, \
        run_id, reason, message, version, created_at, started_at, ended_at, \
        (SELECT content_digest FROM run WHERE run.org_id = job.org_id AND run.id = job.run_id) \
            AS content_digest, \
        (SELECT verdict FROM run WHERE run.org_id = job.org_id AND run.id = job.run_id) AS verdict \
        FROM job WHERE org_id = $1 AND project_id = $2 AND id = $3";
    LIST = "SELECT id, name, kind, pool, priority, spec, state, wanted, attempt, phase, progress, \
        run_id, reason, message, version, created_at, started_at, ended_at, \
        (SELECT content_digest FROM run WHERE run.org_id = job.org_id AND run.id = job.run_id) \
            AS content_digest, \
        (SELECT verdict FROM run WHERE run.org_id = job.org_id AND run.id = job.run_id) AS verdict \
        FROM job WHERE org_id = $1 AND project_id = $2 AND id < $3 \
        AND ($4 = '' OR state = $4) AND ($5 = '' OR kind = $5) ORDER BY id DESC LIMIT $6";
    EVENTS = "SELECT number, at, line FROM job_event WHERE org_id = $1 AND job_id = $2 \
        AND number > $3 ORDER BY number LIMIT $4";
    ADD_EVENT = "INSERT INTO job_event (org_id, job_id, number, at, line) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), COALESCE(MAX(number), 0) + 1, \
            CAST($3 AS BIGINT), CAST($4 AS TEXT) \
        FROM job_event WHERE org_id = $1 AND job_id = $2";
}

/// A job: what is asked to be computed, and how it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    #[schema(value_type = String, example = "job_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// Its name.
    pub name: String,
    /// What it computes.
    pub kind: JobKind,
    /// The pool whose workers compute it.
    pub pool: String,
    /// Of the organisation's jobs the greater goes first.
    pub priority: i64,
    /// What is computed, of what, how, and within which limits.
    pub spec: JobSpec,
    /// How it stands.
    pub state: JobState,
    /// Whether somebody asked it to wait, and it has not stopped yet.
    pub is_hold_asked: bool,
    /// Attempts so far.
    pub attempt: i64,
    /// What the attempt under way does.
    pub phase: Option<Phase>,
    /// How far the last attempt is.
    pub progress: Option<Progress>,
    /// The run of the last attempt.
    #[schema(value_type = Option<String>)]
    pub run: Option<Id>,
    /// Why the last attempt failed: a stable word.
    pub reason: Option<String>,
    /// The same in words.
    pub message: Option<String>,
    /// SHA-256 that the pack's contents come to.
    pub content_digest: Option<String>,
    /// The verdict's word, for kinds that have one.
    pub verdict: Option<String>,
    /// Its version, which the ETag says too.
    pub version: i64,
    /// When it was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// When the last attempt began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Instant>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Instant>,
}

/// A line of a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobEvent {
    /// Counted from 1.
    pub number: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// What happened.
    pub line: String,
}

pub(super) fn unreadable(what: &'static str) -> StoreError {
    StoreError::at(what)(sqlx::Error::Decode(what.into()))
}

/// The specification that a row holds.
pub(super) fn spec(row: &Columns) -> Result<JobSpec, StoreError> {
    serde_json::from_str(&row.text("spec")?).map_err(|_| unreadable("reading a job"))
}

fn read(row: &Columns) -> Result<Job, StoreError> {
    let state =
        JobState::from_word(&row.text("state")?).ok_or_else(|| unreadable("reading a job"))?;
    let kind = JobKind::from_word(&row.text("kind")?).ok_or_else(|| unreadable("reading a job"))?;
    let is_at_work = matches!(state, JobState::Running | JobState::Cancelling);
    let phase = row.optional_text("phase")?.filter(|_| is_at_work);
    let progress = row.optional_text("progress")?;
    let is_over = state == JobState::Succeeded;
    Ok(Job {
        id: row.id("id")?,
        name: row.text("name")?,
        kind,
        pool: row.text("pool")?,
        priority: row.number("priority")?,
        spec: spec(row)?,
        state,
        is_hold_asked: is_at_work && row.optional_text("wanted")?.as_deref() == Some("hold"),
        attempt: row.number("attempt")?,
        phase: phase.and_then(|word| Phase::from_word(&word)),
        progress: progress.and_then(|text| serde_json::from_str(&text).ok()),
        run: row.optional_id("run_id")?,
        reason: row.optional_text("reason")?,
        message: row.optional_text("message")?,
        content_digest: row.optional_text("content_digest")?.filter(|_| is_over),
        verdict: row.optional_text("verdict")?.filter(|_| is_over),
        version: row.number("version")?,
        created_at: Instant(row.number("created_at")?),
        started_at: row.optional_number("started_at")?.map(Instant),
        ended_at: row.optional_number("ended_at")?.map(Instant),
    })
}

/// One job of `project`, if there is.
///
/// # Errors
///
/// Where the database fails.
pub async fn get(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Option<Job>, StoreError> {
    let org = tx.org();
    tx.row(GET, values![&org, project, id]).await?.as_ref().map(read).transpose()
}

/// Which jobs of a list are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<JobKind>,
}

/// Jobs of `project` with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    project: &Id,
    wanted: Wanted,
    before: &str,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    let org = tx.org();
    let state = wanted.state.map_or("", JobState::word);
    let kind = wanted.kind.map_or("", JobKind::word);
    let values = values![&org, project, before, state, kind, limit];
    tx.rows(LIST, values).await?.iter().map(read).collect()
}

/// The history of a job after event `after`.
///
/// # Errors
///
/// Where the database fails.
pub async fn events(
    tx: &mut TenantTx,
    job: &Id,
    after: i64,
    limit: i64,
) -> Result<Vec<JobEvent>, StoreError> {
    let org = tx.org();
    let rows = tx.rows(EVENTS, values![&org, job, after, limit]).await?;
    let event = |row: &Columns| {
        let (number, at) = (row.number("number")?, Instant(row.number("at")?));
        Ok(JobEvent { number, at, line: row.text("line")? })
    };
    rows.iter().map(event).collect()
}

/// Adds a line to a job's history, whose row `tx` has changed.
///
/// # Errors
///
/// Where the database fails.
pub(crate) async fn add_event(tx: &mut TenantTx, job: &Id, line: &str) -> Result<(), StoreError> {
    let org = tx.org();
    let line: String = line.chars().filter(|c| !c.is_control()).take(500).collect();
    tx.execute(ADD_EVENT, values![&org, job, Instant::now(), &line]).await?;
    Ok(())
}
