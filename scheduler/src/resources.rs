//! What a task needs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Resources and placement of one task; what is `None` is left to the site.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// Partition or queue.
    pub partition: Option<String>,
    /// Account that is charged.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Wall-clock limit.
    pub time: Option<Duration>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Memory of each core in MiB, instead of [`Resources::memory_mib`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_per_cpu_mib: Option<u64>,
    /// CPU cores.
    pub cpus: Option<u32>,
    /// GPUs.
    pub gpus: Option<u32>,
    /// Node features to ask for, in the scheduler's own words.
    pub constraint: Option<String>,
}

impl Resources {
    /// The same with memory and time multiplied, for another attempt at what
    /// may have failed for want of them.
    #[must_use]
    pub fn escalated(&self, memory: f64, time: f64) -> Self {
        let more = |mib: u64| (mib as f64 * memory).ceil() as u64;
        Self {
            memory_mib: self.memory_mib.map(more),
            memory_per_cpu_mib: self.memory_per_cpu_mib.map(more),
            time: self.time.map(|limit| limit.mul_f64(time)),
            ..self.clone()
        }
    }
}

impl Resources {
    /// Memory of the whole task in MiB, for schedulers that know none of a core.
    #[must_use]
    pub fn memory_of_all_cpus_mib(&self) -> Option<u64> {
        let cpus = u64::from(self.cpus.unwrap_or(1));
        self.memory_mib.or(self.memory_per_cpu_mib.map(|mib| mib.saturating_mul(cpus)))
    }
}

/// A wall-clock limit as batch schedulers read it, `HH:MM:SS` (hours may pass
/// 24), rounded up to whole seconds.
#[must_use]
pub fn walltime(limit: Duration) -> String {
    let seconds = limit.as_secs() + u64::from(limit.subsec_nanos() > 0);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_as_schedulers_read_them() {
        assert_eq!(walltime(Duration::from_millis(59_001)), "00:01:00");
        assert_eq!(walltime(Duration::from_secs(100 * 3600 + 61)), "100:01:01");
    }

    #[test]
    fn another_attempt_asks_for_more() {
        let first = Resources {
            time: Some(Duration::from_secs(100)),
            memory_mib: Some(1001),
            cpus: Some(2),
            ..Resources::default()
        };
        let per_core =
            Resources { memory_mib: None, memory_per_cpu_mib: Some(100), ..first.clone() };
        assert_eq!(per_core.escalated(1.5, 2.0).memory_of_all_cpus_mib(), Some(300));
        let second = first.escalated(1.5, 2.0);
        assert_eq!((second.memory_mib, second.cpus), (Some(1502), Some(2)));
        assert_eq!(second.time, Some(Duration::from_secs(200)));
    }
}
