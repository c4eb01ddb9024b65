//! `suite` and `rerun` through the program: published inputs byte for byte,
//! published facts, packs rebuilt from their manifests.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::faults::forging::reseal;
use crate::support::{Done, Run, call, fixture, hetero2, scratch, tree, verify, write};
use serde_json::{Value, json};
use sha2::Digest as _;

/// `hetero2 suite NAME --out OUT --json ARGUMENTS`.
#[track_caller]
fn suite(name: &str, out: &Path, arguments: &[&str]) -> Done {
    call(hetero2().args(["suite", name, "--json", "--out"]).arg(out).args(arguments))
}

/// What each fact found, by name; all must hold.
#[track_caller]
fn facts(report: &Value) -> BTreeMap<String, String> {
    let facts = report["facts"].as_array().expect("facts");
    let text = |fact: &Value, key: &str| fact[key].as_str().expect(key).to_owned();
    for fact in facts {
        assert_eq!(fact["outcome"], "PASS", "{fact}");
        assert_eq!(fact["expected"], fact["found"], "{fact}");
    }
    facts.iter().map(|fact| (text(fact, "name"), text(fact, "found"))).collect()
}

/// Every pack of the report verifies, with the content digest that it names.
#[track_caller]
fn packs_verify(out: &Path, report: &Value, expected: &[&str]) {
    let runs = report["runs"].as_array().expect("runs");
    let names: Vec<&str> = runs.iter().filter_map(|run| run["name"].as_str()).collect();
    assert_eq!(names, expected);
    for run in runs {
        let pack = out.join(run["pack"].as_str().unwrap());
        assert_eq!(Value::from(verify(&pack)), run["content_digest"]);
    }
}

#[track_caller]
fn same_bytes(found: &Path, published: &Path) {
    let (found_bytes, published_bytes) = (fs::read(found).unwrap(), fs::read(published).unwrap());
    assert!(found_bytes == published_bytes, "{} is not as published", found.display());
}

