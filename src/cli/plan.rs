//! `plan`: packs a library into shards that other processes compute.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use hetero2::pack::report::grouped;
use hetero2::run::{MAX_PARTS, Plan, PlanPart, RunRequest, join_plan, plan_part};
use hetero2_scheduler::command::quoted;

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
    /// Pack only this part of the files, as a task of an array: I from 0 to N - 1, at most one part a
    /// file. With the same options, --join N makes the plan of all parts
    #[arg(long, value_name = "I/N", conflicts_with = "join")]
    part: Option<PlanPart>,
    /// Join N parts to the plan that is made without parts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PARTS)))]
    join: Option<u32>,
}

const EXAMPLES: &str = "Examples:
  hetero2 plan library.smi.zst --out screen --decoys 10
  hetero2 plan library.smi.zst --out screen --shards 200
  hetero2 plan 'tranches/*.smi.gz' --out screen --part $SLURM_ARRAY_TASK_ID/100
  hetero2 plan 'tranches/*.smi.gz' --out screen --join 100     after all parts
  hetero2 plan library.csv --out screen --score-command 'python score.py'
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
    let plan = watched(global, |progress| match (arguments.part, arguments.join) {
        (Some(part), _) => plan_part(&request, part, progress),
        (None, Some(parts)) => join_plan(&request, parts, progress),
        (None, None) => hetero2::run::plan(&request, progress),
    })?;
    let run = request.out.display().to_string();
    let report = report(&run, &plan);
    if global.json {
        print_json(&report)?;
    } else {
        print_text(&text(&report, arguments.part))?;
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

fn text(report: &Report<'_>, part: Option<PlanPart>) -> String {
    let mut text = String::new();
    let (least, most) = (report.rows_per_shard_min, report.rows_per_shard_max);
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<16} {value}");
    };
    line("rows", grouped(report.rows));
    line("shards", format!("{} of {} to {} rows", report.shards, grouped(least), grouped(most)));
    line("plan digest", report.plan_digest.clone());
    let next = match part {
        Some(part) => format!("the other parts, then the same command with --join {}", part.of),
        None => format!("hetero2 submit {} --scheduler slurm", quoted(&[report.run])),
    };
    line("next", next);
    text
}
