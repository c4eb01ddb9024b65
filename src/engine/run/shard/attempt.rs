//! One shard: from packed records to a finished shard directory.
//!
//! A shard is done when its directory is there: it is written under a
//! temporary name, flushed and renamed. Its record names the plan and the
//! digest of every file, so a reader can tell a good shard from any other.
//! Meanwhile an attempt leaves checkpoints of the same form, each with the rows since
//! the one before, which the next attempt goes on from.

use std::path::Path;
use std::time::{Duration, Instant};

use hetero2_common::files::disk::{self, Fate};
use hetero2_common::files::{Left, Scratch, replaced, restore, sweep};
use hetero2_library::{BLOCK_ROWS, Record};

use super::checkpoints::{ShardParts, clear_checkpoints};
use super::compute::Engine;
use super::record::{ShardRecord, ShardState, inspect_shard, is_shard_file};
use super::scored::ScoredShard;
use super::wave::compute_wave;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer};
use crate::run::plan::{Plan, ShardPlan, estimated_cost, open_packed};

/// Most (row, decoy) pairs of a wave. Of each shard that is computed, two waves
/// are held at a time: one being computed, one being written.
const WAVE_PAIRS: usize = 100_000;

/// Longest time that a wave should take, so that a checkpoint is never far.
const WAVE_SECONDS: f64 = 10.0;

/// What the first wave may cost, in the unit of [`estimated_cost`]; the next ones are
/// sized by the time that it took. Some 4,000 drug-like molecules without decoys.
const FIRST_WAVE: u64 = 2_600_000_000;

/// How an attempt works, whatever it computes.
#[derive(Debug, Clone, Copy)]
pub struct AttemptOptions {
    /// Shards that share the threads, this one included.
    pub at_once: usize,
    /// Time between two checkpoints.
    pub pace: Duration,
}

/// Computes one shard and writes its directory. Several attempts at once do no
/// harm: the first that is done stays, and one that is not whole is replaced.
///
/// # Errors
/// [`RunError`] when the records are damaged or the directory cannot be
/// written; [`RunError::Cancelled`] when the observer asks to stop: the rows
/// so far are kept as a checkpoint.
///
/// `scored` is what a command scored of the shard, where one did.
pub fn compute_shard(
    dir: &RunDir,
    plan_digest: &str,
    shard: &ShardPlan,
    plan: &Plan,
    (engine, scored): (&Engine<'_>, Option<&ScoredShard>),
    AttemptOptions { at_once, pace }: AttemptOptions,
    observer: &dyn Observer,
) -> Result<ShardRecord, RunError> {
    let mut parts = ShardParts::resume(dir, plan_digest, shard, pace, engine, at_once)?;
    let resumed = parts.rows();
    observer.event(Event::Computed { rows: resumed });
    compute_rows(dir, shard, plan, engine, &mut parts, observer)?;
    if parts.rows() < shard.rows {
        parts.stop()?;
        return Err(RunError::Cancelled);
    }
    let merged = parts.finish(scored).and_then(|(staged, record)| {
        Ok(place_shard(dir, plan_digest, shard, staged)?.unwrap_or(record))
    });
    let record = match (merged, inspect_shard(dir, plan_digest, shard)) {
        (Ok(record), _) => record,
        // Another attempt was done first, and has removed the checkpoints.
        (Err(_), ShardState::Done(record)) => *record,
        (Err(error), _) => {
            if matches!(error, RunError::DamagedRecords { .. }) {
                clear_checkpoints(dir, shard.index, 0);
            }
            return Err(error);
        }
    };
    // What another attempt left meanwhile is of no use either.
    clear_checkpoints(dir, shard.index, 0);
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
    parts: &mut ShardParts<'_>,
    observer: &dyn Observer,
) -> Result<(), RunError> {
    let most = wave_rows(plan.config.decoys);
    let mut wave = None;
    let end = shard.first_row + shard.rows;
    let mut next = shard.first_row + parts.rows();
    let mut outcomes = Vec::new();
    for file in plan.packed_of(shard) {
        if file.first_row + file.rows <= next {
            continue;
        }
        for batch in open_packed(dir, file)? {
            let mut batch = batch?;
            batch.retain(|record| (next..end).contains(&record.row));
            let mut rest = &batch[..];
            while !rest.is_empty() {
                let rows = wave.unwrap_or_else(|| first_wave(rest, plan.config.decoys));
                let (now, later) = rest.split_at(rows.clamp(most.min(16), most).min(rest.len()));
                let began = Instant::now();
                let compute = || compute_wave(engine, now, observer);
                let (computed, written) = rayon::join(compute, || parts.write(&outcomes));
                written?;
                outcomes = computed?;
                next += outcomes.len() as u64;
                if outcomes.len() < now.len() {
                    return parts.write(&outcomes);
                }
                if parts.is_checkpoint_due() {
                    parts.write(&outcomes)?;
                    outcomes.clear();
                    parts.checkpoint()?;
                }
                let seconds = began.elapsed().as_secs_f64().max(1e-3);
                wave = Some((now.len() as f64 * WAVE_SECONDS / seconds) as usize);
                rest = later;
            }
        }
    }
    parts.write(&outcomes)?;
    if parts.rows() == shard.rows {
        return Ok(());
    }
    let why = format!("shard {} has {} rows of {}", shard.index, parts.rows(), shard.rows);
    Err(RunError::DamagedRecords { path: dir.library(), why })
}

/// Rows of the first wave, with so many decoys each.
fn first_wave(records: &[Record], decoys: u32) -> usize {
    let mut left = FIRST_WAVE / (1 + u64::from(decoys));
    let fits = |record: &&Record| {
        let cost = estimated_cost(&record.smiles);
        left = left.saturating_sub(cost);
        left > 0
    };
    records.iter().take_while(fits).count()
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
pub(super) fn clear(folder: &Path) {
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
