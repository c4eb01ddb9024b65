//! `ro-crate-metadata.json`: the pack as an RO-Crate 1.1 that follows the
//! Process Run Crate profile 0.5, for research repositories.
//!
//! Says again what manifest and provenance say, in JSON-LD. Because a crate must
//! be dated, it is outside the content digest, like the provenance.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::manifest::{CHECKSUMS, Input, Manifest, Provenance};
use hetero2_common::files::FileDigest;
use hetero2_common::time::normalized_timestamp;

/// Name of the crate's metadata.
pub const RO_CRATE: &str = "ro-crate-metadata.json";

const PROFILE: &str = "https://w3id.org/ro/wfrun/process/0.5";

/// What files hold, for people who find the crate without its documentation.
const DESCRIPTIONS: [(&str, &str); 24] = [
    ("summary.csv", "One row per molecule, in input order: status, verdict, audit, spectra"),
    ("summary.parquet", "The same as summary.csv, typed, with more columns"),
    ("decoys.parquet", "One row per molecule and decoy"),
    ("spectra.parquet", "Eigenvalues of the graph operators of each molecule"),
    ("operator_features.csv", "Spectral features of each computed molecule"),
    ("dos_curve.csv", "Density of states of the run"),
    ("ldos_summary.csv", "Local density of states of each computed molecule"),
    ("hardness_curve.csv", "Every pair of a molecule and a decoy, with similarity and scores"),
    ("hardness_curve.md", "AUC by similarity of the decoys"),
    ("missing_decoy_scores.csv", "Decoys without a score"),
    ("controls.csv", "The model beside controls that know no activity"),
    ("controls.parquet", "Scores of the controls for each row that they cover"),
    ("truth.csv", "Known outcomes, as they were read"),
    ("cost_lift_report.json", "Hits against budget (cost_lift.v1)"),
    ("cost_lift_v2.json", "Hits against budget by the model, among PASS, by controls, at random"),
    ("metrics.json", "Counts, reasons, configuration, statistics"),
    ("summary_metadata.json", "Interpretation and physics settings"),
    ("index.md", "The report, as text"),
    ("index.html", "The report"),
    ("manifest.json", "Version, configuration, seeds, inputs and files with their digests"),
    ("provenance.json", "Times, host, devices of the run"),
    ("scores.json", "The scores that were audited, as they were read"),
    ("scores.csv", "The scores that were audited, as they were read"),
    ("scores.parquet", "The scores that were audited, as they were read"),
];

/// The crate of a pack with these files; manifest and provenance are among
/// them, the checksums are yet to come.
pub(super) fn ro_crate(
    manifest: &Manifest,
    provenance: &Provenance,
    files: &BTreeMap<String, FileDigest>,
) -> Value {
    let library = manifest.body.inputs.iter().find(|input| input.role == "library");
    let name = library.map_or("a library", |input| &input.name);
    let names: Vec<&str> = files.keys().map(String::as_str).chain([CHECKSUMS]).collect();
    let finished = crate_time(provenance.finished_at.as_deref());
    let started = provenance.started_at.as_deref().map(|time| crate_time(Some(time)));
    let mut graph = vec![
        json!({
            "@id": RO_CRATE,
            "@type": "CreativeWork",
            "about": { "@id": "./" },
            "conformsTo": { "@id": "https://w3id.org/ro/crate/1.1" },
        }),
        json!({
            "@id": "./",
            "@type": "Dataset",
            "name": format!("HETERO-2 evidence pack of {name}"),
            "description": "Graph-operator spectra, matched decoys and an audit of scores with \
                exact negative controls, for each molecule of a library; start with index.html.",
            "datePublished": &finished,
            "identifier": format!("sha256:{}", manifest.content_digest),
            "license": { "@id": "#license" },
            "conformsTo": { "@id": PROFILE },
            "hasPart": references(names.iter().copied()),
            "mentions": { "@id": "#run" },
        }),
        json!({
            "@id": "#license",
            "@type": "CreativeWork",
            "name": "No licence is stated",
            "description": "Whoever publishes this pack decides on its licence, within the terms \
                of the library and the scores that it was made from.",
        }),
        json!({
            "@id": PROFILE,
            "@type": "CreativeWork",
            "name": "Process Run Crate",
            "version": "0.5",
        }),
        software(manifest),
        action(manifest, files.keys().map(String::as_str), started.as_deref(), &finished),
    ];
    graph.extend(manifest.body.inputs.iter().enumerate().map(|(i, input)| source(i, input)));
    graph.extend(names.iter().map(|name| file(name, files.get(*name))));
    json!({
        "@context": [
            "https://w3id.org/ro/crate/1.1/context",
            { "sha256": "https://w3id.org/ro/terms/workflow-run#sha256" },
        ],
        "@graph": graph,
    })
}

