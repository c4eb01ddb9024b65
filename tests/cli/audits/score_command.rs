//! Scores that a command gives: the pack is that of the same scores from a file,
//! whatever the command does wrong is named, and nothing is scored twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Run, call, hetero2, run_command, scratch, skip_loudly, verify, write};

/// A scorer whose score is the length of the SMILES; `before` comes before each answer.
fn scorer(before: &str) -> String {
    format!(
        "while read -r s; do {before} if [ -z \"$s\" ]; then echo; else echo \"${{#s}}.5\"; fi; done"
    )
}

fn library(dir: &Path) -> PathBuf {
    let text = "id,smiles\nplain,CC(C)CCOC(C)=O\n\"with, comma\",CCC(O)CCNCC\nsame,CCC(O)CCNCC\n\
                amine,CCOC(=O)CCN\nbroken,C1CC\nnone,C\n";
    write(dir, "library.csv", text)
}

fn options(command: &str) -> Vec<&str> {
    vec!["--decoys", "4", "--physics", "topological", "--score-command", command]
}

/// What the provenance of a pack says of the command.
fn note(pack: &Path) -> Value {
    let text = fs::read_to_string(pack.join("provenance.json")).unwrap();
    let provenance: Value = serde_json::from_str(&text).unwrap();
    provenance["notes"]["score_command"].clone()
}

#[test]
fn the_pack_is_that_of_the_same_scores_from_a_file() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir);
    let lock = write(dir, "uv.lock", "version = 1\n");
    let command = scorer("");
    let more =
        ["--score-lock", lock.to_str().unwrap(), "--score-batch", "3", "--score-processes", "2"];
    let run = Run::of(&library, &dir.join("run"), &[options(&command), more.to_vec()].concat());
    let digest = run.verify();
    let scores = run.pack().join("scores.csv");
    let text = fs::read_to_string(&scores).unwrap();
    assert!(
        text.starts_with("role,molecule_id,decoy_hash,score\noriginal,plain,,14.5\n"),
        "{text}"
    );
    assert!(text.contains("original,\"with, comma\",,"), "{text}");
    let note = note(&run.pack());
    assert_eq!(note["command"], command.as_str());
    assert_eq!(note["lock"]["name"], "uv.lock");
    assert_eq!(note["unscored"], 0);
    assert_eq!(
        note["molecules"].as_u64().unwrap() as usize,
        text.lines().count() - 2,
        "one molecule is two rows"
    );
    let mut given = options(&command);
    given.truncate(4);
    let mut from_file = given.clone();
    from_file.extend(["--scores", scores.to_str().unwrap()]);
    assert_eq!(Run::of(&library, &dir.join("file"), &from_file).verify(), digest);
    let unscored = Run::of(&library, &dir.join("unscored"), &given);
    let mut audit = hetero2();
    audit.arg("audit").arg("--pack").arg(unscored.pack()).args(["--score-command", &command]);
    call(audit.arg("--out").arg(dir.join("audited"))).expect_code(0);
    assert_eq!(verify(&dir.join("audited")), digest);
    // Nothing is left of what was kept meanwhile.
    let left: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("hetero2-scores")), "{left:?}");
    assert!(!run.out.join("scores").exists());
    // Complete already: no command is started.
    let mut again = run_command(&library, &run.out, &options(&command));
    let again = call(again.args(&more[..2]).env("PATH", "")).expect_code(0);
    assert!(again.stdout.contains("complete already"), "{}", again.stdout);
}

#[test]
fn shards_score_their_own_rows_to_the_same_pack() {
    let scratch = scratch();
    let dir = scratch.path();
    let molecules = ["CC(C)CCOC(C)=O", "CCOC(=O)CCN", "CCC(O)CCNCC", "CCNCC(C)OCC"];
    let row = |row: usize| format!("{} m{row}\n", molecules[row * 7 / 5 % 4]);
    let library = write(dir, "library.smi", (0..4_200).map(row).collect::<String>());
    let command = scorer("");
    let whole = Run::of(&library, &dir.join("whole"), &options(&command));
    let parts = dir.join("parts");
    let mut plan = hetero2();
    plan.arg("plan").arg(&library).arg("--out").arg(&parts).args(options(&command));
    call(plan.args(["--shards", "2"])).expect_code(0);
    let shard = |more: &[&str]| {
        call(hetero2().arg("shard").arg(&parts).args(["0-1", "--threads", "1"]).args(more))
    };
    let refused = shard(&[]).expect_code(2);
    assert!(
        refused.stderr.contains("if you trust it, add --score-command 'while read"),
        "{}",
        refused.stderr
    );
    let other = shard(&["--score-command", "cat"]).expect_code(2);
    assert!(other.stderr.contains("was planned for the score command"), "{}", other.stderr);
    shard(&["--score-command", &command]).expect_code(0);
    call(hetero2().arg("reduce").arg(&parts)).expect_code(0);
    assert_eq!(verify(&parts.join("pack")), whole.verify());
    call(hetero2().arg("reduce").arg(&parts)).expect_code(0);
}

