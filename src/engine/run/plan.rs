//! Planning: streams the library once into shards and writes `plan.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::config::{RunConfig, ScoreMode};
use super::error::RunError;
use super::layout::RunDir;
use super::observer::{Event, Observer};
use super::packing::Packing;
use super::request::{LibraryInput, RunRequest};
use super::truth::PlannedTruth;
use hetero2_common::files::{FileDigest, Sha256Digest, digest_file, write_atomically};
use hetero2_library::{BLOCK_ROWS, ReadOptions, Record, Source};

/// Schema of [`Plan`].
pub const PLAN_SCHEMA: &str = "hetero2_plan.v1";

/// Most distinct per-row score files of one library.
const MAX_ROW_SCORE_FILES: usize = 1_000;

/// A file that a run reads, as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputFile {
    /// Name without its directory.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: Sha256Digest,
}

impl InputFile {
    /// Size and SHA-256.
    pub(super) fn digest(&self) -> FileDigest {
        FileDigest { bytes: self.bytes, sha256: self.sha256 }
    }
}

/// What a run computes, on which input, in which pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema_version: String,
    /// Version of the program that made the plan.
    pub tool_version: String,
    /// Source revision of that program.
    pub tool_commit: String,
    /// Configuration of the run.
    pub config: RunConfig,
    /// How the library was read.
    pub read_options: ReadOptions,
    /// The library as it was read.
    pub library: InputFile,
    /// Scores for the whole run.
    pub scores: Option<InputFile>,
    /// Name of the scoring model, where the scores give one.
    pub score_key: Option<String>,
    /// Known outcomes to hold the audits against; shards do not depend on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<PlannedTruth>,
    /// Score files named by rows: file name in the library to copied file.
    pub row_scores: BTreeMap<String, RowScores>,
    /// Rows of the library.
    pub rows: u64,
    /// The packed records, in row order, without gaps.
    pub packed: Vec<PackedFile>,
    /// The shards, in row order, without gaps.
    pub shards: Vec<ShardPlan>,
}

/// A file of packed records in the run directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PackedFile {
    /// First row, a multiple of [`BLOCK_ROWS`].
    pub first_row: u64,
    /// Number of rows.
    pub rows: u64,
    /// Name and digest.
    pub file: InputFile,
}

/// A score file that rows of the library name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowScores {
    /// Copied into the run directory.
    Copied(InputFile),
    /// Cannot be used; rows naming it end as ERROR.
    Unusable(String),
}

/// One shard of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardPlan {
    /// Number of the shard, from 0.
    pub index: u32,
    /// First row, a multiple of [`BLOCK_ROWS`].
    pub first_row: u64,
    /// Number of rows.
    pub rows: u64,
}

impl Plan {
    /// SHA-256 of the plan, lower-case hex: it identifies what the shards of a
    /// run depend on, so known outcomes are left out.
    #[must_use]
    pub fn digest(&self) -> String {
        let of_shards = Self { truth: None, ..self.clone() };
        hex::encode(Sha256::digest(of_shards.to_json().as_bytes()))
    }

    /// The shard of this number.
    ///
    /// # Errors
    /// [`RunError::NoShard`] where the plan has none.
    pub fn shard(&self, index: u32) -> Result<&ShardPlan, RunError> {
        let missing = RunError::NoShard { index, shards: self.shards.len() };
        self.shards.get(index as usize).ok_or(missing)
    }

    /// The files that hold rows of a shard.
    pub fn packed_of(&self, shard: &ShardPlan) -> impl Iterator<Item = &PackedFile> {
        let (start, end) = (shard.first_row, shard.first_row + shard.rows);
        self.packed.iter().filter(move |f| f.first_row < end && start < f.first_row + f.rows)
    }

    fn to_json(&self) -> String {
        // Serialising plain structs with string keys cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Writes `plan.json`.
    ///
    /// # Errors
    /// [`RunError::File`] when the run directory cannot be written.
    pub fn save(&self, dir: &RunDir) -> Result<(), RunError> {
        write_atomically(&dir.plan(), |out| out.write_all(self.to_json().as_bytes()))?;
        Ok(())
    }

    /// Reads the plan of a run directory; `None` where there is none.
    ///
    /// # Errors
    /// [`RunError`] when the file cannot be read or is no plan.
    pub fn load(dir: &RunDir) -> Result<Option<Self>, RunError> {
        let path = dir.plan();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(RunError::io("read", &path, e)),
        };
        let plan: Self = serde_json::from_str(&text)
            .map_err(|e| RunError::NotAPlan { path: path.clone(), why: e.to_string() })?;
        if plan.schema_version != PLAN_SCHEMA {
            return Err(RunError::NotAPlan {
                path,
                why: format!("schema_version is {}, expected {PLAN_SCHEMA}", plan.schema_version),
            });
        }
        Ok(Some(plan))
    }
}

