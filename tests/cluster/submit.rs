//! `submit`, `status`, `wait`, `cancel` and `resume` with processes on this
//! machine as the cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Done, Run, call, demo_library, hetero2, scratch, verify, write};
use serde_json::Value;

const QUICK: [&str; 2] = ["--decoys", "1"];

/// The program in a directory without settings of whoever runs the tests.
fn hetero2_in(directory: &Path, arguments: &[&str]) -> Done {
    let mut command = hetero2();
    call(command.current_dir(directory).env("XDG_CONFIG_HOME", directory).args(arguments))
}

/// A library of this many copies of the demo, planned in `directory/run`.
fn planned(directory: &Path, copies: usize, shards: &str) -> PathBuf {
    let demo = fs::read_to_string(demo_library()).unwrap();
    write(directory, "library.smi", demo.repeat(copies));
    let arguments = ["plan", "library.smi", "--out", "run", "--decoys", "1", "--shards", shards];
    hetero2_in(directory, &arguments).expect_code(0);
    directory.join("run")
}

/// Digest of an undisturbed run over the library.
fn expected(directory: &Path) -> String {
    Run::of(&directory.join("library.smi"), &directory.join("whole"), &QUICK).verify()
}

fn status(directory: &Path) -> Value {
    let done = hetero2_in(directory, &["status", "run", "--json"]);
    assert!(matches!(done.code, Some(0 | 4)), "{}", done.stderr);
    done.json()
}

