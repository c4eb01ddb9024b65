//! Decoys before there are scores, and scores after there is a pack, through
//! the program: `decoys`, `audit`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, call, fixture, hetero2, scratch, tree, verify, write};
use serde_json::json;

/// A run over the small library, with few decoys.
fn small_run(scratch: &Path) -> Run {
    Run::of(
        &fixture("libraries/small.csv"),
        &scratch.join("run"),
        &["--decoys", "3", "--decoy-set", "v1"],
    )
}

/// The demonstration model: prefers short SMILES.
fn score(smiles: &str) -> String {
    (1.0 / smiles.len() as f64).to_string()
}

/// Fills in the column `score` of a table of `hetero2 decoys`.
fn scored(table: &Path, out: &Path) {
    let mut reader = csv::Reader::from_path(table).unwrap();
    let names = reader.headers().unwrap().clone();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    let (smiles, last) = (at("decoy_smiles"), at("score"));
    let mut writer = csv::Writer::from_path(out).unwrap();
    writer.write_record(&names).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        assert_eq!(&row[last], "");
        let cells = row.iter().enumerate();
        let filled =
            cells.map(|(i, cell)| if i == last { score(&row[smiles]) } else { cell.into() });
        writer.write_record(filled.collect::<Vec<_>>()).unwrap();
    }
    writer.flush().unwrap();
}

/// `hetero2 decoys` of the small library into a file of this name.
#[track_caller]
fn small_decoys(dir: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let out = dir.join(name);
    let mut command = hetero2();
    command.arg("decoys").arg(fixture("libraries/small.csv")).arg("--out").arg(&out);
    call(command.args(["--decoy-set", "v1"]).args(arguments)).expect_code(0);
    out
}

#[test]
fn decoys_are_those_of_the_run_whatever_the_threads() {
    use hetero2::pack::rows::DecoyRow;
    use hetero2::pack::tables::TableReader;
    let scratch = scratch();
    let dir = scratch.path();
    let run = small_run(dir);
    let read = |path: &Path| -> Vec<DecoyRow> {
        TableReader::open(path).unwrap().flat_map(Result::unwrap).collect()
    };
    let one = small_decoys(dir, "one.parquet", &["--decoys", "3", "--threads", "1"]);
    let two = small_decoys(dir, "two.parquet", &["--decoys", "3", "--threads", "4"]);
    assert_eq!(fs::read(&one).unwrap(), fs::read(two).unwrap());
    let mut expected = read(&run.pack().join("decoys.parquet"));
    for decoy in &mut expected {
        (decoy.original_score, decoy.score, decoy.weight) = (None, None, None);
    }
    assert!(expected.len() >= 50, "{}", expected.len());
    assert_eq!(read(&one), expected);

    let csv = small_decoys(dir, "decoys.csv", &["--decoys", "3", "--threads", "1"]);
    let again = small_decoys(dir, "again.csv", &["--decoys", "3", "--threads", "4"]);
    assert_eq!(fs::read(&csv).unwrap(), fs::read(again).unwrap());
    let rows = crate::support::table(&csv);
    let decoys: Vec<_> = rows.iter().filter(|row| row["role"] == "decoy").collect();
    assert_eq!(decoys.len(), expected.len());
    for (row, decoy) in decoys.iter().zip(&expected) {
        assert_eq!(row["molecule_id"], decoy.molecule_id);
        assert_eq!(row["decoy_hash"], decoy.decoy_hash);
        assert_eq!(row["decoy_smiles"], decoy.decoy_smiles);
    }
    assert_eq!(rows.len() - decoys.len(), 20);
}

#[test]
fn decoys_come_back_as_scores() {
    let scratch = scratch();
    let dir = scratch.path();
    let table = small_decoys(dir, "decoys.csv", &["--decoys", "3"]);
    let scores = dir.join("scores.csv");
    scored(&table, &scores);
    let scores = scores.to_str().unwrap();
    let run = Run::of(
        &fixture("libraries/small.csv"),
        &dir.join("scored"),
        &["--decoys", "3", "--decoy-set", "v1", "--scores", scores],
    );
    let coverage = &run.document("metrics.json")["scores_coverage"];
    assert_eq!(coverage["decoys_missing"], 0);
    assert_eq!(coverage["decoys_scored"], coverage["decoys_total"]);
    // The originals are scored too: none has the default of 1.
    assert!(run.summary().iter().all(|row| row["verdict"] != "SKIP"));
    assert!(run.summary().iter().any(|row| row["verdict"] == "FAIL"));
}

