//! `run`: a library in, an evidence pack out.

use std::fmt::Write as _;
use std::process::ExitCode;

use hetero2::pack::report::grouped;
use hetero2::run::{Resume, RunReport, RunRequest, ScoreMode};

use super::arguments::{BackendArguments, GlobalArguments, OutputArguments, RequestArguments};
use super::failure::Failure;
use super::granted::threads;
use super::output::{print_json, print_text};
use super::progress::watched;

/// Turn a library of molecules into an evidence pack
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArguments {
    #[command(flatten)]
    request: RequestArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    backend: BackendArguments,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Go on from what an interrupted run left in DIR
    #[arg(long)]
    resume: bool,
}

const EXAMPLES: &str = "Examples:
  hetero2 run                                       the shipped demo: a model that knows activity
  hetero2 run --demo leaky --out leaky              another of its models
  hetero2 run library.smi.gz --out screen --decoys 10
  hetero2 run 'tranches/*.smi.gz' --out screen      many files are one library
  hetero2 run library.csv --out screen --scores scores.json --hard-decoys 0.65..0.95
  hetero2 run library.parquet --out screen --edge-weights bond-order-delta-chi --artifacts full
  zcat library.smi.gz | hetero2 run - --format smiles --out screen
  hetero2 run library.smi.gz --out screen --scores scores.csv --truth truth.csv --budget 100
  hetero2 run library.csv --out screen --score-command 'python score.py'
  hetero2 run library.smi.gz --out screen --backend gpu
  hetero2 run library.smi.gz --out screen --resume  after an interruption";

#[cfg(feature = "service")]
impl RunArguments {
    /// What would be refused before any file is opened.
    pub fn check(&self) -> Result<(), Failure> {
        self.backend.choice()?;
        self.request.check()
    }
}

/// Runs `run`.
pub fn run(arguments: &RunArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let demo = arguments.request.demo()?;
    let request = RunRequest {
        output: arguments.output.output(),
        resume: if arguments.resume { Resume::Continue } else { Resume::Fresh },
        threads: threads(arguments.threads),
        backend: arguments.backend.choice()?,
        ..arguments.request.request(demo.as_ref())?
    };
    let report = execute(&request, global)?;
    print_report(&report, global)?;
    if report.already_complete && !global.json {
        print_text("  this run was complete already: nothing was computed\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a request under a progress display that Ctrl-C can stop.
pub fn execute(request: &RunRequest, global: &GlobalArguments) -> Result<RunReport, Failure> {
    let result = watched(global, |progress| hetero2::run::run(request, progress));
    Ok(result?)
}

/// What the pack concludes, or how to come to that.
fn verdict(report: &RunReport) -> String {
    match (&report.verdict, report.score_mode) {
        (Some(verdict), _) => verdict.clone(),
        (None, ScoreMode::Mock) => "no verdict: these scores are stand-ins, which say nothing of \
             any model\n  for a verdict: `hetero2 decoys LIBRARY --out decoys.csv` writes what \
             to score,\n  `hetero2 run LIBRARY --scores FILE` audits the scores; --score-command COMMAND \
             does both;\n  --truth FILE adds known outcomes"
            .to_owned(),
        (None, ScoreMode::ExternalScores) => {
            "no verdict: this pack is of the published kind".to_owned()
        }
    }
}

/// Prints the outcome of a run: a table, or the report as JSON.
pub fn print_report(report: &RunReport, global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(report);
    }
    print_text(&summary(report))
}

fn summary(report: &RunReport) -> String {
    let mut text = format!("  {}\n", verdict(report));
    let rows = report.counts.ok + report.counts.skip + report.counts.error;
    let share = |n: u64| if rows == 0 { 0.0 } else { 100.0 * n as f64 / rows as f64 };
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<16} {value}");
    };
    line("rows", grouped(rows));
    for (name, count) in
        [("OK", report.counts.ok), ("SKIP", report.counts.skip), ("ERROR", report.counts.error)]
    {
        line(name, format!("{:<10} {:5.1} %", grouped(count), share(count)));
    }
    for (reason, count) in report.top_reasons.iter().take(5) {
        line("", format!("{:<10} {reason}", grouped(*count)));
    }
    let optional = |value: Option<f64>| value.map_or_else(|| "none".into(), |v| v.to_string());
    let scores = match report.score_mode {
        ScoreMode::Mock => "stand-ins derived from hashes: they say nothing of any model",
        ScoreMode::ExternalScores => "external",
    };
    line("scores", scores.to_owned());
    if let Some(scoring) = &report.scoring {
        let molecules = grouped(scoring.molecules);
        line(
            "scored",
            format!("{} of {molecules} molecules", grouped(scoring.molecules - scoring.unscored)),
        );
        for (reason, count) in &scoring.reasons {
            line("", format!("{:<10} {reason}: see provenance.json", grouped(*count)));
        }
    }
    // What stand-in scores pass says nothing.
    if report.score_mode == ScoreMode::ExternalScores {
        line(
            "PASS rate",
            format!(
                "{} of {} audited rows",
                report.pass_rate.map_or_else(|| "none".into(), |r| format!("{:.1} %", 100.0 * r)),
                grouped(report.rows_audited)
            ),
        );
        line("median slack", optional(report.median_slack));
    }
    if !report.already_complete {
        line("time", format!("{:.1} s, {:.0} rows/s", report.seconds, report.rows_per_second));
    }
    line("pack", report.pack.display().to_string());
    line("report", report.pack.join("index.html").display().to_string());
    line("content digest", report.content_digest.clone());
    text
}
