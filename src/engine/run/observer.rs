//! How a run tells its caller of progress and learns that it shall stop.

use super::error::RunError;

/// What just happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// This many rows of the library have been read.
    Planned {
        /// Rows so far.
        rows: u64,
    },
    /// Computing begins.
    Computing {
        /// Rows in all.
        rows: u64,
        /// Rows of shards that were finished before.
        done: u64,
    },
    /// A command was asked for this many more molecules.
    Scored {
        /// Molecules, with a score or without.
        molecules: u64,
    },
    /// This many more rows are computed.
    Computed {
        /// Rows of a chunk that lacks no more than its spectra.
        rows: u64,
    },
    /// All shards are there; the pack is being written.
    Reducing {
        /// Rows in all.
        rows: u64,
    },
    /// This many more rows have been merged.
    Reduced {
        /// Rows of the merged batch.
        rows: u64,
    },
}

/// A caller that wants to watch a run or stop it.
pub trait Observer: Sync {
    /// Called from any thread, often; must be quick.
    fn event(&self, event: Event);

    /// Whether the run shall stop at the next safe point.
    fn is_cancelled(&self) -> bool {
        false
    }

    /// [`RunError::Cancelled`] when the run shall stop.
    ///
    /// # Errors
    /// When [`Observer::is_cancelled`] says so.
    fn check_cancelled(&self) -> Result<(), RunError> {
        if self.is_cancelled() { Err(RunError::Cancelled) } else { Ok(()) }
    }
}

/// An observer that neither looks nor stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event) {}
}
