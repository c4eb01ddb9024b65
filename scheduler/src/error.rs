//! Errors of schedulers.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::Kind;

/// Why a scheduler did not do as it was asked.
#[derive(Debug, Error)]
pub enum SchedulerError {
    /// A program that is needed is not there.
    #[error("{scheduler} needs the program {program}, which is not on PATH; {cure}")]
    NotInstalled {
        /// The scheduler.
        scheduler: Kind,
        /// The program.
        program: String,
        /// What to do about it.
        cure: String,
    },
    /// The scheduler did not answer (in time): whether it acted is not known.
    #[error("{scheduler} cannot be reached: `{command}`: {why}; try again later")]
    Unreachable {
        /// The scheduler.
        scheduler: Kind,
        /// The command that failed.
        command: String,
        /// What it said.
        why: String,
    },
    /// The scheduler refused.
    #[error("{scheduler} refused: `{command}`: {why}")]
    Refused {
        /// The scheduler.
        scheduler: Kind,
        /// The command that failed.
        command: String,
        /// What it said.
        why: String,
    },
    /// The work asks for what the scheduler does not have, or makes no sense.
    #[error("{scheduler} cannot take {field}: {why}")]
    Invalid {
        /// The scheduler.
        scheduler: Kind,
        /// Which part of the work.
        field: &'static str,
        /// What is wrong and what would do.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// `read`, `write`, `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl SchedulerError {
    /// An error of the file system.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }
}
