//! Reading a pack, whether it is a directory or a zip. Packs are untrusted:
//! names are checked, sizes are bounded, nothing is unpacked to disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use zip::{CompressionMethod, ZipArchive};

use super::document::{self, DocumentError, DocumentLimits};
use super::error::PackError;
use super::manifest::{CHECKSUMS, MANIFEST, check_name};
use super::tables::{BatchReader, FileSlice};

/// Largest table that is read into memory: Parquet that some other program
/// deflated into the zip.
const TABLE_IN_MEMORY: u64 = 256 << 20;
/// Largest text that is read into memory: checksums, densities.
const TEXT_IN_MEMORY: u64 = 16 << 20;
/// Deflate cannot shrink by more than 1032; a larger ratio is a lie.
const DEFLATE_RATIO: u64 = 1_040;
/// Files that a pack may have; real ones have a few dozen.
const MAX_FILES: usize = 4_096;
/// How much larger than the zip its files may be in total, beyond
/// [`FREE_BYTES`]: tables of a pack shrink to a thirtieth at most.
const TOTAL_RATIO: u64 = 300;
/// Bytes in total that a zip of any size may hold.
const FREE_BYTES: u64 = 1 << 30;
/// Name of the pack in a run directory.
const PACK_OF_RUN: &str = "pack";
/// Name of the plan in a run directory.
const PLAN_OF_RUN: &str = "plan.json";

/// A file of a pack.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Size, uncompressed.
    pub bytes: u64,
    /// Index in the zip.
    index: usize,
}

/// A pack to read from.
pub struct PackSource {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    problems: Vec<String>,
    zip: Option<ZipArchive<BufReader<File>>>,
}

