//! A finished pack as the source of another: its plan, its rows in order, and
//! what is copied from it. Knows nothing of how rows are audited.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use hetero2_audit::NotARule;
use hetero2_contract::Metrics;
use hetero2_contract::controls::ControlRow;
use hetero2_contract::manifest::LIBRARY_FILE;
use hetero2_evidence::pack::csv::{DosPoint, read_dos};
use hetero2_evidence::pack::manifest::{MANIFEST, Manifest};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, Status};
use hetero2_evidence::pack::tables::TableReader;
use hetero2_evidence::pack::{PackSource, PackWriter, verify};

use crate::run::config::{Artifacts, CONFIG_SCHEMA, RunConfig};
use crate::run::error::RunError;
use crate::run::evidence::{CONTROLS_CSV, CONTROLS_TABLE, COST_LIFT_V2, Stored};
use crate::run::plan::{InputFile, LibraryFile, PLAN_SCHEMA, Plan, PlannedTruth, RowScores};
use crate::run::reduce::{COST_LIFT, DOS, LOCAL_DOS, SPECTRA, TRUTH, manifest_body};
use crate::run::request::Reports;

/// Most decoys of one row; a run makes no more.
const MAX_DECOYS: usize = 10_000;
/// Files of a pack that are made of its tables, besides the scores; those of known
/// outcomes only where outcomes are given.
pub(super) const MADE_AGAIN: [&str; 16] = [
    "summary.csv",
    "summary.parquet",
    "decoys.parquet",
    "operator_features.csv",
    "hardness_curve.csv",
    "hardness_curve.md",
    "missing_decoy_scores.csv",
    "metrics.json",
    "summary_metadata.json",
    "index.md",
    "index.html",
    TRUTH,
    COST_LIFT,
    CONTROLS_CSV,
    CONTROLS_TABLE,
    COST_LIFT_V2,
];
/// Files of a pack that do not depend on scores.
const COPIED: [&str; 3] = [LOCAL_DOS, DOS, SPECTRA];
/// Role of the scores among the inputs.
pub(super) const ROLE_SCORES: &str = "scores";
/// Role of the known outcomes among the inputs.
pub(super) const ROLE_TRUTH: &str = "truth";

/// The pack that is audited again; it has been verified.
pub(super) struct StoredPack {
    pub path: PathBuf,
    pub source: PackSource,
    pub manifest: Manifest,
}

impl StoredPack {
    /// Opens a pack that must pass verification.
    pub fn verified(path: &Path) -> Result<Self, RunError> {
        let none = |source| RunError::NoPack { path: path.to_owned(), source };
        let report = verify(path).map_err(none)?;
        if let Some(check) = report.failures().next() {
            let why = format!("{}: {}", check.name, check.detail);
            return Err(RunError::DamagedPack { path: path.to_owned(), why });
        }
        Self::open(path)
    }

