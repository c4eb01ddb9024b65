//! `run` and `batch` through the program: every input format, artifacts,
//! determinism, resumption.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{
    Row, Run, call, files, fixture, hetero2, hetero2_with, run_command, scratch, table, tree,
    verify, write,
};
use serde_json::Value;

/// Files of a pack that may differ between two runs: times, and what covers them.
const OF_THE_RUN: [&str; 4] =
    ["provenance.json", "ro-crate-metadata.json", "checksums.sha256", "evidence_pack.zip"];

/// What has to be equal in two packs of one plan.
fn evidence(pack: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = files(pack);
    found.retain(|name, _| !OF_THE_RUN.contains(&name.as_str()));
    found
}

fn small_ids() -> Vec<String> {
    table(&fixture("libraries/small.csv")).iter().map(|row| row["id"].clone()).collect()
}

#[test]
fn every_format_gives_the_same_rows_in_the_same_order() {
    let scratch = scratch();
    let expected = Run::of(
        &fixture("libraries/small.csv"),
        &scratch.path().join("csv"),
        &["--decoys", "2", "--decoy-set", "v1"],
    );
    assert_eq!(expected.ids(), small_ids());
    let rows = expected.summary();
    assert!(rows.iter().all(|row| row["status"] == "OK"), "{:?}", expected.outcomes());
    for name in
        ["small.csv.gz", "small.tsv", "small.smi.zst", "small.sdf", "small.parquet", "columns.smi"]
    {
        let library = fixture("libraries").join(name);
        let run =
            Run::of(&library, &scratch.path().join(name), &["--decoys", "2", "--decoy-set", "v1"]);
        // A molfile's atoms may come in another order than the text's, which
        // decides which of the decoys are drawn; the molecules are the same.
        if name == "small.sdf" {
            assert_eq!(columns(&run.summary(), &MOLECULE), columns(&rows, &MOLECULE), "{name}");
        } else {
            assert_eq!(run.summary(), rows, "{name}");
        }
    }
}

/// Columns of `summary.csv` that depend on the molecule only.
const MOLECULE: [&str; 5] = ["id", "status", "L_trace", "H_trace", "spectral_gap"];

fn columns(rows: &[Row], names: &[&str]) -> Vec<Vec<String>> {
    rows.iter().map(|row| names.iter().map(|name| row[*name].clone()).collect()).collect()
}

