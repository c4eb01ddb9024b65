//! The rows that a report shows: the first, and those at both ends of the
//! slack with their hardest decoys, in bounded memory.

use std::cmp::Ordering;

use hetero2_evidence::pack::report::{DRAWN_DECOYS, RowExcerpt, TABLE_ROWS};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, Status};

/// Longest SMILES that is kept to be drawn, in bytes: a longer one shows
/// nothing.
const MAX_SMILES: usize = 2_000;

/// Rows with the largest and the smallest slack; ties by AUC, then by the
/// number of decoys (many say more), then by score, then by input order.
#[derive(Debug, Default)]
pub(crate) struct TopRows {
    /// Largest slack first.
    pub top: Vec<Kept>,
    /// Smallest slack first.
    pub bottom: Vec<Kept>,
    /// The first rows of the input.
    pub first: Vec<RowExcerpt>,
}

/// A row at one end of the slack.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub excerpt: RowExcerpt,
    /// SMILES to draw; empty where it is too long.
    pub smiles: String,
    /// Score of the molecule.
    pub score: Option<f64>,
    /// Its most similar decoys, most similar first.
    pub decoys: Vec<DecoyRow>,
}

impl TopRows {
    /// Takes a row in; rows come in input order, each before its decoys.
    pub fn add(&mut self, row: &MoleculeRow) {
        if self.first.len() < TABLE_ROWS {
            self.first.push(RowExcerpt::from(row));
        }
        let Some(audit) = row.audit.as_ref().filter(|audit| audit.slack.is_some()) else { return };
        if row.status != Status::Ok {
            return;
        }
        let place = Place {
            slack: audit.slack,
            auc: audit.auc,
            scored: row.n_decoys_scored,
            score: audit.original_score,
        };
        keep(&mut self.top, place, by_most, || Kept::of(row));
        keep(&mut self.bottom, place, by_least, || Kept::of(row));
    }

    /// Takes in the top rows among rows that come after all others, with their
    /// decoys.
    pub fn merge(&mut self, later: Self) {
        let missing = TABLE_ROWS.saturating_sub(self.first.len());
        self.first.extend(later.first.into_iter().take(missing));
        for kept in later.top {
            keep(&mut self.top, kept.place(), by_most, || kept);
        }
        for kept in later.bottom {
            keep(&mut self.bottom, kept.place(), by_least, || kept);
        }
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

/// What decides where a row comes.
#[derive(Clone, Copy)]
struct Place {
    slack: Option<f64>,
    auc: Option<f64>,
    scored: Option<u32>,
    score: Option<f64>,
}

impl Place {
    /// By slack, then by AUC, ascending.
    fn by_value(&self, other: &Self) -> Ordering {
        compare(self.slack, other.slack).then_with(|| compare(self.auc, other.auc))
    }
}

fn compare(a: Option<f64>, b: Option<f64>) -> Ordering {
    a.unwrap_or_default().total_cmp(&b.unwrap_or_default())
}

impl Kept {
    fn of(row: &MoleculeRow) -> Self {
        let smiles = row.canonical_smiles.as_deref().unwrap_or(&row.smiles);
        Self {
            excerpt: RowExcerpt::from(row),
            smiles: if smiles.len() <= MAX_SMILES { smiles.to_owned() } else { String::new() },
            score: row.audit.as_ref().and_then(|a| a.original_score),
            decoys: Vec::new(),
        }
    }

    fn place(&self) -> Place {
        let RowExcerpt { slack, auc, n_decoys_scored: scored, .. } = self.excerpt;
        Place { slack, auc, scored, score: self.score }
    }
}

/// Largest slack first.
fn by_most(a: &Place, b: &Place) -> Ordering {
    b.by_value(a).then_with(|| b.scored.cmp(&a.scored)).then_with(|| compare(b.score, a.score))
}

/// Smallest slack first.
fn by_least(a: &Place, b: &Place) -> Ordering {
    a.by_value(b).then_with(|| b.scored.cmp(&a.scored)).then_with(|| compare(a.score, b.score))
}

/// Inserts a row behind all that come before it or tie with it.
fn keep(
    all: &mut Vec<Kept>,
    place: Place,
    order: fn(&Place, &Place) -> Ordering,
    row: impl FnOnce() -> Kept,
) {
    let position = all.partition_point(|kept| order(&kept.place(), &place) != Ordering::Greater);
    if position < TABLE_ROWS {
        all.insert(position, row());
        all.truncate(TABLE_ROWS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hetero2_evidence::pack::rows::AuditColumns;

    #[test]
    fn both_ends_are_kept_in_order_and_ties_stay_in_input_order() {
        let mut kept = TopRows::default();
        for row in 0..200u64 {
            let mut molecule = MoleculeRow::new(row, &row.to_string(), Status::Ok, 0);
            let slack = -((row % 10) as f64);
            let (slack, score) = (Some(slack), Some(if row == 40 { 2.0 } else { 1.0 }));
            molecule.audit =
                Some(AuditColumns { slack, original_score: score, ..AuditColumns::skipped() });
            molecule.n_decoys_scored = Some(if row == 30 { 20 } else { 3 });
            kept.add(&molecule);
        }
        let rows = |list: &[Kept]| list.iter().map(|kept| kept.excerpt.row).collect::<Vec<_>>();
        assert_eq!(rows(&kept.top)[..4], [30, 40, 0, 10]);
        assert_eq!(rows(&kept.top)[20..22], [1, 11]);
        assert_eq!(rows(&kept.bottom)[..3], [9, 19, 29]);
        assert_eq!(kept.top.len(), TABLE_ROWS);
    }

    #[test]
    fn parts_merge_to_the_top_rows_of_all() {
        let molecules: Vec<MoleculeRow> = (0..500u64)
            .map(|row| {
                let mut molecule = MoleculeRow::new(row, &row.to_string(), Status::Ok, 0);
                let slack = ((row * 7919 % 23) as f64) / 8.0 - 1.0;
                molecule.audit =
                    Some(AuditColumns { slack: Some(slack), ..AuditColumns::skipped() });
                molecule.n_decoys_scored = Some((row * 31 % 3) as u32);
                molecule
            })
            .collect();
        let ranked = |part: &[MoleculeRow]| {
            let mut kept = TopRows::default();
            part.iter().for_each(|row| kept.add(row));
            kept
        };
        let whole = ranked(&molecules);
        for size in [1, 49, 170, 500] {
            let mut merged = TopRows::default();
            molecules.chunks(size).for_each(|part| merged.merge(ranked(part)));
            let rows = |list: &[Kept]| list.iter().map(|kept| kept.excerpt.row).collect::<Vec<_>>();
            assert_eq!(rows(&merged.top), rows(&whole.top), "parts of {size}");
            assert_eq!(rows(&merged.bottom), rows(&whole.bottom), "parts of {size}");
            assert_eq!(merged.first, whole.first);
        }
    }
}
