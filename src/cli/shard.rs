//! `shard`: computes shards of a planned run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use hetero2::cluster::parse_walltime;
use hetero2::run::{Event, Observer as _, RunDir, ShardWorker, finished_pack, open_plan};
use hetero2::scorer::Scorer;
use hetero2_scheduler::TaskSet;

use super::arguments::{BackendArguments, GlobalArguments};
use super::failure::Failure;
use super::granted::threads;
use super::output::{print_json, print_text};
use super::progress::{Progress, watched};
use super::scorer_arguments::ScorerArguments;

/// Compute shards of a planned run
///
/// A shard that is finished is left as it is. On SIGTERM or Ctrl-C the rows
/// computed so far are kept as a checkpoint, which the next attempt goes on
/// from; a checkpoint is written every minute, too, for processes that are killed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShardArguments {
    /// Run directory that `hetero2 plan` made
    run: PathBuf,
    /// Numbers of shards, from 0: 7 or 3-5 or 0-3,7
    #[arg(value_name = "SHARDS", required = true)]
    shards: Vec<TaskSet>,
    #[command(flatten)]
    scorer: ScorerArguments,
    #[command(flatten)]
    backend: BackendArguments,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Time between two checkpoints: 30s, 1m; what a process loses that is killed
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = pace)]
    checkpoint_every: Duration,
    /// SHARDS are numbers of tasks with so many shards each: of tasks of 10, task 3 has the shards 30
    /// to 39
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
        value_parser = clap::value_parser!(u32).range(1..))]
    shards_per_task: u32,
}

fn pace(text: &str) -> Result<Duration, String> {
    parse_walltime(text).map_err(|error| error.to_string())
}

const EXAMPLES: &str = "Examples:
  hetero2 shard screen 0
  hetero2 shard screen 3-5,9 --threads 8
  hetero2 shard screen $SLURM_ARRAY_TASK_ID
  hetero2 shard screen 0 --score-command 'python score.py'    of a plan with that command";

#[derive(Serialize)]
struct Finished {
    shard: u32,
    rows: u64,
    seconds: f64,
    rows_from_checkpoint: u64,
}

/// Runs `shard`.
pub fn shard(arguments: &ShardArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let dir = RunDir::new(&arguments.run);
    let plan = open_plan(&dir)?;
    let (per_task, all) = (arguments.shards_per_task, plan.shards.len() as u32);
    let mut shards = TaskSet::default();
    for task in arguments.shards.iter().flat_map(TaskSet::iter) {
        let first = task.saturating_mul(per_task);
        plan.shard(first)?;
        (first..all.min(first.saturating_add(per_task))).for_each(|shard| shards.insert(shard));
    }
    // The reducer removes shards once the pack is written.
    if finished_pack(&dir, &plan)?.is_some() {
        return print(&[], "the run is complete: nothing to compute", global);
    }
    let finished = watched(global, |progress| compute(arguments, &dir, &shards, progress))?;
    let rows: u64 = finished.iter().map(|shard| shard.rows).sum();
    print(&finished, &format!("{} shards, {rows} rows", finished.len()), global)
}

fn compute(
    arguments: &ShardArguments,
    dir: &RunDir,
    shards: &TaskSet,
    progress: &Progress,
) -> Result<Vec<Finished>, Failure> {
    let worker = ShardWorker::open(dir, &arguments.backend.choice()?)?
        .scoring_with(arguments.scorer.command().map(Scorer::new))?
        .with_checkpoints_every(arguments.checkpoint_every);
    let rows = |index| worker.plan().shard(index).map(|shard| shard.rows);
    let rows = shards.iter().map(rows).sum::<Result<u64, _>>()?;
    progress.event(Event::Computing { rows, done: 0 });
    let threads = threads(arguments.threads);
    let compute = |index| {
        let record = worker.compute_on(threads, index, progress)?;
        let attempt = &record.attempt;
        Ok(Finished {
            shard: index,
            rows: record.rows,
            seconds: attempt.seconds,
            rows_from_checkpoint: attempt.rows_from_checkpoint,
        })
    };
    shards.iter().map(compute).collect()
}

fn print(finished: &[Finished], text: &str, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    if global.json {
        print_json(&finished)?;
    } else {
        print_text(&format!("{text}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
