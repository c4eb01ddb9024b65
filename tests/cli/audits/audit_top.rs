//! Only the best originals are audited where that is asked for, whichever way the
//! pack comes about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, call, files, hetero2, run_command, scratch, table, verify, write};

const AUDITED: usize = 60;

/// A few molecules over and over, with ids of their own, and scores with many
/// ties; one row is no molecule, and every tenth has no score.
struct Trial {
    rows: usize,
    library: PathBuf,
    scores: String,
}

fn score(row: usize) -> Option<f64> {
    (row % 10 != 3).then_some(((row * 7919) % 97) as f64 / 8.0)
}

impl Trial {
    fn new(dir: &Path, rows: usize) -> Self {
        let molecules = ["CC(C)CCOC(C)=O", "CCOC(=O)CCN", "CCC(O)CCNCC", "CCNCC(C)OCC"];
        let mut text = String::new();
        for row in 0..rows {
            let smiles = if row == 7 { "C1CC" } else { molecules[row % molecules.len()] };
            writeln!(text, "{smiles} m{row}").unwrap();
        }
        let library = write(dir, "library.smi", text);
        let decoys = dir.join("decoys.csv");
        let mut command = hetero2();
        command.arg("decoys").arg(&library).args(["--decoys", "2", "--out"]);
        call(command.arg(&decoys)).expect_code(0);
        let smiles: BTreeSet<String> = table(&decoys)
            .into_iter()
            .filter(|row| row["role"] == "decoy")
            .map(|row| row["decoy_smiles"].clone())
            .collect();
        let mut text = String::from("role,molecule_id,decoy_smiles,score\n");
        for row in 0..rows {
            if let Some(score) = score(row) {
                writeln!(text, "original,m{row},,{score}").unwrap();
            }
        }
        for (place, smiles) in smiles.iter().enumerate() {
            writeln!(text, "decoy,,{smiles},{}", (place % 5) as f64 * 2.5).unwrap();
        }
        let scores = write(dir, "scores.csv", text).to_str().unwrap().to_owned();
        Self { rows, library, scores }
    }

    fn options(&self) -> Vec<&str> {
        vec!["--decoys", "2", "--physics", "topological", "--scores", &self.scores]
    }

    fn top(&self) -> Vec<&str> {
        [self.options(), vec!["--audit-top", "60"]].concat()
    }

    /// The rows that are to be audited: by falling score, of equal ones the
    /// earlier.
    fn best(&self) -> BTreeSet<usize> {
        let scored = |row| Some((score(row)?, row));
        let mut rows: Vec<(f64, usize)> = (0..self.rows).filter_map(scored).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        rows[..AUDITED].iter().map(|(_, row)| *row).collect()
    }

    fn audit(&self, from: &Path, out: PathBuf, more: &[&str]) -> PathBuf {
        let mut command = hetero2();
        command.arg("audit").arg("--pack").arg(from).args(["--scores", &self.scores]).args(more);
        call(command.arg("--out").arg(&out)).expect_code(0);
        out
    }
}

/// Everything in a pack that has to be the same.
fn content(pack: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = files(pack);
    for varying in
        ["provenance.json", "ro-crate-metadata.json", "evidence_pack.zip", "checksums.sha256"]
    {
        found.remove(varying);
    }
    found
}

#[test]
fn two_shards_audit_the_best_originals_of_both() {
    let scratch = scratch();
    let dir = scratch.path();
    // More than the least number of rows of a shard.
    let trial = Trial::new(dir, 4_100);
    let run = Run::of(&trial.library, &dir.join("run"), &trial.top());
    let digest = run.verify();
    let best = trial.best();
    let rows = run.outcomes();
    for (row, (_, status, reason)) in rows.iter().enumerate() {
        let expected = match row {
            7 => ("SKIP", "invalid_smiles"),
            row if score(row).is_none() => ("SKIP", "missing_original_score"),
            row if best.contains(&row) => ("OK", ""),
            _ => ("SKIP", "below_audit_top"),
        };
        assert_eq!((status.as_str(), reason.as_str()), expected, "row {row}");
    }

    let parts = dir.join("parts");
    let mut plan = hetero2();
    plan.arg("plan").arg(&trial.library).args(trial.top()).args(["--shards", "2", "--out"]);
    call(plan.arg(&parts)).expect_code(0);
    for shard in ["1", "0"] {
        call(hetero2().arg("shard").arg(&parts).arg(shard)).expect_code(0);
    }
    call(hetero2().arg("reduce").arg(&parts)).expect_code(0);
    assert_eq!(verify(&parts.join("pack")), digest);
    assert_eq!(content(&parts.join("pack")), content(&run.pack()));
}

#[test]
fn a_pack_may_be_audited_again_with_more_or_fewer_originals() {
    let scratch = scratch();
    let dir = scratch.path();
    let trial = Trial::new(dir, 300);
    let run = Run::of(&trial.library, &dir.join("run"), &trial.top());
    let all = Run::of(&trial.library, &dir.join("all"), &trial.options());
    let again = trial.audit(&all.pack(), dir.join("again"), &["--audit-top", "60"]);
    assert_eq!(content(&again), content(&run.pack()));
    let whole = trial.audit(&run.pack(), dir.join("whole"), &[]);
    assert_eq!(content(&whole), content(&all.pack()));
    for pack in [run.pack(), all.pack()] {
        call(hetero2().args(["verify", "--deep"]).arg(pack)).expect_code(0);
    }

    let rows = run.outcomes();
    let below = rows.iter().filter(|row| row.2 == "below_audit_top").count();
    let audited = rows.iter().filter(|row| row.1 == "OK").count();
    let metrics = run.document("metrics.json");
    let mut reasons = metrics["top_reasons"].as_array().unwrap().iter();
    assert!(reasons.any(|reason| reason[0] == "below_audit_top" && reason[1] == below));
    assert_eq!(metrics["evidence"]["units"]["rows"], audited);
    // Nobody has to score decoys of the others.
    let total = metrics["scores_coverage"]["decoys_total"].as_u64().unwrap();
    let unscored = rows.iter().filter(|row| row.2 == "missing_original_score").count();
    assert!(total <= 2 * (audited + unscored) as u64, "{total}");
    assert_eq!(run.document("manifest.json")["config"]["audit_top"], 60);
    for report in ["index.md", "index.html"] {
        let text = fs::read_to_string(run.pack().join(report)).unwrap();
        assert!(text.contains("Only the 60 best originals"), "{report}");
    }
}

#[test]
fn stand_in_scores_have_no_best() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = write(dir, "library.smi", "CCO a\n");
    let arguments = ["--scores", "mock", "--audit-top", "5"];
    let done = call(&mut run_command(&library, &dir.join("run"), &arguments)).expect_code(2);
    assert!(done.stderr.contains("--audit-top is 5"), "{}", done.stderr);
    let done = call(hetero2().arg("run").arg(&library).args(["--audit-top", "5"])).expect_code(2);
    assert!(done.stderr.contains("--scores"), "{}", done.stderr);
}
