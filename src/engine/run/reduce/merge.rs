//! The tables of a pack while shards are merged into it.

use std::io;

use hetero2_audit::CoverageStats;
use hetero2_chemistry::operator::EdgeWeights;
use hetero2_common::files::{AtomicFile, FileDigest};
use hetero2_contract::FormulaText;
use hetero2_evidence::pack::csv::{
    DosCsv, DosPoint, EdgeWeightColumns, HardnessCsv, InputFiles, LocalDosCsv, LocalDosRow,
    OperatorFeaturesCsv, SummaryCsv,
};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow, Status};
use hetero2_evidence::pack::tables::TableWriter;
use hetero2_evidence::pack::{PackError, PackWriter};

use crate::run::config::Artifacts;
use crate::run::error::RunError;
use crate::run::plan::Plan;

/// Which tables a pack has, and with which columns.
pub(crate) struct PackOptions {
    weights: EdgeWeightColumns,
    full: bool,
    score_mode: &'static str,
    physics: String,
    formulas: FormulaText,
    files: InputFiles,
}

impl PackOptions {
    pub fn of(plan: &Plan) -> Self {
        let config = &plan.config;
        let files = plan.library_files.iter().map(|file| (file.name.clone(), file.rows));
        Self {
            files: InputFiles::new(files),
            weights: match config.edge_weights {
                EdgeWeights::Unweighted => EdgeWeightColumns::Absent,
                _ => EdgeWeightColumns::Present,
            },
            full: config.artifacts == Artifacts::Full,
            score_mode: config.score_mode.as_str(),
            physics: config.physics.to_string(),
            formulas: config.formula_text,
        }
    }
}

/// Rows of the CSV tables of molecules.
pub(crate) struct MoleculeText {
    summary: SummaryCsv<Vec<u8>>,
    features: OperatorFeaturesCsv<Vec<u8>>,
}

impl MoleculeText {
    pub fn new(options: &PackOptions) -> Self {
        Self {
            summary: SummaryCsv::part(options.weights, options.files.clone())
                .with_formulas(options.formulas),
            features: OperatorFeaturesCsv::part(options.weights).with_formulas(options.formulas),
        }
    }

    pub fn add(&mut self, row: &MoleculeRow) -> Result<(), RunError> {
        self.summary.write(row).map_err(writing(SUMMARY_CSV))?;
        if row.status == Status::Ok {
            self.features.write(row).map_err(writing(FEATURES))?;
        }
        Ok(())
    }
}

/// Rows of the CSV table of decoys, where a pack has one.
pub(crate) struct DecoyText(Option<HardnessCsv<Vec<u8>>>);

impl DecoyText {
    pub fn new(options: &PackOptions) -> Self {
        Self(options.full.then(|| {
            HardnessCsv::part(options.score_mode, &options.physics).with_formulas(options.formulas)
        }))
    }

    pub fn add(&mut self, row: &DecoyRow) -> Result<(), RunError> {
        let Some(pairs) = &mut self.0 else { return Ok(()) };
        pairs.write(row).map_err(writing(PAIRS))
    }
}

/// Adapter for `map_err` on results of writing a CSV table.
fn writing(name: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |e| RunError::io("write", name.as_ref(), e)
}

const SUMMARY_CSV: &str = "summary.csv";
const FEATURES: &str = "operator_features.csv";
const PAIRS: &str = "hardness_curve.csv";
const MISSING: &str = "missing_decoy_scores.csv";

/// Open tables of a pack that depend on scores.
pub(crate) struct AuditedTables {
    summary: SummaryCsv<AtomicFile>,
    features: OperatorFeaturesCsv<AtomicFile>,
    molecules: TableWriter<MoleculeRow>,
    decoys: TableWriter<DecoyRow>,
    /// Of full packs only.
    pairs: Option<HardnessCsv<AtomicFile>>,
}

