//! How far a run is: from its directory, and from its scheduler why it is not further.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::DateTime;
use hetero2_scheduler::{Kind, Poll, TaskSet, TaskState};
use serde::Serialize;

use super::ends::Ends;
use super::error::ClusterError;
use super::rounds::poll;
use super::submission::{Round, Submission};
use hetero2_contract::provenance::Provenance;
use hetero2_engine::run::{
    Attempt, Plan, RunDir, RunReport, checkpoints_unverified, finished_pack, open_plan,
    shard_record_unverified,
};

/// Bytes at the end of a log that are looked at.
const TAIL_BYTES: u64 = 4_096;
/// Lines of them that are shown.
const TAIL_LINES: usize = 5;

/// How far a run is.
#[derive(Debug, Clone, Serialize)]
pub struct RunStatus {
    /// Where the run stands.
    pub stage: Stage,
    /// The scheduler of the last submission.
    pub scheduler: Option<Kind>,
    /// Number of rounds submitted so far.
    pub rounds: usize,
    /// Ids of their jobs.
    pub jobs: Vec<String>,
    /// Why the scheduler could not be asked, if so.
    pub scheduler_error: Option<String>,
    /// Counts.
    pub progress: Progress,
    /// What the shards took so far; of a finished run what its provenance says.
    pub cost: Option<Cost>,
    /// How tasks of all rounds ended that did not succeed.
    pub ended: Ends,
    /// Shards that failed in the last round, with the reason.
    pub failed: Vec<Failed>,
    /// What the scheduler says of the reducer.
    pub reducer: Option<TaskState>,
    /// The pack, if it is there.
    pub pack: Option<RunReport>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Planned; nothing was submitted.
    Planned,
    /// Jobs are waiting or running.
    Active,
    /// Cancelled, and not resumed.
    Cancelled,
    /// Nothing is running, and shards or the pack are missing.
    Stopped,
    /// The pack is there.
    Complete,
}

/// Shards and rows by state.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Rows of the library.
    pub rows: u64,
    /// Rows of finished shards, and of the checkpoints of others.
    pub rows_done: u64,
    /// Of those, rows that lie in checkpoints.
    pub rows_in_checkpoints: u64,
    /// Shards of the plan.
    pub shards: usize,
    /// Finished shards.
    pub done: usize,
    /// Shards that run.
    pub running: TaskSet,
    /// Shards that wait.
    pub pending: TaskSet,
    /// Shards that are neither done nor with the scheduler.
    pub missing: TaskSet,
    /// Rows per second since the first shard of the last submission began.
    pub rows_per_second: Option<f64>,
    /// Estimated seconds until all shards are done.
    pub eta_seconds: Option<f64>,
}

/// A shard that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failed {
    /// Number of the shard.
    pub shard: u32,
    /// What the scheduler says.
    pub reason: String,
    /// Last lines of its log.
    pub log_tail: Vec<String>,
}

/// The shards that are not finished, by their records; `reduce` checks the
/// digests of the others.
pub(super) fn missing(dir: &RunDir, plan: &Plan) -> TaskSet {
    let digest = plan.digest();
    let missing = plan.shards.iter().filter(|s| shard_record_unverified(dir, &digest, s).is_none());
    missing.map(|shard| shard.index).collect()
}

/// How far the run in a directory is.
///
/// # Errors
/// [`ClusterError`] when the run directory cannot be read. A scheduler that
/// does not answer is no error: see [`RunStatus::scheduler_error`].
pub fn status(dir: &RunDir) -> Result<RunStatus, ClusterError> {
    let plan = open_plan(dir)?;
    let record = Submission::load(dir)?;
    let pack = finished_pack(dir, &plan)?;
    let rounds = record.as_ref().map_or(0, |record| record.rounds.len());
    let jobs = record.iter().flat_map(|record| &record.rounds).flat_map(|round| &round.jobs);
    let jobs: Vec<String> = jobs.map(|job| job.id.clone()).collect();
    let scheduler = record.as_ref().map(|record| record.scheduler);
    if pack.is_some() {
        let shards = plan.shards.len();
        let progress = Progress {
            rows: plan.rows,
            rows_done: plan.rows,
            shards,
            done: shards,
            ..Progress::default()
        };
        let (stage, failed, reducer) = (Stage::Complete, Vec::new(), None);
        let (scheduler_error, mut ended) = (None, Ends::default());
        let cost = pack.as_ref().and_then(|pack| cost_of(&pack.pack, record.as_ref()));
        record.iter().flat_map(|record| &record.rounds).for_each(|round| ended += round.ended);
        return Ok(RunStatus {
            stage,
            scheduler,
            rounds,
            jobs,
            scheduler_error,
            progress,
            cost,
            ended,
            failed,
            reducer,
            pack,
        });
    }
    let (poll, scheduler_error) = match record.as_ref().map(|record| ask(dir, &plan, record)) {
        Some(Ok(poll)) => (poll, None),
        Some(Err(error)) => (Answer::default(), Some(error.to_string())),
        None => (Answer::default(), None),
    };
    let round = record.as_ref().and_then(|record| record.rounds.last());
    let (progress, cost) = progress(dir, &plan, &poll, round);
    let mut ended = poll.ended;
    // That of the last one is noted when the next is submitted.
    let rounds_before = record.iter().flat_map(|record| record.rounds.iter().rev().skip(1));
    rounds_before.for_each(|round| ended += round.ended);
    let reducer_active = poll.finish.as_ref().is_some_and(is_active);
    let active = reducer_active || !progress.running.is_empty() || !progress.pending.is_empty();
    let stage = match &record {
        None => Stage::Planned,
        // Unreachable is not ended.
        Some(_) if active || scheduler_error.is_some() => Stage::Active,
        Some(record) if record.cancelled => Stage::Cancelled,
        Some(_) => Stage::Stopped,
    };
    let silent = match stage {
        Stage::Stopped => Silence::Tells,
        _ => Silence::TellsNothing,
    };
    let failed = failures(dir, &poll, &progress.missing, silent);
    let reducer = poll.finish;
    Ok(RunStatus {
        stage,
        scheduler,
        rounds,
        jobs,
        scheduler_error,
        progress,
        cost,
        ended,
        failed,
        reducer,
        pack,
    })
}

