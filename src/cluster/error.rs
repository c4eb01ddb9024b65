//! What can go wrong between a run and a scheduler.

use std::path::{Path, PathBuf};

use hetero2_scheduler::{SchedulerError, TaskSet};

use super::quantity::QuantityError;
use hetero2_common::files::FileError;
use hetero2_engine::run::RunError;

/// Why a run could not be submitted, followed or cancelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The run directory cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The scheduler refused, or is not there.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file cannot be read.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A settings file that cannot be understood.
    #[error("{}: {why}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        why: String,
    },
    /// Settings of the working directory that can run code.
    #[error(
        "{} sets {keys}: these decide which code jobs run, and anybody may have put that file into \
         the working directory; look at it, then trust it, or move the settings into your own file",
        path.display()
    )]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// The settings, by name.
        keys: String,
    },
    /// A walltime or an amount of memory that cannot be read.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// A record of submissions that cannot be understood.
    #[error("{} is no record of submissions of this program: {why}; move it away to submit again", path.display())]
    NotASubmission {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing was submitted from this run directory.
    #[error("nothing was submitted from {}: `hetero2 submit {}` does so", path.display(), path.display())]
    NotSubmitted {
        /// The run directory.
        path: PathBuf,
    },
    /// What was submitted has not ended.
    #[error(
        "{} is submitted already ({jobs}) and has not ended: follow it with `hetero2 status {}`, or end it with `hetero2 cancel {}`",
        path.display(), path.display(), path.display()
    )]
    Active {
        /// The run directory.
        path: PathBuf,
        /// Ids of the jobs.
        jobs: String,
    },
    /// The pack is there.
    #[error("{} is complete: its pack is {}", path.display(), path.join("pack").display())]
    Complete {
        /// The run directory.
        path: PathBuf,
    },
    /// Automatic rounds are used up.
    #[error(
        "shards {missing} are missing after {rounds} rounds that finished none: see `hetero2 status {}` for the reasons, then `hetero2 resume {}`",
        path.display(), path.display()
    )]
    RoundsUsedUp {
        /// The run directory.
        path: PathBuf,
        /// What is missing.
        missing: TaskSet,
        /// Rounds at the end that finished no shard.
        rounds: usize,
    },
    /// The submission was cancelled.
    #[error("shards {missing} are missing, and the submission was cancelled: `hetero2 resume {}` submits them again", path.display())]
    Cancelled {
        /// The run directory.
        path: PathBuf,
        /// What is missing.
        missing: TaskSet,
    },
    /// Another process submits from this run directory.
    #[error("another process submits from {} at this moment: try again", path.display())]
    Busy {
        /// The run directory.
        path: PathBuf,
    },
}

impl ClusterError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
