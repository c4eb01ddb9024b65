//! Jobs as members ask for them: submitted, cancelled, held, released, tried again.
//! It must not know how they are computed.

use serde::Deserialize;
use utoipa::ToSchema;

use super::pool::DEFAULT;
use super::record::{self, Job, add_event};
use super::{InputRole, JobSpec, Source};
use crate::auth::secret::NoRandomness;
use crate::id::{Id, Kind};
use crate::quota::{self, QuotaError};
use crate::store::{StoreError, statements, values};
use crate::tenancy::{Denied, TenantTx};
use crate::time::Instant;

statements! {
    /// Whoever changes a job waits here for the others.
    LOCK = "UPDATE job SET version = version WHERE org_id = $1 AND project_id = $2 AND id = $3";
    INSERT = "INSERT INTO job (org_id, id, project_id, member_id, name, kind, pool, priority, spec, \
        state, most_attempts, not_before, trace, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12)";
    INSERT_INPUT = "INSERT INTO job_input (org_id, job_id, number, role, name, blob_id) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    DATASET = "SELECT name, blob_id FROM dataset WHERE org_id = $1 AND project_id = $2 AND id = $3 \
        AND deleted_at IS NULL";
    PACK = "SELECT artifact.blob_id FROM artifact \
        JOIN run ON run.org_id = artifact.org_id AND run.id = artifact.run_id \
        WHERE run.org_id = $1 AND run.project_id = $2 AND run.id = $3 AND run.state = 'succeeded' \
        AND artifact.name = 'pack.zip'";
    CANCEL_WAITING = "UPDATE job SET state = 'cancelled', wanted = NULL, ended_at = $3, \
        version = version + 1 WHERE org_id = $1 AND id = $2 AND state IN ('queued', 'held')";
    CANCEL_RUNNING = "UPDATE job SET state = 'cancelling', wanted = 'cancel', \
        version = version + 1 WHERE org_id = $1 AND id = $2 AND state = 'running'";
    HOLD_QUEUED = "UPDATE job SET state = 'held', version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND COALESCE(state, '') = 'queued'";
    HOLD_RUNNING = "UPDATE job SET wanted = 'hold', version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND state = 'running'";
    RELEASE = "UPDATE job SET state = 'queued', wanted = NULL, not_before = $3, \
        version = version + 1 WHERE org_id = $1 AND id = $2 AND COALESCE(state, '') = 'held'";
    UNHOLD = "UPDATE job SET wanted = NULL, version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND state = 'running' AND wanted = 'hold'";
    RETRY = "UPDATE job SET state = 'queued', wanted = NULL, failures = 0, not_before = $3, \
        reason = NULL, message = NULL, progress = NULL, ended_at = NULL, version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND state IN ('failed', 'cancelled')";
}

/// A job that is asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// Its name; that of its kind unless given.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// The pool whose workers compute it; `default` unless given.
    #[schema(min_length = 1, max_length = 40)]
    pub pool: Option<String>,
    /// Of the organisation's jobs the greater goes first, −100 to 100.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: i64,
    /// Whether it waits until it is released.
    #[serde(default)]
    pub held: bool,
    /// What to compute.
    pub spec: JobSpec,
}

impl NewJob {
    /// The pool that it is for.
    #[must_use]
    pub fn pool(&self) -> &str {
        self.pool.as_deref().unwrap_or(DEFAULT)
    }
}

