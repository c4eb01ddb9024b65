//! New scores against the decoys and spectra that a pack already holds: the
//! pack that a run with those scores gives, without its chemistry.

use std::collections::VecDeque;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use hetero2_audit::{DecoyHash, ScoreTable};
use hetero2_common::files::{Sha256Digest, parent_of};
use hetero2_common::threads::on_threads;
use hetero2_contract::{Reason, Warning};
use hetero2_evidence::pack::csv::{DosPoint, read_dos};
use hetero2_evidence::pack::manifest::{MANIFEST, Manifest, Provenance, ProvenanceNotes};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, Status};
use hetero2_evidence::pack::tables::{TableReader, TableWriter, bytes_of};
use hetero2_evidence::pack::{PackSource, PackWriter, ZipOutput, verify};
use hetero2_library::BLOCK_ROWS;

use crate::run::config::{Artifacts, CONFIG_SCHEMA, RunConfig, ScoreMode};
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer, Silent};
use crate::run::plan::{InputFile, PLAN_SCHEMA, Plan, PlannedTruth, copy_scores, create_dir};
use crate::run::provenance::{self, Started};
use crate::run::reduce;
use crate::run::reduce::{
    Aggregate, AuditedTables, COST_LIFT, Conclusion, DOS, DecoyText, FinalizeRows, LOCAL_DOS,
    Outcomes, PackOptions, RunReport, SPECTRA, TRUTH, molecules_of,
};
use crate::run::request::{Reports, TruthInput};
use crate::run::shard::{RowScoring, audit_row, load_table};

/// Most decoys of one row; a run makes no more.
const MAX_DECOYS: usize = 10_000;
/// Files of a pack that are made again here, besides the scores; those of known
/// outcomes only where outcomes are given.
const MADE_AGAIN: [&str; 13] = [
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
];
/// Files of a pack that do not depend on scores.
const COPIED: [&str; 3] = [LOCAL_DOS, DOS, SPECTRA];
/// Bytes of rows after which a wave is audited and written.
const WAVE_BYTES: usize = 32 << 20;

/// Which scores to audit against which decoys.
#[derive(Debug, Clone)]
pub struct RescoreRequest {
    /// Directory or zip of the pack that holds decoys and spectra.
    pub pack: PathBuf,
    /// Scores for all rows.
    pub scores: PathBuf,
    /// Expected SHA-256 of the scores, hexadecimal.
    pub scores_sha256: Option<String>,
    /// Known outcomes to hold the audits against.
    pub truth: Option<TruthInput>,
    /// Directory of the new pack; it must not exist, or be empty.
    pub out: PathBuf,
    /// Whether to zip the new pack.
    pub zip: ZipOutput,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
}

/// Audits new scores against the decoys of a pack and writes a whole new pack,
/// which has the content digest of a run with the same library, configuration
/// and those scores.
///
/// The pack is verified first. Tables that follow from spectra alone are copied
/// byte for byte. Memory is bounded by the scores and two waves of rows for each
/// thread.
///
/// # Errors
/// [`RunError`]; nothing is left at the destination then.
pub fn rescore(request: &RescoreRequest, observer: &dyn Observer) -> Result<RunReport, RunError> {
    on_threads(request.threads, || rescore_in_pool(request, observer))?
}

fn rescore_in_pool(
    request: &RescoreRequest,
    observer: &dyn Observer,
) -> Result<RunReport, RunError> {
    let started = Started::now();
    refuse_occupied(&request.out)?;
    let mut old = OldPack::open(&request.pack)?;
    let parent = parent_of(&request.out);
    create_dir(parent)?;
    // Vanishes when this function ends, however it ends.
    let work = tempfile::Builder::new()
        .prefix(".hetero2-audit-")
        .tempdir_in(parent)
        .map_err(|e| RunError::io("create", parent, e))?;
    let dir = RunDir::new(work.path());
    create_dir(&dir.inputs())?;
    let scores = copy_scores(&request.scores, request.scores_sha256.as_deref(), &dir)?;
    let table = load_table(&dir, &scores)?;
    let score_key = table.score_key().map(str::to_owned);
    let truth = request.truth.as_ref().map(|truth| PlannedTruth::take(truth, &dir)).transpose()?;
    if truth.is_none() && old.source.entries().contains_key(TRUTH) {
        tracing::warn!("the known outcomes of the pack are left out, since none were given");
    }
    let plan = Plan { score_key, truth, ..old.plan(scores)? };
    observer.event(Event::Reducing { rows: plan.rows });
    let mut pack = PackWriter::create(&request.out)?;
    let staged = work.path().join("molecules.parquet");
    let options = PackOptions::of(&plan.config);
    let tables = AuditedTables::create(&mut pack, &options)?;
    let (aggregate, tables) =
        audit_all(&mut old, &plan, &table, tables, &options, &staged, observer)?;
    let outcomes = Outcomes::load(&dir, &plan)?;
    let q_values = aggregate.null_expectation.q_values();
    let mut finalizing = FinalizeRows::new(tables, &options, q_values, outcomes.as_ref())?;
    finalizing.add(molecules_of(&staged)?.into_iter().map(Ok), None, &Silent)?;
    let cost_lift = finalizing.finish(&mut pack)?;
    let dos = old.copy_spectral(&plan.config, &mut pack)?;
    let conclusion = Conclusion {
        dir: &dir,
        plan: &plan,
        reports: old.reports(),
        zip: request.zip,
        aggregate: &aggregate,
        cost_lift: cost_lift.as_ref(),
        dos: dos.as_deref(),
        destination: &request.out,
        started,
    };
    conclusion.finish(pack, &provenance_of(&old.manifest, started, plan.rows))
}

