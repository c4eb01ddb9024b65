//! The machine that measures, and what this process has used of it.

use serde::{Deserialize, Serialize};

/// What a figure of speed is worth nothing without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Model of the processor, where the system tells it.
    pub cpu: Option<String>,
    /// Cores that this process may use at once, hyper-threads counted.
    pub cores: usize,
    /// Operating system and architecture, as in `linux x86_64`.
    pub system: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        Self {
            cpu: cpu_model(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What this process has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all threads in user and kernel mode, seconds.
    pub cpu_s: f64,
    /// Largest resident set so far, bytes.
    pub peak_rss_bytes: u64,
}

impl Usage {
    /// As the system counts it; `None` where it does not tell.
    #[must_use]
    #[cfg(unix)]
    pub fn now() -> Option<Self> {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike as _;
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let microseconds =
            usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
        Some(Self {
            cpu_s: microseconds as f64 / 1e6,
            peak_rss_bytes: u64::try_from(usage.max_rss()).ok()? * unit,
        })
    }

    /// As the system counts it; `None` where it does not tell.
    #[must_use]
    #[cfg(not(unix))]
    pub fn now() -> Option<Self> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn usage_grows_with_work_and_memory() {
        let before = Usage::now().unwrap();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = Usage::now().unwrap();
        assert!(block.iter().map(|&b| u64::from(b)).sum::<u64>() == 64 << 20);
        assert!(after.cpu_s >= before.cpu_s);
        assert!(after.peak_rss_bytes >= 64 << 20, "{after:?}");
    }
}
