//! Shards of one process side by side: while one is opened, written to its end
//! and flushed, the threads compute another. Knows nothing of what a shard is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::run::error::RunError;
use crate::run::observer::{Event, Observer};

/// Threads that one shard keeps busy: one thread hands its rows to the tables
/// and writes what was encoded.
const THREADS_PER_SHARD: usize = 8;
/// Memory grows with the shards that are computed at once, by some 40 MiB each.
const MOST_SHARDS: usize = 16;

/// How many shards are computed at once on this many threads: at least two, of
/// which one hides what the other leaves idle.
pub(crate) fn concurrent_shards(threads: usize) -> usize {
    threads.div_ceil(THREADS_PER_SHARD).clamp(threads.clamp(1, 2), MOST_SHARDS)
}

/// Computes the shards, `at_once` at a time, in their order. When one fails or
/// the observer asks to stop, the others are asked to stop as well.
///
/// # Errors
/// The first error; [`RunError::Cancelled`] only where there is no other.
pub(crate) fn side_by_side(
    shards: &[u32],
    at_once: usize,
    observer: &dyn Observer,
    compute: &(dyn Fn(u32, &dyn Observer) -> Result<(), RunError> + Sync),
) -> Result<(), RunError> {
    let stop = Stop { observer, asked: AtomicBool::new(false), failure: Mutex::new(None) };
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(&shard) = shards.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = stop.check_cancelled().and_then(|()| compute(shard, &stop)) {
                return stop.fail(error);
            }
        }
    };
    rayon::scope(|scope| {
        for _ in 1..at_once {
            scope.spawn(|_| work());
        }
        work();
    });
    stop.failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// An observer that also stops when a shard has failed.
struct Stop<'a> {
    observer: &'a dyn Observer,
    asked: AtomicBool,
    failure: Mutex<Option<RunError>>,
}

impl Stop<'_> {
    fn fail(&self, error: RunError) {
        self.asked.store(true, Ordering::Relaxed);
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        // A shard that is stopped by another's error says that it was cancelled.
        if matches!(*failure, None | Some(RunError::Cancelled)) {
            *failure = Some(error);
        }
    }
}

impl Observer for Stop<'_> {
    fn event(&self, event: Event) {
        self.observer.event(event);
    }

    fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.observer.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::run::observer::Silent;

    fn on_two_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap().install(work)
    }

    fn damaged(shard: u32) -> RunError {
        RunError::DamagedRecords { path: "records".into(), why: format!("shard {shard}") }
    }

    #[test]
    fn many_threads_compute_more_shards_at_once() {
        assert_eq!([1, 2, 8, 16, 24, 128, 512].map(concurrent_shards), [1, 2, 2, 2, 3, 16, 16]);
    }

    #[test]
    fn every_shard_is_computed_once_and_two_at_a_time() {
        let (done, together) = (Mutex::new(Vec::new()), Barrier::new(2));
        let compute = |shard, _: &dyn Observer| {
            together.wait();
            done.lock().unwrap().push(shard);
            Ok(())
        };
        on_two_threads(|| side_by_side(&[2, 3, 5, 7], 2, &Silent, &compute)).unwrap();
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, [2, 3, 5, 7]);
    }

    #[test]
    fn one_at_a_time_takes_shards_in_their_order() {
        let done = Mutex::new(Vec::new());
        let compute = |shard, _: &dyn Observer| {
            done.lock().unwrap().push(shard);
            Ok(())
        };
        side_by_side(&[2, 3, 5, 7], concurrent_shards(1), &Silent, &compute).unwrap();
        assert_eq!(done.into_inner().unwrap(), [2, 3, 5, 7]);
    }

    #[test]
    fn a_failure_stops_the_other_shard_and_is_what_is_returned() {
        for failing in [0, 1] {
            let (begun, together) = (Mutex::new(Vec::new()), Barrier::new(2));
            let compute = |shard: u32, observer: &dyn Observer| {
                begun.lock().unwrap().push(shard);
                together.wait();
                if shard == failing {
                    return Err(damaged(shard));
                }
                while !observer.is_cancelled() {
                    std::thread::yield_now();
                }
                Err(RunError::Cancelled)
            };
            let ended = on_two_threads(|| side_by_side(&[0, 1, 2, 3], 2, &Silent, &compute));
            assert_eq!(ended.unwrap_err().to_string(), damaged(failing).to_string());
            assert_eq!(begun.into_inner().unwrap().len(), 2);
        }
    }

    #[test]
    fn a_failure_is_returned_though_a_shard_was_cancelled_before() {
        let together = Barrier::new(2);
        let compute = |shard: u32, observer: &dyn Observer| {
            together.wait();
            if shard == 0 {
                return Err(RunError::Cancelled);
            }
            while !observer.is_cancelled() {
                std::thread::yield_now();
            }
            Err(damaged(shard))
        };
        let ended = on_two_threads(|| side_by_side(&[0, 1], 2, &Silent, &compute));
        assert_eq!(ended.unwrap_err().to_string(), damaged(1).to_string());
    }

    #[test]
    fn no_shard_is_begun_after_the_observer_asked_to_stop() {
        struct Stopped;
        impl Observer for Stopped {
            fn event(&self, _event: Event) {}
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        let compute = |shard: u32, _: &dyn Observer| Err(damaged(shard));
        let ended = on_two_threads(|| side_by_side(&[0, 1], 2, &Stopped, &compute));
        assert!(matches!(ended, Err(RunError::Cancelled)));
    }
}