#[test]
fn decoys_refuse_what_they_cannot_write() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = fixture("libraries/small.csv");
    for (out, more, expected) in [
        ("decoys.txt", &["--decoys", "3"][..], "neither in .csv nor in .parquet"),
        ("decoys.csv", &["--decoys", "0"], "--decoys is 0"),
        ("none/decoys.csv", &["--decoys", "1"], "none/"),
    ] {
        let mut command = hetero2();
        command.arg("decoys").arg(&library).arg("--out").arg(dir.join(out)).args(more);
        let done = call(&mut command);
        assert!(done.code != Some(0) && done.stderr.contains(expected), "{}", done.stderr);
    }
    let mut missing = hetero2();
    missing.arg("decoys").arg(dir.join("no.smi")).arg("--out").arg(dir.join("decoys.csv"));
    call(&mut missing).expect_code(2);
    assert!(tree(dir).is_empty(), "{:?}", tree(dir));
}

/// `hetero2 audit`, not yet started.
fn audit_command(pack: &Path, scores: &Path, out: &Path) -> std::process::Command {
    let mut command = hetero2();
    command.arg("audit").arg("--pack").arg(pack).arg("--scores").arg(scores);
    command.arg("--out").arg(out);
    command
}

/// Rows of every status: audited, skipped for three reasons, failed.
const MIXED: &str = "id,smiles\n\
    butanol,CCCCO\n\
    salt,CC.CC\n\
    mercury,C[Hg]C\n\
    aspirin,CC(=O)Oc1ccccc1C(=O)O\n\
    nothing,\n\
    methane,C\n\
    wrong,C1CC\n\
    caffeine,Cn1cnc2n(C)c(=O)n(C)c(=O)c12\n\
    butanol,CCCCO\n";

/// Scores as CSV for all decoys of a library, and as JSON for every other one,
/// with weights.
fn score_files(dir: &Path, library: &Path, settings: &[&str]) -> [PathBuf; 2] {
    let table = dir.join("unscored.csv");
    let mut command = hetero2();
    command.arg("decoys").arg(library).arg("--out").arg(&table).args(settings);
    call(&mut command).expect_code(0);
    let all = dir.join("all.csv");
    scored(&table, &all);
    let mut decoys = serde_json::Map::new();
    for row in crate::support::table(&table).iter().filter(|row| row["role"] == "decoy") {
        if row["decoy_hash"].as_bytes()[0] % 2 == 0 {
            let score = json!({"score": row["decoy_smiles"].len() as f64 / 20.0, "weight": 2.5});
            decoys.insert(row["decoy_hash"].clone(), score);
        }
    }
    let some = json!({
        "schema_version": "hetero_scores.v1",
        "original": {"score": 0.75, "weight": 1.5},
        "decoys": decoys,
    });
    [all, write(dir, "some.json", some.to_string())]
}

/// A pack's files, but for what may differ between two runs.
fn evidence(pack: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = crate::support::files(pack);
    for name in
        ["provenance.json", "ro-crate-metadata.json", "checksums.sha256", "evidence_pack.zip"]
    {
        found.remove(name);
    }
    found
}

#[test]
fn new_scores_give_the_pack_of_a_run_with_them() {
    let scratch = scratch();
    let dir = scratch.path();
    let mixed = write(dir, "mixed.csv", MIXED);
    let small = fixture("libraries/small.csv");
    let v1 = "--decoy-set=v1";
    let cases: [(&str, &Path, &[&str]); 6] = [
        ("light", &small, &["--decoys", "4"]),
        ("v1", &small, &["--decoys", "4", v1]),
        ("mixed", &mixed, &["--decoys", "6", "--seed-strategy", "per-row", "--seed", "7", v1]),
        (
            "full",
            &mixed,
            &["--decoys=3", "--artifacts=full", "--edge-weights=bond-order-delta-chi", v1],
        ),
        (
            "published",
            &small,
            &["--decoys", "5", "--decoy-strategy", "published", "--physics", "topological"],
        ),
        ("hard", &small, &["--decoys", "5", "--hard-decoys", "0.3..0.9", "--max-atoms", "20"]),
    ];
    for (name, library, settings) in cases {
        let dir = dir.join(name);
        fs::create_dir(&dir).unwrap();
        let run = Run::of(library, &dir.join("mock"), settings);
        if library == mixed {
            let counts = &run.document("metrics.json")["counts"];
            assert_eq!(*counts, json!({"OK": 4, "SKIP": 4, "ERROR": 1}));
        }
        let mut source = run.pack();
        let [all, some] = score_files(&dir, library, settings);
        // Each time from a pack with other scores, whose traces must vanish.
        for (i, scores) in [&all, &some, &all].into_iter().enumerate() {
            let with = [settings, &["--scores", scores.to_str().unwrap()]].concat();
            let expected = Run::of(library, &dir.join(format!("run{i}")), &with);
            let out = dir.join(format!("audit{i}"));
            let done = call(audit_command(&source, scores, &out).arg("--json")).expect_code(0);
            assert_eq!(done.json()["content_digest"], json!(expected.verify()), "{name} {i}");
            assert_eq!(crate::support::verify(&out), expected.verify(), "{name} {i}");
            let (found, wanted) = (evidence(&out), evidence(&expected.pack()));
            assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
            for (file, bytes) in &wanted {
                assert!(found[file] == *bytes, "{name} {i}: {file} differs");
            }
            source = out.join("evidence_pack.zip");
        }
        assert!(!tree(&dir).iter().any(|file| file.contains(".hetero2-audit")));
    }
}

