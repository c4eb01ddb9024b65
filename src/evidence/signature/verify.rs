//! Checking the signatures beside a pack: by which keys, of which files, and
//! whether none was changed or taken out. Signatures are untrusted; whatever
//! they hold ends in a report.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::bundle::{Line, Parsed, exists, read_bundle};
use super::error::SignatureError;
use super::key::{KeyId, PublicKey};
use super::statement::Approval;
use crate::pack::{Check, Outcome, VerifyReport};
use hetero2_common::files::Sha256Digest;

/// What became of one signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureState {
    /// Made by a given key, of this pack as it is.
    Valid,
    /// Made by a key that was not given: it proves nothing yet.
    UnknownKey,
    /// Not what it claims to be.
    Invalid,
}

/// One signature, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedSignature {
    /// Line in the file of signatures, from 1.
    pub line: usize,
    /// What became of it.
    pub state: SignatureState,
    /// The key: proved where the state is valid, else what the envelope claims.
    pub keyid: Option<KeyId>,
    /// When it was signed, by the signer's clock.
    pub signed_at: String,
    /// In which role, and what it means.
    pub approval: Option<Approval>,
}

/// What the signatures beside a pack prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureReport {
    /// The file of signatures.
    pub file: PathBuf,
    /// Every check.
    pub checks: Vec<Check>,
    /// Every signature, in the order in which they were made.
    pub signatures: Vec<CheckedSignature>,
}

impl SignatureReport {
    /// Whether no check failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Fail)
    }

    fn add(&mut self, name: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.checks.push(Check { name, outcome, detail: detail.into() });
    }
}

/// Checks the signatures in `bundle` against the pack that `pack` is the
/// verification of. Each of `keys` must have signed; without keys, signatures
/// are listed as unknown, with a warning.
///
/// # Errors
/// The file is there but cannot be read. All else is in the report.
pub fn verify_signatures(
    pack: &VerifyReport,
    bundle: &Path,
    keys: &[PublicKey],
) -> Result<SignatureReport, SignatureError> {
    let mut report =
        SignatureReport { file: bundle.to_owned(), checks: Vec::new(), signatures: Vec::new() };
    if !exists(bundle)? {
        if !keys.is_empty() {
            let detail = format!("there are none at {}", bundle.display());
            report.add("signatures", Outcome::Fail, detail);
        }
        return Ok(report);
    }
    let Parsed { lines, torn } = match read_bundle(bundle) {
        Ok(parsed) => parsed,
        Err(error @ SignatureError::Bundle { .. }) => {
            report.add("signatures", Outcome::Fail, error.to_string());
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    for (index, line) in lines.iter().enumerate() {
        add_line(&mut report, index + 1, line, pack, keys);
    }
    if torn > 0 {
        let detail = format!("{torn} bytes after the last one: a signer was interrupted");
        report.add("signatures", Outcome::Warn, detail);
    }
    for key in keys {
        let signed = |s: &CheckedSignature| {
            s.state == SignatureState::Valid && s.keyid.as_ref() == Some(key.id())
        };
        if !report.signatures.iter().any(signed) {
            let detail = format!("none is valid of key {}", key.id());
            report.add("signature of key", Outcome::Fail, detail);
        }
    }
    Ok(report)
}

fn add_line(
    report: &mut SignatureReport,
    number: usize,
    line: &Line,
    pack: &VerifyReport,
    keys: &[PublicKey],
) {
    let predicate = &line.statement.predicate;
    let claimed = line.envelope.signatures.iter().find_map(|signature| signature.keyid.clone());
    let signer = line.envelope.signer(&line.payload, keys).map(|key| key.id().clone());
    let (state, why) = match (&signer, problem(line, pack)) {
        (_, Some(problem)) => (SignatureState::Invalid, problem),
        (Some(key), None) if predicate.manifest_digest.is_some() => {
            (SignatureState::Valid, format!("by key {key}"))
        }
        (Some(key), None) => {
            (SignatureState::Valid, format!("by key {key}; it names no manifest digest"))
        }
        (None, None) if keys.iter().any(|key| Some(key.id()) == claimed.as_ref()) => {
            (SignatureState::Invalid, "its key did not sign this".to_owned())
        }
        (None, None) => {
            let key = claimed.as_ref().map_or_else(|| "unknown".to_owned(), short);
            (SignatureState::UnknownKey, format!("not checked, its key {key} was not given"))
        }
    };
    let outcome = match state {
        SignatureState::Valid => Outcome::Pass,
        SignatureState::UnknownKey => Outcome::Warn,
        SignatureState::Invalid => Outcome::Fail,
    };
    report.add("signature", outcome, format!("line {number}: {why}"));
    report.signatures.push(CheckedSignature {
        line: number,
        state,
        keyid: signer.or(claimed),
        signed_at: predicate.signed_at.clone(),
        approval: predicate.approval.clone(),
    });
}

/// What an envelope claims as its key may be any text.
fn short(key: &KeyId) -> String {
    let text = key.to_string();
    match text.parse::<Sha256Digest>() {
        Ok(digest) => digest.to_string(),
        Err(_) => format!("{:?}", text.chars().take(64).collect::<String>()),
    }
}

/// Why a signature does not hold for this pack, whoever made it.
fn problem(line: &Line, pack: &VerifyReport) -> Option<String> {
    const SHOWN: usize = 5;
    if line.statement.predicate.earlier_signatures_sha256 != line.earlier {
        return Some("a signature before it was changed, added or removed".to_owned());
    }
    let differences = line.statement.differences(pack);
    let more = differences.len().saturating_sub(SHOWN);
    let shown = differences[..differences.len() - more].join("; ");
    match (differences.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(format!("since then {shown}")),
        (false, more) => Some(format!("since then {shown}; and {more} more")),
    }
}
