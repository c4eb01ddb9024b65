//! What a process uses, as Linux tells it. It must not know what the process
//! does; where there is no `/proc`, nothing is known and nothing is limited.

use std::time::Duration;

/// Ticks of a second in `/proc`, which Linux keeps for programs.
const TICKS: f64 = 100.0;

/// What a process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sample {
    /// Seconds of one core so far.
    pub core_seconds: f64,
    /// KiB of memory that it holds.
    pub memory_kib: u64,
    /// KiB that it held at most.
    pub peak_kib: u64,
}

/// Looks at a process; none where it is gone or cannot be seen.
pub(super) fn look(pid: u32) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in brackets, which may hold anything.
    let (_, after) = stat.rsplit_once(')')?;
    let ticks = |at: usize| after.split_ascii_whitespace().nth(at)?.parse::<u64>().ok();
    let core_seconds = (ticks(11)? + ticks(12)?) as f64 / TICKS;
    Some(Sample { core_seconds, memory_kib: field("VmRSS:")?, peak_kib: field("VmHWM:")? })
}

/// Has the system count the most memory of a process from now on.
pub(super) fn forget_peak(pid: u32) {
    // Where that is refused the peak is that of an earlier job: too high, never too low.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// What the attempt has used, over all its processes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// Seconds of one core.
    pub core_seconds: f64,
    /// KiB that one process held at most.
    pub peak_kib: u64,
}

impl Used {
    /// Adds what a process used since `before`.
    pub fn add(&mut self, before: Sample, now: Sample) {
        self.core_seconds += (now.core_seconds - before.core_seconds).max(0.0);
        self.peak_kib = self.peak_kib.max(now.peak_kib);
    }
}

/// How often a process is looked at: a burst of allocations gets a gigabyte further
/// in a tenth of a second.
pub(super) const LOOK: Duration = Duration::from_millis(25);

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something_and_none_uses_nothing() {
        let me = look(std::process::id()).unwrap();
        assert!(me.memory_kib > 1_000 && me.peak_kib >= me.memory_kib, "{me:?}");
        assert_eq!(look(u32::MAX), None);
        let mut used = Used::default();
        used.add(me, Sample { core_seconds: me.core_seconds + 1.5, ..me });
        assert!((used.core_seconds - 1.5).abs() < 1e-9);
    }
}
