//! How tasks ended that did not succeed, counted apart: a time limit has another cure
//! than a failure. It must not know which scheduler says so.

use std::ops::AddAssign;

use hetero2_scheduler::{Poll, TaskState};
use serde::{Deserialize, Serialize};

/// Tasks that did not succeed, by the scheduler's reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ends {
    /// They took longer than their time limit, or stopped cleanly when they were told that
    /// it is near.
    pub time_limits: u64,
    /// They took more memory than they had.
    pub out_of_memory: u64,
    /// Others took their place, and they were not run again by the scheduler.
    pub preemptions: u64,
    /// Their node was lost.
    pub lost_nodes: u64,
    /// Somebody cancelled them.
    pub cancelled: u64,
    /// Everything else: exit codes and signals.
    pub failures: u64,
}

impl Ends {
    /// Those of a poll.
    pub(super) fn of(poll: &Poll) -> Self {
        let mut ends = Self::default();
        for state in poll.tasks.values() {
            if let TaskState::Failed { reason } = state {
                *ends.count_of(reason) += 1;
            }
        }
        ends
    }

    fn count_of(&mut self, reason: &str) -> &mut u64 {
        // A shard that is told to stop keeps a checkpoint and ends with this code; one that
        // is cancelled or preempted is called so by the scheduler.
        if reason == "exit code 4" {
            return &mut self.time_limits;
        }
        match reason.split(' ').next().unwrap_or_default() {
            "TIMEOUT" | "DEADLINE" => &mut self.time_limits,
            "OUT_OF_MEMORY" => &mut self.out_of_memory,
            "PREEMPTED" => &mut self.preemptions,
            "NODE_FAIL" | "BOOT_FAIL" => &mut self.lost_nodes,
            "CANCELLED" | "REVOKED" => &mut self.cancelled,
            _ => &mut self.failures,
        }
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Those that there were, each with its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("time limit", self.time_limits),
            ("out of memory", self.out_of_memory),
            ("preempted", self.preemptions),
            ("node lost", self.lost_nodes),
            ("cancelled", self.cancelled),
            ("failed", self.failures),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}

impl AddAssign for Ends {
    fn add_assign(&mut self, other: Self) {
        self.time_limits += other.time_limits;
        self.out_of_memory += other.out_of_memory;
        self.preemptions += other.preemptions;
        self.lost_nodes += other.lost_nodes;
        self.cancelled += other.cancelled;
        self.failures += other.failures;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_apart() {
        let reasons = [
            "TIMEOUT",
            "TIMEOUT",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "NODE_FAIL (DisruptionTarget)",
            "CANCELLED by 1000",
            "exit code 4",
            "exit code 3",
            "signal 9",
        ];
        let failed = |reason: &&str| TaskState::Failed { reason: (*reason).to_owned() };
        let tasks = (0..).zip(reasons.iter().map(failed)).chain([(99, TaskState::Succeeded)]);
        let mut ends = Ends::of(&Poll { tasks: tasks.collect(), finish: None });
        let named: Vec<_> = ends.named().map(|(_, count)| count).collect();
        assert_eq!(named, [3, 1, 1, 1, 1, 2]);
        ends += ends;
        assert_eq!((ends.time_limits, ends.failures), (6, 4));
        assert!(Ends::default().is_none() && Ends::default().named().next().is_none());
    }
}
