//! The tables of a pack while shards are merged into it.

use std::io;

use super::config::{Artifacts, RunConfig, ScoreMode};
use super::error::RunError;
use crate::audit::ScoresCoverage;
use crate::files::{AtomicFile, FileDigest};
use crate::operator::EdgeWeights;
use crate::pack::csv::{
    DosCsv, DosPoint, EdgeWeightColumns, HardnessCsv, LocalDosCsv, LocalDosRow,
    OperatorFeaturesCsv, SummaryCsv,
};
use crate::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow, Status};
use crate::pack::tables::TableWriter;
use crate::pack::{PackError, PackWriter};

/// Which tables a pack has, and with which columns.
pub(super) struct PackOptions {
    weights: EdgeWeightColumns,
    full: bool,
    score_mode: &'static str,
    physics: String,
}

impl PackOptions {
    pub fn of(config: &RunConfig) -> Self {
        Self {
            weights: match config.edge_weights {
                EdgeWeights::Unweighted => EdgeWeightColumns::Absent,
                _ => EdgeWeightColumns::Present,
            },
            full: config.artifacts == Artifacts::Full,
            score_mode: match config.score_mode {
                ScoreMode::Mock => "mock",
                ScoreMode::ExternalScores => "external_scores",
            },
            physics: config.physics.to_string(),
        }
    }
}

/// Open tables of a pack that depend on scores.
pub(super) struct AuditedTables {
    summary: SummaryCsv<AtomicFile>,
    features: OperatorFeaturesCsv<AtomicFile>,
    molecules: TableWriter<MoleculeRow>,
    decoys: TableWriter<DecoyRow>,
    /// Of full packs only.
    pairs: Option<HardnessCsv<AtomicFile>>,
}

impl AuditedTables {
    pub fn create(pack: &mut PackWriter, options: &PackOptions) -> Result<Self, RunError> {
        let csv = |name: &'static str| move |e| RunError::io("write", name.as_ref(), e);
        let pairs = match options.full {
            false => None,
            true => Some(
                HardnessCsv::new(
                    pack.create_file("hardness_curve.csv")?,
                    options.score_mode,
                    &options.physics,
                )
                .map_err(csv("hardness_curve.csv"))?,
            ),
        };
        Ok(Self {
            summary: SummaryCsv::new(pack.create_file("summary.csv")?, options.weights)
                .map_err(csv("summary.csv"))?,
            features: OperatorFeaturesCsv::new(
                pack.create_file("operator_features.csv")?,
                options.weights,
            )
            .map_err(csv("operator_features.csv"))?,
            molecules: pack.create_table("summary.parquet")?,
            decoys: pack.create_table("decoys.parquet")?,
            pairs,
        })
    }

    pub fn add_molecules(&mut self, rows: &[MoleculeRow]) -> Result<(), RunError> {
        let Self { summary, features, molecules, .. } = self;
        let failed = |name: &'static str| move |e| RunError::io("write", name.as_ref(), e);
        let csv = || {
            let summary = || rows.iter().try_for_each(|row| summary.write(row));
            let with_spectra = || rows.iter().filter(|row| row.status == Status::Ok);
            let features = || with_spectra().try_for_each(|row| features.write(row));
            rayon::join(summary, features)
        };
        let ((summary, features), molecules) = rayon::join(csv, || molecules.write(rows));
        summary.map_err(failed("summary.csv"))?;
        features.map_err(failed("operator_features.csv"))?;
        Ok(molecules?)
    }

    pub fn add_decoys(&mut self, rows: &[DecoyRow]) -> Result<(), RunError> {
        self.decoys.write(rows)?;
        if let Some(pairs) = &mut self.pairs {
            for row in rows {
                pairs
                    .write(row)
                    .map_err(|e| RunError::io("write", "hardness_curve.csv".as_ref(), e))?;
            }
        }
        Ok(())
    }

    /// Completes every table and registers it in the pack; returns the digest of
    /// `summary.csv`.
    pub fn finish(self, pack: &mut PackWriter) -> Result<FileDigest, PackError> {
        let summary = pack.finish_file(self.summary.into_inner())?;
        pack.finish_file(self.features.into_inner())?;
        pack.finish_table(self.molecules)?;
        pack.finish_table(self.decoys)?;
        if let Some(pairs) = self.pairs {
            pack.finish_file(pairs.into_inner())?;
        }
        Ok(summary)
    }
}

/// Local densities, in every pack.
pub(super) const LOCAL_DOS: &str = "ldos_summary.csv";
/// Densities of the run, in every pack with eigenvalues.
pub(super) const DOS: &str = "dos_curve.csv";
/// Eigenvalues, in full packs.
pub(super) const SPECTRA: &str = "spectra.parquet";

/// Open tables of a pack that follow from spectra alone.
pub(super) struct SpectralTables {
    local: LocalDosCsv<AtomicFile>,
    /// Of full packs only.
    spectra: Option<TableWriter<SpectrumRow>>,
}

impl SpectralTables {
    pub fn create(pack: &mut PackWriter, options: &PackOptions) -> Result<Self, RunError> {
        let spectra = options.full.then(|| pack.create_table(SPECTRA)).transpose()?;
        let local = LocalDosCsv::new(pack.create_file(LOCAL_DOS)?)
            .map_err(|e| RunError::io("write", LOCAL_DOS.as_ref(), e))?;
        Ok(Self { local, spectra })
    }

    pub fn add_spectra(&mut self, rows: &[SpectrumRow]) -> Result<(), RunError> {
        if let Some(spectra) = &mut self.spectra {
            spectra.write(rows)?;
        }
        Ok(())
    }

    pub fn add_local(&mut self, rows: &[LocalDosRow<'_>]) -> Result<(), RunError> {
        for row in rows {
            self.local.write(row).map_err(|e| RunError::io("write", LOCAL_DOS.as_ref(), e))?;
        }
        Ok(())
    }

    /// Completes every table and registers it in the pack.
    pub fn finish(self, pack: &mut PackWriter) -> Result<(), PackError> {
        pack.finish_file(self.local.into_inner())?;
        if let Some(spectra) = self.spectra {
            pack.finish_table(spectra)?;
        }
        Ok(())
    }
}

/// Writes `dos_curve.csv`.
pub(super) fn write_dos(pack: &mut PackWriter, points: &[DosPoint]) -> Result<(), RunError> {
    let failed = |e: io::Error| RunError::io("write", DOS.as_ref(), e);
    let mut table = DosCsv::new(pack.create_file(DOS)?).map_err(failed)?;
    for point in points {
        table.write(point).map_err(failed)?;
    }
    pack.finish_file(table.into_inner())?;
    Ok(())
}

/// Writes `missing_decoy_scores.csv`.
pub(super) fn write_missing(
    pack: &mut PackWriter,
    coverage: &ScoresCoverage,
) -> Result<(), RunError> {
    let failed = |e: io::Error| RunError::io("write", "missing_decoy_scores.csv".as_ref(), e);
    let mut file = pack.create_file("missing_decoy_scores.csv")?;
    coverage.write_missing(&mut file).map_err(failed)?;
    pack.finish_file(file)?;
    Ok(())
}
