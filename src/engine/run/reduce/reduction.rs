//! Reduction: checks every shard, merges them in row order in bounded memory,
//! and writes the pack.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use hetero2_common::ordered::in_order;
use hetero2_contract::evidence::{EvidenceReason, EvidenceVerdict};
use hetero2_contract::{CountedReason, StatusCounts};
use hetero2_evidence::outcomes::CostLiftOutcome;
use hetero2_evidence::pack::csv::DosPoint;
use hetero2_evidence::pack::manifest::{Provenance, ProvenanceNotes, ZIP};
use hetero2_evidence::pack::report;
use hetero2_evidence::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2_evidence::pack::{PackWriter, ZipOutput};
use hetero2_spectra::dos::EnergyRange;

use super::aggregate::Aggregate;
use super::checks::{check_pack, check_scores, check_shards};
use super::command_scores::{self, ScoringReport};
use super::dos::{Curves, Densities};
use super::finalize_rows::FinalizeRows;
use super::merge::{self, AuditedTables, DecoyText, LocalText, PackOptions, SpectralTables};
use super::outcomes::Outcomes;
use super::row_groups::{self, AuditedGroups, RowGroups};
use super::summarise::{self, Finished};
use crate::run::config::{ConclusionKind, ScoreMode};
use crate::run::error::RunError;
use crate::run::evidence::{
    Concluded, EvidencePart, EvidenceRun, Stored, TrainingSet, write_controls,
};
use crate::run::layout::RunDir;
use crate::run::observer::{Event, Observer};
use crate::run::plan::{InputFile, Plan};
use crate::run::provenance::{self, Started};
use crate::run::request::{PackOutput, Reports};
use crate::run::shard::{Attempt, ShardRecord, ShardState, inspect_shard};

/// What a finished run says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Rows by status.
    pub counts: StatusCounts,
    /// Reasons of SKIP and ERROR rows, most frequent first.
    pub top_reasons: Vec<(CountedReason, u64)>,
    /// Where scores came from: `mock` or `external_scores`.
    pub score_mode: ScoreMode,
    /// OK rows that have a verdict of PASS or FAIL.
    pub rows_audited: u64,
    /// Share of PASS among OK rows with a verdict, 0 to 1.
    pub pass_rate: Option<f64>,
    /// Median slack of OK rows.
    pub median_slack: Option<f64>,
    /// Directory of the pack.
    pub pack: PathBuf,
    /// Content digest of the pack.
    pub content_digest: String,
    /// Wall time of this call, seconds.
    pub seconds: f64,
    /// Rows computed by this call per second.
    pub rows_per_second: f64,
    /// Whether the pack was there before this call.
    pub already_complete: bool,
    /// What the pack concludes, in one sentence.
    pub verdict: Option<String>,
    /// The verdict on the scores, where there is one.
    pub evidence: Option<EvidenceVerdict>,
    /// Its reasons.
    pub reasons: Vec<EvidenceReason>,
    /// What came of the molecules that a command scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scoring: Option<ScoringReport>,
}

/// What [`reduce`] needs to know besides the plan.
pub(crate) struct Reduction<'a> {
    pub dir: &'a RunDir,
    pub plan: &'a Plan,
    pub output: &'a PackOutput,
    pub started: Started,
}

/// Directory that the pack comes to lie in.
pub(crate) fn pack_path(dir: &RunDir, output: &PackOutput) -> PathBuf {
    output.pack.clone().unwrap_or_else(|| dir.pack())
}

