//! The directory of a suite: inputs, runs, reports.
//!
//! Inputs lie at the top, each run in `runs/<name>`. An input that is there is
//! used if it has the right bytes, and never overwritten.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::IgnoredAny;

use hetero2_common::files::{FileDigest, FileError, disk, write_atomically};
use hetero2_contract::StatusCounts;

use super::error::SuiteError;
use super::evidence::Evidence;
use super::fact::Facts;
use super::{SUITE_SCHEMA, Suite, SuiteReport, SuiteRequest};
use crate::run::{LibraryInput, Observer, Resume, RunConfig, RunRequest, run};

/// A file of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuiteFile {
    /// Its name in the suite's directory.
    pub name: String,
    /// Size and SHA-256.
    #[serde(flatten)]
    pub digest: FileDigest,
}

/// A run of a suite.
#[derive(Debug, Clone, Serialize)]
pub struct SuiteRun {
    /// Its name.
    pub name: &'static str,
    /// Directory of the pack, relative to the suite's.
    pub pack: String,
    /// Content digest of the pack.
    pub content_digest: String,
    /// Rows by status.
    pub counts: StatusCounts,
}

/// The directory while the suite is at work.
pub(super) struct SuiteFolder<'a> {
    out: PathBuf,
    threads: Option<usize>,
    observer: &'a dyn Observer,
    files: Vec<SuiteFile>,
    runs: Vec<SuiteRun>,
}

impl<'a> SuiteFolder<'a> {
    pub fn new(request: &SuiteRequest, observer: &'a dyn Observer) -> Result<Self, SuiteError> {
        let out = request.out.clone();
        disk::create_dir_all(&out).map_err(FileError::io("create", &out))?;
        let threads = request.threads;
        Ok(Self { out, threads, observer, files: Vec::new(), runs: Vec::new() })
    }

    /// Puts an input into the directory.
    pub fn input(&mut self, name: &str, content: &[u8]) -> Result<PathBuf, SuiteError> {
        let path = self.out.join(name);
        match fs::read(&path) {
            Ok(found) if found == content => {}
            Ok(_) => return Err(SuiteError::Occupied { path }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                write_atomically(&path, |out| out.write_all(content))?;
            }
            Err(e) => return Err(FileError::io("read", &path)(e).into()),
        }
        self.files.push(SuiteFile { name: name.into(), digest: FileDigest::of(content) });
        Ok(path)
    }

    /// Writes a report beside the inputs; an older one is replaced.
    pub fn document(&mut self, name: &str, value: &impl Serialize) -> Result<(), SuiteError> {
        let digest = write_json(&self.out.join(name), value)?;
        self.files.push(SuiteFile { name: name.into(), digest });
        Ok(())
    }

    /// Runs a configuration over a library, and reads its pack.
    pub fn run(
        &mut self,
        name: &'static str,
        library: &Path,
        scores: Option<&Path>,
        config: RunConfig,
    ) -> Result<Evidence, SuiteError> {
        let library = LibraryInput::File(library.to_owned());
        let request = RunRequest {
            scores: scores.map(Path::to_owned),
            resume: Resume::Continue,
            threads: self.threads,
            ..RunRequest::new(library, self.out.join("runs").join(name), config)
        };
        let report = run(&request, self.observer)?;
        let evidence = Evidence::read(&report.pack)?;
        self.runs.push(SuiteRun {
            name,
            pack: format!("runs/{name}/pack"),
            content_digest: report.content_digest,
            counts: report.counts,
        });
        Ok(evidence)
    }

    pub fn report(self, suite: Suite, rows: u64, facts: Facts) -> SuiteReport {
        let (files, runs, facts) = (self.files, self.runs, facts.0);
        SuiteReport { schema_version: SUITE_SCHEMA, suite, rows, files, runs, facts }
    }
}

/// Writes a document, indented, with a newline at its end. One of the same
/// fields is of an earlier run of the suite and replaced; any other file stays.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<FileDigest, SuiteError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|source| SuiteError::Json { path: path.to_owned(), source })?;
    text.push('\n');
    match fs::read(path) {
        Ok(found) if fields(&found) != fields(text.as_bytes()) => {
            return Err(SuiteError::Occupied { path: path.to_owned() });
        }
        _ => {}
    }
    Ok(write_atomically(path, |out| out.write_all(text.as_bytes()))?.0)
}

/// Names of the fields of a document; `None` where it is no JSON object.
fn fields(document: &[u8]) -> Option<BTreeSet<String>> {
    let fields: BTreeMap<String, IgnoredAny> = serde_json::from_slice(document).ok()?;
    Some(fields.into_keys().collect())
}
