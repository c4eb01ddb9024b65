//! Submitting shards, submitting what is missing again, and cancelling.

use hetero2_scheduler::{Job, Kind, Prepared, TaskSet, TaskState};

use super::error::ClusterError;
use super::rounds::{Asked, Asker, Next, jobs_of_last_round, jobs_to_cancel, submit_round, work};
use super::settings::Settings;
use super::status::{ask, is_active, missing};
use super::submission::{SUBMISSION_SCHEMA, Submission, SubmitLock};
use hetero2_engine::run::{Plan, RunDir, finished_pack, open_plan};

/// What was submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// The scheduler.
    pub scheduler: Kind,
    /// Number of the round, from 1.
    pub round: usize,
    /// The shards.
    pub shards: TaskSet,
    /// The jobs.
    pub jobs: Vec<Job>,
}

/// What [`submit`] would write and run. Touches nothing.
///
/// # Errors
/// As [`submit`].
pub fn prepare(dir: &RunDir, kind: Kind, settings: &Settings) -> Result<Prepared, ClusterError> {
    let plan = open_plan(dir)?;
    let shards = shards_to_submit(dir, &plan)?;
    let rounds = Submission::load(dir)?.map_or(0, |record| record.rounds.len());
    let (resources, reduce) = (&settings.shard, &settings.reduce);
    let asked = Asked { kind, settings, resources, reduce };
    let work = work(dir, &plan, &asked, shards, rounds + 1)?;
    Ok(hetero2_scheduler::scheduler(kind).prepare(&work)?)
}

/// Submits the shards that are missing, and a reducer that follows them; where no
/// shard is missing, the reducer alone.
///
/// # Errors
/// [`ClusterError::Active`] while an earlier submission has not ended,
/// [`ClusterError::Complete`] when there is nothing to submit; or why the
/// scheduler refuses.
pub fn submit(dir: &RunDir, kind: Kind, settings: &Settings) -> Result<Submitted, ClusterError> {
    let plan = open_plan(dir)?;
    let shards = shards_to_submit(dir, &plan)?;
    let _lock = SubmitLock::take(dir)?;
    let mut reduce = settings.reduce.clone();
    let rounds = match Submission::load(dir)? {
        Some(record) => {
            let end = end(dir, &plan, &record)?;
            // What died of what it was given is given more, unless the settings say what.
            let same = record.settings.reduce == settings.reduce;
            if end == ReducerEnd::Died && same && !record.cancelled {
                let factor = settings.escalation;
                reduce = record.last_reduce().escalated(factor, factor);
            }
            record.rounds
        }
        None => Vec::new(),
    };
    let record = Submission {
        schema_version: SUBMISSION_SCHEMA.into(),
        plan_digest: plan.digest(),
        scheduler: kind,
        settings: settings.clone(),
        rounds,
        cancelled: false,
    };
    let resources = settings.shard.clone();
    submit_round(dir, &plan, record, Next { shards, resources, reduce, asker: Asker::Person })
}

/// Submits what is missing to the same scheduler; `change` may raise limits.
///
/// # Errors
/// [`ClusterError::NotSubmitted`] where there is nothing to resume; else as
/// [`submit`].
pub fn resume(
    dir: &RunDir,
    change: impl FnOnce(Settings) -> Result<Settings, ClusterError>,
) -> Result<Submitted, ClusterError> {
    let record = Submission::existing(dir)?;
    submit(dir, record.scheduler, &change(record.settings)?)
}

/// Submits missing shards as the next automatic round: what a reducer does
/// that finds its shards incomplete.
///
/// # Errors
/// [`ClusterError::RoundsUsedUp`] and [`ClusterError::Cancelled`] when there
/// shall be no further round.
pub fn resubmit(dir: &RunDir, missing: TaskSet) -> Result<Submitted, ClusterError> {
    let plan = open_plan(dir)?;
    let _lock = SubmitLock::take(dir)?;
    let record = Submission::existing(dir)?;
    let path = || dir.root().to_path_buf();
    if record.cancelled {
        return Err(ClusterError::Cancelled { path: path(), missing });
    }
    check_rounds(dir, &record, &missing)?;
    let factor = record.settings.escalation;
    let last = record.rounds.last().map(|round| &round.resources);
    let resources = last.unwrap_or(&record.settings.shard).escalated(factor, factor);
    let reduce = record.last_reduce().clone();
    let next = Next { shards: missing, resources, reduce, asker: Asker::Reducer };
    submit_round(dir, &plan, record, next)
}