/// Merges the shards of a plan into its pack.
///
/// # Errors
/// [`RunError::Incomplete`] names the shards that are missing or not whole;
/// other errors are of reading and writing.
pub(crate) fn reduce(
    reduction: &Reduction<'_>,
    observer: &dyn Observer,
) -> Result<RunReport, RunError> {
    let Reduction { dir, plan, output, started } = reduction;
    observer.event(Event::Reducing { rows: plan.rows });
    let records = check_shards(dir, plan)?;
    let mut range = EnergyRange::default();
    records.iter().for_each(|record| range.merge(record.energies));
    let destination = pack_path(dir, output);
    let mut pack = PackWriter::create(&destination)?;
    let densities = Densities::new(range)?;
    let mut aggregate = Aggregate::new(&plan.config);
    let options = PackOptions::of(plan);
    let mut tables = AuditedTables::create(&mut pack, &options)?;
    let mut spectral = SpectralTables::create(&mut pack, &options)?;
    let outcomes = Outcomes::load(dir, plan)?;
    let evidence = evidence_of(dir, plan, outcomes.as_ref(), None)?;
    let mut gathered = evidence.as_ref().map(EvidenceRun::begin);
    // Without decoys there is nothing that only the whole run knows of a row.
    let twice = plan.config.decoys > 0;
    let audits = || {
        if twice {
            let groups = row_groups::audited(dir, &records);
            let sink = AuditSink {
                options: &options,
                tables: &mut tables,
                aggregate: &mut aggregate,
                evidence: evidence.as_ref(),
                gathered: gathered.as_mut(),
            };
            merge_audits(groups, sink, observer)?;
            check_scores(dir, plan, &aggregate)?;
        }
        let q_values = aggregate.null_expectation.q_values();
        let mut finalizing = FinalizeRows::new(tables, &options, q_values, outcomes.as_ref())?;
        let molecules = row_groups::molecules(dir, &records);
        finalizing.add(molecules, (!twice).then_some(&mut aggregate), observer)?;
        Ok::<_, RunError>(finalizing)
    };
    let spectra = || {
        let densities = densities.as_ref();
        let merge = |densities| {
            let blocks = row_groups::spectra(dir, &records);
            merge_spectra(blocks, &mut spectral, densities, observer)
        };
        densities.map(merge).transpose()
    };
    let (finalizing, dos) = rayon::join(audits, spectra);
    let cost_lift = finalizing?.finish(&mut pack)?;
    let dos = dos?;
    spectral.finish(&mut pack)?;
    if let Some(points) = &dos {
        merge::write_dos(&mut pack, points)?;
    }
    let budget = plan.truth.as_ref().map(|truth| truth.budget as u64);
    let concluded = evidence.as_ref().zip(gathered).map(|(run, part)| run.conclude(part, budget));
    let conclusion = Conclusion {
        dir,
        plan,
        evidence: concluded.as_ref(),
        reports: output.reports,
        zip: output.zip,
        aggregate: &aggregate,
        cost_lift: cost_lift.as_ref(),
        dos: dos.as_deref(),
        destination: &destination,
        started: *started,
    };
    conclusion.finish(pack, &provenance_of(reduction, &records))
}

/// What is left to say when all tables of a pack are written.
pub(crate) struct Conclusion<'a> {
    pub dir: &'a RunDir,
    pub plan: &'a Plan,
    /// What the run concludes, where it does.
    pub evidence: Option<&'a Concluded>,
    pub reports: Reports,
    pub zip: ZipOutput,
    pub aggregate: &'a Aggregate,
    pub cost_lift: Option<&'a CostLiftOutcome>,
    pub dos: Option<&'a [DosPoint]>,
    pub destination: &'a Path,
    pub started: Started,
}

impl Conclusion<'_> {
    /// Writes the documents and puts the pack in its place.
    pub fn finish(
        &self,
        mut pack: PackWriter,
        provenance: &Provenance,
    ) -> Result<RunReport, RunError> {
        let Self { plan, aggregate, destination, .. } = self;
        let evidence = self.evidence.map(|concluded| &concluded.evidence);
        let summary = summarise::summary(plan, aggregate, self.dos, self.cost_lift, self.evidence);
        self.write_documents(&mut pack, &summary)?;
        let digest = pack.finish(summarise::manifest_body(plan), provenance, self.zip)?;
        if let Some(previous) = &digest.previous {
            tracing::warn!("what lay in {} is now {}", destination.display(), previous.display());
        }
        let slack = aggregate.slack.report();
        let seconds = self.started.seconds();
        Ok(RunReport {
            counts: aggregate.counts,
            top_reasons: aggregate.top_reasons(),
            score_mode: summary.scores,
            rows_audited: aggregate.audited,
            pass_rate: slack.pass_rate_ok.filter(|_| aggregate.audited > 0),
            median_slack: slack.median_slack_ok,
            pack: destination.to_path_buf(),
            content_digest: digest.content_digest.to_string(),
            seconds,
            rows_per_second: plan.rows as f64 / seconds.max(1e-9),
            already_complete: false,
            verdict: evidence.map(|evidence| report::conclusion(evidence).headline),
            evidence: evidence.map(|evidence| evidence.verdict),
            reasons: evidence.map(|evidence| evidence.reasons.clone()).unwrap_or_default(),
            scoring: ScoringReport::of(provenance),
        })
    }

    fn write_documents(
        &self,
        pack: &mut PackWriter,
        summary: &report::PackSummary,
    ) -> Result<(), RunError> {
        if let Some(scores) = &self.plan.scores {
            let name = summarise::scores_name(&scores.name);
            pack.add_file(&name, &self.dir.input(&scores.sha256.to_string()))?;
        }
        if self.plan.config.score_mode == ScoreMode::ExternalScores {
            merge::write_missing(pack, &self.aggregate.coverage)?;
        }
        if let Some(concluded) = self.evidence {
            write_controls(pack, concluded)?;
        }
        pack.add_json("metrics.json", &summary.metrics)?;
        pack.add_json("summary_metadata.json", &summary.metadata)?;
        pack.add_bytes("hardness_curve.md", report::hardness_md(summary).as_bytes())?;
        if self.reports == Reports::Written {
            pack.add_bytes("index.md", report::index_md(summary).as_bytes())?;
            pack.add_bytes("index.html", report::index_html(summary).as_bytes())?;
        }
        Ok(())
    }
}