#[test]
fn molecules_without_a_score_are_named_and_counted() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir);
    // Of the amine and its decoys alone.
    for (name, what, before) in [
        ("crash", "exit code 3", "case $s in *N) exit 3;; esac;"),
        ("timeout", "no answer", "case $s in *N) sleep 9;; esac;"),
        ("missing_line", "no line", "case $s in *N) continue;; esac;"),
        ("too_many_lines", "2 lines", "case $s in *N) echo 1;; esac;"),
        ("not_a_number", "\"nan\"", "case $s in *N) echo nan; continue;; esac;"),
    ] {
        let command = scorer(before);
        let (seconds, batch) = if name == "timeout" { ("0.8", "1") } else { ("20", "8") };
        let given = [
            options(&command),
            vec!["--score-timeout", seconds, "--score-batch", batch, "--score-check", "2"],
        ]
        .concat();
        let run = Run::of(&library, &dir.join(name), &given);
        let note = note(&run.pack());
        let unscored = note["unscored"].as_u64().unwrap();
        assert!(unscored > 0 && note["reasons"][name] == unscored, "{name}: {note}");
        let named = note["named"].as_array().unwrap();
        assert_eq!(named.len() as u64, unscored);
        for molecule in named {
            assert!(molecule["smiles"].as_str().unwrap().ends_with('N'), "{name}: {molecule}");
            assert!(molecule["why"].as_str().unwrap().contains(what), "{name}: {molecule}");
        }
        let rows = run.outcomes();
        let amine = rows.iter().find(|row| row.0 == "amine").unwrap();
        assert_eq!(
            (amine.1.as_str(), amine.2.as_str()),
            ("SKIP", "missing_original_score"),
            "{name}"
        );
        assert!(rows.iter().filter(|row| row.1 == "OK").count() == 3, "{name}: {rows:?}");
        assert!(run.done.stdout.contains(name), "{}", run.done.stdout);
    }
}

#[test]
fn a_command_that_cannot_score_is_refused_with_what_it_said() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir);
    let out = dir.join("run");
    for (command, expected) in [
        ("no-such-program", "not found"),
        ("echo a traceback >&2; exit 1", "    a traceback"),
        ("while read -r s; do echo 1; done", "2 lines or more"),
        ("echo Loading; cat", "\"Loading\""),
        ("sleep 5", "--score-each-batch"),
        ("while read -r s; do test -z \"$s\" || echo 1; done", "no empty line"),
        ("cat /dev/zero", "more than 4096 bytes"),
        ("yes 1", "2 lines or more"),
        ("cat >/dev/null; yes >&2", "for 1 s"),
        (
            "i=0; while read -r s; do i=$((i + 1)); test -z \"$s\" && echo || echo $i; done",
            "depend on the molecule alone",
        ),
    ] {
        let given = [options(command), vec!["--score-timeout", "1"]].concat();
        let refused = call(&mut run_command(&library, &out, &given)).expect_code(2);
        assert!(refused.stderr.contains(expected), "{command}: {}", refused.stderr);
        if expected != "depend on the molecule alone" {
            assert!(!out.join("plan.json").exists(), "{command}");
        }
    }
    // One that ends after each batch without being asked is started again.
    let command = "while read -r s; do if [ -z \"$s\" ]; then echo; exit; else echo 1; fi; done";
    let given = [options(command), vec!["--score-batch", "2"]].concat();
    let ending = Run::of(&library, &dir.join("ending"), &given);
    assert_eq!(note(&ending.pack())["unscored"], 0);
    // A program that reads everything before it writes.
    let command = "sort | while read -r s; do echo 1; done";
    let given = [options(command), vec!["--score-each-batch", "--score-batch", "2"]].concat();
    Run::of(&library, &dir.join("each"), &given);
    for (more, expected) in [
        (vec!["--audit-top", "2"], "hetero2 audit --pack"),
        (vec!["--scores", "s.csv"], "cannot be used with"),
        (vec!["--score-lock", "none"], "none of the score command cannot be read"),
    ] {
        let given = [options("cat"), more].concat();
        let refused = call(&mut run_command(&library, &dir.join("no"), &given)).expect_code(2);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

#[test]
fn what_was_scored_is_not_scored_again() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir);
    let (asked, good) = (dir.join("asked"), dir.join("good"));
    let log = format!("test -z \"$s\" || echo \"$s\" >> '{}';", asked.display());
    let fail = format!("test -f '{}' || case $s in *N) exit 3;; esac;", good.display());
    let command = scorer(&format!("{log} {fail}"));
    let strict = ["--score-failures", "0", "--score-check", "0", "--score-batch", "1"];
    let given = [options(&command), strict.to_vec()].concat();
    let out = dir.join("run");
    let stopped = call(&mut run_command(&library, &out, &given)).expect_code(2);
    assert!(stopped.stderr.contains("failed 1 times"), "{}", stopped.stderr);
    let before = fs::read_to_string(&asked).unwrap();
    assert!(before.lines().count() > 3, "{before}");
    fs::write(&good, "").unwrap();
    fs::remove_file(&asked).unwrap();
    // A process that was killed may leave half a line.
    let kept = out.join("scores/00000.csv");
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, format!("{text}0123,\n{}", &text.trim_start()[..70])).unwrap();
    call(run_command(&library, &out, &given).arg("--resume")).expect_code(0);
    let after = fs::read_to_string(&asked).unwrap();
    let again =
        after.lines().filter(|it| !it.ends_with('N') && before.lines().any(|line| line == *it));
    assert_eq!(again.count(), 0, "before:\n{before}after:\n{after}");
    assert_eq!(note(&out.join("pack"))["unscored"], 0);
}

