//! The spectra of a run in row order, some whole blocks at a time.

use std::slice::Iter;

use super::error::RunError;
use super::layout::RunDir;
use super::shard::{SPECTRA, ShardRecord};
use crate::library::BLOCK_ROWS;
use crate::pack::rows::SpectrumRow;
use crate::pack::tables::TableReader;

/// Rows of a group, about: enough blocks to keep several threads busy.
const GROUP_ROWS: usize = 4 * BLOCK_ROWS;

/// Reads the shards of a run one after the other. Memory: a group and a batch.
pub(super) struct BlockGroups<'a> {
    dir: &'a RunDir,
    shards: Iter<'a, ShardRecord>,
    open: Option<TableReader<SpectrumRow>>,
    waiting: Vec<SpectrumRow>,
}

impl<'a> BlockGroups<'a> {
    pub fn new(dir: &'a RunDir, shards: &'a [ShardRecord]) -> Self {
        Self { dir, shards: shards.iter(), open: None, waiting: Vec::new() }
    }

    fn next_batch(&mut self) -> Result<Option<Vec<SpectrumRow>>, RunError> {
        loop {
            if let Some(rows) = self.open.as_mut().and_then(Iterator::next) {
                return Ok(Some(rows?));
            }
            let Some(shard) = self.shards.next() else { return Ok(None) };
            let path = self.dir.shard(shard.index).join(SPECTRA);
            self.open = Some(TableReader::open(&path)?);
        }
    }

    /// The next group; none at the end.
    pub fn next_group(&mut self) -> Result<Option<Vec<SpectrumRow>>, RunError> {
        let block = |row: &SpectrumRow| row.row / BLOCK_ROWS as u64;
        while let Some(rows) = self.next_batch()? {
            self.waiting.extend(rows);
            // The last block may go on in the next batch.
            let open = self.waiting.last().map(block);
            let whole = self.waiting.partition_point(|row| Some(block(row)) != open);
            if whole >= GROUP_ROWS {
                let mut rest = Vec::with_capacity(self.waiting.capacity());
                rest.extend(self.waiting.drain(whole..));
                return Ok(Some(std::mem::replace(&mut self.waiting, rest)));
            }
        }
        Ok(Some(std::mem::take(&mut self.waiting)).filter(|rows| !rows.is_empty()))
    }
}
