//! `accept`: whether a pack may be used.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::audit::{Decision, Met};
use hetero2::outcomes::{PackAcceptance, accept_pack};
use hetero2::run::ScoreMode;

use super::arguments::GlobalArguments;
use super::failure::{Failure, VERIFICATION};
use super::output::{print_json, print_text};

/// Say GO or STOP for a pack, with every criterion and its value
///
/// GO needs no ERROR row, an OK row, no row without scores, and slack and verdict on every OK row
/// with a scored decoy. The summary is held against the pack's checksums; `verify` checks the
/// rest of the pack.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 accept screen/pack
  hetero2 accept evidence_pack.zip --json
  hetero2 verify screen/pack && hetero2 accept screen/pack

Exit codes: 0 GO; 3 STOP, or the pack's summary was changed; 2 there is no pack.")]
pub struct AcceptArguments {
    /// Directory or zip of the pack
    pack: PathBuf,
}

/// Runs `accept`.
pub fn accept(arguments: &AcceptArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let found = accept_pack(&arguments.pack)?;
    if global.json {
        print_json(&found)?;
    } else {
        print_text(&as_text(&found))?;
    }
    Ok(match found.acceptance.decision {
        Decision::Go => ExitCode::SUCCESS,
        Decision::Stop => ExitCode::from(VERIFICATION),
    })
}

// Writing to a String cannot fail, hence the discarded results below.
fn as_text(found: &PackAcceptance) -> String {
    let mut text = String::new();
    for criterion in &found.acceptance.criteria {
        let met = match criterion.outcome {
            Met::Met => "met",
            Met::NotMet => "NOT MET",
        };
        let _ = writeln!(
            text,
            "{met:<8} {:<42} {:>8}  must be {}",
            criterion.name, criterion.value, criterion.required
        );
    }
    for (reason, count) in &found.acceptance.review {
        let _ =
            writeln!(text, "look at  SKIP {reason:<37} {count:>8}  not among the usual reasons");
    }
    if found.score_mode == Some(ScoreMode::Mock) {
        let _ = writeln!(text, "note     scores are stand-ins: they say nothing of any model");
    }
    let decision = match found.acceptance.decision {
        Decision::Go => "GO",
        Decision::Stop => "STOP",
    };
    let _ = writeln!(text, "{decision}: {} rows", found.rows);
    text
}
