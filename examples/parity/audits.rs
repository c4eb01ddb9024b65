//! The audit of item sets, and the exact null quantiles.

use std::path::Path;

use hetero2::audit::{AuditSettings, Item, Label, evaluate};
use serde_json::Value;

use crate::Result;
use crate::golden::{csv_rows, json_lines};
use crate::report::{Section, Tally, Target};

pub fn compare(golden: &Path) -> Result<Section> {
    let mut audits = Tally::exact("`audit_items`: the whole audit", Target::Differ(0));
    for (index, case) in json_lines(&golden.join("audit_items.jsonl.gz"))?.iter().enumerate() {
        let ours = match evaluate(&items_of(case), &settings_of(case)) {
            Ok(audit) => serde_json::to_value(audit)?,
            Err(_) => Value::Null,
        };
        let mut theirs = case["out"].clone();
        if let Some(fields) = theirs.as_object_mut() {
            // Provenance of the record, not results.
            fields.remove("version");
            fields.remove("dataset_id");
        }
        if !case["error"].is_null() {
            theirs = Value::Null;
        }
        audits.same(&format!("item set {index}"), theirs, ours);
    }
    let mut quantiles = Tally::exact("`null_auc_q95`: q95 and U", Target::Differ(0));
    for row in csv_rows(&golden.join("null_auc_q95.csv"))? {
        let (m, n): (usize, usize) = (row["m"].parse()?, row["n"].parse()?);
        let settings = AuditSettings { repetitions: 1, ..AuditSettings::default() };
        let q95 = evaluate(&untied(m, n), &settings)?.neg_controls.null_q;
        let u = (q95 * (m * n) as f64).round();
        let theirs = (row["q95"].parse::<f64>()?, row["q95_num"].parse::<f64>()?);
        quantiles.outcome(&format!("m = {m}, n = {n}"), (q95, u) == theirs, || {
            (format!("{theirs:?}"), format!("{:?}", (q95, u)))
        });
    }
    let about = "Item sets with ties, weights, missing labels and every option, and the exact null distribution.";
    Ok(Section::new("Audit", about, vec![audits, quantiles]))
}

fn items_of(case: &Value) -> Vec<Item> {
    let item = |row: &Value| Item {
        label: if row[0] == 1 { Label::Positive } else { Label::Negative },
        score: row[1].as_f64().unwrap_or(f64::NAN),
        weight: row[2].as_f64().unwrap_or(f64::NAN),
    };
    case["items"].as_array().into_iter().flatten().map(item).collect()
}

fn settings_of(case: &Value) -> AuditSettings {
    let default = AuditSettings::default();
    let options = &case["kw"];
    AuditSettings {
        seed: case["seed"].as_i64().unwrap_or_default(),
        margin: options["neg_auc_margin"].as_f64().unwrap_or(default.margin),
        quantile: options["neg_control_quantile"].as_f64().unwrap_or(default.quantile),
        repetitions: options["neg_control_reps"]
            .as_u64()
            .map_or(default.repetitions, |repetitions| repetitions as u32),
    }
}

fn untied(m: usize, n: usize) -> Vec<Item> {
    let item = |i: usize| Item {
        label: if i < m { Label::Positive } else { Label::Negative },
        score: i as f64,
        weight: 1.0,
    };
    (0..m + n).map(item).collect()
}
