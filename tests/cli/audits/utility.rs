//! The worth of packs, through the program: `cost-lift`, `accept`,
//! `proxy-truth`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{Done, Run, call, fixture, hetero2, scratch, tree, write};
use serde_json::{Value, json};

fn unpacked(name: &str) -> String {
    let file = fs::File::open(fixture(&format!("audit/{name}"))).unwrap();
    std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap()
}

/// `hetero2 COMMAND ARGUMENTS`, where arguments may be paths.
#[track_caller]
fn program(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Done {
    call(hetero2().args(arguments.iter().map(|argument| argument.as_ref())))
}

/// A run over the small library, with few decoys.
fn small_run(scratch: &Path) -> Run {
    Run::of(&fixture("libraries/small.csv"), &scratch.join("run"), &["--decoys", "3"])
}

#[test]
fn cost_lift_gives_every_published_report() {
    let cases: BTreeMap<String, Value> =
        serde_json::from_str(&unpacked("cost_lift.json.gz")).unwrap();
    let scratch = scratch();
    let mut reports = 0;
    // There is one policy, so there is no option for it.
    for (name, case) in cases.iter().filter(|(name, _)| *name != "err_policy") {
        let summary = write(scratch.path(), "summary.csv", case["summary"].as_str().unwrap());
        let truth = write(scratch.path(), "truth.csv", case["truth"].as_str().unwrap());
        for expected in case["expected"].as_array().unwrap() {
            let args = &expected["args"];
            let [k, seed, resamples] = ["k", "seed", "n_bootstrap"].map(|a| args[a].to_string());
            let done = program(&[
                &"cost-lift",
                &"--json",
                &"--summary",
                &summary,
                &"--truth",
                &truth,
                &"--budget",
                &k,
                &"--seed",
                &seed,
                &"--resamples",
                &resamples,
            ]);
            let Some(report) = expected["report"].as_object() else {
                // A SKIP row without counts is an error there, and by mistake.
                let code = if name == "err_skip_row_empty_decoys" { 0 } else { 2 };
                let done = done.expect_code(code);
                let file = done.stderr.contains(&scratch.path().display().to_string());
                assert!(code == 0 || file, "{name}: {}", done.stderr);
                continue;
            };
            reports += 1;
            let mut found = done.expect_code(0).json();
            for (key, value) in report {
                if let Some(file) = key.strip_suffix("_csv") {
                    assert_eq!(found[key]["name"], json!(format!("{file}.csv")));
                } else {
                    assert_eq!(found[key], *value, "{name}: {key}");
                }
                found.as_object_mut().unwrap().remove(key);
            }
            let own: Vec<&String> = found.as_object().unwrap().keys().collect();
            assert_eq!(own, ["pack_content_digest", "ranking"], "{name}: unknown keys");
        }
    }
    assert_eq!(reports, 20);
}

#[test]
fn cost_lift_of_a_pack_pins_its_inputs() {
    let scratch = scratch();
    let dir = scratch.path();
    let run = small_run(dir);
    let mut truth = String::from("molecule_id,expensive_label,truth_source,truth_version\n");
    for (i, id) in run.ids().iter().enumerate() {
        let label = if i % 4 == 0 { "PASS" } else { "FAIL" };
        truth.push_str(&format!("{id},{label},assay,customer_truth.v1\n"));
    }
    let truth = write(dir, "truth.csv", truth);
    let out = dir.join("report.json");
    let common = ["--budget", "5"];
    let done = program(&[
        &"cost-lift",
        &"--pack",
        &run.pack(),
        &"--truth",
        &truth,
        &common[0],
        &common[1],
        &"--out",
        &out,
    ])
    .expect_code(0);
    assert!(done.stdout.contains("by score plus audit"), "{}", done.stdout);
    let report: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(report["report_schema"], "cost_lift.v1");
    assert_eq!(report["K_effective"], 5);
    assert_eq!(report["N_total"], 20);
    assert_eq!(report["pack_content_digest"], json!(run.verify()));
    let sha256 = report["truth_csv"]["sha256"].as_str().unwrap().to_owned();

    // The zip, and the table by itself, say the same.
    let zip = run.pack().join("evidence_pack.zip");
    let pinned = program(&[
        &"cost-lift",
        &"--json",
        &"--pack",
        &zip,
        &"--truth",
        &truth,
        &"--truth-sha256",
        &sha256.to_uppercase(),
        &common[0],
        &common[1],
    ]);
    assert_eq!(pinned.expect_code(0).json(), report);
    let table = run.pack().join("summary.csv");
    let plain = program(&[
        &"cost-lift",
        &"--json",
        &"--summary",
        &table,
        &"--truth",
        &truth,
        &common[0],
        &common[1],
    ]);
    let mut expected = report.clone();
    expected["pack_content_digest"] = Value::Null;
    assert_eq!(plain.expect_code(0).json(), expected);

    let other = "0".repeat(64);
    let wrong = program(&[
        &"cost-lift",
        &"--pack",
        &run.pack(),
        &"--truth",
        &truth,
        &"--truth-sha256",
        &other,
        &common[0],
        &common[1],
    ])
    .expect_code(2);
    assert!(wrong.stderr.contains(&sha256) && wrong.stderr.contains(&other), "{}", wrong.stderr);
}

#[test]
fn cost_lift_says_what_is_wrong_and_where() {
    let scratch = scratch();
    let dir = scratch.path();
    let truth = write(
        dir,
        "truth.csv",
        "molecule_id,expensive_label,truth_source,truth_version\na,PASS,x,customer_truth.v1\n",
    );
    let missing = dir.join("missing");
    let cases: [(&[&dyn AsRef<std::ffi::OsStr>], &str); 4] = [
        (&[&"--pack", &missing, &"--truth", &truth], "missing"),
        (&[&"--pack", &dir, &"--truth", &truth], "has no summary.csv"),
        (&[&"--summary", &truth, &"--truth", &truth], "the summary has no column"),
        (&[&"--truth", &truth], "--pack <PACK>|--summary <FILE>"),
    ];
    for (arguments, expected) in cases {
        let mut command = hetero2();
        command.args(["cost-lift", "--budget", "3"]);
        command.args(arguments.iter().map(|argument| argument.as_ref()));
        let done = call(&mut command).expect_code(2);
        assert!(done.stderr.contains(expected), "{expected}: {}", done.stderr);
    }
}

#[test]
fn accept_says_stop_for_stand_ins_and_for_a_pack_with_errors() {
    let scratch = scratch();
    let dir = scratch.path();
    let run = small_run(dir);
    let stand_ins = program(&[&"accept", &run.pack()]).expect_code(3);
    assert!(stand_ins.stdout.ends_with("STOP: 20 rows, policy screen\n"), "{}", stand_ins.stdout);
    assert!(stand_ins.stdout.contains("stand-ins"), "{}", stand_ins.stdout);
    let zip = run.pack().join("evidence_pack.zip");
    let zipped = program(&[&"accept", &"--json", &zip]).expect_code(3).json();
    assert_eq!(zipped["complete"]["decision"], "GO");
    assert_eq!(zipped["score_mode"], "mock");
    assert_eq!(zipped["complete"]["criteria"].as_array().unwrap().len(), 5);

    let mercury = write(dir, "mercury.csv", "id,smiles\na,CCCCO\nb,C[Hg]C\n");
    let run = Run::of(&mercury, &dir.join("mercury"), &["--decoys", "2"]);
    let stop = program(&[&"accept", &"--json", &run.pack()]).expect_code(3).json();
    assert_eq!(stop["decision"], "STOP");
    let criteria = &stop["complete"]["criteria"];
    assert_eq!(criteria[0]["name"], "counts.ERROR");
    assert_eq!(criteria[0]["value"], 1);
    assert_eq!(criteria[0]["outcome"], "not_met");
    let text = program(&[&"accept", &run.pack()]).expect_code(3);
    assert!(
        text.stdout.contains("NOT MET") && text.stdout.ends_with("STOP: 2 rows, policy screen\n")
    );
    program(&[&"accept", &dir.join("nowhere")]).expect_code(2);
}

#[test]
fn a_summary_that_was_changed_is_not_believed() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let path = run.pack().join("summary.csv");
    let changed = fs::read_to_string(&path).unwrap().replacen(",OK,", ",SKIP,", 1);
    fs::write(&path, &changed).unwrap();
    let done = program(&[&"accept", &run.pack()]).expect_code(3);
    assert!(done.stderr.contains("was changed after the pack was made"), "{}", done.stderr);
    // Even where it cannot be read any more.
    fs::write(&path, changed.replacen(",SKIP,", ",MAYBE,", 1)).unwrap();
    let done = program(&[&"accept", &run.pack()]).expect_code(3);
    assert!(done.stderr.contains("was changed after the pack was made"), "{}", done.stderr);
}

