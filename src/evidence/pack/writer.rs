//! Building a pack: files gather in a fresh directory beside the destination,
//! and the whole takes its place by a rename. Only files that were registered
//! here get into the manifest, the checksums and the zip.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::error::PackError;
use super::first_damage;
use super::manifest::{
    self, CHECKSUMS, ListedFile, MANIFEST, MANIFEST_SCHEMA, Manifest, ManifestBody, PROVENANCE,
    PROVENANCE_SCHEMA, Provenance, RO_CRATE, ZIP,
};
use super::ro_crate::ro_crate;
use super::tables::{TableRow, TableWriter};
use super::{archive, json as pack_json};
use hetero2_common::files::disk;
use hetero2_common::files::{
    AtomicFile, FileDigest, Left, Scratch, Sha256Digest, parent_of, replaced, restore, sweep,
};

/// Whether the pack gets its zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZipOutput {
    /// `evidence_pack.zip` lies in the pack's directory.
    Written,
    /// No zip.
    Omitted,
    /// As [`ZipOutput::Written`] where the files of the pack come to no more than so many
    /// bytes, else none: of a large pack it is a second copy that nobody can send.
    UpTo(u64),
}

impl ZipOutput {
    /// Whether a pack whose files come to so many bytes gets its zip.
    #[must_use]
    pub fn is_wanted(self, bytes: u64) -> bool {
        match self {
            Self::Written => true,
            Self::Omitted => false,
            Self::UpTo(most) => bytes <= most,
        }
    }
}

impl Default for ZipOutput {
    /// A zip of packs up to 16 GiB.
    fn default() -> Self {
        Self::UpTo(16 << 30)
    }
}

/// What a finished pack is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackDigest {
    /// See [`manifest::content_digest`].
    pub content_digest: Sha256Digest,
    /// Every file with size and SHA-256; the zip too, where it was written.
    pub files: BTreeMap<String, FileDigest>,
    /// Where the directory that had to make room was kept, if it held more than
    /// a pack.
    pub previous: Option<PathBuf>,
}

/// Builds one evidence pack.
///
/// Several files may be under construction at once. Nothing appears at the
/// destination before [`PackWriter::finish`]; a writer that is dropped before
/// leaves nothing. A directory is built by one writer at a time.
#[derive(Debug)]
pub struct PackWriter {
    destination: PathBuf,
    partial: Scratch,
    /// Whether a pack lay there when this one was begun: then it is replaced.
    had_old: bool,
    // `None` while a file is under construction.
    files: BTreeMap<String, Option<FileDigest>>,
}

impl PackWriter {
    /// Begins a pack that will be the directory `destination`.
    ///
    /// # Errors
    /// The destination is neither missing, nor empty, nor a pack; or its parent
    /// cannot be written.
    pub fn create(destination: &Path) -> Result<Self, PackError> {
        let name = destination.file_name().ok_or_else(|| PackError::Destination {
            path: destination.to_owned(),
            detail: "is not the name of a directory".to_owned(),
        })?;
        let parent = parent_of(destination);
        // What a process left that ended between two renames, or while it built.
        restore(destination)?;
        let old = replaced(destination);
        if old.is_dir() && holds_only_its_pack(&old)? {
            disk::gone(disk::remove_dir_all(&old)).map_err(PackError::io("remove", &old))?;
        }
        sweep(parent, Some(name), Left::ByTheDead)?;
        check_destination(destination)?;
        disk::create_dir_all(parent).map_err(PackError::io("create", parent))?;
        let partial = Scratch::beside(destination)?;
        let had_old = destination.exists();
        let destination = destination.to_owned();
        Ok(Self { destination, partial, had_old, files: BTreeMap::new() })
    }

    /// Adds a file with this content.
    ///
    /// # Errors
    /// The name is not allowed or taken, or the disk refuses.
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<FileDigest, PackError> {
        let mut file = self.create_file(name)?;
        file.write_all(bytes).map_err(PackError::io("write", file.path()))?;
        self.finish_file(file)
    }

    /// Adds `value` as JSON with sorted keys.
    ///
    /// # Errors
    /// As [`PackWriter::add_bytes`].
    pub fn add_json<T: Serialize>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<FileDigest, PackError> {
        self.add_bytes(name, &pack_json::to_bytes(value, name)?)
    }

