//! What SLURM's programs print, read.

use std::collections::{BTreeMap, BTreeSet};

use super::script::ArrayLimits;
use crate::TaskState;

/// Fields of `squeue`, each in full width; the last may hold any text.
pub const SQUEUE: &str =
    "--Format=ArrayJobID:0|,ArrayTaskID:0|,State:0|,exit_code:0|,NodeList:0|,Reason:0";

/// Fields of `squeue` that say which job is whose; a name holds no bar.
pub const NAMES: &str = "--Format=ArrayJobID:0|,Name:0";

/// Fields of `sacct`.
pub const SACCT: &str = "--format=JobID,State,ExitCode,NodeList";

/// Job id and array index; a job that is no array has no index.
pub type Key = (String, Option<u32>);

/// States of jobs and tasks of arrays.
pub type States = BTreeMap<Key, TaskState>;

/// Reads what `squeue` printed; `largest` bounds array indices.
pub fn squeue(text: &str, largest: u32) -> States {
    let mut states = States::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.splitn(6, '|').map(str::trim).collect();
        if let [job, indices, state, exit, nodes, reason] = fields[..] {
            let state = state_of(state, exit, nodes, reason);
            insert(&mut states, job, indices, largest, &state);
        }
    }
    states
}

/// Reads what `sacct` printed: `JobID` is `7`, `7_3` or `7_[4-9%2]`.
pub fn sacct(text: &str, largest: u32) -> States {
    let mut states = States::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
        if let [job, state, exit, nodes] = fields[..] {
            let (job, indices) = job.split_once('_').unwrap_or((job, ""));
            let state = state_of(state, exit, nodes, "");
            insert(&mut states, job, indices, largest, &state);
        }
    }
    states
}

fn insert(states: &mut States, job: &str, indices: &str, largest: u32, state: &TaskState) {
    if indices.is_empty() || indices == "N/A" {
        states.insert((job.to_owned(), None), state.clone());
    }
    for index in ranges(indices, largest) {
        let key = (job.to_owned(), Some(index));
        // `sacct` still lists a task among those that wait (`7_[8-12]`) while it
        // lists it alone already: that line is the newer.
        if indices.parse() == Ok(index) {
            states.insert(key, state.clone());
        } else {
            states.entry(key).or_insert_with(|| state.clone());
        }
    }
}

/// Indices of `3`, `5-9%2`, `[1,3,6-30:2%3]`, up to `largest`.
fn ranges(text: &str, largest: u32) -> BTreeSet<u32> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let text = text.split('%').next().unwrap_or_default();
    let mut indices = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last), Ok(step)) = (first.parse(), last.parse::<u32>(), step.parse())
        {
            indices.extend((first..=last.min(largest)).step_by(usize::max(step, 1)));
        }
    }
    indices
}

/// SLURM's word for a state, in ours.
fn state_of(word: &str, exit: &str, nodes: &str, reason: &str) -> TaskState {
    // `CANCELLED by 1000`, `CANCELLED+`.
    let word = word.split([' ', '+']).next().unwrap_or_default();
    let some = |text: &str| {
        (!matches!(text, "" | "None" | "(null)" | "None assigned")).then(|| text.to_owned())
    };
    match word {
        "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD"
        | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => TaskState::Pending { reason: some(reason) },
        "RUNNING" | "COMPLETING" | "RESIZING" | "SIGNALING" | "STAGE_OUT" | "STOPPED"
        | "SUSPENDED" => TaskState::Running { node: some(nodes) },
        "COMPLETED" => TaskState::Succeeded,
        "FAILED" => TaskState::Failed { reason: ended(exit) },
        "" => TaskState::Unknown,
        // TIMEOUT, OUT_OF_MEMORY, NODE_FAIL, CANCELLED, PREEMPTED, DEADLINE …
        other => TaskState::Failed { reason: other.to_owned() },
    }
}

/// How a process ended: `3:0` (code and signal) from `sacct`, the number that
/// `wait` gives from `squeue`.
fn ended(exit: &str) -> String {
    let parts = match exit.split_once(':') {
        Some((code, signal)) => code.parse().ok().zip(signal.parse().ok()),
        None => exit.parse::<u32>().ok().map(|status| (status >> 8, status & 0x7f)),
    };
    match parts {
        None | Some((0, 0)) => "FAILED".to_owned(),
        Some((code, 0)) => format!("exit code {code}"),
        Some((_, signal)) => format!("signal {signal}"),
    }
}

/// Ids and names of jobs in what `squeue` printed.
pub fn names(text: &str) -> BTreeSet<(String, String)> {
    let pair = |line: &str| {
        let (id, name) = line.split_once('|')?;
        Some((job_id(id)?, name.trim().to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

/// Limits of job arrays in what `scontrol show config` prints.
pub fn array_limits(config: &str) -> Option<ArrayLimits> {
    let value = |key: &str| {
        let mut lines = config.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
    };
    let size = value("MaxArraySize")?.parse().ok()?;
    let parameters = value("SchedulerParameters").unwrap_or_default();
    let tasks = parameters.split(',').find_map(|p| p.strip_prefix("max_array_tasks="));
    Some(ArrayLimits { size, tasks: tasks.and_then(|t| t.parse().ok()).unwrap_or(size) })
}

/// The id in what `sbatch --parsable` prints: `ID` or `ID;CLUSTER`, below
/// whatever a site's submit filter has to say.
pub fn job_id(text: &str) -> Option<String> {
    let id = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let id = id.split(';').next()?;
    (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).then(|| id.to_owned())
}
