//! The structured log of a shard: one JSON object a line, in the run
//! directory. Knows nothing of what is logged.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use hetero2_common::files::disk::{self, DiskFile};
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt};

use crate::run::layout::RunDir;

/// The log of the shard at work; events go nowhere while there is none.
static OPEN: Mutex<Option<DiskFile>> = Mutex::new(None);

/// A layer of a `tracing` subscriber that writes events to the log of the shard
/// that this process works on.
#[must_use]
pub fn shard_log_layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer().json().flatten_event(true).with_writer(|| Log).with_filter(LevelFilter::INFO)
}

/// Appends to the log of a shard until dropped. A log that cannot be written
/// is a warning, not the end of the work.
pub(crate) struct ShardLog(());

impl ShardLog {
    /// Opens the log of a shard.
    pub fn open(dir: &RunDir, shard: u32) -> Self {
        let path = dir.shard_log(shard);
        let opened = disk::create_dir_all(&dir.logs()).and_then(|()| DiskFile::append(&path));
        match opened {
            Ok(file) => set(Some(file)),
            Err(error) => tracing::warn!("cannot write {}: {error}", path.display()),
        }
        Self(())
    }
}

impl Drop for ShardLog {
    fn drop(&mut self) {
        set(None);
    }
}

fn set(file: Option<DiskFile>) {
    *OPEN.lock().unwrap_or_else(PoisonError::into_inner) = file;
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match OPEN.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(file) => file.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
