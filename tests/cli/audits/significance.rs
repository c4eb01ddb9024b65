//! Significance in packs, through the program: q-values, power, and passes
//! against chance.

use std::path::{Path, PathBuf};

use crate::support::{Row, Run, call, demo_library, fixture, hetero2, scratch, write};
use hetero2::random::PythonRandom;

/// Random scores for the first `rows` molecules of the demo library and all
/// their decoys; returns library and scores.
fn random_scores(dir: &Path, rows: usize, seed: i64) -> (PathBuf, PathBuf) {
    let demo = std::fs::read_to_string(demo_library()).unwrap();
    let lines: Vec<&str> = demo.lines().filter(|line| !line.starts_with('#')).take(rows).collect();
    let library = write(dir, "library.smi", lines.join("\n"));
    let table = dir.join("decoys.csv");
    let mut command = hetero2();
    command.args(["decoys", "--decoy-set", "v1"]).arg(&library).arg("--out").arg(&table);
    call(&mut command).expect_code(0);
    let mut rng = PythonRandom::new(seed);
    let mut scores = String::from("decoy_hash,score,molecule_id,role\n");
    let mut seen = std::collections::BTreeSet::new();
    for row in crate::support::table(&table) {
        let (id, hash) = (&row["molecule_id"], &row["decoy_hash"]);
        match row["role"].as_str() {
            "original" => scores.push_str(&format!(",{},{id},original\n", rng.random())),
            _ if seen.insert(hash.clone()) => {
                scores.push_str(&format!("{hash},{},,decoy\n", rng.random()));
            }
            _ => {}
        }
    }
    (library, write(dir, "scores.csv", scores))
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

#[test]
fn random_scores_pass_as_often_as_chance_says() {
    let scratch = scratch();
    let dir = scratch.path();
    let (library, scores) = random_scores(dir, 250, 5);
    let scores = ["--decoy-set", "v1", "--scores", scores.to_str().unwrap()];
    let run = Run::of(&library, &dir.join("run"), &scores);
    let rows: Vec<Row> = run.summary().into_iter().filter(|r| !r["p_value"].is_empty()).collect();
    let significance = &run.document("metrics.json")["significance"];
    assert_eq!(significance["rows_tested"], rows.len());
    assert!(rows.len() > 240);

    // Benjamini and Hochberg by the definition.
    let p: Vec<f64> = rows.iter().map(|row| number(row, "p_value")).collect();
    for row in &rows {
        let rate = |p_i: f64| {
            p_i * p.len() as f64 / p.iter().filter(|other| **other <= p_i).count() as f64
        };
        let own = number(row, "p_value");
        let expected = p.iter().filter(|p| **p >= own).map(|p| rate(*p)).fold(1.0, f64::min);
        assert!((number(row, "q_value") - expected).abs() < 2e-8, "{row:?}: {expected}");
        let note = if number(row, "p_min") > 0.05 { "too_few_decoys_for_p<=0.05" } else { "" };
        assert_eq!(row["power_note"], note);
        assert!(number(row, "original_score") < 1.0);
    }
    let powerless = rows.iter().filter(|row| !row["power_note"].is_empty()).count();
    assert!(powerless > 0);
    assert_eq!(significance["rows_without_power"], powerless);
    assert_eq!(significance["rows_q_significant"], 0, "all of it is chance");

    // Overall and in each bin: the interval holds what is observed.
    let all = &significance["passes"];
    let bins = ["easy", "medium", "hard"].map(|bin| &significance["passes_by_bin"][bin]);
    for passes in [all, bins[0], bins[1], bins[2]] {
        let value = |name: &str| passes[name].as_f64().unwrap_or_else(|| panic!("{name} {passes}"));
        let observed = value("observed_passes");
        assert!(value("chance_low") <= observed && observed <= value("chance_high"), "{passes}");
        let expected = value("expected_passes_by_chance");
        assert!(value("chance_low") <= expected && expected <= value("chance_high"), "{passes}");
        assert!(value("p_value") > 0.01 && value("p_value") < 0.99, "{passes}");
    }
    let passed = rows.iter().filter(|row| row["verdict"] == "PASS").count();
    assert_eq!(all["observed_passes"], passed);
    // Without ties a random score passes with probability 1 / (n + 1).
    let expected: f64 = rows.iter().map(|row| 1.0 / (number(row, "n_decoys_scored") + 1.0)).sum();
    assert!((all["expected_passes_by_chance"].as_f64().unwrap() - expected).abs() < 1e-6);
    assert!(run.document("metrics.json")["significance"]["passes_by_bin"]["unknown"].is_null());
}

#[test]
fn scores_that_tell_originals_apart_pass_more_often_than_chance() {
    let scratch = scratch();
    let run = Run::of(&fixture("libraries/small.csv"), &scratch.path().join("run"), &[]);
    let significance = &run.document("metrics.json")["significance"];
    let passes = &significance["passes"];
    assert_eq!(passes["observed_passes"], passes["rows"]);
    assert!(passes["p_value"].as_f64().unwrap() < 1e-9);
    assert!(significance["rows_p_significant"].as_u64() > Some(10));
    let page = std::fs::read_to_string(run.pack().join("index.html")).unwrap();
    assert!(page.contains("No verdict: the scores are stand-ins"));
    assert!(!page.contains("random scores would let"), "stand-in scores are nobody's");
}
