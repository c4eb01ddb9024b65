//! Publishing: a verified copy of the pack under its digest, then its entry.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::entry::{Entry, describe};
use super::error::RegistryError;
use super::layout::Registry;
use super::log::{Appender, Logged};
use crate::pack::{Outcome, PackSource, VerifyReport, verify};
use crate::signature::{bundle_path, verify_signatures};
use hetero2_common::files::{FileDigest, FileError, Sha256Digest, sync_parent, write_atomically};
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

/// Publishes a pack: verifies a copy of it, puts that under its content digest
/// and appends an entry to the log. A pack that is there already is left alone.
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
    let mut source = PackSource::open(&request.pack)?;
    fs::create_dir_all(&packs).map_err(FileError::io("create", &packs))?;
    // Vanishes unless it becomes the pack.
    let incoming = tempfile::Builder::new()
        .prefix(".incoming-")
        .tempdir_in(&packs)
        .map_err(FileError::io("create", &packs))?;
    copy(&mut source, incoming.path(), &request.pack)?;
    let report = verified(incoming.path(), &request.pack)?;
    let signatures = bundle_path(&request.pack)?;
    check_signatures(&report, &signatures, &request.pack)?;
    let entry = Entry {
        parents: sorted(&request.parents),
        published_at: request.timestamp.clone().unwrap_or_else(|| utc_timestamp(SystemTime::now())),
        ..describe(incoming.path(), &report)?
    };
    let log = Appender::begin(&registry)?;
    if let Some(logged) = log.scan.find(&entry.content_digest) {
        return already(&registry, logged, &entry);
    }
    let known = |parent: &&Sha256Digest| log.scan.find(parent).is_some();
    if let Some(parent) = entry.parents.iter().find(|parent| !known(parent)) {
        return Err(RegistryError::UnknownParent { parent: *parent });
    }
    let pack = registry.pack(&entry.content_digest);
    place(incoming, &pack)?;
    let signatures = copy_signatures(&signatures, &registry.signatures(&entry.content_digest))?;
    let logged = log.append(Entry { signatures, ..entry })?;
    Ok(Published { logged, pack, already_published: false })
}

fn sorted(parents: &[Sha256Digest]) -> Vec<Sha256Digest> {
    let mut parents = parents.to_vec();
    parents.sort_unstable();
    parents.dedup();
    parents
}

fn already(
    registry: &Registry,
    logged: &Logged,
    asked: &Entry,
) -> Result<Published, RegistryError> {
    let entry = &logged.entry;
    if entry.parents != asked.parents {
        let (digest, parents) = (entry.content_digest, entry.parents.clone());
        return Err(RegistryError::OtherParents { digest, parents });
    }
    let pack = registry.pack(&entry.content_digest);
    if !pack.is_dir() {
        let why = format!("the pack of entry {} is missing", entry.sequence);
        return Err(RegistryError::Damaged { path: registry.root().to_owned(), why });
    }
    Ok(Published { logged: logged.clone(), pack, already_published: true })
}

fn damaged(pack: &Path, why: String) -> RegistryError {
    RegistryError::DamagedPack { path: pack.to_owned(), why }
}

/// Copies every file, whether the pack is a directory or a zip.
fn copy(source: &mut PackSource, to: &Path, pack: &Path) -> Result<(), RegistryError> {
    if let Some(problem) = source.problems().first() {
        return Err(damaged(pack, problem.clone()));
    }
    let names: Vec<String> = source.entries().keys().cloned().collect();
    for name in names {
        let mut reader = source.reader(&name)?;
        write_atomically(&to.join(&name), |file| io::copy(&mut reader, file))?;
    }
    Ok(())
}

fn verified(copy: &Path, pack: &Path) -> Result<VerifyReport, RegistryError> {
    let report = verify(copy)?;
    if let Some(check) = report.failures().next() {
        return Err(damaged(pack, format!("{}: {}", check.name, check.detail)));
    }
    Ok(report)
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
/// publisher left it.
fn place(incoming: tempfile::TempDir, pack: &Path) -> Result<(), RegistryError> {
    if pack.exists() {
        fs::remove_dir_all(pack).map_err(FileError::io("remove", pack))?;
    }
    fs::rename(incoming.path(), pack).map_err(FileError::io("rename", pack))?;
    // Its name is gone: there is nothing left to remove.
    let _ = incoming.keep();
    share(pack)?;
    Ok(sync_parent(pack)?)
}

/// Temporary directories are private; a registry is as readable as its parent.
fn share(pack: &Path) -> Result<(), RegistryError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let shared = fs::Permissions::from_mode(0o755);
        fs::set_permissions(pack, shared).map_err(FileError::io("share", pack))?;
    }
    let _ = pack;
    Ok(())
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
