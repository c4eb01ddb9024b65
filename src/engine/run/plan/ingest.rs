//! Packs the records of a library into files of a run directory while they
//! stream by, and notes what each block may cost.

use std::path::PathBuf;

use hetero2_common::files::FileDigest;
use hetero2_library::{BLOCK_ROWS, Record, ShardWriter};

use super::document::{InputFile, PackedFile, Plan, ShardPlan};
use super::inputs::create_dir;
use super::packed::open_packed;
use super::partition::{cut, estimated_cost, shard_count};
use crate::run::error::RunError;
use crate::run::layout::{RunDir, packed_name};

/// Rows of a packed file. Files are not shards: where shards begin is known
/// only when the whole library has been seen.
const FILE_ROWS: u64 = 4 * BLOCK_ROWS as u64;

/// Shards of a plan whose records are packed, so many of about equal cost.
pub(crate) fn cut_again(
    dir: &RunDir,
    plan: &Plan,
    shards: u32,
) -> Result<Vec<ShardPlan>, RunError> {
    let mut ingest = Ingest::new(dir);
    for file in &plan.packed {
        for batch in open_packed(dir, file)? {
            let batch = batch?;
            ingest.estimate(&batch);
            ingest.rows += batch.len() as u64;
        }
    }
    Ok(ingest.finish(Some(shards))?.1)
}

/// The files written so far and the one that is open.
pub(crate) struct Ingest<'a> {
    dir: &'a RunDir,
    rows: u64,
    done: Vec<PackedFile>,
    open: Option<(u64, ShardWriter)>,
    /// Estimated cost of each block.
    costs: Vec<u64>,
}

impl<'a> Ingest<'a> {
    pub fn new(dir: &'a RunDir) -> Self {
        Self { dir, rows: 0, done: Vec::new(), open: None, costs: Vec::new() }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends records; files end on multiples of [`FILE_ROWS`], however the
    /// records arrive.
    pub fn write(&mut self, records: Vec<Record>) -> Result<(), RunError> {
        self.estimate(&records);
        let mut records = records.into_iter();
        while records.len() > 0 {
            let (first, mut writer) = match self.open.take() {
                Some(open) => open,
                None => (self.rows, self.begin()?),
            };
            let room = FILE_ROWS - (self.rows - first);
            let taken = records.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            writer.write(records.by_ref().take(taken))?;
            self.rows += taken as u64;
            self.open = Some((first, writer));
            if self.rows - first == FILE_ROWS {
                self.close()?;
            }
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.dir.library_file(self.done.len() as u64)
    }

    fn begin(&self) -> Result<ShardWriter, RunError> {
        let path = self.path();
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            create_dir(folder)?;
        }
        Ok(ShardWriter::create(&path)?)
    }

    fn estimate(&mut self, records: &[Record]) {
        for (row, record) in (self.rows..).zip(records) {
            let block = (row / BLOCK_ROWS as u64) as usize;
            if self.costs.len() == block {
                self.costs.push(0);
            }
            if let Some(cost) = self.costs.get_mut(block) {
                *cost += estimated_cost(&record.smiles);
            }
        }
    }

    fn close(&mut self) -> Result<(), RunError> {
        if let Some((first_row, writer)) = self.open.take() {
            let name = packed_name(self.done.len() as u64);
            let FileDigest { bytes, sha256 } = writer.finish()?;
            let file = InputFile { name, bytes, sha256 };
            self.done.push(PackedFile { first_row, rows: self.rows - first_row, file });
        }
        Ok(())
    }

    /// Closes the last file; returns all files and the shards.
    pub fn finish(
        mut self,
        shards: Option<u32>,
    ) -> Result<(Vec<PackedFile>, Vec<ShardPlan>), RunError> {
        self.close()?;
        let cuts = cut(&self.costs, shard_count(self.costs.len(), shards));
        let block_rows = BLOCK_ROWS as u64;
        let shards = cuts.into_iter().zip(0..).map(|(blocks, index)| {
            let first_row = blocks.start as u64 * block_rows;
            let end = (blocks.end as u64 * block_rows).min(self.rows);
            ShardPlan { index, first_row, rows: end - first_row }
        });
        let shards = shards.collect();
        Ok((self.done, shards))
    }
}
