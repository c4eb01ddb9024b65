//! `verify`: whether a pack is whole and says what it says.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::Failure;
use super::{GlobalArguments, print_json, print_text};

/// Check a pack: checksums, required files, schemas, row counts, content digest
///
/// Takes the pack's directory or its zip; a zip is read without unpacking it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 verify hetero2-run/pack
  hetero2 verify evidence_pack.zip --json

Exit codes: 0 the pack is whole; 3 a check fails; 2 the path cannot be read.")]
pub struct VerifyArguments {
    /// Directory or zip of the pack
    pack: PathBuf,
}

/// Runs `verify`.
pub fn verify(arguments: &VerifyArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let report = hetero2::pack::verify(&arguments.pack).map_err(Failure::from_pack)?;
    if global.json {
        print_json(&report)?;
    } else {
        let mut text = String::new();
        // Writing to a String cannot fail.
        for check in &report.checks {
            let _ = writeln!(text, "{:<7} {:<28} {}", check.outcome, check.name, check.detail);
        }
        let verdict = if report.passed() { "the pack is whole" } else { "the pack FAILS" };
        let _ = writeln!(text, "{verdict}: {} files, {} bytes", report.files, report.bytes);
        let _ = writeln!(text, "content digest {}", report.content_digest);
        print_text(&text)?;
    }
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::failure::VERIFICATION)
    })
}
