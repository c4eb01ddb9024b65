//! Runs on the scores of a model: the ring suite against its golden results,
//! score files that are refused, score files named by rows.

use std::collections::BTreeMap;
use std::fs;

use crate::support::{Row, call, fixture, hetero2, run_command, scratch, table, verify, write};

/// Largest difference of a published gate or slack, which has 8 decimals.
const TOLERANCE: f64 = 1.1e-8;

/// Cells of the golden table that this row has differently.
fn disagreements(found: &Row, expected: &Row) -> Vec<String> {
    let same = |name: &str| match (found[name].parse::<f64>(), expected[name].parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= TOLERANCE,
        _ => found[name] == expected[name],
    };
    let differing = expected.keys().filter(|name| !same(name));
    differing
        .map(|name| {
            format!("{} {name}: {:?} not {:?}", expected["id"], found[name], expected[name])
        })
        .collect()
}

#[test]
fn the_ring_suite_on_external_scores_agrees_with_the_golden_results() {
    let scratch = scratch();
    let folder = fixture("cli/ring");
    for scores in ["ring", "bad_constant", "bad_random", "good_synthetic"] {
        let out = scratch.path().join(scores);
        let mut command = hetero2();
        command.args(["batch", "--score_mode", "external_scores", "--artifacts", "light"]);
        command.args(["--k_decoys", "20", "--seed_strategy", "per_row", "--seed", "0"]);
        command.args(["--workers", "2", "--physics_mode", "topological"]);
        command.arg("--input").arg(folder.join("input.csv")).arg("--out_dir").arg(&out);
        command.arg("--scores_input").arg(folder.join(format!("{scores}.json")));
        call(&mut command).expect_code(0);
        verify(&out);
        let found = table(&out.join("summary.csv"));
        let expected = table(&folder.join(format!("{scores}.expected.csv")));
        assert_eq!(found.len(), expected.len());
        let wrong: Vec<String> = found
            .iter()
            .zip(&expected)
            .flat_map(|(found, expected)| disagreements(found, expected))
            .collect();
        assert!(wrong.is_empty(), "{scores}: {} cells differ: {wrong:#?}", wrong.len());
        assert_eq!(
            fs::read_to_string(out.join("missing_decoy_scores.csv")).unwrap(),
            fs::read_to_string(folder.join("missing_decoy_scores.csv")).unwrap(),
            "{scores}"
        );
        assert_eq!(
            fs::read(out.join(format!("{scores}.json")))
                .or_else(|_| fs::read(out.join("scores.json")))
                .unwrap(),
            fs::read(folder.join(format!("{scores}.json"))).unwrap(),
            "the scores are in the pack as they were given"
        );
    }
}

#[test]
fn scores_of_another_schema_are_refused() {
    let scratch = scratch();
    for (name, text, why) in [
        (
            "version.json",
            r#"{"schema_version":"hetero_scores.v2","original":{"score":1},"decoys":{}}"#,
            "hetero_scores.v2",
        ),
        ("none.json", r#"{"original":{"score":1},"decoys":{}}"#, "schema_version"),
        ("text.json", "not JSON", "JSON"),
    ] {
        let scores = write(scratch.path(), name, text);
        let out = scratch.path().join(format!("{name}-out"));
        let mut command = run_command(&fixture("libraries/small.csv"), &out, &["--decoys", "1"]);
        let done = call(command.arg("--scores").arg(&scores)).expect_code(2);
        assert!(done.stderr.contains(why), "{}", done.stderr);
        assert!(done.stderr.contains(name), "{}", done.stderr);
        assert!(!out.join("pack").exists());
    }
}

#[test]
fn scores_with_another_digest_are_refused() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    let scores = fixture("cli/ring/ring.json");
    let of = |digest: &str| {
        let out = scratch.path().join("out");
        let mut command =
            run_command(&library, &out, &["--decoys", "1", "--scores-sha256", digest]);
        call(command.arg("--scores").arg(&scores))
    };
    let wrong = of(&"0".repeat(64)).expect_code(2);
    assert!(wrong.stderr.contains("not the expected 0000"), "{}", wrong.stderr);
    let right = {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(fs::read(&scores).unwrap()))
    };
    // The refused run left nothing that is in the way.
    of(&right.to_uppercase()).expect_code(0);
}

#[test]
fn rows_name_score_files_beside_the_library_and_nowhere_else() {
    let scratch = scratch();
    let inside = scratch.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let scores = fs::read(fixture("cli/ring/good_synthetic.json")).unwrap();
    write(&inside, "good.json", &scores);
    write(scratch.path(), "x", &scores);
    let absolute = scratch.path().join("x").display().to_string();
    let library = format!(
        "id,smiles,scores_input\n\
         good,CC(=O)Oc1ccccc1C(=O)O,good.json\n\
         above,CC(=O)Oc1ccccc1C(=O)O,../x\n\
         hidden,CC(=O)Oc1ccccc1C(=O)O,sub/../../x\n\
         absolute,CC(=O)Oc1ccccc1C(=O)O,{absolute}\n\
         missing,CC(=O)Oc1ccccc1C(=O)O,nowhere.json\n\
         none,CC(=O)Oc1ccccc1C(=O)O,\n"
    );
    let library = write(&inside, "library.csv", library);
    let out = scratch.path().join("out");
    let mut command = hetero2();
    command.args(["batch", "--score_mode=external_scores", "--k_decoys=20", "--input"]);
    call(command.arg(&library).arg("--out_dir").arg(&out)).expect_code(0);
    verify(&out);
    let rows: BTreeMap<String, Row> =
        table(&out.join("summary.csv")).into_iter().map(|row| (row["id"].clone(), row)).collect();
    assert_eq!((rows["good"]["status"].as_str(), rows["good"]["verdict"].as_str()), ("OK", "PASS"));
    for id in ["above", "hidden", "absolute"] {
        let reason = &rows[id]["reason"];
        assert_eq!(rows[id]["status"], "ERROR", "{id}");
        assert!(reason.contains("must lie in the library's folder"), "{id}: {reason}");
    }
    assert_eq!(rows["missing"]["status"], "ERROR");
    assert!(rows["missing"]["reason"].contains("no file nowhere.json"));
    assert_eq!(
        (rows["none"]["status"].as_str(), rows["none"]["reason"].as_str()),
        ("SKIP", "missing_scores_input")
    );
}
