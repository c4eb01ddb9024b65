//! Work without the GIL that Ctrl-C stops cleanly: it runs on a thread of its own,
//! while the calling one looks for signals and tells the progress.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use hetero2_engine::run::{Event, Observer, RunError};
use pyo3::prelude::*;

use crate::errors::{HeteroError, of_run};

/// Time between two looks at signals.
const TICK: Duration = Duration::from_millis(50);
/// What is going on, by its number.
const STAGES: [&str; 3] = ["reading", "computing", "writing"];

/// How far work is, and whether it shall stop.
#[derive(Default)]
pub struct Watch {
    stage: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    fn enter(&self, stage: u8, done: u64, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
        self.stage.store(stage, Ordering::Relaxed);
    }
}

impl Observer for Watch {
    fn event(&self, event: Event) {
        match event {
            Event::Planned { rows } => self.done.store(rows, Ordering::Relaxed),
            Event::Scored { .. } => {}
            Event::Computing { rows, done } => self.enter(1, done, rows),
            Event::Reducing { rows } => self.enter(2, 0, rows),
            Event::Computed { rows } | Event::Reduced { rows } => {
                self.done.fetch_add(rows, Ordering::Relaxed);
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Does `work` without the GIL. `progress`, where given, is called about twenty
/// times a second with what is done, rows done, and rows in all (0 where that is
/// not known).
///
/// # Errors
/// What the work fails with; `KeyboardInterrupt`, or what `progress` raises, once
/// the work has come to a clean stop.
pub fn watched<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Watch) -> Result<T, RunError> + Send,
) -> PyResult<T> {
    let watch = Watch::default();
    thread::scope(|scope| {
        let (finished, mut result) = channel();
        let watch = &watch;
        scope.spawn(move || {
            // The receiver is gone only with the whole scope.
            let _ = finished.send(work(watch));
        });
        let mut raised = None;
        loop {
            let waiting = &mut result;
            let next = py.detach(move || waiting.recv_timeout(TICK));
            match next {
                Ok(_) if raised.is_some() => return Err(raised.unwrap_or_else(lost)),
                Ok(outcome) => return outcome.map_err(|error| of_run(&error)),
                Err(RecvTimeoutError::Disconnected) => return Err(lost()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if raised.is_none() {
                let told = py.check_signals().and_then(|()| tell(progress, watch));
                if let Err(error) = told {
                    watch.stop.store(true, Ordering::Relaxed);
                    raised = Some(error);
                }
            }
        }
    })
}

fn lost() -> PyErr {
    HeteroError::new_err("the work ended without a result: a fault of hetero2, please report it")
}

fn tell(progress: Option<&Bound<'_, PyAny>>, watch: &Watch) -> PyResult<()> {
    let Some(progress) = progress else { return Ok(()) };
    let stage = STAGES[usize::from(watch.stage.load(Ordering::Relaxed)) % STAGES.len()];
    let (done, total) = (watch.done.load(Ordering::Relaxed), watch.total.load(Ordering::Relaxed));
    progress.call1((stage, done, total)).map(drop)
}
