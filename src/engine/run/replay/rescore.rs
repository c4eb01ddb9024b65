//! New scores against the decoys and spectra that a pack already holds: the
//! pack that a run with those scores gives, without its chemistry.

use std::collections::BTreeMap;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use hetero2_audit::evidence::LastOfTop;
use hetero2_audit::{DecoyHash, ScoreTable};
use hetero2_common::files::{Left, Scratch, Sha256Digest, parent_of, sweep};
use hetero2_common::threads::on_threads;
use hetero2_contract::{Reason, Warning};
use hetero2_evidence::pack::manifest::{Manifest, Provenance, ProvenanceNotes};
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, Status};
use hetero2_evidence::pack::tables::{TableWriter, bytes_of};
use hetero2_evidence::pack::{PackWriter, ZipOutput};
use hetero2_library::BLOCK_ROWS;

use super::score_pack::{kept_beside, score_pack};
use super::stored_pack::{Row, StoredPack, each_row};
use crate::run::config::{RunConfig, ScoreMode};
use crate::run::error::RunError;
use crate::run::evidence::{EvidencePart, EvidenceRun};
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer, Silent};
use crate::run::plan::{
    Plan, PlannedTruth, copy_scores, create_dir, planned_scorer, take_training,
};
use crate::run::provenance::{self, Started};
use crate::run::reduce::{
    Aggregate, AuditedTables, Conclusion, DecoyText, FinalizeRows, Outcomes, PackOptions,
    RunReport, TRUTH, check_scores, evidence_of, keep_scores, molecules_of, note,
};
use crate::run::request::{ScorerInput, TruthInput};
use crate::run::shard::{RowScoring, audit_row, last_of_rows, load_table};

/// Bytes of rows after which a wave is audited and written.
const WAVE_BYTES: usize = 32 << 20;

/// Where the scores of an audit come from.
#[derive(Debug, Clone, PartialEq)]
pub enum NewScores {
    /// A file.
    File(PathBuf),
    /// A command, which scores the molecules of the pack and their decoys.
    Command(ScorerInput),
}

