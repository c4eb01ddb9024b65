//! Why an attempt came to no result. It must not know who tries again.

use std::path::Path;

use super::signal::Signal;
use crate::job::protocol::Reason;

/// Most characters of a message.
const LONGEST: usize = 2_000;

/// A failure of an attempt, as whoever asked is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub reason: Reason,
    pub message: String,
}

impl Failed {
    pub fn new(reason: Reason, message: &str) -> Self {
        let mut message = message.trim().to_owned();
        if message.chars().count() > LONGEST {
            message = message.chars().take(LONGEST - 1).chain(['…']).collect();
        }
        Self { reason, message }
    }

    /// The worker's disk refused.
    pub fn disk(action: &str, path: &Path, error: std::io::Error) -> Self {
        let reason = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Reason::DiskFull,
            _ => Reason::Program,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::new(reason, &format!("the worker cannot {action} {name}: {error}"))
    }
}

/// Why an attempt ends before its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// It failed.
    Failed(Failed),
    /// It was told to stop.
    Told(Signal),
    /// The server says that the job is another worker's.
    Fenced,
    /// Its scheduler cancelled it, so that it waits for somebody to release it.
    Held(String),
    /// It has to be given back: another process works in its folder, or the worker
    /// cannot work on it.
    GivenBack(String),
}

impl From<Failed> for Broken {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<Signal> for Broken {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Fenced => Self::Fenced,
            signal => Self::Told(signal),
        }
    }
}
