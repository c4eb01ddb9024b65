//! `wait`: follows a submitted run until it is complete.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use hetero2::cluster::{ClusterError, RunStatus, Stage};
use hetero2::run::{Event, Observer as _, RunDir};

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};
use super::progress::{Progress, watched};
use super::run::print_report;
use super::status::{exit_code, text};
use super::stop;

/// Follow a submitted run until it is complete
///
/// Shows a progress bar, and at the end the report of the pack. Exits with 4
/// when nothing runs any more and work is missing. Ctrl-C ends the waiting, not
/// the run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct WaitArguments {
    /// Run directory
    run: PathBuf,
    /// Seconds between two looks, 1 to 3600
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
}

const EXAMPLES: &str = "Examples:
  hetero2 wait screen
  hetero2 wait screen --interval 60 --json";

/// Time between two looks.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Looks that must agree that nothing runs: jobs may be between two rounds, and
/// network file systems show files late.
const LOOKS: u32 = 3;

/// Runs `wait`.
pub fn wait(arguments: &WaitArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    follow(&RunDir::new(&arguments.run), Duration::from_secs(arguments.interval), global)
}

/// Follows a run to its end.
pub fn follow(
    dir: &RunDir,
    interval: Duration,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    let last = watched(global, |progress| until_it_ends(dir, interval, progress))?;
    let Some(status) = last else {
        return Err(Failure::stopped("stopped waiting; the run goes on"));
    };
    match &status.pack {
        Some(pack) => print_report(pack, global)?,
        None if global.json => print_json(&status)?,
        None => print_text(&text(&status))?,
    }
    Ok(match status.stage {
        Stage::Planned => exit_code(Stage::Stopped),
        stage => exit_code(stage),
    })
}

/// Whether a reducer that died was submitted again.
fn revived(dir: &RunDir) -> Result<bool, Failure> {
    match hetero2::cluster::revive(dir) {
        Ok(submitted) => Ok(submitted.is_some()),
        // The status says what is missing.
        Err(ClusterError::RoundsUsedUp { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The last status; `None` when the user stops waiting.
fn until_it_ends(
    dir: &RunDir,
    interval: Duration,
    progress: &Progress,
) -> Result<Option<RunStatus>, Failure> {
    let mut shown: Option<u64> = None;
    let mut idle = 0;
    loop {
        let status = hetero2::cluster::status(dir)?;
        let done = status.progress.rows_done;
        match shown {
            None => progress.event(Event::Computing { rows: status.progress.rows, done }),
            Some(before) => {
                progress.event(Event::Computed { rows: done.saturating_sub(before) });
            }
        }
        shown = Some(done.max(shown.unwrap_or(0)));
        match status.stage {
            Stage::Active => idle = 0,
            Stage::Stopped if idle + 1 < LOOKS => idle += 1,
            Stage::Stopped if revived(dir)? => idle = 0,
            _ => return Ok(Some(status)),
        }
        let until = Instant::now() + if idle == 0 { interval } else { interval.min(INTERVAL) };
        while Instant::now() < until {
            if stop::requested() {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}
