//! Verifying a pack, directory or zip, without unpacking it: everything that a
//! pack claims about itself is computed again. Packs are untrusted; whatever
//! they hold ends in a report.

mod checks;
mod tables;

pub(in crate::pack) use tables::bounded_csv;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::error::PackError;
use super::source::PackSource;
use hetero2_common::files::{FileDigest, Sha256Digest};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// As it must be.
    Pass,
    /// Unusual, but no contradiction.
    Warn,
    /// The pack is not what it claims to be.
    Fail,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
    /// The content digest as computed from the files.
    pub content_digest: Sha256Digest,
    /// Files in the pack.
    pub files: u64,
    /// Their bytes, uncompressed.
    pub bytes: u64,
    /// Rows of the summary, where it could be read.
    pub rows: Option<u64>,
    /// Size and SHA-256 of every file that could be read, but the zip inside.
    #[serde(skip)]
    pub digests: BTreeMap<String, FileDigest>,
}

impl VerifyReport {
    /// Whether no check failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Fail)
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Fail)
    }
}

/// Verifies the pack at `path`, a directory or a zip.
///
/// Reads every byte once or twice; memory is bounded whatever the pack's size.
///
/// # Errors
/// The path cannot be read, or it is neither a directory nor a zip. What is
/// wrong with a pack that can be read is in the report.
pub fn verify(path: &Path) -> Result<VerifyReport, PackError> {
    let mut source = PackSource::open(path)?;
    let mut findings = Findings::default();
    let digests = checks::digests(&mut source, &mut findings);
    checks::container(&source, &mut findings);
    checks::required(&source, &mut findings);
    checks::checksums(&mut source, &digests, &mut findings);
    let content_digest = checks::manifest(&mut source, &digests, &mut findings);
    let metrics = checks::json(&mut source, &mut findings);
    let rows = tables::check(&mut source, &metrics, &mut findings);
    checks::inner_zip(&source, &digests, &mut findings);
    Ok(VerifyReport {
        checks: findings.0,
        content_digest,
        files: source.entries().len() as u64,
        bytes: source.entries().values().map(|e| e.bytes).sum(),
        rows,
        digests,
    })
}

/// Checks as they are made.
#[derive(Default)]
struct Findings(Vec<Check>);

impl Findings {
    fn pass(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(Check { name, outcome: Outcome::Pass, detail: detail.into() });
    }

    fn warn(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(Check { name, outcome: Outcome::Warn, detail: detail.into() });
    }

    fn fail(&mut self, name: &'static str, detail: impl Into<String>) {
        self.0.push(Check { name, outcome: Outcome::Fail, detail: detail.into() });
    }

    /// A check of many things: passes with `good` unless there are problems.
    fn conclude(&mut self, name: &'static str, problems: &[String], good: impl Into<String>) {
        if problems.is_empty() { self.pass(name, good) } else { self.fail(name, listed(problems)) }
    }
}

/// The first of `items`, and how many more there are.
fn listed(items: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = items[..items.len().min(SHOWN)].join("; ");
    if items.len() > SHOWN {
        text.push_str(&format!("; and {} more", items.len() - SHOWN));
    }
    text
}

/// An error with its chain of causes, for a check's detail.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