/// The controls of a run and what it concludes of them, where its configuration
/// asks for that and its scores are a model's.
pub(crate) fn evidence_of<'a>(
    dir: &RunDir,
    plan: &Plan,
    outcomes: Option<&'a Outcomes>,
    stored: Option<Stored>,
) -> Result<Option<EvidenceRun<'a>>, RunError> {
    let config = &plan.config;
    let asked = config.conclusion == ConclusionKind::Evidence;
    if !asked || config.score_mode == ScoreMode::Mock {
        return Ok(None);
    }
    let read =
        |file: &InputFile| TrainingSet::read(&dir.input(&file.sha256.to_string()), &file.name);
    // What an earlier pack stores needs no training molecules again.
    let training = plan.training.as_ref().filter(|_| stored.is_none());
    let training = training.map(read).transpose()?;
    let rule = plan.truth.as_ref().and_then(|truth| truth.active_if);
    let audited = config.audit_top.map_or(plan.rows, |top| plan.rows.min(top.into()));
    Ok(Some(EvidenceRun::new(audited, outcomes.map(Outcomes::truth), rule, training, stored)))
}

/// Some molecules of a run, and their decoys.
struct Audited {
    sum: Aggregate,
    decoys: Vec<DecoyRow>,
    text: DecoyText,
    evidence: Option<EvidencePart>,
}

/// Where audits are gathered.
struct AuditSink<'a> {
    options: &'a PackOptions,
    tables: &'a mut AuditedTables,
    aggregate: &'a mut Aggregate,
    evidence: Option<&'a EvidenceRun<'a>>,
    gathered: Option<&'a mut EvidencePart>,
}

/// Gathers what only the whole run knows, and writes the decoys.
fn merge_audits(
    groups: impl Iterator<Item = Result<AuditedGroups, RunError>> + Send,
    sink: AuditSink<'_>,
    observer: &dyn Observer,
) -> Result<(), RunError> {
    let AuditSink { options, tables, aggregate, evidence, mut gathered } = sink;
    let none = aggregate.empty();
    let work = |groups: AuditedGroups| {
        observer.check_cancelled()?;
        audited(&groups, options, none.empty(), evidence)
    };
    let take = |Audited { sum, decoys, text, evidence }| {
        aggregate.merge(sum);
        if let Some((gathered, evidence)) = gathered.as_deref_mut().zip(evidence) {
            gathered.merge(evidence);
        }
        tables.add_decoys(&decoys, text)
    };
    in_order(groups, work, take)
}

fn audited(
    groups: &AuditedGroups,
    options: &PackOptions,
    mut sum: Aggregate,
    evidence: Option<&EvidenceRun<'_>>,
) -> Result<Audited, RunError> {
    let mut molecules: Vec<MoleculeRow> = Vec::new();
    for rows in groups.molecules.read()? {
        let rows = rows?;
        rows.iter().for_each(|row| sum.add_row(row));
        if evidence.is_some() {
            molecules.extend(rows);
        }
    }
    let mut decoys: Vec<DecoyRow> = Vec::new();
    for rows in groups.decoys.read()? {
        decoys.extend(rows?);
    }
    decoys.chunk_by(|a, b| a.row == b.row).for_each(|of_row| sum.add_decoys(of_row));
    let mut text = DecoyText::new(options);
    decoys.iter().try_for_each(|decoy| text.add(decoy))?;
    let evidence = evidence.map(|run| run.gather(&molecules, &decoys));
    Ok(Audited { sum, decoys, text, evidence })
}

