//! What a finished shard says of itself, and whether its directory is whole.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hetero2_common::files::{FileDigest, digest_file, write_atomically};
use hetero2_evidence::pack::rows::MoleculeRow;
use hetero2_evidence::pack::tables::TableGroups;
use hetero2_spectra::SpectraCounts;
use hetero2_spectra::dos::EnergyRange;

use super::scored::SCORES;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::plan::ShardPlan;
use crate::scorer::ScoringCounts;

/// Schema of [`ShardRecord`].
pub const SHARD_SCHEMA: &str = "hetero2_shard.v1";

/// Tables of a shard directory.
pub(crate) const MOLECULES: &str = "molecules.parquet";
pub(crate) const DECOYS: &str = "decoys.parquet";
pub(crate) const SPECTRA: &str = "spectra.parquet";
const RECORD: &str = "shard.json";

/// Whether a file of a shard's directory has a name that shards give.
pub(crate) fn is_shard_file(name: &str) -> bool {
    [MOLECULES, DECOYS, SPECTRA, SCORES, RECORD].contains(&name)
}

/// What a finished shard, or a checkpoint of one, says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardRecord {
    /// [`SHARD_SCHEMA`].
    pub schema_version: String,
    /// Number of the shard.
    pub index: u32,
    /// Digest of the plan that it belongs to.
    pub plan_digest: String,
    /// Rows that it holds: all of the shard, but in a checkpoint.
    pub rows: u64,
    /// Extent of the published eigenvalues of L, H and WH.
    pub energies: EnergyRange,
    /// Digest of each table.
    pub files: Vec<(String, FileDigest)>,
    /// How it came about; no result depends on it.
    pub attempt: Attempt,
}

/// The attempt that finished a shard or a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Machine that it ran on, where the system tells its name.
    pub host: Option<String>,
    /// Device that computed the spectra.
    pub device: String,
    /// Worker threads.
    pub threads: u64,
    /// Wall time in seconds; its share where shards were computed side by side.
    pub seconds: f64,
    /// Rows that were taken from a checkpoint.
    pub rows_from_checkpoint: u64,
    /// Core seconds of the attempts that wrote those checkpoints.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub core_seconds_before: f64,
    /// Most memory that the process had had when this was written, in bytes, where the
    /// system tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// What became of the spectra, where a GPU took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectra: Option<SpectraCounts>,
    /// What came of molecules that a command scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<ScoringCounts>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}

impl Attempt {
    /// Core seconds that this attempt held: its time on each of its threads.
    #[must_use]
    pub fn own_core_seconds(&self) -> f64 {
        self.seconds * self.threads as f64
    }

    /// Core seconds that the shard took so far, with those of earlier attempts that
    /// left a checkpoint.
    #[must_use]
    pub fn core_seconds(&self) -> f64 {
        self.own_core_seconds() + self.core_seconds_before
    }
}

/// Whether a shard has to be computed.
#[derive(Debug, PartialEq)]
pub enum ShardState {
    /// Finished and whole.
    Done(Box<ShardRecord>),
    /// Not there.
    Missing,
    /// There, but of another plan or damaged.
    Unusable(String),
}

/// Looks at a shard directory: its record, and the digest of each file.
#[must_use]
pub fn inspect_shard(dir: &RunDir, plan_digest: &str, shard: &ShardPlan) -> ShardState {
    let path = dir.shard(shard.index);
    if !path.exists() {
        return ShardState::Missing;
    }
    match read_record(&path, plan_digest, shard) {
        Ok(record) if record.rows == shard.rows => ShardState::Done(Box::new(record)),
        Ok(record) => {
            ShardState::Unusable(format!("{} rows instead of {}", record.rows, shard.rows))
        }
        Err(why) => ShardState::Unusable(why),
    }
}

/// Whether a shard is there, and its record fits, without reading its tables:
/// quick, for showing progress.
#[must_use]
pub fn shard_record_unverified(
    dir: &RunDir,
    plan_digest: &str,
    shard: &ShardPlan,
) -> Option<ShardRecord> {
    read_fitting(&dir.shard(shard.index), plan_digest, shard)
        .ok()
        .filter(|record| record.rows == shard.rows)
}

pub(super) fn read_fitting(
    path: &Path,
    plan_digest: &str,
    shard: &ShardPlan,
) -> Result<ShardRecord, String> {
    let text = fs::read_to_string(path.join(RECORD)).map_err(|e| format!("{RECORD}: {e}"))?;
    let record: ShardRecord = serde_json::from_str(&text).map_err(|e| format!("{RECORD}: {e}"))?;
    if record.schema_version != SHARD_SCHEMA || record.index != shard.index {
        return Err(format!("{RECORD} is of another schema or shard"));
    }
    if record.plan_digest != plan_digest {
        return Err("it belongs to another plan".into());
    }
    let names: Vec<&str> = record.files.iter().map(|(name, _)| name.as_str()).collect();
    if names != [MOLECULES, DECOYS, SPECTRA] && names != [MOLECULES, DECOYS, SPECTRA, SCORES] {
        return Err(format!("{RECORD} lists other files"));
    }
    Ok(record)
}

pub(crate) fn read_record(
    path: &Path,
    plan_digest: &str,
    shard: &ShardPlan,
) -> Result<ShardRecord, String> {
    let record = read_fitting(path, plan_digest, shard)?;
    for (name, expected) in &record.files {
        let found = digest_file(&path.join(name)).map_err(|e| e.to_string())?;
        if found != *expected {
            return Err(format!("{name} is not as it was written"));
        }
    }
    // An earlier build may have written tables that cannot be read in parts.
    TableGroups::<MoleculeRow>::open(&path.join(MOLECULES)).map_err(|e| e.to_string())?;
    Ok(record)
}

pub(crate) fn write_record(folder: &Path, record: &ShardRecord) -> Result<(), RunError> {
    let path = folder.join(RECORD);
    let text = serde_json::to_string_pretty(record)
        .map_err(|e| RunError::io("write", &path, std::io::Error::other(e)))?;
    write_atomically(&path, |out| std::io::Write::write_all(out, text.as_bytes()))?;
    Ok(())
}
