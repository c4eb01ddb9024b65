//! SLURM: tasks as job arrays, through `sbatch`, `squeue`, `sacct`, `scancel`.
//!
//! Knows nothing of what the commands do; scripts come from the templates in
//! the folder `slurm/` of the repository.

mod answer;
mod script;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::BTreeSet;

use tracing::{debug, warn};

use self::answer::{Key, States};
use self::script::{
    Array, ArrayLimits, array_name, arrays, documents, finish_name, submit_array, submit_finish,
};
use self::turns::turns;
use crate::command::Programs;
use crate::job::check_ids;
use crate::once::{once, patiently};
use crate::{Job, JobRole, Kind, Poll, Prepared, Scheduler, SchedulerError, TaskState, Work};

/// What SLURM's programs say when `slurmctld` or `slurmdbd` is away.
const AWAY: &[&str] = &[
    "unable to contact slurm controller",
    "unable to establish controller machine",
    "unable to establish configuration source",
    "could not establish a configuration source",
    "socket timed out",
    "timed out while waiting for",
    "zero bytes were transmitted or received",
    "backup controller in standby",
    "protocol authentication error",
    "unable to connect to slurmdbd",
    "slurm_persist_conn",
    "communication connection failure",
    "communications connection failure",
    "temporarily unable to accept job",
    "resource temporarily unavailable",
    "unable to process request, try again",
    "rate limit exceeded",
];

const CURE: &str = "submit from a login node of the cluster, or load its SLURM module";

/// What a job gets to see of the environment of who submits it: enough for
/// its login shell and for SLURM's programs themselves. The rest would make
/// results depend on the shell that submitted, and a submission from within a
/// job would inherit that job's resources. SLURM's own `--export=NONE` needs
/// `su` to work on every node, and holds jobs where it does not.
const INHERITED: &[&str] = &[
    "PATH",
    "LD_LIBRARY_PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_*",
    "TZ",
    "SLURM_CONF",
    "SLURM_JWT",
    "SLURM_CLUSTERS",
    "KRB5CCNAME",
    // Placement that a user has in a profile. The other variables of `sbatch`
    // change what it does (SBATCH_WAIT waits for the job) and are dropped.
    "SBATCH_ACCOUNT",
    "SBATCH_PARTITION",
    "SBATCH_QOS",
    "SBATCH_RESERVATION",
];

/// What SLURM answers to more jobs than a user may have (MaxSubmitJobs), among others.
const LIMITS: &[&str] =
    &["job submit limit", "maxsubmitjob", "job array task count", "too many jobs"];

/// What SLURM answers to an id that it does not know (any more).
const FORGOTTEN: &str = "invalid job id";

/// SLURM, as its programs on this machine reach it.
#[derive(Debug, Clone)]
pub struct Slurm {
    /// How its programs are run.
    pub programs: Programs,
}

impl Default for Slurm {
    fn default() -> Self {
        let mut programs = Programs::new(Kind::Slurm, AWAY, CURE);
        programs.inherited = Some(INHERITED);
        Self { programs }
    }
}

impl Slurm {
    fn limits(&self) -> Result<ArrayLimits, SchedulerError> {
        let config = self.programs.run(&words(&["scontrol", "show", "config"]), None)?;
        let limits = answer::array_limits(&config).unwrap_or_default();
        if limits.size == 0 {
            let why = "this cluster has no job arrays (MaxArraySize=0)".to_owned();
            return Err(SchedulerError::Invalid { scheduler: Kind::Slurm, field: "tasks", why });
        }
        Ok(limits)
    }

    /// Runs the command of one job and adds the job to those submitted.
    fn add(
        &self,
        jobs: &mut Vec<Job>,
        command: &[String],
        name: &str,
        role: JobRole,
    ) -> Result<String, SchedulerError> {
        let submit = || {
            let printed = self.programs.run(command, None)?;
            answer::job_id(&printed).ok_or_else(|| SchedulerError::Refused {
                scheduler: Kind::Slurm,
                command: "sbatch".to_owned(),
                why: format!("it printed no job id but: {}", printed.trim()),
            })
        };
        let found = || {
            let named = self.named(&[format!("--name={name}")])?;
            Ok(named.into_iter().next().map(|(id, _)| id))
        };
        let id = once(&self.programs.pauses, submit, found).map_err(limited)?;
        debug!(id, "submitted");
        jobs.push(Job { id: id.clone(), role });
        Ok(id)
    }