#[test]
fn proxy_truth_of_the_ring_suite_is_the_published_one() {
    let scratch = scratch();
    let out = scratch.path().join("truth.csv");
    let library = fixture("cli/ring/input.csv");
    let done = program(&[&"proxy-truth", &library, &"--out", &out, &"--json"]).expect_code(0);
    assert_eq!(fs::read_to_string(&out).unwrap(), unpacked("proxy_truth.csv.gz"));
    assert_eq!(done.json()["molecules"], 200);
}

#[test]
fn proxy_truth_of_a_pack_is_that_of_its_library() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = write(dir, "library.csv", "id,smiles\na,OCC\nb,\nc,C1CC\na,OCC\nd,c1ccccc1\n");
    let run = Run::of(&library, &dir.join("run"), &["--decoys", "1"]);
    let (direct, packed) = (dir.join("direct.csv"), dir.join("packed.csv"));
    let done = program(&[&"proxy-truth", &library, &"--out", &direct]).expect_code(0);
    assert!(done.stdout.starts_with("3 molecules"), "{}", done.stdout);
    let zip = run.pack().join("evidence_pack.zip");
    program(&[&"proxy-truth", &"--pack", &zip, &"--out", &packed]).expect_code(0);
    assert_eq!(fs::read(&direct).unwrap(), fs::read(&packed).unwrap());

    let library = write(dir, "library.csv", "id,smiles\na,CCO\na,CCN\n");
    let out = dir.join("none.csv");
    let done = program(&[&"proxy-truth", &library, &"--out", &out]).expect_code(2);
    assert!(done.stderr.contains("row 1 (from 0)"), "{}", done.stderr);
    assert!(!out.exists() && !tree(dir).iter().any(|name| name.contains("partial")));
}
