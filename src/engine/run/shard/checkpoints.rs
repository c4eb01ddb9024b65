//! The parts of a shard that were kept before it was done: checkpoints, each with the
//! rows since the one before. Knows nothing of how rows are computed.
//!
//! A checkpoint is never replaced, so several attempts at once do no harm: the first
//! that writes one goes on writing them, another keeps its own to itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use hetero2_common::files::{AtomicFile, Scratch};
use hetero2_spectra::SpectraCounts;

use super::attempt::{clear, stage_shard};
use super::compute::{Engine, RowOutcome};
use super::record::{Attempt, ShardRecord, read_fitting, read_record, write_record};
use super::scored::{SCORES, ScoredShard};
use super::tables::Tables;
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::plan::ShardPlan;
use crate::run::provenance;

/// Time between two checkpoints of a shard, where nobody says otherwise.
pub const CHECKPOINT_PACE: Duration = Duration::from_secs(60);

/// A part of a shard that is written.
struct Part {
    place: Place,
    record: ShardRecord,
}

enum Place {
    /// A checkpoint, which the next attempt finds.
    Checkpoint(PathBuf),
    /// Of this attempt alone; vanishes with it.
    Own(Scratch),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::Checkpoint(path) => path,
            Self::Own(scratch) => scratch.path(),
        }
    }
}

/// A shard that is being computed: parts that are written, and one that is open.
pub(super) struct ShardParts<'a> {
    dir: &'a RunDir,
    plan_digest: &'a str,
    shard: &'a ShardPlan,
    engine: &'a Engine<'a>,
    at_once: usize,
    pace: Duration,
    parts: Vec<Part>,
    staged: Scratch,
    open: Tables,
    resumed: u64,
    /// Core seconds of the attempts that wrote the parts which were there.
    before: f64,
    counted: SpectraCounts,
    began: Instant,
    part_began: Instant,
}

impl<'a> ShardParts<'a> {
    /// What earlier attempts at a shard left, and an empty part.
    pub(super) fn resume(
        dir: &'a RunDir,
        plan_digest: &'a str,
        shard: &'a ShardPlan,
        pace: Duration,
        engine: &'a Engine<'a>,
        at_once: usize,
    ) -> Result<Self, RunError> {
        let counted = engine.spectra_counts().unwrap_or_default();
        let (staged, open) = begin(dir, shard)?;
        let parts = found(dir, plan_digest, shard);
        let resumed = parts.iter().map(|part| part.record.rows).sum();
        let before = parts.iter().map(|part| part.record.attempt.own_core_seconds()).sum();
        let began = Instant::now();
        let part_began = began;
        Ok(Self {
            dir,
            plan_digest,
            shard,
            engine,
            at_once,
            pace,
            parts,
            staged,
            open,
            resumed,
            before,
            counted,
            began,
            part_began,
        })
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.record.rows).sum::<u64>() + self.open.rows
    }

    /// Appends rows.
    pub(super) fn write(&mut self, outcomes: &[RowOutcome]) -> Result<(), RunError> {
        self.open.write(outcomes)
    }

    /// Whether the time between two checkpoints is over.
    pub(super) fn is_checkpoint_due(&self) -> bool {
        // Where another attempt writes checkpoints this one writes none.
        let alone = !matches!(self.parts.last(), Some(Part { place: Place::Own(_), .. }));
        alone && self.part_began.elapsed() >= self.pace
    }

    /// Keeps the rows since the last checkpoint as one more.
    pub(super) fn checkpoint(&mut self) -> Result<(), RunError> {
        if self.open.rows == 0 {
            return Ok(());
        }
        let (staged, open) = begin(self.dir, self.shard)?;
        let staged = std::mem::replace(&mut self.staged, staged);
        let open = std::mem::replace(&mut self.open, open);
        let record = open.finish(self.shard, self.plan_digest, self.attempt(self.part_began))?;
        write_record(staged.path(), &record)?;
        let path = self.dir.checkpoint(self.shard.index, self.parts.len());
        let place = match staged.place(&path)? {
            None => Place::Checkpoint(path),
            Some(staged) => Place::Own(staged),
        };
        self.parts.push(Part { place, record });
        self.part_began = Instant::now();
        tracing::info!(shard = self.shard.index, rows = self.rows(), "checkpoint written");
        Ok(())
    }

    /// Keeps what there is for the next attempt.
    pub(super) fn stop(&mut self) -> Result<(), RunError> {
        self.checkpoint()?;
        tracing::info!(shard = self.shard.index, rows = self.rows(), "stopped");
        Ok(())
    }

    /// The whole shard, still to be placed, with the scores that a command gave.
    pub(super) fn finish(
        mut self,
        scored: Option<&ScoredShard>,
    ) -> Result<(Scratch, ShardRecord), RunError> {
        let attempt = Attempt {
            core_seconds_before: self.before,
            scoring: scored.map(|scored| scored.counts.clone()),
            ..self.attempt(self.began)
        };
        let (shard, digest) = (self.shard, self.plan_digest);
        if self.parts.is_empty() {
            let record = self.open.finish(shard, digest, attempt)?;
            return close(self.staged, record, scored);
        }
        let (staged, mut whole) = begin(self.dir, shard)?;
        let last = self.open.finish(shard, digest, attempt.clone())?;
        if last.rows > 0 {
            self.parts.push(Part { place: Place::Own(self.staged), record: last });
        }
        for part in &self.parts {
            let first = shard.first_row + whole.rows;
            whole.copy(part.place.path(), &part.record, first)?;
        }
        close(staged, whole.finish(shard, digest, attempt)?, scored)
    }

    /// This attempt, from a moment on.
    fn attempt(&self, since: Instant) -> Attempt {
        Attempt {
            host: provenance::host(),
            device: self.engine.device().to_owned(),
            threads: rayon::current_num_threads() as u64,
            seconds: since.elapsed().as_secs_f64() / self.at_once.max(1) as f64,
            rows_from_checkpoint: self.resumed,
            core_seconds_before: 0.0,
            peak_memory: provenance::peak_memory(),
            scoring: None,
            spectra: self.engine.spectra_counts().map(|counts| counts.since(self.counted)),
        }
    }
}

