//! The rows that a report shows: the first, and those at both ends of the
//! slack, in bounded memory.

use std::cmp::Ordering;

use crate::pack::report::{RowExcerpt, TABLE_ROWS};
use crate::pack::rows::{MoleculeRow, Status};

/// Rows with the largest and the smallest slack; ties by AUC, then by input
/// order.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Largest slack first.
    pub top: Vec<RowExcerpt>,
    /// Smallest slack first.
    pub bottom: Vec<RowExcerpt>,
    /// The first rows of the input.
    pub first: Vec<RowExcerpt>,
}

impl Ranking {
    /// Takes a row in; rows come in input order.
    pub fn add(&mut self, row: &MoleculeRow) {
        if self.first.len() < TABLE_ROWS {
            self.first.push(RowExcerpt::from(row));
        }
        let audit = row.audit.as_ref();
        let Some(slack) = audit.and_then(|a| a.slack).filter(|_| row.status == Status::Ok) else {
            return;
        };
        let auc = audit.and_then(|a| a.auc).unwrap_or_default();
        keep(&mut self.top, row, |kept| {
            value(kept.slack).total_cmp(&slack).then(value(kept.auc).total_cmp(&auc)).reverse()
        });
        keep(&mut self.bottom, row, |kept| {
            value(kept.slack).total_cmp(&slack).then(value(kept.auc).total_cmp(&auc))
        });
    }
}

fn value(number: Option<f64>) -> f64 {
    number.unwrap_or_default()
}

/// Inserts a row behind all that come before it or tie with it; `order` tells
/// how a kept row compares with the new one.
fn keep(kept: &mut Vec<RowExcerpt>, row: &MoleculeRow, order: impl Fn(&RowExcerpt) -> Ordering) {
    let position = kept.partition_point(|kept| order(kept) != Ordering::Greater);
    if position < TABLE_ROWS {
        kept.insert(position, RowExcerpt::from(row));
        kept.truncate(TABLE_ROWS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::rows::AuditColumns;

    #[test]
    fn both_ends_are_kept_in_order_and_ties_stay_in_input_order() {
        let mut ranking = Ranking::default();
        for row in 0..200u64 {
            let mut molecule = MoleculeRow::new(row, &row.to_string(), Status::Ok, 0);
            let slack = -((row % 10) as f64);
            molecule.audit = Some(AuditColumns { slack: Some(slack), ..AuditColumns::skipped() });
            ranking.add(&molecule);
        }
        let rows = |list: &[RowExcerpt]| list.iter().map(|r| r.row).collect::<Vec<_>>();
        assert_eq!(rows(&ranking.top)[..3], [0, 10, 20]);
        assert_eq!(rows(&ranking.top)[20..22], [1, 11]);
        assert_eq!(rows(&ranking.bottom)[..3], [9, 19, 29]);
        assert_eq!(ranking.top.len(), TABLE_ROWS);
    }
}