impl From<PathBuf> for NewScores {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// Which scores to audit against which decoys.
#[derive(Debug, Clone)]
pub struct RescoreRequest {
    /// Directory or zip of the pack that holds decoys and spectra.
    pub pack: PathBuf,
    /// Scores for all rows.
    pub scores: NewScores,
    /// Expected SHA-256 of the scores, hexadecimal.
    pub scores_sha256: Option<String>,
    /// Known outcomes to hold the audits against.
    pub truth: Option<TruthInput>,
    /// Molecules that the model was trained on.
    pub training: Option<PathBuf>,
    /// Audit only so many originals, the best by the new scores; all without it.
    pub audit_top: Option<u32>,
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
    let parent = parent_of(&request.out);
    let name = parent.join("hetero2-audit");
    sweep(parent, name.file_name(), Left::ByTheDead)?;
    refuse_occupied(&request.out)?;
    let mut old = StoredPack::verified(&request.pack)?;
    create_dir(parent)?;
    // Vanishes when this function ends, however it ends.
    let work = Scratch::beside(&name)?;
    let dir = RunDir::new(work.path());
    create_dir(&dir.inputs())?;
    let planned = old.plan()?;
    let (scores, command) = match &request.scores {
        NewScores::File(path) => (copy_scores(path, request.scores_sha256.as_deref(), &dir)?, None),
        NewScores::Command(scorer) => {
            let command = planned_scorer(scorer)?;
            let source = old.manifest.content_digest.to_string();
            let kept = kept_beside(&request.out, &command, &source);
            let config = RunConfig { audit_top: request.audit_top, ..planned.config.clone() };
            let asked = (&config, planned.rows);
            let found = score_pack(&mut old, asked, &scorer.command, &kept, observer)?;
            (keep_scores(&dir, &found.scores)?, Some((command, found)))
        }
    };
    let table = load_table(&dir, &scores)?;
    let score_key = table.score_key().map(str::to_owned);
    let truth = request.truth.as_ref().map(|truth| PlannedTruth::take(truth, &dir)).transpose()?;
    if truth.is_none() && old.source.entries().contains_key(TRUTH) {
        tracing::warn!("the known outcomes of the pack are left out, since none were given");
    }
    let training = request.training.as_deref().map(|path| take_training(path, &dir)).transpose()?;
    let plan = planned;
    if request.audit_top.is_none() && plan.config.audit_top.is_some() {
        tracing::warn!("all originals are audited, not only the best as in the pack");
    }
    let keeps_controls = request.audit_top.is_none() && plan.config.audit_top.is_none();
    if training.is_none() && plan.training.is_some() {
        tracing::warn!("the training molecules of the pack are left out: they are another model's");
    }
    let config = RunConfig {
        score_mode: ScoreMode::ExternalScores,
        audit_top: request.audit_top,
        ..plan.config
    };
    config.validate()?;
    let audit_last = last_of_rows(&config, &table, old.ids()?)?;
    let plan = Plan {
        config,
        audit_last,
        scores: Some(scores),
        score_key,
        truth,
        training,
        row_scores: BTreeMap::new(),
        ..plan
    };
    observer.event(Event::Reducing { rows: plan.rows });
    let mut pack = PackWriter::create(&request.out)?;
    let staged = work.path().join("molecules.parquet");
    let options = PackOptions::of(&plan);
    let tables = AuditedTables::create(&mut pack, &options)?;
    let outcomes = Outcomes::load(&dir, &plan)?;
    // Controls are of the molecules that were audited.
    let keeps_controls = keeps_controls && old.has_controls_of(&plan);
    let stored = if keeps_controls { old.controls()? } else { None };
    let evidence = evidence_of(&dir, &plan, outcomes.as_ref(), stored)?;
    let audits =
        Audits { scores: Scores::Table(&table), options: &options, evidence: evidence.as_ref() };
    let (aggregate, tables, gathered) =
        audit_all(&mut old, &plan, &audits, tables, &staged, observer)?;
    check_scores(&dir, &plan, &aggregate)?;
    let q_values = aggregate.null_expectation.q_values();
    let mut finalizing = FinalizeRows::new(tables, &options, q_values, outcomes.as_ref())?;
    finalizing.add(molecules_of(&staged)?.into_iter().map(Ok), None, &Silent)?;
    let cost_lift = finalizing.finish(&mut pack)?;
    let dos = old.copy_spectral(&plan.config, &mut pack)?;
    let budget = plan.truth.as_ref().map(|truth| truth.budget as u64);
    let concluded = evidence.as_ref().zip(gathered).map(|(run, part)| run.conclude(part, budget));
    let conclusion = Conclusion {
        dir: &dir,
        plan: &plan,
        evidence: concluded.as_ref(),
        reports: old.reports(),
        zip: request.zip,
        aggregate: &aggregate,
        cost_lift: cost_lift.as_ref(),
        dos: dos.as_deref(),
        destination: &request.out,
        started,
    };
    let mut provenance = provenance_of(&old.manifest, started, plan.rows);
    let noted = command.as_ref().map(|(planned, found)| note(planned, found.counts.clone()));
    provenance.notes.score_command = noted;
    let report = conclusion.finish(pack, &provenance)?;
    if let Some((_, found)) = &command {
        found.done();
    }
    Ok(report)
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

/// What rows are audited with.
#[derive(Clone, Copy)]
pub(super) enum Scores<'a> {
    /// They are audited already.
    Kept,
    /// These scores instead of those that they were audited with.
    Table(&'a ScoreTable),
}

/// How rows are audited.
#[derive(Clone, Copy)]
pub(super) struct Audits<'a> {
    pub scores: Scores<'a>,
    pub options: &'a PackOptions,
    /// What gathers rows for a conclusion, where there is one.
    pub evidence: Option<&'a EvidenceRun<'a>>,
}

/// Audits every row; writes its decoys into the pack, and the molecules into the
/// table at `staged`.
pub(super) fn audit_all(
    old: &mut StoredPack,
    plan: &Plan,
    audits: &Audits<'_>,
    tables: AuditedTables,
    staged: &Path,
    observer: &dyn Observer,
) -> Result<(Aggregate, AuditedTables, Option<EvidencePart>), RunError> {
    let mut sink = Sink {
        config: &plan.config,
        last: plan.audit_last,
        audits: *audits,
        tables,
        gathered: audits.evidence.map(EvidenceRun::begin),
        molecules: TableWriter::create_passing(staged)?,
        aggregate: Aggregate::new(&plan.config),
        wave: Vec::new(),
        bytes: 0,
        observer,
    };
    each_row(old, plan.rows, |old, (molecule, decoys)| {
        if let Some(reason @ (Reason::MissingScoresInput | Reason::ScoresInput(_))) =
            &molecule.reason
            && matches!(audits.scores, Scores::Table(_))
        {
            return Err(old.refuse(format!(
                "row {} ended as {reason}, so it has no decoys to score: run again with these scores",
                molecule.row
            )));
        }
        sink.add((molecule, decoys)).map_err(|e| e.into_run_error(old))
    })?;
    sink.flush().map_err(|e| e.into_run_error(old))?;
    sink.molecules.finish()?;
    Ok((sink.aggregate, sink.tables, sink.gathered))
}

/// Trouble with a wave: of the run, or of the pack's content.
enum WaveError {
    Run(RunError),
    Content(String),
}

impl WaveError {
    fn into_run_error(self, old: &StoredPack) -> RunError {
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
    last: Option<LastOfTop>,
    audits: Audits<'a>,
    tables: AuditedTables,
    gathered: Option<EvidencePart>,
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
        if let Scores::Table(scores) = self.audits.scores {
            wave.par_iter_mut()
                .try_for_each(|row| audit_again(self.config, self.last.as_ref(), scores, row))
                .map_err(WaveError::Content)?;
        }
        let mut text = DecoyText::new(self.audits.options);
        let mut sum = self.aggregate.empty();
        for (molecule, decoys) in &wave {
            sum.add_row(molecule);
            sum.add_decoys(decoys);
            decoys.iter().try_for_each(|decoy| text.add(decoy))?;
        }
        self.aggregate.merge(sum);
        // A run without decoys has nothing to conclude from, and gathers no row.
        if self.config.decoys > 0
            && let Some((run, gathered)) = self.audits.evidence.zip(self.gathered.as_mut())
        {
            let rows: Vec<(&MoleculeRow, &[DecoyRow])> =
                wave.iter().map(|(molecule, decoys)| (molecule, &decoys[..])).collect();
            gathered.merge(run.gather_each(&rows));
        }
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
    last: Option<&LastOfTop>,
    scores: &ScoreTable,
    (molecule, decoys): &mut Row,
) -> Result<(), String> {
    if molecule.status != Status::Ok {
        if !molecule.keeps_unaudited_decoys() {
            return Ok(());
        }
        // Only its score was missing or too low, which may be otherwise with these.
        molecule.status = Status::Ok;
        molecule.reason = None;
    }
    let hash = |decoy: &DecoyRow| {
        let wrong = |_| format!("row {}: {:?} is no decoy hash", decoy.row, decoy.decoy_hash);
        decoy.decoy_hash.parse().map_err(wrong)
    };
    let hashes: Vec<DecoyHash> = decoys.iter().map(hash).collect::<Result<_, _>>()?;
    let old = mem::take(&mut molecule.warnings);
    let mut warnings = old.into_iter().filter(|warning| !warning.is_of_scores()).collect();
    let scoring = RowScoring::Table(scores);
    let audit = audit_row(config, last, &hashes, &scoring, molecule, &mut warnings);
    audit.fill(decoys);
    molecule.warnings = Warning::in_order(warnings);
    Ok(())
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
        library_origins: Vec::new(),
        notes: ProvenanceNotes {
            audited_pack_content_digest: Some(source),
            ..ProvenanceNotes::default()
        },
    }
}
