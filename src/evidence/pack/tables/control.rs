//! Columns of `controls.parquet`.

use hetero2_contract::controls::{ControlCell, ControlRow, InTraining};
use hetero2_contract::evidence::ControlName;

use super::column::{Cells, Column, Get, Layout};
use super::sealed::Row;
use crate::pack::error::PackError;

/// Names of a control's three columns.
const COLUMNS: [[&str; 3]; ControlName::ALL.len()] = [
    ["constant_score", "constant_auc", "constant_decoys"],
    ["heavy_atoms_score", "heavy_atoms_auc", "heavy_atoms_decoys"],
    ["logp_score", "logp_auc", "logp_decoys"],
    ["tpsa_score", "tpsa_auc", "tpsa_decoys"],
    ["qed_score", "qed_auc", "qed_decoys"],
    ["fragments_score", "fragments_auc", "fragments_decoys"],
    ["ring_size_score", "ring_size_auc", "ring_size_decoys"],
    ["sa_score_score", "sa_score_auc", "sa_score_decoys"],
    ["environment_commonness_score", "environment_commonness_auc", "environment_commonness_decoys"],
    ["separability_score", "separability_auc", "separability_decoys"],
    ["nn_similarity_score", "nn_similarity_auc", "nn_similarity_decoys"],
    ["knn_label_score", "knn_label_auc", "knn_label_decoys"],
    ["ridge_ecfp4_score", "ridge_ecfp4_auc", "ridge_ecfp4_decoys"],
    ["y_scrambled_score", "y_scrambled_auc", "y_scrambled_decoys"],
];

/// The three columns of the control at a place.
fn columns_of<const PLACE: usize>() -> [Column<ControlRow>; 3] {
    let [score, auc, decoys] = COLUMNS[PLACE];
    [
        Column::number(score, |r: &ControlRow| r.cells[PLACE].map(|cell| cell.score)),
        Column::number(auc, |r: &ControlRow| r.cells[PLACE].and_then(|cell| cell.auc)),
        Column::count(decoys, |r: &ControlRow| r.cells[PLACE].map(|cell| cell.decoys)),
    ]
}

impl Row for ControlRow {
    fn columns() -> Vec<Column<Self>> {
        let mut columns = vec![
            Column::required("row", Layout::Delta, Get::U64(|r: &Self| Some(r.row))),
            Column::required(
                "molecule_id",
                Layout::Dictionary,
                Get::Text(|r| Some(&r.molecule_id)),
            ),
            Column::word("scaffold", |r| r.scaffold.as_deref()),
            Column::word("in_training", |r| r.in_training.map(InTraining::as_str)),
        ];
        let controls: [[Column<Self>; 3]; ControlName::ALL.len()] = [
            columns_of::<0>(),
            columns_of::<1>(),
            columns_of::<2>(),
            columns_of::<3>(),
            columns_of::<4>(),
            columns_of::<5>(),
            columns_of::<6>(),
            columns_of::<7>(),
            columns_of::<8>(),
            columns_of::<9>(),
            columns_of::<10>(),
            columns_of::<11>(),
            columns_of::<12>(),
            columns_of::<13>(),
        ];
        columns.extend(controls.into_iter().flatten());
        columns
    }

    fn weight(&self) -> usize {
        self.molecule_id.len() + self.scaffold.as_ref().map_or(0, String::len)
    }

    fn decode(cells: &Cells<'_>) -> Result<Vec<Self>, PackError> {
        let (row, molecule_id) = (cells.u64("row")?, cells.text("molecule_id")?);
        let (scaffold, in_training) = (cells.text("scaffold")?, cells.text("in_training")?);
        let mut rows = Vec::with_capacity(cells.batch.num_rows());
        for i in 0..cells.batch.num_rows() {
            let id: &str = cells.need(molecule_id(i), i, "molecule_id")?;
            let training = in_training(i)
                .map(|word| cells.need(InTraining::from_word(word), i, "in_training"));
            rows.push(Self {
                row: cells.need(row(i), i, "row")?,
                molecule_id: id.to_owned(),
                scaffold: scaffold(i).map(str::to_owned),
                in_training: training.transpose()?,
                cells: [None; ControlName::ALL.len()],
            });
        }
        for (place, [score, auc, decoys]) in COLUMNS.into_iter().enumerate() {
            let (score, auc, decoys) = (cells.f64(score)?, cells.f64(auc)?, cells.u32(decoys)?);
            for (i, row) in rows.iter_mut().enumerate() {
                row.cells[place] = score(i).map(|score| ControlCell {
                    score,
                    auc: auc(i),
                    decoys: decoys(i).unwrap_or_default(),
                });
            }
        }
        Ok(rows)
    }
}