/// Why a job is not as asked.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is none.
    #[error("there is no such job")]
    Absent,
    /// An input is not there.
    #[error(
        "inputs[{0}]: the project has no such dataset, or no such run that succeeded with a pack"
    )]
    Input(usize),
    /// Its state does not allow it.
    #[error("the job is {0}, which does not allow this")]
    State(&'static str),
    /// The lease was lost: the job is another's, or ended.
    #[error("the lease was lost: the job is another's, or has ended")]
    Fenced,
    /// An artifact is no complete upload of the attempt.
    #[error("{0} is no complete upload of this attempt")]
    Upload(String),
    /// The one who asks may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The organisation may not have more.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Submits a job in `project`.
///
/// # Errors
///
/// Where an input is not there, or the organisation may have no more jobs.
pub async fn submit(tx: &mut TenantTx, project: &Id, new: &NewJob) -> Result<Job, JobError> {
    quota::check_submission(tx, 1).await?;
    let (org, id, now) = (tx.org(), Id::fresh(Kind::Job), Instant::now());
    let member = tx.principal().maker();
    let spec = serde_json::to_string(&new.spec).map_err(|_| record::unreadable("writing a job"))?;
    let trace = tx.origin().trace.clone();
    let name = new.name.as_deref().unwrap_or(new.spec.kind.word());
    let values = values![
        &org,
        &id,
        project,
        &member,
        name,
        new.spec.kind.word(),
        new.pool(),
        new.priority,
        &spec,
        if new.held { "held" } else { "queued" },
        i64::from(new.spec.limits.attempts),
        now,
        trace.as_deref(),
    ];
    tx.execute(INSERT, values).await?;
    for (number, input) in new.spec.inputs.iter().enumerate() {
        let (name, blob) = find(tx, project, &input.source, number).await?;
        let at = i64::try_from(number).unwrap_or(i64::MAX);
        let role: InputRole = input.role;
        tx.execute(INSERT_INPUT, values![&org, &id, at, role.word(), &name, &blob]).await?;
    }
    add_event(tx, &id, if new.held { "submitted, held" } else { "submitted" }).await?;
    found(tx, project, &id).await
}

async fn find(
    tx: &mut TenantTx,
    project: &Id,
    source: &Source,
    number: usize,
) -> Result<(String, Id), JobError> {
    let org = tx.org();
    let absent = || JobError::Input(number);
    match source {
        Source::Dataset(text) => {
            let id = Id::parse(Kind::Dataset, text).ok_or_else(absent)?;
            let row = tx.row(DATASET, values![&org, project, &id]).await?.ok_or_else(absent)?;
            Ok((row.text("name")?, row.id("blob_id")?))
        }
        Source::Run(text) => {
            let id = Id::parse(Kind::Run, text).ok_or_else(absent)?;
            let row = tx.row(PACK, values![&org, project, &id]).await?.ok_or_else(absent)?;
            Ok(("pack.zip".to_owned(), row.id("blob_id")?))
        }
    }
}

async fn found(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Job, JobError> {
    record::get(tx, project, id).await?.ok_or(JobError::Absent)
}

/// A job that nobody else changes until `tx` ends: what is asked for a job that is
/// handed from one state to the next is asked for one of them.
async fn locked(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Job, JobError> {
    let org = tx.org();
    tx.execute(LOCK, values![&org, project, id]).await?;
    found(tx, project, id).await
}

/// Who acts on a job, for its history.
fn by(tx: &TenantTx, what: &str) -> String {
    format!("{what} by {}", tx.principal().maker())
}

/// Cancels a job: at once where it waits, else as soon as its worker hears of it.
/// One that is cancelled stays so.
///
/// # Errors
///
/// Where it has ended otherwise.
pub async fn cancel(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Job, JobError> {
    let job = locked(tx, project, id).await?;
    let org = tx.org();
    let mut count = tx.execute(CANCEL_WAITING, values![&org, id, Instant::now()]).await?;
    if count == 0 {
        count = tx.execute(CANCEL_RUNNING, values![&org, id]).await?;
    }
    finish(tx, project, job, count, &["cancelling", "cancelled"], "cancelled").await
}

/// Has a job wait until it is released; one that runs stops and keeps what it
/// computed.
///
/// # Errors
///
/// Where it has ended, or is being cancelled.
pub async fn hold(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Job, JobError> {
    let job = locked(tx, project, id).await?;
    let org = tx.org();
    let mut count = tx.execute(HOLD_QUEUED, values![&org, id]).await?;
    if count == 0 {
        count = tx.execute(HOLD_RUNNING, values![&org, id]).await?;
    }
    finish(tx, project, job, count, &["held"], "held").await
}

/// Lets a job that waits for it go on.
///
/// # Errors
///
/// Where it has ended, or is being cancelled.
pub async fn release(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Job, JobError> {
    let job = locked(tx, project, id).await?;
    let org = tx.org();
    let mut count = tx.execute(RELEASE, values![&org, id, Instant::now()]).await?;
    if count == 0 {
        count = tx.execute(UNHOLD, values![&org, id]).await?;
    }
    finish(tx, project, job, count, &["queued", "running"], "released").await
}

/// Queues a job again that failed or was cancelled, with all its attempts.
///
/// # Errors
///
/// Where it has not ended, or succeeded; where the organisation may have no more.
pub async fn retry(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Job, JobError> {
    let job = locked(tx, project, id).await?;
    quota::check_submission(tx, 1).await?;
    let org = tx.org();
    let count = tx.execute(RETRY, values![&org, id, Instant::now()]).await?;
    finish(tx, project, job, count, &["queued"], "queued again").await
}

/// What an act came to: done, or done before where the state is one of `same`.
async fn finish(
    tx: &mut TenantTx,
    project: &Id,
    job: Job,
    count: u64,
    same: &[&str],
    what: &str,
) -> Result<Job, JobError> {
    let now = found(tx, project, &job.id).await?;
    if count == 0 {
        return match same.contains(&now.state.word()) {
            true => Ok(now),
            false => Err(JobError::State(now.state.word())),
        };
    }
    let line = by(tx, what);
    add_event(tx, &job.id, &line).await?;
    Ok(now)
}
