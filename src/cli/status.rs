//! `status` and `cancel` of a submitted run.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::cluster::{Cost, RunStatus, Stage};
use hetero2::pack::report::grouped;
use hetero2::run::RunDir;
use hetero2_scheduler::command::quoted;
use hetero2_scheduler::{TaskSet, TaskState};

use super::arguments::GlobalArguments;
use super::failure::{Failure, MISSING};
use super::output::{print_json, print_text};
use super::progress::brief;

/// Show how far a run on a cluster is
///
/// What is done is read from the run directory; the scheduler says what waits,
/// runs and why something failed. Exits with 4 when work is missing and nothing
/// is running.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArguments {
    /// Run directory
    run: PathBuf,
}

/// Cancel a submitted run
///
/// Finished shards and checkpoints stay; `hetero2 resume` goes on from them.
#[derive(Debug, clap::Args)]
#[command(after_help = CANCEL_EXAMPLES)]
pub struct CancelArguments {
    /// Run directory
    run: PathBuf,
}

const STATUS_EXAMPLES: &str = "Examples:
  hetero2 status screen
  hetero2 status screen --json | jq .progress.rows_done";

const CANCEL_EXAMPLES: &str = "Examples:
  hetero2 cancel screen
  hetero2 resume screen --mem 16G    later";

/// Failed shards that are shown with their logs.
const SHOWN: usize = 5;

/// Runs `status`.
pub fn status(arguments: &StatusArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let status = hetero2::cluster::status(&RunDir::new(&arguments.run))?;
    if global.json {
        print_json(&status)?;
    } else {
        print_text(&text(&status))?;
    }
    Ok(exit_code(status.stage))
}

/// Runs `cancel`.
pub fn cancel(arguments: &CancelArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let record = hetero2::cluster::cancel(&RunDir::new(&arguments.run))?;
    if global.json {
        let (scheduler, jobs) = (record.scheduler, record.jobs());
        print_json(&serde_json::json!({ "scheduler": scheduler, "cancelled": jobs }))?;
    } else {
        print_text(&format!(
            "cancelled {}; what is finished stays: `hetero2 resume {}` goes on\n",
            super::submit::job_ids(record.jobs()),
            quoted(&[arguments.run.display().to_string()])
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// 4 when work is missing and nothing will do it.
pub fn exit_code(stage: Stage) -> ExitCode {
    match stage {
        Stage::Complete | Stage::Active | Stage::Planned => ExitCode::SUCCESS,
        Stage::Cancelled | Stage::Stopped => ExitCode::from(MISSING),
    }
}

/// A status for people.
pub fn text(status: &RunStatus) -> String {
    let mut text = String::new();
    let progress = &status.progress;
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<16} {value}");
    };
    line("run", stage(status));
    if let Some(error) = &status.scheduler_error {
        line("scheduler", format!("{error}; what follows is from the run directory alone"));
    }
    if !status.jobs.is_empty() {
        line("jobs", status.jobs.join(", "));
    }
    let percent = 100.0 * progress.rows_done as f64 / (progress.rows.max(1)) as f64;
    line(
        "rows",
        format!("{} of {}, {percent:.1} %", grouped(progress.rows_done), grouped(progress.rows)),
    );
    if progress.rows_in_checkpoints > 0 {
        line("in checkpoints", format!("{} of these rows", grouped(progress.rows_in_checkpoints)));
    }
    line("shards done", format!("{} of {}", progress.done, progress.shards));
    let mut set = |name: &str, shards: &TaskSet| {
        if !shards.is_empty() {
            line(name, format!("{:<5} {}", shards.len(), shortened(shards)));
        }
    };
    set("running", &progress.running);
    set("pending", &progress.pending);
    set("missing", &progress.missing);
    if let Some(rate) = progress.rows_per_second {
        line("speed", format!("{rate:.0} rows/s"));
    }
    if let Some(seconds) = progress.eta_seconds.filter(|_| status.stage == Stage::Active) {
        line("time left", brief(seconds));
    }
    if let Some(cost) = &status.cost {
        line("cost", cost_text(cost));
    }
    if !status.ended.is_none() {
        let ends = status.ended.named().map(|(name, count)| format!("{name} {count}"));
        line("tasks ended", ends.collect::<Vec<_>>().join(", "));
    }
    match &status.reducer {
        Some(TaskState::Failed { reason }) => line("reducer", format!("failed: {reason}")),
        Some(TaskState::Running { .. }) => line("reducer", "running".into()),
        _ => {}
    }
    for failed in status.failed.iter().take(SHOWN) {
        line("failed", format!("shard {}: {}", failed.shard, failed.reason));
        failed.log_tail.iter().for_each(|log| line("", format!("| {log}")));
    }
    if status.failed.len() > SHOWN {
        line("", format!("and {} more failed", status.failed.len() - SHOWN));
    }
    if let Some(pack) = &status.pack {
        line("pack", pack.pack.display().to_string());
        line("content digest", pack.content_digest.clone());
    }
    text
}

fn stage(status: &RunStatus) -> String {
    let scheduler = status.scheduler.map_or_else(String::new, |kind| kind.to_string());
    let stage = match status.stage {
        Stage::Planned => return "planned, not submitted".into(),
        Stage::Active => "active",
        Stage::Cancelled => "cancelled: `hetero2 resume` goes on",
        Stage::Stopped => "stopped with work missing: `hetero2 resume` goes on",
        Stage::Complete if status.scheduler.is_none() => return "complete".into(),
        Stage::Complete => "complete",
    };
    format!("{stage}, {scheduler}, round {}", status.rounds)
}

fn shortened(shards: &TaskSet) -> String {
    const WIDTH: usize = 60;
    let text = shards.to_string();
    match text.char_indices().nth(WIDTH) {
        None => text,
        Some((end, _)) => {
            let end = text[..end].rfind(',').unwrap_or(end);
            format!("{},…", &text[..end])
        }
    }
}

/// Core hours, and memory beside what was asked for.
fn cost_text(cost: &Cost) -> String {
    const GIB: f64 = (1_u64 << 30) as f64;
    let memory = cost.peak_memory.map(|bytes| format!("{:.1} GiB", bytes as f64 / GIB));
    let memory = match (memory, cost.asked_mib) {
        (Some(used), Some(asked)) => {
            format!(", memory: asked {:.1} GiB, used {used}", asked as f64 / 1_024.0)
        }
        (Some(used), None) => format!(", memory: used {used}"),
        (None, _) => String::new(),
    };
    let hosts = match &cost.hosts[..] {
        [one] => one.clone(),
        several => format!("{} machines", several.len()),
    };
    format!("{:.2} core hours on {hosts}{memory}", cost.core_hours)
}