#[test]
fn standard_input_is_read_like_a_file() {
    let scratch = scratch();
    let out = scratch.path().join("stdin");
    let arguments = ["--format", "csv", "--decoys", "2"];
    let mut child = run_command(Path::new("-"), &out, &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let library = fs::read(fixture("libraries/small.csv")).unwrap();
    child.stdin.take().unwrap().write_all(&library).unwrap();
    let done = crate::support::Done::from(child.wait_with_output().unwrap()).expect_code(0);
    let run = Run { out, done };
    run.verify();
    assert_eq!(run.ids(), small_ids());
}

#[test]
fn the_demo_library_needs_no_argument_but_a_place() {
    let scratch = scratch();
    let out = scratch.path().join("demo");
    let mut command = hetero2();
    command.args(["run", "--scores", "mock", "--decoys", "0", "--no-zip", "--out"]).arg(&out);
    let done = call(&mut command).expect_code(0);
    let run = Run { out, done };
    run.verify();
    assert_eq!(run.ids().len(), 1_000);
    // One holds an element without parameters, and so shows what that looks like.
    let odd: Vec<_> = run.outcomes().into_iter().filter(|(_, status, _)| status != "OK").collect();
    let expected = ("nci_1537".into(), "ERROR".into(), "missing_physics_params".into());
    assert_eq!(odd, [expected]);
}

#[test]
fn the_demo_has_the_verdict_that_each_of_its_models_deserves() {
    let scratch = scratch();
    let demo = |name: &str, arguments: &[&str]| {
        let out = scratch.path().join(name);
        let mut command = hetero2();
        command.arg("run").args(arguments).arg("--out").arg(&out);
        let done = call(&mut command).expect_code(0);
        let run = Run { out, done };
        run.verify();
        let evidence = run.document("metrics.json")["evidence"].clone();
        (run, evidence["verdict"].clone(), evidence["reasons"][0].clone())
    };
    let (run, verdict, _) = demo("nothing", &[]);
    assert_eq!(verdict, "SUPPORTED");
    assert!(run.done.stdout.trim_start().starts_with("SUPPORTED: "), "{}", run.done.stdout);
    let (named, ..) = demo("honest", &["--demo", "honest"]);
    assert_eq!(run.files()["manifest.json"], named.files()["manifest.json"]);
    let (_, verdict, _) = demo("y-scrambled", &["--demo", "y-scrambled"]);
    assert!(["REFUTED", "INCONCLUSIVE"].contains(&verdict.as_str().unwrap()), "{verdict}");
    let (leaky, verdict, reason) = demo("leaky", &["--demo", "leaky"]);
    assert_eq!((verdict, reason), ("INCONCLUSIVE".into(), "leakage".into()));
    // The program has what the pack does not hold.
    call(hetero2().arg("rerun").arg(leaky.pack())).expect_code(0);
}

#[test]
fn quiet_commands_print_nothing_and_documents_all_the_same() {
    let scratch = scratch();
    let out = scratch.path().join("run");
    let (library, out) = (fixture("libraries/small.csv"), out.to_str().unwrap());
    let pack = format!("{out}/pack");
    let table = scratch.path().join("decoys.csv");
    for arguments in [
        &["run", library.to_str().unwrap(), "--decoys", "1", "--out", out][..],
        &["decoys", library.to_str().unwrap(), "--decoys", "1", "--out", table.to_str().unwrap()],
        &["verify", &pack],
        &["accept", &pack, "--policy", "complete"],
    ] {
        let done = call(hetero2().args(arguments).arg("-q"));
        let code = if arguments[0] == "accept" { 3 } else { 0 };
        assert_eq!((done.code, done.stdout.as_str()), (Some(code), ""), "{arguments:?}");
        assert_eq!(done.stderr, "", "{arguments:?}");
    }
    assert!(call(hetero2().args(["verify", &pack, "-q", "--json"])).stdout.starts_with('{'));
    assert!(call(hetero2().args(["schema", "plan", "-q"])).stdout.starts_with('{'));
}

#[test]
fn a_full_pack_holds_more_than_a_light_one() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let light = Run::of(&library, &scratch.path().join("light"), &["--decoys", "2"]);
    let full =
        Run::of(&library, &scratch.path().join("full"), &["--decoys", "2", "--artifacts", "full"]);
    let (light_files, full_files) = (light.files(), full.files());
    let extra: Vec<&String> =
        full_files.keys().filter(|name| !light_files.contains_key(*name)).collect();
    assert_eq!(extra, ["hardness_curve.csv", "spectra.parquet"]);
    assert!(light_files.keys().all(|name| full_files.contains_key(name)));
    assert_eq!(light.summary(), full.summary());
}

#[test]
fn the_zip_alone_is_the_pack() {
    let scratch = scratch();
    let run =
        Run::of(&fixture("libraries/small.csv"), &scratch.path().join("run"), &["--decoys", "2"]);
    let zip =
        write(scratch.path(), "moved.zip", fs::read(run.pack().join("evidence_pack.zip")).unwrap());
    assert_eq!(verify(&zip), run.verify());
    let diff = call(hetero2().arg("diff").arg(run.pack()).arg(&zip));
    assert_eq!(diff.code, Some(0), "{}{}", diff.stdout, diff.stderr);
}

