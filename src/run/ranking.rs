//! The rows that a report shows: the first, and those at both ends of the
//! slack with their hardest decoys, in bounded memory.

use std::cmp::Ordering;

use crate::pack::report::{DRAWN_DECOYS, RowExcerpt, TABLE_ROWS};
use crate::pack::rows::{DecoyRow, MoleculeRow, Status};

/// Longest SMILES that is kept to be drawn, in bytes: a longer one shows
/// nothing.
const MAX_SMILES: usize = 2_000;

/// Rows with the largest and the smallest slack; ties by AUC, then by the
/// number of decoys (many say more), then by input order.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Largest slack first.
    pub top: Vec<Kept>,
    /// Smallest slack first.
    pub bottom: Vec<Kept>,
    /// The first rows of the input.
    pub first: Vec<RowExcerpt>,
}

/// A row at one end of the slack.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub excerpt: RowExcerpt,
    /// SMILES to draw; empty where it is too long.
    pub smiles: String,
    /// Score of the molecule.
    pub score: Option<f64>,
    /// Its most similar decoys, most similar first.
    pub decoys: Vec<DecoyRow>,
}

impl Ranking {
    /// Takes a row in; rows come in input order, each before its decoys.
    pub fn add(&mut self, row: &MoleculeRow) {
        if self.first.len() < TABLE_ROWS {
            self.first.push(RowExcerpt::from(row));
        }
        let audit = row.audit.as_ref();
        if row.status != Status::Ok || audit.is_none_or(|a| a.slack.is_none()) {
            return;
        }
        let excerpt = RowExcerpt::from(row);
        let most = |a: &RowExcerpt, b: &RowExcerpt| b.n_decoys_scored.cmp(&a.n_decoys_scored);
        keep(&mut self.top, row, &excerpt, |kept, new| {
            by_value(new, kept).then_with(|| most(kept, new))
        });
        keep(&mut self.bottom, row, &excerpt, |kept, new| {
            by_value(kept, new).then_with(|| most(kept, new))
        });
    }

    /// Takes in all decoys of one row.
    pub fn add_decoys(&mut self, decoys: &[DecoyRow]) {
        let Some(first) = decoys.first() else { return };
        let of_row = |kept: &&mut Kept| kept.excerpt.row == first.row;
        for kept in self.top.iter_mut().chain(&mut self.bottom).filter(of_row) {
            let mut hardest: Vec<&DecoyRow> = decoys.iter().collect();
            let tanimoto = |decoy: &DecoyRow| decoy.tanimoto().unwrap_or(-1.0);
            // Stable: equal ones stay in the order of finding.
            hardest.sort_by(|a, b| tanimoto(b).total_cmp(&tanimoto(a)));
            kept.decoys = hardest.into_iter().take(DRAWN_DECOYS).cloned().collect();
        }
    }
}

/// By slack, then by AUC, ascending.
fn by_value(a: &RowExcerpt, b: &RowExcerpt) -> Ordering {
    let value = |number: Option<f64>| number.unwrap_or_default();
    let slack = value(a.slack).total_cmp(&value(b.slack));
    slack.then_with(|| value(a.auc).total_cmp(&value(b.auc)))
}

/// Inserts a row behind all that come before it or tie with it; `order` tells
/// how a kept row compares with the new one.
fn keep(
    all: &mut Vec<Kept>,
    row: &MoleculeRow,
    excerpt: &RowExcerpt,
    order: impl Fn(&RowExcerpt, &RowExcerpt) -> Ordering,
) {
    let position = all.partition_point(|kept| order(&kept.excerpt, excerpt) != Ordering::Greater);
    if position < TABLE_ROWS {
        let smiles = row.canonical_smiles.as_deref().unwrap_or(&row.smiles);
        let kept = Kept {
            excerpt: excerpt.clone(),
            smiles: if smiles.len() <= MAX_SMILES { smiles.to_owned() } else { String::new() },
            score: row.audit.as_ref().and_then(|a| a.original_score),
            decoys: Vec::new(),
        };
        all.insert(position, kept);
        all.truncate(TABLE_ROWS);
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
            molecule.n_decoys_scored = Some(if row == 30 { 20 } else { 3 });
            ranking.add(&molecule);
        }
        let rows = |list: &[Kept]| list.iter().map(|kept| kept.excerpt.row).collect::<Vec<_>>();
        assert_eq!(rows(&ranking.top)[..3], [30, 0, 10]);
        assert_eq!(rows(&ranking.top)[20..22], [1, 11]);
        assert_eq!(rows(&ranking.bottom)[..3], [9, 19, 29]);
        assert_eq!(ranking.top.len(), TABLE_ROWS);
    }
}