#[test]
fn a_pack_of_spectra_only_can_be_audited_and_says_so_of_nothing() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = fixture("libraries/small.csv");
    let scores = write(dir, "none.json", r#"{"schema_version": "hetero_scores.v1"}"#);
    let source = Run::of(&library, &dir.join("mock"), &["--decoys", "0", "--no-zip"]);
    let arguments = ["--decoys", "0", "--scores", scores.to_str().unwrap()];
    let expected = Run::of(&library, &dir.join("run"), &arguments);
    let out = dir.join("audit");
    call(audit_command(&source.pack(), &scores, &out).arg("--no-zip")).expect_code(0);
    assert_eq!(verify(&out), expected.verify());
    assert!(!out.join("evidence_pack.zip").exists());
}

#[test]
fn audit_refuses_what_it_cannot_vouch_for() {
    let scratch = scratch();
    let dir = scratch.path();
    let run = small_run(dir);
    let pack = run.pack();
    let scores = write(dir, "none.json", r#"{"schema_version": "hetero_scores.v1"}"#);
    let before = tree(dir);
    let refused = |command: &mut std::process::Command, code: i32, expected: &str| {
        let done = call(command.arg("--quiet")).expect_code(code);
        assert!(done.stderr.contains(expected), "{expected}: {}", done.stderr);
    };
    let out = dir.join("out");
    refused(&mut audit_command(&pack, &scores, dir), 2, "holds something already");
    refused(&mut audit_command(&pack, &scores, &scores), 2, "holds something already");
    refused(&mut audit_command(dir, &scores, &out), 3, "is not whole");
    refused(&mut audit_command(&dir.join("no"), &scores, &out), 2, "is no pack");
    refused(&mut audit_command(&pack, &dir.join("no.csv"), &out), 2, "no.csv");
    let pinned = ["--scores-sha256", &"0".repeat(64)];
    refused(audit_command(&pack, &scores, &out).args(pinned), 2, "not the expected");
    let broken = write(dir, "broken.json", "{}");
    refused(&mut audit_command(&pack, &broken, &out), 2, "schema_version");
    fs::remove_file(broken).unwrap();
    assert_eq!(tree(dir), before);

    // A row without scores has no decoys in its pack.
    let library = write(dir, "rows.csv", "id,smiles,scores_input\na,CCCCO,none.json\nb,CCCO,\n");
    let batch = dir.join("batch");
    let mut command = hetero2();
    command.args(["batch", "--score_mode", "external_scores", "--k_decoys", "2", "--input"]);
    call(command.arg(&library).arg("--out_dir").arg(&batch)).expect_code(0);
    refused(&mut audit_command(&batch, &scores, &out), 2, "row 1 ended as missing_scores_input");

    // One changed byte.
    let path = pack.join("summary.csv");
    fs::write(&path, fs::read_to_string(&path).unwrap().replacen("OK", "ok", 1)).unwrap();
    refused(&mut audit_command(&pack, &scores, &out), 3, "is not whole");
    assert!(!out.exists());
}

#[test]
fn audit_leaves_no_file_out() {
    use hetero2::pack::manifest::{Manifest, Provenance};
    use hetero2::pack::{PackWriter, ZipOutput};
    let scratch = scratch();
    let dir = scratch.path();
    let run = small_run(dir);
    // The same pack with one more file, which verifies.
    let more = dir.join("more");
    let mut writer = PackWriter::create(&more).unwrap();
    let manifest: Manifest = serde_json::from_value(run.document("manifest.json")).unwrap();
    for file in &manifest.files {
        writer.add_file(&file.name, &run.pack().join(&file.name)).unwrap();
    }
    writer.add_bytes("later.csv", b"a,b\n").unwrap();
    writer.finish(manifest.body, &Provenance::default(), ZipOutput::Omitted).unwrap();
    verify(&more);
    let scores = write(dir, "none.json", r#"{"schema_version": "hetero_scores.v1"}"#);
    let done = call(&mut audit_command(&more, &scores, &dir.join("out"))).expect_code(2);
    assert!(done.stderr.contains("later.csv"), "{}", done.stderr);
}
