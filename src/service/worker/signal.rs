//! What a job under way is told: by the server through the lease, by the person
//! who ends the worker. It must not know who obeys.

use tokio::sync::watch;

/// What a job is to do; of two, the later in this list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Go on.
    Go,
    /// Stop so that what is computed is kept, and end as held.
    Hold,
    /// The worker stops: give the job back.
    Stop,
    /// Stop, and end as cancelled.
    Cancel,
    /// The job is another's: stop and write nothing.
    Fenced,
}

/// Raises a signal; a lesser one changes nothing.
pub(super) fn raise(sender: &watch::Sender<Signal>, signal: Signal) {
    sender.send_if_modified(|now| {
        let is_more = signal > *now;
        if is_more {
            *now = signal;
        }
        is_more
    });
}

/// Waits until something at least as strong as `least` is said.
pub(super) async fn at_least(signals: &mut watch::Receiver<Signal>, least: Signal) -> Signal {
    let said = signals.wait_for(|now| *now >= least).await.map(|now| *now);
    match said {
        Ok(now) => now,
        // Whoever would say so is gone: nothing more comes.
        Err(_) => std::future::pending().await,
    }
}

/// Does `work` unless something at least as strong as `least` is said first.
///
/// # Errors
/// What was said.
pub(super) async fn unless<T>(
    signals: &mut watch::Receiver<Signal>,
    least: Signal,
    work: impl Future<Output = T>,
) -> Result<T, Signal> {
    tokio::select! {
        biased;
        said = at_least(signals, least) => Err(said),
        done = work => Ok(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_said_is_never_taken_back() {
        let (sender, mut receiver) = watch::channel(Signal::Go);
        raise(&sender, Signal::Cancel);
        raise(&sender, Signal::Hold);
        raise(&sender, Signal::Go);
        assert_eq!(at_least(&mut receiver, Signal::Hold).await, Signal::Cancel);
        let done = unless(&mut receiver, Signal::Fenced, async { 7 }).await;
        assert_eq!(done, Ok(7));
        assert_eq!(unless(&mut receiver, Signal::Stop, async { 7 }).await, Err(Signal::Cancel));
    }
}
