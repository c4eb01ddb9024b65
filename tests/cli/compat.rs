//! Files of earlier versions, as they wrote them: every later version reads
//! them. `docs/contracts/README.md` has the policy; the files are never edited.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, call, fixture, hetero2, scratch};
use hetero2::pack::manifest::Provenance;
use hetero2::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2::pack::tables::TableReader;
use hetero2::pack::{diff, read_manifest};
use hetero2::registry::read_log;
use hetero2::run::{Plan, RunConfig, RunDir, ShardRecord};
use hetero2::schema::{DOCUMENTS, Metrics, SummaryMetadata};
use serde_json::Value;

fn stored(name: &str) -> PathBuf {
    fixture("compat/v1").join(name)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read(path).unwrap();
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

const DIGEST: &str = "b8eda3a46c5d299a0bda3526116db5531eb1b4ae1eacf23c47a690c98cd783e2";

#[test]
fn a_stored_pack_still_verifies_with_its_signatures() {
    let mut verify = hetero2();
    verify.arg("verify").arg(stored("pack")).arg("--json").arg("--key").arg(stored("key.pub"));
    let found = call(&mut verify).expect_code(0).json();
    assert_eq!(found["content_digest"], DIGEST);
    assert_eq!(found["rows"], 8);
    let signatures = found["signatures"]["signatures"].as_array().unwrap();
    assert!(signatures.iter().all(|signature| signature["state"] == "valid"), "{signatures:?}");
    assert_eq!(signatures[1]["approval"]["role"], "approver");
    let complete = ["--policy", "complete"];
    call(hetero2().arg("accept").arg(stored("pack")).args(complete)).expect_code(0);
    assert!(diff(&stored("pack"), &stored("pack")).unwrap().is_empty());
}

#[test]
fn documents_of_a_stored_pack_are_still_read() {
    let pack = stored("pack");
    let manifest = read_manifest(&pack).unwrap();
    assert_eq!(manifest.content_digest.to_string(), DIGEST);
    let config: RunConfig = serde_json::from_value(manifest.body.config).unwrap();
    assert_eq!(config.decoys, 4);
    assert_eq!(manifest.body.inputs.len(), 2);
    let provenance: Provenance = read(&pack.join("provenance.json"));
    assert!(provenance.finished_at.is_some());
    let metrics: Metrics = read(&pack.join("metrics.json"));
    assert_eq!((metrics.rows_total, metrics.counts.ok), (8, 8));
    assert_eq!(metrics.config, config);
    assert_eq!(metrics.scores_coverage.unwrap().rows_total, 8);
    let metadata: SummaryMetadata = read(&pack.join("summary_metadata.json"));
    assert_eq!(metadata.physics_mode, "both");
    assert_eq!(metadata.dos_grid_n, Some(128));
}

#[test]
fn tables_of_a_stored_pack_are_still_read() {
    let molecules: Vec<MoleculeRow> = TableReader::open(&stored("pack/summary.parquet"))
        .unwrap()
        .flat_map(Result::unwrap)
        .collect();
    assert_eq!(molecules.len(), 8);
    let decoys: Vec<DecoyRow> = TableReader::open(&stored("pack/decoys.parquet"))
        .unwrap()
        .flat_map(Result::unwrap)
        .collect();
    let counted: u32 = molecules.iter().filter_map(|row| row.n_decoys).sum();
    assert_eq!(decoys.len() as u32, counted);
    let spectra: Vec<SpectrumRow> = TableReader::open(&stored("pack/spectra.parquet"))
        .unwrap()
        .flat_map(Result::unwrap)
        .collect();
    assert_eq!(spectra.len(), 8);
}

#[test]
fn a_stored_plan_and_shard_record_are_still_read() {
    let plan = Plan::load(&RunDir::new(fixture("compat/v1"))).unwrap().unwrap();
    assert_eq!((plan.rows, plan.shards.len()), (8, 1));
    let shard: ShardRecord = read(&stored("shard.json"));
    assert_eq!((shard.index, shard.rows, shard.files.len()), (0, 16_384, 3));
}

#[test]
fn stored_scores_are_still_read() {
    let scratch = scratch();
    let scores = stored("pack/scores.json");
    let scores = scores.to_str().unwrap();
    let arguments = ["--threads", "1", "--decoy-set", "v1", "--scores", scores];
    let run = Run::of(&fixture("cli/ring/input.csv"), &scratch.path().join("run"), &arguments);
    assert!(run.document("metrics.json")["scores_coverage"]["decoys_scored"].as_u64() > Some(0));
}

#[test]
fn a_stored_registry_log_is_still_read() {
    let log = read_log(&stored("registry")).unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].entry.content_digest.to_string(), DIGEST);
}

/// Whether everything that `old` promises still holds in `new`.
fn check_grown(old: &Value, new: &Value, path: &str, broken: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, old) in old.iter().filter(|(key, _)| *key != "description") {
                match new.get(key) {
                    Some(new) => check_grown(old, new, &format!("{path}/{key}"), broken),
                    None => broken.push(format!("{path}/{key} is gone")),
                }
            }
        }
        // Alternatives and required keys: none may go.
        (Value::Array(old), Value::Array(new)) => {
            for item in old {
                let still = |new: &Value| {
                    let mut differences = Vec::new();
                    check_grown(item, new, path, &mut differences);
                    differences.is_empty()
                };
                if !new.iter().any(still) {
                    broken.push(format!("{path}: {item} is gone"));
                }
            }
        }
        (old, new) if old != new => broken.push(format!("{path}: {old} became {new}")),
        _ => {}
    }
}

#[test]
fn contracts_only_grow() {
    for document in &DOCUMENTS {
        let old: Value = read(&stored("schemas").join(format!("{}.json", document.version)));
        let new: Value = serde_json::from_str(document.text).unwrap();
        let mut broken = Vec::new();
        check_grown(&old, &new, document.name, &mut broken);
        assert!(broken.is_empty(), "{broken:#?}: see docs/contracts/README.md");
        // A document that loses a key is found.
        let mut less = new.clone();
        less["properties"].as_object_mut().unwrap().remove("schema_version");
        less["required"].as_array_mut().unwrap().remove(0);
        let mut broken = Vec::new();
        check_grown(&new, &less, document.name, &mut broken);
        assert!(!broken.is_empty());
    }
}
