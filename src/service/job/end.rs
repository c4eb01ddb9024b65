//! How an attempt ends, once: its run is closed, its artifacts become visible,
//! and the job ends, waits for another attempt, or is held. It must not know
//! HTTP.

use std::time::Duration;

use super::lease::Holder;
use super::protocol::{End, LEASE_SECONDS, Outcome, Reason, Usage};
use super::record::{add_event, unreadable};
use super::submit::JobError;
use super::{JobKind, JobState};
use crate::id::Id;
use crate::quota;
use crate::store::{Columns, Engine, Statement, Store, StoreError, statements, values};
use crate::tenancy::{Action, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

statements! {
    /// Whoever ends an attempt waits here for the others.
    LOCK = "UPDATE job SET version = version + 1 WHERE org_id = $1 AND id = $2 AND attempt = $3 \
        AND lease_hash = $4 AND pool = $5 AND COALESCE(state, '') IN ('running', 'cancelling')";
    LOCK_LOST = "UPDATE job SET version = version + 1 WHERE org_id = $1 AND id = $2 \
        AND lease_until < $3 AND COALESCE(state, '') IN ('running', 'cancelling')";
    JOB = "SELECT project_id, member_id, run_id, kind, state, wanted, attempt, failures, \
        most_attempts, started_at FROM job WHERE org_id = $1 AND id = $2";
    /// The run of a lease that ended.
    ENDED = "SELECT state FROM run WHERE org_id = $1 AND job_id = $2 AND attempt = $3 \
        AND lease_hash = $4 AND ended_at IS NOT NULL";
    SET_JOB = "UPDATE job SET state = $3, wanted = NULL, failures = $4, not_before = $5, \
        reason = $6, message = $7, lease_hash = NULL, lease_until = NULL, phase = NULL, \
        ended_at = $8 WHERE org_id = $1 AND id = $2";
    SET_RUN = "UPDATE run SET state = $3, content_digest = $4, verdict = $5, row_counts = $6, \
        reason = $7, message = $8, ended_at = $9 WHERE org_id = $1 AND id = $2";
    UPLOADED = "SELECT name, blob_id FROM upload WHERE org_id = $1 AND project_id = $2 \
        AND id = $3 AND run_id = $4 AND state = 'complete' AND blob_id IS NOT NULL";
    ARTIFACT = "INSERT INTO artifact (org_id, run_id, name, blob_id, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    LOST = "SELECT id FROM job WHERE org_id = $1 AND lease_until < $2 \
        AND state IN ('running', 'cancelling') ORDER BY lease_until LIMIT 1000";
    ORGS_WITH_LOST = "SELECT id FROM org WHERE EXISTS (SELECT 1 FROM job WHERE job.org_id = org.id \
        AND state IN ('running', 'cancelling') AND lease_until < $1)";
}

/// For PostgreSQL alone: a function looks across organisations.
const SANCTIONED_LOST: Statement =
    Statement::new("SANCTIONED_LOST", "SELECT id FROM orgs_with_lost_leases($1)");

/// The wait before the second attempt; twice as long before each further one.
const BACKOFF: Duration = Duration::from_secs(10);

/// The longest wait before an attempt.
const LONGEST_BACKOFF: Duration = Duration::from_secs(600);

/// Characters of a message that are kept.
const MESSAGE: usize = 2000;

/// A job that an attempt of is ended.
struct Ending {
    job: Id,
    project: Id,
    member: Id,
    run: Id,
    kind: JobKind,
    is_cancelling: bool,
    is_hold_wanted: bool,
    attempt: i64,
    failures: i64,
    most_attempts: i64,
    started_at: Instant,
}

impl Ending {
    fn read(job: &Id, row: &Columns) -> Result<Self, StoreError> {
        let kind = JobKind::from_word(&row.text("kind")?);
        Ok(Self {
            job: job.clone(),
            project: row.id("project_id")?,
            member: row.id("member_id")?,
            run: row.id("run_id")?,
            kind: kind.ok_or_else(|| unreadable("reading a job"))?,
            is_cancelling: row.text("state")? == "cancelling",
            is_hold_wanted: row.optional_text("wanted")?.as_deref() == Some("hold"),
            attempt: row.number("attempt")?,
            failures: row.number("failures")?,
            most_attempts: row.number("most_attempts")?,
            started_at: Instant(row.optional_number("started_at")?.unwrap_or_default()),
        })
    }
}

/// What the job becomes, and what its run is called.
#[derive(Debug, PartialEq)]
struct Next {
    state: JobState,
    run: &'static str,
    failures: i64,
    wait: Duration,
    line: String,
}

impl Next {
    /// A cancel that came before the end wins over it, whatever the end.
    fn of(ending: &Ending, outcome: &Outcome) -> Self {
        let next = |state, run, line: &str| Self {
            state,
            run,
            failures: ending.failures,
            wait: Duration::ZERO,
            line: line.to_owned(),
        };
        let waiting = match ending.is_hold_wanted {
            true => JobState::Held,
            false => JobState::Queued,
        };
        match outcome {
            _ if ending.is_cancelling => next(JobState::Cancelled, "cancelled", "cancelled"),
            Outcome::Succeeded { .. } => next(JobState::Succeeded, "succeeded", "succeeded"),
            Outcome::Held { .. } => next(JobState::Held, "held", "stopped, held"),
            // Nobody asked for it: the worker gives the job back.
            Outcome::Cancelled | Outcome::Released => {
                next(waiting, "released", "given back by its worker")
            }
            Outcome::Failed { reason, .. } => {
                let failures = ending.failures + 1;
                let is_over = !reason.is_retryable() || failures >= ending.most_attempts;
                let word = reason.word();
                match is_over {
                    true => {
                        let line = format!("failed: {word}");
                        Self { failures, ..next(JobState::Failed, "failed", &line) }
                    }
                    false => {
                        // It waited for its lease to run out already.
                        let wait = match reason {
                            Reason::WorkerLost => Duration::ZERO,
                            _ => backoff(failures),
                        };
                        let seconds = wait.as_secs();
                        let line = format!("attempt failed: {word}; again in {seconds} s");
                        Self { failures, wait, ..next(waiting, "failed", &line) }
                    }
                }
            }
        }
    }
}

fn backoff(failures: i64) -> Duration {
    let doublings = u32::try_from(failures - 1).unwrap_or_default().min(10);
    BACKOFF.saturating_mul(1 << doublings).min(LONGEST_BACKOFF)
}

/// Ends the attempt of `holder`. Asked again by the same lease it changes nothing.
///
/// # Errors
///
/// [`JobError::Fenced`] where the job is another's; [`JobError::Upload`] where
/// an artifact is no complete upload of this attempt.
pub async fn end(store: &Store, holder: &Holder, end: &End) -> Result<(), JobError> {
    let Holder { org, job, attempt, lease_hash, pool, .. } = holder;
    let (principal, origin) = (holder.principal(), Origin::local());
    let mut tx = TenantTx::write(store, &principal, &origin, Action::JobWork, None).await?;
    if tx.execute(LOCK, values![org, job, *attempt, lease_hash, pool]).await? == 0 {
        return match tx.row(ENDED, values![org, job, *attempt, lease_hash]).await? {
            Some(row) if row.text("state")? != "lost" => Ok(()),
            _ => Err(JobError::Fenced),
        };
    }
    let row = tx.row(JOB, values![org, job]).await?.ok_or(JobError::Fenced)?;
    let ending = Ending::read(job, &row)?;
    close(&mut tx, &ending, &end.outcome, &end.usage, None).await?;
    Ok(tx.commit(Entry::on(job).within(&ending.project)).await?)
}

async fn close(
    tx: &mut TenantTx,
    ending: &Ending,
    outcome: &Outcome,
    usage: &Usage,
    run_state: Option<&'static str>,
) -> Result<(), JobError> {
    let (org, now) = (tx.org(), Instant::now());
    let next = Next::of(ending, outcome);
    let is_done = next.state == JobState::Succeeded;
    let (mut digest, mut verdict, mut rows) = (None, None, None);
    let (mut reason, mut message, mut uploads) = (None, None, Vec::new());
    match outcome {
        Outcome::Succeeded { content_digest, verdict: word, rows: counts, artifacts } => {
            digest = content_digest.as_deref();
            verdict = word.as_deref();
            rows = serde_json::to_string(counts).ok();
            uploads.extend(artifacts.iter().filter(|_| is_done));
        }
        Outcome::Failed { reason: why, message: text, log } => {
            reason = Some(why.word());
            message = Some(bounded(text));
            uploads.extend(log);
        }
        Outcome::Held { message: text } => message = Some(bounded(text)),
        Outcome::Cancelled | Outcome::Released => {}
    }
    for upload in uploads {
        publish(tx, ending, upload, now).await?;
    }
    let run = run_state.unwrap_or(next.run);
    let values = values![
        &org,
        &ending.run,
        run,
        digest.filter(|_| is_done),
        verdict.filter(|_| is_done),
        rows.as_deref().filter(|_| is_done),
        reason,
        message.as_deref(),
        now,
    ];
    tx.execute(SET_RUN, values).await?;
    let ended = next.state.is_final().then_some(now.0);
    let values = values![
        &org,
        &ending.job,
        next.state.word(),
        next.failures,
        now.plus(next.wait),
        reason,
        message.as_deref(),
        ended,
    ];
    tx.execute(SET_JOB, values).await?;
    add_event(tx, &ending.job, &next.line).await?;
    let outcome = reason.filter(|_| next.run == "failed").unwrap_or(next.run);
    let used = quota::Ended {
        project: &ending.project,
        job: &ending.job,
        run: &ending.run,
        attempt: ending.attempt,
        member: Some(&ending.member),
        kind: ending.kind,
        outcome,
        usage,
        started_at: ending.started_at,
        ended_at: now,
    };
    Ok(quota::record(tx, &used).await?)
}

/// Makes an upload of this attempt an artifact of its run.
async fn publish(
    tx: &mut TenantTx,
    ending: &Ending,
    upload: &str,
    now: Instant,
) -> Result<(), JobError> {
    let org = tx.org();
    let values = values![&org, &ending.project, upload, &ending.run];
    let row = tx.row(UPLOADED, values).await?.ok_or_else(|| JobError::Upload(upload.to_owned()))?;
    let (name, blob) = (row.text("name")?, row.id("blob_id")?);
    let values = values![&org, &ending.run, &name, &blob, now];
    match tx.execute(ARTIFACT, values).await {
        // Two of one name.
        Err(error) if error.is_conflict() => Err(JobError::Upload(upload.to_owned())),
        done => Ok(done.map(drop)?),
    }
}

fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(MESSAGE).collect()
}

