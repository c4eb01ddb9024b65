//! The files of a library as the command line names them.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use hetero2::library::{LibraryError, find_files};
use hetero2::run::{LibraryInput, RunError};

use super::failure::Failure;

/// Largest list of files, in bytes.
const LIST_BYTES: u64 = 256 << 20;

/// Which molecules are read.
#[derive(Debug, clap::Args)]
pub struct LibraryArguments {
    /// Library: .smi, .csv, .tsv, .sdf or .parquet, also .gz, .zst, .bz2 or .xz; several files,
    /// folders and quoted patterns ('tranches/*.smi.gz') are one library, in their order; - reads
    /// standard input; a shipped one without it, which is the demo unless there are scores
    library: Vec<PathBuf>,
    /// List of files, folders and patterns, one a line, read after those named; - reads standard
    /// input
    #[arg(long, value_name = "LIST")]
    files_from: Option<PathBuf>,
}

impl LibraryArguments {
    /// Whether any file is named.
    pub fn is_given(&self) -> bool {
        !self.library.is_empty() || self.files_from.is_some()
    }

    /// The library that these options name.
    pub fn input(&self) -> Result<LibraryInput, Failure> {
        let mut named = self.library.clone();
        if let Some(list) = &self.files_from {
            named.extend(listed(list)?);
        } else if named.is_empty() {
            return Ok(LibraryInput::Demo);
        }
        library_of(&named)
    }
}

/// The library of files, folders and patterns.
pub fn library_of(named: &[PathBuf]) -> Result<LibraryInput, Failure> {
    let mut files = find_files(named).map_err(RunError::from)?;
    Ok(match (files.pop(), files.is_empty()) {
        (None, _) => return Err(Failure::usage(anyhow::anyhow!("the list names no files"))),
        (Some(only), true) => LibraryInput::File(only),
        (Some(last), false) => {
            files.push(last);
            LibraryInput::Files(files)
        }
    })
}

/// The lines of a list that are neither blank nor comments.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |source: io::Error| {
        let cure = "check the path of the list";
        Failure::from(RunError::from(LibraryError::Open { path: list.to_owned(), source, cure }))
    };
    let mut text = String::new();
    if list.as_os_str() == "-" {
        io::stdin().take(LIST_BYTES).read_to_string(&mut text).map_err(failed)?;
    } else {
        let file = fs::File::open(list).map_err(failed)?;
        file.take(LIST_BYTES).read_to_string(&mut text).map_err(failed)?;
    }
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    Ok(lines.map(PathBuf::from).collect())
}
