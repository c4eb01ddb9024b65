//! The last pass over a run's molecules: what needs all rows is filled in, and
//! the tables of molecules are written.

use hetero2_audit::QValues;
use hetero2_common::ordered::in_order;
use hetero2_common::rounding::round8;
use hetero2_evidence::outcomes::CostLiftOutcome;
use hetero2_evidence::pack::PackWriter;
use hetero2_evidence::pack::rows::MoleculeRow;

use super::aggregate::Aggregate;
use super::merge::{AuditedTables, MoleculeText, PackOptions};
use super::outcomes::{Comparison, Outcomes};
use super::row_groups::RowGroups;
use crate::run::error::RunError;
use crate::run::observer::{Event, Observer};

/// Writes molecules with what only the whole run knows of them, and holds them
/// against known outcomes.
pub(crate) struct FinalizeRows<'a> {
    tables: AuditedTables,
    options: &'a PackOptions,
    /// False-discovery rates of the run.
    q_values: QValues,
    comparison: Option<Comparison<'a>>,
}

/// Molecules of which nothing is missing.
struct Finalized {
    rows: Vec<Vec<MoleculeRow>>,
    text: MoleculeText,
    /// What they add to the run's aggregates.
    sum: Option<Aggregate>,
}

impl<'a> FinalizeRows<'a> {
    pub fn new(
        tables: AuditedTables,
        options: &'a PackOptions,
        q_values: QValues,
        outcomes: Option<&'a Outcomes>,
    ) -> Result<Self, RunError> {
        let comparison = outcomes.map(Outcomes::begin).transpose()?;
        Ok(Self { tables, options, q_values, comparison })
    }

    /// Completes and writes molecules, which come in the order of their rows, and takes
    /// them into `aggregate` where no earlier pass has done so.
    pub fn add(
        &mut self,
        molecules: impl Iterator<Item = Result<RowGroups<MoleculeRow>, RunError>> + Send,
        mut aggregate: Option<&mut Aggregate>,
        observer: &dyn Observer,
    ) -> Result<(), RunError> {
        let Self { tables, options, q_values, comparison } = self;
        let none = aggregate.as_deref().map(Aggregate::empty);
        let work = |groups: RowGroups<MoleculeRow>| {
            observer.check_cancelled()?;
            finalized(&groups, options, q_values, none.as_ref().map(Aggregate::empty))
        };
        let take = |Finalized { rows, text, sum }| {
            if let Some((aggregate, sum)) = aggregate.as_deref_mut().zip(sum) {
                aggregate.merge(sum);
            }
            if let Some(comparison) = comparison {
                rows.iter().flatten().try_for_each(|row| comparison.add(row))?;
            }
            tables.add_molecules(&rows, text)?;
            let rows = rows.iter().map(Vec::len).sum::<usize>() as u64;
            observer.event(Event::Reduced { rows });
            Ok(())
        };
        in_order(molecules, work, take)
    }

    /// Completes the tables; returns the comparison with known outcomes.
    pub fn finish(self, pack: &mut PackWriter) -> Result<Option<CostLiftOutcome>, RunError> {
        let summary_csv = self.tables.finish(pack)?;
        match self.comparison {
            Some(comparison) => comparison.finish(summary_csv, pack),
            None => Ok(None),
        }
    }
}

fn finalized(
    groups: &RowGroups<MoleculeRow>,
    options: &PackOptions,
    q_values: &QValues,
    mut sum: Option<Aggregate>,
) -> Result<Finalized, RunError> {
    let (mut read, mut text) = (Vec::new(), MoleculeText::new(options));
    for rows in groups.read()? {
        let mut rows = rows?;
        for row in &mut rows {
            if let Some(sum) = &mut sum {
                sum.add_row(row);
            }
            if let Some(audit) = &mut row.audit {
                audit.q_value = audit.p_value.and_then(|p| q_values.get(p)).map(round8);
            }
            text.add(row)?;
        }
        read.push(rows);
    }
    Ok(Finalized { rows: read, text, sum })
}
