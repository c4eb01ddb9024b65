//! `plan`: packs a library into shards that other processes compute.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use hetero2::cluster::parse_walltime;
use hetero2::pack::report::grouped;
use hetero2::run::{
    MAX_PARTS, Plan, PlanPart, RunDir, RunError, RunRequest, estimate, finished_pack, join_plan,
    plan_part,
};
use hetero2_scheduler::command::quoted;

use super::arguments::{GlobalArguments, RequestArguments};
use super::failure::Failure;
use super::forecast::{Forecast, core_time};
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
    /// Time that a shard shall take on 8 cores, about: 30m, 2h; rows are measured to find the number
    /// of shards
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["shards", "part"])]
    shard_time: Option<Duration>,
    /// Measure nothing: say neither time nor memory
    #[arg(long, conflicts_with = "shard_time")]
    no_estimate: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    parse_walltime(text).map_err(|error| error.to_string())
}

const EXAMPLES: &str = "Examples:
  hetero2 plan library.smi.zst --out screen --decoys 10
  hetero2 plan library.smi.zst --out screen --shards 200
  hetero2 plan library.smi.zst --out screen --shard-time 30m
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
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<Forecast>,
}

/// Runs `plan`.
pub fn plan(arguments: &PlanArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let demo = arguments.request.demo()?;
    let mut request: RunRequest = arguments.request.request(demo.as_ref())?;
    request.shard_core_time = arguments.shard_time.map(core_time);
    let dir = RunDir::new(&request.out);
    let (plan, estimate) = watched(global, |progress| {
        let plan = match (arguments.part, arguments.join) {
            (Some(part), _) => return Ok((plan_part(&request, part, progress)?, None)),
            (None, Some(parts)) => join_plan(&request, parts, progress)?,
            (None, None) => hetero2::run::plan(&request, progress)?,
        };
        if arguments.no_estimate || finished_pack(&dir, &plan)?.is_some() {
            return Ok((plan, None));
        }
        // The plan stands whether or not it can be measured.
        let estimate = estimate(&dir, &plan, progress);
        let unknown = |error: &RunError| tracing::warn!("the run cannot be measured: {error}");
        Ok::<_, RunError>((plan, estimate.inspect_err(unknown).ok()))
    })?;
    let run = request.out.display().to_string();
    let forecast = estimate.map(|estimate| Forecast::new(&plan, &estimate));
    let report = report(&run, &plan, forecast);
    if global.json {
        print_json(&report)?;
    } else {
        print_text(&text(&report, arguments.part))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn report<'a>(run: &'a str, plan: &Plan, forecast: Option<Forecast>) -> Report<'a> {
    let rows = || plan.shards.iter().map(|shard| shard.rows);
    Report {
        run,
        plan_digest: plan.digest(),
        rows: plan.rows,
        shards: plan.shards.len(),
        rows_per_shard_min: rows().min().unwrap_or_default(),
        rows_per_shard_max: rows().max().unwrap_or_default(),
        forecast,
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
    for (name, value) in report.forecast.iter().flat_map(Forecast::lines) {
        line(name, value);
    }
    let next = match part {
        Some(part) => format!("the other parts, then the same command with --join {}", part.of),
        None => format!("hetero2 submit {} --scheduler slurm", quoted(&[report.run])),
    };
    line("next", next);
    text
}
