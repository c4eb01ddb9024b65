//! From a run's aggregates to what the metrics, the report and the manifest
//! say.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use hetero2_audit::{Estimate, MethodResult, RankingQuality};
use hetero2_chemistry::operator::AtomTable;
use hetero2_common::files::Sha256Digest;
use hetero2_common::rounding::round8;
use hetero2_contract::evidence::Evidence;
use hetero2_contract::hardness::DecoyRealism;
use hetero2_contract::manifest::LIBRARY_FILE;
use hetero2_contract::metrics::METRICS_SCHEMA;
use hetero2_contract::scores::ScoresCoverage;
use hetero2_contract::summary_metadata::{DOS_SCHEMA, METADATA_SCHEMA};
use hetero2_contract::{Metrics, SummaryMetadata};
use hetero2_evidence::outcomes::CostLiftOutcome;
use hetero2_evidence::pack::csv::DosPoint;
use hetero2_evidence::pack::manifest::{
    CHECKSUMS, Input, MANIFEST, Manifest, ManifestBody, ManifestNotes, PROVENANCE, Provenance,
    Seeds, Tool, ZIP,
};
use hetero2_evidence::pack::report::{self, Concludes, Histogram, PackSummary, RowExcerpt};
use hetero2_spectra::dos::KERNEL_WIDTH;
use hetero2_spectra::features::ENTROPY_BETA;

use super::aggregate::{AUC_BINS, Aggregate, BINS};
use super::command_scores::ScoringReport;
use super::gallery::gallery;
use super::reduction::RunReport;
use super::top_rows::Kept;
use crate::run::config::{ConclusionKind, RunConfig, ScoreMode, SeedStrategy};
use crate::run::error::RunError;
use crate::run::evidence::Concluded;
use crate::run::plan::{InputFile, Plan, RowScores};
use crate::run::shard::COMPRESSED;

/// What the metrics and the report are made of.
pub(crate) fn summary(
    plan: &Plan,
    aggregate: &Aggregate,
    dos: Option<&[DosPoint]>,
    cost_lift: Option<&CostLiftOutcome>,
    concluded: Option<&Concluded>,
) -> PackSummary {
    PackSummary {
        metrics: metrics(plan, aggregate, concluded.map(|found| &found.evidence)),
        metadata: metadata(plan, aggregate, dos),
        scores: plan.config.score_mode,
        model: plan.score_key.clone(),
        library: plan.library.name.clone(),
        outcomes: cost_lift.map(outcomes),
        budget: concluded.and_then(|found| found.budget.clone()),
        roc: concluded.map(|found| found.roc.clone()).unwrap_or_default(),
        audit_top: plan.config.audit_top,
        concludes: match plan.config.conclusion {
            ConclusionKind::Published => Concludes::AsPublished,
            ConclusionKind::Evidence => Concludes::Verdict,
        },
        dos: dos.map(<[DosPoint]>::to_vec),
        slack_histogram: histogram(-1.0, 0.05, BINS, aggregate.slack.values()),
        auc_histogram: histogram(0.0, 1.0, AUC_BINS, aggregate.auc.iter()),
        null_auc: aggregate.null_expectation.null_auc(),
        tanimoto_histogram: histogram(0.0, 1.0, BINS, aggregate.hardness.tanimoto_counts()),
        top: excerpts(&aggregate.top_rows.top),
        bottom: excerpts(&aggregate.top_rows.bottom),
        gallery: gallery(&aggregate.top_rows),
        first: aggregate.top_rows.first.clone(),
        // The commit is the manifest's: equal evidence must read the same
        // whichever commit computed it.
        tool: Tool { commit: None, ..tool(plan) },
        inputs: inputs(plan),
    }
}

fn metrics(plan: &Plan, aggregate: &Aggregate, evidence: Option<&Evidence>) -> Metrics {
    let DecoyRealism { interpretation, hard_pairs_min_n, tanimoto_bins } =
        aggregate.hardness.report();
    Metrics {
        schema_version: METRICS_SCHEMA.into(),
        rows_total: aggregate.counts.total(),
        counts: aggregate.counts,
        top_reasons: aggregate.top_reasons(),
        rows_with_fragments_left_out: plan
            .config
            .connectivity
            .chooses()
            .then_some(aggregate.fragments_left_out),
        config: config_value(&plan.config),
        audit_slack_stats_ok: aggregate.slack.report().rounded(round8),
        decoy_realism: DecoyRealism {
            interpretation: interpretation.rounded(round8),
            hard_pairs_min_n,
            tanimoto_bins,
        },
        significance: aggregate.null_expectation.summary(),
        scores_coverage: (plan.config.score_mode == ScoreMode::ExternalScores)
            .then(|| coverage(aggregate)),
        evidence: evidence.cloned(),
    }
}

fn coverage(aggregate: &Aggregate) -> ScoresCoverage {
    ScoresCoverage {
        rows_original_score_defaulted: aggregate.defaulted,
        ..aggregate.coverage.report()
    }
}

