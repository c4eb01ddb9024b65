//! One whole run, measured: its stages, CPU time, memory and content digest.

use std::sync::OnceLock;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Usage;
use crate::run::{Event, Observer, RunError, RunRequest, run};

/// What a run took. Measured in a process that does nothing else, because
/// memory and CPU time are counted by the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunMeasurement {
    /// Wall time from the call to the finished pack, seconds.
    pub wall_s: f64,
    /// From the call until the plan was written, seconds.
    pub plan_s: f64,
    /// From the plan until all shards were there, seconds.
    pub shards_s: f64,
    /// From the last shard until the pack was there, seconds.
    pub reduce_s: f64,
    /// From the call until the first rows were computed, seconds.
    pub first_rows_s: f64,
    /// What the process used until the end, where the system tells.
    pub usage: Option<Usage>,
    /// Rows of the library.
    pub rows: u64,
    /// Content digest of the pack.
    pub content_digest: String,
}

/// Runs a request, which must be a new one, and measures it.
///
/// # Errors
/// Those of the run.
pub fn measure_run(request: &RunRequest) -> Result<RunMeasurement, RunError> {
    let clock = StageClock::start();
    let report = run(request, &clock)?;
    let wall_s = clock.seconds();
    // Stages that were skipped end where the next one begins.
    let reducing = clock.reducing.get().copied().unwrap_or(wall_s);
    let computing = clock.computing.get().copied().unwrap_or(reducing);
    Ok(RunMeasurement {
        wall_s,
        plan_s: computing,
        shards_s: reducing - computing,
        reduce_s: wall_s - reducing,
        first_rows_s: clock.computed.get().copied().unwrap_or(reducing),
        usage: Usage::now(),
        rows: report.counts.ok + report.counts.skip + report.counts.error,
        content_digest: report.content_digest,
    })
}

/// Seconds from its start until each stage began.
struct StageClock {
    start: Instant,
    computing: OnceLock<f64>,
    computed: OnceLock<f64>,
    reducing: OnceLock<f64>,
}

impl StageClock {
    fn start() -> Self {
        Self {
            start: Instant::now(),
            computing: OnceLock::new(),
            computed: OnceLock::new(),
            reducing: OnceLock::new(),
        }
    }

    fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

impl Observer for StageClock {
    fn event(&self, event: Event) {
        let stage = match event {
            Event::Computing { .. } => &self.computing,
            Event::Computed { rows: 1.. } => &self.computed,
            Event::Reducing { .. } => &self.reducing,
            // A shard begins by telling the rows of its checkpoint, if only 0.
            Event::Computed { rows: 0 }
            | Event::Planned { .. }
            | Event::Scored { .. }
            | Event::Reduced { .. } => return,
        };
        stage.get_or_init(|| self.seconds());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_begins_once_and_no_rows_are_no_first_rows() {
        let clock = StageClock::start();
        clock.event(Event::Computing { rows: 2, done: 0 });
        clock.event(Event::Computed { rows: 0 });
        assert!(clock.computing.get().is_some() && clock.computed.get().is_none());
        clock.event(Event::Computed { rows: 1 });
        let first = *clock.computed.get().unwrap();
        clock.event(Event::Computed { rows: 1 });
        assert_eq!(clock.computed.get(), Some(&first));
        assert!(clock.reducing.get().is_none());
    }
}
