//! The second pass over a run's molecules: what needs all rows is filled in,
//! and the tables of molecules are written.

use std::path::Path;

use super::aggregate::Aggregate;
use super::error::RunError;
use super::merge::AuditedTables;
use super::truth::{Comparison, Outcomes};
use crate::audit::QValues;
use crate::pack::PackWriter;
use crate::pack::rows::MoleculeRow;
use crate::pack::tables::TableReader;
use crate::rounding::round8;
use crate::utility::CostLiftOutcome;

/// Writes molecules with what only the whole run knows of them, and holds them
/// against known outcomes.
pub(super) struct Publication<'a> {
    tables: AuditedTables,
    /// False-discovery rates of the run.
    q_values: QValues,
    comparison: Option<Comparison<'a>>,
}

impl<'a> Publication<'a> {
    pub fn new(
        tables: AuditedTables,
        q_values: QValues,
        outcomes: Option<&'a Outcomes>,
    ) -> Result<Self, RunError> {
        let comparison = outcomes.map(Outcomes::begin).transpose()?;
        Ok(Self { tables, q_values, comparison })
    }

    /// Publishes the table of molecules at `path`, a batch at a time, and takes
    /// the rows into `aggregate` where no earlier pass has done so.
    pub fn add_table(
        &mut self,
        path: &Path,
        mut aggregate: Option<&mut Aggregate>,
    ) -> Result<(), RunError> {
        for rows in TableReader::<MoleculeRow>::open(path)? {
            let mut rows = rows?;
            if let Some(aggregate) = aggregate.as_deref_mut() {
                rows.iter().for_each(|row| aggregate.add_row(row));
            }
            rows.iter_mut().for_each(|row| self.fill(row));
            if let Some(comparison) = &mut self.comparison {
                rows.iter().try_for_each(|row| comparison.add(row))?;
            }
            self.tables.add_molecules(&rows)?;
        }
        Ok(())
    }

    /// Completes the tables; returns the comparison with known outcomes.
    pub fn finish(self, pack: &mut PackWriter) -> Result<Option<CostLiftOutcome>, RunError> {
        let summary_csv = self.tables.finish(pack)?;
        self.comparison.map(|comparison| comparison.finish(summary_csv, pack)).transpose()
    }

    fn fill(&self, row: &mut MoleculeRow) {
        if let Some(audit) = &mut row.audit {
            audit.q_value = audit.p_value.and_then(|p| self.q_values.get(p)).map(round8);
        }
    }
}
