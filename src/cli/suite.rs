//! `suite`: runs a suite with published outcomes and says whether they hold.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::pack::report::grouped;
use hetero2::suite::{Suite, SuiteError, SuiteReport, SuiteRequest, run_suite};

use super::arguments::GlobalArguments;
use super::failure::{Failure, VERIFICATION};
use super::output::{print_json, print_text};
use super::progress::watched;

/// Run a suite with published outcomes and check them
///
/// Makes the suite's library and scores in DIR, runs them, and compares what comes out with what is
/// published, fact by fact. Facts, inputs and content digests go to DIR/suite.json.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 suite ring --out ring                    200 rows: none without an outcome
  hetero2 suite known-bad-good --out known         scores known to be bad and good
  hetero2 suite customer-proxy --out proxy --json  proxy truth, cost and lift, acceptance
  hetero2 suite stress --out stress --rows 1000    a tenth of the published rows
  hetero2 suite scale --out scale                  graphs of up to a million atoms; minutes

Exit codes: 0 every fact holds; 3 one does not; 2 wrong usage; 4 stopped (the same command goes on).")]
pub struct SuiteArguments {
    /// Suite to run
    #[arg(value_enum)]
    suite: Suite,
    /// Directory of inputs, runs and report
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Rows; without it as published: 200, of stress 10000. Of scale the atoms of the largest graph:
    /// 1000000
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// Worker threads; all cores without it
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs `suite`.
pub fn suite(arguments: &SuiteArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let request = SuiteRequest {
        suite: arguments.suite,
        out: arguments.out.clone(),
        rows: arguments.rows,
        threads: arguments.threads.map(usize::from),
    };
    let result = watched(global, |progress| run_suite(&request, progress));
    let report = result.map_err(failure)?;
    if global.json {
        print_json(&report)?;
    } else {
        print_text(&as_text(&report))?;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::from(VERIFICATION) })
}

fn failure(error: SuiteError) -> Failure {
    match error {
        SuiteError::Run(error) => error.into(),
        SuiteError::Rows { .. } | SuiteError::Occupied { .. } => Failure::usage(error),
        _ => Failure::other(error),
    }
}

// Writing to a String cannot fail, hence the discarded results below.

fn as_text(report: &SuiteReport) -> String {
    let width = |text: &str| text.chars().count();
    let names = report.facts.iter().map(|fact| width(&fact.name)).max().unwrap_or(0);
    let values = report.facts.iter().map(|fact| width(&fact.expected)).max().unwrap_or(0).max(8);
    let mut text = String::new();
    let _ = writeln!(text, "      {:<names$}  {:<values$}  found", "fact", "expected");
    for fact in &report.facts {
        let _ = writeln!(
            text,
            "{}  {:<names$}  {:<values$}  {}",
            fact.outcome, fact.name, fact.expected, fact.found
        );
    }
    for run in &report.runs {
        let _ = writeln!(text, "pack {}  content digest {}", run.pack, run.content_digest);
    }
    let failed =
        report.facts.iter().filter(|fact| fact.outcome == hetero2::suite::FactOutcome::Fail);
    let (failed, all) = (failed.count(), report.facts.len());
    let (suite, rows) = (report.suite.name(), grouped(report.rows));
    let _ = match failed {
        0 => writeln!(text, "suite {suite}, {rows} rows: all {all} facts hold"),
        _ => writeln!(text, "suite {suite}, {rows} rows: {failed} of {all} facts DO NOT HOLD"),
    };
    text
}
