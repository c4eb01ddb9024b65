//! Progress of a run: a bar with rows/s and ETA on a terminal, a plain line
//! every few seconds otherwise.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use hetero2::pack::report::grouped;
use hetero2::run::{Event, Observer};

use super::arguments::GlobalArguments;
use super::output::stderr_is_terminal;
use super::stop;

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// What a run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The library is read.
    Reading,
    /// Molecules are computed.
    Computing,
    /// The pack is written.
    Writing,
}

/// How far the run of this process is, for whoever asks: number of the stage, 0
/// before the first; rows done; rows in all.
static SEEN: (AtomicU8, AtomicU64, AtomicU64) =
    (AtomicU8::new(0), AtomicU64::new(0), AtomicU64::new(0));

/// How far the run of this process is: stage, rows done, rows in all (0 where they
/// are not known); none before it began.
#[cfg(feature = "service")]
pub fn seen() -> Option<(Stage, u64, u64)> {
    let stage = match SEEN.0.load(Ordering::Acquire) {
        0 => return None,
        1 => Stage::Reading,
        2 => Stage::Computing,
        _ => Stage::Writing,
    };
    Some((stage, SEEN.1.load(Ordering::Relaxed), SEEN.2.load(Ordering::Relaxed)))
}

/// Forgets the run that has ended.
#[cfg(feature = "service")]
pub fn forget() {
    SEEN.0.store(0, Ordering::Release);
}

/// Notes that a stage begins.
fn begin(stage: Stage, done: u64, total: u64) {
    SEEN.1.store(done, Ordering::Relaxed);
    SEEN.2.store(total, Ordering::Relaxed);
    SEEN.0.store(stage as u8 + 1, Ordering::Release);
}

/// Does `work` under a progress display that Ctrl-C can stop.
pub fn watched<T>(global: &GlobalArguments, work: impl FnOnce(&Progress) -> T) -> T {
    stop::listen();
    let progress = Progress::new(global);
    let result = work(&progress);
    progress.finish();
    result
}

/// Shows what a run does on standard error.
pub struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    total: AtomicU64,
    done: AtomicU64,
    scored: AtomicU64,
    started_at: AtomicU64,
    /// Rows that were done when the stage began.
    done_before: AtomicU64,
    clock: Instant,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// A bar on a terminal, lines elsewhere, nothing when quiet.
    fn new(global: &GlobalArguments) -> Self {
        let bar = (!global.quiet && stderr_is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            lines: !global.quiet && bar.is_none(),
            bar,
            total: AtomicU64::new(0),
            done: AtomicU64::new(0),
            scored: AtomicU64::new(0),
            started_at: AtomicU64::new(0),
            done_before: AtomicU64::new(0),
            clock: Instant::now(),
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// Takes the bar away so that the summary stands alone.
    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn stage(&self, name: &'static str, total: u64, done: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
        self.done_before.store(done, Ordering::Relaxed);
        self.started_at.store(self.clock.elapsed().as_millis() as u64, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_style(bar_style());
            bar.set_length(total);
            bar.set_position(done);
            bar.reset_eta();
            bar.set_message(name);
        } else if self.lines {
            anstream::eprintln!("{name}: {} rows", grouped(total));
        }
    }

    fn advance(&self, rows: u64) {
        let done = self.done.fetch_add(rows, Ordering::Relaxed) + rows;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.lines {
            self.line(done);
        }
    }

    /// Says how many molecules a command has scored: rows follow when it has scored
    /// all of a shard.
    fn scored(&self, molecules: u64) {
        let scored = self.scored.fetch_add(molecules, Ordering::Relaxed) + molecules;
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} molecules scored, computing", grouped(scored)));
        } else if self.lines
            && let Ok(mut last) = self.last_line.try_lock()
            && last.elapsed() >= LINE_INTERVAL
        {
            *last = Instant::now();
            anstream::eprintln!("  {} molecules scored", grouped(scored));
        }
    }

    fn line(&self, done: u64) {
        let Ok(mut last) = self.last_line.try_lock() else { return };
        if last.elapsed() < LINE_INTERVAL {
            return;
        }
        *last = Instant::now();
        let total = self.total.load(Ordering::Relaxed);
        let started = Duration::from_millis(self.started_at.load(Ordering::Relaxed));
        let seconds = (self.clock.elapsed().saturating_sub(started)).as_secs_f64();
        let now = done.saturating_sub(self.done_before.load(Ordering::Relaxed));
        let pace = pace(now, total.saturating_sub(done), seconds);
        anstream::eprintln!("  {} of {} rows{pace}", grouped(done), grouped(total));
    }
}

/// Speed and time left, where rows were computed in these seconds; else nothing.
fn pace(rows: u64, left: u64, seconds: f64) -> String {
    if rows == 0 || seconds <= 0.0 {
        return String::new();
    }
    let rate = rows as f64 / seconds;
    format!(", {rate:.0} rows/s, {} left", brief(left as f64 / rate))
}

/// A time in a few letters: 45s, 12m, 3h05m, 4d.
pub fn brief(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e12) as u64;
    let (minutes, hours) = (seconds.div_ceil(60), seconds.div_ceil(60) / 60);
    match seconds {
        0..100 => format!("{seconds}s"),
        100..5_940 => format!("{minutes}m"),
        5_940..172_800 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{}d", seconds.div_ceil(86_400)),
    }
}

/// A bar that fits 60 columns: it takes what the words leave it.
fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg:9} [{wide_bar}] {percent:>3}% {human_pos}/{human_len}{pace}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("pace", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // No rate before a first row: there is nothing to conclude from.
            if state.per_sec() > 0.0 {
                let (rate, left) = (state.per_sec(), state.eta().as_secs_f64());
                let _ = write!(out, " {rate:.0}/s {}", brief(left));
            }
        })
        .progress_chars("=> ")
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        match event {
            Event::Planned { rows } => {
                begin(Stage::Reading, rows, 0);
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("reading: {} rows", grouped(rows)));
                }
            }
            Event::Computing { rows, done } => {
                begin(Stage::Computing, done, rows);
                self.stage("computing", rows, done);
            }
            Event::Scored { molecules } => self.scored(molecules),
            Event::Computed { rows } | Event::Reduced { rows } => {
                SEEN.1.fetch_add(rows, Ordering::Relaxed);
                self.advance(rows);
            }
            Event::Reducing { rows } => {
                begin(Stage::Writing, 0, rows);
                self.stage("writing", rows, 0);
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        stop::requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_a_speed_that_is_not_known() {
        assert_eq!(pace(0, 20_000, 10.0), "");
        assert_eq!(pace(500, 20_000, 10.0), ", 50 rows/s, 7m left");
        let times = [0.0, 99.0, 100.0, 5_939.0, 5_940.0, 90_000.0, 172_800.0, f64::INFINITY];
        let said = ["0s", "99s", "2m", "99m", "1h39m", "25h00m", "2d", "11574075d"];
        assert_eq!(times.map(brief), said);
    }
}
