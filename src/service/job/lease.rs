//! What a worker does with a job that it leased, but for ending it: it renews,
//! reads the job, and adds to its history. Every act carries the lease, and one
//! that was lost changes nothing. It must not know HTTP.

use std::time::Duration;

use super::InputRole;
use super::protocol::{LEASE_SECONDS, LeaseRenewal, LeasedInput, Order};
use super::record::{add_event, unreadable};
use super::submit::JobError;
use crate::auth::secret::Secret;
use crate::id::{Id, Kind};
use crate::store::{Columns, Store, StoreError, statements, values};
use crate::tenancy::{Action, Origin, Principal, TenantTx};
use crate::time::Instant;

pub use super::claim::claim;
pub use super::end::end;

statements! {
    /// A lease that ran out, but was not given to another yet, is still its holder's.
    RENEW = "UPDATE job SET lease_until = $5, phase = $6, progress = $7 \
        WHERE org_id = $1 AND id = $2 AND attempt = $3 AND lease_hash = $4 \
        AND worker_id = $8 AND COALESCE(state, '') IN ('running', 'cancelling')";
    WANTED = "SELECT state, wanted FROM job WHERE org_id = $1 AND id = $2";
    /// Whoever changes a job waits here for the others.
    HOLD = "UPDATE job SET version = version WHERE org_id = $1 AND id = $2 AND attempt = $3 \
        AND lease_hash = $4 AND pool = $5 AND COALESCE(state, '') IN ('running', 'cancelling')";
    LEASED = "SELECT project_id, run_id FROM job WHERE org_id = $1 AND id = $2";
    INPUTS = "SELECT role, job_input.name, size, sha256, blob_id FROM job_input \
        JOIN blob ON blob.org_id = job_input.org_id AND blob.id = job_input.blob_id \
        WHERE job_input.org_id = $1 AND job_id = $2 ORDER BY number";
}

/// Whose lease of what: what every request of a worker for a job carries.
#[derive(Clone)]
pub struct Holder {
    /// The organisation.
    pub org: Id,
    /// The job.
    pub job: Id,
    /// The attempt.
    pub attempt: i64,
    /// SHA-256 of the lease's secret as hex.
    pub lease_hash: String,
    /// The name of the pool whose token came with it.
    pub pool: String,
    /// The id of that pool.
    pub pool_id: Id,
}

impl Holder {
    /// Who acts: a worker of the pool.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::worker(self.org.clone(), self.pool_id.clone(), self.pool_id.clone())
    }
}

/// A job whose lease is held, for as long as the transaction lasts.
#[derive(Debug, Clone)]
pub struct HeldJob {
    /// Its project.
    pub project: Id,
    /// The run of the attempt.
    pub run: Id,
}

/// Whether the lease is still its holder's. The job's row is locked until `tx`
/// ends, so that nobody takes the lease meanwhile.
///
/// # Errors
///
/// [`JobError::Fenced`] where the job is another's, or ended.
pub async fn hold_check(tx: &mut TenantTx, holder: &Holder) -> Result<HeldJob, JobError> {
    let Holder { org, job, attempt, lease_hash, pool, .. } = holder;
    if tx.execute(HOLD, values![org, job, *attempt, lease_hash, pool]).await? == 0 {
        return Err(JobError::Fenced);
    }
    let row = tx.row(LEASED, values![org, job]).await?.ok_or(JobError::Fenced)?;
    Ok(HeldJob { project: row.id("project_id")?, run: row.id("run_id")? })
}

/// The inputs of a job with their blobs, in the order of its specification.
///
/// # Errors
///
/// Where the database fails.
pub async fn inputs(tx: &mut TenantTx, job: &Id) -> Result<Vec<(LeasedInput, Id)>, StoreError> {
    let org = tx.org();
    let rows = tx.rows(INPUTS, values![&org, job]).await?;
    rows.iter().map(|row| Ok((input(row)?, row.id("blob_id")?))).collect()
}

fn input(row: &Columns) -> Result<LeasedInput, StoreError> {
    let role: Result<InputRole, _> = serde_json::from_value(row.text("role")?.into());
    Ok(LeasedInput {
        role: role.map_err(|_| unreadable("reading an input"))?,
        name: row.text("name")?,
        size: row.natural("size")?,
        sha256: row.text("sha256")?,
    })
}

/// Keeps a lease for a while longer, notes how far the job is, and says what is
/// wanted of it.
///
/// # Errors
///
/// Where the database fails.
pub async fn renew(store: &Store, worker: &Id, lease: &LeaseRenewal) -> Result<Order, JobError> {
    let parsed = || {
        let secret = Secret::parse(&lease.secret)?;
        Some((Id::parse(Kind::Org, &lease.org)?, Id::parse(Kind::Job, &lease.job)?, secret))
    };
    // What is not well formed is answered like a lease that was lost.
    let Some((org, job, secret)) = parsed() else { return Ok(Order::Fenced) };
    let (attempt, lease_hash) = (i64::from(lease.attempt), secret.hash());
    let principal = Principal::worker(org.clone(), worker.clone(), worker.clone());
    let origin = Origin::local();
    let mut tx = TenantTx::write(store, &principal, &origin, Action::JobWork, None).await?;
    let until = Instant::now().plus(Duration::from_secs(LEASE_SECONDS));
    let progress = serde_json::to_string(&lease.progress.bounded())
        .map_err(|_| unreadable("writing progress"))?;
    let phase = lease.phase.word();
    let values = values![&org, &job, attempt, &lease_hash, until, phase, &progress, worker];
    if tx.execute(RENEW, values).await? == 0 {
        return Ok(Order::Fenced);
    }
    let row = tx.row(WANTED, values![&org, &job]).await?.ok_or(JobError::Fenced)?;
    let is_cancelling = row.text("state")? == "cancelling";
    let is_held = row.optional_text("wanted")?.as_deref() == Some("hold");
    tx.commit_bookkeeping().await?;
    Ok(match (is_cancelling, is_held) {
        (true, _) => Order::Cancel,
        (false, true) => Order::Hold,
        (false, false) => Order::Continue,
    })
}

/// Adds lines to the history of a job.
///
/// # Errors
///
/// [`JobError::Fenced`] where the job is another's, or ended.
pub async fn note(store: &Store, holder: &Holder, lines: &[String]) -> Result<(), JobError> {
    let (principal, origin) = (holder.principal(), Origin::local());
    let mut tx = TenantTx::write(store, &principal, &origin, Action::JobWork, None).await?;
    hold_check(&mut tx, holder).await?;
    for line in lines.iter().take(50) {
        add_event(&mut tx, &holder.job, line).await?;
    }
    Ok(tx.commit_bookkeeping().await?)
}
