//! One shard: from packed records to a finished shard directory.
//!
//! A shard is done when its directory is there: it is written under a
//! temporary name, flushed and renamed. Its record names the plan and the
//! digest of every file, so a reader can tell a good shard from any other.

use std::fs;
use std::path::Path;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compute::{Engine, RowOutcome};
use super::error::RunError;
use super::layout::RunDir;
use super::observer::{Event, Observer};
use super::plan::{Plan, ShardPlan};
use crate::files::{FileDigest, digest_file, write_atomically};
use crate::library::{BLOCK_ROWS, Record, ShardReader};
use crate::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use crate::pack::tables::TableWriter;
use crate::spectra::dos::EnergyRange;

/// Schema of [`ShardRecord`].
pub const SHARD_SCHEMA: &str = "hetero2_shard.v1";

/// Tables of a shard directory.
pub(super) const MOLECULES: &str = "molecules.parquet";
pub(super) const DECOYS: &str = "decoys.parquet";
pub(super) const SPECTRA: &str = "spectra.parquet";
const RECORD: &str = "shard.json";

/// Rows that one task computes: enough that spectra of one size fill the
/// kernel's lanes, few enough that tasks balance.
const CHUNK_ROWS: usize = 512;

/// Most (row, decoy) pairs held in memory at a time.
const WAVE_PAIRS: usize = 200_000;

/// What a finished shard says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardRecord {
    /// [`SHARD_SCHEMA`].
    pub schema_version: String,
    /// Number of the shard.
    pub index: u32,
    /// Digest of the plan that it belongs to.
    pub plan_digest: String,
    /// Rows of the shard.
    pub rows: u64,
    /// Extent of the published eigenvalues of L, H and WH.
    pub energies: EnergyRange,
    /// Digest of each table.
    pub files: Vec<(String, FileDigest)>,
}

/// Whether a shard has to be computed.
#[derive(Debug, PartialEq)]
pub enum ShardState {
    /// Finished and whole.
    Done(ShardRecord),
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
        Ok(record) => ShardState::Done(record),
        Err(why) => ShardState::Unusable(why),
    }
}

fn read_record(path: &Path, plan_digest: &str, shard: &ShardPlan) -> Result<ShardRecord, String> {
    let text = fs::read_to_string(path.join(RECORD)).map_err(|e| format!("{RECORD}: {e}"))?;
    let record: ShardRecord = serde_json::from_str(&text).map_err(|e| format!("{RECORD}: {e}"))?;
    if record.schema_version != SHARD_SCHEMA || record.index != shard.index {
        return Err(format!("{RECORD} is of another schema or shard"));
    }
    if record.plan_digest != plan_digest {
        return Err("it belongs to another plan".into());
    }
    if record.rows != shard.rows {
        return Err(format!("{} rows instead of {}", record.rows, shard.rows));
    }
    let names: Vec<&str> = record.files.iter().map(|(name, _)| name.as_str()).collect();
    if names != [MOLECULES, DECOYS, SPECTRA] {
        return Err(format!("{RECORD} lists other files"));
    }
    for (name, expected) in &record.files {
        let found = digest_file(&path.join(name)).map_err(|e| e.to_string())?;
        if found != *expected {
            return Err(format!("{name} is not as it was written"));
        }
    }
    Ok(record)
}

/// Computes one shard and writes its directory; one that is there is replaced.
///
/// # Errors
/// [`RunError`] when the records are damaged, the directory cannot be
/// written, or the observer asks to stop; nothing is left of the shard then.
pub fn compute_shard(
    dir: &RunDir,
    plan_digest: &str,
    shard: &ShardPlan,
    plan: &Plan,
    engine: &Engine<'_>,
    observer: &dyn Observer,
) -> Result<ShardRecord, RunError> {
    let records = dir.library_shard(shard.index);
    let damaged = |why: String| RunError::DamagedRecords { path: records.clone(), why };
    if !records.exists() {
        return Err(damaged("it is missing".into()));
    }
    if digest_file(&records)?.sha256 != shard.records.sha256 {
        return Err(damaged("another SHA-256".into()));
    }
    let shards = dir.shards();
    fs::create_dir_all(&shards).map_err(|e| RunError::io("create", &shards, e))?;
    // The temporary directory vanishes if anything below fails.
    let staged = tempfile::Builder::new()
        .prefix(&format!(".{:05}-", shard.index))
        .tempdir_in(&shards)
        .map_err(|e| RunError::io("create", &shards, e))?;
    let mut tables = Tables::create(staged.path())?;
    let wave = wave_rows(plan.config.decoys);
    for batch in ShardReader::open(&records)? {
        let batch = batch?;
        for wave in batch.chunks(wave) {
            observer.check_cancelled()?;
            tables.write(&compute_wave(engine, wave, observer)?)?;
        }
    }
    let record = tables.finish(shard, plan_digest)?;
    write_record(staged.path(), &record)?;
    let target = dir.shard(shard.index);
    if target.exists() {
        fs::remove_dir_all(&target).map_err(|e| RunError::io("replace", &target, e))?;
    }
    let staged = staged.keep();
    fs::rename(&staged, &target).map_err(|e| RunError::io("write", &target, e))?;
    sync_directory(&shards);
    Ok(record)
}