    fn submit_all(
        &self,
        work: &Work,
        arrays: &[Array],
        jobs: &mut Vec<Job>,
    ) -> Result<(), SchedulerError> {
        let (tasks, finish) = documents(work);
        let mut ids: Vec<String> = Vec::new();
        for (array, turn) in arrays.iter().zip(turns(arrays, work.concurrency)) {
            let command = submit_array(work, &tasks.path, array, turn, &ids)?;
            let role = JobRole::Tasks { offset: array.offset, tasks: array.tasks.clone() };
            ids.push(self.add(jobs, &command, &array_name(work, array), role)?);
        }
        if let Some(finish) = finish {
            let command = submit_finish(work, &finish.path, &ids)?;
            self.add(jobs, &command, &finish_name(work), JobRole::Finish)?;
        }
        Ok(())
    }

    /// Ids and names of this user's jobs that `slurmctld` remembers.
    fn named(&self, options: &[String]) -> Result<BTreeSet<(String, String)>, SchedulerError> {
        let mut command = words(&["squeue", "--me", "--noheader", "--states=all", answer::NAMES]);
        command.extend_from_slice(options);
        Ok(answer::names(&self.programs.run(&command, None)?))
    }

    /// States of jobs that `slurmctld` remembers: those that have not ended,
    /// and those that ended a few minutes ago (MinJobAge).
    fn remembered(&self, ids: &str, largest: u32) -> Result<States, SchedulerError> {
        let jobs = format!("--jobs={ids}");
        let command = ["squeue", "--noheader", "--states=all", &jobs, answer::SQUEUE];
        match self.programs.run(&words(&command), None) {
            Ok(text) => Ok(answer::squeue(&text, largest)),
            Err(SchedulerError::Refused { why, .. }) if forgotten(&why) => Ok(States::new()),
            Err(error) => Err(error),
        }
    }

    /// States of jobs in the accounting database, where there is one.
    fn recorded(&self, ids: &str, largest: u32) -> States {
        let jobs = format!("--jobs={ids}");
        let command = ["sacct", "--noheader", "--allocations", "--parsable2", &jobs, answer::SACCT];
        match self.programs.run(&words(&command), None) {
            Ok(text) => answer::sacct(&text, largest),
            Err(error) => {
                debug!(%error, "no accounting");
                States::new()
            }
        }
    }