/// Writes spectra and local densities; returns the densities of the run.
fn merge_spectra(
    blocks: impl Iterator<Item = Result<RowGroups<SpectrumRow>, RunError>> + Send,
    tables: &mut SpectralTables,
    densities: &Densities,
    observer: &dyn Observer,
) -> Result<Vec<DosPoint>, RunError> {
    let mut curves = densities.empty_curves();
    let formulas = tables.formulas();
    let work = |block: RowGroups<SpectrumRow>| {
        observer.check_cancelled()?;
        let mut rows: Vec<SpectrumRow> = Vec::new();
        for some in block.read()? {
            rows.extend(some?);
        }
        let mut text = LocalText::new(formulas);
        rows.iter().try_for_each(|row| text.add(&densities.local(row)))?;
        Ok::<_, RunError>((densities.block_curves(&rows), rows, text))
    };
    let take = |(block, rows, text): (Curves, Vec<SpectrumRow>, LocalText)| {
        curves.merge(&block)?;
        tables.add(&rows, text)
    };
    in_order(blocks, work, take)?;
    Ok(densities.points(&curves))
}

fn provenance_of(reduction: &Reduction<'_>, records: &[ShardRecord]) -> Provenance {
    let Reduction { plan, output, started, .. } = reduction;
    let seconds = started.seconds();
    let attempts = || records.iter().map(|record| &record.attempt);
    let computing: f64 = attempts().map(|attempt| attempt.seconds).sum();
    let distinct = |values: BTreeSet<&str>| values.into_iter().map(str::to_owned).collect();
    let time = |now: String| Some(output.timestamp.clone().unwrap_or(now));
    Provenance {
        started_at: time(started.timestamp()),
        finished_at: time(Started::now().timestamp()),
        runtime_s_total: Some(seconds),
        // Other processes may have computed the shards.
        throughput_rows_per_s: Some(plan.rows as f64 / seconds.max(computing).max(1e-9)),
        hosts: distinct(attempts().filter_map(|attempt| attempt.host.as_deref()).collect()),
        devices: distinct(attempts().map(|attempt| attempt.device.as_str()).collect()),
        spectra: attempts().filter_map(|attempt| attempt.spectra).reduce(|mut sum, counts| {
            sum += counts;
            sum
        }),
        threads: attempts().map(|attempt| attempt.threads).max(),
        shards: Some(plan.shards.len() as u64),
        scheduler: Some(provenance::scheduler().into()),
        library_origins: plan.library_origins.clone(),
        notes: ProvenanceNotes {
            computing_s: Some(computing),
            score_command: plan.scorer.as_ref().map(|it| command_scores::note_of(it, records)),
            core_hours: Some(attempts().map(Attempt::core_seconds).sum::<f64>() / 3_600.0),
            peak_memory: attempts().filter_map(|attempt| attempt.peak_memory).max(),
            further: output.notes.clone(),
            ..ProvenanceNotes::default()
        },
    }
}

/// The report of a pack that an earlier call finished, if it is there and whole.
/// One that is damaged is made again where its shards or records are there still.
///
/// # Errors
/// [`RunError::DamagedPack`] where they are not.
pub(crate) fn finished(
    dir: &RunDir,
    plan: &Plan,
    output: &PackOutput,
) -> Result<Option<RunReport>, RunError> {
    let path = pack_path(dir, output);
    let found = match summarise::read_finished(&path, plan)? {
        Finished::Nothing => return Ok(None),
        Finished::Whole(found) => check_pack(&path).map(|()| found),
        Finished::Damaged(why) => Err(RunError::DamagedPack { path: path.clone(), why }),
    };
    match found {
        Err(error) if all_records_there(dir, plan) || all_shards_there(dir, plan) => {
            tracing::warn!("making the pack again: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(found) => {
            let zipped = path.join(ZIP).exists();
            let is_other = zipped != output.zip.is_wanted(summarise::unzipped_bytes(&path)?);
            Ok((!(is_other && all_shards_there(dir, plan))).then_some(*found))
        }
    }
}

fn all_records_there(dir: &RunDir, plan: &Plan) -> bool {
    plan.packed.iter().all(|packed| dir.library().join(&packed.file.name).is_file())
}

fn all_shards_there(dir: &RunDir, plan: &Plan) -> bool {
    let digest = plan.digest();
    let is_there = |shard| matches!(inspect_shard(dir, &digest, shard), ShardState::Done(_));
    plan.shards.iter().all(is_there)
}
