//! Verifying a registry: the chain, its end, and every pack that it lists.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Serialize;

use super::error::RegistryError;
use super::layout::{Registry, SIGNATURES};
use super::log::{Head, HeadState, Logged, Scan, scan_existing};
use crate::pack::manifest::CHECKSUMS;
use crate::pack::{Check, Outcome, verify};
use hetero2_common::files::{FileDigest, FileError, Sha256Digest, digest_reader};

/// What verification of a registry found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistryReport {
    /// Every check, in the order in which they were made.
    pub checks: Vec<Check>,
    /// Entries that could be read.
    pub entries: u64,
    /// Digest of the last of them: keep it elsewhere, to find a log that was
    /// cut together with its HEAD.
    pub head: Sha256Digest,
}

impl RegistryReport {
    /// Whether no check failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Fail)
    }

    fn add(&mut self, name: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.checks.push(Check { name, outcome, detail: detail.into() });
    }
}

/// Verifies the registry at `path`: its chain, HEAD, and every pack in full.
/// `pinned` is the digest of an entry, noted at some time before, that must
/// still be there.
///
/// # Errors
/// [`RegistryError::NoRegistry`], or a file cannot be read. What is wrong with
/// a registry that can be read is in the report.
pub fn verify_registry(
    path: &Path,
    pinned: Option<Sha256Digest>,
) -> Result<RegistryReport, RegistryError> {
    let registry = Registry::new(path);
    let scan = scan_existing(&registry)?;
    let head = scan.head();
    let mut report =
        RegistryReport { checks: Vec::new(), entries: head.entries, head: head.digest };
    check_chain(&scan, &mut report);
    check_head(&registry, &scan, &mut report)?;
    if let Some(pinned) = pinned {
        check_pinned(&scan, pinned, &mut report);
    }
    check_lineage(&scan, &mut report);
    for logged in &scan.entries {
        let named = logged.entry.manifest_digest.is_some();
        let (outcome, detail) = match check_pack(&registry, &scan, logged)? {
            None if named => (Outcome::Pass, "as published".to_owned()),
            None => (Outcome::Pass, "as published; its entry names no manifest digest".to_owned()),
            Some(problem) => (Outcome::Fail, problem),
        };
        let digest = logged.entry.content_digest;
        report.add("pack", outcome, format!("entry {}, {digest}: {detail}", logged.entry.sequence));
    }
    check_unlisted(&registry, &scan, &mut report)?;
    Ok(report)
}

fn check_chain(scan: &Scan, report: &mut RegistryReport) {
    if scan.problems.is_empty() {
        report.add(
            "log",
            Outcome::Pass,
            format!("{} entries, each names the last", report.entries),
        );
    } else {
        report.add("log", Outcome::Fail, scan.problems.join("; "));
    }
    if scan.torn {
        let detail = "half an entry at its end: a publisher was interrupted";
        report.add("log", Outcome::Warn, detail);
    }
}

fn check_head(
    registry: &Registry,
    scan: &Scan,
    report: &mut RegistryReport,
) -> Result<(), RegistryError> {
    let (outcome, detail) = match Head::read(registry)?.map(|head| head.compare(scan)) {
        Ok(HeadState::Same) => (Outcome::Pass, report.head.to_string()),
        Ok(HeadState::Interrupted) => {
            let detail = "one entry behind: a publisher was interrupted, the next one mends it";
            (Outcome::Warn, detail.to_owned())
        }
        Ok(HeadState::Other(why)) | Err(why) => (Outcome::Fail, why),
    };
    report.add("HEAD", outcome, detail);
    Ok(())
}

fn check_pinned(scan: &Scan, pinned: Sha256Digest, report: &mut RegistryReport) {
    match scan.entries.iter().position(|logged| logged.entry_digest == pinned) {
        Some(index) => {
            let later = scan.entries.len() - index - 1;
            let detail = format!("entry {index}, {later} since then");
            report.add("pinned head", Outcome::Pass, detail);
        }
        None => report.add("pinned head", Outcome::Fail, format!("no entry is {pinned}")),
    }
}

/// Parents come before their children.
fn check_lineage(scan: &Scan, report: &mut RegistryReport) {
    let mut problems = Vec::new();
    let mut before = BTreeSet::new();
    for Logged { entry, .. } in &scan.entries {
        let missing = entry.parents.iter().filter(|parent| !before.contains(*parent));
        let number = entry.sequence;
        problems.extend(missing.map(|parent| format!("entry {number}: no parent {parent}")));
        before.insert(entry.content_digest);
    }
    if problems.is_empty() {
        report.add("lineage", Outcome::Pass, "every parent is listed before");
    } else {
        report.add("lineage", Outcome::Fail, problems.join("; "));
    }
}

/// What is wrong with a stored pack.
fn check_pack(
    registry: &Registry,
    scan: &Scan,
    logged: &Logged,
) -> Result<Option<String>, RegistryError> {
    let entry = &logged.entry;
    let stored = scan.stored_name(entry);
    let path = registry.pack(&stored);
    if !path.is_dir() {
        return Ok(Some("it is missing".to_owned()));
    }
    let found = match verify(&path) {
        Ok(found) => found,
        Err(error) if error.refusal().is_some() => return Err(error.into()),
        Err(error) => return Ok(Some(error.to_string())),
    };
    if let Some(check) = found.failures().next() {
        return Ok(Some(format!("{}: {}", check.name, check.detail)));
    }
    let checksums = found.digests.get(CHECKSUMS).map(|digest| digest.sha256);
    let is_that = found.content_digest == Some(entry.content_digest)
        && checksums == Some(entry.checksums_sha256)
        && (entry.manifest_digest.is_none() || entry.manifest_digest == found.manifest_digest);
    if !is_that {
        return Ok(Some("another pack lies there".to_owned()));
    }
    match entry.signatures {
        None => Ok(None),
        Some(published) => check_signatures(&registry.signatures(&stored), published),
    }
}

/// Signatures may be added, those that were published stay.
fn check_signatures(path: &Path, published: FileDigest) -> Result<Option<String>, RegistryError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(Some("its signatures are missing".to_owned()));
        }
        Err(e) => return Err(FileError::io("read", path)(e).into()),
    };
    let found =
        digest_reader(&mut file.take(published.bytes)).map_err(FileError::io("read", path))?;
    Ok((found != published).then(|| "its signatures were changed".to_owned()))
}

fn check_unlisted(
    registry: &Registry,
    scan: &Scan,
    report: &mut RegistryReport,
) -> Result<(), RegistryError> {
    let packs = registry.packs();
    let stored: BTreeSet<String> =
        scan.entries.iter().map(|logged| scan.stored_name(&logged.entry)).collect();
    let mut unlisted = 0;
    let entries = match fs::read_dir(&packs) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(FileError::io("read", &packs)(e).into()),
    };
    for entry in entries {
        let name = entry.map_err(FileError::io("read", &packs))?.file_name();
        let name = name.to_string_lossy();
        if !stored.contains(name.strip_suffix(SIGNATURES).unwrap_or(&name)) {
            unlisted += 1;
        }
    }
    if unlisted > 0 {
        let detail = format!("{unlisted} in no entry: left by interrupted publishers, or foreign");
        report.add("unlisted files", Outcome::Warn, detail);
    }
    Ok(())
}