/// What the scheduler says of the shards of the last round, each by its task, and of
/// the reducer.
pub(super) fn ask(dir: &RunDir, plan: &Plan, record: &Submission) -> Result<Answer, ClusterError> {
    let Poll { tasks, finish } = poll(dir, plan, record)?;
    let ended = Ends::of(&Poll { tasks: tasks.clone(), finish: None });
    let per_task = record.settings.shards_of_a_task(plan.shards.len());
    let shards = record.rounds.last().into_iter().flat_map(|round| round.shards.iter());
    let state = |shard| Some((shard, tasks.get(&(shard / per_task))?.clone()));
    Ok(Answer { per_task, ended, shards: shards.filter_map(state).collect(), finish })
}

/// What the scheduler says of the last round.
#[derive(Debug)]
pub(super) struct Answer {
    /// Shards of a task.
    per_task: u32,
    ended: Ends,
    /// State of each shard that was submitted.
    pub shards: BTreeMap<u32, TaskState>,
    /// State of the reducer.
    pub finish: Option<TaskState>,
}

impl Default for Answer {
    fn default() -> Self {
        let (shards, ended) = (BTreeMap::new(), Ends::default());
        Self { per_task: 1, ended, shards, finish: None }
    }
}

/// Whether a task waits or runs.
pub(super) fn is_active(state: &TaskState) -> bool {
    matches!(state, TaskState::Pending { .. } | TaskState::Running { .. })
}

/// Counts the shards of a run, and what they took.
fn progress(
    dir: &RunDir,
    plan: &Plan,
    poll: &Answer,
    round: Option<&Round>,
) -> (Progress, Option<Cost>) {
    let digest = plan.digest();
    let since = round.and_then(|round| DateTime::parse_from_rfc3339(&round.submitted_at).ok());
    let mut pace = Pace { since: since.map(SystemTime::from), ..Pace::default() };
    let mut cost = Tally::default();
    let mut progress =
        Progress { rows: plan.rows, shards: plan.shards.len(), ..Progress::default() };
    let (mut running, mut pending, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for shard in &plan.shards {
        if let Some(record) = shard_record_unverified(dir, &digest, shard) {
            progress.done += 1;
            progress.rows_done += shard.rows;
            cost.add(&record.attempt);
            let finished = fs::metadata(dir.shard(shard.index)).and_then(|found| found.modified());
            if let Ok(finished) = finished {
                // The rows of an earlier submission's checkpoint were not computed now.
                pace.add(
                    finished,
                    &record.attempt,
                    shard.rows - record.attempt.rows_from_checkpoint,
                );
            }
            continue;
        }
        for (written, part) in checkpoints_unverified(dir, &digest, shard) {
            progress.rows_done += part.rows;
            progress.rows_in_checkpoints += part.rows;
            cost.add(&part.attempt);
            pace.add(written, &part.attempt, part.rows);
        }
        match poll.shards.get(&shard.index) {
            Some(TaskState::Running { .. }) => running.push(shard.index),
            Some(TaskState::Pending { .. }) => pending.push(shard.index),
            _ => missing.push(shard.index),
        }
    }
    progress.running = running.into_iter().collect();
    progress.pending = pending.into_iter().collect();
    progress.missing = missing.into_iter().collect();
    if let Some(rate) = pace.rows_per_second(SystemTime::now()) {
        progress.rows_per_second = Some(rate);
        progress.eta_seconds = Some((plan.rows - progress.rows_done) as f64 / rate);
    }
    (progress, cost.cost(round))
}

/// Rows that were computed since a submission, and when the first of them was begun.
#[derive(Debug, Default)]
struct Pace {
    since: Option<SystemTime>,
    began: Option<SystemTime>,
    rows: u64,
}

impl Pace {
    /// Rows that were written at this moment by this attempt, unless it was before the
    /// submission.
    fn add(&mut self, written: SystemTime, attempt: &Attempt, rows: u64) {
        let Some(since) = self.since.filter(|since| written >= *since) else { return };
        let seconds = Duration::try_from_secs_f64(attempt.seconds).unwrap_or_default();
        let began = written.checked_sub(seconds).unwrap_or(since).max(since);
        self.began = Some(self.began.map_or(began, |other| other.min(began)));
        self.rows += rows;
    }

    fn rows_per_second(&self, now: SystemTime) -> Option<f64> {
        let seconds = now.duration_since(self.began?).ok()?.as_secs_f64();
        (self.rows > 0 && seconds > 0.0).then(|| self.rows as f64 / seconds)
    }
}

/// What the shards of a run took so far, finished ones and checkpoints; what a killed
/// process did after its last checkpoint is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// Core hours: the time of each attempt on each of its threads.
    pub core_hours: f64,
    /// Most memory that a process had, in bytes, where systems told it.
    pub peak_memory: Option<u64>,
    /// What a shard was given in the last round, in MiB, if that was asked for.
    pub asked_mib: Option<u64>,
    /// Machines that took part, each once.
    pub hosts: Vec<String>,
}

