//! All decoys of a library before any score exists: one table, streamed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use hetero2_common::files::{AtomicFile, FileDigest, Occupied, Readers};
use hetero2_common::threads::on_threads;
use hetero2_contract::Reason;
use hetero2_evidence::pack::csv::UnscoredCsv;
use hetero2_evidence::pack::rows::DecoyRow;
use hetero2_evidence::pack::tables::TableWriter;
use hetero2_library::{BLOCK_ROWS, ReadOptions, Record};
use hetero2_spectra::CpuBackend;

use super::config::{Artifacts, ConfigError, RunConfig, ScoreMode};
use super::decoy_source::DecoySource;
use super::error::RunError;
use super::observer::{Event, Observer};
use super::plan::open_library;
use super::request::LibraryInput;
use super::shard::{Engine, ScoreSource, wave_rows};

/// Format of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecoyFormat {
    /// Molecules and decoys with an empty `score`, to fill in and read back.
    Csv,
    /// The layout of a pack's `decoys.parquet`, scores empty.
    Parquet,
}

/// Which decoys to write, and where.
#[derive(Debug, Clone)]
pub struct DecoyExport {
    /// Input molecules.
    pub library: LibraryInput,
    /// How to read them.
    pub read_options: ReadOptions,
    /// What the decoy set chooses from: the decoys of each molecule, or molecules
    /// to match.
    pub decoys_file: Option<PathBuf>,
    /// Configuration of the run that the decoys are for.
    pub config: RunConfig,
    /// The table.
    pub out: PathBuf,
    /// What becomes of a file that is there.
    pub occupied: Occupied,
    /// Its format.
    pub format: DecoyFormat,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DecoyExportReport {
    /// Rows of the library.
    pub rows: u64,
    /// Rows that have decoys: those that a run audits.
    pub rows_with_decoys: u64,
    /// Decoys, each as often as molecules have it.
    pub decoys: u64,
    /// Rows that are not in the table, by why.
    pub left_out: BTreeMap<String, u64>,
    /// The first 1,000 of them.
    pub left_out_rows: Vec<LeftOut>,
}

/// Rows that were left out and are listed; all are counted.
pub const LISTED: usize = 1000;

/// A row that a run would not audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Row of the library, from 0.
    pub row: u64,
    /// Its identifier.
    pub id: String,
    /// Why.
    pub reason: String,
}

impl DecoyExportReport {
    fn leave_out(&mut self, record: &Record, reason: &Reason) {
        // Texts of their own are listed, but counted as one.
        let counted = match reason {
            Reason::Internal(_) => "internal".to_owned(),
            reason => reason.to_string(),
        };
        *self.left_out.entry(counted).or_default() += 1;
        if self.left_out_rows.len() < LISTED {
            let (row, id) = (record.row, record.id.clone());
            self.left_out_rows.push(LeftOut { row, id, reason: reason.to_string() });
        }
    }
}

/// Writes the decoys that a run of this configuration makes, in the order of
/// the library. The bytes depend on library and configuration only; memory is
/// bounded by a wave of rows.
///
/// # Errors
/// [`RunError`]; nothing is left at the destination then.
pub fn export_decoys(
    export: &DecoyExport,
    observer: &dyn Observer,
) -> Result<(DecoyExportReport, FileDigest), RunError> {
    export.config.validate()?;
    if export.config.decoys == 0 {
        let (setting, value) = ("decoys", "0".to_owned());
        return Err(ConfigError { setting, value, allowed: "1 to 10000 here" }.into());
    }
    on_threads(export.threads, || write_decoys(export, observer))?
}

fn write_decoys(
    export: &DecoyExport,
    observer: &dyn Observer,
) -> Result<(DecoyExportReport, FileDigest), RunError> {
    // Neither scores nor descriptors are asked for.
    let config = RunConfig {
        score_mode: ScoreMode::Mock,
        artifacts: Artifacts::Light,
        ..export.config.clone()
    };
    let (backend, scores) = (CpuBackend::new(), ScoreSource::Mock);
    let decoys = export.decoys_file.as_deref();
    DecoySource::check(&config, decoys)?;
    let decoys = decoys.map(|path| DecoySource::read(config.decoy_set, path)).transpose()?;
    let decoys = Arc::new(decoys.map(|(source, _)| source).unwrap_or_default());
    let engine = Engine::new(&config, &backend, &scores).with_decoys(&decoys);
    let batches = open_library(&export.library, &export.read_options)?.batches(BLOCK_ROWS)?;
    let mut table = Table::create(&export.out, export.occupied, export.format)?;
    let mut report = DecoyExportReport::default();
    for batch in batches {
        for wave in batch?.chunks(wave_rows(config.decoys)) {
            observer.check_cancelled()?;
            let unscored: Vec<_> = wave
                .par_iter()
                .with_max_len(8)
                .map(|record| (record, engine.unscored(record)))
                .collect();
            let mut found: Vec<Unscored<'_>> = Vec::with_capacity(unscored.len());
            for (record, unscored) in unscored {
                match unscored {
                    Ok(unscored) => found.push((record, unscored)),
                    Err(reason) => report.leave_out(record, &reason),
                }
            }
            table.write(&found)?;
            report.rows_with_decoys += found.len() as u64;
            report.decoys += found.iter().map(|(_, (_, decoys))| decoys.len() as u64).sum::<u64>();
            report.rows += wave.len() as u64;
            observer.event(Event::Planned { rows: report.rows });
        }
    }
    Ok((report, table.finish()?))
}

/// A row with its canonical SMILES and its decoys.
type Unscored<'a> = (&'a Record, (String, Vec<DecoyRow>));

enum Table {
    Csv(Box<UnscoredCsv<AtomicFile>>, PathBuf),
    Parquet(Box<TableWriter<DecoyRow>>),
}

impl Table {
    fn create(path: &Path, occupied: Occupied, format: DecoyFormat) -> Result<Self, RunError> {
        let file = AtomicFile::begin(path, occupied, Readers::All)?;
        Ok(match format {
            DecoyFormat::Parquet => Self::Parquet(Box::new(TableWriter::new(file)?)),
            DecoyFormat::Csv => {
                let csv = UnscoredCsv::new(file).map_err(|e| RunError::io("write", path, e))?;
                Self::Csv(Box::new(csv), path.to_owned())
            }
        })
    }

    fn write(&mut self, rows: &[Unscored<'_>]) -> Result<(), RunError> {
        match self {
            Self::Parquet(table) => {
                Ok(table.write_each(rows.iter().flat_map(|(_, (_, decoys))| decoys))?)
            }
            Self::Csv(table, path) => rows.iter().try_for_each(|(record, (smiles, decoys))| {
                table.write(&record.id, smiles, decoys).map_err(|e| RunError::io("write", path, e))
            }),
        }
    }

    fn finish(self) -> Result<FileDigest, RunError> {
        Ok(match self {
            Self::Parquet(table) => table.finish()?,
            Self::Csv(table, _) => table.into_inner().finish()?,
        })
    }
}