/// Rows computed between two writes, so that memory does not grow with the
/// number of decoys.
pub(super) fn wave_rows(decoys: u32) -> usize {
    (WAVE_PAIRS / (decoys.max(1) as usize)).clamp(16, BLOCK_ROWS)
}

fn compute_wave(
    engine: &Engine<'_>,
    records: &[Record],
    observer: &dyn Observer,
) -> Result<Vec<Vec<RowOutcome>>, RunError> {
    let threads = rayon::current_num_threads();
    let chunk = (records.len().div_ceil(4 * threads)).clamp(1, CHUNK_ROWS);
    records
        .par_chunks(chunk)
        .map(|chunk| {
            let outcomes = engine.compute(chunk)?;
            observer.event(Event::Computed { rows: chunk.len() as u64 });
            Ok(outcomes)
        })
        .collect()
}

struct Tables {
    molecules: TableWriter<MoleculeRow>,
    decoys: TableWriter<DecoyRow>,
    spectra: TableWriter<SpectrumRow>,
    energies: EnergyRange,
    rows: u64,
}

impl Tables {
    fn create(folder: &Path) -> Result<Self, RunError> {
        Ok(Self {
            molecules: TableWriter::create(&folder.join(MOLECULES))?,
            decoys: TableWriter::create(&folder.join(DECOYS))?,
            spectra: TableWriter::create(&folder.join(SPECTRA))?,
            energies: EnergyRange::default(),
            rows: 0,
        })
    }

    fn write(&mut self, chunks: &[Vec<RowOutcome>]) -> Result<(), RunError> {
        for outcome in chunks.iter().flatten() {
            self.molecules.write(std::slice::from_ref(&outcome.molecule))?;
            self.decoys.write(&outcome.decoys)?;
            if let Some(spectrum) = &outcome.spectrum {
                for values in [&spectrum.l, &spectrum.h, &spectrum.wh] {
                    self.energies.observe(values);
                }
                self.spectra.write(std::slice::from_ref(spectrum))?;
            }
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(self, shard: &ShardPlan, plan_digest: &str) -> Result<ShardRecord, RunError> {
        if self.rows != shard.rows {
            return Err(RunError::DamagedShard {
                index: shard.index,
                why: format!("{} rows where the plan has {}", self.rows, shard.rows),
            });
        }
        Ok(ShardRecord {
            schema_version: SHARD_SCHEMA.into(),
            index: shard.index,
            plan_digest: plan_digest.to_owned(),
            rows: self.rows,
            energies: self.energies,
            files: vec![
                (MOLECULES.into(), self.molecules.finish()?),
                (DECOYS.into(), self.decoys.finish()?),
                (SPECTRA.into(), self.spectra.finish()?),
            ],
        })
    }
}

fn write_record(folder: &Path, record: &ShardRecord) -> Result<(), RunError> {
    let path = folder.join(RECORD);
    let text = serde_json::to_string_pretty(record)
        .map_err(|e| RunError::io("write", &path, std::io::Error::other(e)))?;
    write_atomically(&path, |out| std::io::Write::write_all(out, text.as_bytes()))?;
    Ok(())
}

/// Makes a rename durable; a file system that cannot is as durable as it gets.
fn sync_directory(path: &Path) {
    if let Ok(folder) = fs::File::open(path) {
        let _ = folder.sync_all();
    }
}