    /// Adds a copy of the file at `source`, byte for byte.
    ///
    /// # Errors
    /// As [`PackWriter::add_bytes`], and if the source cannot be read.
    pub fn add_file(&mut self, name: &str, source: &Path) -> Result<FileDigest, PackError> {
        let mut from = File::open(source).map_err(PackError::io("read", source))?;
        let mut file = self.create_file(name)?;
        io::copy(&mut from, &mut file).map_err(PackError::io("copy", source))?;
        self.finish_file(file)
    }

    /// Begins a file; hand it to [`PackWriter::finish_file`] when it is complete.
    ///
    /// # Errors
    /// As [`PackWriter::add_bytes`].
    pub fn create_file(&mut self, name: &str) -> Result<AtomicFile, PackError> {
        manifest::check_name(name)?;
        if manifest::is_outside_content(name) || self.files.contains_key(name) {
            let detail = "it is taken";
            return Err(PackError::Name { name: name.to_owned(), detail });
        }
        let file = AtomicFile::create(&self.partial.path().join(name))?;
        self.files.insert(name.to_owned(), None);
        Ok(file)
    }

    /// Completes a file of [`PackWriter::create_file`] and registers it.
    ///
    /// # Errors
    /// A full disk, or a file of another writer.
    pub fn finish_file(&mut self, file: AtomicFile) -> Result<FileDigest, PackError> {
        let name = file.path().file_name().map(|n| n.to_string_lossy().into_owned());
        let name = name.filter(|_| file.path().parent() == Some(self.partial.path())).ok_or_else(
            || {
                let detail = "it was not begun in this pack";
                PackError::Name { name: file.path().display().to_string(), detail }
            },
        )?;
        let digest = file.finish()?;
        self.files.insert(name, Some(digest));
        Ok(digest)
    }

    /// Begins a Parquet table; hand it to [`PackWriter::finish_table`].
    ///
    /// # Errors
    /// As [`PackWriter::add_bytes`].
    pub fn create_table<R: TableRow>(&mut self, name: &str) -> Result<TableWriter<R>, PackError> {
        TableWriter::new(self.create_file(name)?)
    }

    /// Completes a table of [`PackWriter::create_table`] and registers it.
    ///
    /// # Errors
    /// A full disk, or a table of another writer.
    pub fn finish_table<R: TableRow>(
        &mut self,
        table: TableWriter<R>,
    ) -> Result<FileDigest, PackError> {
        let file = table.into_file()?;
        self.finish_file(file)
    }

    /// Writes manifest, provenance, checksums and zip, and puts the pack in its
    /// place. A pack that lay there is replaced; if its directory held anything
    /// else, it is kept beside under the name in [`PackDigest::previous`].
    ///
    /// # Errors
    /// A file is still under construction, or the disk refuses; the destination
    /// is then as it was.
    pub fn finish(
        mut self,
        body: ManifestBody,
        provenance: &Provenance,
        zip: ZipOutput,
    ) -> Result<PackDigest, PackError> {
        let mut files = self.complete()?;
        let content_digest = manifest::content_digest(&files);
        let listed = |(name, digest): (&String, &FileDigest)| ListedFile {
            name: name.clone(),
            digest: *digest,
        };
        let manifest = Manifest {
            schema_version: MANIFEST_SCHEMA.to_owned(),
            body,
            files: files.iter().map(listed).collect(),
            content_digest,
        };
        self.seal(&mut files, MANIFEST, &pack_json::to_bytes(&manifest, MANIFEST)?)?;
        let dated = versioned(PROVENANCE_SCHEMA, provenance)?;
        self.seal(&mut files, PROVENANCE, &pack_json::to_bytes(&dated, PROVENANCE)?)?;
        let metadata = ro_crate(&manifest, provenance, &files);
        self.seal(&mut files, RO_CRATE, &pack_json::to_bytes(&metadata, RO_CRATE)?)?;
        let checksums = manifest::checksums(&files);
        self.seal(&mut files, CHECKSUMS, checksums.as_bytes())?;
        if zip.is_wanted(files.values().map(|file| file.bytes).sum()) {
            let names: Vec<&str> = files.keys().map(String::as_str).collect();
            let digest =
                archive::write(&self.partial.path().join(ZIP), self.partial.path(), &names)?;
            files.insert(ZIP.to_owned(), digest);
        }
        let Self { partial, destination, had_old, .. } = self;
        let previous = place(partial, &destination, had_old)?;
        Ok(PackDigest { content_digest, files, previous })
    }

