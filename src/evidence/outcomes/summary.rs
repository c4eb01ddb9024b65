//! The rows of a `summary.csv`, whether it lies in a pack or by itself.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::error::OutcomesError;
use crate::pack::PackSource;
use crate::pack::manifest::{CHECKSUMS, MANIFEST, Manifest, parse_checksums};
use hetero2_audit::{SummaryRow, read_summary};
use hetero2_common::files::{FileDigest, Sha256Digest};

/// Name of the table in a pack.
const SUMMARY: &str = "summary.csv";

/// Where a summary is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SummaryInput {
    /// Directory or zip of a pack; the table is held against its checksums.
    Pack(PathBuf),
    /// The table by itself.
    File(PathBuf),
}

/// A file that was read, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedDigest {
    /// Name without directories.
    pub name: String,
    /// Size and SHA-256.
    #[serde(flatten)]
    pub digest: FileDigest,
}

/// What was read besides the rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SummaryRead {
    pub path: PathBuf,
    pub file: NamedDigest,
    /// The manifest of the pack, where it has a readable one.
    pub manifest: Option<Manifest>,
}

impl SummaryInput {
    /// The table itself, for messages.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Pack(path) => path.join(SUMMARY),
            Self::File(path) => path.clone(),
        }
    }

    /// Hands every row to `visit`, in the order of the table.
    pub(super) fn read(
        &self,
        visit: &mut dyn FnMut(SummaryRow) -> Result<(), OutcomesError>,
    ) -> Result<SummaryRead, OutcomesError> {
        let path = self.path();
        let (digest, manifest) = match self {
            Self::File(file) => {
                let opened = File::open(file).map_err(OutcomesError::read(file))?;
                (read_rows(&mut BufReader::new(opened), &path, visit)?, None)
            }
            Self::Pack(pack) => read_pack(pack, &path, visit)?,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(SummaryRead { path, file: NamedDigest { name, digest }, manifest })
    }
}

fn read_pack(
    pack: &Path,
    path: &Path,
    visit: &mut dyn FnMut(SummaryRow) -> Result<(), OutcomesError>,
) -> Result<(FileDigest, Option<Manifest>), OutcomesError> {
    let mut source = PackSource::open(pack)?;
    for name in [SUMMARY, CHECKSUMS] {
        if !source.entries().contains_key(name) {
            return Err(OutcomesError::NoSuchFile { path: pack.to_owned(), name });
        }
    }
    let listed = parse_checksums(&source.text(CHECKSUMS)?)?;
    let expected = listed.get(SUMMARY).copied().ok_or_else(|| OutcomesError::NoSuchFile {
        path: path.with_file_name(CHECKSUMS),
        name: SUMMARY,
    })?;
    let manifest = source.json(MANIFEST).ok();
    let read = read_rows(&mut source.reader(SUMMARY)?, path, visit);
    // A changed table is that first, and only then a wrong one.
    let found = match &read {
        Ok(digest) => *digest,
        Err(_) => digest_again(&mut source, path)?,
    };
    if found.sha256 != expected {
        return Err(OutcomesError::Changed {
            path: path.to_owned(),
            found: found.sha256,
            expected,
        });
    }
    Ok((read?, manifest))
}

fn digest_again(source: &mut PackSource, path: &Path) -> Result<FileDigest, OutcomesError> {
    let mut reader = source.reader(SUMMARY)?;
    hetero2_common::files::digest_reader(&mut reader).map_err(OutcomesError::read(path))
}

fn read_rows(
    reader: &mut dyn Read,
    path: &Path,
    visit: &mut dyn FnMut(SummaryRow) -> Result<(), OutcomesError>,
) -> Result<FileDigest, OutcomesError> {
    let fail = |source| OutcomesError::Summary { path: path.to_owned(), source };
    let mut hashing = Hashing { inner: reader, hasher: Sha256::new(), bytes: 0 };
    for row in read_summary(&mut hashing).map_err(fail)? {
        visit(row.map_err(fail)?)?;
    }
    // The reader may have stopped before the end.
    io::copy(&mut hashing, &mut io::sink()).map_err(OutcomesError::read(path))?;
    Ok(FileDigest { bytes: hashing.bytes, sha256: Sha256Digest::from_hasher(hashing.hasher) })
}

/// Counts and hashes what passes through it.
struct Hashing<'a> {
    inner: &'a mut dyn Read,
    hasher: Sha256,
    bytes: u64,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
