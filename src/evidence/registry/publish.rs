//! Publishing: the pack verified, a copy under its digest, then its entry.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::entry::{Entry, describe};
use super::error::RegistryError;
use super::layout::Registry;
use super::log::{Appender, Logged, Scan};
use crate::pack::manifest::{CHECKSUMS, MANIFEST, ZIP, manifest_digest};
use crate::pack::{Outcome, PackSource, VerifyReport, verify};
use crate::signature::{bundle_path, verify_signatures};
use hetero2_common::files::{
    FileDigest, FileError, Left, Scratch, Sha256Digest, digest_file, disk, sweep, write_atomically,
};
use hetero2_common::time::utc_timestamp;

/// What is published, and where.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// Directory or zip of the pack.
    pub pack: PathBuf,
    /// Directory of the registry; it is made where there is none.
    pub registry: PathBuf,
    /// Content digests of published packs that this one builds on.
    pub parents: Vec<Sha256Digest>,
    /// UTC time of the entry; now without it.
    pub timestamp: Option<String>,
}

/// A published pack.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// Its entry.
    #[serde(flatten)]
    pub logged: Logged,
    /// Where its copy lies.
    pub pack: PathBuf,
    /// Whether it had been published before; nothing was written then.
    pub already_published: bool,
}

/// Publishes a pack: verifies it, puts a copy under its content digest and
/// appends an entry to the log. A pack that is there already is left alone.
///
/// Publishers take turns by a lock; an interrupted one leaves no entry, or a
/// whole one that the next finishes.
///
/// # Errors
/// [`RegistryError::DamagedPack`] and [`RegistryError::Damaged`] where pack or
/// registry fail verification, [`RegistryError::UnknownParent`], and what the
/// disk refuses.
pub fn publish(request: &PublishRequest) -> Result<Published, RegistryError> {
    let registry = Registry::new(&request.registry);
    let packs = registry.packs();
    let (report, zip) = verified(&request.pack)?;
    let signatures = bundle_path(&request.pack)?;
    check_signatures(&report, &signatures, &request.pack)?;
    let entry = Entry {
        parents: sorted(&request.parents),
        published_at: request.timestamp.clone().unwrap_or_else(|| utc_timestamp(SystemTime::now())),
        ..describe(&request.pack, &report)?
    };
    disk::create_dir_all(&packs).map_err(FileError::io("create", &packs))?;
    sweep(&packs, None, Left::ByTheDead)?;
    // Vanishes unless it becomes the pack.
    let incoming = Scratch::beside(&packs.join("incoming"))?;
    copy(&request.pack, incoming.path(), &report, zip)?;
    let log = Appender::begin(&registry)?;
    if let Some(logged) = published_before(&registry, &log.scan, &entry)? {
        return already(&registry, &log.scan, logged, &entry);
    }
    let known = |parent: &&Sha256Digest| log.scan.find(parent).is_some();
    if let Some(parent) = entry.parents.iter().find(|parent| !known(parent)) {
        return Err(RegistryError::UnknownParent { parent: *parent });
    }
    let stored = log.scan.stored_name(&entry);
    let pack = registry.pack(&stored);
    place(incoming, &pack, &entry)?;
    let signatures = copy_signatures(&signatures, &registry.signatures(&stored))?;
    let logged = log.append(Entry { signatures, ..entry })?;
    Ok(Published { logged, pack, already_published: false })
}

/// The entry of this pack. A pack of the same content with another manifest, a
/// tampered one perhaps, is another pack.
fn published_before<'s>(
    registry: &Registry,
    scan: &'s Scan,
    asked: &Entry,
) -> Result<Option<&'s Logged>, RegistryError> {
    for logged in scan.all(asked.content_digest) {
        let named = match logged.entry.manifest_digest {
            Some(digest) => Some(digest),
            // An entry of an earlier version: what lies there says it.
            None => stored_manifest(&registry.pack(&scan.stored_name(&logged.entry)))?,
        };
        if named.is_none() || named == asked.manifest_digest {
            return Ok(Some(logged));
        }
    }
    Ok(None)
}