    fn cancel_some<'a>(&self, jobs: impl Iterator<Item = &'a Job>) -> Result<(), SchedulerError> {
        let ids: Vec<&str> = jobs.map(|job| job.id.as_str()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        match self.programs.run(&words(&[&["scancel"], &ids[..]].concat()), None) {
            Err(SchedulerError::Refused { why, .. }) if forgotten(&why) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

impl Scheduler for Slurm {
    fn kind(&self) -> Kind {
        Kind::Slurm
    }

    /// Where there is no SLURM to ask, arrays are split by its default limits.
    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError> {
        work.check(Kind::Slurm)?;
        let limits = match self.limits() {
            Err(SchedulerError::NotInstalled { .. } | SchedulerError::Unreachable { .. }) => {
                ArrayLimits::default()
            }
            limits => limits?,
        };
        let (tasks, finish) = documents(work);
        let mut commands = Vec::new();
        let mut ids = Vec::new();
        let arrays = arrays(&work.tasks, limits);
        for (array, turn) in arrays.iter().zip(turns(&arrays, work.concurrency)) {
            commands.push(submit_array(work, &tasks.path, array, turn, &ids)?);
            ids.push("JOB_ID".to_owned());
        }
        if let Some(finish) = &finish {
            commands.push(submit_finish(work, &finish.path, &ids)?);
        }
        let documents = [tasks].into_iter().chain(finish).collect();
        Ok(Prepared { documents, commands, inherited: self.programs.inherited })
    }

    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        work.check(Kind::Slurm)?;
        let arrays = arrays(&work.tasks, patiently(&self.programs.pauses, || self.limits())?);
        let (tasks, finish) = documents(work);
        let documents = [tasks].into_iter().chain(finish).collect();
        Prepared { documents, commands: Vec::new(), inherited: None }.write(work)?;
        let mut jobs = Vec::new();
        match self.submit_all(work, &arrays, &mut jobs) {
            Ok(()) => Ok(jobs),
            Err(error) => {
                // What cannot be cancelled is there: whoever submitted has to know.
                match self.cancel(&jobs) {
                    Ok(()) => Err(error),
                    Err(cancel) => {
                        warn!(?jobs, %error, "what was submitted cannot be cancelled");
                        Err(cancel)
                    }
                }
            }
        }
    }

    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        work.check(Kind::Slurm)?;
        let named = self.named(&[])?;
        let finish = finish_name(work);
        let mut jobs = Vec::new();
        let with = |name: &str| -> Vec<String> {
            named.iter().filter(|(_, other)| other == name).map(|(id, _)| id.clone()).collect()
        };
        for array in arrays(&work.tasks, self.limits()?) {
            let role = JobRole::Tasks { offset: array.offset, tasks: array.tasks.clone() };
            let ids = with(&array_name(work, &array)).into_iter();
            jobs.extend(ids.map(|id| Job { id, role: role.clone() }));
        }
        jobs.extend(with(&finish).into_iter().map(|id| Job { id, role: JobRole::Finish }));
        Ok(jobs)
    }

    /// One command, or two where jobs have ended long ago, for any number of
    /// tasks.
    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError> {
        check_ids(Kind::Slurm, jobs, |id| answer::job_id(id).as_deref() == Some(id))?;
        let mut poll = Poll::default();
        let all: BTreeSet<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        if all.is_empty() {
            return Ok(poll);
        }
        let largest = jobs.iter().filter_map(largest_index).max().unwrap_or(0);
        let listed = |ids: &BTreeSet<&str>| ids.iter().copied().collect::<Vec<_>>().join(",");
        let mut states = self.remembered(&listed(&all), largest)?;
        let keys: Vec<(Option<u32>, Key)> = jobs.iter().flat_map(keys).collect();
        let missing: BTreeSet<&str> = keys
            .iter()
            .filter(|(_, key)| !states.contains_key(key))
            .map(|(_, key)| key.0.as_str())
            .collect();
        if !missing.is_empty() {
            for (key, state) in self.recorded(&listed(&missing), largest) {
                states.entry(key).or_insert(state);
            }
        }
        for (task, key) in &keys {
            let state = states.remove(key).unwrap_or(TaskState::Unknown);
            match task {
                Some(task) => drop(poll.tasks.insert(*task, state)),
                None => poll.finish = Some(state),
            }
        }
        Ok(poll)
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError> {
        check_ids(Kind::Slurm, jobs, |id| answer::job_id(id).as_deref() == Some(id))?;
        // The last command first: it would run as soon as the tasks are gone.
        self.cancel_some(jobs.iter().filter(|job| job.role == JobRole::Finish))?;
        self.cancel_some(jobs.iter().filter(|job| job.role != JobRole::Finish))
    }
}

/// SLURM's key of every task of a job; `None` is the last command.
fn keys(job: &Job) -> Vec<(Option<u32>, Key)> {
    let key = |index| (job.id.clone(), index);
    match &job.role {
        JobRole::Tasks { offset, tasks } => {
            tasks.iter().map(|task| (Some(task), key(task.checked_sub(*offset)))).collect()
        }
        JobRole::Finish => vec![(None, key(None))],
    }
}

fn largest_index(job: &Job) -> Option<u32> {
    match &job.role {
        JobRole::Tasks { offset, tasks } => tasks.last()?.checked_sub(*offset),
        JobRole::Finish => None,
    }
}

/// Says what to do where a site bounds how many jobs a user may have.
fn limited(error: SchedulerError) -> SchedulerError {
    match error {
        SchedulerError::Refused { scheduler, command, why } => {
            let small = why.to_lowercase();
            let cure = "; if this is the number of jobs that a user may have there, submit fewer \
                        tasks with several shards each (max-jobs), or plan fewer shards: each is a job";
            let cure = if LIMITS.iter().any(|part| small.contains(part)) { cure } else { "" };
            SchedulerError::Refused { scheduler, command, why: why + cure }
        }
        other => other,
    }
}

fn forgotten(why: &str) -> bool {
    why.to_lowercase().contains(FORGOTTEN)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