/// Writes what a whole shard has besides its tables.
fn close(
    staged: Scratch,
    mut record: ShardRecord,
    scored: Option<&ScoredShard>,
) -> Result<(Scratch, ShardRecord), RunError> {
    if let Some(scored) = scored {
        let mut file = AtomicFile::create(&staged.path().join(SCORES))?;
        file.write_all(&scored.text).map_err(|e| RunError::io("write", staged.path(), e))?;
        record.files.push((SCORES.into(), file.finish()?));
    }
    write_record(staged.path(), &record)?;
    Ok((staged, record))
}

fn begin(dir: &RunDir, shard: &ShardPlan) -> Result<(Scratch, Tables), RunError> {
    let staged = stage_shard(dir, shard.index)?;
    let tables = Tables::create(staged.path())?;
    Ok((staged, tables))
}

/// The checkpoints of a shard that are whole; the first that is not is removed, and
/// those after it.
fn found(dir: &RunDir, plan_digest: &str, shard: &ShardPlan) -> Vec<Part> {
    let (mut parts, mut rows) = (Vec::new(), 0);
    loop {
        let path = dir.checkpoint(shard.index, parts.len());
        if !path.exists() {
            return parts;
        }
        let read = read_record(&path, plan_digest, shard);
        let fits = |record: &ShardRecord| record.rows > 0 && rows + record.rows <= shard.rows;
        match read {
            Ok(record) if fits(&record) => {
                rows += record.rows;
                parts.push(Part { place: Place::Checkpoint(path), record });
            }
            unfit => {
                let why = unfit.err().unwrap_or_else(|| "it has more rows than the shard".into());
                tracing::warn!(shard = shard.index, "not going on from the checkpoint: {why}");
                clear_checkpoints(dir, shard.index, parts.len());
                return parts;
            }
        }
    }
}

/// Removes the checkpoints of a shard from this one on.
pub(super) fn clear_checkpoints(dir: &RunDir, index: u32, from: usize) {
    for part in from.. {
        let path = dir.checkpoint(index, part);
        if !path.exists() {
            return;
        }
        clear(&path);
    }
}

/// What the checkpoints of a shard say, with when each was written; their tables are
/// not read.
#[must_use]
pub fn checkpoints_unverified(
    dir: &RunDir,
    plan_digest: &str,
    shard: &ShardPlan,
) -> Vec<(SystemTime, ShardRecord)> {
    let (mut found, mut rows) = (Vec::new(), 0);
    loop {
        let path = dir.checkpoint(shard.index, found.len());
        let written = std::fs::metadata(&path).and_then(|found| found.modified());
        let Ok(written) = written else { return found };
        let Ok(record) = read_fitting(&path, plan_digest, shard) else { return found };
        rows += record.rows;
        if record.rows == 0 || rows > shard.rows {
            return found;
        }
        found.push((written, record));
    }
}
