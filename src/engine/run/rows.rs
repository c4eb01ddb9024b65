//! Rows that are computed for whoever wants them in memory: molecules, spectra or
//! decoys, a wave at a time, as a run computes them. Knows no file and no run
//! directory.

use std::sync::Arc;

use rayon::prelude::*;

use hetero2_common::threads::on_threads;
use hetero2_contract::Reason;
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2_library::{BLOCK_ROWS, Record};
use hetero2_spectra::{BackendChoice, CpuBackend, open_backend};

use super::config::{Artifacts, ConfigError, RunConfig, ScoreMode};
use super::decoy_source::DecoySource;
use super::error::RunError;
use super::observer::{Event, Observer};
use super::shard::{Engine, RowOutcome, ScoreSource, compute_wave, wave_rows};

/// How rows are computed.
#[derive(Debug, Clone)]
pub struct RowRequest {
    /// Configuration of the run that would compute them. Scores are never read.
    pub config: RunConfig,
    /// Device that computes spectra.
    pub backend: BackendChoice,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

/// A molecule, and its spectrum where it was computed: empty lists of one that
/// is not OK.
pub type MoleculeSpectrum = (MoleculeRow, SpectrumRow);

/// The canonical SMILES of a molecule and its decoys without scores, or why a
/// run would not audit it.
pub type UnscoredDecoys = Result<(String, Vec<DecoyRow>), Reason>;

/// Takes a wave of results with the records that they are of.
pub type Sink<'a, T> = &'a mut (dyn FnMut(&[Record], Vec<T>) -> Result<(), RunError> + Send);

/// Molecules with descriptors, without decoys and spectra. `sink` gets them in
/// order, a wave of records at a time.
///
/// # Errors
/// A configuration out of range; [`RunError::Cancelled`]; what `sink` returns.
/// Trouble with a single row is said in that row.
pub fn molecule_rows(
    request: &RowRequest,
    records: impl Iterator<Item = Record> + Send,
    observer: &dyn Observer,
    sink: Sink<'_, MoleculeRow>,
) -> Result<(), RunError> {
    let config = RunConfig {
        decoys: 0,
        artifacts: Artifacts::Full,
        score_mode: ScoreMode::Mock,
        ..request.config.clone()
    };
    let backend = CpuBackend::new();
    let engine = Engine::new(&config, &backend, &ScoreSource::Mock);
    each_wave(request, &config, records, observer, |wave| {
        let chunks = wave.par_chunks(16).flat_map_iter(|chunk| engine.begin(chunk).0);
        let rows: Vec<MoleculeRow> = chunks.map(|outcome| outcome.molecule).collect();
        sink(wave, rows)
    })
}

/// Molecules with their spectra, without decoys, in order, a wave of records at a
/// time.
///
/// # Errors
/// As [`molecule_rows`], and a device that cannot be used.
pub fn spectrum_rows(
    request: &RowRequest,
    records: impl Iterator<Item = Record> + Send,
    observer: &dyn Observer,
    sink: Sink<'_, MoleculeSpectrum>,
) -> Result<(), RunError> {
    let config = RunConfig {
        decoys: 0,
        artifacts: Artifacts::Light,
        score_mode: ScoreMode::Mock,
        ..request.config.clone()
    };
    config.validate()?;
    let backend = open_backend(&request.backend, config.precision)?;
    let engine = Engine::new(&config, &*backend, &ScoreSource::Mock);
    each_wave(request, &config, records, observer, |wave| {
        let outcomes = compute_wave(&engine, wave, observer)?;
        observer.check_cancelled()?;
        let with_spectrum = |outcome: RowOutcome| {
            let RowOutcome { molecule, spectrum, .. } = outcome;
            let none = || SpectrumRow {
                row: molecule.row,
                id: molecule.id.clone(),
                ..SpectrumRow::default()
            };
            let spectrum = spectrum.unwrap_or_else(none);
            (molecule, spectrum)
        };
        sink(wave, outcomes.into_iter().map(with_spectrum).collect())
    })
}

/// Decoys without scores, in order, a wave of records at a time: those that a run
/// of the configuration makes.
///
/// # Errors
/// As [`molecule_rows`]; a decoy set that chooses from a file, which there is
/// none of.
pub fn decoy_rows(
    request: &RowRequest,
    records: impl Iterator<Item = Record> + Send,
    observer: &dyn Observer,
    sink: Sink<'_, UnscoredDecoys>,
) -> Result<(), RunError> {
    let config = RunConfig {
        artifacts: Artifacts::Light,
        score_mode: ScoreMode::Mock,
        ..request.config.clone()
    };
    if config.decoys == 0 {
        let (setting, value) = ("decoys", "0".to_owned());
        return Err(ConfigError { setting, value, allowed: "1 to 10000 here" }.into());
    }
    DecoySource::check(&config, None)?;
    let backend = CpuBackend::new();
    let engine = Engine::new(&config, &backend, &ScoreSource::Mock)
        .with_decoys(&Arc::<DecoySource>::default());
    each_wave(request, &config, records, observer, |wave| {
        let found: Vec<UnscoredDecoys> =
            wave.par_iter().with_max_len(8).map(|record| engine.unscored(record)).collect();
        sink(wave, found)
    })
}

/// Cuts records into waves and hands them to `work` on the threads asked for.
fn each_wave(
    request: &RowRequest,
    config: &RunConfig,
    mut records: impl Iterator<Item = Record> + Send,
    observer: &dyn Observer,
    mut work: impl FnMut(&[Record]) -> Result<(), RunError> + Send,
) -> Result<(), RunError> {
    config.validate()?;
    let rows = wave_rows(config.decoys).min(BLOCK_ROWS);
    on_threads(request.threads, || {
        let mut done = 0;
        loop {
            observer.check_cancelled()?;
            let wave: Vec<Record> = records.by_ref().take(rows).collect();
            if wave.is_empty() {
                return Ok(());
            }
            work(&wave)?;
            done += wave.len() as u64;
            observer.event(Event::Planned { rows: done });
        }
    })?
}
