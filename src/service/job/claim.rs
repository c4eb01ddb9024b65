//! Which jobs a worker gets: of the organisation that is served least, by priority,
//! then by age, within its quota. It must not know what workers do with them.

use super::JobKind;
use super::lease;
use super::pool::WorkerRow;
use super::protocol::{LEASE_SECONDS, Lease};
use super::record::{add_event, spec};
use super::submit::JobError;
use crate::auth::secret::Secret;
use crate::id::{Id, Kind};
use crate::quota;
use crate::store::{Columns, Engine, Statement, Store, StoreError, statements, values};
use crate::tenancy::{Action, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

/// The jobs that go next, of an organisation and for a pool.
macro_rules! pick {
    () => {
        "SELECT id, project_id, name, kind, spec, attempt, trace FROM job \
        WHERE org_id = $1 AND pool = $2 AND state = 'queued' AND not_before <= $3 \
        AND ($4 = '' OR $4 LIKE '%,' || kind || ',%') ORDER BY priority DESC, id LIMIT $5"
    };
}

statements! {
    WAITING = "SELECT o.id FROM org o WHERE ($2 = '' OR o.id = $2) AND EXISTS (SELECT 1 FROM job j \
        WHERE j.org_id = o.id AND j.pool = $1 AND j.state = 'queued' AND j.not_before <= $3)";
    PICK = pick!();
    /// By its key, whatever an index of queued jobs may seem to offer.
    TAKE = "UPDATE job SET state = 'running', wanted = NULL, attempt = $3, worker_id = $4, \
        run_id = $5, lease_hash = $6, lease_until = $7, phase = 'staging', progress = NULL, \
        reason = NULL, message = NULL, started_at = $8, version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND COALESCE(state, '') = 'queued'";
    INSERT_RUN = "INSERT INTO run (org_id, id, project_id, name, kind, state, created_at, job_id, \
        attempt, worker_id, lease_hash) VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $8, $9, $10)";
}

/// For PostgreSQL alone: claims side by side take different rows, and a function
/// looks across organisations.
const PICK_UNLOCKED: Statement =
    Statement::new("PICK_UNLOCKED", concat!(pick!(), " FOR UPDATE SKIP LOCKED"));
const SANCTIONED_WAITING: Statement =
    Statement::new("SANCTIONED_WAITING", "SELECT id FROM orgs_that_wait($1, $2, $3)");

/// Jobs for a worker, now; none where none wait.
///
/// # Errors
///
/// Where the database fails. What was claimed before stays so, and is given back
/// when its lease runs out.
pub async fn claim(
    store: &Store,
    worker: &WorkerRow,
    most: u32,
    kinds: &[JobKind],
) -> Result<Vec<Lease>, JobError> {
    let (most, origin) = (i64::from(most.clamp(1, 64)), Origin::local());
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(",{},", kinds.join(",")) };
    let mut leases = Vec::new();
    loop {
        let orgs = waiting(store, worker).await?;
        // One where several wait, so that it is seen again who is served least.
        let at_once = if orgs.len() == 1 { most } else { 1 };
        let before = leases.len();
        for org in orgs {
            let left = most - i64::try_from(leases.len()).unwrap_or(i64::MAX);
            let principal = Principal::worker(org, worker.id.clone(), worker.pool_id.clone());
            let tx = TenantTx::write(store, &principal, &origin, Action::JobWork, None).await?;
            leases.extend(take(tx, worker, &kinds, left.min(at_once)).await?);
            if leases.len() > before {
                break;
            }
        }
        let is_full = i64::try_from(leases.len()).is_ok_and(|count| count >= most);
        if is_full || leases.len() == before {
            return Ok(leases);
        }
    }
}

/// The organisations whose jobs wait for the pool, least served first.
async fn waiting(store: &Store, worker: &WorkerRow) -> Result<Vec<Id>, StoreError> {
    let statement = match store.engine() {
        Engine::Sqlite => WAITING,
        Engine::Postgres => SANCTIONED_WAITING,
    };
    let only = worker.only_org.as_ref().map_or("", Id::as_str);
    let mut tx = store.begin_read().await?;
    let rows = tx.rows(statement, values![&worker.pool, only, Instant::now()]).await?;
    rows.iter().map(|row| row.id("id")).collect()
}

async fn take(
    mut tx: TenantTx,
    worker: &WorkerRow,
    kinds: &str,
    most: i64,
) -> Result<Vec<Lease>, JobError> {
    let most = most.min(quota::room_at_claim(&mut tx).await?);
    if most <= 0 {
        return Ok(Vec::new());
    }
    let pick = match tx.engine() {
        Engine::Sqlite => PICK,
        Engine::Postgres => PICK_UNLOCKED,
    };
    let org = tx.org();
    let rows = tx.rows(pick, values![&org, &worker.pool, Instant::now(), kinds, most]).await?;
    let mut leases = Vec::new();
    for row in &rows {
        leases.extend(lease_to(&mut tx, &worker.id, row).await?);
    }
    if leases.is_empty() {
        return Ok(leases);
    }
    let ids: Vec<&str> = leases.iter().map(|lease| lease.job.as_str()).collect();
    tx.commit(Entry::on(&ids.join(" "))).await?;
    Ok(leases)
}

async fn lease_to(
    tx: &mut TenantTx,
    worker: &Id,
    row: &Columns,
) -> Result<Option<Lease>, JobError> {
    let (org, now) = (tx.org(), Instant::now());
    let (job, project) = (row.id("id")?, row.id("project_id")?);
    let (run, secret) = (Id::fresh(Kind::Run), Secret::fresh()?);
    let (attempt, hash) = (row.number("attempt")? + 1, secret.hash());
    let until = now.plus(std::time::Duration::from_secs(LEASE_SECONDS));
    let taken = values![&org, &job, attempt, worker, &run, &hash, until, now];
    if tx.execute(TAKE, taken).await? == 0 {
        return Ok(None);
    }
    let (name, kind) = (row.text("name")?, row.text("kind")?);
    let values = values![&org, &run, &project, &name, &kind, now, &job, attempt, worker, &hash];
    tx.execute(INSERT_RUN, values).await?;
    add_event(tx, &job, &format!("attempt {attempt} begins at {worker}")).await?;
    let inputs = lease::inputs(tx, &job).await?.into_iter().map(|(input, _)| input).collect();
    Ok(Some(Lease {
        org: org.to_string(),
        project: project.to_string(),
        job: job.to_string(),
        run: run.to_string(),
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        secret: secret.text().to_string(),
        trace: row.optional_text("trace")?,
        spec: spec(row)?,
        inputs,
    }))
}