fn software(manifest: &Manifest) -> Value {
    let tool = &manifest.body.tool;
    let commit = tool.commit.as_ref().map(|commit| format!(" ({commit})")).unwrap_or_default();
    json!({
        "@id": "#software",
        "@type": "SoftwareApplication",
        "name": tool.name,
        "softwareVersion": format!("{}{commit}", tool.version),
    })
}

fn action<'a>(
    manifest: &Manifest,
    results: impl Iterator<Item = &'a str>,
    started: Option<&str>,
    finished: &str,
) -> Value {
    let tool = &manifest.body.tool;
    let inputs: Vec<String> = (0..manifest.body.inputs.len()).map(input_id).collect();
    let mut action = json!({
        "@id": "#run",
        "@type": "CreateAction",
        "name": format!("Run of {} {}", tool.name, tool.version),
        "description": "manifest.json has the whole configuration; `hetero2 rerun` repeats it.",
        "instrument": { "@id": "#software" },
        "object": references(inputs.iter().map(String::as_str)),
        "result": references(results),
        "endTime": finished,
        "actionStatus": "http://schema.org/CompletedActionStatus",
    });
    if let Some(started) = started {
        action["startTime"] = json!(started);
    }
    action
}

fn input_id(index: usize) -> String {
    format!("#input-{index}")
}

/// An input, which is not part of the crate.
fn source(index: usize, input: &Input) -> Value {
    json!({
        "@id": input_id(index),
        "@type": "CreativeWork",
        "name": input.name,
        "description": format!("{} of the run", input.role),
        "contentSize": input.digest.bytes.to_string(),
        "sha256": input.digest.sha256,
    })
}

fn file(name: &str, digest: Option<&FileDigest>) -> Value {
    let mut file = json!({ "@id": name, "@type": "File", "name": name });
    let known = DESCRIPTIONS.iter().find(|(known, _)| *known == name);
    if let Some((_, description)) = known {
        file["description"] = json!(description);
    }
    if name == CHECKSUMS {
        file["description"] = json!("SHA-256 of every file, for sha256sum -c");
    }
    file["encodingFormat"] = json!(match name.rsplit('.').next() {
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("html") => "text/html",
        Some("md") => "text/markdown",
        Some("sha256" | "txt") => "text/plain",
        _ => "application/octet-stream",
    });
    if let Some(digest) = digest {
        file["contentSize"] = json!(digest.bytes.to_string());
        file["sha256"] = json!(digest.sha256);
    }
    file
}

/// References to entities; JSON-LD as RO-Crate wants it has no lists of one.
fn references<'a>(ids: impl Iterator<Item = &'a str>) -> Value {
    let mut references: Vec<Value> = ids.map(|id| json!({ "@id": id })).collect();
    match references.len() {
        1 => references.remove(0),
        _ => references.into(),
    }
}

/// A time as the profile's validator wants it, with an offset. A pack whose own
/// is no time at all (the Python implementation takes any text) gets the date
/// of the zip's entries, which nobody takes for true.
fn crate_time(text: Option<&str>) -> String {
    let utc = text.and_then(normalized_timestamp);
    utc.map_or_else(|| "1980-01-01".to_owned(), |utc| utc.replace('Z', "+00:00"))
}
