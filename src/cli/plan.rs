//! `plan`: packs a library into shards that other processes compute.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use hetero2::pack::report::grouped;
use hetero2::run::{Plan, RunRequest};

use super::arguments::{GlobalArguments, RequestArguments};
use super::failure::Failure;
use super::output::{print_json, print_text};
use super::progress::watched;

/// Pack a library into shards for a cluster, and compute nothing yet
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArguments {
    #[command(flatten)]
    request: RequestArguments,
}

const EXAMPLES: &str = "Examples:
  hetero2 plan library.smi.zst --out screen --decoys 10
  hetero2 plan library.smi.zst --out screen --shards 200
  hetero2 submit screen --scheduler slurm     compute it on a cluster
  hetero2 shard screen 0-3 && hetero2 reduce screen   or by hand";

#[derive(Serialize)]
struct Report<'a> {
    run: &'a str,
    plan_digest: String,
    rows: u64,
    shards: usize,
    rows_per_shard_min: u64,
    rows_per_shard_max: u64,
}

/// Runs `plan`.
pub fn plan(arguments: &PlanArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let demo = arguments.request.demo()?;
    let request: RunRequest = arguments.request.request(demo.as_ref())?;
    let plan = watched(global, |progress| hetero2::run::plan(&request, progress))?;
    let run = request.out.display().to_string();
    let report = report(&run, &plan);
    if global.json {
        print_json(&report)?;
    } else {
        print_text(&text(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn report<'a>(run: &'a str, plan: &Plan) -> Report<'a> {
    let rows = || plan.shards.iter().map(|shard| shard.rows);
    Report {
        run,
        plan_digest: plan.digest(),
        rows: plan.rows,
        shards: plan.shards.len(),
        rows_per_shard_min: rows().min().unwrap_or_default(),
        rows_per_shard_max: rows().max().unwrap_or_default(),
    }
}

fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    let (least, most) = (report.rows_per_shard_min, report.rows_per_shard_max);
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<16} {value}");
    };
    line("rows", grouped(report.rows));
    line("shards", format!("{} of {} to {} rows", report.shards, grouped(least), grouped(most)));
    line("plan digest", report.plan_digest.clone());
    line("next", format!("hetero2 submit {} --scheduler slurm", report.run));
    text
}
