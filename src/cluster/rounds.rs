//! One round of a submission: what it asks of the scheduler, and which jobs of
//! the scheduler are its.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::PathBuf;
use std::time::SystemTime;

use hetero2_scheduler::{Job, Kind, Poll, Resources, SchedulerError, TaskSet, Work, scheduler};

use super::ends::Ends;
use super::error::ClusterError;
use super::settings::Settings;
use super::submission::{Round, Submission};
use super::submit::Submitted;
use hetero2_common::files::disk;
use hetero2_common::time::utc_timestamp;
use hetero2_engine::run::{Plan, RunDir, RunError};

/// Who asks for a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A person.
    Person,
    /// The reducer of the round before.
    Reducer,
}

/// Digits of a plan's digest in the names of jobs.
const PLAN_DIGITS: usize = 12;

/// A name for the jobs of a round that no other has: of this run, of another, or
/// of a round that was given up because nobody could say whether it was accepted.
fn unique_name(plan: &Plan, number: usize) -> String {
    // Keys of a RandomState are drawn by the system.
    let drawn = RandomState::new().build_hasher().finish() as u32;
    format!("{}-{number}-{drawn:08x}", name_of(plan))
}

fn name_of(plan: &Plan) -> String {
    format!("hetero2-{}", &plan.digest()[..PLAN_DIGITS])
}

/// The jobs of the last round: as they were recorded, or as the scheduler finds
/// them by the round's name.
pub(super) fn jobs_of_last_round(
    dir: &RunDir,
    plan: &Plan,
    record: &Submission,
) -> Result<Vec<Job>, ClusterError> {
    match record.rounds.last() {
        Some(round) if round.jobs.is_empty() => found(dir, plan, record, record.rounds.len()),
        Some(round) => Ok(round.jobs.clone()),
        None => Ok(Vec::new()),
    }
}

/// Every job that may still be the scheduler's: of the last round, whatever was
/// recorded of it, and of rounds of which nothing was.
pub(super) fn jobs_to_cancel(
    dir: &RunDir,
    plan: &Plan,
    record: &Submission,
) -> Result<Vec<Job>, ClusterError> {
    let mut jobs = record.jobs().to_vec();
    for (index, round) in record.rounds.iter().enumerate() {
        if round.jobs.is_empty() || index + 1 == record.rounds.len() {
            let more = found(dir, plan, record, index + 1)?;
            jobs.extend(more.into_iter().filter(|job| !jobs.contains(job)).collect::<Vec<_>>());
        }
    }
    Ok(jobs)
}

/// What the scheduler has of a round, by its name.
fn found(
    dir: &RunDir,
    plan: &Plan,
    record: &Submission,
    number: usize,
) -> Result<Vec<Job>, ClusterError> {
    let Some((round, name)) = number
        .checked_sub(1)
        .and_then(|index| record.rounds.get(index))
        .and_then(|round| Some((round, round.name.clone()?)))
    else {
        return Ok(Vec::new());
    };
    let (settings, shards) = (&record.settings, round.shards.clone());
    let reduce = round.reduce.as_ref().unwrap_or(&settings.reduce);
    let asked = Asked { kind: record.scheduler, settings, resources: &round.resources, reduce };
    let work = work(dir, plan, &asked, shards, number)?;
    Ok(scheduler(record.scheduler).find(&Work { name, ..work })?)
}

/// What the next round consists of.
#[derive(Debug, Clone)]
pub(super) struct Next {
    /// Shards to compute; none where only the reduction is left.
    pub shards: TaskSet,
    /// What each of them is given.
    pub resources: Resources,
    /// What the reducer is given.
    pub reduce: Resources,
    /// Who asks for it.
    pub asker: Asker,
}

/// Submits a round and records it.
pub(super) fn submit_round(
    dir: &RunDir,
    plan: &Plan,
    mut record: Submission,
    next: Next,
) -> Result<Submitted, ClusterError> {
    let number = record.rounds.len() + 1;
    let Next { shards, resources, reduce, asker } = next;
    let asked = Asked {
        kind: record.scheduler,
        settings: &record.settings,
        resources: &resources,
        reduce: &reduce,
    };
    let mut work = work(dir, plan, &asked, shards.clone(), number)?;
    work.name = unique_name(plan, number);
    note_ends(dir, plan, &mut record);
    for folder in [&work.folder, &work.logs] {
        disk::create_dir_all(folder).map_err(ClusterError::io("create", folder))?;
    }
    let submitted_at = utc_timestamp(SystemTime::now());
    record.rounds.push(Round {
        submitted_at,
        name: Some(work.name.clone()),
        shards: shards.clone(),
        resources,
        reduce: Some(reduce),
        automatic: asker == Asker::Reducer,
        ended: Ends::default(),
        jobs: Vec::new(),
    });
    // Before submitting, so that whoever ends this program in between leaves a trace.
    record.save(dir)?;
    let jobs = match scheduler(record.scheduler).submit(&work) {
        Ok(jobs) => jobs,
        // Its name is what the round is found by when the scheduler answers again.
        Err(error @ SchedulerError::Unreachable { .. }) => return Err(error.into()),
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

/// Notes how tasks of the last round ended, while the scheduler still knows.
fn note_ends(dir: &RunDir, plan: &Plan, record: &mut Submission) {
    let ended = poll(dir, plan, record).map(|poll| Ends::of(&poll));
    match (ended, record.rounds.last_mut()) {
        (Ok(ended), Some(round)) => round.ended = ended,
        (Err(error), _) => tracing::debug!("how the last round ended is not known: {error}"),
        (_, None) => {}
    }
}

/// What the scheduler says of the tasks of the last round.
pub(super) fn poll(dir: &RunDir, plan: &Plan, record: &Submission) -> Result<Poll, ClusterError> {
    match &jobs_of_last_round(dir, plan, record)?[..] {
        [] => Ok(Poll::default()),
        jobs => Ok(scheduler(record.scheduler).poll(jobs)?),
    }
}

/// What a round is to be given, and by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The scheduler.
    pub kind: Kind,
    /// What was asked for.
    pub settings: &'a Settings,
    /// What each shard is given this time.
    pub resources: &'a Resources,
    /// What the reducer is given this time.
    pub reduce: &'a Resources,
}

impl Asked<'_> {
    /// Worker threads of a shard: the cores that it is given; `None` where only the
    /// job itself will see how many these are.
    fn shard_threads(&self) -> Option<u32> {
        match self.kind {
            // The cores are ranks, unless their number is said by itself.
            Kind::Mpi if self.settings.array_limit.is_none() => self.resources.cpus.map(|_| 1),
            _ => self.resources.cpus.or(implied_cores(self.kind)),
        }
    }

    /// Worker threads of the reducer, likewise.
    fn reduce_threads(&self) -> Option<u32> {
        self.reduce.cpus.or(implied_cores(self.kind))
    }
}

