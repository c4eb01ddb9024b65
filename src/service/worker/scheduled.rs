//! A run on the pool's scheduler: planned here, submitted as one array, followed
//! until its pack is there. What an earlier worker submitted is found and followed.
//! It must not know how schedulers are spoken to: the crate `cluster` does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hetero2_cluster::{ClusterError, Kind, RunStatus, Settings, Stage, Zip};
use hetero2_engine::run::RunDir;

use super::Purpose;
use super::attempt::Attempt;
use super::failed::{Broken, Failed};
use super::folder::{JobFolder, Staged};
use super::signal::{Signal, unless};
use crate::job::protocol::Reason;
use crate::job::{Limits, Phase};

/// Looks that must agree that nothing runs: jobs may be between two rounds.
const LOOKS: u32 = 3;
/// How often an operation is tried that another process's stands in the way of.
const TRIES: u32 = 30;

/// Where runs are submitted.
#[derive(Debug, Clone)]
pub struct SchedulerPlace {
    /// The scheduler.
    pub kind: Kind,
    /// What every job asks of it; its own limits go under these.
    pub settings: Settings,
    /// Time between two looks.
    pub every: Duration,
    /// Runs with fewer bytes of inputs are computed by the worker itself.
    pub inline_bytes: u64,
}

impl SchedulerPlace {
    /// What a job of these limits asks for: no more than the pool allows, and no
    /// more from round to round.
    fn asked(&self, limits: Limits) -> Settings {
        let mut settings = self.settings.clone();
        let time = Duration::from_secs(limits.seconds);
        for resources in [&mut settings.shard, &mut settings.reduce] {
            resources.time = Some(resources.time.map_or(time, |most| most.min(time)));
            let most = resources.memory_of_all_cpus_mib().unwrap_or(u64::MAX);
            resources.memory_mib = Some(limits.memory_mib.min(most));
            resources.memory_per_cpu_mib = None;
        }
        settings.escalation = 1.0;
        // The zip is what becomes the job's artifact, however large.
        settings.zip = Some(Zip::Always);
        settings
    }
}

impl Attempt<'_> {
    /// Exit code and report of a run on the scheduler.
    pub(super) async fn scheduled(
        &mut self,
        place: &SchedulerPlace,
        folder: &JobFolder,
        staged: &[Staged],
    ) -> Result<(u8, String), Broken> {
        let dir = Arc::new(RunDir::new(folder.run()));
        if !dir.submit().join("submission.json").exists() {
            self.hold.phase(Phase::Planning);
            let arguments = self.arguments(folder, staged, Purpose::Plan)?;
            let (code, document) = self.command(folder, arguments).await?;
            if code != 0 {
                return Ok((code, document));
            }
        }
        self.hold.phase(Phase::Submitted);
        let settings = place.asked(self.lease.spec.limits);
        let kind = place.kind;
        let submitted =
            on_cluster(&dir, move |dir| match hetero2_cluster::submit(dir, kind, &settings) {
                Ok(submitted) => Ok(Some(submitted)),
                // An earlier attempt's, or finished.
                Err(ClusterError::Active { .. } | ClusterError::Complete { .. }) => Ok(None),
                Err(error) => Err(error),
            });
        // Not cut short: what the scheduler accepted is written down.
        if let Some(submitted) = submitted.await? {
            let ids: Vec<String> = submitted.jobs.iter().map(|job| job.id.clone()).collect();
            self.tell(&format!("submitted to {kind} as {}", ids.join(", "))).await;
            self.hold.progress(|progress| progress.scheduler_jobs = ids);
        }
        let report = self.follow(place, &dir).await?;
        Ok((0, report))
    }

    async fn follow(
        &mut self,
        place: &SchedulerPlace,
        dir: &Arc<RunDir>,
    ) -> Result<String, Broken> {
        let mut idle = 0;
        let mut looked = Instant::now();
        loop {
            let mut signals = self.signals.clone();
            let looking = on_cluster(dir, hetero2_cluster::status);
            match unless(&mut signals, Signal::Hold, looking).await {
                Err(Signal::Cancel | Signal::Hold) => return Err(self.cancel(dir).await),
                // The array goes on: whoever has the job next follows it.
                Err(signal) => return Err(signal.into()),
                Ok(status) => {
                    let status = status?;
                    let cores = place.settings.shard.cpus.unwrap_or(1);
                    self.note(&status, f64::from(cores) * looked.elapsed().as_secs_f64());
                    looked = Instant::now();
                    match status.stage {
                        Stage::Complete => {
                            let report = status.pack.map(|pack| serde_json::to_string(&pack));
                            return Ok(report.transpose().ok().flatten().unwrap_or_default());
                        }
                        Stage::Active => idle = 0,
                        Stage::Cancelled => {
                            let why = "its scheduler jobs were cancelled; release it to go on";
                            return Err(Broken::Held(why.to_owned()));
                        }
                        Stage::Planned | Stage::Stopped if idle + 1 < LOOKS => idle += 1,
                        Stage::Planned | Stage::Stopped => match revive(dir).await? {
                            true => idle = 0,
                            false => return Err(ended_badly(&status).into()),
                        },
                    }
                }
            }
            let pause = tokio::time::sleep(place.every);
            match unless(&mut signals, Signal::Hold, pause).await {
                Ok(()) => {}
                Err(Signal::Cancel | Signal::Hold) => return Err(self.cancel(dir).await),
                Err(signal) => return Err(signal.into()),
            }
        }
    }

    /// Takes the array back, and says why.
    async fn cancel(&mut self, dir: &Arc<RunDir>) -> Broken {
        let signal = *self.signals.borrow();
        match on_cluster(dir, hetero2_cluster::cancel).await {
            Ok(_) => signal.into(),
            Err(broken) => {
                tracing::warn!("the scheduler jobs are not cancelled: {broken:?}");
                signal.into()
            }
        }
    }

    fn note(&mut self, status: &RunStatus, core_seconds: f64) {
        let progress = &status.progress;
        let running = progress.running.len();
        self.used.core_seconds += running as f64 * core_seconds;
        self.hold.phase(
            match (running, progress.missing.is_empty() && progress.pending.is_empty()) {
                (1.., _) => Phase::Computing,
                (0, true) => Phase::Reducing,
                (0, false) => Phase::Submitted,
            },
        );
        let (done, total) = (progress.rows_done, progress.rows);
        let (rate, left) = (progress.rows_per_second, progress.eta_seconds);
        self.hold.progress(|told| {
            told.rows_done = done;
            told.rows_total = Some(total);
            told.rows_per_second = rate;
            told.seconds_left = left.map(|seconds| seconds.clamp(0.0, 1e9) as u64);
        });
    }
}

