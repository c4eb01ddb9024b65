//! `reduce`: merges the shards of a run into its evidence pack.

use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::cluster::Submission;
use hetero2::run::{RunDir, RunError};
use hetero2_scheduler::TaskSet;
use hetero2_scheduler::command::quoted;
use serde_json::{Map, Value};

use super::arguments::{GlobalArguments, OutputArguments};
use super::failure::Failure;
use super::granted::threads;
use super::output::print_text;
use super::progress::watched;
use super::run::print_report;

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
    /// Where shards are missing, submit them again as `hetero2 submit` did, within its number of
    /// rounds
    #[arg(long)]
    resubmit: bool,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

const EXAMPLES: &str = "Examples:
  hetero2 reduce screen
  hetero2 reduce screen --no-zip --json";

/// Runs `reduce`.
pub fn reduce(arguments: &ReduceArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let dir = RunDir::new(&arguments.run);
    let mut output = arguments.output.output();
    output.notes = submission_facts(&dir);
    let threads = threads(arguments.threads);
    let reduced =
        watched(global, |progress| hetero2::run::reduce(&dir, &output, threads, progress));
    match reduced {
        Ok(report) => print_report(&report, global)?,
        Err(error) => match incomplete(&error) {
            Some(shards) if arguments.resubmit => {
                tracing::warn!("{error}");
                let submitted = hetero2::cluster::resubmit(&dir, shards)?;
                let (shards, round) = (submitted.shards, submitted.round);
                print_text(&format!("submitted shards {shards} again as round {round}\n"))?;
            }
            Some(shards) => {
                let run = quoted(&[dir.root().display().to_string()]);
                return Err(Failure::from(error).with_cure(&format!(
                    "`hetero2 shard {run} {shards}` computes them, `hetero2 resume {run}` submits them again"
                )));
            }
            None => return Err(error.into()),
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// The shards that are missing or damaged, if that is the error.
fn incomplete(error: &RunError) -> Option<TaskSet> {
    let RunError::Incomplete { missing, damaged, .. } = error else { return None };
    let damaged = damaged.iter().map(|(index, _)| *index);
    Some(missing.iter().copied().chain(damaged).collect())
}

/// What is known of the submission, for the provenance; its record may be damaged
/// without harm to the pack.
pub fn submission_facts(dir: &RunDir) -> Map<String, Value> {
    match Submission::load(dir) {
        Ok(record) => record.map(|record| record.facts()).unwrap_or_default(),
        Err(error) => {
            tracing::warn!("{error}");
            Map::new()
        }
    }
}