#[test]
fn json_output_says_what_the_pack_says() {
    let scratch = scratch();
    let run = Run::of(
        &fixture("libraries/ragged.csv"),
        &scratch.path().join("run"),
        &["--decoys", "2", "--decoy-set", "v1", "--json"],
    );
    let report = run.done.json();
    let metrics = run.document("metrics.json");
    let manifest = run.document("manifest.json");
    assert_eq!(report["counts"], metrics["counts"]);
    assert_eq!(report["content_digest"], manifest["content_digest"]);
    assert_eq!(report["content_digest"], Value::from(run.verify()));
    assert_eq!(report["pass_rate"], metrics["audit_slack_stats_ok"]["pass_rate_ok"]);
    assert_eq!(report["median_slack"], metrics["audit_slack_stats_ok"]["median_slack_ok"]);
    let rows = run.summary();
    for status in ["OK", "SKIP", "ERROR"] {
        let count = rows.iter().filter(|row| row["status"] == status).count();
        assert_eq!(report["counts"][status], count, "{status}");
    }
    let reasons = report["top_reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    for reason in reasons {
        let count = rows.iter().filter(|row| reason[0] == row["reason"]).count();
        assert_eq!(reason[1], count, "{reason}");
    }
}

#[test]
fn threads_and_repetition_change_no_byte_of_the_evidence() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let shared = ["--decoys", "3", "--artifacts", "full", "--edge-weights", "bond-order-delta-chi"];
    for (option, strategy) in [
        ("--decoy-strategy", "exhaustive"),
        ("--decoy-strategy", "published"),
        ("--decoy-set", "v2"),
    ] {
        let packs: Vec<Run> = ["1", "2", "2"]
            .iter()
            .enumerate()
            .map(|(i, threads)| {
                let mut arguments = shared.to_vec();
                arguments.extend([option, strategy, "--threads", threads]);
                let out = scratch.path().join(format!("{strategy}-{i}"));
                Run::of(&library, &out, &arguments)
            })
            .collect();
        let first = evidence(&packs[0].pack());
        assert_eq!(first.len(), 14, "{:?}", first.keys());
        for pack in &packs[1..] {
            assert_eq!(pack.verify(), packs[0].verify());
            let other = evidence(&pack.pack());
            assert!(other.keys().eq(first.keys()), "{:?}", other.keys());
            for (name, bytes) in &first {
                assert!(other[name] == *bytes, "{strategy}: {name} differs");
            }
            let diff = call(hetero2().arg("diff").arg(packs[0].pack()).arg(pack.pack()));
            assert_eq!(diff.code, Some(0), "{}", diff.stdout);
        }
    }
}

#[test]
fn the_seed_decides_the_decoys() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let of = |name: &str, arguments: &[&str]| {
        Run::of(&library, &scratch.path().join(name), arguments).verify()
    };
    let shared = ["--decoys", "2", "--no-zip"];
    let zero = of("zero", &shared);
    let one = of("one", &[&shared[..], &["--seed", "1"]].concat());
    let negative = of("negative", &[&shared[..], &["--seed", "-1"]].concat());
    let per_row = of("per-row", &[&shared[..], &["--seed-strategy", "per-row"]].concat());
    let all = [&zero, &one, &negative, &per_row];
    for (i, a) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|b| a != b), "{all:?}");
    }
}

#[test]
fn resuming_a_finished_run_changes_nothing() {
    let scratch = scratch();
    let library = fixture("libraries/ragged.csv");
    let arguments = ["--decoys", "2", "--json"];
    let run = Run::of(&library, &scratch.path().join("run"), &arguments);
    let before = run.files();
    let modified = |name: &str| fs::metadata(run.pack().join(name)).unwrap().modified().unwrap();
    let times: Vec<_> = before.keys().map(|name| modified(name)).collect();
    let again =
        call(&mut run_command(&library, &run.out, &[&arguments[..], &["--resume"]].concat()))
            .expect_code(0);
    assert_eq!(run.files(), before);
    assert_eq!(before.keys().map(|name| modified(name)).collect::<Vec<_>>(), times);
    let (mut first, mut second) = (run.done.json(), again.json());
    assert_eq!(second["already_complete"], true);
    for key in ["already_complete", "seconds", "rows_per_second"] {
        first[key].take();
        second[key].take();
    }
    assert_eq!(first, second);
}