/// Whether a reducer that died was submitted again.
async fn revive(dir: &Arc<RunDir>) -> Result<bool, Broken> {
    on_cluster(dir, |dir| match hetero2_cluster::revive(dir) {
        Ok(submitted) => Ok(submitted.is_some()),
        Err(ClusterError::RoundsUsedUp { .. } | ClusterError::NotSubmitted { .. }) => Ok(false),
        Err(error) => Err(error),
    })
    .await
}

/// What a run came to that ended without its pack.
fn ended_badly(status: &RunStatus) -> Failed {
    let reasons: Vec<String> = status
        .failed
        .iter()
        .take(3)
        .map(|shard| {
            let log = shard.log_tail.last().map_or_else(String::new, |line| format!(": {line}"));
            format!("shard {}: {}{log}", shard.shard, shard.reason)
        })
        .collect();
    let text = match reasons.is_empty() {
        true => "its array ended without a pack".to_owned(),
        false => format!("its array ended without a pack; {}", reasons.join("; ")),
    };
    let lower = text.to_lowercase();
    let reason = if lower.contains("memory") || lower.contains("oom") {
        Reason::MemoryLimit
    } else if lower.contains("timeout")
        || lower.contains("time limit")
        || lower.contains("walltime")
    {
        Reason::TimeLimit
    } else {
        Reason::Scheduler
    };
    let text = match reason {
        Reason::MemoryLimit => format!("{text} (limits.memory_mib)"),
        Reason::TimeLimit => format!("{text} (limits.seconds)"),
        _ => text,
    };
    Failed::new(reason, &text)
}

/// Does what runs programs of the scheduler, apart from the requests.
async fn on_cluster<T: Send + 'static>(
    dir: &Arc<RunDir>,
    mut work: impl FnMut(&RunDir) -> Result<T, ClusterError> + Send + 'static,
) -> Result<T, Broken> {
    let dir = Arc::clone(dir);
    let done = tokio::task::spawn_blocking(move || {
        let mut tries = 0;
        loop {
            match work(&dir) {
                Err(ClusterError::Busy { .. }) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(Duration::from_secs(1));
                }
                done => return done,
            }
        }
    });
    match done.await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(ClusterError::Run(error))) => {
            Err(Failed::new(Reason::Program, &error.to_string()).into())
        }
        Ok(Err(error)) => Err(Failed::new(Reason::Scheduler, &error.to_string()).into()),
        Err(error) => Err(Failed::new(Reason::Program, &error.to_string()).into()),
    }
}
