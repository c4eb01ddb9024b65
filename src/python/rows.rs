//! Molecules, spectra and decoys of SMILES as tables.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use hetero2_engine::run::{
    RowRequest, RunError, ScoreMode, decoy_rows, molecule_rows, spectrum_rows,
};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2_evidence::pack::tables::{TableRow, record_batch};
use pyo3::prelude::*;

use crate::errors::other;
use crate::input::Given;
use crate::settings;
use crate::table::Table;
use crate::watch::watched;

/// Columns that are the same for a molecule in every table of one.
const MOLECULE: [&str; 7] =
    ["row", "id", "smiles", "status", "reason", "canonical_smiles", "heavy_atoms"];
/// Descriptors of a molecule.
const DESCRIPTORS: [&str; 7] = ["mw", "logp", "tpsa", "hbd", "hba", "qed", "warnings"];
/// What is read from the spectra.
const FEATURES: [&str; 15] = [
    "spectral_gap",
    "spectral_entropy",
    "spectral_entropy_norm",
    "L_gap",
    "L_trace",
    "L_entropy_beta",
    "H_gap",
    "H_trace",
    "H_entropy_beta",
    "W_gap",
    "W_trace",
    "W_entropy",
    "WH_gap",
    "WH_trace",
    "WH_entropy",
];
/// The spectra themselves.
const EIGENVALUES: [&str; 4] =
    ["L_eigenvalues", "H_eigenvalues", "W_eigenvalues", "WH_eigenvalues"];
/// What a decoy is, before it has a score.
const DECOY: [&str; 10] = [
    "row",
    "molecule_id",
    "decoy_index",
    "decoy_smiles",
    "decoy_hash",
    "strategy",
    "tanimoto",
    "tanimoto_shared_bits",
    "tanimoto_total_bits",
    "hardness_bin",
];

/// Rows that no decoys were made for: row, id, reason.
type LeftOut = (u64, String, String);

/// What every function of this file is given.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    settings: String,
    backend: String,
    adapter: Option<String>,
    threads: Option<usize>,
}

impl Options {
    fn request(&self) -> PyResult<RowRequest> {
        Ok(RowRequest {
            config: settings::config(&self.settings, ScoreMode::Mock)?,
            backend: settings::backend(&self.backend, self.adapter.as_deref())?,
            threads: self.threads,
        })
    }
}

/// Batches of chosen columns.
struct Batches {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Batches {
    /// None yet; the schema is that of no rows.
    fn new(part: impl FnOnce() -> Result<RecordBatch, ArrowError>) -> PyResult<Self> {
        let empty = part().map_err(|error| other(&error))?;
        Ok(Self { schema: empty.schema(), batches: Vec::new() })
    }

    fn table(self) -> Table {
        Table::new(self.schema, self.batches)
    }
}

/// Some columns of the table of these rows.
fn chosen<R: TableRow>(rows: &[&R], names: &[&[&str]]) -> Result<RecordBatch, ArrowError> {
    let batch = record_batch(rows)?;
    let places = names.iter().copied().flatten().map(|name| batch.schema().index_of(name));
    batch.project(&places.collect::<Result<Vec<_>, _>>()?)
}

/// Columns of two batches of as many rows side by side.
fn beside(left: &RecordBatch, right: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (ours, theirs) = (left.schema(), right.schema());
    let fields: Vec<_> = ours.fields().iter().chain(theirs.fields()).cloned().collect();
    let arrays: Vec<ArrayRef> = left.columns().iter().chain(right.columns()).cloned().collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// Columns that Arrow cannot hold, as an error of a run.
fn too_large(error: ArrowError) -> RunError {
    let source = std::io::Error::other(error);
    RunError::Io { action: "hold a table of", path: "the molecules".into(), source }
}

#[pyfunction]
#[pyo3(signature = (smiles, ids, options, progress = None))]
pub fn molecules(
    py: Python<'_>,
    smiles: &Bound<'_, PyAny>,
    ids: Option<&Bound<'_, PyAny>>,
    options: Options,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Table> {
    let request = options.request()?;
    let given = Given::read(smiles, ids)?;
    let part = |rows: &[&MoleculeRow]| chosen(rows, &[&MOLECULE, &DESCRIPTORS]);
    let mut found = Batches::new(|| part(&[]))?;
    watched(py, progress, |watch| {
        molecule_rows(&request, given.records(), watch, &mut |_, rows| {
            let rows: Vec<&MoleculeRow> = rows.iter().collect();
            found.batches.push(part(&rows).map_err(too_large)?);
            Ok(())
        })
    })?;
    Ok(found.table())
}

#[pyfunction]
#[pyo3(signature = (smiles, ids, options, progress = None))]
pub fn spectra(
    py: Python<'_>,
    smiles: &Bound<'_, PyAny>,
    ids: Option<&Bound<'_, PyAny>>,
    options: Options,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Table> {
    let request = options.request()?;
    let given = Given::read(smiles, ids)?;
    let part = |molecules: &[&MoleculeRow], spectra: &[&SpectrumRow]| {
        beside(&chosen(molecules, &[&MOLECULE, &FEATURES])?, &chosen(spectra, &[&EIGENVALUES])?)
    };
    let mut found = Batches::new(|| part(&[], &[]))?;
    watched(py, progress, |watch| {
        spectrum_rows(&request, given.records(), watch, &mut |_, rows| {
            let molecules: Vec<&MoleculeRow> = rows.iter().map(|(molecule, _)| molecule).collect();
            let spectra: Vec<&SpectrumRow> = rows.iter().map(|(_, spectrum)| spectrum).collect();
            found.batches.push(part(&molecules, &spectra).map_err(too_large)?);
            Ok(())
        })
    })?;
    Ok(found.table())
}

#[pyfunction]
#[pyo3(signature = (smiles, ids, options, progress = None))]
pub fn decoys(
    py: Python<'_>,
    smiles: &Bound<'_, PyAny>,
    ids: Option<&Bound<'_, PyAny>>,
    options: Options,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Table, Vec<LeftOut>)> {
    let request = options.request()?;
    let given = Given::read(smiles, ids)?;
    let part = |rows: &[&DecoyRow]| chosen(rows, &[&DECOY]);
    let mut found = Batches::new(|| part(&[]))?;
    let mut left_out: Vec<LeftOut> = Vec::new();
    watched(py, progress, |watch| {
        decoy_rows(&request, given.records(), watch, &mut |records, rows| {
            for (record, row) in records.iter().zip(&rows) {
                if let Err(reason) = row {
                    left_out.push((record.row, record.id.clone(), reason.to_string()));
                }
            }
            let decoys: Vec<&DecoyRow> =
                rows.iter().flatten().flat_map(|(_, decoys)| decoys).collect();
            found.batches.push(part(&decoys).map_err(too_large)?);
            Ok(())
        })
    })?;
    Ok((found.table(), left_out))
}
