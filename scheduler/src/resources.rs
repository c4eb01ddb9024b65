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
        Self {
            memory_mib: self.memory_mib.map(|mib| (mib as f64 * memory).ceil() as u64),
            time: self.time.map(|limit| limit.mul_f64(time)),
            ..self.clone()
        }
    }
}
