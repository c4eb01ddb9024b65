//! Proxy truth for a library or for the molecules of a pack.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use hetero2_audit::{ProxyTruthWriter, TruthLabel};
use hetero2_common::files::{AtomicFile, FileError, Occupied, Readers, Sha256Digest};
use hetero2_evidence::outcomes::NamedDigest;
use hetero2_evidence::pack::rows::MoleculeRow;
use hetero2_evidence::pack::tables::TableReader;
use hetero2_evidence::pack::{PackError, PackSource};
use hetero2_library::{LibraryError, ReadOptions, Source};

/// Why a proxy truth cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyTruthError {
    /// The result cannot be written.
    #[error("cannot write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: FileError,
    },
    /// The pack cannot be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The pack has no table of molecules.
    #[error("{path} has no summary.parquet: it is no pack of this program, or not a whole one", path = path.display())]
    NoSummary {
        /// The pack.
        path: PathBuf,
    },
    /// The library cannot be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// One id has two SMILES, so two truths.
    #[error(
        "row {row} (from 0) of {path} has the id {id:?} of an earlier row and another SMILES: truth is by id, so give every molecule an id of its own",
        path = path.display()
    )]
    AmbiguousId {
        /// The library or pack.
        path: PathBuf,
        /// The second row, from 0.
        row: u64,
        /// The id.
        id: String,
    },
    /// There is no molecule to give a truth to.
    #[error("{path} has no molecule with a SMILES: there is nothing to give a truth to", path = path.display())]
    NoMolecules {
        /// The library or pack.
        path: PathBuf,
    },
}

/// Molecules to give a truth to.
#[derive(Debug, Clone)]
pub enum TruthLibrary {
    /// A library as `run` reads it.
    Library {
        /// The file, `-` for standard input.
        path: PathBuf,
        /// How to read it.
        options: ReadOptions,
    },
    /// Directory or zip of a pack.
    Pack(PathBuf),
}

/// Rows of a library by what they are to its proxy truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ProxyTruthCounts {
    /// Rows read.
    pub rows: u64,
    /// Molecules with a truth.
    pub molecules: u64,
    /// Hits among them.
    pub hits: u64,
    /// Rows without a SMILES, which have none.
    pub without_smiles: u64,
    /// Rows that repeat an earlier one's id and SMILES.
    pub repeated: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProxyTruth {
    /// Rows and hits.
    #[serde(flatten)]
    pub counts: ProxyTruthCounts,
    /// The table.
    pub truth: NamedDigest,
}

/// Writes the proxy truth of every molecule as `customer_truth.v1`.
///
/// The rule sees the SMILES text as it stands in the library and nothing else,
/// so that no audit can leak into it. The same library, directly or by its
/// pack, gives the same bytes. A table that is there is replaced or stays, as
/// `occupied` says. Memory: about 60 bytes a molecule and its id.
///
/// # Errors
/// [`ProxyTruthError`]; nothing is left at `out` then.
pub fn proxy_truth(
    library: &TruthLibrary,
    out: &Path,
    occupied: Occupied,
) -> Result<ProxyTruth, ProxyTruthError> {
    let path = match library {
        TruthLibrary::Library { path, .. } | TruthLibrary::Pack(path) => path.as_path(),
    };
    // Of an address, what may be told.
    let path = PathBuf::from(hetero2_library::shown(path));
    let path = path.as_path();
    let failed = |source| ProxyTruthError::Write { path: out.to_owned(), source };
    let refused = |e: io::Error| failed(FileError::io("write", out)(e));
    let file = AtomicFile::begin(out, occupied, Readers::All).map_err(failed)?;
    let mut table = ProxyTruthWriter::new(file).map_err(refused)?;
    let mut counts = ProxyTruthCounts::default();
    let mut seen = Seen { path, digests: HashMap::new() };
    let mut add = |row, id: &str, smiles: &str| {
        counts.rows += 1;
        match seen.classify(row, id, smiles)? {
            Row::WithoutSmiles => counts.without_smiles += 1,
            Row::Repeated => counts.repeated += 1,
            Row::New => {
                let label = table.write(id, smiles).map_err(refused)?;
                counts.molecules += 1;
                counts.hits += u64::from(label == TruthLabel::Pass);
            }
        }
        Ok(())
    };
    match library {
        TruthLibrary::Library { path, options } => read_library(path, options, &mut add)?,
        TruthLibrary::Pack(path) => read_pack(path, &mut add)?,
    }
    if counts.molecules == 0 {
        return Err(ProxyTruthError::NoMolecules { path: path.to_owned() });
    }
    let digest = table.finish().map_err(refused)?.finish().map_err(failed)?;
    let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(ProxyTruth { counts, truth: NamedDigest { name, digest } })
}

type Add<'a> = dyn FnMut(u64, &str, &str) -> Result<(), ProxyTruthError> + 'a;

fn read_library(
    path: &Path,
    options: &ReadOptions,
    add: &mut Add<'_>,
) -> Result<(), ProxyTruthError> {
    for record in Source::open(path, options)? {
        let record = record?;
        add(record.row, &record.id, &String::from_utf8_lossy(&record.smiles))?;
    }
    Ok(())
}

fn read_pack(path: &Path, add: &mut Add<'_>) -> Result<(), ProxyTruthError> {
    let mut source = PackSource::open(path)?;
    let name = "summary.parquet";
    if !source.entries().contains_key(name) {
        return Err(ProxyTruthError::NoSummary { path: path.to_owned() });
    }
    for rows in TableReader::<MoleculeRow>::from_batches(source.table(name)?)? {
        for row in rows? {
            add(row.row, &row.id, &row.smiles)?;
        }
    }
    Ok(())
}

/// What a row is to the table.
enum Row {
    New,
    Repeated,
    WithoutSmiles,
}

/// The molecules so far.
struct Seen<'a> {
    path: &'a Path,
    /// Digest of the SMILES by id.
    digests: HashMap<Box<str>, Sha256Digest>,
}

impl Seen<'_> {
    fn classify(&mut self, row: u64, id: &str, smiles: &str) -> Result<Row, ProxyTruthError> {
        if smiles.is_empty() {
            return Ok(Row::WithoutSmiles);
        }
        let digest = Sha256Digest::of(smiles.as_bytes());
        match self.digests.insert(id.into(), digest) {
            None => Ok(Row::New),
            Some(before) if before == digest => Ok(Row::Repeated),
            Some(_) => {
                let (path, id) = (self.path.to_owned(), id.to_owned());
                Err(ProxyTruthError::AmbiguousId { path, row, id })
            }
        }
    }
}