/// Polls the status until it has a property.
#[track_caller]
fn until(directory: &Path, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let clock = Instant::now();
    loop {
        let found = status(directory);
        if holds(&found) {
            return found;
        }
        assert!(clock.elapsed() < Duration::from_secs(240), "never {what}: {found}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn submission(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("submit/submission.json")).unwrap()).unwrap()
}

/// Damages the records of the last shard, so that it cannot be computed.
fn spoil_records(run: &Path) -> (PathBuf, Vec<u8>) {
    let mut files: Vec<PathBuf> =
        fs::read_dir(run.join("library")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let path = files.pop().unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    (path, whole)
}

#[test]
fn a_submitted_run_ends_with_the_pack_of_an_undisturbed_one() {
    let scratch = scratch();
    let directory = scratch.path();
    let run = planned(directory, 9, "2");
    let before = status(directory);
    assert_eq!(before["stage"], "planned");
    let submit =
        ["submit", "run", "--scheduler", "local", "--array-limit", "2", "--cpus", "1", "--wait"];
    let done = hetero2_in(directory, &submit).expect_code(0);
    assert!(done.stdout.contains("submitted 2 shards to local"), "{}", done.stdout);
    assert!(done.stdout.contains("content digest"), "{}", done.stdout);
    assert_eq!(verify(&run.join("pack")), expected(directory));
    let after = status(directory);
    assert_eq!(after["stage"], "complete");
    assert_eq!(after["progress"]["done"], 2);
    assert_eq!(after["rounds"], 1);
    // What is complete is not submitted again.
    let again = hetero2_in(directory, &["submit", "run"]).expect_code(2);
    assert!(again.stderr.contains("complete"), "{}", again.stderr);
    hetero2_in(directory, &["wait", "run"]).expect_code(0);
    // Nor is there anything to cancel.
    let late = hetero2_in(directory, &["cancel", "run"]).expect_code(2);
    assert!(late.stderr.contains("is complete: its pack is"), "{}", late.stderr);
    assert_eq!(status(directory)["stage"], "complete");
}

/// Where a user may have few jobs, tasks compute several shards each.
#[test]
fn tasks_of_several_shards_give_the_same_pack_in_fewer_jobs() {
    let scratch = scratch();
    let directory = scratch.path();
    let rows: String = (0..27_000).map(|n| format!("C{}O m{n}\n", "C".repeat(n % 5))).collect();
    let library = write(directory, "library.smi", rows);
    let plan = ["plan", "library.smi", "--decoys", "0", "--json", "--out"];
    let planned = hetero2_in(directory, &[&plan[..], &["run", "--shards", "7"]].concat());
    let planned = planned.expect_code(0).json();
    let forecast = &planned["forecast"];
    assert!(forecast["rows_measured"].as_u64() >= Some(200), "{planned}");
    assert!(forecast["core_hours"].as_f64().unwrap() > 0.0, "{planned}");
    assert_eq!(
        (&forecast["is_one_node_enough"], &forecast["flags"][0]),
        (&true.into(), &"--cpus 8".into())
    );
    // An hour on eight cores is more than all of it takes.
    let timed = hetero2_in(directory, &[&plan[..], &["timed", "--shard-time", "1h"]].concat());
    assert_eq!(timed.expect_code(0).json()["shards"], 1);
    let run = directory.join("run");
    let command = ["submit", "run", "--scheduler", "local", "--cpus", "1", "--mem", "500M"];
    let dry = hetero2_in(directory, &[&command[..], &["--max-jobs", "4", "--dry-run"]].concat());
    let dry = dry.expect_code(0).stdout;
    assert!(dry.contains("--shards-per-task=3"), "{dry}");
    // One shard is there already; the task that has it computes the others.
    hetero2_in(directory, &["shard", "run", "4"]).expect_code(0);
    let submit = [&command[..], &["--max-jobs", "4", "--wait"]].concat();
    let done = hetero2_in(directory, &submit).expect_code(0);
    assert!(done.stdout.contains("submitted 6 shards to local"), "{}", done.stdout);
    let whole = Run::of(&library, &directory.join("whole"), &["--decoys", "0"]);
    assert_eq!(verify(&run.join("pack")), whole.verify());
    let logs = |name: &str| run.join("logs").join(name).exists();
    assert!(logs("00000.out") && logs("00002.out") && !logs("00003.out"));
    // What it took stands in the provenance, and `status` says it of the finished run.
    let provenance = fs::read(run.join("pack/provenance.json")).unwrap();
    let provenance: Value = serde_json::from_slice(&provenance).unwrap();
    let notes = &provenance["notes"];
    assert!(notes["core_hours"].as_f64().unwrap() > 0.0, "{notes}");
    assert!(notes["peak_memory"].as_u64().unwrap() > 1 << 20, "{notes}");
    let submission = &notes["submission"];
    assert_eq!((&submission["rounds"], &submission["asked_mib"]), (&1.into(), &500.into()));
    assert!(!submission["jobs"].as_array().unwrap().is_empty(), "{submission}");
    let after = status(directory);
    assert_eq!(after["cost"]["core_hours"], notes["core_hours"]);
    assert_eq!(after["cost"]["asked_mib"], 500);
    let said = hetero2_in(directory, &["status", "run"]).stdout;
    assert!(said.contains(", memory: asked 0.5 GiB, used"), "{said}");
    // A task that no shard has.
    let none = hetero2_in(directory, &["shard", "run", "3", "--shards-per-task", "3"]);
    none.expect_code(2);
}

#[test]
fn what_is_killed_by_its_time_limit_goes_on_in_further_rounds() {
    let scratch = scratch();
    let directory = scratch.path();
    let run = planned(directory, 12, "1");
    let submit = [
        "submit",
        "run",
        "--time",
        "1s",
        "--reduce-time",
        "10m",
        "--max-rounds",
        "50",
        "--escalation",
        "1.2",
        "--cpus",
        "1",
        "--env",
        "RAYON_NUM_THREADS=1",
        "--wait",
    ];
    hetero2_in(directory, &submit).expect_code(0);
    assert_eq!(verify(&run.join("pack")), expected(directory));
    let rounds = submission(&run)["rounds"].as_array().unwrap().clone();
    assert!(rounds.len() > 1, "one round of a second was enough: {rounds:?}");
    let limit = |round: &Value| {
        round["resources"]["time"]["nanos"].as_f64().unwrap() / 1e9
            + round["resources"]["time"]["secs"].as_f64().unwrap()
    };
    assert!((limit(&rounds[1]) - 1.2).abs() < 1e-6, "{rounds:?}");
    assert_eq!((&rounds[0]["automatic"], &rounds[1]["automatic"]), (&false.into(), &true.into()));
    let log = fs::read_to_string(run.join("logs/00000.jsonl")).unwrap();
    assert!(log.contains("checkpoint written"), "{log}");
}

#[test]
fn rounds_are_bounded_reasons_are_shown_and_a_repaired_run_resumes() {
    let scratch = scratch();
    let directory = scratch.path();
    // Two packed files, so that one shard can be computed and one cannot.
    let run = planned(directory, 20, "2");
    let (path, whole) = spoil_records(&run);
    let submit = ["submit", "run", "--max-rounds", "2", "--wait"];
    let failed = hetero2_in(directory, &submit).expect_code(4);
    assert!(failed.stdout.contains("stopped with work missing"), "{}", failed.stdout);
    assert!(failed.stdout.contains("is not as it was planned"), "the log: {}", failed.stdout);
    let found = status(directory);
    assert_eq!(found["stage"], "stopped");
    // The first may have finished one shard of two; then it does not count.
    assert!(matches!(found["rounds"].as_u64(), Some(2 | 3)), "{found}");
    assert_eq!(found["failed"][0]["reason"], "exit code 3");
    assert!(!run.join("pack").exists());
    let finish = fs::read_to_string(run.join("logs/finish.out")).unwrap();
    assert!(finish.contains("missing after 2 rounds"), "{finish}");
    fs::write(path, whole).unwrap();
    let resumed = hetero2_in(directory, &["resume", "run", "--mem", "2G", "--wait"]).expect_code(0);
    assert!(
        resumed.stdout.contains("submitted 1 shards")
            || resumed.stdout.contains("submitted 2 shards"),
        "{}",
        resumed.stdout
    );
    assert_eq!(verify(&run.join("pack")), expected(directory));
    assert_eq!(submission(&run)["settings"]["shard"]["memory_mib"], 2_048);
}

#[test]
fn a_cancelled_run_stops_keeps_what_is_done_and_resumes() {
    let scratch = scratch();
    let directory = scratch.path();
    let run = planned(directory, 45, "10");
    hetero2_in(directory, &["submit", "run", "--array-limit", "1", "--cpus", "1"]).expect_code(0);
    until(directory, "one shard done", |s| s["progress"]["done"].as_u64() >= Some(1));
    let second = hetero2_in(directory, &["submit", "run"]).expect_code(2);
    assert!(second.stderr.contains("submitted already"), "{}", second.stderr);
    let second = hetero2_in(directory, &["resume", "run"]).expect_code(2);
    assert!(second.stderr.contains("hetero2 cancel"), "{}", second.stderr);
    hetero2_in(directory, &["cancel", "run"]).expect_code(0);
    let stopped = until(directory, "cancelled", |s| s["stage"] != "active");
    assert_eq!(stopped["stage"], "cancelled");
    let done = stopped["progress"]["done"].as_u64().unwrap();
    assert!((1..10).contains(&done), "{stopped}");
    assert!(!run.join("pack").exists());
    hetero2_in(directory, &["status", "run"]).expect_code(4);
    let kept = fs::metadata(run.join("shards/00000/shard.json")).unwrap().modified().unwrap();
    let left = 10 - done;
    let resumed = hetero2_in(directory, &["resume", "run", "--array-limit", "2"]).expect_code(0);
    assert!(resumed.stdout.contains(&format!("submitted {left} shards")), "{}", resumed.stdout);
    let now = fs::metadata(run.join("shards/00000/shard.json"));
    assert!(now.is_err() || now.unwrap().modified().unwrap() == kept, "computed again");
    hetero2_in(directory, &["wait", "run", "--interval", "1"]).expect_code(0);
    assert_eq!(verify(&run.join("pack")), expected(directory));
}

#[test]
fn a_dry_run_shows_scripts_and_does_nothing() {
    let scratch = scratch();
    let directory = scratch.path();
    let run = planned(directory, 1, "1");
    let before = crate::support::tree(&run);
    for scheduler in ["local", "slurm", "mpi", "pbs", "hyperqueue", "ray"] {
        let submit = ["submit", "run", "--scheduler", scheduler, "--dry-run", "--time", "2h"];
        let submit = [&submit[..], &["--cpus", "3"]].concat();
        let shown = hetero2_in(directory, &submit).expect_code(0).stdout;
        // As many threads as cores, in shards and reducer; ranks of MPI are the cores.
        let threads = if scheduler == "mpi" { 1 } else { 2 };
        assert_eq!(shown.matches("--threads=3").count(), threads, "{scheduler}: {shown}");
        let program = if scheduler == "mpi" { " mpi " } else { " shard " };
        assert!(shown.contains("would write") && shown.contains("would run"), "{shown}");
        assert!(shown.contains(program) || shown.contains("shard"), "{scheduler}: {shown}");
        assert!(shown.contains("reduce"), "{scheduler}: {shown}");
    }
    let submit = ["submit", "run", "--scheduler", "slurm", "--dry-run", "--mem-per-cpu", "1G"];
    let submit = [&submit[..], &["--no-requeue", "--extra=--comment=two words"]].concat();
    let shown = hetero2_in(directory, &submit).expect_code(0).stdout;
    for part in ["--mem-per-cpu=1024M", "--no-requeue", "'--comment=two words'", "alone: PATH, "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // What the reducer alone is asked: no zip, another partition than the shards.
    let submit = ["submit", "run", "--scheduler", "slurm", "--dry-run", "--json", "--no-zip"];
    let submit = [&submit[..], &["--partition", "gpu", "--reduce-partition", "cpu"]].concat();
    let shown = hetero2_in(directory, &submit).expect_code(0).json();
    let command = |position: usize, word: &str| {
        let words = shown["commands"][position].as_array().unwrap();
        words.iter().any(|found| found == word)
    };
    assert!(command(0, "--partition=gpu") && command(1, "--partition=cpu"), "{shown}");
    let script = |position: usize| shown["documents"][position]["text"].as_str().unwrap();
    assert!(!script(0).contains("--no-zip") && script(1).contains(" --no-zip "), "{shown}");
    let submit = ["submit", "run", "--scheduler", "kubernetes", "--dry-run", "--json"];
    let refused = hetero2_in(directory, &submit).expect_code(2);
    assert!(refused.stderr.contains("container"), "{}", refused.stderr);
    assert_eq!(crate::support::tree(&run), before);
}

#[test]
fn settings_files_give_defaults_and_their_mistakes_are_named() {
    let scratch = scratch();
    let directory = scratch.path();
    planned(directory, 1, "1");
    fs::create_dir(directory.join("hetero2")).unwrap();
    write(
        directory,
        "hetero2/hetero2.toml",
        "[submit]\nscheduler = 'slurm'\npartition = 'site'\ncpus = 6\n",
    );
    write(directory, "hetero2.toml", "[submit]\npartition = 'project'\ntime = '3h'\n");
    let shown =
        hetero2_in(directory, &["submit", "run", "--dry-run", "--mem", "3G"]).expect_code(0);
    for part in ["sbatch", "project", "03:00:00", "6", "3072M"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("site"), "{}", shown.stdout);
    write(directory, "hetero2.toml", "[submit]\npartitoin = 'x'\n");
    let refused = hetero2_in(directory, &["submit", "run", "--dry-run"]).expect_code(2);
    for part in ["hetero2.toml", "line 2", "partitoin"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
}

#[test]
fn mistakes_are_named() {
    let scratch = scratch();
    let directory = scratch.path();
    planned(directory, 1, "1");
    let refused = |arguments: &[&str], code: i32, part: &str| {
        let done = hetero2_in(directory, arguments).expect_code(code);
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    };
    refused(&["cancel", "run"], 2, "nothing was submitted");
    refused(&["resume", "run"], 2, "nothing was submitted");
    refused(&["status", "elsewhere"], 2, "holds no plan");
    refused(&["submit", "run", "--time", "soon"], 2, "soon");
    refused(&["submit", "run", "--mem", "lots"], 2, "lots");
    refused(&["submit", "run", "--env", "nothing"], 2, "NAME=VALUE");
    refused(&["submit", "run", "--escalation", "0.5"], 2, "from 1 to 10");
    let mut command = hetero2();
    let command = command.current_dir(directory).env("PATH", directory);
    let missing = call(command.args(["submit", "run", "--scheduler", "slurm"])).expect_code(1);
    assert!(missing.stderr.contains("slurm needs the program"), "{}", missing.stderr);
    // A refused submission leaves no trace of having been made.
    assert_eq!(status(directory)["rounds"], 0);
}

/// What may be read by others than its owner of the files below a directory.
#[cfg(unix)]
fn readable_by_others(directory: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| fs::metadata(file).unwrap().permissions().mode() & 0o077 != 0).collect()
}

/// Values of variables may be secrets.
#[cfg(unix)]
#[test]
fn values_of_variables_are_for_their_owner_alone() {
    let scratch = scratch();
    let directory = scratch.path();
    let run = planned(directory, 1, "1");
    let token = write(directory, "token", "dR7-of-a-file\n");
    let from_file = format!("TOKEN={}", token.display());
    let arguments = ["submit", "run", "--scheduler", "local", "--env", "OTHER=qK3-of-a-word"];
    let all = [&arguments[..], &["--env-file", &from_file, "--wait"]].concat();
    hetero2_in(directory, &all).expect_code(0);
    let submit = run.join("submit");
    let files: Vec<PathBuf> = fs::read_dir(&submit)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    assert!(files.iter().any(|file| file.ends_with("submission.json")), "{files:?}");
    let holds = |file: &PathBuf, text: &str| {
        String::from_utf8_lossy(&fs::read(file).unwrap()).contains(text)
    };
    assert!(!files.iter().any(|file| holds(file, "dR7")), "{files:?}");
    let open = readable_by_others(&submit);
    assert!(!open.iter().any(|file| file.is_file() && holds(file, "qK3")), "{open:?}");
    assert!(!open.contains(&submit.join("submission.json")), "{open:?}");
}

/// Shards are given the command by whoever submits them, never by the plan.
#[test]
fn submitted_shards_score_with_the_command_that_is_given() {
    let scratch = scratch();
    let directory = scratch.path();
    let demo = fs::read_to_string(demo_library()).unwrap();
    let few: Vec<&str> = demo.lines().take(40).collect();
    write(directory, "library.smi", few.join("\n"));
    let script = "while read -r s; do if [ -z \"$s\" ]; then echo; else echo \"${#s}\"; fi; done\n";
    let script = write(directory, "it's a scorer.sh", script);
    let command = format!("sh \"{}\"", script.display());
    let options = ["--decoys", "2", "--score-command", &command];
    let plan = ["plan", "library.smi", "--out", "run"];
    hetero2_in(directory, &[&plan[..], &options].concat()).expect_code(0);
    let submit = |more: &[&str]| hetero2_in(directory, &[&["submit", "run"], more].concat());
    let refused = submit(&["--scheduler", "local"]).expect_code(2);
    assert!(refused.stderr.contains("if you trust it, add --score-command"), "{}", refused.stderr);
    let other = submit(&["--scheduler", "local", "--score-command", "cat"]).expect_code(2);
    assert!(other.stderr.contains("was planned for the score command"), "{}", other.stderr);
    let mpi = submit(&["--scheduler", "mpi", "--score-command", &command, "--dry-run"]);
    assert!(mpi.expect_code(2).stderr.contains("MPI"));
    for scheduler in ["slurm", "pbs", "kubernetes", "ray", "hq"] {
        let dry = submit(&["--scheduler", scheduler, "--dry-run", "--score-command", &command]);
        if dry.code == Some(0) {
            assert!(dry.stdout.contains("--score-command=sh"), "{scheduler}: {}", dry.stdout);
        }
    }
    let given =
        ["--scheduler", "local", "--wait", "--score-command", &command, "--score-batch", "50"];
    submit(&given).expect_code(0);
    let whole = Run::of(&directory.join("library.smi"), &directory.join("whole"), &options);
    assert_eq!(verify(&directory.join("run/pack")), whole.verify());
}