/// Evidence is never overwritten: the place must be free.
fn refuse_occupied(out: &Path) -> Result<(), RunError> {
    let occupied = || RunError::Occupied { path: out.to_owned() };
    match fs::read_dir(out) {
        Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(occupied())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(occupied()),
        Err(e) => Err(RunError::io("read", out, e)),
    }
}

/// The pack that is audited again; it has been verified.
struct OldPack {
    path: PathBuf,
    source: PackSource,
    manifest: Manifest,
}

impl OldPack {
    fn open(path: &Path) -> Result<Self, RunError> {
        let none = |source| RunError::NoPack { path: path.to_owned(), source };
        let report = verify(path).map_err(none)?;
        if let Some(check) = report.failures().next() {
            let why = format!("{}: {}", check.name, check.detail);
            return Err(RunError::DamagedPack { path: path.to_owned(), why });
        }
        let mut source = PackSource::open(path)?;
        let manifest = source.json(MANIFEST)?;
        Ok(Self { path: path.to_owned(), source, manifest })
    }

    fn refuse(&self, why: impl Into<String>) -> RunError {
        RunError::NotRescorable { path: self.path.clone(), why: why.into() }
    }

    fn damaged(&self, why: impl Into<String>) -> RunError {
        RunError::DamagedPack { path: self.path.clone(), why: why.into() }
    }

