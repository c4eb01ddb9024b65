//! Known outcomes in packs, through the program: `--truth` of `run` and `audit`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Done, Run, call, fixture, hetero2, run_command, scratch, verify, write};
use serde_json::{Value, json};

const HEADER: &str = "molecule_id,expensive_label,truth_source,truth_version\n";

/// Scores that prefer short SMILES, for the small library and its decoys.
fn scores(dir: &Path) -> PathBuf {
    let table = dir.join("decoys.csv");
    let mut command = hetero2();
    command.arg("decoys").arg(fixture("libraries/small.csv")).arg("--out").arg(&table);
    call(command.args(["--decoys", "4"])).expect_code(0);
    let mut scores = String::from("decoy_smiles,score,molecule_id,role\n");
    let mut seen = std::collections::BTreeSet::new();
    for row in crate::support::table(&table) {
        // Originals differ among themselves, and some beat their decoys.
        let (smiles, id) = (&row["decoy_smiles"], &row["molecule_id"]);
        let length = smiles.len() as f64;
        if row["role"] == "original" {
            let lift = f64::from(id.as_bytes()[id.len() - 1] % 3);
            scores.push_str(&format!("{smiles},{},{id},original\n", lift / length));
        } else if seen.insert(smiles.clone()) {
            scores.push_str(&format!("{smiles},{},,decoy\n", 1.0 / length));
        }
    }
    write(dir, "scores.csv", scores)
}

/// Every fourth molecule is a hit.
fn truth(dir: &Path) -> PathBuf {
    let mut text = String::from(HEADER);
    for (i, row) in crate::support::table(&fixture("libraries/small.csv")).iter().enumerate() {
        let label = if i % 4 == 0 { "PASS" } else { "FAIL" };
        text.push_str(&format!("{},{label},assay,customer_truth.v1\n", row["id"]));
    }
    write(dir, "assay.csv", text)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn audit(pack: &Path, out: &Path, arguments: &[&str]) -> Done {
    let mut command = hetero2();
    command.arg("audit").arg("--json").arg("--pack").arg(pack).arg("--out").arg(out);
    call(command.args(arguments))
}

#[test]
fn outcomes_given_to_a_run_are_in_its_pack() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = fixture("libraries/small.csv");
    let (scores, truth) = (scores(dir), truth(dir));
    let scored = ["--decoys", "4", "--scores", text(&scores)];
    let known = ["--truth", text(&truth), "--budget", "5"];
    let with = [&scored[..], &known[..]].concat();
    let run = Run::of(&library, &dir.join("run"), &with);
    let digest = run.verify();
    assert_eq!(fs::read(run.pack().join("truth.csv")).unwrap(), fs::read(&truth).unwrap());
    let manifest = run.document("manifest.json");
    assert_eq!(manifest["notes"]["truth_budget"], 5);
    let input = manifest["inputs"].as_array().unwrap().iter().find(|i| i["role"] == "truth");
    assert_eq!(input.unwrap()["name"], "assay.csv");

    // The report is that of `cost-lift`.
    let mut command = hetero2();
    command.arg("cost-lift").arg("--json").arg("--pack").arg(run.pack());
    let mut expected = call(command.args(known)).expect_code(0).json();
    assert_eq!(expected["pack_content_digest"], json!(digest));
    expected["pack_content_digest"] = Value::Null;
    let found = run.document("cost_lift_report.json");
    assert_eq!(found, expected);
    assert!(found["ranking"]["by_score"]["bedroc"]["value"].is_number());
    assert_eq!(found["ranking"]["hits"], 5);

    // Threads, a rerun and an audit of the same scores change nothing.
    let threads = [&with[..], &["--threads", "3"]].concat();
    assert_eq!(Run::of(&library, &dir.join("threads"), &threads).verify(), digest);
    let mut command = hetero2();
    command.arg("rerun").arg(run.pack()).arg("--input").arg(&library);
    call(&mut command).expect_code(0);
    let mock = Run::of(&library, &dir.join("mock"), &["--decoys", "4"]);
    let again = [&["--scores", text(&scores)][..], &known[..]].concat();
    let done = audit(&mock.pack(), &dir.join("audited"), &again).expect_code(0);
    assert_eq!(done.json()["content_digest"], json!(digest));

    // Without outcomes a pack has none, and says so.
    let done = audit(&run.pack(), &dir.join("bare"), &["--scores", text(&scores)]);
    assert!(done.stderr.contains("known outcomes"), "{}", done.stderr);
    let plain = Run::of(&library, &dir.join("plain"), &scored);
    assert_eq!(verify(&dir.join("bare")), plain.verify());
    assert!(!plain.pack().join("truth.csv").exists());
}

#[test]
fn outcomes_that_cannot_be_used_end_a_run_before_it_begins() {
    let scratch = scratch();
    let dir = scratch.path();
    let good = truth(dir);
    let bad = write(dir, "bad.csv", format!("{HEADER}a,MAYBE,s,customer_truth.v1\n"));
    let other = "0".repeat(64);
    let cases: [(&[&str], &str); 5] = [
        (&["--truth", text(&bad), "--budget", "5"], "line 2, column expensive_label"),
        (&["--truth", "nowhere.csv", "--budget", "5"], "nowhere.csv"),
        (&["--truth", text(&good), "--budget", "0"], "the budget K is 0"),
        (&["--budget", "5"], "--truth"),
        (
            &["--truth", text(&good), "--truth-sha256", &other, "--budget", "5"],
            "not the expected 000",
        ),
    ];
    for (arguments, expected) in cases {
        let out = dir.join("run");
        let mut command = run_command(&fixture("libraries/small.csv"), &out, arguments);
        let done = call(&mut command).expect_code(2);
        assert!(done.stderr.contains(expected), "{expected}: {}", done.stderr);
        assert!(!out.join("pack").exists() && !out.join("shards").exists());
    }
}

#[test]
fn outcomes_of_other_molecules_cost_no_shard() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = fixture("libraries/small.csv");
    let foreign = write(dir, "foreign.csv", format!("{HEADER}x,PASS,s,customer_truth.v1\n"));
    let out = dir.join("run");
    let with = ["--decoys", "3", "--truth", text(&foreign), "--budget", "5"];
    let done = call(&mut run_command(&library, &out, &with)).expect_code(2);
    assert!(done.stderr.contains("no row is eligible"), "{}", done.stderr);
    assert!(!out.join("pack").exists());
    let shard = out.join("shards/00000/shard.json");
    let written = fs::metadata(&shard).unwrap().modified().unwrap();

    // Other outcomes go on from there, and are held against as few rows again.
    let again = ["--decoys", "3", "--truth", text(&foreign), "--budget", "6", "--resume"];
    call(&mut run_command(&library, &out, &again)).expect_code(2);
    assert_eq!(fs::metadata(&shard).unwrap().modified().unwrap(), written);
    let without = ["--decoys", "3", "--resume"];
    call(&mut run_command(&library, &out, &without)).expect_code(0);
    let fresh = Run::of(&library, &dir.join("fresh"), &["--decoys", "3"]);
    assert_eq!(verify(&out.join("pack")), fresh.verify());

    // A finished run keeps the outcomes that it has.
    let truth = truth(dir);
    let later = ["--decoys", "3", "--truth", text(&truth), "--budget", "5", "--resume"];
    let done = call(&mut run_command(&library, &out, &later)).expect_code(2);
    assert!(done.stderr.contains("another truth or budget"), "{}", done.stderr);
}