#[derive(Debug, Default)]
struct Tally {
    core_seconds: f64,
    peak_memory: Option<u64>,
    hosts: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, attempt: &Attempt) {
        self.core_seconds += attempt.core_seconds();
        self.peak_memory = self.peak_memory.max(attempt.peak_memory);
        self.hosts.extend(attempt.host.clone());
    }

    fn cost(self, round: Option<&Round>) -> Option<Cost> {
        (!self.hosts.is_empty() || self.core_seconds > 0.0).then(|| Cost {
            core_hours: self.core_seconds / 3_600.0,
            peak_memory: self.peak_memory,
            asked_mib: round.and_then(|round| round.resources.memory_of_all_cpus_mib()),
            hosts: self.hosts.into_iter().collect(),
        })
    }
}

/// What the provenance of a pack says that its shards took.
fn cost_of(pack: &Path, record: Option<&Submission>) -> Option<Cost> {
    let text = fs::read_to_string(pack.join("provenance.json")).ok()?;
    let provenance: Provenance = serde_json::from_str(&text).ok()?;
    let round = record.and_then(|record| record.rounds.last());
    Some(Cost {
        core_hours: provenance.notes.core_hours?,
        peak_memory: provenance.notes.peak_memory,
        asked_mib: round.and_then(|round| round.resources.memory_of_all_cpus_mib()),
        hosts: provenance.hosts,
    })
}

/// Whether a shard that the scheduler knows nothing of, and that printed something, has
/// failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// It has: nothing runs any more.
    Tells,
    /// It may have been submitted a moment ago.
    TellsNothing,
}

fn failures(dir: &RunDir, poll: &Answer, missing: &TaskSet, silence: Silence) -> Vec<Failed> {
    let failed = missing.iter().filter_map(|shard| {
        let tail = || log_tail(&dir.logs().join(format!("{:05}.out", shard / poll.per_task)));
        match poll.shards.get(&shard) {
            Some(TaskState::Failed { reason }) => {
                Some(Failed { shard, reason: reason.clone(), log_tail: tail() })
            }
            _ if silence == Silence::TellsNothing => None,
            _ => {
                let log_tail = tail();
                let reason = "it ended unfinished, and the scheduler does not say why".to_owned();
                (!log_tail.is_empty()).then_some(Failed { shard, reason, log_tail })
            }
        }
    });
    failed.collect()
}

/// The last lines of a log, without control characters; none where it cannot be read.
fn log_tail(path: &Path) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let clean = |line: &str| -> String { line.chars().filter(|c| !c.is_control()).collect() };
    let lines: Vec<String> =
        text.lines().map(clean).filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(seconds: f64) -> Attempt {
        Attempt {
            host: Some("n1".into()),
            device: "cpu".into(),
            threads: 4,
            seconds,
            rows_from_checkpoint: 0,
            core_seconds_before: 10.0,
            peak_memory: Some(seconds as u64),
            spectra: None,
            scoring: None,
        }
    }

    #[test]
    fn speed_counts_from_the_start_of_computing_not_of_waiting() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut pace = Pace { since: Some(at(1_000)), ..Pace::default() };
        assert_eq!(pace.rows_per_second(at(2_000)), None);
        // An earlier submission's does not count; the queue took until 5000.
        pace.add(at(999), &attempt(60.0), 700);
        assert_eq!(pace.rows_per_second(at(2_000)), None);
        pace.add(at(5_060), &attempt(60.0), 600);
        pace.add(at(5_100), &attempt(40.0), 400);
        assert_eq!(pace.rows_per_second(at(5_100)), Some(10.0));
    }

    #[test]
    fn cost_is_time_on_every_thread_with_that_of_earlier_attempts() {
        let mut tally = Tally::default();
        assert_eq!(Tally::default().cost(None), None);
        tally.add(&attempt(100.0));
        tally.add(&attempt(200.0));
        let cost = tally.cost(None).unwrap();
        assert!((cost.core_hours - 1_220.0 / 3_600.0).abs() < 1e-12);
        assert_eq!((cost.peak_memory, cost.hosts.len()), (Some(200), 1));
    }
}
