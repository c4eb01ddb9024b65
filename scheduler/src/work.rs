//! What is submitted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::resources::Resources;
use crate::tasks::TaskSet;

/// An array of tasks and a command that follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Name of the jobs: letters, digits, `-`; at most 40 characters.
    pub name: String,
    /// Absolute folder for scripts and manifests; each submission has its own.
    pub folder: PathBuf,
    /// Absolute folder for the output of tasks, one file each, named by its
    /// number in five digits and `.out`; `finish.out` for the last command.
    pub logs: PathBuf,
    /// Command of a task; its number follows as the last argument.
    pub task: Vec<String>,
    /// Numbers of the tasks.
    pub tasks: TaskSet,
    /// One MPI program that does all tasks, for schedulers of kind
    /// [`crate::Kind::Mpi`] instead of [`Work::task`].
    pub program: Option<Vec<String>>,
    /// Command that runs when every task has ended, however it ended.
    pub finish: Option<Vec<String>>,
    /// What one task needs.
    pub resources: Resources,
    /// What [`Work::finish`] needs.
    pub finish_resources: Resources,
    /// Environment variables of every command.
    pub environment: BTreeMap<String, String>,
    /// Environment modules to load first.
    pub modules: Vec<String>,
    /// Container image that every command runs in.
    pub container: Option<String>,
    /// Most tasks that run at once.
    pub concurrency: Option<u32>,
    /// Further flags for the scheduler's submit command, as they are.
    pub extra: Vec<String>,
}

/// What a submission would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Files that are written.
    pub documents: Vec<Document>,
    /// Commands that are run, in order. Where one needs an id that an earlier
    /// one prints, `JOB_ID` stands for it.
    pub commands: Vec<Vec<String>>,
}

/// A file of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Absolute path.
    pub path: PathBuf,
    /// Text of the file.
    pub text: String,
}
