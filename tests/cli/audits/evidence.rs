//! What the program concludes of scores: nothing that knows no activity is ever
//! supported, or accepted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{
    Done, Run, call, demo_library, files, hetero2, run_command, scratch, table, verify, write,
};

/// Molecules of the library that scores are tried on.
const MOLECULES: usize = 240;

/// The first molecules of the shipped library.
fn library(dir: &Path) -> PathBuf {
    let text = fs::read_to_string(demo_library()).unwrap();
    let lines: Vec<&str> = text.lines().take(MOLECULES).collect();
    write(dir, "library.smi", lines.join("\n") + "\n")
}

/// A library, its decoys as they are to be scored, and known outcomes.
struct Trial {
    library: PathBuf,
    /// (molecule id, SMILES, role)
    structures: Vec<[String; 3]>,
    truth: PathBuf,
}

/// Amide bonds, which a swap of bonds breaks: what the toy activity is.
fn amides(smiles: &str) -> f64 {
    let of = |pattern: &str| smiles.matches(pattern).count() as f64;
    of("C(=O)N") + of("NC(=O)") + of("NC(C)=O")
}

/// A number that depends on the text alone, 0 to 1.
fn noise(text: &str) -> f64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

fn trial(dir: &Path) -> Trial {
    let library = library(dir);
    let decoys = dir.join("decoys.csv");
    call(hetero2().arg("decoys").arg(&library).arg("--out").arg(&decoys)).expect_code(0);
    let structures: Vec<[String; 3]> = table(&decoys)
        .into_iter()
        .map(|row| [row["molecule_id"].clone(), row["decoy_smiles"].clone(), row["role"].clone()])
        .collect();
    let mut truth = String::from("Molecule_ID\tActive\n");
    for [id, smiles, role] in &structures {
        if role == "original" {
            truth.push_str(&format!("{id}\t{}\n", u8::from(amides(smiles) >= 2.0)));
        }
    }
    Trial { library, structures, truth: write(dir, "truth.tsv", truth) }
}

impl Trial {
    /// A scores file of this model; structures that it has no score for are
    /// left out.
    fn scores(&self, dir: &Path, name: &str, model: impl Fn(&str, &str) -> Option<f64>) -> PathBuf {
        let mut text = String::from("decoy_smiles,score,molecule_id,role\n");
        let mut seen = BTreeSet::new();
        for [id, smiles, role] in &self.structures {
            let Some(score) = model(smiles, role) else { continue };
            if role == "original" {
                text.push_str(&format!("{smiles},{score},{id},original\n"));
            } else if seen.insert(smiles.clone()) {
                text.push_str(&format!("{smiles},{score},,decoy\n"));
            }
        }
        write(dir, name, text)
    }

    /// Audits other scores against the decoys of a pack.
    fn audit(&self, pack: &Path, scores: &Path, out: &Path, more: &[&str]) -> Done {
        let mut command = hetero2();
        command.arg("audit").arg("--json").arg("--pack").arg(pack).arg("--scores").arg(scores);
        call(command.arg("--out").arg(out).args(more))
    }
}

/// The toy model: it knows amides, and prefers real molecules a little.
fn honest(smiles: &str, role: &str) -> f64 {
    amides(smiles) + 0.3 * noise(smiles) + if role == "original" { 0.15 } else { 0.0 }
}

fn accept(pack: &Path, policy: &[&str]) -> Done {
    call(hetero2().arg("accept").arg(pack).arg("--json").args(policy))
}

