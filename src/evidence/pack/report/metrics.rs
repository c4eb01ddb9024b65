//! `metrics.json` and `summary_metadata.json`.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{BinSummary, HardnessSummary, PackSummary, text};
use crate::pack::rows::HardnessBin;

/// Version of the layout of `metrics.json`.
pub const METRICS_SCHEMA: &str = "hetero2_metrics.v1";
/// Version of the layout of `summary_metadata.json`.
pub const METADATA_SCHEMA: &str = "hetero2_summary_metadata.v1";

const INTERPRETATION_SCHEMA: &str = "auc_interpretation.v1";

/// The content of `metrics.json`; what is undefined is `null`.
#[must_use]
pub fn metrics(summary: &PackSummary) -> Value {
    let mut slack = json!(summary.slack);
    slack["schema_version"] = json!("audit_slack_stats.v1");
    let mut realism = interpretation(&summary.hardness);
    realism.extend(object(json!({
        "hard_pairs_min_n": summary.hardness.hard_pairs_min_n,
        "tanimoto_bins": { "easy_max_exclusive": 0.5, "medium_max_exclusive": 0.7 },
    })));
    let mut metrics = object(json!({
        "schema_version": METRICS_SCHEMA,
        "rows_total": summary.counts.total(),
        "counts": summary.counts,
        "top_reasons": text::sorted_reasons(summary),
        "config": summary.config,
        "audit_slack_stats_ok": slack,
        "decoy_realism": realism,
        "significance": summary.chance.to_json(),
    }));
    if let Some(coverage) = &summary.scores_coverage {
        metrics.insert("scores_coverage".to_owned(), json!(coverage));
    }
    with_extra(metrics, &summary.extra_metrics)
}

/// The content of `summary_metadata.json`: verdicts and run-level aggregates.
#[must_use]
pub fn summary_metadata(summary: &PackSummary) -> Value {
    let mut metadata = interpretation(&summary.hardness);
    metadata.extend(object(json!(summary.physics)));
    metadata.insert("schema_version".to_owned(), json!(METADATA_SCHEMA));
    if let Some(dos) = &summary.dos {
        metadata.extend(object(json!({
            "dos_ldos_schema": "hetero2_dos_ldos.v1",
            "dos_eta": dos.eta,
            "dos_grid_n": dos.points.len(),
            "dos_energy_min": dos.points.first().map(|p| p.energy),
            "dos_energy_max": dos.points.last().map(|p| p.energy),
        })));
    }
    with_extra(metadata, &summary.extra_metadata)
}

fn interpretation(hardness: &HardnessSummary) -> Map<String, Value> {
    object(json!({
        "auc_interpretation": hardness.interpretation.as_str(),
        "auc_interpretation_reason": hardness.interpretation_reason,
        "auc_interpretation_schema": INTERPRETATION_SCHEMA,
        "auc_tie_aware_by_bin": by_bin(hardness, |bin| bin.auc),
        "pairs_scored_by_bin": by_bin(hardness, |bin| bin.pairs_scored),
        "pairs_total_by_bin": by_bin(hardness, |bin| bin.pairs_total),
        "tanimoto_median": hardness.tanimoto_median,
    }))
}

fn by_bin<T: Serialize>(hardness: &HardnessSummary, pick: fn(&BinSummary) -> T) -> Value {
    let pair = |bin: HardnessBin| (bin.as_str().to_owned(), json!(pick(hardness.bin(bin))));
    HardnessBin::ALL.into_iter().map(pair).collect::<Map<_, _>>().into()
}

/// Keys that the summary brings along; the layout's own come first.
fn with_extra(mut own: Map<String, Value>, extra: &Map<String, Value>) -> Value {
    for (key, value) in extra {
        own.entry(key.clone()).or_insert_with(|| value.clone());
    }
    own.into()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
