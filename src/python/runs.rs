//! Runs and audits: a library in, a pack out, as the program does it.

use std::path::PathBuf;

use hetero2_audit::ActiveIf;
use hetero2_engine::run::{
    LibraryInput, PackOutput, RescoreRequest, Resume, RunReport, RunRequest, ScoreMode, TruthInput,
    ZipOutput, rescore,
};
use hetero2_library::{Format, ReadOptions};
use pyo3::prelude::*;

use crate::errors::{other, refused};
use crate::settings;
use crate::watch::watched;

/// Known outcomes: the file, which values are active, the budget.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Outcomes {
    path: PathBuf,
    active_if: Option<String>,
    budget: usize,
}

impl Outcomes {
    fn input(self) -> PyResult<TruthInput> {
        let active_if = self.active_if.map(|rule| {
            let parsed = rule.parse::<ActiveIf>();
            parsed.map_err(|error| refused(format!("active_if={rule:?}: {error}")))
        });
        if self.budget == 0 {
            return Err(refused("budget is 0: it must be at least 1"));
        }
        Ok(TruthInput {
            path: self.path,
            active_if: active_if.transpose()?,
            sha256: None,
            budget: self.budget,
        })
    }
}

/// One run, as `hetero2/_runs.py` writes it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Run {
    library: Vec<PathBuf>,
    format: Option<String>,
    smiles_column: Option<String>,
    id_column: Option<String>,
    scores: Option<PathBuf>,
    outcomes: Option<Outcomes>,
    train: Option<PathBuf>,
    decoys_file: Option<PathBuf>,
    out: PathBuf,
    settings: String,
    resume: bool,
    threads: Option<usize>,
    shards: Option<u32>,
    backend: String,
    adapter: Option<String>,
    zip: bool,
}

/// An audit of new scores, as `hetero2/_runs.py` writes it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Audit {
    pack: PathBuf,
    scores: PathBuf,
    outcomes: Option<Outcomes>,
    train: Option<PathBuf>,
    audit_top: Option<u32>,
    out: PathBuf,
    threads: Option<usize>,
    zip: bool,
}

fn zip(wanted: bool) -> ZipOutput {
    if wanted { ZipOutput::Written } else { ZipOutput::Omitted }
}

fn format(name: Option<&str>) -> PyResult<Option<Format>> {
    let read = |name: &str| {
        let value = serde_json::Value::String(name.to_owned());
        serde_json::from_value(value).map_err(|error| refused(format!("format={name:?}: {error}")))
    };
    name.map(read).transpose()
}

fn text(report: &RunReport) -> PyResult<String> {
    serde_json::to_string(report).map_err(|error| other(&error))
}

/// Runs a library to its pack; the report as JSON.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub fn run(py: Python<'_>, request: Run, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let mode = if request.scores.is_some() { ScoreMode::ExternalScores } else { ScoreMode::Mock };
    let config = settings::config(&request.settings, mode)?;
    let library = match <[PathBuf; 1]>::try_from(request.library) {
        Ok([file]) => LibraryInput::File(file),
        Err(files) => LibraryInput::Files(files),
    };
    let request = RunRequest {
        read_options: ReadOptions {
            format: format(request.format.as_deref())?,
            smiles_column: request.smiles_column,
            id_column: request.id_column,
            ..ReadOptions::default()
        },
        scores: request.scores,
        truth: request.outcomes.map(Outcomes::input).transpose()?,
        training: request.train,
        decoys_file: request.decoys_file,
        output: PackOutput { zip: zip(request.zip), ..PackOutput::default() },
        resume: if request.resume { Resume::Continue } else { Resume::Fresh },
        threads: request.threads,
        shards: request.shards,
        backend: settings::backend(&request.backend, request.adapter.as_deref())?,
        ..RunRequest::new(library, request.out, config)
    };
    text(&watched(py, progress, |watch| hetero2_engine::run::run(&request, watch))?)
}

/// Audits new scores against the decoys of a pack; the report as JSON.
#[pyfunction]
#[pyo3(signature = (request, progress = None))]
pub fn audit(
    py: Python<'_>,
    request: Audit,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let request = RescoreRequest {
        pack: request.pack,
        scores: request.scores.into(),
        scores_sha256: None,
        truth: request.outcomes.map(Outcomes::input).transpose()?,
        training: request.train,
        audit_top: request.audit_top,
        out: request.out,
        zip: zip(request.zip),
        threads: request.threads,
    };
    text(&watched(py, progress, |watch| rescore(&request, watch))?)
}