/// Cores that the adapter of a scheduler asks for where nobody says how many.
fn implied_cores(kind: Kind) -> Option<u32> {
    match kind {
        Kind::Pbs | Kind::HyperQueue | Kind::Ray => Some(1),
        Kind::Local | Kind::Slurm | Kind::Mpi | Kind::Kubernetes => None,
    }
}

fn threads_option(threads: Option<u32>) -> Option<String> {
    threads.map(|threads| format!("--threads={threads}"))
}

/// What a round asks of the scheduler; a name is still to be given where it is
/// submitted.
pub(super) fn work(
    dir: &RunDir,
    plan: &Plan,
    asked: &Asked<'_>,
    shards: TaskSet,
    round: usize,
) -> Result<Work, ClusterError> {
    let Asked { settings, resources, reduce, .. } = asked;
    let root = dir.root();
    let root = root.canonicalize().map_err(ClusterError::io("read", root))?;
    let absolute = RunDir::new(&root);
    let run = root.display().to_string();
    let program = program(settings)?;
    let mut shard = settings.device_options();
    shard.extend(threads_option(asked.shard_threads()));
    let per_task = settings.shards_of_a_task(plan.shards.len());
    let zip = settings.zip_option();
    let reducer: Vec<String> =
        threads_option(asked.reduce_threads()).into_iter().chain(zip.clone()).collect();
    let in_one: Vec<String> = shard.iter().cloned().chain(zip).collect();
    shard.extend(scorer_options(dir, plan, asked)?);
    if per_task > 1 {
        shard.push(format!("--shards-per-task={per_task}"));
    }
    let command = |name: &str, options: &[String], more: &[&str]| -> Vec<String> {
        let name = [program.clone(), name.to_owned()];
        let more = more.iter().map(|word| (*word).to_owned());
        name.into_iter().chain(options.iter().cloned()).chain(more).collect()
    };
    Ok(Work {
        name: name_of(plan),
        folder: absolute.submit().join(format!("round-{round:02}")),
        logs: absolute.logs(),
        task: command("shard", &shard, &[&run]),
        tasks: shards.iter().map(|shard| shard / per_task).collect(),
        program: Some(command("mpi", &in_one, &[&run])),
        finish: Some(command("reduce", &reducer, &[&run, "--resubmit"])),
        resources: (*resources).clone(),
        finish_resources: (*reduce).clone(),
        environment: settings.environment.clone(),
        secrets: settings.secrets.clone(),
        modules: settings.modules.clone(),
        container: settings.container.clone(),
        concurrency: settings.array_limit,
        requeue: settings.requeue,
        extra: settings.extra.clone(),
    })
}

/// The options of `hetero2 shard` that name the command of a plan that asks for one.
/// It is the caller's, never the plan's own: that is data.
fn scorer_options(
    dir: &RunDir,
    plan: &Plan,
    asked: &Asked<'_>,
) -> Result<Vec<String>, ClusterError> {
    let path = || dir.root().to_owned();
    let error = match (&plan.scorer, &asked.settings.scorer) {
        (None, None) => return Ok(Vec::new()),
        (Some(_), _) if asked.kind == Kind::Mpi => {
            RunError::NotScorable { what: "the ranks of an MPI job" }
        }
        (Some(planned), Some(given)) if planned.command == given.command => {
            return Ok(given.options.clone());
        }
        (Some(planned), None) => {
            RunError::NoScorer { path: path(), command: planned.command.clone() }
        }
        (planned, Some(given)) => {
            let planned = planned.as_ref().map(|planned| planned.command.clone());
            let (planned, given) = (planned.unwrap_or_default(), given.command.clone());
            RunError::OtherScorer { path: path(), planned, given }
        }
    };
    Err(error.into())
}

/// This program: by its path, or by its name in a container.
fn program(settings: &Settings) -> Result<String, ClusterError> {
    if settings.container.is_some() {
        return Ok("hetero2".into());
    }
    let path: PathBuf = env::current_exe().map_err(ClusterError::io("find", "hetero2".as_ref()))?;
    Ok(path.display().to_string())
}
