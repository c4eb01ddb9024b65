//! The JSON Schemas of `docs/contracts/schemas`: that they are those of the
//! types, and that what the program writes is valid by an independent validator.
//!
//! `HETERO2_UPDATE_SCHEMAS=1 cargo test --release --test cli schemas` writes them
//! again, and `git diff` shows how the contract changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Done, Run, call, fixture, hetero2, hetero2_with, scratch, write};
use hetero2::schema::DOCUMENTS;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contracts/schemas")
}

fn schema(name: &str) -> PathBuf {
    let document = DOCUMENTS.iter().find(|document| document.name == name).unwrap();
    folder().join(format!("{}.json", document.version))
}

#[test]
fn stored_schemas_are_those_of_the_types() {
    let mut stale = Vec::new();
    for document in &DOCUMENTS {
        let generated = document.generate().unwrap();
        if std::env::var_os("HETERO2_UPDATE_SCHEMAS").is_some() {
            fs::write(schema(document.name), &generated).unwrap();
        } else if document.text != generated {
            stale.push(document.version);
        }
    }
    assert!(
        stale.is_empty(),
        "{stale:?} changed: read docs/contracts/README.md, then HETERO2_UPDATE_SCHEMAS=1"
    );
    let stored = fs::read_dir(folder()).unwrap().count();
    assert_eq!(stored, DOCUMENTS.len(), "a file of docs/contracts/schemas belongs to no document");
}

#[test]
fn schema_prints_what_is_stored() {
    let listed = hetero2_with(&["schema"]).expect_code(0).stdout;
    for document in &DOCUMENTS {
        assert!(listed.contains(document.version), "{listed}");
        let printed = hetero2_with(&["schema", document.name]).expect_code(0).stdout;
        assert_eq!(printed, fs::read_to_string(schema(document.name)).unwrap());
    }
    hetero2_with(&["schema", "nothing"]).expect_code(2);
}

/// Checks `(schema, document)` pairs with the Python package `jsonschema`.
fn validate(python: &Path, pairs: &[(&str, PathBuf)]) -> Done {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/validate_documents.py");
    let mut command = Command::new(python);
    command.arg(script);
    for (name, document) in pairs {
        command.arg(schema(name)).arg(document);
    }
    call(&mut command)
}

#[test]
fn what_the_program_writes_is_valid_by_its_schemas() {
    let test = "what_the_program_writes_is_valid_by_its_schemas";
    let Some(python) = crate::support::python(test) else { return };
    let scratch = scratch();
    let dir = scratch.path();
    let mock = Run::of(&fixture("libraries/small.csv"), &dir.join("mock"), &["--threads", "1"]);
    let scores = fixture("cli/ring/bad_random.json");
    let external = scores.to_str().unwrap();
    let options = "--threads 1 --decoy-set v1 --artifacts full --scores";
    let given: Vec<&str> = options.split(' ').chain([external]).collect();
    let external = Run::of(&fixture("cli/ring/input.csv"), &dir.join("external"), &given);
    // No row is OK: no density of states, nothing audited.
    let none = write(dir, "none.csv", "id,smiles\na,nonsense\nb,C.C\n");
    let empty = Run::of(&none, &dir.join("empty"), &["--threads", "1"]);
    // With outcomes, training molecules and a verdict.
    let leaky = dir.join("leaky");
    hetero2_with(&["run", "--demo", "leaky", "--out", leaky.to_str().unwrap()]).expect_code(0);
    let mut pairs = vec![("scores", scores), ("plan", leaky.join("plan.json"))];
    for name in ["manifest", "provenance", "metrics", "summary_metadata"] {
        pairs.push((name, leaky.join("pack").join(format!("{name}.json"))));
    }
    pairs.push(("cost_lift", leaky.join("pack/cost_lift_v2.json")));
    for run in [&mock, &external, &empty] {
        pairs.push(("plan", run.out.join("plan.json")));
        for name in ["manifest", "provenance", "metrics", "summary_metadata"] {
            pairs.push((name, run.pack().join(format!("{name}.json"))));
        }
    }
    let config = serde_json::to_string(&external.document("manifest.json")["config"]).unwrap();
    pairs.push(("run_config", write(dir, "config.json", config)));
    let key = dir.join("lab.key");
    call(hetero2().arg("keygen").arg("--out").arg(&key)).expect_code(0);
    let mut sign = hetero2();
    sign.arg("sign").arg(mock.pack()).arg("--key").arg(&key).arg("--json");
    let signed =
        call(sign.args(["--role", "author", "--name", "A", "--meaning", "made it"])).expect_code(0);
    pairs.push(("signature", write(dir, "s.json", signed.json()["statement"].to_string())));
    let registry = dir.join("registry");
    for (index, run) in [&mock, &external].into_iter().enumerate() {
        let mut publish = hetero2();
        call(publish.arg("publish").arg(run.pack()).arg("--registry").arg(&registry))
            .expect_code(0);
        let log = fs::read_to_string(registry.join("log.jsonl")).unwrap();
        let line = log.lines().nth(index).unwrap();
        pairs.push(("registry_entry", write(dir, &format!("entry-{index}.json"), line)));
    }
    pairs.push(("shard", fixture("compat/v1/shard.json")));
    let done = validate(&python, &pairs).expect_code(0);
    assert!(done.stdout.contains(&format!("{} documents are valid", pairs.len())));
    // Each schema can refuse.
    for document in &DOCUMENTS {
        let (_, path) = pairs.iter().find(|(name, _)| *name == document.name).unwrap();
        let text = fs::read_to_string(path).unwrap();
        let other = text.replace(document.version, "hetero2_other.v9");
        assert_ne!(text, other, "{} names no version", document.name);
        let forged = write(dir, "forged.json", other);
        validate(&python, &[(document.name, forged)]).expect_code(1);
    }
}