#[test]
fn a_stop_ends_the_command_and_all_that_it_started() {
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir);
    let pid = dir.join("pid");
    let command = format!("sleep 60 & echo $! > '{}'; wait", pid.display());
    let mut run = run_command(&library, &dir.join("run"), &options(&command)).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let sleeper = loop {
        match fs::read_to_string(&pid) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ if Instant::now() > until => panic!("the command was not started"),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let signal = |name: &str, pid: &str| Command::new("kill").args([name, pid]).status().unwrap();
    assert!(signal("-INT", &run.id().to_string()).success());
    assert_eq!(run.wait().unwrap().code(), Some(4));
    let ended = |pid: &str| {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    let until = Instant::now() + Duration::from_secs(5);
    while !ended(&sleeper) {
        assert!(Instant::now() < until, "the command outlives its run");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The examples that can be run: those whose packages are there.
#[test]
fn the_examples_score_what_their_packages_score() {
    let python = std::env::var("HETERO2_SCORER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let scratch = scratch();
    let dir = scratch.path();
    let library = library(dir);
    let training = "smiles,active\nCCO,1\nCCCO,1\nCCN,0\nCCCN,0\nCCCCO,1\nCCCCN,0\n";
    let training = write(dir, "training.csv", training);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scorers");
    let has = |packages: &str| {
        let found = Command::new(&python).args(["-c", &format!("import {packages}")]).output();
        let is_there = found.is_ok_and(|done| done.status.success());
        if !is_there {
            skip_loudly(
                "the_examples_score_what_their_packages_score",
                &format!("no {packages} in {python}"),
            );
        }
        is_there
    };
    let check = |name: &str, words: &str| {
        let script = examples.join(name);
        let command = format!("'{python}' '{}' {words}", script.display());
        let run = Run::of(&library, &dir.join(name), &options(&command));
        assert_eq!(note(&run.pack())["unscored"], 0, "{name}");
    };
    if has("rdkit") {
        check("rdkit_qed.py", "");
    }
    if has("rdkit, sklearn, joblib") {
        let model = dir.join("model.joblib");
        let script = examples.join("sklearn_model.py");
        let mut fit = Command::new(&python);
        fit.arg(script).arg("--fit").arg(&training).arg(&model);
        call(&mut fit).expect_code(0);
        check("sklearn_model.py", &format!("'{}'", model.display()));
    }
    // A program that writes a file, as docking programs do: no package is needed.
    if has("subprocess") {
        let dock = "awk '{ print $2, -length($1) }' \"$1\" | sort -r > \"$2\"; echo docked\n";
        let dock = format!("sh '{}'", write(dir, "dock.sh", dock).display());
        check("docking_by_file.py", &dock);
    }
}
