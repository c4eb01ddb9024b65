//! Decoys that are not made of the molecule: `--decoys-from`, `--decoy-pool`.

use std::fs;
use std::path::{Path, PathBuf};

use hetero2::pack::rows::DecoyRow;
use hetero2::pack::tables::TableReader;
use serde_json::json;

use crate::support::{Run, call, demo_library, files, hetero2, scratch, table, verify, write};

/// The first molecules of the shipped library.
fn library(dir: &Path, rows: usize) -> PathBuf {
    let text = fs::read_to_string(demo_library()).unwrap();
    let lines: Vec<&str> = text.lines().take(rows).collect();
    write(dir, "library.smi", lines.join("\n") + "\n")
}

/// A pack's files, but for what may differ between two runs.
fn evidence(pack: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = files(pack);
    let of_the_run =
        ["provenance.json", "ro-crate-metadata.json", "checksums.sha256", "evidence_pack.zip"];
    found.retain(|name, _| !of_the_run.contains(&name.as_str()));
    found
}

/// The decoys of a pack.
fn decoys_of(run: &Run) -> Vec<DecoyRow> {
    let path = run.pack().join("decoys.parquet");
    TableReader::open(&path).unwrap().flat_map(Result::unwrap).collect()
}

/// A run with these options is the same in shards, on threads, from its plan, from
/// its manifest, and from a pack with other scores.
fn is_the_same_everywhere(dir: &Path, library: &Path, options: &[&str]) -> Run {
    let run = Run::of(library, &dir.join("one"), &[options, &["--threads", "1"]].concat());
    let digest = run.verify();
    let shards = [options, &["--threads", "3", "--shards", "2"]].concat();
    assert_eq!(Run::of(library, &dir.join("two"), &shards).verify(), digest);

    let planned = dir.join("planned");
    let mut plan = hetero2();
    plan.arg("plan").arg(library).arg("--out").arg(&planned).args(["--shards", "2"]).args(options);
    call(&mut plan).expect_code(0);
    let shards = fs::read_to_string(planned.join("plan.json")).unwrap();
    let shards: serde_json::Value = serde_json::from_str(&shards).unwrap();
    for shard in shards["shards"].as_array().unwrap() {
        let number = shard["index"].to_string();
        call(hetero2().arg("shard").arg(&planned).arg(number)).expect_code(0);
    }
    call(hetero2().arg("reduce").arg(&planned)).expect_code(0);
    assert_eq!(evidence(&planned.join("pack")), evidence(&run.pack()));

    let mut rerun = hetero2();
    rerun.arg("rerun").arg(run.pack()).arg("--input").arg(library);
    let missing = call(&mut rerun).expect_code(2);
    assert!(missing.stderr.contains("--decoys-from"), "{}", missing.stderr);
    let file = options.windows(2).find(|pair| pair[0].starts_with("--decoy")).unwrap();
    call(rerun.args(file)).expect_code(0);
    call(hetero2().arg("verify").arg("--deep").arg(run.pack())).expect_code(0);
    run
}

#[test]
fn given_decoys_are_audited_as_they_are() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir, 12);
    // Those of set v1, some of them spoilt.
    let asked = dir.join("asked.csv");
    let mut command = hetero2();
    command.args(["decoys", "--decoy-set", "v1", "--decoys", "4", "--out"]).arg(&asked);
    call(command.arg(&library)).expect_code(0);
    let rows = table(&asked);
    let mut text = String::from("decoy_smiles,molecule_id,source\n");
    for row in &rows {
        text.push_str(&format!("{},{},us\n", row["decoy_smiles"], row["molecule_id"]));
    }
    let first = &rows[0]["molecule_id"];
    text.push_str(&format!("C1CC,{first},spoilt\nCCC,nobody,us\n"));
    let given = write(dir, "given.csv", text);
    let given = given.to_str().unwrap();

    let run = is_the_same_everywhere(dir, &library, &["--decoys-from", given, "--decoys", "9"]);
    let decoys = decoys_of(&run);
    let wanted: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| row["role"] == "decoy")
        .map(|row| (row["molecule_id"].as_str(), row["decoy_smiles"].as_str()))
        .collect();
    let found: Vec<(&str, &str)> =
        decoys.iter().map(|row| (row.molecule_id.as_str(), row.decoy_smiles.as_str())).collect();
    assert_eq!(found, wanted);
    assert!(decoys.iter().all(|row| row.strategy == "given"));
    let manifest = run.document("manifest.json");
    assert_eq!(manifest["config"]["decoy_set"], "given");
    let input = manifest["inputs"].as_array().unwrap().iter().find(|i| i["role"] == "decoys");
    let digest = hetero2::files::Sha256Digest::of(&fs::read(given).unwrap()).to_string();
    assert_eq!(input.unwrap()["sha256"], json!(digest));
}

