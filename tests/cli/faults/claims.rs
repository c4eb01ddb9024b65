//! What a pack says of itself and cannot be checked by checksums alone.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::forging::{copy, failures, path, reseal, small_run, verify};
use crate::support::{Run, fixture, hetero2_with, scratch, write};

#[test]
fn what_the_manifest_says_is_held_against_the_files() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let forge = |change: fn(&mut Value)| {
        let pack = scratch.path().join("forged");
        let _ = fs::remove_dir_all(&pack);
        copy(&run.pack(), &pack);
        reseal(&pack, change);
        verify(&pack)
    };
    forge(|_| {}).expect_code(0);
    let found = failures(&forge(|m| m["seeds"]["seed"] = json!(7)).expect_code(3));
    assert!(found.contains("the seed is 7"), "{found}");
    let both = |m: &mut Value| {
        m["seeds"]["seed"] = json!(7);
        m["config"]["seed"] = json!(7);
    };
    let found = failures(&forge(both).expect_code(3));
    assert!(found.contains("configuration (seed)"), "{found}");
    let found = failures(&forge(|m| m["config"]["decoys"] = json!(99)).expect_code(3));
    assert!(found.contains("configuration (decoys)"), "{found}");
    let found = failures(&forge(|m| m["notes"]["rows"] = json!(1)).expect_code(3));
    assert!(found.contains("notes 1 rows"), "{found}");
}

#[test]
fn stored_scores_are_the_input_that_the_manifest_names() {
    let scratch = scratch();
    let pack = scratch.path().join("pack");
    copy(&fixture("compat/v1/pack"), &pack);
    reseal(&pack, |_| {});
    let honest = verify(&pack).expect_code(0).json();
    reseal(&pack, |m| {
        let inputs = m["inputs"].as_array_mut().unwrap();
        let scores = inputs.iter_mut().find(|input| input["role"] == "scores").unwrap();
        scores["sha256"] = json!("0".repeat(64));
    });
    let found = failures(&verify(&pack).expect_code(3));
    assert!(found.contains("scores.json is not the input"), "{found}");
    // A library that nobody can check is bound by the digest of the manifest.
    copy(&fixture("compat/v1/pack"), &pack);
    reseal(&pack, |m| m["inputs"][0]["sha256"] = json!("0".repeat(64)));
    let forged = verify(&pack).expect_code(0).json();
    assert_eq!(forged["content_digest"], honest["content_digest"]);
    assert_ne!(forged["manifest_digest"], honest["manifest_digest"]);
}

#[test]
fn a_tampered_pack_in_the_registry_does_not_keep_the_honest_one_out() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let tampered = scratch.path().join("tampered");
    copy(&run.pack(), &tampered);
    reseal(&tampered, |m| m["inputs"][0]["sha256"] = json!("0".repeat(64)));
    let registry = scratch.path().join("registry");
    let publish = |pack: &Path| {
        let published =
            hetero2_with(&["publish", path(pack), "--registry", path(&registry), "--json"]);
        published.expect_code(0).json()
    };
    let (forged, honest) = (publish(&tampered), publish(&run.pack()));
    assert_eq!(forged["content_digest"], honest["content_digest"]);
    assert_eq!((&honest["sequence"], &honest["already_published"]), (&json!(1), &json!(false)));
    let found = verify(&run.pack()).expect_code(0).json();
    assert_eq!(honest["manifest_digest"], found["manifest_digest"]);
    for (pack, first) in [(&tampered, &forged), (&run.pack(), &honest)] {
        let again = publish(pack);
        assert_eq!(again["already_published"], true);
        assert_eq!((&again["sequence"], &again["pack"]), (&first["sequence"], &first["pack"]));
    }
    hetero2_with(&["registry", "verify", "--registry", path(&registry)]).expect_code(0);
    // Each stored pack is the one that its entry names.
    let stored = |entry: &Value| PathBuf::from(entry["pack"].as_str().unwrap());
    let (a, b) = (stored(&forged), stored(&honest));
    let aside = scratch.path().join("aside");
    fs::rename(&a, &aside).and_then(|()| fs::rename(&b, &a)).unwrap();
    fs::rename(&aside, &b).unwrap();
    hetero2_with(&["registry", "verify", "--registry", path(&registry)]).expect_code(3);
}

