//! One shard: from packed records to a finished shard directory.
//!
//! A shard is done when its directory is there: it is written under a
//! temporary name, flushed and renamed. Its record names the plan and the
//! digest of every file, so a reader can tell a good shard from any other.
//! An attempt that is asked to stop leaves a checkpoint of the same form with
//! fewer rows, which the next attempt goes on from.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use hetero2_common::files::disk::{self, Fate};
use hetero2_common::files::{AtomicFile, Left, Scratch, replaced, restore, sweep};
use hetero2_evidence::pack::PackError;
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2_evidence::pack::tables::{TableGroups, TableRow, TableWriter, bytes_of};
use hetero2_library::BLOCK_ROWS;
use hetero2_spectra::dos::EnergyRange;

use super::compute::{Engine, RowOutcome};
use super::record::{
    Attempt, DECOYS, MOLECULES, SHARD_SCHEMA, SPECTRA, ShardRecord, ShardState, inspect_shard,
    is_shard_file, read_record, write_record,
};
use super::scored::{SCORES, ScoredShard};
use super::wave::compute_wave;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer};
use crate::run::plan::{Plan, ShardPlan, open_packed};
use crate::run::provenance;

/// Most (row, decoy) pairs of a wave. Of each shard that is computed, two waves
/// are held at a time: one being computed, one being written.
const WAVE_PAIRS: usize = 100_000;

/// Bytes of molecules and decoys after which their row groups end though the
/// block does not: what a thread reads at a time in the reduction.
const GROUP_BYTES: usize = 16 << 20;