/// Takes jobs back whose workers renewed no lease in time, and gives how many.
///
/// # Errors
///
/// Where the database fails.
pub async fn take_back_lost(store: &Store, now: Instant) -> Result<u64, JobError> {
    let statement = match store.engine() {
        Engine::Sqlite => ORGS_WITH_LOST,
        Engine::Postgres => SANCTIONED_LOST,
    };
    let mut tx = store.begin_read().await?;
    let rows = tx.rows(statement, values![now]).await?;
    drop(tx);
    let (mut count, mut failed) = (0, None);
    for row in rows {
        // What fails for one organisation keeps no other's jobs waiting.
        match take_back(store, &Principal::system(row.id("id")?), now).await {
            Ok(taken) => count += taken,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(count), Err)
}

async fn take_back(store: &Store, system: &Principal, now: Instant) -> Result<u64, JobError> {
    let (origin, action, org) = (Origin::local(), Action::Sweep, &system.org);
    let mut tx = TenantTx::read(store, system, &origin, action, None).await?;
    let lost = tx.rows(LOST, values![org, now]).await?;
    drop(tx);
    let (mut count, mut failed) = (0, None);
    for row in lost {
        match take_back_one(store, system, &row.id("id")?, now).await {
            Ok(is_taken) => count += u64::from(is_taken),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(count), Err)
}

/// Whether the job was taken back: another server may have been quicker, or its
/// worker came back.
async fn take_back_one(
    store: &Store,
    system: &Principal,
    job: &Id,
    now: Instant,
) -> Result<bool, JobError> {
    let (origin, org) = (Origin::local(), &system.org);
    let mut tx = TenantTx::write(store, system, &origin, Action::Sweep, None).await?;
    if tx.execute(LOCK_LOST, values![org, job, now]).await? == 0 {
        return Ok(false);
    }
    let Some(row) = tx.row(JOB, values![org, job]).await? else { return Ok(false) };
    let ending = Ending::read(job, &row)?;
    let message = format!("its worker renewed the lease for {LEASE_SECONDS} s no more");
    let outcome = Outcome::Failed { reason: Reason::WorkerLost, message, log: None };
    close(&mut tx, &ending, &outcome, &Usage::default(), Some("lost")).await?;
    tx.commit(Entry::on(job).within(&ending.project)).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Kind;

    fn ending(is_cancelling: bool, is_hold_wanted: bool, failures: i64) -> Ending {
        Ending {
            job: Id::fresh(Kind::Job),
            project: Id::fresh(Kind::Project),
            member: Id::fresh(Kind::Member),
            run: Id::fresh(Kind::Run),
            kind: JobKind::Run,
            is_cancelling,
            is_hold_wanted,
            attempt: failures + 1,
            failures,
            most_attempts: 3,
            started_at: Instant::now(),
        }
    }

    fn succeeded() -> Outcome {
        let (content_digest, verdict) = (None, None);
        Outcome::Succeeded { content_digest, verdict, rows: Default::default(), artifacts: vec![] }
    }

    fn failed(reason: Reason) -> Outcome {
        Outcome::Failed { reason, message: String::new(), log: None }
    }

    #[test]
    fn a_cancel_wins_over_every_end() {
        let held = Outcome::Held { message: String::new() };
        for outcome in [succeeded(), failed(Reason::Input), held, Outcome::Released] {
            let next = Next::of(&ending(true, true, 0), &outcome);
            assert_eq!(next.state, JobState::Cancelled, "{outcome:?}");
        }
    }

    #[test]
    fn what_may_mend_itself_is_tried_again_until_attempts_are_used_up() {
        let next = Next::of(&ending(false, false, 0), &failed(Reason::Killed));
        assert_eq!((next.state, next.failures), (JobState::Queued, 1));
        assert_eq!(next.wait, BACKOFF);
        let next = Next::of(&ending(false, false, 1), &failed(Reason::WorkerLost));
        assert_eq!((next.state, next.wait), (JobState::Queued, Duration::ZERO));
        let next = Next::of(&ending(false, false, 2), &failed(Reason::Killed));
        assert_eq!(next.state, JobState::Failed);
        for reason in [Reason::Input, Reason::TimeLimit, Reason::MemoryLimit, Reason::Verification]
        {
            let next = Next::of(&ending(false, false, 0), &failed(reason));
            assert_eq!(next.state, JobState::Failed, "{reason:?}");
        }
    }

    #[test]
    fn a_hold_that_was_asked_for_outlives_a_failure_and_a_return() {
        let next = Next::of(&ending(false, true, 0), &failed(Reason::Killed));
        assert_eq!(next.state, JobState::Held);
        let next = Next::of(&ending(false, true, 0), &Outcome::Released);
        assert_eq!((next.state, next.failures), (JobState::Held, 0));
        // What is done is done.
        assert_eq!(Next::of(&ending(false, true, 0), &succeeded()).state, JobState::Succeeded);
    }

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(backoff(1), BACKOFF);
        assert_eq!(backoff(3), BACKOFF * 4);
        assert_eq!(backoff(50), LONGEST_BACKOFF);
    }
}