fn metadata(plan: &Plan, aggregate: &Aggregate, dos: Option<&[DosPoint]>) -> SummaryMetadata {
    let config = &plan.config;
    SummaryMetadata {
        schema_version: METADATA_SCHEMA.into(),
        interpretation: aggregate.hardness.report().interpretation.rounded(round8),
        physics_mode: config.physics.to_string(),
        edge_weight_mode: config.edge_weights.to_string(),
        potential_mode: "static".into(),
        potential_scale_gamma: config.potential_scale,
        potential_unit_model: "dimensionless".into(),
        physics_entropy_beta: ENTROPY_BETA,
        dos_ldos_schema: dos.map(|_| DOS_SCHEMA.into()),
        dos_eta: dos.map(|_| KERNEL_WIDTH),
        dos_grid_n: dos.map(|points| points.len() as u64),
        dos_energy_min: dos.and_then(|points| Some(points.first()?.energy)),
        dos_energy_max: dos.and_then(|points| Some(points.last()?.energy)),
    }
}

fn excerpts(kept: &[Kept]) -> Vec<RowExcerpt> {
    kept.iter().map(|kept| kept.excerpt.clone()).collect()
}

/// The manifest, but for the files.
pub(crate) fn manifest_body(plan: &Plan) -> ManifestBody {
    let config = &plan.config;
    let strategy = match config.seed_strategy {
        SeedStrategy::Global => "global",
        SeedStrategy::PerRow => "per_row",
    };
    let notes = ManifestNotes {
        rows: Some(plan.rows),
        score_key: plan.score_key.clone(),
        truth_budget: plan.truth.as_ref().map(|truth| truth.budget as u64),
        truth_active_if: plan
            .truth
            .as_ref()
            .and_then(|truth| truth.active_if)
            .map(|rule| rule.to_string()),
        read_options: Some(serde_json::to_value(&plan.read_options).unwrap_or_default()),
        further: Map::new(),
    };
    ManifestBody {
        tool: tool(plan),
        config: config_value(config),
        seeds: Seeds { seed: config.seed, strategy: strategy.into() },
        inputs: inputs(plan),
        atom_table_sha256: Sha256Digest::from(*AtomTable::embedded().sha256()),
        notes,
    }
}

/// Name of the scores file in the pack: names in a pack are plain, so anything
/// else of the given one is left out.
pub(crate) fn scores_name(given: &str) -> String {
    let given = given.to_ascii_lowercase();
    let packed = COMPRESSED.iter().find(|ending| given.ends_with(*ending)).copied();
    let packed = packed.unwrap_or_default();
    let inner = given.strip_suffix(packed).unwrap_or(&given);
    let extension = inner.rsplit_once('.').map(|(_, extension)| extension);
    let known = extension.filter(|e| ["json", "csv", "tsv", "tab", "parquet", "pq"].contains(e));
    format!("scores.{}{packed}", known.unwrap_or("json"))
}

fn config_value(config: &RunConfig) -> Value {
    // A plain struct of numbers, words and options always serialises.
    serde_json::to_value(config).unwrap_or_default()
}

fn tool(plan: &Plan) -> Tool {
    Tool {
        name: "hetero2".into(),
        version: plan.tool_version.clone(),
        commit: Some(plan.tool_commit.clone()).filter(|commit| commit != "unknown"),
    }
}

fn inputs(plan: &Plan) -> Vec<Input> {
    let input =
        |role: &str, file: &InputFile| Input::new(role, Path::new(&file.name), file.digest());
    let mut inputs = vec![input("library", &plan.library)];
    inputs.extend(plan.library_files.iter().map(|file| Input {
        role: LIBRARY_FILE.into(),
        name: file.name.clone(),
        digest: file.digest(),
        rows: Some(file.rows),
    }));
    inputs.extend(plan.scores.iter().map(|file| input("scores", file)));
    inputs.extend(plan.truth.iter().map(|truth| input("truth", &truth.file)));
    inputs.extend(plan.training.iter().map(|file| input("training", file)));
    inputs.extend(plan.decoys_file.iter().map(|file| input("decoys", file)));
    inputs.extend(plan.row_scores.values().filter_map(|scores| match scores {
        RowScores::Copied(file) => Some(input("row_scores", file)),
        RowScores::Unusable(_) => None,
    }));
    inputs
}

