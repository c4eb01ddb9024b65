//! A pool of worker threads for a piece of work, made in one place.

/// The worker threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {threads} worker threads: {source}")]
pub struct ThreadsError {
    /// Threads asked for; 0 stands for one on each core.
    pub threads: usize,
    /// Why not.
    pub source: rayon::ThreadPoolBuildError,
}

/// Does work on a pool of this many threads, which parallel iterators inside it
/// use; on one thread for each core without a number. The threads end with the
/// work.
///
/// # Errors
/// [`ThreadsError`] when the system gives no threads.
pub fn on_threads<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, ThreadsError> {
    let threads = threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    Ok(pool.map_err(|source| ThreadsError { threads, source })?.install(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_sees_the_threads_that_it_was_given() {
        assert_eq!(on_threads(Some(3), rayon::current_num_threads).unwrap(), 3);
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(on_threads(None, rayon::current_num_threads).unwrap(), cores);
    }
}
