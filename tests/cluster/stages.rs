//! `plan`, `shard` and `reduce`: the pack is that of `run`, whatever the
//! partition, the order, the number of attempts and what ends them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Done, Run, call, demo_library, files, hetero2, scratch, verify, write};
use serde_json::Value;

/// Rows of a block: shards are whole blocks.
const BLOCK: usize = 4_096;

/// Much partition, little chemistry.
const QUICK: [&str; 3] = ["--decoys", "1", "--no-zip"];

/// A library of tiny molecules that have no decoys, and some real ones.
fn library(directory: &Path, rows: usize) -> PathBuf {
    let tiny = ["CCO", "CCN", "CC(C)O", "C", "CCCl", "CC=O", "CCS", "not a molecule"];
    let demo = fs::read_to_string(demo_library()).unwrap();
    let mut real = demo.lines().filter(|line| !line.starts_with('#')).cycle();
    let mut text = String::new();
    for row in 0..rows {
        match row % 700 {
            0 => writeln!(text, "{}", real.next().unwrap()).unwrap(),
            n => writeln!(text, "{}\tm{row}", tiny[n % tiny.len()]).unwrap(),
        }
    }
    write(directory, "library.smi", text)
}

fn plan(library: &Path, run: &Path, shards: &str) -> Done {
    let mut command = hetero2();
    command.arg("plan").arg(library).arg("--out").arg(run).args(["--decoys", "1"]);
    call(command.args(["--shards", shards, "--no-estimate", "--json"])).expect_code(0)
}

fn shard_command(run: &Path, arguments: &[&str]) -> Command {
    let mut command = hetero2();
    command.arg("shard").arg(run).args(arguments);
    command
}

fn shard(run: &Path, arguments: &[&str]) -> Done {
    call(&mut shard_command(run, arguments))
}

fn reduce(run: &Path, arguments: &[&str]) -> Done {
    call(hetero2().arg("reduce").arg(run).arg("--no-zip").args(arguments))
}

/// The files of a pack that do not tell when and where it was made.
fn evidence(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(&run.join("pack"));
    for told in
        ["provenance.json", "ro-crate-metadata.json", "checksums.sha256", "evidence_pack.zip"]
    {
        files.remove(told);
    }
    files
}

#[track_caller]
fn same_evidence(run: &Path, expected: &BTreeMap<String, Vec<u8>>) {
    verify(&run.join("pack"));
    let found = evidence(run);
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{}: {name} differs", run.display());
    }
}

#[test]
fn no_byte_of_the_pack_depends_on_the_partition() {
    let scratch = scratch();
    let library = library(scratch.path(), 50 * BLOCK + 17);
    let whole = Run::of(
        &library,
        &scratch.path().join("whole"),
        &[&QUICK[..], &["--threads", "2"]].concat(),
    );
    let expected = evidence(&whole.out);
    for (shards, threads, order) in [
        ("1", "1", &["0"][..]),
        ("3", "2", &["2", "0", "1"]),
        ("7", "1", &["3-6", "0-2"]),
        ("50", "2", &["0-49"]),
    ] {
        let run = scratch.path().join(shards);
        let planned = plan(&library, &run, shards).json();
        assert_eq!(planned["shards"].to_string(), shards);
        assert_eq!(planned["rows"], 50 * BLOCK + 17);
        for shards in order {
            shard(&run, &[shards, "--threads", threads, "--quiet"]).expect_code(0);
        }
        let reduced = reduce(&run, &["--threads", threads, "--json"]).expect_code(0).json();
        assert_eq!(reduced["content_digest"], whole.verify().as_str());
        same_evidence(&run, &expected);
        // What the pack holds is not kept twice.
        assert!(!run.join("library").exists() && !run.join("shards").exists());
    }
}