    /// Opens a pack that has passed verification.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let mut source = PackSource::open(path)?;
        let manifest = source.json(MANIFEST)?;
        Ok(Self { path: path.to_owned(), source, manifest })
    }

    pub fn refuse(&self, why: impl Into<String>) -> RunError {
        RunError::NotRescorable { path: self.path.clone(), why: why.into() }
    }

    pub fn damaged(&self, why: impl Into<String>) -> RunError {
        RunError::DamagedPack { path: self.path.clone(), why: why.into() }
    }

    /// The plan of the run that made the pack, but for its shards. Rows are of
    /// this plan where the pack was made by this version.
    pub fn plan(&self) -> Result<Plan, RunError> {
        let body = &self.manifest.body;
        if body.tool.version != hetero2_contract::version::VERSION {
            return Err(self.refuse(format!(
                "version {} made it, this is {}: take that version, or run again",
                body.tool.version,
                hetero2_contract::version::VERSION
            )));
        }
        let config: RunConfig = serde_json::from_value(body.config.clone())
            .map_err(|e| self.refuse(format!("its configuration is not readable ({e})")))?;
        if config.schema_version != CONFIG_SCHEMA {
            let found = config.schema_version;
            return Err(self.refuse(format!("its configuration is {found}, not {CONFIG_SCHEMA}")));
        }
        config.validate()?;
        self.check_files()?;
        let library = self.inputs("library").next();
        let library = library.ok_or_else(|| self.damaged("its manifest names no library"))?;
        let rows = body.notes.rows;
        let rows = rows.ok_or_else(|| self.damaged("its manifest does not say how many rows"))?;
        let options = body.notes.read_options.clone().unwrap_or_default();
        let unreadable = |e: serde_json::Error| self.damaged(format!("notes of its manifest: {e}"));
        let budget = body.notes.truth_budget.and_then(|budget| usize::try_from(budget).ok());
        let truth = self.inputs(ROLE_TRUTH).next().zip(budget);
        let rule = body.notes.truth_active_if.as_deref().map(str::parse).transpose();
        let active_if = rule.map_err(|e: NotARule| self.damaged(format!("its manifest: {e}")))?;
        let row_scores = self.inputs("row_scores").enumerate();
        let plan = Plan {
            schema_version: PLAN_SCHEMA.into(),
            tool_version: hetero2_contract::version::VERSION.into(),
            tool_commit: hetero2_contract::version::commit().into(),
            config,
            read_options: serde_json::from_value(options).map_err(unreadable)?,
            library,
            library_files: self.library_files()?,
            library_origins: Vec::new(),
            scores: self.inputs(ROLE_SCORES).next(),
            scorer: None,
            score_key: body.notes.score_key.clone(),
            // Its rows say whether they were audited.
            audit_last: None,
            truth: truth.map(|(file, budget)| PlannedTruth { file, budget, active_if }),
            training: self.inputs("training").next(),
            decoys_file: self.inputs("decoys").next(),
            decoys_prepared: None,
            // Only their order is of use: what rows called them is not kept.
            row_scores: row_scores
                .map(|(place, file)| (format!("{place:06}"), RowScores::Copied(file)))
                .collect(),
            rows,
            packed: Vec::new(),
            shards: Vec::new(),
            part: None,
        };
        if manifest_body(&plan).atom_table_sha256 != body.atom_table_sha256 {
            return Err(self.refuse("another atom table made it: run again"));
        }
        Ok(plan)
    }

    /// Inputs of the run by their role.
    fn inputs(&self, role: &str) -> impl Iterator<Item = InputFile> {
        let inputs = self.manifest.body.inputs.iter().filter(move |input| input.role == role);
        inputs.map(|input| InputFile {
            name: input.name.clone(),
            bytes: input.digest.bytes,
            sha256: input.digest.sha256,
        })
    }

    /// The files of a library of several.
    fn library_files(&self) -> Result<Vec<LibraryFile>, RunError> {
        let inputs = &self.manifest.body.inputs;
        let files = inputs.iter().filter(|input| input.role == LIBRARY_FILE).map(|input| {
            let rows = input.rows.ok_or_else(|| {
                self.damaged(format!("its manifest does not say how many rows {} has", input.name))
            })?;
            let (bytes, sha256) = (input.digest.bytes, input.digest.sha256);
            Ok(LibraryFile { name: input.name.clone(), bytes, sha256, rows })
        });
        files.collect()
    }

    /// A file that this module does not know would be missing in the new pack.
    fn check_files(&self) -> Result<(), RunError> {
        let known = |name: &str| {
            MADE_AGAIN.contains(&name) || COPIED.contains(&name) || name.starts_with("scores.")
        };
        match self.manifest.files.iter().find(|file| !known(&file.name)) {
            None => Ok(()),
            Some(file) => Err(self.refuse(format!(
                "it is not known how {} depends on scores: run again with these scores",
                file.name
            ))),
        }
    }

    /// Whether the controls that it stores are those of a pack of this plan with
    /// other scores: of the same outcomes and training molecules. What the latter
    /// leak depends on which outcomes are active, too.
    pub fn has_controls_of(&self, plan: &Plan) -> bool {
        let own = |role: &str| self.inputs(role).next().map(|file| file.sha256);
        let truth = plan.truth.as_ref();
        let training = plan.training.as_ref().map(|file| file.sha256);
        let rule = truth.and_then(|truth| truth.active_if.as_ref()).map(ToString::to_string);
        own(ROLE_TRUTH) == truth.map(|truth| truth.file.sha256)
            && own("training") == training
            && (training.is_none() || self.manifest.body.notes.truth_active_if == rule)
    }

    /// The controls that it stores, if any.
    pub fn controls(&mut self) -> Result<Option<Stored>, RunError> {
        if !self.source.entries().contains_key(CONTROLS_TABLE) {
            return Ok(None);
        }
        let table = TableReader::from_batches(self.source.table(CONTROLS_TABLE)?)?;
        let mut rows: Vec<ControlRow> = Vec::new();
        for batch in table {
            rows.extend(batch?);
        }
        let metrics: Metrics = self.source.json("metrics.json")?;
        Ok(metrics.evidence.map(|evidence| Stored::new(rows, evidence)))
    }

    /// Rows and ids of its molecules, in batches.
    pub fn ids(
        &mut self,
    ) -> Result<impl Iterator<Item = Result<Vec<(u64, String)>, RunError>> + use<>, RunError> {
        let table =
            TableReader::<MoleculeRow>::from_batches(self.source.table("summary.parquet")?)?;
        Ok(table.map(|batch| {
            Ok(batch?.into_iter().map(|molecule| (molecule.row, molecule.id)).collect())
        }))
    }

    pub fn reports(&self) -> Reports {
        match self.source.entries().contains_key("index.html") {
            true => Reports::Written,
            false => Reports::Omitted,
        }
    }

    /// Copies what follows from spectra alone; returns the densities.
    pub fn copy_spectral(
        &mut self,
        config: &RunConfig,
        pack: &mut PackWriter,
    ) -> Result<Option<Vec<DosPoint>>, RunError> {
        self.copy(LOCAL_DOS, pack)?;
        if config.artifacts == Artifacts::Full {
            self.copy(SPECTRA, pack)?;
        }
        if !self.source.entries().contains_key(DOS) {
            return Ok(None);
        }
        self.copy(DOS, pack)?;
        let points = read_dos(&self.source.bytes(DOS)?);
        points.map(Some).ok_or_else(|| self.damaged(format!("{DOS} is no density of states")))
    }

    fn copy(&mut self, name: &str, pack: &mut PackWriter) -> Result<(), RunError> {
        let mut file = pack.create_file(name)?;
        let mut from = self.source.reader(name)?;
        std::io::copy(&mut from, &mut file)
            .map_err(|e| RunError::io("copy", &self.path.join(name), e))?;
        pack.finish_file(file)?;
        Ok(())
    }
}

