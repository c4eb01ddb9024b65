//! From a run's aggregates to what the metrics, the report and the manifest
//! say.

use std::path::Path;

use serde_json::{Map, Value, json};

use hetero2_audit::{
    Estimate, HardnessBin, HardnessStats, Interpretation, MethodResult, RankingQuality,
    ScoresCoverage,
};
use hetero2_chemistry::operator::AtomTable;
use hetero2_common::files::Sha256Digest;
use hetero2_common::rounding::round8;
use hetero2_evidence::outcomes::CostLiftOutcome;
use hetero2_evidence::pack::csv::{DosPoint, MissingDecoy};
use hetero2_evidence::pack::manifest::{Input, Manifest, ManifestParts, Seeds, Tool};
use hetero2_evidence::pack::report::{self, BinSummary, Histogram, PackSummary, RowExcerpt};
use hetero2_spectra::dos::KERNEL_WIDTH;
use hetero2_spectra::features::ENTROPY_BETA;

use super::aggregate::{AUC_BINS, Aggregate, BINS};
use super::gallery::gallery;
use super::reduction::RunReport;
use super::top_rows::Kept;
use crate::run::config::{RunConfig, ScoreMode, SeedStrategy};
use crate::run::error::RunError;
use crate::run::plan::{InputFile, Plan, RowScores};

/// Note of the manifest: the budget that known outcomes are compared with.
pub(crate) const BUDGET: &str = "truth_budget";

/// What the metrics and the report are made of.
pub(crate) fn summary(
    plan: &Plan,
    aggregate: &Aggregate,
    dos: Option<&[DosPoint]>,
    cost_lift: Option<&CostLiftOutcome>,
) -> PackSummary {
    let config = &plan.config;
    PackSummary {
        counts: aggregate.counts,
        reasons: aggregate.top_reasons(),
        config: config_value(config),
        scores: match config.score_mode {
            ScoreMode::Mock => report::ScoreMode::Mock,
            ScoreMode::ExternalScores => report::ScoreMode::External,
        },
        physics: report::PhysicsSettings {
            physics_mode: config.physics.to_string(),
            edge_weight_mode: config.edge_weights.to_string(),
            potential_mode: "static".into(),
            potential_scale_gamma: config.potential_scale,
            potential_unit_model: "dimensionless".into(),
            physics_entropy_beta: ENTROPY_BETA,
        },
        slack: slack(aggregate),
        hardness: hardness(&aggregate.hardness),
        chance: aggregate.chance.summary(),
        scores_coverage: (config.score_mode == ScoreMode::ExternalScores)
            .then(|| coverage(&aggregate.coverage)),
        outcomes: cost_lift.map(outcomes),
        dos: dos.map(|points| report::DosSummary { eta: KERNEL_WIDTH, points: points.to_vec() }),
        slack_histogram: histogram(-1.0, 0.05, BINS, aggregate.slack.values()),
        auc_histogram: histogram(0.0, 1.0, AUC_BINS, aggregate.auc.iter()),
        tanimoto_histogram: histogram(0.0, 1.0, BINS, aggregate.hardness.tanimoto_counts()),
        top: excerpts(&aggregate.ranking.top),
        bottom: excerpts(&aggregate.ranking.bottom),
        gallery: gallery(&aggregate.ranking),
        first: aggregate.ranking.first.clone(),
        // The commit is the manifest's: equal evidence must read the same
        // whichever commit computed it.
        tool: Tool { commit: None, ..tool(plan) },
        inputs: inputs(plan),
        extra_metrics: Map::new(),
        extra_metadata: Map::new(),
    }
}

fn excerpts(kept: &[Kept]) -> Vec<RowExcerpt> {
    kept.iter().map(|kept| kept.excerpt.clone()).collect()
}

