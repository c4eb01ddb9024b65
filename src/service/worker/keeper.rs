//! Keeps leases: renews them, tells the server how far their jobs are, and tells
//! the jobs what the server orders. It must not know what a job does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::signal::{Signal, raise};
use super::transport::{Link, LinkError};
use crate::job::Phase;
use crate::job::protocol::{Lease, LeaseRenewal, Order, Progress, Renewal};

/// How often it looks whether something is due; a change is told as soon.
const TICK: Duration = Duration::from_secs(2);
/// Most leases of one request: each may bring the end of a log.
const MOST: usize = 8;
/// How far back the speed of computing is measured.
const LATELY: Duration = Duration::from_secs(30);

/// A lease under way, as the job shares it with the keeper.
struct Held {
    org: String,
    job: String,
    attempt: u32,
    secret: String,
    phase: Phase,
    progress: Progress,
    speed: VecDeque<(Instant, u64)>,
    signals: watch::Sender<Signal>,
    renewed: Instant,
    is_changed: bool,
}

/// The leases of a worker.
#[derive(Clone, Default)]
pub(super) struct Keeper(Arc<Mutex<BTreeMap<String, Held>>>);

/// A job's hold on its lease; the lease is not renewed any more once it is dropped.
pub(super) struct Hold {
    keeper: Keeper,
    run: String,
}

impl Keeper {
    fn leases(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a lease from now on.
    pub fn keep(&self, lease: &Lease) -> (Hold, watch::Receiver<Signal>) {
        let (signals, receiver) = watch::channel(Signal::Go);
        let held = Held {
            org: lease.org.clone(),
            job: lease.job.clone(),
            attempt: lease.attempt,
            secret: lease.secret.clone(),
            phase: Phase::Staging,
            progress: Progress::default(),
            speed: VecDeque::new(),
            signals,
            renewed: Instant::now(),
            is_changed: false,
        };
        self.leases().insert(lease.run.clone(), held);
        (Hold { keeper: self.clone(), run: lease.run.clone() }, receiver)
    }

    /// Leases under way.
    pub fn count(&self) -> usize {
        self.leases().len()
    }

    /// Tells every job.
    pub fn tell_all(&self, signal: Signal) {
        for held in self.leases().values() {
            raise(&held.signals, signal);
        }
    }

    /// Renews what is due, until it is dropped.
    pub async fn renew_forever(
        &self,
        link: &Link,
        worker: watch::Receiver<String>,
        every: Duration,
    ) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let worker = worker.borrow().clone();
            loop {
                let (runs, renewal) = self.due(&worker, every);
                if runs.is_empty() {
                    break;
                }
                let is_last = runs.len() < MOST;
                match link.renew(&renewal).await {
                    Ok(renewed) => self.obey(&runs, &renewed.orders),
                    // Jobs go on: whatever they write is fenced by the server.
                    Err(error) => {
                        tracing::warn!("leases are not renewed: {error}");
                        self.unsent(&runs);
                        break;
                    }
                }
                if is_last {
                    break;
                }
            }
        }
    }

    fn due(&self, worker: &str, every: Duration) -> (Vec<String>, Renewal) {
        let mut leases = self.leases();
        let due = leases
            .iter_mut()
            .filter(|(_, held)| held.is_changed || held.renewed.elapsed() >= every)
            .take(MOST);
        let mut runs = Vec::new();
        let mut renewals = Vec::new();
        for (run, held) in due {
            held.is_changed = false;
            held.renewed = Instant::now();
            runs.push(run.clone());
            renewals.push(LeaseRenewal {
                org: held.org.clone(),
                job: held.job.clone(),
                attempt: held.attempt,
                secret: held.secret.clone(),
                phase: held.phase,
                progress: held.progress.clone(),
            });
        }
        (runs, Renewal { worker: worker.to_owned(), leases: renewals })
    }

    /// Renews at the next tick what could not be.
    fn unsent(&self, runs: &[String]) {
        let mut leases = self.leases();
        for run in runs {
            if let Some(held) = leases.get_mut(run) {
                held.is_changed = true;
            }
        }
    }

    fn obey(&self, runs: &[String], orders: &[Order]) {
        let leases = self.leases();
        for (run, order) in runs.iter().zip(orders) {
            let Some(held) = leases.get(run) else { continue };
            match order {
                Order::Continue => {}
                Order::Cancel => raise(&held.signals, Signal::Cancel),
                Order::Hold => raise(&held.signals, Signal::Hold),
                Order::Fenced => raise(&held.signals, Signal::Fenced),
            }
        }
    }
}

impl Hold {
    fn change(&self, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.keeper.leases().get_mut(&self.run) {
            change(held);
            held.is_changed = true;
        }
    }

    /// Says what the job is at.
    pub fn phase(&self, phase: Phase) {
        self.change(|held| {
            if held.phase != phase {
                held.phase = phase;
                held.speed.clear();
                held.progress.rows_per_second = None;
                held.progress.seconds_left = None;
            }
        });
    }

    /// Says how many rows are done, of how many.
    pub fn rows(&self, done: u64, total: u64) {
        self.change(|held| {
            let now = Instant::now();
            held.speed.push_back((now, done));
            while held.speed.front().is_some_and(|(at, _)| now - *at > LATELY) {
                held.speed.pop_front();
            }
            held.progress.rows_done = done;
            held.progress.rows_total = (total > 0).then_some(total);
            let first = held.speed.front().copied().unwrap_or((now, done));
            let seconds = (now - first.0).as_secs_f64();
            let rate = (seconds > 0.5).then(|| done.saturating_sub(first.1) as f64 / seconds);
            held.progress.rows_per_second = rate;
            held.progress.seconds_left = rate
                .filter(|rate| *rate > 0.0 && total > 0)
                .map(|rate| (total.saturating_sub(done) as f64 / rate).min(1e9) as u64);
        });
    }

    /// Says what else is known of its progress.
    pub fn progress(&self, change: impl FnOnce(&mut Progress)) {
        self.change(|held| change(&mut held.progress));
    }

    /// Whether the server said that it is another's; asked at the end of a request.
    pub fn fence(&self, error: &LinkError) {
        if matches!(error, LinkError::Fenced)
            && let Some(held) = self.keeper.leases().get(&self.run)
        {
            raise(&held.signals, Signal::Fenced);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.keeper.leases().remove(&self.run);
    }
}
