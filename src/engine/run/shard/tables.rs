//! The tables of a shard while they are written, row by row. Knows nothing of how rows
//! are computed, nor of where the tables come to lie.

use std::path::Path;

use hetero2_evidence::pack::PackError;
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2_evidence::pack::tables::{TableGroups, TableRow, TableWriter, bytes_of};
use hetero2_library::BLOCK_ROWS;
use hetero2_spectra::dos::EnergyRange;

use super::compute::RowOutcome;
use super::record::{Attempt, DECOYS, MOLECULES, SHARD_SCHEMA, SPECTRA, ShardRecord};
use crate::run::error::RunError;
use crate::run::plan::ShardPlan;

/// Bytes of molecules and decoys after which their row groups end though the
/// block does not: what a thread reads at a time in the reduction.
const GROUP_BYTES: usize = 16 << 20;

pub(crate) struct Tables {
    molecules: TableWriter<MoleculeRow>,
    decoys: TableWriter<DecoyRow>,
    spectra: TableWriter<SpectrumRow>,
    energies: EnergyRange,
    pub(crate) rows: u64,
    /// Bytes of molecules and decoys in the open row groups.
    group_bytes: usize,
}

impl Tables {
    pub(crate) fn create(folder: &Path) -> Result<Self, RunError> {
        Ok(Self {
            molecules: TableWriter::create_passing(&folder.join(MOLECULES))?,
            decoys: TableWriter::create_passing(&folder.join(DECOYS))?,
            spectra: TableWriter::create_passing(&folder.join(SPECTRA))?,
            energies: EnergyRange::default(),
            rows: 0,
            group_bytes: 0,
        })
    }

    /// Appends the rows of finished tables, whose first row has to be `first`.
    pub(crate) fn copy(
        &mut self,
        from: &Path,
        record: &ShardRecord,
        first: u64,
    ) -> Result<(), RunError> {
        let rows = copy_groups(&from.join(MOLECULES), &mut self.molecules, |rows| {
            rows.first().is_none_or(|row: &MoleculeRow| row.row >= first)
        })?;
        copy_groups(&from.join(DECOYS), &mut self.decoys, |_| true)?;
        copy_groups(&from.join(SPECTRA), &mut self.spectra, |_| true)?;
        self.energies.merge(record.energies);
        let rows = rows.filter(|rows| *rows == self.rows + record.rows);
        self.rows = rows.ok_or_else(|| RunError::DamagedRecords {
            path: from.to_path_buf(),
            why: format!("its rows are not the {} from row {first} on", record.rows),
        })?;
        Ok(())
    }

    /// Appends rows. A group of the tables ends with each block, and where it
    /// becomes large, so that groups can be read side by side.
    pub(crate) fn write(&mut self, outcomes: &[RowOutcome]) -> Result<(), RunError> {
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

    /// Ends tables that nobody will read.
    pub(crate) fn end(self) -> Result<(), RunError> {
        self.molecules.finish()?;
        self.decoys.finish()?;
        self.spectra.finish()?;
        Ok(())
    }

    pub(crate) fn finish(
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

/// Appends the groups of a table to another; returns how many rows that one has
/// then, or nothing where `fits` refuses a batch.
fn copy_groups<R: TableRow>(
    from: &Path,
    to: &mut TableWriter<R>,
    fits: impl Fn(&[R]) -> bool,
) -> Result<Option<u64>, PackError> {
    let table = TableGroups::<R>::open(from)?;
    for group in 0..table.rows().len() {
        for rows in table.read(group..group + 1)? {
            let rows = rows?;
            if !fits(&rows) {
                return Ok(None);
            }
            to.write(&rows)?;
        }
        to.end_group()?;
    }
    Ok(Some(to.rows()))
}
