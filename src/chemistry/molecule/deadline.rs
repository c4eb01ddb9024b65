//! Work that must end by a deadline although it cannot be interrupted.
//!
//! The chemistry crate has no point at which a long perception could be asked
//! to stop. So the work runs on a helper thread of the calling thread; when
//! time is up the helper is left to itself and the next call gets a new one.
//! It knows nothing of molecules.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Helpers that may be stuck at once, over the whole process. Each holds a
/// core until its work ends, if it ever does.
const MAX_STUCK: usize = 64;
/// Stack of a helper, in bytes: address space, used only where touched.
const STACK: usize = 4 << 20;

static STUCK: AtomicUsize = AtomicUsize::new(0);

/// Why [`run_with_deadline`] has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeadlineError {
    /// The work did not end in time; it may go on in the background.
    #[error("timeout: not done after {0:?}")]
    Timeout(Duration),
    /// So much earlier work is still stuck that no more is begun.
    #[error(
        "{0} earlier timeouts still hold their threads; raise the time limit or remove the molecules that exceed it"
    )]
    Exhausted(usize),
    /// No helper thread could be started.
    #[error("no thread for work with a time limit: {0}")]
    NoThread(String),
}

type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    static HELPER: RefCell<Option<Sender<Job>>> = const { RefCell::new(None) };
}

const RUNNING: u8 = 0;
const DONE: u8 = 1;
const ABANDONED: u8 = 2;

/// Runs `work`, for at most `limit` where there is one.
///
/// Without a limit the work runs here and now, at no cost. With one it runs
/// on a helper thread of the calling thread (a hand-over of some microseconds).
/// A panic in the work is a panic of this call either way.
///
/// ```
/// use hetero2_chemistry::molecule::{DeadlineError, run_with_deadline};
/// use std::time::Duration;
///
/// let limit = Duration::from_millis(20);
/// let slow = || std::thread::sleep(Duration::from_millis(200));
/// assert_eq!(run_with_deadline(Some(limit), slow), Err(DeadlineError::Timeout(limit)));
/// assert_eq!(run_with_deadline(Some(limit), || 7), Ok(7));
/// ```
///
/// # Errors
/// [`DeadlineError`]: the time is over, or no helper could be had.
pub fn run_with_deadline<T: Send + 'static>(
    limit: Option<Duration>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DeadlineError> {
    let Some(limit) = limit else { return Ok(work()) };
    let stuck = STUCK.load(Ordering::Relaxed);
    if stuck >= MAX_STUCK {
        return Err(DeadlineError::Exhausted(stuck));
    }
    let state = Arc::new(AtomicU8::new(RUNNING));
    let (answer, answered) = mpsc::sync_channel(1);
    let job = {
        let state = Arc::clone(&state);
        Box::new(move || {
            let result = panic::catch_unwind(AssertUnwindSafe(work));
            if state.swap(DONE, Ordering::AcqRel) == ABANDONED {
                STUCK.fetch_sub(1, Ordering::Relaxed);
            }
            // Nobody may be waiting any more.
            let _ = answer.send(result);
        })
    };
    HELPER.with_borrow_mut(|helper| submit(helper, job))?;
    let outcome = match answered.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => {
            if state.swap(ABANDONED, Ordering::AcqRel) == RUNNING {
                STUCK.fetch_add(1, Ordering::Relaxed);
                HELPER.set(None);
                return Err(DeadlineError::Timeout(limit));
            }
            // It ended just now: its answer is as good as one in time.
            answered.recv().map_err(|e| DeadlineError::NoThread(e.to_string()))?
        }
        Err(RecvTimeoutError::Disconnected) => {
            HELPER.set(None);
            return Err(DeadlineError::NoThread("the helper ended early".into()));
        }
    };
    outcome.map_err(|cause| panic::resume_unwind(cause))
}

/// Hands `job` to the helper, starting one where there is none.
fn submit(helper: &mut Option<Sender<Job>>, job: Job) -> Result<(), DeadlineError> {
    let job = match helper {
        None => job,
        Some(sender) => match sender.send(job) {
            Ok(()) => return Ok(()),
            Err(returned) => returned.0,
        },
    };
    start(helper, job)
}

fn start(helper: &mut Option<Sender<Job>>, job: Job) -> Result<(), DeadlineError> {
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name("deadline".into())
        .stack_size(STACK)
        .spawn(move || {
            for job in jobs {
                job();
            }
        })
        .map_err(|cause| DeadlineError::NoThread(cause.to_string()))?;
    sender.send(job).map_err(|_| DeadlineError::NoThread("the helper ended early".into()))?;
    *helper = Some(sender);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_helper_is_counted_until_it_ends() {
        let limit = Duration::from_millis(10);
        let (release, released) = mpsc::channel::<()>();
        let result = run_with_deadline(Some(limit), move || released.recv().is_ok());
        assert_eq!(result, Err(DeadlineError::Timeout(limit)));
        assert!(STUCK.load(Ordering::Relaxed) >= 1);
        release.send(()).unwrap();
        for _ in 0..500 {
            if STUCK.load(Ordering::Relaxed) == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the helper ended and is still counted");
    }
}
