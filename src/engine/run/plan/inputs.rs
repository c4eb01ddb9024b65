//! The inputs of a run as its directory keeps them: opened, digested, copied
//! under their digest.

use std::fs;
use std::path::Path;

use hetero2_common::files::{AtomicFile, Sha256Digest, digest_file, disk};
use hetero2_library::{Library, ReadOptions};

use super::document::{InputFile, PlannedScorer};
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::request::{LibraryInput, ScorerInput};

/// Opens a library.
pub(crate) fn open_library(
    library: &LibraryInput,
    options: &ReadOptions,
) -> Result<Library, RunError> {
    Ok(match library {
        LibraryInput::Demo => Library::demo()?,
        LibraryInput::LabelledDemo => hetero2_library::labelled_demo()?.into(),
        LibraryInput::File(_) | LibraryInput::Files(_) => Library::open(library.files(), options)?,
    })
}

pub(crate) fn input_file(digest: hetero2_library::InputDigest) -> Result<InputFile, RunError> {
    Ok(InputFile { name: digest.name, bytes: digest.bytes, sha256: parse_digest(&digest.sha256)? })
}

fn parse_digest(hex: &str) -> Result<Sha256Digest, RunError> {
    hex.parse().map_err(|_| {
        RunError::io("digest", Path::new("input"), std::io::ErrorKind::InvalidData.into())
    })
}

/// Name, size and SHA-256 of a file.
pub(crate) fn digest_input(path: &Path) -> Result<InputFile, RunError> {
    if hetero2_library::is_address(path) {
        return input_file(hetero2_library::digest_path(path)?);
    }
    let digest = digest_file(path)?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(InputFile { name, bytes: digest.bytes, sha256: digest.sha256 })
}

/// Name, size and SHA-256 of a score file, which must be there.
pub(crate) fn digest_scores(path: &Path) -> Result<InputFile, RunError> {
    open_scores(path)?;
    digest_input(path)
}

/// A score file that is not there is an error of the command line, not of the disk.
fn open_scores(path: &Path) -> Result<(), RunError> {
    fs::File::open(path)
        .map(drop)
        .map_err(|e| RunError::Scores { path: path.to_path_buf(), source: e.into() })
}

/// A command that gives scores, as a plan has it.
pub(crate) fn planned_scorer(scorer: &ScorerInput) -> Result<PlannedScorer, RunError> {
    let lock = scorer.lock.as_deref().map(|path| {
        let missing = |e| RunError::ScoreLock { path: path.to_owned(), source: e };
        fs::File::open(path).map_err(missing)?;
        digest_input(path)
    });
    Ok(PlannedScorer { command: scorer.command.command.clone(), lock: lock.transpose()? })
}

/// Name, size and SHA-256 of a library that ships with the program.
pub(crate) fn shipped_digest(library: &LibraryInput) -> Result<InputFile, RunError> {
    let mut shipped = match library {
        LibraryInput::LabelledDemo => hetero2_library::labelled_demo()?,
        _ => hetero2_library::demo()?,
    };
    input_file(shipped.digest()?)
}

/// Copies the scores into the run directory; they must have the expected
/// SHA-256, if there is one.
pub(crate) fn copy_scores(
    path: &Path,
    sha256: Option<&str>,
    dir: &RunDir,
) -> Result<InputFile, RunError> {
    open_scores(path)?;
    copy_pinned(path, sha256, dir)
}

/// Name, size and SHA-256 of a file of decoys, or of molecules to match.
pub(crate) fn digest_decoys(path: &Path) -> Result<InputFile, RunError> {
    fs::File::open(path)
        .map_err(|e| RunError::Decoys { path: path.to_path_buf(), why: e.to_string() })?;
    digest_input(path)
}

/// Copies the training molecules into the run directory.
pub(crate) fn take_training(path: &Path, dir: &RunDir) -> Result<InputFile, RunError> {
    open_training(path)?;
    copy_input(path, dir)
}

/// Name, size and SHA-256 of the training molecules.
pub(crate) fn digest_training(path: &Path) -> Result<InputFile, RunError> {
    open_training(path)?;
    digest_input(path)
}

/// A file that is not there is an error of the command line, not of the disk.
fn open_training(path: &Path) -> Result<(), RunError> {
    fs::File::open(path)
        .map(drop)
        .map_err(|e| RunError::Training { name: path.display().to_string(), why: e.to_string() })
}

/// Copies a side input, which must have the expected SHA-256, if there is one.
pub(crate) fn copy_pinned(
    path: &Path,
    sha256: Option<&str>,
    dir: &RunDir,
) -> Result<InputFile, RunError> {
    let copied = copy_input(path, dir)?;
    let found = copied.sha256.to_string();
    match sha256 {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => Err(RunError::WrongDigest {
            path: path.to_path_buf(),
            found,
            expected: expected.to_owned(),
        }),
        _ => Ok(copied),
    }
}

/// Copies a side input into the run directory, under its digest.
pub(crate) fn copy_input(path: &Path, dir: &RunDir) -> Result<InputFile, RunError> {
    let mut file = fs::File::open(path).map_err(|e| RunError::io("read", path, e))?;
    let mut copy = AtomicFile::create(&dir.input("incoming"))?;
    std::io::copy(&mut file, &mut copy).map_err(|e| RunError::io("copy", path, e))?;
    let digest = copy.finish_as(|digest| dir.input(&digest.sha256.to_string()))?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(InputFile { name, bytes: digest.bytes, sha256: digest.sha256 })
}

pub(crate) fn create_dir(path: &Path) -> Result<(), RunError> {
    disk::create_dir_all(path).map_err(|e| RunError::io("create", path, e))
}
