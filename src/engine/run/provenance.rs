//! What may differ between two runs of one plan: times, host, devices.

use std::time::{Duration, Instant, SystemTime};

use hetero2_common::time::utc_timestamp;

/// When a run started, on the wall and on the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    wall: SystemTime,
    clock: Instant,
}

impl Started {
    /// Now.
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), clock: Instant::now() }
    }

    /// Seconds since then.
    pub fn seconds(&self) -> f64 {
        self.clock.elapsed().as_secs_f64()
    }

    /// The wall time in UTC, as `2026-01-31T23:59:59Z`.
    pub fn timestamp(&self) -> String {
        utc_timestamp(self.wall)
    }
}

/// Name of this machine, where the system tells it.
pub(crate) fn host() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
}

/// What started this process, by the variables that it sets.
pub(crate) fn scheduler() -> &'static str {
    const MARKS: [(&str, &str); 6] = [
        ("SLURM_JOB_ID", "slurm"),
        ("PBS_JOBID", "pbs"),
        ("HQ_JOB_ID", "hyperqueue"),
        ("KUBERNETES_SERVICE_HOST", "kubernetes"),
        ("RAY_JOB_ID", "ray"),
        ("OMPI_COMM_WORLD_SIZE", "mpi"),
    ];
    let found = MARKS.iter().find(|(variable, _)| std::env::var_os(variable).is_some());
    found.map_or("local", |(_, name)| name)
}

/// Most memory that this process has had, in bytes, where the system tells it.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Time that this process has had on cores, where the system tells it, to a hundredth
/// of a second.
pub(crate) fn core_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in brackets, which may hold anything.
    let (_, after) = stat.rsplit_once(')')?;
    let ticks = |at: usize| after.split_ascii_whitespace().nth(at)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}
