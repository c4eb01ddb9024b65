//! Jobs over HTTP.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::id;
use super::{App, Asked, Body, Caller, Fields, Listing, PageQuery, Problem, Problems, Query, etag};
use crate::directory::digest;
use crate::id::{Id, Kind};
use crate::job::record::{self, Wanted};
use crate::job::{Job, JobError, JobEvent, JobKind, JobState, Limits, NewJob, pool, submit};
use crate::tenancy::{Action, TenantTx};
use crate::trail::Entry;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read))
        .routes(routes!(cancel))
        .routes(routes!(hold))
        .routes(routes!(release))
        .routes(routes!(retry))
        .routes(routes!(events))
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Absent => Self::not_found(),
            JobError::Input(_) => Self::invalid_field("spec.inputs", error.to_string()),
            JobError::State(_) => Self::conflict("job_state", error.to_string()),
            JobError::Fenced => Self::conflict("fenced", error.to_string()),
            JobError::Upload(_) => Self::conflict("upload_incomplete", error.to_string()),
            JobError::Quota(error) => error.into(),
            JobError::Denied(denied) => denied.into(),
            JobError::Randomness(_) => Self::internal(),
            JobError::Store(error) => error.into(),
        }
    }
}

/// Which jobs of a list are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobsQuery {
    /// In this state.
    state: Option<JobState>,
    /// Of this kind.
    kind: Option<JobKind>,
    /// Items of a page, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before; the newest items unless given.
    #[param(max_length = 100)]
    cursor: Option<String>,
}

/// The jobs of a project, newest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/jobs", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"), JobsQuery),
    responses((status = 200, body = Listing<Job>), Problems))]
async fn list(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    Query(query): Query<JobsQuery>,
) -> Result<Json<Listing<Job>>, Problem> {
    let (mut tx, project) = caller.read_in(&org, &project, Action::JobRead).await?;
    let page = PageQuery::new(query.limit, query.cursor).of(Kind::Job)?;
    let wanted = Wanted { state: query.state, kind: query.kind };
    let items = record::list(&mut tx, &project, wanted, page.bound(), page.fetched()).await?;
    Ok(Json(page.listing(items, |job| &job.id)))
}

/// Submits a job. It is computed once, by a worker of its pool.
///
/// Problems of its own: 403 `quota_reached`.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/jobs", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "does it once in a day")),
    request_body(content = NewJob, example = json!({"name": "does it hold?", "priority": 10, "held": true,
        "spec": {"kind": "suite", "options": {"suite": "ring"}}})),
    responses((status = 201, body = Job), Problems))]
async fn create(
    caller: Caller,
    Path((org, project)): Path<(String, String)>,
    body: Body<NewJob>,
) -> Result<Response, Problem> {
    let new = &body.value;
    let project_id = caller.project(&org, &project, Action::JobSubmit)?;
    let is_open = pool::is_open_to(caller.app().store(), new.pool(), &caller.principal().org);
    let is_open = is_open.await?;
    let (tx, _) = caller.write_in(&org, &project, Action::JobSubmit).await?;
    check(&caller, new, is_open)?;
    let mut once = match caller.once(tx, &body.digest).await? {
        Asked::Now(once) => once,
        Asked::Before(answer) => return Ok(answer),
    };
    let made = submit::submit(&mut once.tx, &project_id, new).await?;
    let entry = Entry::on(&made.id).changing(None, digest(&made));
    let location = format!("/v1/orgs/{org}/projects/{project}/jobs/{}", made.id);
    once.created(entry, Some(location), Some(made.version), &made).await
}

fn check(caller: &Caller, new: &NewJob, is_pool: bool) -> Result<(), Problem> {
    let mut fields = Fields::default();
    if let Some(name) = &new.name {
        fields.check_name("name", name);
    }
    fields.check("priority", (-100..=100).contains(&new.priority), "-100 to 100");
    fields.check("pool", is_pool, "there is no such pool for this organisation");
    let Limits { seconds, memory_mib, attempts } = new.spec.limits;
    let within = (1..=2_592_000).contains(&seconds);
    fields.check("spec.limits.seconds", within, "1 to 2592000 (30 days)");
    let within = (64..=4_194_304).contains(&memory_mib);
    fields.check("spec.limits.memory_mib", within, "64 to 4194304");
    fields.check("spec.limits.attempts", (1..=10).contains(&attempts), "1 to 10");
    match &caller.app().settings().catalogue {
        Some(catalogue) => {
            if let Err(error) = catalogue.judge(&new.spec) {
                fields.check(&format!("spec.{}", error.field), false, &error.problem);
            }
        }
        None => fields.check("spec.kind", false, "this server takes no jobs"),
    }
    fields.finish()
}