#[test]
fn matched_decoys_come_from_the_pool() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir, 10);
    let pool = demo_library();
    let pool = pool.to_str().unwrap();
    let run = is_the_same_everywhere(dir, &library, &["--decoy-pool", pool, "--decoys", "3"]);
    let decoys = decoys_of(&run);
    assert!(decoys.len() >= 20, "{}", decoys.len());
    assert!(decoys.iter().all(|row| row.strategy == "matched"));
    assert!(decoys.iter().all(|row| row.tanimoto().unwrap() <= 0.35));
    assert_eq!(run.document("manifest.json")["config"]["decoy_set"], "matched");

    // What `decoys` writes is what is audited; other seeds choose others.
    let csv = dir.join("decoys.csv");
    let write_decoys = |seed: &str| {
        let mut command = hetero2();
        command.arg("decoys").arg(&library).arg("--out").arg(&csv).arg("--force");
        command.args(["--decoy-pool", pool, "--decoys", "3", "--seed", seed]);
        call(&mut command).expect_code(0);
        let rows = table(&csv).into_iter().filter(|row| row["role"] == "decoy");
        rows.map(|row| row["decoy_hash"].clone()).collect::<Vec<_>>()
    };
    let audited: Vec<String> = decoys.iter().map(|row| row.decoy_hash.clone()).collect();
    assert_eq!(write_decoys("0"), audited);
    assert_ne!(write_decoys("1"), audited);
}

#[test]
fn other_scores_are_audited_against_given_decoys() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir, 6);
    let asked = dir.join("asked.csv");
    let mut command = hetero2();
    command.args(["decoys", "--decoy-set", "v1", "--decoys", "3", "--out"]).arg(&asked);
    call(command.arg(&library)).expect_code(0);
    let mut scores = String::from("decoy_smiles,score,molecule_id,role\n");
    for (number, row) in table(&asked).iter().enumerate() {
        let (smiles, id, role) = (&row["decoy_smiles"], &row["molecule_id"], &row["role"]);
        scores.push_str(&format!("{smiles},{},{id},{role}\n", number % 7));
    }
    let scores = write(dir, "scores.csv", scores);
    let options = ["--decoys-from", asked.to_str().unwrap(), "--decoys", "3"];
    let mock = Run::of(&library, &dir.join("mock"), &options);
    let scored = [&options[..], &["--scores", scores.to_str().unwrap()]].concat();
    let expected = Run::of(&library, &dir.join("scored"), &scored);
    let out = dir.join("audit");
    let mut audit = hetero2();
    audit.arg("audit").arg("--pack").arg(mock.pack()).arg("--scores").arg(&scores);
    call(audit.arg("--out").arg(&out)).expect_code(0);
    assert_eq!(verify(&out), expected.verify());
}

#[test]
fn files_of_decoys_that_cannot_be_used_say_why() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir, 2);
    let good = write(dir, "good.csv", "molecule_id,decoy_smiles\na,CCO\n");
    let columns = write(dir, "columns.csv", "id,smiles\na,CCO\n");
    let short = write(dir, "short.csv", "molecule_id,decoy_smiles\na,CCO\nb\n");
    let empty = write(dir, "empty.csv", "molecule_id,decoy_smiles\n");
    let blank = write(dir, "blank.csv", "molecule_id,decoy_smiles\na,CCO\n ,CCN\n");
    let bad = write(dir, "bad.smi", "C1CC x\n");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (good, missing) = (path(&good), path(&dir.join("missing.csv")));
    let cases: [(Vec<String>, &str); 10] = [
        (vec!["--decoys-from".into(), path(&columns)], "decoy_smiles"),
        (vec!["--decoys-from".into(), path(&short)], "line 3"),
        (vec!["--decoys-from".into(), path(&empty)], "lists no decoy"),
        (
            vec!["--decoys-from".into(), path(&blank)],
            "blank.csv cannot be used: line 3: column molecule_id is blank: name the molecule",
        ),
        (vec!["--decoys-from".into(), missing], "missing.csv"),
        (vec!["--decoy-pool".into(), path(&bad)], "none of its 1 rows holds a molecule"),
        (vec!["--decoy-set".into(), "given".into()], "add --decoys-from FILE"),
        (vec!["--decoy-set".into(), "matched".into()], "add --decoy-pool FILE"),
        (vec!["--decoy-set=v2".into(), "--decoys-from".into(), good.clone()], "drop one of them"),
        (vec!["--decoy-set=v2".into(), "--decoy-strategy=exhaustive".into()], "--decoy-set v1"),
    ];
    for (arguments, expected) in cases {
        for name in ["run", "decoys", "plan"] {
            let mut command = hetero2();
            let out = dir.join(if name == "decoys" { "out.csv" } else { "out" });
            command.arg(name).arg(&library).arg("--out").arg(&out).args(&arguments);
            let done = call(&mut command).expect_code(2);
            assert!(done.stderr.contains(expected), "{name} {arguments:?}: {}", done.stderr);
        }
    }
    let mut describe = hetero2();
    describe.args(["describe", "CCO", "--decoys-from", &good]);
    assert!(call(&mut describe).expect_code(2).stderr.contains("drop --decoys-from"));
}
