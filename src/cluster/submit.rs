//! Submitting shards, submitting what is missing again, and cancelling.

use hetero2_scheduler::{Job, Kind, Prepared, TaskSet};

use super::error::ClusterError;
use super::rounds::{Asked, Asker, jobs_of_last_round, jobs_to_cancel, submit_round, work};
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
    let asked = Asked { kind, settings, resources: &settings.shard };
    let work = work(dir, &plan, &asked, shards, rounds + 1)?;
    Ok(hetero2_scheduler::scheduler(kind).prepare(&work)?)
}

/// Submits the shards that are missing, and a reducer that follows them.
///
/// # Errors
/// [`ClusterError::Active`] while an earlier submission has not ended,
/// [`ClusterError::Complete`] and [`ClusterError::AllDone`] when there is
/// nothing to submit; or why the scheduler refuses.
pub fn submit(dir: &RunDir, kind: Kind, settings: &Settings) -> Result<Submitted, ClusterError> {
    let plan = open_plan(dir)?;
    let shards = shards_to_submit(dir, &plan)?;
    let _lock = SubmitLock::take(dir)?;
    let rounds = match Submission::load(dir)? {
        Some(record) => ended(dir, &plan, record)?.rounds,
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
    submit_round(dir, &plan, record, settings.shard.clone(), shards, Asker::Person)
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
    let rounds = record.rounds_in_a_row();
    if rounds >= record.settings.max_rounds as usize {
        return Err(ClusterError::RoundsUsedUp { path: path(), missing, rounds });
    }
    let factor = record.settings.escalation;
    let last = record.rounds.last().map(|round| &round.resources);
    let resources = last.unwrap_or(&record.settings.shard).escalated(factor, factor);
    submit_round(dir, &plan, record, resources, missing, Asker::Reducer)
}

/// Cancels what is submitted. What is finished stays.
///
/// # Errors
/// [`ClusterError::NotSubmitted`], or why the scheduler does not answer.
pub fn cancel(dir: &RunDir) -> Result<Submission, ClusterError> {
    let plan = open_plan(dir)?;
    let _lock = SubmitLock::take(dir)?;
    let mut record = Submission::existing(dir)?;
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
    let path = || dir.root().to_path_buf();
    if finished_pack(dir, plan)?.is_some() {
        return Err(ClusterError::Complete { path: path() });
    }
    let shards = missing(dir, plan);
    if shards.is_empty() {
        return Err(ClusterError::AllDone { path: path() });
    }
    Ok(shards)
}

/// The record, if nothing of it is waiting or running.
fn ended(dir: &RunDir, plan: &Plan, record: Submission) -> Result<Submission, ClusterError> {
    let poll = ask(dir, plan, &record)?;
    if poll.tasks.values().chain(&poll.finish).any(is_active) {
        let jobs = jobs_of_last_round(dir, plan, &record)?;
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        return Err(ClusterError::Active { path: dir.root().into(), jobs: ids.join(", ") });
    }
    Ok(record)
}