#[test]
fn the_ring_suite_is_as_published() {
    let scratch = scratch();
    let out = scratch.path().join("ring");
    let report = suite("ring", &out, &[]).expect_code(0).json();
    let facts = facts(&report);
    assert_eq!(facts["rows with an outcome"], "200");
    assert_eq!(facts["ERROR"], "0");
    assert_eq!(facts["decoys scored"], "380");
    assert_eq!(facts["interpretation"], "INCONCLUSIVE_DECOYS_TOO_EASY");
    same_bytes(&out.join("input.csv"), &fixture("cli/ring/input.csv"));
    same_bytes(&out.join("scores.json"), &fixture("cli/ring/ring.json"));
    packs_verify(&out, &report, &["ring"]);
    let stored = fs::read(out.join("suite.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), report);
}

#[test]
fn known_bad_scores_are_told_from_known_good_ones() {
    let scratch = scratch();
    let out = scratch.path().join("known");
    let report = suite("known-bad-good", &out, &[]).expect_code(0).json();
    let found = facts(&report);
    for (name, expected) in [
        ("Δ median slack (good − constant), strict rows", "0.5"),
        ("Δ PASS rate (good − constant), strict rows", "1"),
        ("Δ PASS rate (good − random), strict rows", "0.333333"),
        ("BAD-random: strict rows", "60"),
        ("BAD-constant: PASS rate, all rows", "0"),
        ("BAD-random: PASS rate, all rows", "0.6"),
        ("GOOD-synthetic: PASS rate, all rows", "1"),
    ] {
        assert_eq!(found[name], expected, "{name}");
    }
    for (name, published) in [
        ("BAD-constant", "bad_constant"),
        ("BAD-random", "bad_random"),
        ("GOOD-synthetic", "good_synthetic"),
    ] {
        let published = fixture("cli/ring").join(format!("{published}.json"));
        same_bytes(&out.join(format!("scores_{name}.json")), &published);
    }
    packs_verify(&out, &report, &["BAD-constant", "BAD-random", "GOOD-synthetic"]);
    // Once more, on what is there: the same report, and nothing else appears.
    let before = tree(&out);
    assert_eq!(suite("known-bad-good", &out, &[]).expect_code(0).json(), report);
    assert_eq!(tree(&out), before);
}

#[test]
fn the_customer_proxy_has_its_published_utility_and_is_accepted() {
    let scratch = scratch();
    let out = scratch.path().join("proxy");
    let report = suite("customer-proxy", &out, &[]).expect_code(0).json();
    let facts = facts(&report);
    assert_eq!(facts["filtered_score_plus_audit_topk, hit rate, all rows"], "0.166667");
    assert_eq!(facts["filtered_score_plus_audit_topk, hit rate, strict rows"], "0.5");
    assert_eq!(facts["fields unlike the published report, all rows"], "none");
    assert_eq!(facts["fields unlike the published report, strict rows"], "none");
    assert_eq!(facts["acceptance"], "GO");
    let mut published = String::new();
    let file = fs::File::open(fixture("audit/proxy_truth.csv.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut published).unwrap();
    assert_eq!(fs::read_to_string(out.join("truth.csv")).unwrap(), published);
    let lift: Value =
        serde_json::from_slice(&fs::read(out.join("cost_lift.json")).unwrap()).unwrap();
    assert_eq!(lift["K_requested"], 10_000);
    assert_eq!(lift["methods"]["filtered_score_plus_audit_topk"]["k_effective"], 120);
    packs_verify(&out, &report, &["proxy"]);
}

#[test]
fn no_row_of_the_stress_suite_is_an_error() {
    let scratch = scratch();
    let out = scratch.path().join("stress");
    let report = suite("stress", &out, &["--rows", "1000"]).expect_code(0).json();
    let facts = facts(&report);
    for (name, expected) in [
        ("rows with an outcome", "1000"),
        ("ERROR", "0"),
        ("OK", "139"),
        ("SKIP no_decoys_generated", "762"),
        ("SKIP too_many_atoms", "50"),
        ("SKIP disconnected", "25"),
        ("SKIP invalid_smiles", "20"),
        ("SKIP missing_smiles", "4"),
        ("rows out of place or with another outcome", "0"),
    ] {
        assert_eq!(facts[name], expected, "{name}");
    }
    assert_eq!(report["runs"][0]["counts"], json!({"OK": 139, "SKIP": 861, "ERROR": 0}));
    packs_verify(&out, &report, &["stress"]);
}

#[test]
fn rates_hold_for_any_number_of_whole_rounds() {
    let scratch = scratch();
    for (name, facts_of_it) in [("ring", 18), ("known-bad-good", 30), ("customer-proxy", 16)] {
        let out = scratch.path().join(name);
        let report = suite(name, &out, &["--rows", "10", "--threads", "1"]).expect_code(0).json();
        assert_eq!(facts(&report).len(), facts_of_it, "{name}");
        assert_eq!(report["rows"], 10);
    }
}

#[test]
fn a_fact_that_does_not_hold_gives_exit_code_3() {
    let scratch = scratch();
    let out = scratch.path().join("ring");
    suite("ring", &out, &["--rows", "10"]).expect_code(0);
    // The run is finished, so its pack is read as it is.
    let summary = out.join("runs/ring/pack/summary.csv");
    let text = fs::read_to_string(&summary).unwrap();
    let changed = text.replacen(",PASS,", ",FAIL,", 1);
    assert_ne!(changed, text);
    fs::write(&summary, changed).unwrap();
    reseal(&out.join("runs/ring/pack"), |_| ());
    let report = suite("ring", &out, &["--rows", "10"]).expect_code(3).json();
    let failed: Vec<&Value> = report["facts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fact| fact["outcome"] == "FAIL")
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["name"], "PASS rate");
    assert_eq!((&failed[0]["expected"], &failed[0]["found"]), (&json!("1"), &json!("0.9")));
    let shown = call(hetero2().args(["suite", "ring", "--rows", "10", "--out"]).arg(&out));
    assert!(shown.stdout.contains("\nFAIL  PASS rate "), "{}", shown.stdout);
    assert!(shown.stdout.ends_with("1 of 18 facts DO NOT HOLD\n"), "{}", shown.stdout);
}

#[test]
fn impossible_suites_are_refused() {
    let scratch = scratch();
    for (name, rows) in [("ring", "15"), ("ring", "0"), ("stress", "9"), ("stress", "100001")] {
        let out = scratch.path().join("refused");
        let done = suite(name, &out, &["--rows", rows]).expect_code(2);
        assert!(done.stderr.contains(&format!("--rows is {rows}")), "{}", done.stderr);
        assert!(!out.exists(), "{name} {rows}");
    }
    let out = scratch.path().join("occupied");
    fs::create_dir(&out).unwrap();
    write(&out, "input.csv", "mine");
    let done = suite("ring", &out, &[]).expect_code(2);
    assert!(done.stderr.contains("give another --out"), "{}", done.stderr);
    assert_eq!(fs::read_to_string(out.join("input.csv")).unwrap(), "mine");
}

/// `hetero2 rerun PACK ARGUMENTS --json`.
#[track_caller]
fn rerun(pack: &Path, arguments: &[&Path]) -> Done {
    call(hetero2().arg("rerun").arg(pack).args(arguments).arg("--json"))
}

/// A small run of every kind of option, on external scores.
fn scored_run(scratch: &Path) -> Run {
    let library = fixture("cli/ring/input.csv");
    let rows: String =
        fs::read_to_string(library).unwrap().lines().take(11).map(|l| format!("{l}\n")).collect();
    let library = write(scratch, "library.csv", rows);
    let scores = fixture("cli/ring/bad_random.json").display().to_string();
    let arguments =
        ["--scores", &scores, "--decoys=4", "--decoy-set=v1", "--seed=-7", "--artifacts=full"];
    Run::of(&library, &scratch.join("run"), &arguments)
}

#[test]
fn a_pack_is_rebuilt_from_its_manifest() {
    let scratch = scratch();
    let run = scored_run(scratch.path());
    let renamed = scratch.path().join("renamed.txt");
    fs::rename(scratch.path().join("library.csv"), &renamed).unwrap();
    let input = Path::new("--input");
    let before = run.files();
    // From the directory, with the scores that the pack holds.
    let report = rerun(&run.pack(), &[input, &renamed]).expect_code(0).json();
    assert_eq!(report["verdict"], "same");
    assert_eq!(report["content_digest"], Value::from(run.verify()));
    assert_eq!(report["rerun_content_digest"], report["content_digest"]);
    assert_eq!((&report["causes"], &report["diff"]), (&json!([]), &Value::Null));
    assert!(run.files() == before, "a rerun leaves the pack alone");
    // From the zip, with scores of another name, to a directory that is kept.
    let zip = scratch.path().join("moved.zip");
    fs::rename(run.pack().join("evidence_pack.zip"), &zip).unwrap();
    let scores = scratch.path().join("other.json");
    fs::copy(fixture("cli/ring/bad_random.json"), &scores).unwrap();
    let out = scratch.path().join("again");
    let arguments =
        [input, &renamed, Path::new("--scores"), &scores, Path::new("--out"), &out, "-t1".as_ref()];
    let report = rerun(&zip, &arguments).expect_code(0).json();
    assert_eq!(report["verdict"], "same");
    assert_eq!(verify(&out.join("pack")), run.verify());
    // What was computed before proves nothing.
    for out in [&out, &run.out] {
        let done = rerun(&run.pack(), &[input, &renamed, Path::new("--out"), out]).expect_code(2);
        assert!(done.stderr.contains("nothing would be computed"), "{}", done.stderr);
    }
}

#[test]
fn score_files_of_rows_must_be_the_same_too() {
    let scratch = scratch();
    let folder = scratch.path().join("in");
    fs::create_dir(&folder).unwrap();
    let scores = fs::read(fixture("cli/ring/good_synthetic.json")).unwrap();
    write(&folder, "good.json", scores);
    let library = "id,smiles,scores_input\na,CC(=O)Oc1ccccc1C(=O)O,good.json\n";
    let library = write(&folder, "library.csv", library);
    let out = scratch.path().join("out");
    let mut command = hetero2();
    command.args(["batch", "--score_mode=external_scores", "--k_decoys=20", "--input"]);
    call(command.arg(&library).arg("--out_dir").arg(&out)).expect_code(0);
    let input = Path::new("--input");
    rerun(&out, &[input, &library]).expect_code(0);
    let renamed = scratch.path().join("renamed.csv");
    fs::copy(&library, &renamed).unwrap();
    let done = rerun(&out, &[input, &renamed]).expect_code(2);
    assert!(done.stderr.contains("under its own name, library.csv"), "{}", done.stderr);
    let other = fs::read(fixture("cli/ring/ring.json")).unwrap();
    write(&folder, "good.json", other);
    let done = rerun(&out, &[input, &library]).expect_code(2);
    assert!(done.stderr.contains("good.json is not the row_scores"), "{}", done.stderr);
}

#[test]
fn the_demo_pack_needs_no_input() {
    let scratch = scratch();
    let out = scratch.path().join("demo");
    let arguments = ["run", "--decoys", "0", "--physics", "topological", "--no-zip", "--out"];
    call(hetero2().args(arguments).arg(&out)).expect_code(0);
    let done = call(hetero2().arg("rerun").arg(out.join("pack"))).expect_code(0);
    assert!(done.stdout.ends_with("the rerun gives the SAME evidence\n"), "{}", done.stdout);
}

#[test]
fn other_inputs_are_refused_by_name() {
    let scratch = scratch();
    let run = scored_run(scratch.path());
    let library = scratch.path().join("library.csv");
    let input = Path::new("--input");
    let missing = rerun(&run.pack(), &[]).expect_code(2);
    assert!(missing.stderr.contains("the library library.csv"), "{}", missing.stderr);
    assert!(missing.stderr.contains("--input"), "{}", missing.stderr);
    let other = fixture("libraries/small.csv");
    let wrong = rerun(&run.pack(), &[input, &other]).expect_code(2);
    assert!(wrong.stderr.contains("small.csv is not the library of this pack"), "{}", wrong.stderr);
    let scores = fixture("cli/ring/ring.json");
    let wrong =
        rerun(&run.pack(), &[input, &library, Path::new("--scores"), &scores]).expect_code(2);
    assert!(wrong.stderr.contains("ring.json is not the scores of this pack"), "{}", wrong.stderr);
    rerun(&scratch.path().join("nowhere"), &[input, &library]).expect_code(2);
}

/// Replaces a file of a pack, and makes checksums and manifest agree with it
/// again, but for the content digest.
fn forge(pack: &Path, name: &str, change: impl FnOnce(String) -> String) {
    let hash = |bytes: &[u8]| hex::encode(sha2::Sha256::digest(bytes));
    let path = pack.join(name);
    let old = fs::read_to_string(&path).unwrap();
    let new = change(old.clone());
    assert_ne!(new, old);
    fs::write(&path, &new).unwrap();
    let list = pack.join("checksums.sha256");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace(&hash(old.as_bytes()), &hash(new.as_bytes()))).unwrap();
    let _ = fs::remove_file(pack.join("evidence_pack.zip"));
}

#[test]
fn a_pack_that_was_changed_is_found_out() {
    let scratch = scratch();
    let run = scored_run(scratch.path());
    let library = scratch.path().join("library.csv");
    let arguments = [Path::new("--input"), &library];
    // A verdict, and the checksum with it.
    let verdicts = |text: String| text.replacen(",FAIL,", ",PASS,", 1);
    forge(&run.pack(), "summary.csv", verdicts);
    let report = rerun(&run.pack(), &arguments).expect_code(3).json();
    assert_eq!(report["verdict"], "different");
    assert_eq!(report["causes"][0]["what"], "wholeness of the pack");
    let files = report["diff"]["files"].as_array().unwrap();
    let summary = files.iter().find(|file| file["name"] == "summary.csv").expect("in the diff");
    assert_eq!(summary["difference"]["table"]["cells_differing"], json!({"verdict": 1}));
}

#[test]
fn a_pack_of_another_configuration_or_commit_says_so() {
    let scratch = scratch();
    let run = scored_run(scratch.path());
    let library = scratch.path().join("library.csv");
    let arguments = [Path::new("--input"), &library];
    // Another commit explains differences, but there are none.
    let commit = |text: String| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        manifest["tool"]["commit"] = "0000000".into();
        serde_json::to_string(&manifest).unwrap()
    };
    forge(&run.pack(), "manifest.json", commit);
    let report = rerun(&run.pack(), &arguments).expect_code(0).json();
    assert_eq!(report["causes"][0]["what"], "program commit");
    assert_eq!(report["causes"][0]["recorded"], "0000000");
    // A manifest that names another seed than the pack was made with.
    let seed = |text: String| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        manifest["config"]["seed"] = 8.into();
        serde_json::to_string(&manifest).unwrap()
    };
    forge(&run.pack(), "manifest.json", seed);
    let done = call(hetero2().arg("rerun").arg(run.pack()).args(arguments)).expect_code(3);
    assert!(done.stdout.contains("NOT the same evidence"), "{}", done.stdout);
    assert!(done.stdout.contains("decoys.parquet: "), "{}", done.stdout);
}

/// Right counts are facts, whatever they cost here.
#[test]
fn the_scale_suite_counts_as_the_dense_kernel_and_the_closed_forms() {
    let scratch = scratch();
    let out = scratch.path().join("scale");
    let report = suite("scale", &out, &["--rows", "300"]).expect_code(0).json();
    let facts = facts(&report);
    assert_eq!(facts["chain:300: counts of the dense kernel"], "256");
    assert_eq!(facts["ring:300: counts of the closed form"], "256");
    assert_eq!(facts["styrene:100: states below the upper bound"], "100 all, ascending");
    let costs: Value = serde_json::from_slice(&fs::read(out.join("scale.json")).unwrap()).unwrap();
    assert_eq!(costs["measurements"].as_array().unwrap().len(), 12);
    assert_eq!(costs["chosen_energies"][0]["verdict"], "NOT_COUNTED_TOO_SMALL");
}
