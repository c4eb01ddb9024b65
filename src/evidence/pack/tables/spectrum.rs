//! Columns of `spectra.parquet`.

use super::column::{Cells, Column, Get, Layout};
use super::sealed::Row;
use crate::pack::error::PackError;
use crate::pack::rows::{LocalLines, SpectrumRow};

impl Row for SpectrumRow {
    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::required("row", Layout::Delta, Get::U64(|r: &Self| Some(r.row))),
            Column::required("id", Layout::Plain, Get::Text(|r| Some(&r.id))),
            Column::required("L_eigenvalues", Layout::Split, Get::F64s(|r| &r.l)),
            Column::required("H_eigenvalues", Layout::Split, Get::F64s(|r| &r.h)),
            Column::required("W_eigenvalues", Layout::Split, Get::F64s(|r| &r.w)),
            Column::required("WH_eigenvalues", Layout::Split, Get::F64s(|r| &r.wh)),
            Column::count("H_local_atom", |r| r.h_local.as_ref().map(|l| l.atom_index)),
            Column::count("H_local_atomic_number", |r| r.h_local.as_ref().map(|l| l.atomic_number)),
            Column::required(
                "H_local_energies",
                Layout::Split,
                Get::F64s(|r| energies(&r.h_local)),
            ),
            Column::required("H_local_weights", Layout::Split, Get::F64s(|r| weights(&r.h_local))),
            Column::count("WH_local_atom", |r| r.wh_local.as_ref().map(|l| l.atom_index)),
            Column::count("WH_local_atomic_number", |r| {
                r.wh_local.as_ref().map(|l| l.atomic_number)
            }),
            Column::required(
                "WH_local_energies",
                Layout::Split,
                Get::F64s(|r| energies(&r.wh_local)),
            ),
            Column::required(
                "WH_local_weights",
                Layout::Split,
                Get::F64s(|r| weights(&r.wh_local)),
            ),
        ]
    }

    fn weight(&self) -> usize {
        let values = self.l.len() + self.h.len() + self.w.len() + self.wh.len();
        let local: usize = [&self.h_local, &self.wh_local]
            .into_iter()
            .flatten()
            .map(|l| 2 * l.weights.len())
            .sum();
        self.id.len() + (values + local) * size_of::<f64>()
    }

    fn decode(cells: &Cells<'_>) -> Result<Vec<Self>, PackError> {
        let (row, id) = (cells.u64("row")?, cells.text("id")?);
        let (l, h) = (cells.f64s("L_eigenvalues")?, cells.f64s("H_eigenvalues")?);
        let (w, wh) = (cells.f64s("W_eigenvalues")?, cells.f64s("WH_eigenvalues")?);
        let h_local = local_lines(cells, "H")?;
        let wh_local = local_lines(cells, "WH")?;
        (0..cells.batch.num_rows())
            .map(|i| {
                Ok(Self {
                    row: cells.need(row(i), i, "row")?,
                    id: cells.need(id(i), i, "id")?.to_owned(),
                    l: l(i),
                    h: h(i),
                    w: w(i),
                    wh: wh(i),
                    h_local: h_local(i),
                    wh_local: wh_local(i),
                })
            })
            .collect()
    }
}

fn energies(local: &Option<LocalLines>) -> &[f64] {
    local.as_ref().map_or(&[], |lines| &lines.energies)
}

fn weights(local: &Option<LocalLines>) -> &[f64] {
    local.as_ref().map_or(&[], |lines| &lines.weights)
}

fn local_lines<'a>(
    cells: &Cells<'a>,
    operator: &str,
) -> Result<impl Fn(usize) -> Option<LocalLines> + use<'a>, PackError> {
    let column = |what: &str| format!("{operator}_local_{what}");
    let atom = cells.u32(&column("atom"))?;
    let atomic_number = cells.u32(&column("atomic_number"))?;
    let energies = cells.f64s(&column("energies"))?;
    let weights = cells.f64s(&column("weights"))?;
    Ok(move |i: usize| {
        Some(LocalLines {
            atom_index: atom(i)?,
            atomic_number: atomic_number(i)?,
            energies: energies(i),
            weights: weights(i),
        })
    })
}
