//! What a plan says: configuration, inputs, shards. How it is made is the
//! planner's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use hetero2_audit::ActiveIf;
use hetero2_audit::evidence::LastOfTop;
use hetero2_common::files::{FileDigest, Sha256Digest, write_atomically, write_new};
use hetero2_contract::provenance::LibraryOrigin;
#[cfg(doc)]
use hetero2_library::BLOCK_ROWS;
use hetero2_library::ReadOptions;

use super::check::problem;
use super::parts::PlanPart;
use crate::run::config::RunConfig;
use crate::run::error::RunError;
use crate::run::layout::RunDir;

/// Schema of [`Plan`].
pub const PLAN_SCHEMA: &str = "hetero2_plan.v1";

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
    pub(crate) fn digest(&self) -> FileDigest {
        FileDigest { bytes: self.bytes, sha256: self.sha256 }
    }
}

/// One of several files of a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LibraryFile {
    /// Path below the folder that all files lie in, with `/`.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: Sha256Digest,
    /// Number of rows.
    pub rows: u64,
}

impl LibraryFile {
    /// Size and SHA-256.
    pub(crate) fn digest(&self) -> FileDigest {
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
    /// The library as it was read; where it has several files, of the list of
    /// their digests.
    pub library: InputFile,
    /// The files of the library, in the order of their rows, where there are
    /// several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub library_files: Vec<LibraryFile>,
    /// Where they were read, of those at addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub library_origins: Vec<LibraryOrigin>,
    /// Scores for the whole run.
    pub scores: Option<InputFile>,
    /// The command that gives the scores, where they are not there yet. It is only
    /// noted: a process runs none but that of its own caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorer: Option<PlannedScorer>,
    /// Name of the scoring model, where the scores give one.
    pub score_key: Option<String>,
    /// The last original that is audited, where only the best are, and there are
    /// more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_last: Option<LastOfTop>,
    /// Known outcomes to hold the audits against; shards do not depend on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<PlannedTruth>,
    /// Molecules that the model was trained on; shards do not depend on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<InputFile>,
    /// The file that the decoy set chooses from …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoys_file: Option<InputFile>,
    /// … in the form that shards read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoys_prepared: Option<InputFile>,
    /// Score files named by rows: file name in the library to copied file.
    pub row_scores: BTreeMap<String, RowScores>,
    /// Rows of the library.
    pub rows: u64,
    /// The packed records, in row order, without gaps.
    pub packed: Vec<PackedFile>,
    /// The shards, in row order, without gaps.
    pub shards: Vec<ShardPlan>,
    /// Which part of a larger library this plans, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PlanPart>,
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
        // Shards that a command scores are there before the scores of the whole.
        let scores = self.scores.clone().filter(|_| self.scorer.is_none());
        let of_shards = Self { truth: None, training: None, scores, ..self.clone() };
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

    /// Writes `plan.json` unless there is one; returns whether it did.
    ///
    /// # Errors
    /// [`RunError::File`] when the run directory cannot be written.
    pub(crate) fn save_new(&self, dir: &RunDir) -> Result<bool, RunError> {
        match write_new(&dir.plan(), |out| out.write_all(self.to_json().as_bytes())) {
            Ok(_) => Ok(true),
            Err(e) if e.source.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Reads the plan of a run directory; `None` where there is none.
    ///
    /// # Errors
    /// [`RunError`] when the file cannot be read or is no plan.
    pub fn load(dir: &RunDir) -> Result<Option<Self>, RunError> {
        let path = dir.plan();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(RunError::io("read", &path, e)),
        };
        let plan: Self = serde_json::from_slice(&bytes)
            .map_err(|e| RunError::NotAPlan { path: path.clone(), why: e.to_string() })?;
        if plan.schema_version != PLAN_SCHEMA {
            return Err(RunError::NotAPlan {
                path,
                why: format!("schema_version is {}, expected {PLAN_SCHEMA}", plan.schema_version),
            });
        }
        match problem(&plan) {
            Some(why) => Err(RunError::NotAPlan { path, why }),
            None => Ok(Some(plan)),
        }
    }
}

/// The plan of a run directory, for a later stage of the run.
///
/// # Errors
/// [`RunError::NoPlan`] when there is none, [`RunError::OtherVersion`] when
/// another version of this program made it: its results could differ.
pub fn open_plan(dir: &RunDir) -> Result<Plan, RunError> {
    let plan = Plan::load(dir)?.ok_or_else(|| RunError::NoPlan { path: dir.root().into() })?;
    if plan.tool_version != hetero2_contract::version::VERSION {
        return Err(RunError::OtherVersion { path: dir.root().into(), found: plan.tool_version });
    }
    if let Some(PlanPart { index, of }) = plan.part {
        let why = format!("it is part {index} of {of}: join the parts first");
        return Err(RunError::NotAPlan { path: dir.plan(), why });
    }
    Ok(plan)
}

/// The command that gives the scores of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedScorer {
    /// What the shell runs.
    pub command: String,
    /// The lock file of its environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<InputFile>,
}

/// Known outcomes as a plan has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTruth {
    /// The table.
    pub file: InputFile,
    /// Molecules that can be afforded (K), at least 1.
    pub budget: usize,
    /// Which values are hits, where the table has values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_if: Option<ActiveIf>,
}
