//! Whether the manifest's configuration, seeds and inputs are those that the
//! files were made with. The content digest does not cover the manifest, so
//! what the manifest says is held against what the files say.

use serde_json::{Value, json};

use super::Findings;
use super::checks::{Digests, FoundManifest};
use crate::pack::manifest::Manifest;
use crate::pack::source::PackSource;
use hetero2_contract::Metrics;

const NAME: &str = "manifest against files";

/// Roles of inputs that a pack holds byte for byte.
const SCORES: &str = "scores";
const TRUTH: &str = "truth";

/// Holds the manifest against metrics, stored inputs and tables.
pub fn check(
    source: &PackSource,
    found: Option<&FoundManifest>,
    digests: &Digests,
    metrics: &Result<Metrics, String>,
    findings: &mut Findings,
) {
    let Some(FoundManifest { manifest, digest }) = found else { return };
    // That the metrics are readable is a check of its own.
    let mut problems = metrics.as_ref().map_or_else(|_| Vec::new(), |m| configuration(manifest, m));
    for name in source.entries().keys() {
        if let Some(role) = stored_role(name) {
            problems.extend(stored_input(manifest, digests, role, name));
        }
    }
    findings.conclude(NAME, &problems, "configuration, seeds and stored inputs agree");
    findings.pass("manifest digest", digest.to_string());
}

/// The metrics, which the content digest covers, have the configuration too.
fn configuration(manifest: &Manifest, metrics: &Metrics) -> Vec<String> {
    let mut problems = Vec::new();
    let (body, config) = (&manifest.body, &metrics.config);
    if body.config != *config {
        problems.push(format!("{} of metrics.json", different(&body.config, config)));
    }
    let seed = &body.config["seed"];
    if !seed.is_null() && *seed != json!(body.seeds.seed) {
        problems.push(format!("the seed is {}, the configuration has {seed}", body.seeds.seed));
    }
    let strategy = &body.config["seed_strategy"];
    if !strategy.is_null() && *strategy != json!(body.seeds.strategy) {
        problems.push(format!(
            "the seed strategy is {:?}, the configuration has {strategy}",
            body.seeds.strategy
        ));
    }
    let (rows, total) = (body.notes.rows, metrics.rows_total);
    if let Some(rows) = rows.filter(|rows| *rows != total) {
        problems.push(format!("it notes {rows} rows, metrics.json has {total}"));
    }
    problems
}

/// Which settings of two configurations differ.
fn different(a: &Value, b: &Value) -> String {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return "the configuration is not that".to_owned();
    };
    let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
    let keys: Vec<&str> =
        keys.filter(|key| a.get(*key) != b.get(*key)).map(String::as_str).collect();
    format!("the configuration ({}) is not that", keys.join(", "))
}

fn stored_role(name: &str) -> Option<&'static str> {
    match name {
        "scores.json" | "scores.csv" | "scores.parquet" => Some(SCORES),
        "truth.csv" => Some(TRUTH),
        _ => None,
    }
}

/// A stored input must be one that the manifest names.
fn stored_input(manifest: &Manifest, digests: &Digests, role: &str, name: &str) -> Option<String> {
    let stored = digests.get(name)?;
    let mut inputs = manifest.body.inputs.iter().filter(|input| input.role == role);
    match inputs.next() {
        None => Some(format!("{name} is there, but no input is of role {role}")),
        Some(input) if input.digest != *stored => {
            Some(format!("{name} is not the input {:?} that the manifest names", input.name))
        }
        Some(_) => None,
    }
}
