//! Packs as research objects: `ro-crate-metadata.json`, held against the
//! validator of the RO-Crate community.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Run, call, fixture, scratch};
use serde_json::Value;

const CRATE: &str = "ro-crate-metadata.json";

fn entity<'c>(document: &'c Value, id: &str) -> &'c Value {
    let graph = document["@graph"].as_array().unwrap();
    graph.iter().find(|entity| entity["@id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

fn pack(out: &Path) -> Run {
    let scores = fixture("cli/ring/bad_constant.json");
    let arguments = ["--threads", "1", "--artifacts", "full", "--scores"];
    let arguments = [&arguments[..], &[scores.to_str().unwrap()]].concat();
    Run::of(&fixture("cli/ring/input.csv"), out, &arguments)
}

#[test]
fn a_pack_is_a_valid_research_object() {
    let Some(python) = crate::support::python("a_pack_is_a_valid_research_object") else { return };
    let scratch = scratch();
    let run = pack(&scratch.path().join("run"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/validate_crate.py");
    let validate = || call(Command::new(&python).arg(&script).arg(run.pack()));
    let done = validate().expect_code(0);
    assert!(done.stdout.contains("ro-crate-1.1: valid"), "{}", done.stdout);
    assert!(done.stdout.contains("process-run-crate-0.5: valid"), "{}", done.stdout);
    // The validator can fail.
    let path = run.pack().join(CRATE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("datePublished", "dateForgotten")).unwrap();
    validate().expect_code(1);
    fs::write(&path, text.replace("\"instrument\"", "\"tool\"")).unwrap();
    validate().expect_code(1);
    fs::write(&path, text).unwrap();
    fs::remove_file(run.pack().join("summary.csv")).unwrap();
    validate().expect_code(1);
}

#[test]
fn the_research_object_says_what_the_manifest_says() {
    let scratch = scratch();
    let run = pack(&scratch.path().join("run"));
    let document = run.document(CRATE);
    let manifest = run.document("manifest.json");
    let digest = manifest["content_digest"].as_str().unwrap();
    let root = entity(&document, "./");
    assert_eq!(root["identifier"], format!("sha256:{digest}"));
    let parts = root["hasPart"].as_array().unwrap();
    let expected: Vec<String> = run
        .files()
        .into_keys()
        .filter(|name| ![CRATE, "evidence_pack.zip"].contains(&name.as_str()))
        .collect();
    let mut named: Vec<&str> = parts.iter().map(|part| part["@id"].as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, expected);
    for file in manifest["files"].as_array().unwrap() {
        let described = entity(&document, file["name"].as_str().unwrap());
        assert_eq!(described["sha256"], file["sha256"]);
        assert_eq!(described["contentSize"], file["bytes"].to_string());
        assert!(described["description"].is_string(), "{file}");
    }
    let inputs = manifest["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 2);
    for (index, input) in inputs.iter().enumerate() {
        let described = entity(&document, &format!("#input-{index}"));
        assert_eq!(described["name"], input["name"]);
        assert_eq!(described["sha256"], input["sha256"]);
    }
    let provenance = run.document("provenance.json");
    let ended = entity(&document, "#run")["endTime"].as_str().unwrap().replace("+00:00", "Z");
    assert_eq!(provenance["finished_at"], ended);
}