fn evidence(pack: &Path) -> Value {
    let text = fs::read_to_string(pack.join("metrics.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["evidence"].clone()
}

#[test]
fn only_a_model_that_knows_the_outcomes_is_supported() {
    let scratch = scratch();
    let dir = scratch.path();
    let trial = trial(dir);
    let truth = trial.truth.to_str().unwrap();
    let scores = trial.scores(dir, "honest.csv", |smiles, role| Some(honest(smiles, role)));
    let run = Run::of(
        &trial.library,
        &dir.join("honest"),
        &["--scores", scores.to_str().unwrap(), "--truth", truth, "--json"],
    );
    let found = run.document("metrics.json")["evidence"].clone();
    assert_eq!(found["verdict"], "SUPPORTED", "{found:#}");
    assert_eq!(run.done.json()["evidence"], "SUPPORTED");
    let accepted = accept(&run.pack(), &[]).expect_code(0).json();
    assert_eq!((&accepted["decision"], &accepted["policy"]), (&"GO".into(), &"model".into()));
    assert!(
        accepted["specificity"]["passed"].as_u64() <= accepted["specificity"]["allowed"].as_u64()
    );
    let page = fs::read_to_string(run.pack().join("index.html")).unwrap();
    let text = fs::read_to_string(run.pack().join("index.md")).unwrap();
    for report in [&page, &text] {
        assert!(report.contains("SUPPORTED: known outcomes support the scores"));
        assert!(report.contains("A molecule passes (PASS) where"), "what a PASS is");
        assert!(report.contains("Known outcomes"));
        assert!(!report.contains("is right"));
    }

    type Model = fn(&str, &str) -> f64;
    let blind: [(&str, Model); 4] = [
        ("random", |smiles, _| noise(smiles)),
        ("constant", |_, _| 0.5),
        ("inverted", |smiles, role| -honest(smiles, role)),
        ("composition", |smiles, _| {
            smiles.chars().filter(|c| c.is_alphabetic() && *c != 'H').count() as f64 * -0.01
        }),
    ];
    for (name, model) in blind {
        let scores =
            trial.scores(dir, &format!("{name}.csv"), |smiles, role| Some(model(smiles, role)));
        for (kind, more) in [("with", &["--truth", truth][..]), ("without", &[])] {
            let out = dir.join(format!("{name}-{kind}"));
            let done = trial.audit(&run.pack(), &scores, &out, more).expect_code(0);
            verify(&out);
            let verdict = done.json()["evidence"].as_str().unwrap().to_owned();
            assert!(
                !["SUPPORTED", "NOT_REFUTED"].contains(&verdict.as_str()),
                "{name} {kind} outcomes: {verdict}"
            );
            assert_eq!(evidence(&out)["verdict"], verdict.as_str());
            for policy in [&[][..], &["--policy", "screen"], &["--policy", "model"]] {
                let accepted = accept(&out, policy).expect_code(3).json();
                assert_eq!(accepted["decision"], "STOP", "{name} {kind}");
            }
        }
        if name == "inverted" {
            let found = evidence(&dir.join("inverted-with"));
            assert_eq!(found["reasons"][0], "contradicts_outcomes", "{found:#}");
        }
    }
}

#[test]
fn without_outcomes_a_model_is_at_most_not_refuted() {
    let scratch = scratch();
    let dir = scratch.path();
    let trial = trial(dir);
    let scores = trial.scores(dir, "honest.csv", |smiles, role| Some(honest(smiles, role)));
    let scores = scores.to_str().unwrap();
    let run = Run::of(&trial.library, &dir.join("run"), &["--scores", scores]);
    let found = evidence(&run.pack());
    assert_eq!(found["verdict"], "NOT_REFUTED", "{found:#}");
    assert!(found["plausibility_suffices"].is_boolean());
    assert!(run.done.stdout.trim_start().starts_with("NOT_REFUTED"), "{}", run.done.stdout);
    accept(&run.pack(), &["--policy", "screen"]).expect_code(0);
    accept(&run.pack(), &["--policy", "model"]).expect_code(3);

    // The same from a pack that holds other scores, and from one without any.
    let random = trial.scores(dir, "random.csv", |smiles, _| Some(noise(smiles)));
    let other =
        Run::of(&trial.library, &dir.join("other"), &["--scores", random.to_str().unwrap()]);
    let mock = Run::of(&trial.library, &dir.join("mock"), &["--scores", "mock"]);
    assert!(mock.done.stdout.contains("no verdict"), "{}", mock.done.stdout);
    assert!(evidence(&mock.pack()).is_null());
    let stopped = accept(&mock.pack(), &["--policy", "complete"]).expect_code(3).json();
    assert_eq!(stopped["stops"][0], "stand_in_scores");
    for (name, pack) in [("a", other.pack()), ("b", mock.pack())] {
        let out = dir.join(name);
        trial.audit(&pack, Path::new(scores), &out, &[]).expect_code(0);
        assert_eq!(verify(&out), run.verify(), "from {}", pack.display());
    }
}

#[test]
fn nothing_audited_is_no_success() {
    let scratch = scratch();
    let dir = scratch.path();
    let trial = trial(dir);
    let decoys = |smiles: &str, role: &str| (role != "original").then(|| noise(smiles));
    let scores = trial.scores(dir, "decoys-only.csv", decoys);
    let run = Run::of(&trial.library, &dir.join("decoys"), &["--scores", scores.to_str().unwrap()]);
    let found = evidence(&run.pack());
    assert_eq!(found["verdict"], "NOTHING_AUDITED");
    assert_eq!(found["reasons"][0], "no_scored_original");
    for policy in ["complete", "screen", "model"] {
        accept(&run.pack(), &["--policy", policy]).expect_code(3);
    }
    let skipped = run.outcomes().iter().filter(|o| o.2 == "missing_original_score").count();
    let coverage = &run.document("metrics.json")["scores_coverage"];
    assert_eq!(coverage["rows_missing_original_score"], skipped);
    assert!(skipped > 200, "{skipped}");

    // A default that somebody asks for is audited, and never accepted.
    let arguments = ["--scores", scores.to_str().unwrap(), "--default-original-score", "2"];
    let defaulted = Run::of(&trial.library, &dir.join("defaulted"), &arguments);
    assert_eq!(evidence(&defaulted.pack())["verdict"], "NOT_REFUTED");
    for policy in ["complete", "screen"] {
        let stopped = accept(&defaulted.pack(), &["--policy", policy]).expect_code(3).json();
        assert_eq!(stopped["stops"][0], "defaulted_originals");
    }
    let rescored = trial.scores(dir, "all.csv", |smiles, role| Some(honest(smiles, role)));
    let again = dir.join("again");
    trial.audit(&run.pack(), &rescored, &again, &[]).expect_code(0);
    let fresh =
        Run::of(&trial.library, &dir.join("fresh"), &["--scores", rescored.to_str().unwrap()]);
    assert_eq!(verify(&again), fresh.verify());

    let strangers = write(dir, "strangers.csv", "decoy_smiles,score\nCCO,1\nCCN,2\n");
    let out = dir.join("strangers");
    let mut command = run_command(&trial.library, &out, &["--scores", strangers.to_str().unwrap()]);
    let done = call(&mut command).expect_code(2);
    assert!(done.stderr.contains("none of the 2 keys"), "{}", done.stderr);
    assert!(!out.join("pack").exists());
}

#[test]
fn outcomes_of_training_molecules_do_not_count() {
    let scratch = scratch();
    let dir = scratch.path();
    let trial = trial(dir);
    let truth = trial.truth.to_str().unwrap();
    let scores = trial.scores(dir, "honest.csv", |smiles, role| Some(honest(smiles, role)));
    let mut train = String::from("smiles,active\n");
    for [_, smiles, role] in &trial.structures {
        if role == "original" {
            train.push_str(&format!("{smiles},{}\n", u8::from(amides(smiles) >= 2.0)));
        }
    }
    let all = write(dir, "train.csv", &train);
    let arguments =
        ["--scores", scores.to_str().unwrap(), "--truth", truth, "--train", all.to_str().unwrap()];
    let run = Run::of(&trial.library, &dir.join("leaky"), &arguments);
    let found = evidence(&run.pack());
    assert_eq!(found["verdict"], "INCONCLUSIVE", "{found:#}");
    assert_eq!(found["reasons"][0], "leakage");
    assert!(found["leakage"]["duplicates"].as_u64().unwrap() > 200);
    let names: Vec<&str> =
        found["controls"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    for control in ["separability", "nn_similarity", "knn_label", "ridge_ecfp4", "y_scrambled"] {
        assert!(names.contains(&control), "{names:?}");
    }
    let page = fs::read_to_string(run.pack().join("index.html")).unwrap();
    let (leakage, panel) = (page.find("What the model has seen"), page.find("The model beside"));
    assert!(leakage.unwrap() < panel.unwrap());
    // Other scores of the same outcomes and training molecules use the controls
    // that the pack stores: here the same scores, so that all must be the same.
    let out = dir.join("again");
    let more = ["--truth", truth, "--train", all.to_str().unwrap()];
    trial.audit(&run.pack(), &scores, &out, &more).expect_code(0);
    assert_eq!(evidence(&out), found);
}

#[test]
fn controls_do_not_depend_on_threads_or_shards() {
    let scratch = scratch();
    let dir = scratch.path();
    // More than one shard's worth of rows, with repetitions.
    let text = fs::read_to_string(demo_library()).unwrap();
    let lines: Vec<String> = (0..5)
        .flat_map(|copy| text.lines().map(move |line| (copy, line)))
        .map(|(copy, line)| {
            format!("{} m{copy}-{}", line.split_whitespace().next().unwrap(), noise(line))
        })
        .collect();
    let library = write(dir, "library.smi", lines.join("\n") + "\n");
    let decoys = dir.join("decoys.csv");
    let options = ["--decoys", "2", "--decoy-strategy", "exhaustive"];
    call(hetero2().arg("decoys").arg(&library).arg("--out").arg(&decoys).args(options))
        .expect_code(0);
    let mut scores = String::from("decoy_smiles,score,molecule_id,role\n");
    let mut seen = BTreeSet::new();
    for row in table(&decoys) {
        let (smiles, id) = (&row["decoy_smiles"], &row["molecule_id"]);
        if row["role"] == "original" {
            scores.push_str(&format!("{smiles},{},{id},original\n", noise(smiles)));
        } else if seen.insert(smiles.clone()) {
            scores.push_str(&format!("{smiles},{},,decoy\n", noise(smiles)));
        }
    }
    let scores = write(dir, "scores.csv", scores);
    let run = |name: &str, threads: &str, shards: &str| {
        let more = ["--scores", scores.to_str().unwrap(), "--threads", threads, "--shards", shards];
        let run = Run::of(&library, &dir.join(name), &[&options[..], &more].concat());
        files(&run.pack())
    };
    let (one, two) = (run("one", "1", "1"), run("two", "2", "2"));
    for name in ["controls.csv", "controls.parquet", "metrics.json", "index.html"] {
        assert!(one[name] == two[name], "{name}");
    }
}
