//! What a planned run will take, and what to ask a scheduler for: words of `plan`.

use std::time::Duration;

use hetero2::run::{Estimate, Plan};
use serde::Serialize;

use super::progress::brief;

/// Cores that are asked for a shard.
pub const CPUS: u32 = 8;

/// Share of its cores that a shard keeps busy.
const EFFICIENCY: f64 = 0.85;

/// Below so many core hours no cluster is needed.
const ONE_NODE: f64 = 8.0;

const GIB: u64 = 1 << 30;

/// Time and memory of a run, and the options of `submit` that suit it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Rows that were computed to find out.
    pub rows_measured: u64,
    /// Core hours of all shards, without the reduction.
    pub core_hours: f64,
    /// Seconds of the largest shard on [`CPUS`] cores.
    pub shard_seconds: f64,
    /// Bytes of memory of a shard, where the system tells it.
    pub shard_memory: Option<u64>,
    /// Options for `submit`.
    pub flags: Vec<String>,
    /// Whether one node does it within an hour or so.
    pub is_one_node_enough: bool,
}

impl Forecast {
    /// The forecast for a plan.
    pub fn new(plan: &Plan, estimate: &Estimate) -> Self {
        let largest = plan.shards.iter().map(|shard| shard.rows).max().unwrap_or_default();
        let seconds = estimate.core_time_of(largest, plan).as_secs_f64();
        let shard_seconds = seconds / (f64::from(CPUS) * EFFICIENCY);
        let core_hours = estimate.core_time.as_secs_f64() / 3_600.0;
        Self {
            rows_measured: estimate.rows_measured,
            core_hours,
            shard_seconds,
            shard_memory: estimate.memory,
            flags: flags(shard_seconds, estimate.memory),
            is_one_node_enough: core_hours <= ONE_NODE,
        }
    }

    /// Lines for people: a name and a value.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let measured = self.rows_measured;
        let mut lines = vec![
            ("core hours", format!("{:.2}, by {measured} rows computed here", self.core_hours)),
            ("a shard", format!("{} on {CPUS} cores", brief(self.shard_seconds))),
            ("options", self.flags.join(" ")),
        ];
        if self.is_one_node_enough {
            lines.push(("nodes", "one node is enough: --scheduler local".into()));
        }
        lines
    }
}

/// Cores, twice the time and half as much memory again, in round numbers.
fn flags(shard_seconds: f64, memory: Option<u64>) -> Vec<String> {
    let minutes = (2.0 * shard_seconds / 60.0).ceil().clamp(1.0, 5e6) as u64;
    let minutes = minutes.div_ceil(10) * 10;
    let mut flags = vec![format!("--cpus {CPUS}"), format!("--time {minutes}m")];
    if let Some(bytes) = memory {
        flags.push(format!("--mem {}G", (bytes + bytes / 2).div_ceil(GIB).max(1)));
    }
    flags
}

/// Time of one core in a shard that takes this time on [`CPUS`] cores.
pub fn core_time(time: Duration) -> Duration {
    time.mul_f64(f64::from(CPUS) * EFFICIENCY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_round_and_have_room() {
        assert_eq!(flags(0.1, None), ["--cpus 8", "--time 10m"]);
        assert_eq!(flags(1_800.0, Some(3 * GIB)), ["--cpus 8", "--time 60m", "--mem 5G"]);
    }
}
