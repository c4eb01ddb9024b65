//! The tables of a run's shards in row groups of some thousand rows, in row
//! order, which several threads read at once. Metadata is read shard by shard.

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::Arc;

use hetero2_evidence::pack::PackError;
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2_evidence::pack::tables::{TableGroups, TableReader, TableRow};
use hetero2_library::BLOCK_ROWS;

use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::shard::{DECOYS, MOLECULES, SPECTRA, ShardRecord};

/// Some row groups of one table.
pub(crate) struct RowGroups<R> {
    table: Arc<TableGroups<R>>,
    groups: Range<usize>,
}

impl<R: TableRow> RowGroups<R> {
    /// Reads the rows of the groups, a batch at a time.
    ///
    /// # Errors
    /// As of [`TableReader::open`].
    pub fn read(&self) -> Result<TableReader<R>, PackError> {
        self.table.read(self.groups.clone())
    }
}

/// Some molecules of a run with all their decoys.
pub(crate) struct AuditedGroups {
    pub molecules: RowGroups<MoleculeRow>,
    pub decoys: RowGroups<DecoyRow>,
}

/// The molecules of a table, a row group at a time.
///
/// # Errors
/// The table is missing, damaged or of another version.
pub(crate) fn molecules_of(path: &Path) -> Result<Vec<RowGroups<MoleculeRow>>, PackError> {
    row_groups(path, |rows| (0..rows.len()).map(|group| group..group + 1).collect())
}

/// The molecules of a run, a row group at a time.
pub(crate) fn molecules<'a>(
    dir: &'a RunDir,
    shards: &'a [ShardRecord],
) -> impl Iterator<Item = Result<RowGroups<MoleculeRow>, RunError>> + Send + 'a {
    each(shards, |shard| molecules_of(&dir.shard(shard.index).join(MOLECULES)))
}

/// The molecules of a run with their decoys.
pub(crate) fn audited<'a>(
    dir: &'a RunDir,
    shards: &'a [ShardRecord],
) -> impl Iterator<Item = Result<AuditedGroups, RunError>> + Send + 'a {
    each(shards, |shard| {
        let folder = dir.shard(shard.index);
        let molecules = Arc::new(TableGroups::open(&folder.join(MOLECULES))?);
        let decoys = Arc::new(TableGroups::open(&folder.join(DECOYS))?);
        let pairs = side_by_side(molecules.rows(), decoys.rows()).into_iter();
        let gather = |(of_molecules, of_decoys)| AuditedGroups {
            molecules: RowGroups { table: Arc::clone(&molecules), groups: of_molecules },
            decoys: RowGroups { table: Arc::clone(&decoys), groups: of_decoys },
        };
        Ok(pairs.map(gather).collect())
    })
}

/// The spectra of a run, a whole block at a time.
pub(crate) fn spectra<'a>(
    dir: &'a RunDir,
    shards: &'a [ShardRecord],
) -> impl Iterator<Item = Result<RowGroups<SpectrumRow>, RunError>> + Send + 'a {
    each(shards, |shard| row_groups(&dir.shard(shard.index).join(SPECTRA), whole_blocks))
}

/// The row groups of a table, which are gathered by the rows that they hold.
fn row_groups<R: TableRow>(
    path: &Path,
    cut: impl FnOnce(&[RangeInclusive<u64>]) -> Vec<Range<usize>>,
) -> Result<Vec<RowGroups<R>>, PackError> {
    let table = Arc::new(TableGroups::open(path)?);
    let gather = |groups| RowGroups { table: Arc::clone(&table), groups };
    Ok(cut(table.rows()).into_iter().map(gather).collect())
}

/// The row groups of each shard, one shard after the other.
fn each<'a, P: Send + 'a>(
    shards: &'a [ShardRecord],
    of_shard: impl Fn(&ShardRecord) -> Result<Vec<P>, PackError> + Send + 'a,
) -> impl Iterator<Item = Result<P, RunError>> + Send + 'a {
    shards.iter().flat_map(move |shard| {
        let (found, failed) = match of_shard(shard) {
            Ok(found) => (found, None),
            Err(error) => (Vec::new(), Some(Err(error.into()))),
        };
        found.into_iter().map(Ok).chain(failed)
    })
}

/// Groups of rows of one block belong together, which are several where they
/// are large or an attempt at the shard was stopped between them.
fn whole_blocks(rows: &[RangeInclusive<u64>]) -> Vec<Range<usize>> {
    let block = |row: &u64| row / BLOCK_ROWS as u64;
    let mut first = 0;
    let blocks = rows.chunk_by(|a, b| block(a.end()) == block(b.start()));
    blocks
        .map(|groups| {
            let start = first;
            first += groups.len();
            start..first
        })
        .collect()
}

/// The shortest runs of groups of two tables that have whole rows in common.
fn side_by_side(
    one: &[RangeInclusive<u64>],
    other: &[RangeInclusive<u64>],
) -> Vec<(Range<usize>, Range<usize>)> {
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < one.len() {
        let (first, second) = (i, j);
        let mut end = *one[i].end();
        i += 1;
        loop {
            let next = |groups: &[RangeInclusive<u64>], at: usize| {
                groups.get(at).filter(|rows| *rows.start() <= end).map(|rows| *rows.end())
            };
            if let Some(last) = next(other, j) {
                (end, j) = (end.max(last), j + 1);
            } else if let Some(last) = next(one, i) {
                (end, i) = (end.max(last), i + 1);
            } else {
                break;
            }
        }
        pairs.push((first..i, second..j));
    }
    // Nothing is lost, though no table of ours has rows that the other lacks.
    if let Some((_, last)) = pairs.last_mut() {
        last.end = other.len();
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_one_block_belong_together() {
        let block = BLOCK_ROWS as u64;
        let groups = [
            3..=block - 2,
            block..=block + 9,
            block + 10..=2 * block - 1,
            2 * block + 5..=2 * block + 5,
        ];
        assert_eq!(whole_blocks(&groups), [0..1, 1..3, 3..4]);
        assert!(whole_blocks(&[]).is_empty());
    }

    #[test]
    fn groups_of_two_tables_are_paired_where_both_end() {
        let molecules = [0..=9, 10..=19, 20..=29, 30..=39];
        // Rows without decoys, a row whose decoys lie in two groups, and groups
        // that end elsewhere.
        let decoys = [0..=4, 4..=9, 20..=25, 26..=31];
        let pairs = side_by_side(&molecules, &decoys);
        assert_eq!(pairs, [(0..1, 0..2), (1..2, 2..2), (2..4, 2..4)]);
        assert_eq!(side_by_side(&molecules[..2], &[]), [(0..1, 0..0), (1..2, 0..0)]);
        assert_eq!(side_by_side(&molecules[..1], &decoys), [(0..1, 0..4)]);
        assert!(side_by_side(&[], &[]).is_empty());
    }
}