/// Computes one shard and writes its directory. Several attempts at once do no
/// harm: the first that is done stays, and one that is not whole is replaced.
///
/// # Errors
/// [`RunError`] when the records are damaged or the directory cannot be
/// written; [`RunError::Cancelled`] when the observer asks to stop: the rows
/// so far are kept as a checkpoint.
///
/// `scored` is what a command scored of the shard, where one did;
/// `at_once` is the number of shards that share the threads, this one included.
pub fn compute_shard(
    dir: &RunDir,
    plan_digest: &str,
    shard: &ShardPlan,
    plan: &Plan,
    (engine, scored): (&Engine<'_>, Option<&ScoredShard>),
    at_once: usize,
    observer: &dyn Observer,
) -> Result<ShardRecord, RunError> {
    let started = Instant::now();
    let counted = engine.spectra_counts().unwrap_or_default();
    let staged = stage_shard(dir, shard.index)?;
    let mut tables = Tables::resume(staged.path(), dir, plan_digest, shard)?;
    let resumed = tables.rows;
    observer.event(Event::Computed { rows: resumed });
    compute_rows(dir, shard, plan, engine, &mut tables, observer)?;
    let whole = tables.rows == shard.rows;
    if !whole && tables.rows == resumed {
        return Err(RunError::Cancelled);
    }
    let attempt = Attempt {
        host: provenance::host(),
        device: engine.device().to_owned(),
        threads: rayon::current_num_threads() as u64,
        seconds: started.elapsed().as_secs_f64() / at_once.max(1) as f64,
        rows_from_checkpoint: resumed,
        spectra: engine.spectra_counts().map(|counts| counts.since(counted)),
        scoring: scored.map(|scored| scored.counts.clone()),
    };
    let mut record = tables.finish(shard, plan_digest, attempt)?;
    if let Some(scored) = scored {
        let mut file = AtomicFile::create(&staged.path().join(SCORES))?;
        file.write_all(&scored.text).map_err(|e| RunError::io("write", staged.path(), e))?;
        record.files.push((SCORES.into(), file.finish()?));
    }
    write_record(staged.path(), &record)?;
    let checkpoint = dir.checkpoint(shard.index);
    if !whole {
        if let Some(staged) = staged.place(&checkpoint)? {
            staged.exchange(&checkpoint)?;
        }
        tracing::info!(shard = shard.index, rows = record.rows, "stopped, checkpoint written");
        return Err(RunError::Cancelled);
    }
    let record = place_shard(dir, plan_digest, shard, staged)?.unwrap_or(record);
    // What another attempt left meanwhile is of no use either.
    clear(&checkpoint);
    Ok(record)
}

/// Computes and writes the rows that the tables do not have yet, or those
/// before the observer asks to stop. Each wave is written while the next one
/// is computed.
fn compute_rows(
    dir: &RunDir,
    shard: &ShardPlan,
    plan: &Plan,
    engine: &Engine<'_>,
    tables: &mut Tables,
    observer: &dyn Observer,
) -> Result<(), RunError> {
    let wave = wave_rows(plan.config.decoys);
    let end = shard.first_row + shard.rows;
    let mut next = shard.first_row + tables.rows;
    let mut outcomes = Vec::new();
    for file in plan.packed_of(shard) {
        if file.first_row + file.rows <= next {
            continue;
        }
        for batch in open_packed(dir, file)? {
            let mut batch = batch?;
            batch.retain(|record| (next..end).contains(&record.row));
            for wave in batch.chunks(wave) {
                let compute = || compute_wave(engine, wave, observer);
                let (computed, written) = rayon::join(compute, || tables.write(&outcomes));
                written?;
                outcomes = computed?;
                next += outcomes.len() as u64;
                if outcomes.len() < wave.len() {
                    return tables.write(&outcomes);
                }
            }
        }
    }
    tables.write(&outcomes)?;
    if tables.rows == shard.rows {
        return Ok(());
    }
    let why = format!("shard {} has {} rows of {}", shard.index, tables.rows, shard.rows);
    Err(RunError::DamagedRecords { path: dir.library(), why })
}

/// Gives a finished shard its place, unless another attempt at it was done
/// first: returns the record of that one. At no time is there none where one
/// was finished.
///
/// # Errors
/// [`RunError::File`] when the directory cannot be renamed.
pub fn place_shard(
    dir: &RunDir,
    plan_digest: &str,
    shard: &ShardPlan,
    staged: Scratch,
) -> Result<Option<ShardRecord>, RunError> {
    let target = dir.shard(shard.index);
    let Some(staged) = staged.place(&target)? else { return Ok(None) };
    if let ShardState::Done(other) = inspect_shard(dir, plan_digest, shard) {
        return Ok(Some(*other));
    }
    staged.exchange(&target)?;
    Ok(None)
}

/// Removes the tables of a shard's directory that is of no use any more.
fn clear(folder: &Path) {
    let _ = disk::remove_known(folder, |name| match is_shard_file(name) {
        true => Fate::File,
        false => Fate::Kept,
    });
}

/// An empty directory for an attempt at a shard; it vanishes unless it is placed.
///
/// # Errors
/// [`RunError`] when the run directory cannot be written.
pub fn stage_shard(dir: &RunDir, index: u32) -> Result<Scratch, RunError> {
    let (shards, place) = (dir.shards(), dir.shard(index));
    disk::create_dir_all(&shards).map_err(|e| RunError::io("create", &shards, e))?;
    sweep(&shards, place.file_name(), Left::ByTheDead)?;
    restore(&place)?;
    clear(&replaced(&place));
    Ok(Scratch::beside(&place)?)
}

/// Rows computed between two writes, so that memory does not grow with the
/// number of decoys.
pub(crate) fn wave_rows(decoys: u32) -> usize {
    (WAVE_PAIRS / (decoys.max(1) as usize)).clamp(16, BLOCK_ROWS)
}

struct Tables {
    molecules: TableWriter<MoleculeRow>,
    decoys: TableWriter<DecoyRow>,
    spectra: TableWriter<SpectrumRow>,
    energies: EnergyRange,
    rows: u64,
    /// Bytes of molecules and decoys in the open row groups.
    group_bytes: usize,
}

impl Tables {
    fn create(folder: &Path) -> Result<Self, RunError> {
        Ok(Self {
            molecules: TableWriter::create_passing(&folder.join(MOLECULES))?,
            decoys: TableWriter::create_passing(&folder.join(DECOYS))?,
            spectra: TableWriter::create_passing(&folder.join(SPECTRA))?,
            energies: EnergyRange::default(),
            rows: 0,
            group_bytes: 0,
        })
    }

    /// Tables with the rows of the shard's checkpoint, or empty ones.
    fn resume(
        folder: &Path,
        dir: &RunDir,
        plan_digest: &str,
        shard: &ShardPlan,
    ) -> Result<Self, RunError> {
        let checkpoint = dir.checkpoint(shard.index);
        if !checkpoint.exists() {
            return Self::create(folder);
        }
        let mut tables = Self::create(folder)?;
        match tables.copy(&checkpoint, plan_digest, shard) {
            Ok(()) => Ok(tables),
            Err(why) => {
                tracing::warn!(shard = shard.index, "not going on from the checkpoint: {why}");
                drop(tables);
                Self::create(folder)
            }
        }
    }

    fn copy(&mut self, from: &Path, plan_digest: &str, shard: &ShardPlan) -> Result<(), String> {
        let record = read_record(from, plan_digest, shard)?;
        let failed = |e: PackError| e.to_string();
        self.rows = copy_groups(&from.join(MOLECULES), &mut self.molecules).map_err(failed)?;
        copy_groups(&from.join(DECOYS), &mut self.decoys).map_err(failed)?;
        copy_groups(&from.join(SPECTRA), &mut self.spectra).map_err(failed)?;
        self.energies = record.energies;
        if self.rows == record.rows && self.rows <= shard.rows {
            Ok(())
        } else {
            Err(format!("{} rows where its record has {}", self.rows, record.rows))
        }
    }

    /// Appends rows. A group of the tables ends with each block, and where it
    /// becomes large, so that groups can be read side by side.
    fn write(&mut self, outcomes: &[RowOutcome]) -> Result<(), RunError> {
        let mut rest = outcomes;
        while !rest.is_empty() {
            let ends = |outcome: &RowOutcome| {
                let decoys = outcome.decoys.iter().map(bytes_of);
                self.group_bytes += bytes_of(&outcome.molecule) + decoys.sum::<usize>();
                self.group_bytes >= GROUP_BYTES || ends_block(outcome)
            };
            let last = rest.iter().position(ends);
            let (now, later) = rest.split_at(last.map_or(rest.len(), |last| last + 1));
            self.append(now)?;
            if last.is_some() {
                self.group_bytes = 0;
                self.molecules.end_group()?;
                self.decoys.end_group()?;
            }
            if now.last().is_some_and(ends_block) {
                self.spectra.end_group()?;
            }
            rest = later;
        }
        Ok(())
    }

    fn append(&mut self, outcomes: &[RowOutcome]) -> Result<(), RunError> {
        self.molecules.write_each(outcomes.iter().map(|outcome| &outcome.molecule))?;
        self.decoys.write_each(outcomes.iter().flat_map(|outcome| &outcome.decoys))?;
        let spectra = || outcomes.iter().filter_map(|outcome| outcome.spectrum.as_ref());
        self.spectra.write_each(spectra())?;
        for values in spectra().flat_map(|spectrum| [&spectrum.l, &spectrum.h, &spectrum.wh]) {
            self.energies.observe(values);
        }
        self.rows += outcomes.len() as u64;
        Ok(())
    }

    fn finish(
        self,
        shard: &ShardPlan,
        plan_digest: &str,
        attempt: Attempt,
    ) -> Result<ShardRecord, RunError> {
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
            attempt,
        })
    }
}

fn ends_block(outcome: &RowOutcome) -> bool {
    (outcome.molecule.row + 1).is_multiple_of(BLOCK_ROWS as u64)
}

/// Appends the groups of a table to another; returns how many rows they have.
fn copy_groups<R: TableRow>(from: &Path, to: &mut TableWriter<R>) -> Result<u64, PackError> {
    let table = TableGroups::<R>::open(from)?;
    for group in 0..table.rows().len() {
        for rows in table.read(group..group + 1)? {
            to.write(&rows?)?;
        }
        to.end_group()?;
    }
    Ok(to.rows())
}