#[test]
fn a_directory_keeps_the_run_that_it_holds() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let run = Run::of(&library, &scratch.path().join("run"), &["--decoys", "2"]);
    let before = run.files();
    for (other, arguments, what) in [
        (&library, vec!["--decoys", "3"], "configuration"),
        (&library, vec!["--decoys", "2", "--seed", "1", "--resume"], "configuration"),
        (&fixture("libraries/ragged.csv"), vec!["--decoys", "2"], "library"),
    ] {
        let done = call(&mut run_command(other, &run.out, &arguments)).expect_code(2);
        let text = format!("holds a run with another {what}: give another --out");
        assert!(done.stderr.contains(&text), "{}", done.stderr);
    }
    assert_eq!(run.files(), before);
}

#[test]
fn a_finished_run_that_lost_a_file_is_not_taken_for_finished() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let run = Run::of(&library, &scratch.path().join("run"), &["--decoys", "1"]);
    fs::remove_file(run.pack().join("summary.parquet")).unwrap();
    let done = call(&mut run_command(&library, &run.out, &["--decoys", "1", "--resume"]));
    assert_eq!(done.code, Some(3), "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("take the original pack, or run again"), "{}", done.stderr);
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let scratch = scratch();
    write(scratch.path(), "thesis.tex", "years of work");
    let done =
        call(&mut run_command(&fixture("libraries/small.csv"), scratch.path(), &[])).expect_code(2);
    assert!(done.stderr.contains("is not empty and holds no run: give another --out"));
    assert_eq!(tree(scratch.path()), ["thesis.tex"]);
}

#[test]
fn without_decoys_there_are_spectra_and_no_verdicts() {
    let scratch = scratch();
    let run = Run::of(
        &fixture("libraries/small.csv"),
        &scratch.path().join("run"),
        &["--decoys", "0", "--json"],
    );
    let report = run.done.json();
    assert_eq!(report["rows_audited"], 0);
    assert_eq!(report["pass_rate"], Value::Null, "there is nothing to pass");
    for row in run.summary() {
        assert_eq!((row["status"].as_str(), row["verdict"].as_str()), ("OK", "SKIP"));
        assert_eq!(row["n_decoys"], "0");
        assert!(row["spectral_gap"].parse::<f64>().unwrap() > 0.0);
    }
}

#[test]
fn hard_decoys_lie_in_their_range() {
    let scratch = scratch();
    let range = 0.65..=0.95;
    let run = Run::of(
        &fixture("libraries/small.csv"),
        &scratch.path().join("run"),
        &["--decoys", "4", "--hard-decoys", "0.65..0.95", "--artifacts", "full"],
    );
    let pairs = table(&run.pack().join("hardness_curve.csv"));
    assert!(pairs.len() > 20, "{}", pairs.len());
    let similarity = pairs[0].keys().find(|name| name.contains("tanimoto")).unwrap().clone();
    for pair in &pairs {
        assert!(range.contains(&pair[&similarity].parse::<f64>().unwrap()), "{pair:?}");
    }
    for row in run.summary() {
        let reason = (row["status"].as_str(), row["reason"].as_str());
        assert!(
            reason == ("OK", "") || reason == ("SKIP", "no_hard_decoys_generated"),
            "{reason:?}"
        );
    }
}

#[test]
fn both_spellings_of_flags_are_one() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let kebab = Run::of(
        &library,
        &scratch.path().join("kebab"),
        &[
            "--decoys",
            "2",
            "--seed-strategy",
            "per-row",
            "--edge-weights",
            "bond-order",
            "--max-atoms",
            "40",
        ],
    );
    let snake = Run::of(
        &library,
        &scratch.path().join("snake"),
        &[
            "--decoys=2",
            "--seed_strategy=per_row",
            "--edge_weights",
            "bond_order",
            "--max_atoms=40",
        ],
    );
    assert_eq!(kebab.verify(), snake.verify());
}