#[test]
fn tables_and_reports_that_do_not_follow_are_found() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let full = scratch.path().join("full");
    let arguments = ["--decoys", "3", "--threads", "1", "--artifacts", "full"];
    let runs = [small_run(scratch.path()), Run::of(&library, &full, &arguments)];
    for run in &runs {
        let deep = |pack: &Path| hetero2_with(&["verify", path(pack), "--deep", "--json"]);
        deep(&run.pack()).expect_code(0);
        deep(&run.pack().join("evidence_pack.zip")).expect_code(0);
        let forged = scratch.path().join("forged");
        for (name, from, to) in [
            ("summary.csv", ",0.05,", ",0.04,"),
            ("index.md", "#", "##"),
            ("index.html", "<h1>", "<h1>Not "),
            ("hardness_curve.md", "easy", "hard"),
            ("operator_features.csv", ",0.", ",1."),
        ] {
            let _ = fs::remove_dir_all(&forged);
            copy(&run.pack(), &forged);
            let text = fs::read_to_string(forged.join(name)).unwrap();
            assert!(text.contains(from), "{name} has {from:?}");
            write(&forged, name, text.replacen(from, to, 1));
            reseal(&forged, |_| {});
            verify(&forged).expect_code(0);
            let found = failures(&deep(&forged).expect_code(3));
            assert!(found.contains(name) && found.contains("do not follow"), "{found}");
        }
    }
}

#[test]
fn packs_with_scores_and_outcomes_are_made_again_too() {
    let scratch = scratch();
    let ring = |name: &str| fixture("cli/ring").join(name);
    let (library, scores) = (ring("input.csv"), ring("good_synthetic.json"));
    let truth = scratch.path().join("truth.csv");
    hetero2_with(&["proxy-truth", path(&library), "--out", path(&truth)]).expect_code(0);
    let out = scratch.path().join("run");
    let arguments =
        ["--scores", path(&scores), "--truth", path(&truth), "--budget", "5", "--threads", "1"];
    let run = Run::of(&library, &out, &arguments);
    hetero2_with(&["verify", path(&run.pack()), "--deep"]).expect_code(0);
}

#[test]
fn ids_that_spreadsheets_calculate_with_are_guarded_and_still_match() {
    let scratch = scratch();
    let ids = ["=HYPERLINK(0)", "+1", "-2", "@x", "'=y", "plain"];
    let rows = ids.iter().map(|id| format!("\"{id}\",c1ccccc1CCO\n"));
    let text: String = std::iter::once("id,smiles\n".to_owned()).chain(rows).collect();
    let library = write(scratch.path(), "library.csv", text);
    let arguments = ["--decoys", "3", "--threads", "1", "--artifacts", "full"];
    let run = Run::of(&library, &scratch.path().join("run"), &arguments);
    let safe: Vec<String> = ids
        .iter()
        .map(|id| if *id == "plain" { (*id).to_owned() } else { format!("'{id}") })
        .collect();
    assert_eq!(run.ids(), safe);
    for name in ["summary.csv", "operator_features.csv", "hardness_curve.csv", "ldos_summary.csv"] {
        let text = fs::read_to_string(run.pack().join(name)).unwrap();
        let cells = text.lines().skip(1).map(|line| line.trim_start_matches('"'));
        let guarded = |line: &str| !line.starts_with(['=', '+', '-', '@']);
        assert!(cells.into_iter().all(guarded), "{name}: {text}");
    }
    // Outcomes and scores may have the ids either way.
    let truth = scratch.path().join("truth.csv");
    hetero2_with(&["proxy-truth", path(&library), "--out", path(&truth)]).expect_code(0);
    let plain = fs::read_to_string(&truth).unwrap();
    assert!(plain.contains("'=HYPERLINK"), "{plain}");
    let plain = write(scratch.path(), "plain.csv", plain.replace("'=H", "=H").replace("'+", "+"));
    let reports = [&truth, &plain].map(|truth| {
        let pack = run.pack();
        let arguments =
            ["cost-lift", "--pack", path(&pack), "--truth", path(truth), "--budget", "2"];
        let mut report =
            hetero2_with(&[&arguments[..], &["--json"]].concat()).expect_code(0).json();
        report.as_object_mut().unwrap().remove("truth_csv");
        report
    });
    assert_eq!(reports[0]["ranking"], reports[1]["ranking"]);
    let decoys = scratch.path().join("decoys.csv");
    hetero2_with(&["decoys", path(&library), "--out", path(&decoys), "--decoys", "3"])
        .expect_code(0);
    let table = fs::read_to_string(&decoys).unwrap();
    let scored: String = table
        .lines()
        .enumerate()
        .map(|(i, line)| if i == 0 { format!("{line}\n") } else { format!("{line}0.25\n") })
        .collect();
    let scores = write(scratch.path(), "scores.csv", scored);
    let out = scratch.path().join("scored");
    let run = Run::of(&library, &out, &["--decoys", "3", "--scores", path(&scores)]);
    let rows = run.summary();
    assert!(rows.iter().all(|row| row["original_score"] == "0.25"), "{rows:?}");
    // The command line of the Python implementation writes as that does.
    let out = scratch.path().join("batch");
    let done = hetero2_with(&["batch", "--input", path(&library), "--out_dir", path(&out)]);
    done.expect_code(0);
    verify(&out).expect_code(0);
    let found = crate::support::table(&out.join("summary.csv"));
    assert_eq!(found.iter().map(|row| row["id"].as_str()).collect::<Vec<_>>(), ids);
}
