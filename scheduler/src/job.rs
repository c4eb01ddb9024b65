//! What was submitted, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tasks::TaskSet;
use crate::{Kind, SchedulerError};

/// One job that a scheduler accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The scheduler's own id.
    pub id: String,
    /// What the job does.
    pub role: JobRole,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobRole {
    /// An array of tasks.
    Tasks {
        /// SLURM: the array index of a task is its number less this. Elsewhere
        /// 0, and an index is the number itself or its position in `tasks`.
        offset: u32,
        /// Numbers of the tasks.
        tasks: TaskSet,
    },
    /// The command that follows the tasks.
    Finish,
}

/// Jobs in the order of cancelling: first what waits for the tasks, because it
/// would start at their end.
pub(crate) fn finish_first(jobs: &[Job]) -> impl Iterator<Item = &Job> {
    let finish = jobs.iter().filter(|job| job.role == JobRole::Finish);
    finish.chain(jobs.iter().filter(|job| job.role != JobRole::Finish))
}

/// What a scheduler says of some jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// State of each task.
    pub tasks: BTreeMap<u32, TaskState>,
    /// State of the command that follows, where there is one.
    pub finish: Option<TaskState>,
}

/// What a scheduler says of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TaskState {
    /// Waiting.
    Pending {
        /// Why, in the scheduler's words.
        reason: Option<String>,
    },
    /// Running.
    Running {
        /// Where.
        node: Option<String>,
    },
    /// Ended with success, as far as the scheduler knows.
    Succeeded,
    /// Ended otherwise.
    Failed {
        /// Why: `TIMEOUT`, `OUT_OF_MEMORY`, `NODE_FAIL`, `CANCELLED`, `exit code 3` …
        reason: String,
    },
    /// The scheduler does not know the task (any more).
    Unknown,
}

/// Refuses jobs whose ids are none of this scheduler. Ids come from files: one
/// that were an option or a word such as `all` could do harm.
pub(crate) fn check_ids(
    scheduler: Kind,
    jobs: &[Job],
    is_id: fn(&str) -> bool,
) -> Result<(), SchedulerError> {
    match jobs.iter().find(|job| !is_id(&job.id)) {
        Some(job) => {
            let why = format!("`{}` is no id of {scheduler}", job.id);
            Err(SchedulerError::Invalid { scheduler, field: "jobs", why })
        }
        None => Ok(()),
    }
}
