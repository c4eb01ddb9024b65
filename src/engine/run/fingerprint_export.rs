//! The spectral fingerprints of a library: one table, streamed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;

use hetero2_chemistry::operator::{EdgeWeights, Physics};
use hetero2_common::files::{AtomicFile, FileDigest, Occupied, Readers};
use hetero2_common::threads::on_threads;
use hetero2_contract::{CountedReason, Reason};
use hetero2_evidence::pack::rows::FingerprintRow;
use hetero2_evidence::pack::tables::TableWriter;
use hetero2_library::{BLOCK_ROWS, ReadOptions};
use hetero2_spectra::CpuBackend;
use hetero2_spectra::fingerprint::FINGERPRINT_MOST_ATOMS;

use super::config::{Artifacts, ConfigError, Connectivity, RunConfig, ScoreMode};
use super::error::RunError;
use super::observer::{Event, Observer};
use super::plan::open_library;
use super::request::LibraryInput;
use super::shard::{Engine, ScoreSource};

/// Rows whose spectra are computed together: enough to fill the vectors.
const CHUNK: usize = 256;

/// Which fingerprints to write, and where.
#[derive(Debug, Clone)]
pub struct FingerprintExport {
    /// Input molecules.
    pub library: LibraryInput,
    /// How to read them.
    pub read_options: ReadOptions,
    /// Most heavy atoms, 1 to [`FINGERPRINT_MOST_ATOMS`]; larger molecules have none.
    pub max_atoms: u32,
    /// What becomes of molecules of several fragments.
    pub connectivity: Connectivity,
    /// The table.
    pub out: PathBuf,
    /// What becomes of a file that is there.
    pub occupied: Occupied,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FingerprintReport {
    /// Rows of the library, and of the table.
    pub rows: u64,
    /// Rows that have a fingerprint.
    pub fingerprints: u64,
    /// Rows that have none, by why.
    pub without: BTreeMap<String, u64>,
}

/// Writes the fingerprints of a library, a row of the table for each of its rows, in their order.
/// The bytes depend on library and options only; memory is bounded by a block of rows.
///
/// # Errors
/// [`RunError`]; nothing is left at the destination then.
pub fn export_fingerprints(
    export: &FingerprintExport,
    observer: &dyn Observer,
) -> Result<(FingerprintReport, FileDigest), RunError> {
    let most = FINGERPRINT_MOST_ATOMS as u32;
    if !(1..=most).contains(&export.max_atoms) {
        let (setting, value) = ("max_atoms", export.max_atoms.to_string());
        return Err(ConfigError { setting, value, allowed: "1 to 500 here" }.into());
    }
    on_threads(export.threads, || write_fingerprints(export, observer))?
}

fn write_fingerprints(
    export: &FingerprintExport,
    observer: &dyn Observer,
) -> Result<(FingerprintReport, FileDigest), RunError> {
    let config = RunConfig {
        decoys: 0,
        physics: Physics::Both,
        edge_weights: EdgeWeights::BondOrderDeltaChi,
        potential_scale: 1.0,
        max_atoms: export.max_atoms,
        connectivity: export.connectivity,
        score_mode: ScoreMode::Mock,
        artifacts: Artifacts::Light,
        ..RunConfig::default()
    };
    config.validate()?;
    let (backend, scores) = (CpuBackend::new(), ScoreSource::Mock);
    let engine = Engine::new(&config, &backend, &scores);
    let batches = open_library(&export.library, &export.read_options)?.batches(BLOCK_ROWS)?;
    let file = AtomicFile::begin(&export.out, export.occupied, Readers::All)?;
    let mut table = TableWriter::<FingerprintRow>::new(file)?;
    let mut report = FingerprintReport::default();
    for batch in batches {
        observer.check_cancelled()?;
        let batch = batch?;
        let chunks: Vec<_> =
            batch.par_chunks(CHUNK).map(|records| engine.fingerprints(records)).collect();
        for rows in chunks {
            let rows = rows?;
            rows.iter().for_each(|row| report.add(row));
            table.write(&rows)?;
        }
        observer.event(Event::Planned { rows: report.rows });
    }
    Ok((report, table.finish()?))
}

impl FingerprintReport {
    fn add(&mut self, row: &FingerprintRow) {
        self.rows += 1;
        self.fingerprints += u64::from(row.fingerprint.is_some());
        if let Some(reason) = &row.reason {
            // Texts of their own are counted as one.
            let counted = match reason {
                Reason::Internal(_) => "internal".to_owned(),
                reason => CountedReason::Of(reason.clone()).to_string(),
            };
            *self.without.entry(counted).or_default() += 1;
        }
    }
}