impl PackSource {
    /// Opens the directory or zip at `path`; a zip that is not made as a pack's
    /// is, with entries that overlap, for one, is refused.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let source = Self::inspect(path)?;
        match source.problems.first().filter(|_| source.is_zip()) {
            None => Ok(source),
            Some(problem) => {
                Err(PackError::Container { path: path.to_owned(), detail: problem.clone() })
            }
        }
    }

    /// Opens the directory or zip at `path`, whatever is wrong with it: see
    /// [`PackSource::problems`].
    pub fn inspect(path: &Path) -> Result<Self, PackError> {
        let metadata = fs::metadata(path).map_err(PackError::io("open", path))?;
        if metadata.is_dir() { Self::open_directory(path) } else { Self::open_zip(path) }
    }

    fn open_directory(path: &Path) -> Result<Self, PackError> {
        let mut source = Self::empty(path);
        for entry in fs::read_dir(path).map_err(PackError::io("read", path))? {
            let entry = entry.map_err(PackError::io("read", path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let metadata =
                fs::symlink_metadata(entry.path()).map_err(PackError::io("read", path))?;
            if !metadata.is_file() {
                source.problems.push(format!("{name:?} is not a regular file"));
                continue;
            }
            source.add(name, Entry { bytes: metadata.len(), index: 0 })?;
        }
        Ok(source)
    }

    fn open_zip(path: &Path) -> Result<Self, PackError> {
        let mut file = File::open(path).map_err(PackError::io("open", path))?;
        let length = file.metadata().map_err(PackError::io("read", path))?.len();
        check_magic(&mut file, path)?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(PackError::zip(path))?;
        let mut source = Self::empty(path);
        if zip.len() > MAX_FILES {
            return Err(too_many(path));
        }
        if zip.has_duplicate_names() {
            source.problems.push("the zip has several entries of one name".to_owned());
        }
        if zip.has_overlapping_entries().map_err(PackError::zip(path))? {
            source.problems.push("entries of the zip overlap".to_owned());
        }
        let mut names = Vec::new();
        for index in 0..zip.len() {
            let file = zip.by_index_raw(index).map_err(PackError::zip(path))?;
            let data = file.entry();
            let name = String::from_utf8_lossy(data.name_raw()).into_owned();
            names.push(name.clone());
            let problem = if data.encrypted() {
                Some("is encrypted")
            } else if data.is_symlink() || data.is_dir() {
                Some("is not a regular file")
            } else if data.size() > data.compressed_size().saturating_mul(DEFLATE_RATIO) {
                Some("claims to be larger than its compressed bytes can be")
            } else {
                None
            };
            match problem {
                Some(problem) => source.problems.push(format!("{name:?} {problem}")),
                None => source.add(name, Entry { bytes: data.size(), index })?,
            }
        }
        let total = source.total();
        if total > length.saturating_mul(TOTAL_RATIO).max(FREE_BYTES) {
            let problem = format!("{total} bytes in a zip of {length}: no pack shrinks so far");
            source.problems.push(problem);
        }
        if let Some(explanation) = foreign(&names) {
            source.problems = vec![explanation];
        }
        source.zip = Some(zip);
        Ok(source)
    }

    fn empty(path: &Path) -> Self {
        Self { path: path.to_owned(), entries: BTreeMap::new(), problems: Vec::new(), zip: None }
    }

    fn add(&mut self, name: String, entry: Entry) -> Result<(), PackError> {
        match check_name(&name) {
            Ok(()) => drop(self.entries.insert(name, entry)),
            Err(e) => self.problems.push(e.to_string()),
        }
        if self.entries.len() + self.problems.len() > MAX_FILES {
            return Err(too_many(&self.path));
        }
        Ok(())
    }

    /// Bytes of all files, uncompressed, as the container says.
    pub fn total(&self) -> u64 {
        self.entries.values().fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }

    /// Where the pack lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Files with sound names, by name.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// What is wrong with the container; such files are not in the entries.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether the pack is a zip.
    pub fn is_zip(&self) -> bool {
        self.zip.is_some()
    }

    /// A stream of the file's bytes; never more than it claims to have.
    pub fn reader(&mut self, name: &str) -> Result<Box<dyn Read + '_>, PackError> {
        let path = self.path.join(name);
        let entry = self.entry(name)?;
        match &mut self.zip {
            None => {
                let file = File::open(&path).map_err(PackError::io("open", &path))?;
                Ok(Box::new(file.take(entry.bytes)))
            }
            Some(zip) => {
                // The zip reader itself fails where an entry is larger than it claims.
                Ok(Box::new(zip.by_index(entry.index).map_err(PackError::zip(&path))?))
            }
        }
    }

    /// The whole file, if it is of a size that fits into memory.
    pub fn bytes(&mut self, name: &str) -> Result<Vec<u8>, PackError> {
        self.bytes_within(name, TEXT_IN_MEMORY)
    }

    fn bytes_within(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, PackError> {
        let path = self.path.join(name);
        let size = self.entry(name)?.bytes;
        if size > limit {
            let detail = format!("{size} bytes, more than the {limit} that are read at once");
            return Err(PackError::TooLarge { path, detail });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        let reader = self.reader(name)?;
        reader.take(size).read_to_end(&mut bytes).map_err(PackError::io("read", &path))?;
        Ok(bytes)
    }

    /// The file as text.
    pub fn text(&mut self, name: &str) -> Result<String, PackError> {
        String::from_utf8(self.bytes(name)?).map_err(|_| PackError::Schema {
            path: self.path.join(name),
            detail: "is not UTF-8".to_owned(),
        })
    }

    /// The file as a JSON document of bounded size, such as a manifest.
    pub fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, PackError> {
        let path = self.path.join(name);
        document::read(self.reader(name)?, DocumentLimits::HELD).map_err(unusable(path))
    }

    /// Whether the file is JSON, whatever its size; in constant memory.
    pub fn check_json(&mut self, name: &str) -> Result<(), PackError> {
        let path = self.path.join(name);
        document::check(self.reader(name)?).map_err(unusable(path))
    }

    /// The file as a Parquet table.
    pub fn table(&mut self, name: &str) -> Result<BatchReader, PackError> {
        let path = self.path.join(name);
        let entry = self.entry(name)?;
        let Some(zip) = &mut self.zip else { return BatchReader::open(&path) };
        let file = zip.by_index(entry.index).map_err(PackError::zip(&path))?;
        let stored = file.entry().compression() == CompressionMethod::Stored;
        let range = file.data_start().filter(|_| stored);
        drop(file);
        if let Some(start) = range {
            let file = File::open(&self.path).map_err(PackError::io("open", &self.path))?;
            return BatchReader::new(FileSlice::new(file, start, entry.bytes), &path);
        }
        let bytes = self.bytes_within(name, TABLE_IN_MEMORY)?;
        BatchReader::new(bytes::Bytes::from(bytes), &path)
    }

    fn entry(&self, name: &str) -> Result<Entry, PackError> {
        self.entries.get(name).copied().ok_or_else(|| {
            PackError::io("open", &self.path.join(name))(io::ErrorKind::NotFound.into())
        })
    }
}

/// The pack that is meant by `path`: what lies there, or the pack of the run
/// directory that it is.
///
/// # Errors
/// [`PackError::NotAPack`] for a run that has no pack yet.
pub fn locate(path: &Path) -> Result<PathBuf, PackError> {
    if !path.is_dir() || path.join(MANIFEST).exists() || path.join(CHECKSUMS).exists() {
        return Ok(path.to_owned());
    }
    let inside = path.join(PACK_OF_RUN);
    if inside.join(MANIFEST).is_file() {
        return Ok(inside);
    }
    if path.join(PLAN_OF_RUN).is_file() {
        let detail = "is a run directory without a pack: the run is not finished";
        return Err(PackError::NotAPack { path: path.to_owned(), detail: detail.to_owned() });
    }
    Ok(path.to_owned())
}

fn too_many(path: &Path) -> PackError {
    let detail = format!("more than {MAX_FILES} files; this is not a pack");
    PackError::TooLarge { path: path.to_owned(), detail }
}

/// Refuses a file that does not begin as a zip does. A zip that was cut still
/// does, and is a damaged one.
fn check_magic(file: &mut File, path: &Path) -> Result<(), PackError> {
    let mut magic = Vec::new();
    Read::take(&mut *file, 4).read_to_end(&mut magic).map_err(PackError::io("read", path))?;
    file.rewind().map_err(PackError::io("read", path))?;
    match magic.as_slice() {
        [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6] => Ok(()),
        _ => {
            let detail = "is neither the directory nor the zip of a pack".to_owned();
            Err(PackError::NotAPack { path: path.to_owned(), detail })
        }
    }
}

/// Why all names of a zip are wrong, where another program made it of a pack's
/// folder, or macOS did.
fn foreign(names: &[String]) -> Option<String> {
    let of_macos = |name: &&String| name.starts_with("__MACOSX/") || name.ends_with(".DS_Store");
    let added = names.iter().filter(of_macos).count();
    let manifest = names.iter().filter(|name| !of_macos(name));
    let folder = manifest.filter_map(|name| name.strip_suffix(MANIFEST)?.strip_suffix('/')).next();
    let with_added = match added {
        0 => String::new(),
        added => format!(" (and {added} of macOS)"),
    };
    match folder {
        Some(folder) => Some(format!(
            "the zip holds the folder {folder:?} of a pack, not the pack's files{with_added}: \
             unpack it and give that folder"
        )),
        None if added > 0 => Some(format!(
            "the zip has {added} entries that macOS added (__MACOSX, .DS_Store): send the pack's \
             own evidence_pack.zip, or take them out with `zip -d`"
        )),
        None => None,
    }
}

/// Adapter for `map_err` on documents.
fn unusable(path: PathBuf) -> impl FnOnce(DocumentError) -> PackError {
    move |error| match error {
        DocumentError::Read(source) => PackError::io("read", &path)(source),
        DocumentError::Json(source) => PackError::Json { path, source },
        DocumentError::TooLarge(detail) => PackError::TooLarge { path, detail },
    }
}
