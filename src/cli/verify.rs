//! `verify`: whether a pack is whole, says what it says, and who signed it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use hetero2::pack::{Check, VerifyReport, locate};
use hetero2::run::Silent;
use hetero2::signature::{
    PublicKey, SignatureReport, SignatureState, bundle_path, verify_signatures,
};

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};

/// Check a pack: checksums, files, schemas, row counts, content digest, signatures
///
/// Takes the pack's directory, its zip, or the run directory that holds it; a zip is read without
/// unpacking it. With --key, every
/// key given must have signed the pack as it is now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 verify hetero2-run/pack
  hetero2 verify evidence_pack.zip --json
  hetero2 verify screen/pack --deep
  hetero2 verify screen/pack --key lab.key.pub --key qa.key.pub

Exit codes: 0 the pack is whole, and signed by each key; 3 a check fails; 2 a path cannot be read.")]
pub struct VerifyArguments {
    /// Directory or zip of the pack, or its run directory
    pack: PathBuf,
    /// Public key that must have signed the pack; may be given several times
    #[arg(short, long, value_name = "PUB")]
    key: Vec<PathBuf>,
    /// Also make summary.csv, the other tables and the reports again from the typed tables, and
    /// compare; takes the pack's size among the temporary files
    #[arg(long)]
    deep: bool,
    /// File of signatures; beside the pack without it
    #[arg(long, value_name = "FILE")]
    signatures: Option<PathBuf>,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    pack: &'a VerifyReport,
    #[serde(skip_serializing_if = "is_without")]
    signatures: &'a SignatureReport,
}

/// Whether there are no signatures and none were asked for.
fn is_without(report: &SignatureReport) -> bool {
    report.checks.is_empty()
}

/// Runs `verify`.
pub fn verify(arguments: &VerifyArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let keys: Vec<PublicKey> =
        arguments.key.iter().map(|path| PublicKey::read(path)).collect::<Result<_, _>>()?;
    let pack = locate(&arguments.pack).map_err(Failure::from_pack)?;
    let mut report = hetero2::pack::verify(&pack).map_err(Failure::from_pack)?;
    if arguments.deep && report.passed() {
        report.checks.extend(hetero2::run::verify_regenerated(&pack, &Silent)?);
    }
    let file = match &arguments.signatures {
        Some(file) => file.clone(),
        None => bundle_path(&pack)?,
    };
    let signatures = verify_signatures(&report, &file, &keys)?;
    if global.json {
        print_json(&Document { pack: &report, signatures: &signatures })?;
    } else {
        let found = (pack != arguments.pack).then(|| format!("the pack is {}\n", pack.display()));
        print_text(&(found.unwrap_or_default() + &as_text(&report, &signatures)))?;
    }
    Ok(if report.passed() && signatures.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::failure::VERIFICATION)
    })
}

// Writing to a String cannot fail, hence the discarded results below.
fn as_text(report: &VerifyReport, signatures: &SignatureReport) -> String {
    let mut text = String::new();
    let checks: Vec<&Check> = report.checks.iter().chain(&signatures.checks).collect();
    for check in checks {
        let _ = writeln!(text, "{:<7} {:<28} {}", check.outcome, check.name, check.detail);
    }
    for signature in &signatures.signatures {
        let state = match signature.state {
            SignatureState::Valid => "signed",
            SignatureState::UnknownKey => "claimed",
            SignatureState::Invalid => "INVALID",
        };
        let _ = write!(text, "{state:<7} {}", signature.signed_at.escape_debug());
        let _ = match &signature.approval {
            Some(a) => writeln!(text, "  {} {}: {}", a.role.as_str(), a.name, a.meaning),
            None => writeln!(text, "  without a role"),
        };
    }
    let verdict = match (report.passed(), signatures.passed()) {
        (true, true) => "the pack is whole",
        (true, false) => "the pack is whole, but its signatures FAIL",
        (false, _) => "the pack FAILS",
    };
    let _ = writeln!(text, "{verdict}: {} files, {} bytes", report.files, report.bytes);
    if let Some(digest) = report.content_digest {
        let _ = writeln!(text, "content digest {digest}");
    }
    text
}