/// One job.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/jobs/{job}", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("job" = String, Path, description = "the job's id")),
    responses((status = 200, body = Job), (status = 304), Problems))]
async fn read(
    caller: Caller,
    Path((org, project, job)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let action = Action::JobRead;
    let (mut tx, project) = caller.read_in(&org, &project, action).await?;
    let id = id(Kind::Job, &job, action)?;
    let found = record::get(&mut tx, &project, &id).await?.ok_or(JobError::Absent)?;
    // Progress changes without a version.
    match found.state.is_final() {
        true => Ok(etag::versioned(caller.headers(), found.version, &found)),
        false => Ok(Json(found).into_response()),
    }
}

/// What is done to a job.
#[derive(Clone, Copy)]
enum Control {
    Cancel,
    Hold,
    Release,
    Retry,
}

impl Control {
    async fn apply(self, tx: &mut TenantTx, project: &Id, job: &Id) -> Result<Job, JobError> {
        match self {
            Self::Cancel => submit::cancel(tx, project, job).await,
            Self::Hold => submit::hold(tx, project, job).await,
            Self::Release => submit::release(tx, project, job).await,
            Self::Retry => submit::retry(tx, project, job).await,
        }
    }
}

async fn control(
    caller: &Caller,
    (org, project, job): (String, String, String),
    control: Control,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let action = Action::JobControl;
    let (mut tx, project) = caller.write_in(&org, &project, action).await?;
    let id = id(Kind::Job, &job, action)?;
    let after = control.apply(&mut tx, &project, &id).await?;
    tx.commit(Entry::on(&id).changing(None, digest(&after))).await?;
    Ok((StatusCode::OK, Json(after)))
}

/// Cancels a job: at once where it waits, else as soon as its worker hears of
/// it. Asked again it changes nothing.
///
/// Problems of its own: 409 `job_state`: it has ended otherwise.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/jobs/{job}/cancel", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("job" = String, Path, description = "the job's id")),
    responses((status = 200, body = Job), Problems))]
async fn cancel(
    caller: Caller,
    Path(path): Path<(String, String, String)>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    control(&caller, path, Control::Cancel).await
}

/// Has a job wait until it is released. One that runs stops, and keeps what it
/// computed.
///
/// Problems of its own: 409 `job_state`: it has ended, or is being cancelled.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/jobs/{job}/hold", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("job" = String, Path, description = "the job's id")),
    responses((status = 200, body = Job), Problems))]
async fn hold(
    caller: Caller,
    Path(path): Path<(String, String, String)>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    control(&caller, path, Control::Hold).await
}

/// Lets a job that is held go on.
///
/// Problems of its own: 409 `job_state`: it has ended, or is being cancelled.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/jobs/{job}/release", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("job" = String, Path, description = "the job's id")),
    responses((status = 200, body = Job), Problems))]
async fn release(
    caller: Caller,
    Path(path): Path<(String, String, String)>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    control(&caller, path, Control::Release).await
}

/// Queues a job again that failed or was cancelled, with all its attempts.
///
/// Problems of its own: 409 `job_state`: it has not ended, or succeeded; 403
/// `quota_reached`.
#[utoipa::path(post, path = "/v1/orgs/{org}/projects/{project}/jobs/{job}/retry", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("job" = String, Path, description = "the job's id")),
    responses((status = 200, body = Job), Problems))]
async fn retry(
    caller: Caller,
    Path(path): Path<(String, String, String)>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    control(&caller, path, Control::Retry).await
}

/// A part of a job's history.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Events after this number; the first ones unless given.
    #[serde(default)]
    #[param(minimum = 0)]
    after: i64,
}

/// The history of a job, oldest first.
#[derive(Serialize, ToSchema)]
struct Events {
    /// The events, at most 200.
    items: Vec<JobEvent>,
}

/// The history of a job, oldest first.
#[utoipa::path(get, path = "/v1/orgs/{org}/projects/{project}/jobs/{job}/events", tag = "jobs",
    params(("org" = String, Path, description = "the organisation's id"),
        ("project" = String, Path, description = "the project's id"),
        ("job" = String, Path, description = "the job's id"), EventsQuery),
    responses((status = 200, body = Events), Problems))]
async fn events(
    caller: Caller,
    Path((org, project, job)): Path<(String, String, String)>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Events>, Problem> {
    let action = Action::JobRead;
    let (mut tx, project) = caller.read_in(&org, &project, action).await?;
    let id = id(Kind::Job, &job, action)?;
    record::get(&mut tx, &project, &id).await?.ok_or(JobError::Absent)?;
    let items = record::events(&mut tx, &id, query.after, 200).await?;
    Ok(Json(Events { items }))
}