fn outcomes(found: &CostLiftOutcome) -> report::OutcomeSummary {
    let method = |name, found: &MethodResult| report::MethodLine {
        name,
        selected: found.k_effective as u64,
        hits: found.hits as u64,
        rate: report::Interval {
            value: found.hit_rate,
            low: Some(found.ci_low),
            high: Some(found.ci_high),
        },
    };
    let interval = |estimate: &Estimate| report::Interval {
        value: estimate.value,
        low: estimate.ci_low,
        high: estimate.ci_high,
    };
    let ranking = |name, quality: &Option<RankingQuality>| {
        let quality = quality.as_ref()?;
        let enrichment = quality.enrichment.iter();
        Some(report::RankingLine {
            name,
            roc_auc: interval(&quality.roc_auc),
            bedroc: interval(&quality.bedroc),
            enrichment: enrichment.map(|e| (e.fraction, interval(&e.factor))).collect(),
        })
    };
    let (report, rankings) = (&found.report, &found.ranking);
    let curve = &rankings.cost_curve;
    let curves = [
        ("by chance", Some(&curve.by_chance)),
        ("by score", curve.by_score.as_ref()),
        ("PASS first, by score", curve.by_score_plus_audit.as_ref()),
        ("by AUC", Some(&curve.by_auc)),
    ];
    let methods = &report.methods;
    report::OutcomeSummary {
        budget: report.k_requested as u64,
        rows: rankings.rows,
        hits: rankings.hits,
        methods: vec![
            method("by chance", &methods.baseline_random),
            method("by AUC", &methods.baseline_score_only_topk),
            method("by slack, among PASS", &methods.filtered_score_plus_audit_topk),
        ],
        rankings: [
            ranking("by score", &rankings.by_score),
            ranking("PASS first, by score", &rankings.by_score_plus_audit),
            ranking("by AUC", &rankings.by_auc),
        ]
        .into_iter()
        .flatten()
        .collect(),
        budgets: curve.budget.clone(),
        curves: curves.into_iter().filter_map(|(name, hits)| Some((name, hits?.clone()))).collect(),
    }
}

fn histogram(
    low: f64,
    high: f64,
    bins: usize,
    values: impl Iterator<Item = (f64, u64)>,
) -> Histogram {
    let mut histogram = Histogram::new(low, high, bins);
    values.for_each(|(value, count)| histogram.add_many(value, count));
    histogram
}

/// What lies where the pack of a plan shall be.
pub(crate) enum Finished {
    /// Nothing, or something else.
    Nothing,
    /// The pack of this plan, by its documents; its tables were not read.
    Whole(Box<RunReport>),
    /// The pack of this plan, or one whose plan cannot be read, is damaged.
    Damaged(String),
}

/// Looks for the finished pack of this plan, without reading its tables.
pub(crate) fn read_finished(path: &Path, plan: &Plan) -> Result<Finished, RunError> {
    let manifest = match document::<Manifest>(path, MANIFEST) {
        Ok(Some(manifest)) => manifest,
        // Another program's directory, or a pack without its manifest.
        Ok(None) if !path.join(CHECKSUMS).exists() => return Ok(Finished::Nothing),
        Ok(None) => return Ok(Finished::Damaged(format!("{MANIFEST} is missing"))),
        Err(why) => return Ok(Finished::Damaged(why)),
    };
    if manifest.body != manifest_body(plan) {
        return Ok(Finished::Nothing);
    }
    for file in &manifest.files {
        let found = std::fs::metadata(path.join(&file.name));
        if !found.is_ok_and(|found| found.len() == file.digest.bytes) {
            return Ok(Finished::Damaged(format!("{} is missing or cut", file.name)));
        }
    }
    let metrics = match document::<Metrics<RunConfig>>(path, "metrics.json") {
        Ok(Some(metrics)) => metrics,
        Ok(None) => return Ok(Finished::Damaged("metrics.json is missing".to_owned())),
        Err(why) => return Ok(Finished::Damaged(why)),
    };
    Ok(Finished::Whole(Box::new(report_of(path, &manifest, metrics))))
}

/// A document of a pack; `None` where it is not there.
fn document<T: DeserializeOwned>(path: &Path, name: &str) -> Result<Option<T>, String> {
    match std::fs::read(path.join(name)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| format!("{name}: {e}")),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(format!("{name}: {e}")),
    }
}

fn report_of(path: &Path, manifest: &Manifest, metrics: Metrics<RunConfig>) -> RunReport {
    let provenance = document::<Provenance>(path, PROVENANCE).ok().flatten();
    let slack = &metrics.audit_slack_stats_ok;
    let audited = slack.rows_ok_with_slack;
    RunReport {
        counts: metrics.counts,
        score_mode: metrics.config.score_mode,
        rows_audited: audited,
        pass_rate: slack.pass_rate_ok.filter(|_| audited > 0),
        median_slack: slack.median_slack_ok,
        top_reasons: metrics.top_reasons,
        pack: path.to_path_buf(),
        content_digest: manifest.content_digest.to_string(),
        seconds: 0.0,
        rows_per_second: 0.0,
        already_complete: true,
        verdict: metrics.evidence.as_ref().map(|evidence| report::conclusion(evidence).headline),
        evidence: metrics.evidence.as_ref().map(|evidence| evidence.verdict),
        reasons: metrics.evidence.map(|evidence| evidence.reasons).unwrap_or_default(),
        scoring: provenance.as_ref().and_then(ScoringReport::of),
    }
}

/// Bytes of a pack's files without the zip.
///
/// # Errors
/// [`RunError::Io`].
pub(crate) fn unzipped_bytes(pack: &Path) -> Result<u64, RunError> {
    let sum = || -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(pack)? {
            let entry = entry?;
            if entry.file_name() != ZIP {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
    };
    sum().map_err(|error| RunError::io("read", pack, error))
}