/// Plans a run: packs the library into shards. [`Plan::save`] then writes
/// `plan.json`, last, so that a directory with a plan is complete.
///
/// # Errors
/// [`RunError`] when the library or the scores cannot be read or the run
/// directory cannot be written.
pub fn make_plan(
    request: &RunRequest,
    dir: &RunDir,
    observer: &dyn Observer,
) -> Result<Plan, RunError> {
    // First, so that a mistyped library leaves no directory behind.
    let mut batches = open_library(&request.library, &request.read_options)?.batches(BLOCK_ROWS)?;
    create_dir(&dir.library())?;
    create_dir(&dir.inputs())?;
    let scores = request.scores.as_deref();
    let scores =
        scores.map(|path| copy_scores(path, request.scores_sha256.as_deref(), dir)).transpose()?;
    let truth = request.truth.as_ref().map(|truth| PlannedTruth::take(truth, dir)).transpose()?;
    let mut packing = Packing::new(dir);
    let mut row_score_names = BTreeSet::new();
    for batch in &mut batches {
        observer.check_cancelled()?;
        let batch = batch?;
        if request.config.score_mode == ScoreMode::ExternalScores && request.scores.is_none() {
            collect_row_scores(&batch, &mut row_score_names)?;
        }
        packing.write(batch)?;
        observer.event(Event::Planned { rows: packing.rows() });
    }
    let library = input_file(batches.finish()?.digest()?)?;
    let rows = packing.rows();
    let (packed, shards) = packing.finish(request.shards)?;
    let row_scores = row_score_names
        .into_iter()
        .map(|name| {
            let copied = copy_row_scores(&name, request, dir)?;
            Ok((name, copied))
        })
        .collect::<Result<_, RunError>>()?;
    Ok(Plan {
        schema_version: PLAN_SCHEMA.into(),
        tool_version: hetero2_contract::version::VERSION.into(),
        tool_commit: hetero2_contract::version::commit().into(),
        config: request.config.clone(),
        read_options: request.read_options.clone(),
        library,
        scores,
        row_scores,
        score_key: None,
        truth,
        rows,
        packed,
        shards,
    })
}

/// Opens a library.
pub(super) fn open_library(
    library: &LibraryInput,
    options: &ReadOptions,
) -> Result<Source, RunError> {
    Ok(match library {
        LibraryInput::Demo => hetero2_library::demo()?,
        LibraryInput::File(path) => Source::open(path, options)?,
    })
}

fn input_file(digest: hetero2_library::InputDigest) -> Result<InputFile, RunError> {
    Ok(InputFile { name: digest.name, bytes: digest.bytes, sha256: parse_digest(&digest.sha256)? })
}

fn parse_digest(hex: &str) -> Result<Sha256Digest, RunError> {
    hex.parse().map_err(|_| {
        RunError::io("digest", Path::new("input"), std::io::ErrorKind::InvalidData.into())
    })
}

/// Name, size and SHA-256 of a file.
pub(super) fn digest_input(path: &Path) -> Result<InputFile, RunError> {
    let digest = digest_file(path)?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(InputFile { name, bytes: digest.bytes, sha256: digest.sha256 })
}

/// The same for a score file.
pub(super) fn digest_scores(path: &Path) -> Result<InputFile, RunError> {
    open_scores(path)?;
    digest_input(path)
}

/// A score file that is not there is an error of the command line, not of the disk.
fn open_scores(path: &Path) -> Result<(), RunError> {
    fs::File::open(path)
        .map(drop)
        .map_err(|e| RunError::Scores { path: path.to_path_buf(), source: e.into() })
}

/// The same for the demo library.
pub(super) fn demo_digest() -> Result<InputFile, RunError> {
    input_file(hetero2_library::demo()?.digest()?)
}

fn collect_row_scores(batch: &[Record], names: &mut BTreeSet<String>) -> Result<(), RunError> {
    for name in batch.iter().filter_map(|record| record.scores_input.as_ref()) {
        if names.contains(name) {
            continue;
        }
        if names.len() == MAX_ROW_SCORE_FILES {
            return Err(RunError::TooManyScoreFiles { limit: MAX_ROW_SCORE_FILES });
        }
        names.insert(name.clone());
    }
    Ok(())
}

/// Copies the scores into the run directory; they must have the expected
/// SHA-256, if there is one.
pub(super) fn copy_scores(
    path: &Path,
    sha256: Option<&str>,
    dir: &RunDir,
) -> Result<InputFile, RunError> {
    open_scores(path)?;
    copy_pinned(path, sha256, dir)
}

/// Copies a side input, which must have the expected SHA-256, if there is one.
pub(super) fn copy_pinned(
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
fn copy_input(path: &Path, dir: &RunDir) -> Result<InputFile, RunError> {
    let mut file = fs::File::open(path).map_err(|e| RunError::io("read", path, e))?;
    let staged = dir.inputs().join("incoming");
    let (digest, _) = write_atomically(&staged, |out| std::io::copy(&mut file, out))?;
    let target = dir.input(&digest.sha256.to_string());
    fs::rename(&staged, &target).map_err(|e| RunError::io("write", &target, e))?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Ok(InputFile { name, bytes: digest.bytes, sha256: digest.sha256 })
}

/// A row may name a score file beside the library or below it, nowhere else.
fn copy_row_scores(name: &str, request: &RunRequest, dir: &RunDir) -> Result<RowScores, RunError> {
    let LibraryInput::File(library) = &request.library else {
        return Ok(RowScores::Unusable("the demo library has no score files".into()));
    };
    let relative = Path::new(name);
    if !relative.components().all(|c| matches!(c, std::path::Component::Normal(_))) {
        return Ok(RowScores::Unusable(
            "a score file must lie in the library's folder or below it".into(),
        ));
    }
    let path = library.parent().unwrap_or(Path::new("")).join(relative);
    if !path.is_file() {
        return Ok(RowScores::Unusable(format!("no file {name} in the library's folder")));
    }
    copy_input(&path, dir).map(RowScores::Copied)
}

pub(super) fn create_dir(path: &Path) -> Result<(), RunError> {
    fs::create_dir_all(path).map_err(|e| RunError::io("create", path, e))
}
