//! Verifying a pack, directory or zip, without unpacking it: everything that a
//! pack claims about itself is computed again. Packs are untrusted; whatever
//! they hold ends in a report.

mod binding;
mod checks;
mod tables;

pub(in crate::pack) use tables::bounded_csv;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::error::PackError;
use super::manifest;
use super::source::PackSource;
use hetero2_common::errors::with_causes;
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
    /// The content digest as computed from the files; none of a zip whose
    /// container is at fault, because its files are not read then.
    pub content_digest: Option<Sha256Digest>,
    /// Digest of the manifest, see [`manifest_digest`]; none where it is not
    /// readable.
    ///
    /// [`manifest_digest`]: super::manifest::manifest_digest
    pub manifest_digest: Option<Sha256Digest>,
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
/// Reads every byte once or twice; memory is bounded whatever the pack's size
/// and whatever its files claim. A zip whose container is at fault is not read
/// any further.
///
/// # Errors
/// The path cannot be read, it is neither a directory nor a zip, or the system
/// refuses to read a file of the pack. What is wrong with a pack that can be
/// read is in the report.
pub fn verify(path: &Path) -> Result<VerifyReport, PackError> {
    let mut source = PackSource::inspect(path)?;
    let mut findings = Findings::default();
    checks::container(&source, &mut findings);
    if source.is_zip() && !source.problems().is_empty() {
        return Ok(report(findings, &source, Contents::default()));
    }
    let digests = checks::digests(&mut source, &mut findings)?;
    checks::required(&source, &mut findings);
    checks::checksums(&mut source, &digests, &mut findings)?;
    let manifest = checks::manifest(&mut source, &digests, &mut findings)?;
    let metrics = checks::json(&mut source, &mut findings)?;
    binding::check(&source, manifest.as_ref(), &digests, &metrics, &mut findings);
    let rows = tables::check(&mut source, &metrics, &mut findings)?;
    checks::inner_zip(&source, &digests, &mut findings)?;
    let content_digest = Some(manifest::content_digest(&digests));
    let manifest_digest = manifest.map(|manifest| manifest.digest);
    Ok(report(findings, &source, Contents { content_digest, manifest_digest, rows, digests }))
}

/// What the files of a pack gave.
#[derive(Default)]
struct Contents {
    content_digest: Option<Sha256Digest>,
    manifest_digest: Option<Sha256Digest>,
    rows: Option<u64>,
    digests: BTreeMap<String, FileDigest>,
}

fn report(findings: Findings, source: &PackSource, contents: Contents) -> VerifyReport {
    VerifyReport {
        checks: findings.0,
        content_digest: contents.content_digest,
        manifest_digest: contents.manifest_digest,
        files: source.entries().len() as u64,
        bytes: source.total(),
        rows: contents.rows,
        digests: contents.digests,
    }
}

/// What an error means for the pack: a finding in words, unless the system
/// refused, which says nothing of the pack.
fn finding(error: PackError) -> Result<String, PackError> {
    if error.refusal().is_some() { Err(error) } else { Ok(with_causes(&error)) }
}

/// Checks as they are made.
#[derive(Default)]
struct Findings(Vec<Check>);

impl Findings {
    fn add(&mut self, name: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.0.push(Check { name, outcome, detail: detail.into() });
    }

    fn pass(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Outcome::Pass, detail);
    }

    fn warn(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Outcome::Warn, detail);
    }

    fn fail(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, Outcome::Fail, detail);
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