fn stored_manifest(pack: &Path) -> Result<Option<Sha256Digest>, RegistryError> {
    if !pack.is_dir() {
        return Ok(None);
    }
    let document = PackSource::open(pack)?.json::<Value>(MANIFEST)?;
    Ok(Some(manifest_digest(&document)))
}

fn sorted(parents: &[Sha256Digest]) -> Vec<Sha256Digest> {
    let mut parents = parents.to_vec();
    parents.sort_unstable();
    parents.dedup();
    parents
}

fn already(
    registry: &Registry,
    scan: &Scan,
    logged: &Logged,
    asked: &Entry,
) -> Result<Published, RegistryError> {
    let entry = &logged.entry;
    if entry.parents != asked.parents {
        let (digest, parents) = (entry.content_digest, entry.parents.clone());
        return Err(RegistryError::OtherParents { digest, parents });
    }
    let pack = registry.pack(&scan.stored_name(entry));
    if !pack.is_dir() {
        let why = format!("the pack of entry {} is missing", entry.sequence);
        return Err(RegistryError::Damaged { path: registry.root().to_owned(), why });
    }
    Ok(Published { logged: logged.clone(), pack, already_published: true })
}

fn damaged(pack: &Path, why: String) -> RegistryError {
    RegistryError::DamagedPack { path: pack.to_owned(), why }
}

/// Copies every file, whether the pack is a directory or a zip, and checks that
/// the copies are what was verified: the pack may change meanwhile.
fn copy(
    pack: &Path,
    to: &Path,
    report: &VerifyReport,
    zip: Option<FileDigest>,
) -> Result<(), RegistryError> {
    let mut source = PackSource::open(pack)?;
    let names: Vec<String> = source.entries().keys().cloned().collect();
    let verified = report.digests.len() + usize::from(zip.is_some());
    let changed = || damaged(pack, "it was changed while it was published".to_owned());
    if names.len() != verified {
        return Err(changed());
    }
    for name in names {
        let due = if name == ZIP { zip } else { report.digests.get(&name).copied() };
        let mut reader = source.reader(&name)?;
        let (digest, _) = write_atomically(&to.join(&name), |file| io::copy(&mut reader, file))?;
        if Some(digest) != due {
            return Err(changed());
        }
    }
    Ok(())
}

/// Verifies the pack; returns the digest of the zip in it, too, which the
/// report does not have.
fn verified(pack: &Path) -> Result<(VerifyReport, Option<FileDigest>), RegistryError> {
    let zip = pack.join(ZIP);
    let zip = zip.is_file().then(|| digest_file(&zip)).transpose()?;
    let report = verify(pack)?;
    if let Some(check) = report.failures().next() {
        return Err(damaged(pack, format!("{}: {}", check.name, check.detail)));
    }
    Ok((report, zip))
}

/// Signatures of another pack, or damaged ones, do not go along.
fn check_signatures(
    report: &VerifyReport,
    bundle: &Path,
    pack: &Path,
) -> Result<(), RegistryError> {
    let signatures = verify_signatures(report, bundle, &[])?;
    match signatures.checks.iter().find(|check| check.outcome == Outcome::Fail) {
        None => Ok(()),
        Some(check) => Err(damaged(pack, format!("{}: {}", check.name, check.detail))),
    }
}

/// Puts the copy in its place. What lies there is in no entry: an interrupted
/// publisher left it, and then it is the same pack, or it is someone else's.
fn place(incoming: Scratch, pack: &Path, entry: &Entry) -> Result<(), RegistryError> {
    if incoming.place(pack)?.is_none() {
        return Ok(());
    }
    let found = verify(pack)?;
    let checksums = found.digests.get(CHECKSUMS).map(|digest| digest.sha256);
    if found.passed() && checksums == Some(entry.checksums_sha256) {
        return Ok(());
    }
    let why = "it is in no entry and not the pack of its name: move it away".to_owned();
    Err(RegistryError::Damaged { path: pack.to_owned(), why })
}

fn copy_signatures(from: &Path, to: &Path) -> Result<Option<FileDigest>, RegistryError> {
    let mut file = match fs::File::open(from) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(FileError::io("read", from)(e).into()),
    };
    let (digest, _) = write_atomically(to, |out| io::copy(&mut file, out))?;
    Ok(Some(digest))
}