    /// The plan of the run that the new pack is of.
    fn plan(&self, scores: InputFile) -> Result<Plan, RunError> {
        let body = &self.manifest.body;
        if body.tool.version != hetero2_contract::version::VERSION {
            return Err(self.refuse(format!(
                "version {} made it, this is {}: audit it with that version, or run again",
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
        let library = body.inputs.iter().find(|input| input.role == "library");
        let library = library.ok_or_else(|| self.damaged("its manifest names no library"))?;
        let rows = body.notes.rows;
        let rows = rows.ok_or_else(|| self.damaged("its manifest does not say how many rows"))?;
        let options = body.notes.read_options.clone().unwrap_or_default();
        let unreadable = |e: serde_json::Error| self.damaged(format!("notes of its manifest: {e}"));
        let plan = Plan {
            schema_version: PLAN_SCHEMA.into(),
            tool_version: hetero2_contract::version::VERSION.into(),
            tool_commit: hetero2_contract::version::commit().into(),
            config: RunConfig { score_mode: ScoreMode::ExternalScores, ..config },
            read_options: serde_json::from_value(options).map_err(unreadable)?,
            library: InputFile {
                name: library.name.clone(),
                bytes: library.digest.bytes,
                sha256: library.digest.sha256,
            },
            scores: Some(scores),
            score_key: None,
            truth: None,
            row_scores: std::collections::BTreeMap::new(),
            rows,
            packed: Vec::new(),
            shards: Vec::new(),
        };
        if reduce::manifest_body(&plan).atom_table_sha256 != body.atom_table_sha256 {
            return Err(self.refuse("another atom table made it: run again"));
        }
        Ok(plan)
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

    fn reports(&self) -> Reports {
        match self.source.entries().contains_key("index.html") {
            true => Reports::Written,
            false => Reports::Omitted,
        }
    }

    /// Copies what follows from spectra alone; returns the densities.
    fn copy_spectral(
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
type Row = (MoleculeRow, Vec<DecoyRow>);

/// Audits every row; writes its decoys into the pack, and the molecules into the
/// table at `staged`.
fn audit_all(
    old: &mut OldPack,
    plan: &Plan,
    scores: &ScoreTable,
    tables: AuditedTables,
    options: &PackOptions,
    staged: &Path,
    observer: &dyn Observer,
) -> Result<(Aggregate, AuditedTables), RunError> {
    let molecules = TableReader::from_batches(old.source.table("summary.parquet")?)?;
    let mut decoys = DecoysByRow {
        table: TableReader::from_batches(old.source.table("decoys.parquet")?)?,
        waiting: VecDeque::new(),
    };
    let mut sink = Sink {
        config: &plan.config,
        scores,
        tables,
        options,
        molecules: TableWriter::create_passing(staged)?,
        aggregate: Aggregate::new(&plan.config),
        wave: Vec::new(),
        bytes: 0,
        observer,
    };
    let mut rows = 0;
    for batch in molecules {
        let batch: Vec<MoleculeRow> = batch?;
        for molecule in batch {
            if let Some(reason @ (Reason::MissingScoresInput | Reason::ScoresInput(_))) =
                &molecule.reason
            {
                return Err(old.refuse(format!(
                    "row {} ended as {reason}, so it has no decoys to score: run again with these scores",
                    molecule.row
                )));
            }
            if molecule.row != rows {
                let found = molecule.row;
                return Err(old.damaged(format!("row {found} where row {rows} is due")));
            }
            let found = decoys.of(&molecule)?.map_err(|why| old.damaged(why))?;
            rows += 1;
            sink.add((molecule, found)).map_err(|e| e.into_run_error(old))?;
        }
    }
    sink.flush().map_err(|e| e.into_run_error(old))?;
    if rows != plan.rows || !decoys.is_empty()? {
        return Err(old.damaged("its tables do not have the rows that its manifest says"));
    }
    sink.molecules.finish()?;
    Ok((sink.aggregate, sink.tables))
}

/// Trouble with a wave: of the run, or of the pack's content.
enum WaveError {
    Run(RunError),
    Content(String),
}

impl WaveError {
    fn into_run_error(self, old: &OldPack) -> RunError {
        match self {
            Self::Run(error) => error,
            Self::Content(why) => old.damaged(why),
        }
    }
}

impl From<RunError> for WaveError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// Audits rows a wave at a time and writes them in order.
struct Sink<'a> {
    config: &'a RunConfig,
    scores: &'a ScoreTable,
    tables: AuditedTables,
    options: &'a PackOptions,
    /// Molecules wait here until all rows are known.
    molecules: TableWriter<MoleculeRow>,
    aggregate: Aggregate,
    wave: Vec<Row>,
    /// Bytes that the rows of the wave hold.
    bytes: usize,
    observer: &'a dyn Observer,
}

impl Sink<'_> {
    fn add(&mut self, row: Row) -> Result<(), WaveError> {
        self.bytes += bytes_of(&row.0) + row.1.iter().map(bytes_of).sum::<usize>();
        self.wave.push(row);
        if self.bytes >= WAVE_BYTES || self.wave.len() >= BLOCK_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WaveError> {
        self.observer.check_cancelled()?;
        let mut wave = mem::take(&mut self.wave);
        self.bytes = 0;
        wave.par_iter_mut()
            .try_for_each(|row| audit_again(self.config, self.scores, row))
            .map_err(WaveError::Content)?;
        let mut text = DecoyText::new(self.options);
        let mut sum = self.aggregate.empty();
        for (molecule, decoys) in &wave {
            sum.add_row(molecule);
            sum.add_decoys(decoys);
            decoys.iter().try_for_each(|decoy| text.add(decoy))?;
        }
        self.aggregate.merge(sum);
        self.tables.add_decoys(wave.iter().flat_map(|(_, decoys)| decoys), text)?;
        self.molecules
            .write_each(wave.iter().map(|(molecule, _)| molecule))
            .and_then(|()| self.molecules.end_group())
            .map_err(RunError::from)?;
        self.observer.event(Event::Reduced { rows: wave.len() as u64 });
        Ok(())
    }
}

/// Replaces what a row says of its scores.
fn audit_again(
    config: &RunConfig,
    scores: &ScoreTable,
    (molecule, decoys): &mut Row,
) -> Result<(), String> {
    if molecule.status != Status::Ok {
        return Ok(());
    }
    let hash = |decoy: &DecoyRow| {
        let wrong = |_| format!("row {}: {:?} is no decoy hash", decoy.row, decoy.decoy_hash);
        decoy.decoy_hash.parse().map_err(wrong)
    };
    let hashes: Vec<DecoyHash> = decoys.iter().map(hash).collect::<Result<_, _>>()?;
    let old = mem::take(&mut molecule.warnings);
    let mut warnings = old.into_iter().filter(|warning| !warning.is_of_scores()).collect();
    let audit = audit_row(config, &hashes, &RowScoring::Table(scores), molecule, &mut warnings);
    audit.fill(decoys);
    molecule.warnings = Warning::in_order(warnings);
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
            Status::Ok => molecule.n_decoys.unwrap_or_default() as usize,
            Status::Skip | Status::Error => 0,
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

fn provenance_of(old: &Manifest, started: Started, rows: u64) -> Provenance {
    let seconds = started.seconds();
    let source: Sha256Digest = old.content_digest;
    Provenance {
        started_at: Some(started.timestamp()),
        finished_at: Some(Started::now().timestamp()),
        runtime_s_total: Some(seconds),
        throughput_rows_per_s: Some(rows as f64 / seconds.max(1e-9)),
        hosts: provenance::host().into_iter().collect(),
        // No spectra were computed.
        devices: Vec::new(),
        spectra: None,
        threads: Some(rayon::current_num_threads() as u64),
        shards: None,
        scheduler: Some("local".into()),
        notes: ProvenanceNotes {
            audited_pack_content_digest: Some(source),
            ..ProvenanceNotes::default()
        },
    }
}