#[test]
fn a_shard_needs_the_plan_and_its_own_records_alone() {
    let scratch = scratch();
    let library = library(scratch.path(), 9 * BLOCK + 17);
    let whole = Run::of(&library, &scratch.path().join("whole"), &QUICK);
    let run = scratch.path().join("run");
    plan(&library, &run, "9");
    let document: Value =
        serde_json::from_slice(&fs::read(run.join("plan.json")).unwrap()).unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    let range = |value: &Value| {
        number(&value["first_row"])..number(&value["first_row"]) + number(&value["rows"])
    };
    let packed = document["packed"].as_array().unwrap();
    assert_eq!(packed.len(), 3);
    fs::create_dir(run.join("shards")).unwrap();
    for own in document["shards"].as_array().unwrap() {
        let index = number(&own["index"]);
        let elsewhere = scratch.path().join(format!("elsewhere-{index}"));
        fs::create_dir_all(elsewhere.join("library")).unwrap();
        fs::copy(run.join("plan.json"), elsewhere.join("plan.json")).unwrap();
        let rows = range(own);
        let overlaps = |file: &&Value| {
            let other = range(file);
            other.start < rows.end && rows.start < other.end
        };
        for file in packed.iter().filter(overlaps) {
            let name = Path::new("library").join(file["file"]["name"].as_str().unwrap());
            fs::copy(run.join(&name), elsewhere.join(&name)).unwrap();
        }
        shard(&elsewhere, &[&index.to_string(), "--quiet"]).expect_code(0);
        let done = Path::new("shards").join(format!("{index:05}"));
        fs::rename(elsewhere.join(&done), run.join(&done)).unwrap();
    }
    reduce(&run, &["--quiet"]).expect_code(0);
    assert_eq!(verify(&run.join("pack")), whole.verify());
}

#[test]
fn threads_follow_what_was_granted() {
    let scratch = scratch();
    let library = library(scratch.path(), 4 * BLOCK);
    let run = scratch.path().join("run");
    plan(&library, &run, "4");
    let threads = |index: usize, set: &[(&str, &str)], options: &[&str]| {
        let number = index.to_string();
        let mut command = shard_command(&run, &[&[&number[..], "--quiet"], options].concat());
        command.env_remove("OMP_NUM_THREADS").env_remove("RAYON_NUM_THREADS");
        call(command.envs(set.iter().copied())).expect_code(0);
        let record = fs::read(run.join(format!("shards/{index:05}/shard.json"))).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        record["attempt"]["threads"].as_u64().unwrap()
    };
    let cores = thread::available_parallelism().unwrap().get() as u64;
    let both = [("SLURM_CPUS_PER_TASK", "1"), ("OMP_NUM_THREADS", "2")];
    assert_eq!(threads(0, &both, &[]), 1);
    // Core number 7, which is one core; more than there are is not taken.
    assert_eq!(threads(1, &[("HQ_CPUS", "7")], &[]), 1);
    assert_eq!(threads(2, &[("NCPUS", "1000")], &[]), cores);
    assert_eq!(threads(3, &both, &["--threads", "3"]), 3);
}