#[test]
fn batch_takes_the_flags_of_the_python_implementation() {
    let scratch = scratch();
    let out = scratch.path().join("out");
    let input = fixture("libraries/small.csv");
    let mut command = hetero2();
    command.arg("batch").arg("--input").arg(&input).arg("--out_dir").arg(&out);
    command.args(["--artifacts", "light", "--k_decoys", "2", "--seed", "7"]);
    command.args(["--timestamp", "2026-01-02T00:00:00+00:00", "--score_mode", "mock"]);
    command.args(["--guardrails_max_atoms", "60", "--guardrails_require_connected"]);
    command.args(["--decoy_hard_mode", "--decoy_hard_tanimoto_min", "0.3"]);
    command.args(["--decoy_hard_tanimoto_max", "0.9", "--physics_mode", "both"]);
    command.args(["--edge_weight_mode", "bond_order", "--potential_scale_gamma", "0.5"]);
    command.args(["--seed_strategy", "per_row", "--workers", "2", "--timeout_s", "60"]);
    command.args(["--zip_pack", "--no_index"]);
    call(&mut command).expect_code(0);
    verify(&out);
    let found = files(&out);
    assert!(found.contains_key("evidence_pack.zip") && !found.contains_key("index.md"));
    let config = serde_json::from_slice::<Value>(&found["metrics.json"]).unwrap()["config"].take();
    for (key, value) in [
        ("decoys", Value::from(2)),
        ("seed", 7.into()),
        ("seed_strategy", "per_row".into()),
        ("decoy_strategy", "published".into()),
        ("max_atoms", 60.into()),
        ("physics", "both".into()),
        ("edge_weights", "bond_order".into()),
        ("potential_scale", 0.5.into()),
        ("timeout_per_row_s", 60.0.into()),
        ("artifacts", "light".into()),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    let provenance: Value = serde_json::from_slice(&found["provenance.json"]).unwrap();
    assert_eq!(provenance["started_at"], "2026-01-02T00:00:00+00:00");
}

#[test]
fn a_pack_that_was_touched_fails_verification() {
    let scratch = scratch();
    let run =
        Run::of(&fixture("libraries/small.csv"), &scratch.path().join("run"), &["--decoys", "1"]);
    let path = run.pack().join("summary.csv");
    let mut text = fs::read_to_string(&path).unwrap();
    let at = text.find(",PASS,").expect("a row that passes");
    text.replace_range(at..at + 6, ",FAIL,");
    fs::write(&path, text).unwrap();
    let done = call(hetero2().arg("verify").arg(run.pack())).expect_code(3);
    assert!(done.stdout.contains("the pack FAILS"), "{}", done.stdout);
    assert!(done.stdout.contains("summary.csv"), "{}", done.stdout);
}

#[test]
fn diff_names_the_row_and_the_column() {
    let scratch = scratch();
    let a =
        write(scratch.path(), "a.csv", "id,smiles\none,CC(=O)Oc1ccccc1C(=O)O\ntwo,CCOC(=O)CN\n");
    let b =
        write(scratch.path(), "b.csv", "id,smiles\none,CC(=O)Oc1ccccc1C(=O)O\ntwo,CCOC(=O)CO\n");
    let a = Run::of(&a, &scratch.path().join("a"), &["--decoys", "1"]);
    let b = Run::of(&b, &scratch.path().join("b"), &["--decoys", "1"]);
    let done = call(hetero2().arg("diff").arg(a.pack()).arg(b.pack())).expect_code(1);
    assert!(
        done.stdout.contains("summary.csv: 2 against 2 rows, 1 rows differ"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("row 1 two H_trace"), "{}", done.stdout);
    assert_eq!(hetero2_with(&["diff", "nowhere", "neither"]).code, Some(2));
}
