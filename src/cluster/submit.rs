//! Submitting shards, submitting what is missing again, and cancelling.

use std::env;
use std::path::PathBuf;
use std::time::SystemTime;

use hetero2_scheduler::{Job, Kind, Prepared, Resources, TaskSet, Work};

use super::error::ClusterError;
use super::settings::Settings;
use super::status::{ask, is_active, missing};
use super::submission::{Round, SUBMISSION_SCHEMA, Submission, SubmitLock};
use hetero2_common::files::disk;
use hetero2_common::time::utc_timestamp;
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
    let work = work(dir, &plan, settings, &settings.shard, shards, rounds + 1)?;
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
        Some(record) => ended(dir, record)?.rounds,
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
    submit_round(dir, &plan, record, settings.shard.clone(), shards, false)
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
    submit_round(dir, &plan, record, resources, missing, true)
}

/// Cancels what is submitted. What is finished stays.
///
/// # Errors
/// [`ClusterError::NotSubmitted`], or why the scheduler does not answer.
pub fn cancel(dir: &RunDir) -> Result<Submission, ClusterError> {
    let _lock = SubmitLock::take(dir)?;
    let mut record = Submission::existing(dir)?;
    // First, so that a reducer which is about to start submits nothing more.
    record.cancelled = true;
    record.save(dir)?;
    hetero2_scheduler::scheduler(record.scheduler).cancel(record.jobs())?;
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
fn ended(dir: &RunDir, record: Submission) -> Result<Submission, ClusterError> {
    let poll = ask(&record)?;
    if poll.tasks.values().chain(&poll.finish).any(is_active) {
        let ids: Vec<&str> = record.jobs().iter().map(|job| job.id.as_str()).collect();
        return Err(ClusterError::Active { path: dir.root().into(), jobs: ids.join(", ") });
    }
    Ok(record)
}

fn submit_round(
    dir: &RunDir,
    plan: &Plan,
    mut record: Submission,
    resources: Resources,
    shards: TaskSet,
    automatic: bool,
) -> Result<Submitted, ClusterError> {
    let number = record.rounds.len() + 1;
    let work = work(dir, plan, &record.settings, &resources, shards.clone(), number)?;
    for folder in [&work.folder, &work.logs] {
        disk::create_dir_all(folder).map_err(ClusterError::io("create", folder))?;
    }
    let submitted_at = utc_timestamp(SystemTime::now());
    let round =
        Round { submitted_at, shards: shards.clone(), resources, automatic, jobs: Vec::new() };
    record.rounds.push(round);
    // Before submitting, so that whoever ends this program in between leaves a trace.
    record.save(dir)?;
    let jobs = match hetero2_scheduler::scheduler(record.scheduler).submit(&work) {
        Ok(jobs) => jobs,
        Err(error) => {
            record.rounds.pop();
            record.save(dir)?;
            return Err(error.into());
        }
    };
    if let Some(round) = record.rounds.last_mut() {
        round.jobs.clone_from(&jobs);
    }
    record.save(dir)?;
    Ok(Submitted { scheduler: record.scheduler, round: number, shards, jobs })
}

fn work(
    dir: &RunDir,
    plan: &Plan,
    settings: &Settings,
    resources: &Resources,
    tasks: TaskSet,
    round: usize,
) -> Result<Work, ClusterError> {
    let root = dir.root();
    let root = root.canonicalize().map_err(ClusterError::io("read", root))?;
    let absolute = RunDir::new(&root);
    let run = root.display().to_string();
    let program = program(settings)?;
    let device = settings.device_options();
    let command = |name: &str, options: &[String], more: &[&str]| -> Vec<String> {
        let name = [program.clone(), name.to_owned()];
        let more = more.iter().map(|word| (*word).to_owned());
        name.into_iter().chain(options.iter().cloned()).chain(more).collect()
    };
    Ok(Work {
        name: format!("hetero2-{}", &plan.digest()[..12]),
        folder: absolute.submit().join(format!("round-{round:02}")),
        logs: absolute.logs(),
        task: command("shard", &device, &[&run]),
        tasks,
        program: Some(command("mpi", &device, &[&run])),
        finish: Some(command("reduce", &[], &[&run, "--resubmit"])),
        resources: resources.clone(),
        finish_resources: settings.reduce.clone(),
        environment: settings.environment.clone(),
        secrets: settings.secrets.clone(),
        modules: settings.modules.clone(),
        container: settings.container.clone(),
        concurrency: settings.array_limit,
        extra: settings.extra.clone(),
    })
}

/// This program: by its path, or by its name in a container.
fn program(settings: &Settings) -> Result<String, ClusterError> {
    if settings.container.is_some() {
        return Ok("hetero2".into());
    }
    let path: PathBuf = env::current_exe().map_err(ClusterError::io("find", "hetero2".as_ref()))?;
    Ok(path.display().to_string())
}