/// The manifest, but for the files.
pub(crate) fn manifest_parts(plan: &Plan) -> ManifestParts {
    let config = &plan.config;
    let strategy = match config.seed_strategy {
        SeedStrategy::Global => "global",
        SeedStrategy::PerRow => "per_row",
    };
    let mut notes = Map::new();
    notes.insert("rows".into(), plan.rows.into());
    if let Some(key) = &plan.score_key {
        notes.insert("score_key".into(), key.as_str().into());
    }
    if let Some(truth) = &plan.truth {
        notes.insert(BUDGET.into(), truth.budget.into());
    }
    notes.insert("read_options".into(), json!(plan.read_options));
    ManifestParts {
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
    let extension = Path::new(given)
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .filter(|e| ["json", "csv", "parquet"].contains(&e.as_str()));
    format!("scores.{}", extension.unwrap_or_else(|| "json".into()))
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
    inputs.extend(plan.scores.iter().map(|file| input("scores", file)));
    inputs.extend(plan.truth.iter().map(|truth| input("truth", &truth.file)));
    inputs.extend(plan.row_scores.values().filter_map(|scores| match scores {
        RowScores::Copied(file) => Some(input("row_scores", file)),
        RowScores::Unusable(_) => None,
    }));
    inputs
}

fn slack(aggregate: &Aggregate) -> report::SlackStatistics {
    let found = aggregate.slack.report();
    report::SlackStatistics {
        rows_ok: found.rows_ok,
        rows_ok_with_slack: found.rows_ok_with_slack,
        rows_ok_with_verdict: found.rows_ok_with_verdict,
        rows_pass: aggregate.slack.rows_passed(),
        rows_fail: aggregate.audited - aggregate.slack.rows_passed(),
        mean_slack_ok: found.mean_slack_ok.map(round8),
        median_slack_ok: found.median_slack_ok.map(round8),
        p25_slack_ok: found.p25_slack_ok.map(round8),
        p75_slack_ok: found.p75_slack_ok.map(round8),
        pass_rate_ok: found.pass_rate_ok.map(round8),
    }
}

fn hardness(stats: &HardnessStats) -> report::HardnessSummary {
    let bin = |bin: HardnessBin| BinSummary {
        pairs_total: stats.pairs_total(bin),
        pairs_scored: stats.pairs_scored(bin),
        auc: stats.auc(bin).map(round8),
    };
    let found = stats.report();
    report::HardnessSummary {
        easy: bin(HardnessBin::Easy),
        medium: bin(HardnessBin::Medium),
        hard: bin(HardnessBin::Hard),
        unknown: bin(HardnessBin::Unknown),
        tanimoto_median: found.tanimoto_median.map(round8),
        hard_pairs_min_n: found.hard_pairs_min_n,
        interpretation: match found.auc_interpretation {
            Interpretation::InconclusiveDecoysTooEasy => {
                report::AucInterpretation::InconclusiveDecoysTooEasy
            }
            Interpretation::IllusionConfirmed => report::AucInterpretation::IllusionConfirmed,
            Interpretation::SuccessSignalOnHard => report::AucInterpretation::SuccessSignalOnHard,
        },
        interpretation_reason: word(found.auc_interpretation_reason),
    }
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

/// A plain enum as it is published.
fn word(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn coverage(coverage: &ScoresCoverage) -> report::ScoresCoverage {
    let found = coverage.report();
    report::ScoresCoverage {
        decoys_total: found.decoys_total,
        decoys_scored: found.decoys_scored,
        decoys_missing: found.decoys_missing,
        missing_decoy_hashes_top10: found
            .missing_decoy_hashes_top10
            .iter()
            .map(|decoy| MissingDecoy {
                decoy_hash: decoy.decoy_hash.to_string(),
                decoy_smiles: decoy.decoy_smiles.to_owned(),
                rows_affected: decoy.count_rows_affected,
            })
            .collect(),
        rows_total: found.rows_total,
        rows_with_scores_input: found.rows_with_scores_input,
        rows_missing_scores_input: found.rows_missing_scores_input,
        rows_with_missing_decoys: found.rows_with_missing_decoys,
        unique_missing_decoy_hashes: found.unique_missing_decoy_hashes as u64,
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

/// The report of a finished pack of this plan, from its own files; `None`
/// where there is none, or another.
pub(crate) fn read_finished(path: &Path, plan: &Plan) -> Result<Option<RunReport>, RunError> {
    let read = |name: &str| -> Option<Value> {
        serde_json::from_slice(&std::fs::read(path.join(name)).ok()?).ok()
    };
    let manifest: Option<Manifest> =
        read("manifest.json").and_then(|value| serde_json::from_value(value).ok());
    let (Some(manifest), Some(metrics)) = (manifest, read("metrics.json")) else {
        return Ok(None);
    };
    let whole = manifest.files.iter().all(|file| {
        let found = std::fs::metadata(path.join(&file.name));
        found.is_ok_and(|found| found.len() == file.digest.bytes)
    });
    if manifest.parts != manifest_parts(plan) || !whole {
        return Ok(None);
    }
    let slack = &metrics["audit_slack_stats_ok"];
    let audited = slack["rows_ok_with_slack"].as_u64().unwrap_or_default();
    let count = |status: &str| metrics["counts"][status].as_u64().unwrap_or_default();
    Ok(Some(RunReport {
        counts: report::StatusCounts {
            ok: count("OK"),
            skip: count("SKIP"),
            error: count("ERROR"),
        },
        top_reasons: serde_json::from_value(metrics["top_reasons"].clone()).unwrap_or_default(),
        score_mode: metrics["config"]["score_mode"].as_str().unwrap_or_default().to_owned(),
        rows_audited: audited,
        pass_rate: slack["pass_rate_ok"].as_f64().filter(|_| audited > 0),
        median_slack: slack["median_slack_ok"].as_f64(),
        pack: path.to_path_buf(),
        content_digest: manifest.content_digest.to_string(),
        seconds: 0.0,
        rows_per_second: 0.0,
        already_complete: true,
    }))
}
