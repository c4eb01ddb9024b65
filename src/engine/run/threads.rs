//! The threads that a stage of a run works on.

use super::error::RunError;

/// Does work on this many threads; on all cores without a number.
///
/// # Errors
/// [`RunError::Threads`] when they cannot be started; those of the work.
pub(crate) fn with_threads<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<T, RunError> + Send,
) -> Result<T, RunError> {
    let threads = threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| RunError::Threads { threads, why: e.to_string() })?;
    pool.install(work)
}
