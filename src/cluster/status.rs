//! How far a run is: from its directory, and from its scheduler why it is not further.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::DateTime;
use hetero2_scheduler::{Kind, Poll, TaskSet, TaskState};
use serde::Serialize;

use super::error::ClusterError;
use super::rounds::jobs_of_last_round;
use super::submission::{Round, Submission};
use hetero2_engine::run::{
    Plan, RunDir, RunReport, finished_pack, open_plan, shard_record_unverified,
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
    /// Why the scheduler could not be asked, if so.
    pub scheduler_error: Option<String>,
    /// Counts.
    pub progress: Progress,
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
    /// Rows of finished shards.
    pub rows_done: u64,
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
    /// Rows finished per second since the last submission.
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
        let scheduler_error = None;
        return Ok(RunStatus {
            stage,
            scheduler,
            rounds,
            scheduler_error,
            progress,
            failed,
            reducer,
            pack,
        });
    }
    let (poll, scheduler_error) = match record.as_ref().map(|record| ask(dir, &plan, record)) {
        Some(Ok(poll)) => (poll, None),
        Some(Err(error)) => (Poll::default(), Some(error.to_string())),
        None => (Poll::default(), None),
    };
    let round = record.as_ref().and_then(|record| record.rounds.last());
    let progress = progress(dir, &plan, &poll, round);
    let reducer_active = poll.finish.as_ref().is_some_and(is_active);
    let active = reducer_active || !progress.running.is_empty() || !progress.pending.is_empty();
    let stage = match &record {
        None => Stage::Planned,
        // Unreachable is not ended.
        Some(_) if active || scheduler_error.is_some() => Stage::Active,
        Some(record) if record.cancelled => Stage::Cancelled,
        Some(_) => Stage::Stopped,
    };
    let failed = failures(dir, &poll, &progress.missing);
    let reducer = poll.finish;
    Ok(RunStatus { stage, scheduler, rounds, scheduler_error, progress, failed, reducer, pack })
}

/// What the scheduler says of the last round.
pub(super) fn ask(dir: &RunDir, plan: &Plan, record: &Submission) -> Result<Poll, ClusterError> {
    match &jobs_of_last_round(dir, plan, record)?[..] {
        [] => Ok(Poll::default()),
        jobs => Ok(hetero2_scheduler::scheduler(record.scheduler).poll(jobs)?),
    }
}

/// Whether a task waits or runs.
pub(super) fn is_active(state: &TaskState) -> bool {
    matches!(state, TaskState::Pending { .. } | TaskState::Running { .. })
}

fn progress(dir: &RunDir, plan: &Plan, poll: &Poll, round: Option<&Round>) -> Progress {
    let digest = plan.digest();
    let since = round.and_then(|round| DateTime::parse_from_rfc3339(&round.submitted_at).ok());
    let since = since.map(SystemTime::from);
    let mut progress =
        Progress { rows: plan.rows, shards: plan.shards.len(), ..Progress::default() };
    let (mut running, mut pending, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows_since = 0;
    for shard in &plan.shards {
        if shard_record_unverified(dir, &digest, shard).is_some() {
            progress.done += 1;
            progress.rows_done += shard.rows;
            let finished = fs::metadata(dir.shard(shard.index)).and_then(|found| found.modified());
            if finished.ok().zip(since).is_some_and(|(finished, since)| finished >= since) {
                rows_since += shard.rows;
            }
            continue;
        }
        match poll.tasks.get(&shard.index) {
            Some(TaskState::Running { .. }) => running.push(shard.index),
            Some(TaskState::Pending { .. }) => pending.push(shard.index),
            _ => missing.push(shard.index),
        }
    }
    progress.running = running.into_iter().collect();
    progress.pending = pending.into_iter().collect();
    progress.missing = missing.into_iter().collect();
    let elapsed = since.and_then(|since| since.elapsed().ok()).unwrap_or(Duration::ZERO);
    if rows_since > 0 && !elapsed.is_zero() {
        let rate = rows_since as f64 / elapsed.as_secs_f64();
        progress.rows_per_second = Some(rate);
        progress.eta_seconds = Some((plan.rows - progress.rows_done) as f64 / rate);
    }
    progress
}

fn failures(dir: &RunDir, poll: &Poll, missing: &TaskSet) -> Vec<Failed> {
    let reasons: BTreeMap<u32, &String> = poll
        .tasks
        .iter()
        .filter_map(|(shard, state)| match state {
            TaskState::Failed { reason } => Some((*shard, reason)),
            _ => None,
        })
        .collect();
    let failed = missing.iter().filter_map(|shard| Some((shard, *reasons.get(&shard)?)));
    failed
        .map(|(shard, reason)| Failed {
            shard,
            reason: reason.clone(),
            log_tail: log_tail(&dir.logs().join(format!("{shard:05}.out"))),
        })
        .collect()
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