    fn complete(&mut self) -> Result<BTreeMap<String, FileDigest>, PackError> {
        let take = |(name, digest): (String, Option<FileDigest>)| match digest {
            Some(digest) => Ok((name, digest)),
            None => Err(PackError::Name { name, detail: "it was begun but not finished" }),
        };
        std::mem::take(&mut self.files).into_iter().map(take).collect()
    }

    fn seal(
        &self,
        files: &mut BTreeMap<String, FileDigest>,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), PackError> {
        let path = self.partial.path().join(name);
        let (digest, ()) =
            hetero2_common::files::write_atomically(&path, |file| file.write_all(bytes))?;
        files.insert(name.to_owned(), digest);
        Ok(())
    }
}

/// `value` with its layout's version as a further key.
pub(super) fn versioned<T: Serialize>(schema: &str, value: &T) -> Result<Value, PackError> {
    let mut value = serde_json::to_value(value).map_err(PackError::json(Path::new(schema)))?;
    if let Value::Object(map) = &mut value {
        map.insert("schema_version".to_owned(), json!(schema));
    }
    Ok(value)
}

/// Refuses to build over anything but nothing, an empty directory or a pack.
fn check_destination(path: &Path) -> Result<(), PackError> {
    let refuse = |detail: &str| {
        Err(PackError::Destination { path: path.to_owned(), detail: detail.to_owned() })
    };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(PackError::io("read", path)(e)),
        Ok(metadata) if !metadata.is_dir() => return refuse("exists and is not a directory"),
        Ok(_) => {}
    }
    let mut entries = fs::read_dir(path).map_err(PackError::io("read", path))?;
    let is_pack = path.join(MANIFEST).is_file() && path.join(CHECKSUMS).is_file();
    if entries.next().is_some() && !is_pack {
        return refuse("holds files but no pack; choose another directory");
    }
    Ok(())
}

/// Gives a pack its place; returns where the directory was kept that lay there.
/// Where there was none when the pack was begun, the first that is placed
/// stays, if it is of the same content.
fn place(fresh: Scratch, place: &Path, had_old: bool) -> Result<Option<PathBuf>, PackError> {
    check_destination(place)?;
    let Some(fresh) = fresh.place_empty(place)? else { return Ok(None) };
    if !had_old && same_content(fresh.path(), place) && first_damage(place)?.is_none() {
        return Ok(None);
    }
    if holds_only_its_pack(place)? {
        fresh.exchange(place)?;
        return Ok(None);
    }
    let kept = keep(place)?;
    match fresh.place(place)? {
        None => Ok(Some(kept)),
        Some(_) => Err(PackError::Destination {
            path: place.to_owned(),
            detail: "another process put something there meanwhile".to_owned(),
        }),
    }
}

/// Whether two packs have the same manifest and the same zip, if any.
fn same_content(one: &Path, other: &Path) -> bool {
    let manifest = |pack: &Path| fs::read(pack.join(MANIFEST)).ok();
    let zip = |pack: &Path| pack.join(ZIP).exists();
    manifest(one).is_some() && manifest(one) == manifest(other) && zip(one) == zip(other)
}

/// Whether every file is listed in the directory's own checksums.
fn holds_only_its_pack(directory: &Path) -> Result<bool, PackError> {
    let listed = fs::read_to_string(directory.join(CHECKSUMS))
        .ok()
        .and_then(|text| manifest::parse_checksums(&text).ok())
        .unwrap_or_default();
    let own: BTreeSet<&str> = listed.keys().map(String::as_str).chain([CHECKSUMS, ZIP]).collect();
    for entry in fs::read_dir(directory).map_err(PackError::io("read", directory))? {
        let entry = entry.map_err(PackError::io("read", directory))?;
        if !entry.file_name().to_str().is_some_and(|name| own.contains(name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves `directory` to the first free `<directory>.previous-<n>`.
fn keep(directory: &Path) -> Result<PathBuf, PackError> {
    let candidate = |n: u32| {
        let mut name = directory.as_os_str().to_owned();
        name.push(format!(".previous-{n}"));
        PathBuf::from(name)
    };
    for kept in (1..).map(candidate) {
        match disk::rename_new(directory, &kept) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            moved => {
                moved.map_err(PackError::io("rename", &kept))?;
                return Ok(kept);
            }
        }
    }
    Err(PackError::io("rename", directory)(io::ErrorKind::AlreadyExists.into()))
}