impl AuditedTables {
    pub fn create(pack: &mut PackWriter, options: &PackOptions) -> Result<Self, RunError> {
        let mut pairs = None;
        if options.full {
            let file = pack.create_file(PAIRS)?;
            let table = HardnessCsv::new(file, options.score_mode, &options.physics);
            pairs = Some(table.map_err(writing(PAIRS))?);
        }
        Ok(Self {
            summary: SummaryCsv::of_files(
                pack.create_file(SUMMARY_CSV)?,
                options.weights,
                options.files.clone(),
            )
            .map_err(writing(SUMMARY_CSV))?,
            features: OperatorFeaturesCsv::new(pack.create_file(FEATURES)?, options.weights)
                .map_err(writing(FEATURES))?,
            molecules: pack.create_table("summary.parquet")?,
            decoys: pack.create_table("decoys.parquet")?,
            pairs,
        })
    }

    /// Appends molecules, and their rows of the CSV tables.
    pub fn add_molecules(
        &mut self,
        rows: &[Vec<MoleculeRow>],
        text: MoleculeText,
    ) -> Result<(), RunError> {
        let Self { summary, features, molecules, .. } = self;
        let csv =
            || rayon::join(|| summary.append(text.summary), || features.append(text.features));
        let table = || rows.iter().try_for_each(|rows| molecules.write(rows));
        let ((summary, features), table) = rayon::join(csv, table);
        summary.map_err(writing(SUMMARY_CSV))?;
        features.map_err(writing(FEATURES))?;
        Ok(table?)
    }

    /// Appends decoys, and their rows of the CSV table.
    pub fn add_decoys<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a DecoyRow>,
        text: DecoyText,
    ) -> Result<(), RunError> {
        if let Some((pairs, text)) = self.pairs.as_mut().zip(text.0) {
            pairs.append(text).map_err(writing(PAIRS))?;
        }
        Ok(self.decoys.write_each(rows)?)
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
pub(crate) const LOCAL_DOS: &str = "ldos_summary.csv";
/// Densities of the run, in every pack with eigenvalues.
pub(crate) const DOS: &str = "dos_curve.csv";
/// Eigenvalues, in full packs.
pub(crate) const SPECTRA: &str = "spectra.parquet";

/// Rows of the table of local densities.
pub(crate) struct LocalText(LocalDosCsv<Vec<u8>>);

impl LocalText {
    pub fn new(formulas: FormulaText) -> Self {
        Self(LocalDosCsv::part().with_formulas(formulas))
    }

    pub fn add(&mut self, row: &LocalDosRow<'_>) -> Result<(), RunError> {
        self.0.write(row).map_err(writing(LOCAL_DOS))
    }
}

/// Open tables of a pack that follow from spectra alone.
pub(crate) struct SpectralTables {
    local: LocalDosCsv<AtomicFile>,
    /// Of full packs only.
    spectra: Option<TableWriter<SpectrumRow>>,
    formulas: FormulaText,
}

impl SpectralTables {
    pub fn create(pack: &mut PackWriter, options: &PackOptions) -> Result<Self, RunError> {
        let spectra = options.full.then(|| pack.create_table(SPECTRA)).transpose()?;
        let local = LocalDosCsv::new(pack.create_file(LOCAL_DOS)?).map_err(writing(LOCAL_DOS))?;
        Ok(Self { local, spectra, formulas: options.formulas })
    }

    /// How text that could be a formula is written.
    pub fn formulas(&self) -> FormulaText {
        self.formulas
    }

    /// Appends spectra, and their rows of the table of local densities.
    pub fn add(&mut self, rows: &[SpectrumRow], text: LocalText) -> Result<(), RunError> {
        if let Some(spectra) = &mut self.spectra {
            spectra.write(rows)?;
        }
        self.local.append(text.0).map_err(writing(LOCAL_DOS))
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
pub(crate) fn write_dos(pack: &mut PackWriter, points: &[DosPoint]) -> Result<(), RunError> {
    let mut table = DosCsv::new(pack.create_file(DOS)?).map_err(writing(DOS))?;
    for point in points {
        table.write(point).map_err(writing(DOS))?;
    }
    pack.finish_file(table.into_inner())?;
    Ok(())
}

/// Writes `missing_decoy_scores.csv`.
pub(crate) fn write_missing(
    pack: &mut PackWriter,
    coverage: &CoverageStats,
) -> Result<(), RunError> {
    let mut file = pack.create_file(MISSING)?;
    coverage.write_missing(&mut file).map_err(writing(MISSING))?;
    pack.finish_file(file)?;
    Ok(())
}