/// Submits a reducer again that died or was cancelled by somebody else before it had
/// decided anything, with more time and memory, and with it what shards are
/// missing; `None` where that is not what became of it.
///
/// # Errors
/// As [`resubmit`].
pub fn revive(dir: &RunDir) -> Result<Option<Submitted>, ClusterError> {
    let plan = open_plan(dir)?;
    if finished_pack(dir, &plan)?.is_some() {
        return Ok(None);
    }
    let _lock = SubmitLock::take(dir)?;
    let record = Submission::existing(dir)?;
    if record.cancelled || end(dir, &plan, &record)? != ReducerEnd::Died {
        return Ok(None);
    }
    let shards = missing(dir, &plan);
    check_rounds(dir, &record, &shards)?;
    let last = record.rounds.last().map(|round| &round.resources);
    let resources = last.unwrap_or(&record.settings.shard).clone();
    let factor = record.settings.escalation;
    let reduce = record.last_reduce().escalated(factor, factor);
    let next = Next { shards, resources, reduce, asker: Asker::Reducer };
    submit_round(dir, &plan, record, next).map(Some)
}

/// Refuses a further automatic round when the last ones finished nothing.
fn check_rounds(dir: &RunDir, record: &Submission, missing: &TaskSet) -> Result<(), ClusterError> {
    let rounds = record.rounds_without_progress(missing.len());
    if rounds < record.settings.max_rounds as usize {
        return Ok(());
    }
    let (path, missing) = (dir.root().to_path_buf(), missing.clone());
    Err(ClusterError::RoundsUsedUp { path, missing, rounds })
}

/// Cancels what is submitted. What is finished stays.
///
/// # Errors
/// [`ClusterError::NotSubmitted`], [`ClusterError::Complete`] when there is nothing to
/// cancel any more, or why the scheduler does not answer.
pub fn cancel(dir: &RunDir) -> Result<Submission, ClusterError> {
    let plan = open_plan(dir)?;
    let _lock = SubmitLock::take(dir)?;
    let mut record = Submission::existing(dir)?;
    if finished_pack(dir, &plan)?.is_some() {
        return Err(ClusterError::Complete { path: dir.root().to_path_buf() });
    }
    // First, so that a reducer which is about to start submits nothing more.
    record.cancelled = true;
    record.save(dir)?;
    let jobs = jobs_to_cancel(dir, &plan, &record)?;
    hetero2_scheduler::scheduler(record.scheduler).cancel(&jobs)?;
    if let Some(round) = record.rounds.last_mut().filter(|round| round.jobs.is_empty()) {
        round.jobs = jobs;
        record.save(dir)?;
    }
    Ok(record)
}

fn shards_to_submit(dir: &RunDir, plan: &Plan) -> Result<TaskSet, ClusterError> {
    if finished_pack(dir, plan)?.is_some() {
        return Err(ClusterError::Complete { path: dir.root().to_path_buf() });
    }
    Ok(missing(dir, plan))
}

/// What became of the reducer of the last round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReducerEnd {
    /// A limit, a node or somebody else ended it, or it failed though every shard was there.
    Died,
    /// It decided that shards are missing, or nobody knows.
    Otherwise,
}

/// What became of the reducer, if nothing of the last round is waiting or running.
fn end(dir: &RunDir, plan: &Plan, record: &Submission) -> Result<ReducerEnd, ClusterError> {
    let poll = ask(dir, plan, record)?;
    if poll.shards.values().chain(&poll.finish).any(is_active) {
        let jobs = jobs_of_last_round(dir, plan, record)?;
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        return Err(ClusterError::Active { path: dir.root().into(), jobs: ids.join(", ") });
    }
    Ok(match poll.finish {
        // A program that ends by itself has an exit code; one that is told to stop, too.
        Some(TaskState::Failed { reason })
            if !reason.starts_with("exit code") || missing(dir, plan).is_empty() =>
        {
            ReducerEnd::Died
        }
        _ => ReducerEnd::Otherwise,
    })
}
