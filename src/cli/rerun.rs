//! `rerun`: whether a pack can be rebuilt from its manifest.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::pack::PackDiff;
use hetero2::pack::manifest::Tool;
use hetero2::run::{RerunError, RerunReport, RerunRequest, RerunVerdict};

use super::arguments::GlobalArguments;
use super::failure::{Failure, VERIFICATION};
use super::granted::threads;
use super::library_files::library_of;
use super::output::{print_json, print_text};
use super::progress::watched;

/// Rebuild a pack from its manifest and prove that it is the same
///
/// Takes configuration, seeds and reading options from the pack, checks that the inputs are those
/// it was made from, runs them again and compares content digests. Where they differ, says what
/// differs and what can explain it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 rerun hetero2-run/pack                             a pack of the shipped demo library
  hetero2 rerun screen/pack --input library.csv              with the scores that the pack holds
  hetero2 rerun evidence_pack.zip --input copy.csv --out again --json

Exit codes: 0 the content digest is the same; 3 it is not, or the pack fails verification;
2 an input is missing or not the one that the pack was made from; 4 stopped.")]
pub struct RerunArguments {
    /// Directory or zip of the pack
    pack: PathBuf,
    /// The library that the pack was made from, under any name; several files or folders in their
    /// order, under their own names; the shipped demo library needs none
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,
    /// The scores that the pack was made from; those in the pack without it
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// The molecules that the model was trained on, where the pack was made with them
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// The file of --decoys-from or --decoy-pool, where the pack was made with one
    #[arg(long, value_name = "FILE", visible_alias = "decoy-pool")]
    decoys_from: Option<PathBuf>,
    /// Keep the run in DIR; it is removed without it
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// The files of the library that are given.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    match named {
        [] => Ok(Vec::new()),
        named => Ok(library_of(named)?.files().to_vec()),
    }
}

/// Runs `rerun`.
pub fn rerun(arguments: &RerunArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let request = RerunRequest {
        pack: arguments.pack.clone(),
        input: files(&arguments.input)?,
        scores: arguments.scores.clone(),
        training: arguments.train.clone(),
        decoys: arguments.decoys_from.clone(),
        out: arguments.out.clone(),
        threads: threads(arguments.threads),
    };
    let result = watched(global, |progress| hetero2::run::rerun(&request, progress));
    let report = result.map_err(failure)?;
    if global.json {
        print_json(&report)?;
    } else {
        print_text(&as_text(&report))?;
    }
    Ok(match report.verdict {
        RerunVerdict::Same => ExitCode::SUCCESS,
        RerunVerdict::Different => ExitCode::from(VERIFICATION),
    })
}

fn failure(error: RerunError) -> Failure {
    match error {
        RerunError::Run(error) => error.into(),
        RerunError::Pack(error) => Failure::from_pack(error),
        error => Failure::usage(error),
    }
}

// Writing to a String cannot fail, hence the discarded results below.

fn as_text(report: &RerunReport) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<16} {value}");
    };
    line("made by", tool(&report.tool));
    line("rerun by", tool(&report.rerun_tool));
    line("content digest", report.content_digest.to_string());
    line("of the rerun", report.rerun_content_digest.to_string());
    if let Some(pack) = &report.rerun_pack {
        line("pack", pack.display().to_string());
    }
    for cause in &report.causes {
        let _ = writeln!(text, "not as recorded: {}", cause.what);
        let _ = writeln!(text, "  in the pack    {}", cause.recorded);
        let _ = writeln!(text, "  now            {}", cause.now);
    }
    if let Some(diff) = &report.diff {
        let _ = writeln!(text, "the pack (first) against the rerun (second):");
        text.push_str(&super::diff::as_text(diff));
    }
    let _ = match report.verdict {
        RerunVerdict::Same => writeln!(text, "the rerun gives the SAME evidence"),
        RerunVerdict::Different => writeln!(text, "NOT the same evidence: {}", why(report)),
    };
    text
}

fn tool(tool: &Tool) -> String {
    let commit = tool.commit.as_deref().unwrap_or("unknown");
    format!("{} {} ({commit})", tool.name, tool.version)
}

/// The reason in one sentence.
fn why(report: &RerunReport) -> &'static str {
    let differs = |what: &str| report.causes.iter().any(|cause| cause.what == what);
    if differs("wholeness of the pack") {
        "the pack itself fails verification"
    } else if differs("program version") && report.diff.as_ref().is_some_and(only_reports) {
        "only the report differs, which names the program's version; every table is the same"
    } else if report.causes.is_empty() {
        "program, configuration and inputs are as recorded, so the pack was made or changed by \
         something else"
    } else {
        "see above for what was different when it was made"
    }
}

/// Whether no table differs: nothing but the report and what lists it.
fn only_reports(diff: &PackDiff) -> bool {
    let names = [
        "index.html",
        "index.md",
        "manifest.json",
        "provenance.json",
        "ro-crate-metadata.json",
        "checksums.sha256",
    ];
    let known = |name: &str| names.contains(&name);
    diff.only_in_a.iter().chain(&diff.only_in_b).all(|name| known(name))
        && diff.files.iter().all(|file| known(&file.name))
}
