//! What goes wrong around submissions on a real SLURM. Answers are lost: nothing is
//! left that the run does not know, and nothing is submitted twice. Reducers are:
//! they are submitted again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;
use crate::slurm::Cluster;
use crate::support::{Done, Run, call, demo_library, hetero2, write};
use serde_json::Value;

#[test]
fn lost_answers_and_lost_reducers() {
    let Some(sandbox) = Sandbox::start(&[]) else { return };
    let folder = sandbox.folder.path().join("runs");
    fs::create_dir(&folder).unwrap();
    let demo = fs::read_to_string(demo_library()).unwrap();
    let few: Vec<&str> = demo.lines().take(12).collect();
    let library = write(&folder, "library.smi", few.join("\n"));
    let expected = Run::of(&library, &folder.join("whole"), &["--decoys", "1"]).verify();
    let cluster = Cluster { sandbox, folder };
    accepted_without_an_answer(&cluster, &expected);
    accepted_and_nobody_can_say_so(&cluster);
    reducer_cancelled(&cluster, &expected);
    reducer_submitted_again_by_who_waits(&cluster, &expected);
}

impl Cluster {
    /// Puts programs before the real ones of their names, for one submission whose
    /// jobs are held.
    fn submit_through(&self, run: &str, programs: &[(&str, &str)], more: &[&str]) -> Done {
        let folder = self.folder.join(format!("{run}-bin"));
        fs::create_dir(&folder).unwrap();
        for (name, script) in programs {
            let path = write(&folder, name, format!("#!/bin/sh\n{script}\n"));
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut command = hetero2();
        command.current_dir(&self.folder).env("SLURM_CONF", self.sandbox.path("slurm.conf"));
        command.env_remove("XDG_CONFIG_HOME").env("HOME", self.sandbox.home());
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", folder.display()));
        // What would make `sbatch` wait for the jobs.
        command.env("SBATCH_WAIT", "1");
        let submit = [
            "submit",
            run,
            "--scheduler",
            "slurm",
            "--cpus",
            "1",
            "--mem",
            "200M",
            "--extra=--hold",
        ];
        call(command.args([&submit[..], more].concat()))
    }

    /// Ids of the jobs that wait or run, as SLURM itself tells.
    fn queue(&self) -> Vec<String> {
        let mut command = Command::new("squeue");
        command.env("SLURM_CONF", self.sandbox.path("slurm.conf"));
        let done = call(command.args(["--noheader", "--format=%F"])).expect_code(0);
        let ids: BTreeSet<&str> = done.stdout.lines().map(str::trim).collect();
        ids.into_iter().map(str::to_owned).collect()
    }

    #[track_caller]
    fn until_the_queue_is_empty(&self) {
        let clock = Instant::now();
        while !self.queue().is_empty() {
            assert!(clock.elapsed() < Duration::from_secs(60), "left: {:?}", self.queue());
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Submits, and then says that nobody answered.
const TIMED_OUT: &str = "/usr/bin/sbatch \"$@\" >/dev/null || exit\n\
    echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2\n\
    exit 1";

/// `sbatch` submits, says that its socket timed out, and fails: what is there is adopted.
fn accepted_without_an_answer(cluster: &Cluster, expected: &str) {
    cluster.plan("lost", "2");
    cluster.until_the_queue_is_empty();
    let programs = [("sbatch", TIMED_OUT)];
    cluster.submit_through("lost", &programs, &[]).expect_code(0);
    // One array and its reducer, and the record knows both.
    let mut queue = cluster.queue();
    let mut jobs = cluster.jobs("lost");
    queue.sort();
    jobs.sort();
    assert_eq!(queue, jobs);
    assert_eq!(queue.len(), 2);
    assert_eq!(cluster.status("lost")["stage"], "active");
    cluster.hetero2(&["cancel", "lost"]).expect_code(0);
    cluster.until_the_queue_is_empty();
    cluster.hetero2(&["resume", "lost", "--extra=--requeue"]).expect_code(0);
    assert_eq!(cluster.complete("lost"), expected);
}

/// The same while `squeue` gets no answer either: nothing is submitted twice, and
/// what was accepted is found when the controller can be asked again.
fn accepted_and_nobody_can_say_so(cluster: &Cluster) {
    cluster.plan("doubt", "2");
    cluster.until_the_queue_is_empty();
    let away = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1";
    let programs = [("sbatch", TIMED_OUT), ("squeue", away)];
    let refused = cluster.submit_through("doubt", &programs, &[]).expect_code(1);
    assert!(refused.stderr.contains("cannot be reached"), "{}", refused.stderr);
    assert_eq!(cluster.queue().len(), 1, "one array, submitted once");
    assert!(cluster.jobs("doubt").is_empty());
    assert_eq!(cluster.status("doubt")["stage"], "active");
    let second = cluster.submit("doubt", &[]).expect_code(2);
    assert!(second.stderr.contains("submitted already"), "{}", second.stderr);
    cluster.hetero2(&["cancel", "doubt"]).expect_code(0);
    cluster.until_the_queue_is_empty();
    assert_eq!(cluster.status("doubt")["stage"], "cancelled");
}

/// Every shard is done, and somebody cancels the reducer, which waits in the queue.
fn without_its_reducer(cluster: &Cluster, run: &str) {
    cluster.plan(run, "2");
    // Held: the tasks are let go, the reducer is not.
    let more = ["--reduce-mem", "100M", "--reduce-time", "5m", "--extra=--hold"];
    cluster.submit(run, &more).expect_code(0);
    let jobs = cluster.jobs(run);
    let slurm = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", cluster.sandbox.path("slurm.conf"));
        call(command.args(arguments)).expect_code(0);
    };
    slurm("scontrol", &["release", &jobs[0]]);
    cluster.until(run, "all shards done", |status| {
        status["progress"]["done"] == status["progress"]["shards"]
    });
    slurm("scancel", &[&jobs[1]]);
    cluster.until(run, "stopped", |status| status["stage"] == "stopped");
}

/// What the reducer of the last round was given: MiB and seconds.
fn given(cluster: &Cluster, run: &str) -> (Value, Value) {
    let record = fs::read(cluster.folder.join(run).join("submit/submission.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    let round = record["rounds"].as_array().unwrap().last().unwrap();
    assert_eq!(round["shards"], serde_json::json!([]), "only the reduction was left: {round}");
    (round["reduce"]["memory_mib"].clone(), round["reduce"]["time"]["secs"].clone())
}

fn reducer_cancelled(cluster: &Cluster, expected: &str) {
    without_its_reducer(cluster, "reducer");
    let done = cluster.hetero2(&["resume", "reducer", "--extra=--requeue"]).expect_code(0);
    assert!(done.stdout.contains("submitted the reduction to slurm"), "{}", done.stdout);
    assert_eq!(given(cluster, "reducer"), (150.into(), 450.into()));
    assert_eq!(cluster.complete("reducer"), expected);
}

fn reducer_submitted_again_by_who_waits(cluster: &Cluster, expected: &str) {
    without_its_reducer(cluster, "waited");
    let path = cluster.folder.join("waited/submit/submission.json");
    // What is submitted again is to run, not to be held.
    let record = fs::read_to_string(&path).unwrap().replace("--hold", "--requeue");
    fs::write(&path, record).unwrap();
    cluster.hetero2(&["wait", "waited", "--interval", "1"]).expect_code(0);
    assert_eq!(given(cluster, "waited"), (150.into(), 450.into()));
    assert_eq!(cluster.complete("waited"), expected);
}
