//! The log: reading its chain, and appending to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::Serialize;

use super::entry::{ENTRY_SCHEMA, Entry};
use super::error::RegistryError;
use super::layout::Registry;
use hetero2_common::files::disk::DiskFile;
use hetero2_common::files::{
    FileError, Left, Lock, Sha256Digest, sweep, sync_parent, write_atomically,
};

/// Largest log that is read: about 100,000 entries.
const MAX_LOG: u64 = 256 << 20;
const MAX_HEAD: u64 = 1 << 10;

/// What precedes the first entry.
const NOTHING: [u8; 32] = [0; 32];

/// An entry and the SHA-256 of its line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Logged {
    /// SHA-256 of the line without its newline: what the next entry names.
    pub entry_digest: Sha256Digest,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A log as it was found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Entries that can be read.
    pub entries: Vec<Logged>,
    /// What is wrong with the chain.
    pub problems: Vec<String>,
    /// The first entry of each content.
    first: BTreeMap<Sha256Digest, usize>,
    /// Bytes up to the last newline.
    pub whole: u64,
    /// Whether something follows the last newline: a publisher was interrupted.
    pub torn: bool,
}

impl Scan {
    fn of(bytes: &[u8]) -> Self {
        let mut scan = Self::default();
        let mut previous = Sha256Digest::from(NOTHING);
        let mut seen = BTreeSet::new();
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let Some(body) = line.strip_suffix(b"\n") else {
                scan.torn = true;
                break;
            };
            scan.whole += line.len() as u64;
            let entry_digest = Sha256Digest::of(body);
            let found = std::mem::replace(&mut previous, entry_digest);
            match serde_json::from_slice::<Entry>(body) {
                Ok(entry) => {
                    scan.problems.extend(wrong(&entry, index as u64, found));
                    if !seen.insert((entry.content_digest, entry.manifest_digest)) {
                        scan.problems.push(format!("entry {index} is of a pack listed before"));
                    }
                    let place = scan.entries.len();
                    scan.first.entry(entry.content_digest).or_insert(place);
                    scan.entries.push(Logged { entry_digest, entry });
                }
                Err(error) => scan.problems.push(format!("entry {index} is unreadable ({error})")),
            }
        }
        scan
    }

    /// Digest of the last entry.
    pub fn head(&self) -> Head {
        let last = self.entries.last();
        Head {
            digest: last.map_or(Sha256Digest::from(NOTHING), |logged| logged.entry_digest),
            entries: self.entries.len() as u64,
        }
    }

    /// The first entry of this content.
    pub fn find(&self, content: &Sha256Digest) -> Option<&Logged> {
        self.entries.get(*self.first.get(content)?)
    }

    /// Every entry of this content: their packs have other manifests.
    pub fn all(&self, content: Sha256Digest) -> impl Iterator<Item = &Logged> {
        let from = self.first.get(&content).copied().unwrap_or(self.entries.len());
        self.entries[from..].iter().filter(move |logged| logged.entry.content_digest == content)
    }

    /// The name that the pack of an entry is stored under: its content digest,
    /// and that of its manifest where the content was published before.
    pub fn stored_name(&self, entry: &Entry) -> String {
        let content = entry.content_digest;
        let is_first = self.find(&content).is_none_or(|first| first.entry == *entry);
        match entry.manifest_digest.filter(|_| !is_first) {
            None => content.to_string(),
            Some(manifest) => format!("{content}.{manifest}"),
        }
    }
}

fn wrong(entry: &Entry, index: u64, previous: Sha256Digest) -> Option<String> {
    if entry.schema_version != ENTRY_SCHEMA {
        return Some(format!("entry {index} is of layout {:?}", entry.schema_version));
    }
    if entry.sequence != index {
        return Some(format!("entry {} stands at place {index}", entry.sequence));
    }
    (entry.previous != previous)
        .then(|| format!("entry {index} does not follow the one before it: one was changed"))
}

/// The end of the log, as the file HEAD has it: `<digest> <entries>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Head {
    pub digest: Sha256Digest,
    pub entries: u64,
}

impl Head {
    /// Reads HEAD; a registry without one has no entries yet.
    pub fn read(registry: &Registry) -> Result<Result<Self, String>, RegistryError> {
        let path = registry.head();
        let Some(bytes) = read_bounded(&path, MAX_HEAD)? else {
            return Ok(Ok(Self { digest: Sha256Digest::from(NOTHING), entries: 0 }));
        };
        let parsed = String::from_utf8(bytes).ok().and_then(|text| {
            let (digest, entries) = text.trim_end().split_once(' ')?;
            Some(Self { digest: digest.parse().ok()?, entries: entries.parse().ok()? })
        });
        Ok(parsed.ok_or_else(|| "HEAD is unreadable".to_owned()))
    }

    fn write(self, registry: &Registry) -> Result<(), RegistryError> {
        write_atomically(&registry.head(), |file| {
            writeln!(file, "{} {}", self.digest, self.entries)
        })?;
        Ok(())
    }

