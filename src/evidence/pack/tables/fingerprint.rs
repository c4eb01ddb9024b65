//! Columns of a table of spectral fingerprints.

use super::column::{Cells, Column, Get, Layout};
use super::sealed::Row;
use crate::pack::error::PackError;
use crate::pack::rows::{FINGERPRINT_LENGTH, FingerprintRow};

impl Row for FingerprintRow {
    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::required("row", Layout::Delta, Get::U64(|r: &Self| Some(r.row))),
            Column::required("id", Layout::Plain, Get::Text(|r| Some(&r.id))),
            Column::optional(
                "canonical_smiles",
                Layout::Plain,
                Get::Text(|r| r.canonical_smiles.as_deref()),
            ),
            Column::shown("reason", |r| r.reason.as_ref().map(|r| r as _)),
            Column::optional(
                "fingerprint",
                Layout::Dictionary,
                Get::Bytes(|r| r.fingerprint.as_deref(), FINGERPRINT_LENGTH),
            ),
        ]
    }

    fn weight(&self) -> usize {
        let smiles = self.canonical_smiles.as_ref().map_or(0, String::len);
        self.id.len() + smiles + FINGERPRINT_LENGTH
    }

    fn decode(cells: &Cells<'_>) -> Result<Vec<Self>, PackError> {
        let (row, id) = (cells.u64("row")?, cells.text("id")?);
        let (smiles, reason) = (cells.text("canonical_smiles")?, cells.text("reason")?);
        let fingerprint = cells.bytes("fingerprint", FINGERPRINT_LENGTH)?;
        (0..cells.batch.num_rows())
            .map(|i| {
                Ok(Self {
                    row: cells.need(row(i), i, "row")?,
                    id: cells.need(id(i), i, "id")?.to_owned(),
                    canonical_smiles: smiles(i).map(str::to_owned),
                    reason: cells.parse_any(reason(i), i, "reason")?,
                    fingerprint: fingerprint(i),
                })
            })
            .collect()
    }
}