/// A row with its decoys.
pub(super) type Row = (MoleculeRow, Vec<DecoyRow>);

/// Hands every row of `old` with its decoys to `take`, in order.
pub(super) fn each_row(
    old: &mut StoredPack,
    rows_due: u64,
    mut take: impl FnMut(&StoredPack, Row) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let molecules = TableReader::from_batches(old.source.table("summary.parquet")?)?;
    let mut decoys = DecoysByRow {
        table: TableReader::from_batches(old.source.table("decoys.parquet")?)?,
        waiting: VecDeque::new(),
    };
    let mut rows = 0;
    for batch in molecules {
        let batch: Vec<MoleculeRow> = batch?;
        for molecule in batch {
            if molecule.row != rows {
                let found = molecule.row;
                return Err(old.damaged(format!("row {found} where row {rows} is due")));
            }
            let found = decoys.of(&molecule)?.map_err(|why| old.damaged(why))?;
            rows += 1;
            take(old, (molecule, found))?;
        }
    }
    if rows != rows_due || !decoys.is_empty()? {
        return Err(old.damaged("its tables do not have the rows that its manifest says"));
    }
    Ok(())
}

/// The decoys of a pack, row by row.
struct DecoysByRow {
    table: TableReader<DecoyRow>,
    waiting: VecDeque<DecoyRow>,
}

impl DecoysByRow {
    /// The decoys of the next molecule; the inner error says what is wrong
    /// with the table.
    fn of(&mut self, molecule: &MoleculeRow) -> Result<Result<Vec<DecoyRow>, String>, RunError> {
        let mut found = Vec::new();
        while !self.is_empty()? && self.waiting.front().is_some_and(|d| d.row == molecule.row) {
            found.extend(self.waiting.pop_front());
            if found.len() > MAX_DECOYS {
                return Ok(Err(format!("row {} has too many decoys", molecule.row)));
            }
        }
        let expected = match molecule.status {
            Status::Skip | Status::Error if !molecule.keeps_unaudited_decoys() => 0,
            _ => molecule.n_decoys.unwrap_or_default() as usize,
        };
        if found.len() != expected {
            return Ok(Err(format!(
                "row {} has {} decoys in decoys.parquet, {expected} in summary.parquet",
                molecule.row,
                found.len()
            )));
        }
        Ok(Ok(found))
    }

    /// Whether no decoy is left; reads on where none is waiting.
    fn is_empty(&mut self) -> Result<bool, RunError> {
        while self.waiting.is_empty() {
            match self.table.next() {
                None => return Ok(true),
                Some(rows) => self.waiting.extend(rows?),
            }
        }
        Ok(false)
    }
}