#[test]
fn shards_are_balanced_by_what_they_cost() {
    let scratch = scratch();
    // One block of large molecules after three of small ones.
    let large = format!("c1ccccc1{}", "CC(=O)Nc1ccccc1".repeat(6));
    let mut text = "CCO\n".repeat(3 * BLOCK);
    text.push_str(&format!("{large}\n").repeat(BLOCK));
    let library = write(scratch.path(), "sorted.smi", text);
    let run = scratch.path().join("run");
    plan(&library, &run, "2");
    let plan: Value = serde_json::from_slice(&fs::read(run.join("plan.json")).unwrap()).unwrap();
    let rows: Vec<u64> =
        plan["shards"].as_array().unwrap().iter().map(|s| s["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, [3 * BLOCK as u64, BLOCK as u64]);
}

#[test]
fn a_reduction_names_what_is_missing_and_the_cure_works() {
    let scratch = scratch();
    let library = library(scratch.path(), 4 * BLOCK);
    let expected = evidence(&Run::of(&library, &scratch.path().join("whole"), &QUICK).out);
    let run = scratch.path().join("run");
    plan(&library, &run, "4");
    shard(&run, &["0-1"]).expect_code(0);
    let damaged = run.join("shards/00001/molecules.parquet");
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let refused = reduce(&run, &[]).expect_code(4);
    for part in [
        "3 of 4 shards",
        "2 is missing, 3 is missing",
        "1 is damaged (molecules.parquet",
        "hetero2 shard ",
        " 1-3`",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(!run.join("pack").exists());
    // Without a submission there is nothing to submit again.
    reduce(&run, &["--resubmit"]).expect_code(2);
    let done = shard(&run, &["0-3", "--json"]).expect_code(0).json();
    assert_eq!(done.as_array().unwrap().len(), 4);
    reduce(&run, &[]).expect_code(0);
    same_evidence(&run, &expected);
    // Complete is complete.
    let again = shard(&run, &["2"]).expect_code(0);
    assert!(again.stdout.contains("complete"), "{}", again.stdout);
    reduce(&run, &[]).expect_code(0);
}

#[test]
fn a_stopped_shard_goes_on_from_its_checkpoint() {
    let scratch = scratch();
    let demo = fs::read_to_string(demo_library()).unwrap();
    let library = write(scratch.path(), "library.smi", demo.repeat(16));
    let expected = evidence(&Run::of(&library, &scratch.path().join("whole"), &QUICK).out);
    let run = scratch.path().join("run");
    plan(&library, &run, "1");
    let checkpoint = run.join("shards/00000.checkpoint");
    let mut stops = 0;
    // How far it comes before it is stopped is up to the machine.
    for wait in [300, 600, 900, 1_200, 1_500, 2_000, 3_000] {
        let mut command = shard_command(&run, &["0", "--threads", "1"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_millis(wait));
        let _ = Command::new("kill").arg("-TERM").arg(child.id().to_string()).output();
        let code = child.wait().unwrap().code();
        if code == Some(0) {
            break;
        }
        if code == Some(4) && checkpoint.exists() {
            stops += 1;
            if stops == 2 {
                break;
            }
        }
    }
    assert!(stops > 0, "it was never stopped in the middle");
    let (so_far, _) = checkpoints(&run);
    assert!(so_far > 0 && so_far < 16_000, "{so_far}");
    let finished = shard(&run, &["0", "--json"]).expect_code(0).json();
    assert_eq!(finished[0]["rows_from_checkpoint"], so_far);
    assert!(!checkpoint.exists());
    reduce(&run, &[]).expect_code(0);
    same_evidence(&run, &expected);
}

/// Rows of the checkpoints of shard 0, and how many there are.
fn checkpoints(run: &Path) -> (u64, usize) {
    let name = |number: usize| match number {
        0 => "shards/00000.checkpoint/shard.json".to_owned(),
        number => format!("shards/00000.checkpoint-{number}/shard.json"),
    };
    let records = (0..).map_while(|number| fs::read(run.join(name(number))).ok());
    let rows =
        |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap()["rows"].as_u64().unwrap();
    let rows: Vec<u64> = records.map(rows).collect();
    (rows.iter().sum(), rows.len())
}

#[test]
fn a_killed_shard_loses_no_more_than_what_came_after_its_last_checkpoint() {
    let scratch = scratch();
    let demo = fs::read_to_string(demo_library()).unwrap();
    let library = write(scratch.path(), "library.smi", demo.repeat(20));
    let expected = evidence(&Run::of(&library, &scratch.path().join("whole"), &QUICK).out);
    let run = scratch.path().join("run");
    plan(&library, &run, "1");
    let options = ["0", "--threads", "1", "--checkpoint-every", "1s"];
    let mut child = shard_command(&run, &options).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while checkpoints(&run).1 < 2 && begun.elapsed() < Duration::from_secs(60) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its second checkpoint");
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (kept, parts) = checkpoints(&run);
    assert!(parts >= 2 && kept > 0, "{parts} checkpoints of {kept} rows");
    // They count as done, and what they cost is known.
    let status = call(hetero2().arg("status").arg(&run).arg("--json")).expect_code(0).json();
    assert_eq!(status["progress"]["rows_done"], kept);
    assert_eq!(status["progress"]["rows_in_checkpoints"], kept);
    assert!(status["cost"]["core_hours"].as_f64().unwrap() > 0.0, "{status}");
    // A part that is damaged is computed again, and those after it.
    fs::remove_file(run.join("shards/00000.checkpoint-1/spectra.parquet")).unwrap();
    let finished = shard(&run, &["0", "--json"]).expect_code(0).json();
    let taken = finished[0]["rows_from_checkpoint"].as_u64().unwrap();
    assert!(taken > 0 && taken < kept, "{taken} of {kept}");
    assert_eq!(checkpoints(&run).1, 0);
    reduce(&run, &[]).expect_code(0);
    same_evidence(&run, &expected);
}

#[test]
fn a_damaged_checkpoint_is_not_used() {
    let scratch = scratch();
    let library = library(scratch.path(), BLOCK);
    let expected = evidence(&Run::of(&library, &scratch.path().join("whole"), &QUICK).out);
    let run = scratch.path().join("run");
    plan(&library, &run, "1");
    let checkpoint = run.join("shards/00000.checkpoint");
    fs::create_dir_all(&checkpoint).unwrap();
    fs::write(checkpoint.join("shard.json"), "{}").unwrap();
    let done = shard(&run, &["0"]).expect_code(0);
    assert!(done.stderr.contains("checkpoint"), "{}", done.stderr);
    assert!(!checkpoint.exists());
    reduce(&run, &[]).expect_code(0);
    same_evidence(&run, &expected);
}

#[test]
fn two_attempts_at_one_shard_do_no_harm_and_a_finished_one_stays() {
    let scratch = scratch();
    let library = library(scratch.path(), 2 * BLOCK);
    let expected = evidence(&Run::of(&library, &scratch.path().join("whole"), &QUICK).out);
    let run = scratch.path().join("run");
    plan(&library, &run, "2");
    let mut attempts: Vec<_> =
        (0..2).map(|_| shard_command(&run, &["0-1", "--quiet"]).spawn().unwrap()).collect();
    for attempt in &mut attempts {
        assert!(attempt.wait().unwrap().success());
    }
    let modified =
        || fs::metadata(run.join("shards/00000/shard.json")).unwrap().modified().unwrap();
    let before = modified();
    shard(&run, &["0"]).expect_code(0);
    assert_eq!(modified(), before, "a finished shard was computed again");
    let litter: Vec<String> = crate::support::tree(&run.join("shards"))
        .into_iter()
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(litter.is_empty(), "{litter:?}");
    reduce(&run, &[]).expect_code(0);
    same_evidence(&run, &expected);
}

#[test]
fn every_shard_has_a_log() {
    let scratch = scratch();
    let library = library(scratch.path(), 2 * BLOCK);
    let run = scratch.path().join("run");
    plan(&library, &run, "2");
    shard(&run, &["0-1"]).expect_code(0);
    for index in 0..2 {
        let log = fs::read_to_string(run.join(format!("logs/{index:05}.jsonl"))).unwrap();
        let events: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert!(events.len() >= 2, "{log}");
        for event in &events {
            assert!(event["timestamp"].is_string() && event["level"].is_string(), "{event}");
            assert_eq!(event["shard"], index, "{event}");
        }
    }
}

#[test]
fn a_plan_is_made_once_and_of_one_run() {
    let scratch = scratch();
    let library = library(scratch.path(), 3 * BLOCK);
    let run = scratch.path().join("run");
    let first = plan(&library, &run, "3").json();
    let again = plan(&library, &run, "3").json();
    assert_eq!(first["plan_digest"], again["plan_digest"]);
    for (name, arguments) in
        [("configuration", ["--decoys", "2"]), ("number of shards", ["--shards", "2"])]
    {
        let mut command = hetero2();
        command.arg("plan").arg(&library).arg("--out").arg(&run);
        if name != "configuration" {
            command.args(["--decoys", "1"]);
        }
        let refused = call(command.args(arguments)).expect_code(2);
        assert!(refused.stderr.contains(&format!("another {name}")), "{}", refused.stderr);
    }
}

#[test]
fn mistakes_are_named() {
    let scratch = scratch();
    let library = library(scratch.path(), 2 * BLOCK);
    let run = scratch.path().join("run");
    let refused = |done: Done, parts: &[&str]| {
        let done = done.expect_code(2);
        for part in parts {
            assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
        }
    };
    refused(shard(&run, &["0"]), &["holds no plan", "hetero2 plan"]);
    refused(reduce(&run, &[]), &["holds no plan"]);
    plan(&library, &run, "2");
    refused(shard(&run, &["2"]), &["no shard 2", "numbered from 0"]);
    refused(shard(&run, &["1-0"]), &["0-3,7,9-12"]);
    let path = run.join("plan.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"tool_version\": \"", "\"tool_version\": \"0.0.", 1)).unwrap();
    refused(shard(&run, &["0"]), &["planned by version 0.0."]);
    fs::write(&path, "{").unwrap();
    refused(reduce(&run, &[]), &["plan.json is no plan"]);
    fs::write(&path, &text).unwrap();
    // Records that are not as they were planned are never computed.
    let records = run.join("library/00000.arrow");
    let mut bytes = fs::read(&records).unwrap();
    bytes[200] ^= 1;
    fs::write(&records, bytes).unwrap();
    let damaged = shard(&run, &["0"]).expect_code(3);
    assert!(damaged.stderr.contains("00000.arrow is not as it was planned"), "{}", damaged.stderr);
}

#[test]
fn a_killed_shard_leaves_the_others_and_is_computed_again() {
    let scratch = scratch();
    let demo = fs::read_to_string(demo_library()).unwrap();
    let library = write(scratch.path(), "library.smi", demo.repeat(9));
    let expected = evidence(&Run::of(&library, &scratch.path().join("whole"), &QUICK).out);
    let run = scratch.path().join("run");
    plan(&library, &run, "2");
    let mut child = shard_command(&run, &["0-1", "--quiet"]).spawn().unwrap();
    let clock = Instant::now();
    while !run.join("shards/00000").exists() {
        assert!(clock.elapsed() < Duration::from_secs(120), "shard 0 never came");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!run.join("shards/00001").exists(), "it ended before the signal");
    reduce(&run, &[]).expect_code(4);
    shard(&run, &["1"]).expect_code(0);
    reduce(&run, &[]).expect_code(0);
    same_evidence(&run, &expected);
}
