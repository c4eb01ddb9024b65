//! The second pass over a run's molecules: what needs all rows is filled in,
//! and the tables of molecules are written.

use std::path::Path;

use super::error::RunError;
use super::merge::AuditedTables;
use crate::audit::QValues;
use crate::pack::rows::MoleculeRow;
use crate::pack::tables::TableReader;
use crate::rounding::round8;

/// Writes molecules with what only the whole run knows of them.
pub(super) struct Publication<'a> {
    pub tables: &'a mut AuditedTables,
    /// False-discovery rates of the run.
    pub q_values: QValues,
}

impl Publication<'_> {
    /// Publishes the table of molecules at `path`, a batch at a time.
    pub fn add_table(&mut self, path: &Path) -> Result<(), RunError> {
        for rows in TableReader::<MoleculeRow>::open(path)? {
            let mut rows = rows?;
            rows.iter_mut().for_each(|row| self.fill(row));
            self.tables.add_molecules(&rows)?;
        }
        Ok(())
    }

    fn fill(&self, row: &mut MoleculeRow) {
        if let Some(audit) = &mut row.audit {
            audit.q_value = audit.p_value.and_then(|p| self.q_values.get(p)).map(round8);
        }
    }
}
