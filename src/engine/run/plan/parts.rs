//! Planning in parts, as the tasks of an array do: each packs some of the files,
//! and the plan is joined from what they packed. The plan is the one that is made
//! alone.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hetero2_library::{
    FileRead, InputDigest, LibraryError, Numbering, Origin, Record, ShardReader,
};

use super::document::{LibraryFile, Plan};
use super::packed::open_packed;
use super::partition::cut;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::request::RunRequest;

/// Most parts of a plan.
pub const MAX_PARTS: u32 = 10_000;

/// One of the parts that a library is planned in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanPart {
    /// Number of the part, from 0.
    pub index: u32,
    /// Number of parts.
    pub of: u32,
}

impl FromStr for PlanPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| {
            Some(Self { index: index.trim().parse().ok()?, of: of.trim().parse().ok()? })
        });
        let inside = |part: &Self| part.index < part.of && part.of <= MAX_PARTS;
        let wrong = || {
            format!(
                "{text} is no part: write I/N, with I from 0 to N - 1 and N at most {MAX_PARTS}"
            )
        };
        numbers.filter(inside).ok_or_else(wrong)
    }
}

/// The files of each part: consecutive ones, of about as many bytes; at
/// addresses, about as many files.
fn ranges(files: &[PathBuf], of: u32) -> Result<Vec<Range<usize>>, RunError> {
    let parts = of as usize;
    if files.len() < parts {
        return Err(RunError::TooManyParts { parts: of, files: files.len() });
    }
    let size = |path: &PathBuf| {
        if hetero2_library::is_address(path) {
            return Ok(1);
        }
        let failed = |source| LibraryError::Open {
            path: path.clone(),
            source,
            cure: "check the path (relative to the current directory)",
        };
        Ok(std::fs::metadata(path).map_err(failed)?.len().max(1))
    };
    let sizes = files.iter().map(size).collect::<Result<Vec<u64>, LibraryError>>()?;
    Ok(cut(&sizes, parts))
}

/// The files of one part.
pub(crate) fn files_of(files: &[PathBuf], part: PlanPart) -> Result<Vec<PathBuf>, RunError> {
    let ranges = ranges(files, part.of)?;
    let range = ranges.into_iter().nth(part.index as usize).unwrap_or_default();
    Ok(files.get(range).unwrap_or_default().to_vec())
}

/// The rows of all parts, in order.
pub(super) struct PartRows {
    parts: Vec<(RunDir, Plan)>,
    /// Part and packed file that are read next.
    next: (usize, usize),
    reader: Option<ShardReader>,
    numbering: Numbering,
    name: String,
}

impl PartRows {
    /// Opens the parts of a request, of which none may be missing or of another.
    pub fn open(request: &RunRequest, dir: &RunDir, of: u32) -> Result<Self, RunError> {
        let files = request.library.files();
        let ranges = ranges(files, of)?;
        let (mut parts, mut missing) = (Vec::new(), Vec::new());
        for (range, index) in ranges.into_iter().zip(0..) {
            let part = dir.part(index);
            match Plan::load(&part)? {
                Some(plan) => {
                    check(request, &part, &plan, PlanPart { index, of }, range.len())?;
                    parts.push((part, plan));
                }
                None => missing.push(index),
            }
        }
        if !missing.is_empty() {
            return Err(RunError::MissingParts { path: dir.root().to_owned(), of, missing });
        }
        let name = format!("of {} files", files.len());
        let numbering = Numbering::default();
        Ok(Self { parts, next: (0, 0), reader: None, numbering, name })
    }

    fn read(&mut self) -> Result<Option<Vec<Record>>, RunError> {
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                let mut batch = batch?;
                batch.iter_mut().for_each(|record| self.numbering.number(record));
                return Ok(Some(batch));
            }
            self.reader = None;
            let (part, file) = self.next;
            let Some((dir, plan)) = self.parts.get(part) else {
                self.numbering.check(&self.name)?;
                return Ok(None);
            };
            match plan.packed.get(file) {
                None => self.next = (part + 1, 0),
                Some(packed) => {
                    self.reader = Some(open_packed(dir, packed)?);
                    self.next = (part, file + 1);
                }
            }
        }
    }

    /// The files of all parts.
    pub fn finish(self) -> Vec<FileRead> {
        let mut read = Vec::new();
        for (_, plan) in self.parts {
            let mut origins = plan.library_origins.into_iter().peekable();
            for file in plan.library_files {
                // Both are in the order of the files.
                let origin = origins.next_if(|origin| origin.name == file.name);
                let origin = origin.map(|at| Origin { address: at.address, e_tag: at.e_tag });
                let LibraryFile { name, bytes, sha256, rows } = file;
                let digest = InputDigest { name, bytes, sha256: sha256.to_string() };
                read.push(FileRead { digest, rows, origin });
            }
        }
        read
    }
}

impl Iterator for PartRows {
    type Item = Result<Vec<Record>, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn check(
    request: &RunRequest,
    dir: &RunDir,
    plan: &Plan,
    part: PlanPart,
    files: usize,
) -> Result<(), RunError> {
    let what = if plan.part != Some(part) {
        "number of parts"
    } else if plan.config != request.config {
        "configuration"
    } else if plan.read_options != request.read_options || plan.library_files.len() != files {
        "library"
    } else if plan.tool_version != hetero2_contract::version::VERSION {
        "version of this program"
    } else {
        return Ok(());
    };
    Err(RunError::OtherRun { path: dir.root().to_owned(), what })
}
