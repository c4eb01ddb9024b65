//! Reading a pack, whether it is a directory or a zip. Packs are untrusted:
//! names are checked, sizes are bounded, nothing is unpacked to disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::error::PackError;
use super::manifest::check_name;
use super::tables::{BatchReader, FileSlice};

/// Largest file that is read into memory: JSON, checksums, Parquet that some
/// other program deflated into the zip.
const IN_MEMORY: u64 = 256 << 20;
/// Deflate cannot shrink by more than 1032; a larger ratio is a lie.
const DEFLATE_RATIO: u64 = 1_040;
/// Files that a pack may have; real ones have a few dozen.
const MAX_FILES: usize = 100_000;

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
    /// Opens the directory or zip at `path`.
    pub fn open(path: &Path) -> Result<Self, PackError> {
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
        let file = File::open(path).map_err(PackError::io("open", path))?;
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(PackError::zip(path))?;
        let mut source = Self::empty(path);
        if zip.has_duplicate_names() {
            source.problems.push("the zip has several entries of one name".to_owned());
        }
        if zip.has_overlapping_entries().map_err(PackError::zip(path))? {
            source.problems.push("entries of the zip overlap".to_owned());
        }
        for index in 0..zip.len() {
            let file = zip.by_index_raw(index).map_err(PackError::zip(path))?;
            let data = file.entry();
            let name = String::from_utf8_lossy(data.name_raw()).into_owned();
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
            let detail = format!("more than {MAX_FILES} files; this is not a pack");
            return Err(PackError::TooLarge { path: self.path.clone(), detail });
        }
        Ok(())
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
        let path = self.path.join(name);
        let size = self.entry(name)?.bytes;
        if size > IN_MEMORY {
            let detail = format!("{size} bytes, more than the {IN_MEMORY} that are read at once");
            return Err(PackError::TooLarge { path, detail });
        }
        let mut bytes = Vec::new();
        self.reader(name)?.read_to_end(&mut bytes).map_err(PackError::io("read", &path))?;
        Ok(bytes)
    }

    /// The file as text.
    pub fn text(&mut self, name: &str) -> Result<String, PackError> {
        String::from_utf8(self.bytes(name)?).map_err(|_| PackError::Schema {
            path: self.path.join(name),
            detail: "is not UTF-8".to_owned(),
        })
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
        let bytes = self.bytes(name)?;
        BatchReader::new(bytes::Bytes::from(bytes), &path)
    }

    fn entry(&self, name: &str) -> Result<Entry, PackError> {
        self.entries.get(name).copied().ok_or_else(|| {
            PackError::io("open", &self.path.join(name))(io::ErrorKind::NotFound.into())
        })
    }
}