    /// How the log relates to what HEAD says of its end.
    pub fn compare(&self, scan: &Scan) -> HeadState {
        let at = self.entries.checked_sub(1).map(|last| scan.entries.get(last as usize));
        let found = match at {
            None => Some(Sha256Digest::from(NOTHING)),
            Some(logged) => logged.map(|logged| logged.entry_digest),
        };
        let behind = scan.entries.len() as u64 - self.entries.min(scan.entries.len() as u64);
        match (found, behind) {
            (Some(digest), 0) if digest == self.digest => HeadState::Same,
            // The entry is on disk before HEAD is.
            (Some(digest), 1) if digest == self.digest => HeadState::Interrupted,
            _ => HeadState::Other(format!(
                "HEAD says {} entries up to {}, the log has {} up to {}",
                self.entries,
                self.digest,
                scan.entries.len(),
                scan.head().digest
            )),
        }
    }
}

/// How the log relates to HEAD.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeadState {
    /// It ends where HEAD says.
    Same,
    /// It has one entry more: a publisher was interrupted.
    Interrupted,
    /// It was cut, exchanged or edited.
    Other(String),
}

/// Reads the log; where there is none it has no entries.
fn scan(registry: &Registry) -> Result<Scan, RegistryError> {
    Ok(read_bounded(&registry.log(), MAX_LOG)?.map_or_else(Scan::default, |b| Scan::of(&b)))
}

/// Reads the log of a registry, which must be one: a log that is gone while
/// HEAD is still there is a damaged registry, not none.
pub(super) fn scan_existing(registry: &Registry) -> Result<Scan, RegistryError> {
    if !registry.log().exists() && !registry.head().exists() {
        return Err(RegistryError::NoRegistry { path: registry.root().to_owned() });
    }
    scan(registry)
}

fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(FileError::io("read", path)(e).into()),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    if bytes.len() as u64 > limit {
        let why = format!("{} has more than {limit} bytes", path.display());
        return Err(RegistryError::Damaged { path: path.to_owned(), why });
    }
    Ok(Some(bytes))
}

/// The entries of the registry at `path`, oldest first.
///
/// # Errors
/// [`RegistryError::NoRegistry`], or [`RegistryError::Damaged`] where chain or
/// HEAD do not hold.
pub fn read_log(path: &Path) -> Result<Vec<Logged>, RegistryError> {
    let registry = Registry::new(path);
    let scan = scan_existing(&registry)?;
    check(&registry, &scan)?;
    Ok(scan.entries)
}

/// Whether chain and HEAD hold.
fn check(registry: &Registry, scan: &Scan) -> Result<HeadState, RegistryError> {
    let damaged = |why| RegistryError::Damaged { path: registry.root().to_owned(), why };
    if let Some(problem) = scan.problems.first() {
        return Err(damaged(problem.clone()));
    }
    match Head::read(registry)?.map_err(damaged)?.compare(scan) {
        HeadState::Other(why) => Err(damaged(why)),
        state => Ok(state),
    }
}

/// The right to append to a log; the system takes it back with the process.
pub(super) struct Appender {
    registry: Registry,
    pub scan: Scan,
    _lock: Lock,
}

impl Appender {
    /// Waits for its turn, reads the log and mends what an interrupted
    /// publisher left.
    pub fn begin(registry: &Registry) -> Result<Self, RegistryError> {
        let lock = Lock::wait(&registry.lock())?;
        sweep(registry.root(), None, Left::ByTheDead)?;
        let scan = scan(registry)?;
        let state = check(registry, &scan)?;
        if state == HeadState::Interrupted {
            scan.head().write(registry)?;
        }
        if scan.torn {
            tracing::warn!("an interrupted publisher left half an entry: it is cut off");
            cut(&registry.log(), scan.whole)?;
        }
        Ok(Self { registry: registry.clone(), scan, _lock: lock })
    }

    /// Appends an entry, to the device, and moves HEAD.
    pub fn append(mut self, mut entry: Entry) -> Result<Logged, RegistryError> {
        let head = self.scan.head();
        entry.sequence = head.entries;
        entry.previous = head.digest;
        let mut line = serde_json::to_vec(&entry)?;
        let entry_digest = Sha256Digest::of(&line);
        line.push(b'\n');
        let path = self.registry.log();
        let mut log = DiskFile::append(&path).map_err(FileError::io("write", &path))?;
        let written = log.write_all(&line).and_then(|()| log.sync_all());
        if let Err(e) = written {
            // Whole or not at all; where even that fails, the next publisher cuts.
            let _ = log.set_len(self.scan.whole).and_then(|()| log.sync_all());
            return Err(FileError::io("write", &path)(e).into());
        }
        sync_parent(&path)?;
        let logged = Logged { entry_digest, entry };
        self.scan.entries.push(logged.clone());
        self.scan.head().write(&self.registry)?;
        Ok(logged)
    }
}

fn cut(path: &Path, length: u64) -> Result<(), RegistryError> {
    DiskFile::append(path)
        .and_then(|log| log.set_len(length).and_then(|()| log.sync_all()))
        .map_err(FileError::io("write", path))?;
    Ok(())
}
