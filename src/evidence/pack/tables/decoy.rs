//! Columns of `decoys.parquet`.

use super::column::{Cells, Column, Get, Layout};
use super::sealed::Row;
use crate::pack::error::PackError;
use crate::pack::rows::{DecoyRow, DescriptorDeltas};

impl Row for DecoyRow {
    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::required("row", Layout::Delta, Get::U64(|r: &Self| Some(r.row))),
            Column::required(
                "molecule_id",
                Layout::Dictionary,
                Get::Text(|r| Some(&r.molecule_id)),
            ),
            Column::required("decoy_index", Layout::Dictionary, Get::U32(|r| Some(r.decoy_index))),
            Column::required("decoy_smiles", Layout::Plain, Get::Text(|r| Some(&r.decoy_smiles))),
            Column::required("decoy_hash", Layout::Plain, Get::Text(|r| Some(&r.decoy_hash))),
            Column::required("strategy", Layout::Dictionary, Get::Text(|r| Some(&r.strategy))),
            Column::number("tanimoto", DecoyRow::tanimoto),
            Column::count("tanimoto_shared_bits", |r| r.tanimoto_shared_bits),
            Column::count("tanimoto_total_bits", |r| r.tanimoto_total_bits),
            Column::required(
                "hardness_bin",
                Layout::Dictionary,
                Get::Text(|r| Some(r.hardness_bin.as_str())),
            ),
            Column::number("original_score", |r| r.original_score),
            Column::number("score", |r| r.score),
            Column::number("weight", |r| r.weight),
            Column::number("delta_mw", |r| Some(r.descriptor_deltas?.mw)),
            Column::number("delta_logp", |r| Some(r.descriptor_deltas?.logp)),
            Column::number("delta_tpsa", |r| Some(r.descriptor_deltas?.tpsa)),
            Column::optional(
                "delta_hbd",
                Layout::Dictionary,
                Get::I32(|r| Some(r.descriptor_deltas?.hbd)),
            ),
            Column::optional(
                "delta_hba",
                Layout::Dictionary,
                Get::I32(|r| Some(r.descriptor_deltas?.hba)),
            ),
            Column::number("delta_qed", |r| Some(r.descriptor_deltas?.qed)),
        ]
    }

    fn weight(&self) -> usize {
        self.molecule_id.len()
            + self.decoy_smiles.len()
            + self.decoy_hash.len()
            + self.strategy.len()
    }

    fn decode(cells: &Cells<'_>) -> Result<Vec<Self>, PackError> {
        let (row, molecule_id) = (cells.u64("row")?, cells.text("molecule_id")?);
        let decoy_index = cells.u32("decoy_index")?;
        let (smiles, hash) = (cells.text("decoy_smiles")?, cells.text("decoy_hash")?);
        let (strategy, bin) = (cells.text("strategy")?, cells.text("hardness_bin")?);
        let shared = cells.u32("tanimoto_shared_bits")?;
        let total = cells.u32("tanimoto_total_bits")?;
        let original_score = cells.f64("original_score")?;
        let (score, weight) = (cells.f64("score")?, cells.f64("weight")?);
        let deltas = deltas(cells)?;
        (0..cells.batch.num_rows())
            .map(|i| {
                let text = |value, column| {
                    Ok::<_, PackError>(cells.need::<&str>(value, i, column)?.to_owned())
                };
                Ok(Self {
                    row: cells.need(row(i), i, "row")?,
                    molecule_id: text(molecule_id(i), "molecule_id")?,
                    decoy_index: cells.need(decoy_index(i), i, "decoy_index")?,
                    decoy_smiles: text(smiles(i), "decoy_smiles")?,
                    decoy_hash: text(hash(i), "decoy_hash")?,
                    strategy: text(strategy(i), "strategy")?,
                    tanimoto_shared_bits: shared(i),
                    tanimoto_total_bits: total(i),
                    hardness_bin: cells.parse(bin(i), i, "hardness_bin")?,
                    original_score: original_score(i),
                    score: score(i),
                    weight: weight(i),
                    descriptor_deltas: deltas(i),
                })
            })
            .collect()
    }
}

fn deltas<'a>(
    cells: &Cells<'a>,
) -> Result<impl Fn(usize) -> Option<DescriptorDeltas> + use<'a>, PackError> {
    let (mw, logp, tpsa) =
        (cells.f64("delta_mw")?, cells.f64("delta_logp")?, cells.f64("delta_tpsa")?);
    let (hbd, hba, qed) =
        (cells.i32("delta_hbd")?, cells.i32("delta_hba")?, cells.f64("delta_qed")?);
    Ok(move |i| {
        Some(DescriptorDeltas {
            mw: mw(i)?,
            logp: logp(i)?,
            tpsa: tpsa(i)?,
            hbd: hbd(i)?,
            hba: hba(i)?,
            qed: qed(i)?,
        })
    })
}
