//! `accept`: whether a pack may be used.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use hetero2::audit::{Decision, Met};
use hetero2::contract::evidence::{AcceptPolicy, StopReason};
use hetero2::outcomes::{PackAcceptance, accept_pack};

use super::arguments::GlobalArguments;
use super::failure::{Failure, VERIFICATION};
use super::output::{print_json, print_text};

/// Say GO or STOP for a pack, with every criterion and its value
///
/// Two parts, both printed. Complete: no ERROR row, an OK row, no row without scores, and slack and
/// verdict on every OK row with a scored decoy. Evidence: the verdict on the scores that the policy
/// asks for, which a constant and random orders of the scores must not get. Stand-in scores, nothing
/// audited and originals with a default score are always STOP. What is read is held against the
/// pack's checksums; `verify` checks the rest of the pack.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 accept screen/pack
  hetero2 accept evidence_pack.zip --json
  hetero2 accept screen/pack --policy complete      the published criteria alone
  hetero2 verify screen/pack && hetero2 accept screen/pack

Exit codes: 0 GO; 3 STOP, or a file of the pack was changed; 2 there is no pack.")]
pub struct AcceptArguments {
    /// Directory or zip of the pack
    pack: PathBuf,
    /// What a GO takes: complete, the published criteria alone; screen, also a verdict of NOT_REFUTED
    /// or better; model, also SUPPORTED. Without it model where the pack has outcomes, else screen
    #[arg(long, value_parser = ["complete", "screen", "model"])]
    policy: Option<String>,
}

/// Runs `accept`.
pub fn accept(arguments: &AcceptArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let policy = arguments.policy.as_deref().map(str::parse::<AcceptPolicy>).transpose();
    let found = accept_pack(&arguments.pack, policy.map_err(Failure::usage)?)?;
    if global.json {
        print_json(&found)?;
    } else {
        print_text(&as_text(&found))?;
    }
    Ok(match found.decision {
        Decision::Go => ExitCode::SUCCESS,
        Decision::Stop => ExitCode::from(VERIFICATION),
    })
}

// Writing to a String cannot fail, hence the discarded results below.
fn as_text(found: &PackAcceptance) -> String {
    let mut text = String::new();
    let published =
        if found.policy == AcceptPolicy::Complete { " (the published contract)" } else { "" };
    let _ = writeln!(text, "complete: {}{published}", word(found.complete.decision));
    for criterion in &found.complete.criteria {
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
    for (reason, count) in &found.complete.review {
        let _ =
            writeln!(text, "look at  SKIP {reason:<37} {count:>8}  not among the usual reasons");
    }
    write_evidence(&mut text, found);
    for stop in &found.stops {
        let _ = writeln!(text, "stop     {stop}: {}", against(*stop));
    }
    let decision = word(found.decision);
    let _ = writeln!(text, "{decision}: {} rows, policy {}", found.rows, found.policy.as_str());
    text
}

fn write_evidence(text: &mut String, found: &PackAcceptance) {
    let verdict = found.verdict.map_or_else(|| "no verdict".to_owned(), |v| v.to_string());
    let reasons: Vec<String> = found.reasons.iter().map(ToString::to_string).collect();
    let needs = match found.policy {
        AcceptPolicy::Complete => "not asked for",
        AcceptPolicy::Screen => "must be NOT_REFUTED or SUPPORTED",
        AcceptPolicy::Model => "must be SUPPORTED",
    };
    let _ = writeln!(text, "evidence: {verdict} {}, {needs}", reasons.join(", "));
    if let Some(tried) = &found.specificity {
        let _ = writeln!(
            text,
            "         a constant: {}; {} of {} random orders of the scores would pass, at most {} may",
            tried.constant, tried.passed, tried.permutations, tried.allowed
        );
    }
}

fn against(stop: StopReason) -> &'static str {
    match stop {
        StopReason::NotComplete => "a criterion of the first part is not met",
        StopReason::StandInScores => "scores are stand-ins: they say nothing of any model",
        StopReason::NothingAudited => "no row was audited",
        StopReason::DefaultedOriginals => "originals without a score count as a default score",
        StopReason::NoEvidence => {
            "the pack has no verdict on its scores: make it with `run`, or ask for --policy complete"
        }
        StopReason::Evidence => "the verdict is not what the policy asks for",
        StopReason::PolicyNotSpecific => "scores that know nothing would pass, too",
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Go => "GO",
        Decision::Stop => "STOP",
    }
}
