//! `reduce`: merges the shards of a run into its evidence pack.

use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::run::{RunDir, RunError};
use hetero2_scheduler::TaskSet;

use super::GlobalArguments;
use super::failure::Failure;
use super::progress::watched;
use super::run::{OutputArguments, print_report};

/// Merge the shards of a run into its evidence pack
///
/// Every shard is checked first. Where one is missing or damaged nothing is
/// written, and the program exits with 4 and the command that computes it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ReduceArguments {
    /// Run directory that `hetero2 plan` made
    run: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
    /// Worker threads; all cores without it
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

const EXAMPLES: &str = "Examples:
  hetero2 reduce screen
  hetero2 reduce screen --no-zip --json";

/// Runs `reduce`.
pub fn reduce(arguments: &ReduceArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let dir = RunDir::new(&arguments.run);
    let output = arguments.output.output();
    let threads = arguments.threads.map(usize::from);
    let reduced =
        watched(global, |progress| hetero2::run::reduce(&dir, &output, threads, progress));
    let report = reduced.map_err(|error| with_cure(error, &dir))?;
    print_report(&report, global)?;
    Ok(ExitCode::SUCCESS)
}

/// Adds the command that computes what is missing.
fn with_cure(error: RunError, dir: &RunDir) -> Failure {
    let cure = match &error {
        RunError::Incomplete { missing, damaged, .. } => {
            let damaged = damaged.iter().map(|(index, _)| *index);
            let shards: TaskSet = missing.iter().copied().chain(damaged).collect();
            let run = dir.root().display();
            Some(format!(
                "`hetero2 shard {run} {shards}` computes them, `hetero2 resume {run}` submits them again"
            ))
        }
        _ => None,
    };
    let failure = Failure::from(error);
    match cure {
        Some(cure) => failure.with_cure(&cure),
        None => failure,
    }
}
