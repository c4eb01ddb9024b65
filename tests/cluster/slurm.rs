//! Whole runs on a real SLURM: two nodes on this machine.
//!
//! One test, because there is one cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;
use crate::support::{Done, Run, call, demo_library, hetero2, verify, write};
use serde_json::Value;

/// A cluster, and a folder of runs.
pub struct Cluster {
    pub sandbox: Sandbox,
    /// On a file system that all nodes see.
    pub folder: PathBuf,
}

impl Cluster {
    pub fn hetero2(&self, arguments: &[&str]) -> Done {
        let mut command = hetero2();
        command.current_dir(&self.folder).env("SLURM_CONF", self.sandbox.path("slurm.conf"));
        // Neither the settings nor the login profile of whoever runs the tests.
        command.env_remove("XDG_CONFIG_HOME").env("HOME", self.sandbox.home());
        call(command.args(arguments))
    }

    pub fn plan(&self, run: &str, shards: &str) {
        let plan = ["plan", "library.smi", "--out", run, "--decoys", "1", "--shards", shards];
        self.hetero2(&plan).expect_code(0);
    }

    pub fn submit(&self, run: &str, more: &[&str]) -> Done {
        let submit = ["submit", run, "--scheduler", "slurm", "--cpus", "1", "--mem", "200M"];
        self.hetero2(&[&submit[..], more].concat())
    }

    pub fn status(&self, run: &str) -> Value {
        self.hetero2(&["status", run, "--json"]).json()
    }

    #[track_caller]
    pub fn until(&self, run: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let clock = Instant::now();
        loop {
            let found = self.status(run);
            if holds(&found) {
                return found;
            }
            assert!(clock.elapsed() < Duration::from_secs(300), "never {what}: {found}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits for the pack; returns its digest.
    #[track_caller]
    pub fn complete(&self, run: &str) -> String {
        self.until(run, "complete", |status| {
            assert!(status["stage"] != "stopped" || !ended(self, run), "{status}");
            status["stage"] == "complete"
        });
        verify(&self.folder.join(run).join("pack"))
    }

    pub fn shards(&self, run: &str) -> PathBuf {
        self.folder.join(run).join("shards")
    }

    pub fn jobs(&self, run: &str) -> Vec<String> {
        let path = self.folder.join(run).join("submit/submission.json");
        let record: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let rounds = record["rounds"].as_array().unwrap();
        let jobs = rounds.last().unwrap()["jobs"].as_array().unwrap();
        jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// Whether a run is still stopped a while later: jobs may be between two rounds.
fn ended(cluster: &Cluster, run: &str) -> bool {
    (0..10).all(|_| {
        thread::sleep(Duration::from_millis(300));
        cluster.status(run)["stage"] == "stopped"
    })
}

fn library(folder: &Path) -> PathBuf {
    let demo = fs::read_to_string(demo_library()).unwrap();
    write(folder, "library.smi", demo.repeat(25))
}

#[test]
fn runs_on_a_real_slurm() {
    let Some(sandbox) = Sandbox::start(&[("SLURM_SANDBOX_NODE_TIMEOUT", "10")]) else { return };
    let folder = sandbox.folder.path().join("runs");
    fs::create_dir(&folder).unwrap();
    let library = library(&folder);
    let expected = Run::of(&library, &folder.join("whole"), &["--decoys", "1"]).verify();
    let cluster = Cluster { sandbox, folder };
    type Case = fn(&Cluster, &str);
    let cases: [(&str, Case); 6] = [
        ("submitted and complete", submitted),
        ("cancelled and resumed", cancelled),
        ("two shards gone before the reduction", shards_gone),
        ("a time limit that is too short", time_limit),
        ("the controller restarts", controller_restarts),
        ("a node dies", node_dies),
    ];
    for (name, case) in cases {
        let clock = Instant::now();
        case(&cluster, &expected);
        eprintln!("{name}: {:.0} s", clock.elapsed().as_secs_f64());
    }
}

fn submitted(cluster: &Cluster, expected: &str) {
    cluster.plan("plain", "6");
    // Of a user who may have four jobs: three tasks of two shards, and the reducer.
    let done = cluster.submit("plain", &["--array-limit", "3", "--max-jobs", "4"]).expect_code(0);
    assert!(done.stdout.contains("submitted 6 shards to slurm"), "{}", done.stdout);
    let mut command = std::process::Command::new("squeue");
    command.env("SLURM_CONF", cluster.sandbox.path("slurm.conf"));
    let queue = call(command.args(["--array", "--noheader", "--format=%i"])).expect_code(0).stdout;
    assert!((1..=4).contains(&queue.lines().count()), "{queue}");
    // A second submission of the same plan while the first is at work.
    let second = cluster.submit("plain", &[]).expect_code(2);
    assert!(second.stderr.contains("submitted already"), "{}", second.stderr);
    assert_eq!(cluster.complete("plain"), expected);
    let pack = cluster.folder.join("plain/pack/provenance.json");
    let provenance: Value = serde_json::from_slice(&fs::read(pack).unwrap()).unwrap();
    assert_eq!(provenance["scheduler"], "slurm");
    let submission = &provenance["notes"]["submission"];
    assert_eq!((&submission["asked_mib"], &submission["rounds"]), (&200.into(), &1.into()));
    assert_eq!(submission["jobs"].as_array().map(Vec::len), Some(2), "{submission}");
    let second = cluster.submit("plain", &[]).expect_code(2);
    assert!(second.stderr.contains("complete"), "{}", second.stderr);
}

fn cancelled(cluster: &Cluster, expected: &str) {
    cluster.plan("stopped", "6");
    cluster.submit("stopped", &["--array-limit", "1"]).expect_code(0);
    cluster.until("stopped", "one shard done", |s| s["progress"]["done"].as_u64() >= Some(1));
    cluster.hetero2(&["cancel", "stopped"]).expect_code(0);
    let status = cluster.until("stopped", "cancelled", |s| s["stage"] == "cancelled");
    let done = status["progress"]["done"].as_u64().unwrap();
    assert!((1..6).contains(&done), "{status}");
    let left = 6 - done;
    let resumed = cluster.hetero2(&["resume", "stopped", "--array-limit", "4"]).expect_code(0);
    assert!(resumed.stdout.contains(&format!("submitted {left} shards")), "{}", resumed.stdout);
    assert_eq!(cluster.complete("stopped"), expected);
}

fn shards_gone(cluster: &Cluster, expected: &str) {
    cluster.plan("gone", "5");
    // The reducer waits in the queue until it is let go.
    cluster.submit("gone", &[]).expect_code(0);
    let jobs = cluster.jobs("gone");
    let scontrol = |verb: &str| {
        let mut command = std::process::Command::new("scontrol");
        command.env("SLURM_CONF", cluster.sandbox.path("slurm.conf"));
        call(command.args([verb, jobs.last().unwrap()])).expect_code(0);
    };
    scontrol("hold");
    cluster.until("gone", "all shards done", |s| s["progress"]["done"] == 5);
    // One core was asked for, and nothing on this node keeps a task to it.
    let record = fs::read(cluster.shards("gone").join("00000/shard.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["attempt"]["threads"], 1, "{record}");
    fs::remove_dir_all(cluster.shards("gone").join("00001")).unwrap();
    fs::write(cluster.shards("gone").join("00003/spectra.parquet"), "damaged").unwrap();
    scontrol("release");
    assert_eq!(cluster.complete("gone"), expected);
    assert_eq!(cluster.status("gone")["rounds"], 2);
    let log = fs::read_to_string(cluster.folder.join("gone/logs/finish.out")).unwrap();
    assert!(log.contains("1 is missing, 3 is damaged"), "{log}");
}

fn time_limit(cluster: &Cluster, expected: &str) {
    // SLURM's shortest limit is a minute, and it warns a minute before: the
    // first attempt is stopped as soon as it begins.
    cluster.plan("short", "1");
    let limits = ["--time", "1m", "--reduce-time", "10m", "--escalation", "3"];
    cluster.submit("short", &limits).expect_code(0);
    assert_eq!(cluster.complete("short"), expected);
}

fn controller_restarts(cluster: &Cluster, expected: &str) {
    cluster.plan("control", "6");
    cluster.submit("control", &["--array-limit", "1"]).expect_code(0);
    cluster.until("control", "one shard done", |s| s["progress"]["done"].as_u64() >= Some(1));
    cluster.sandbox.inflict("stop", "slurmctld");
    let away = cluster.status("control");
    // Not to be reached is not to have ended.
    assert_eq!(away["stage"], "active", "{away}");
    assert!(away["scheduler_error"].as_str().unwrap().contains("cannot be reached"), "{away}");
    assert!(away["progress"]["done"].as_u64() >= Some(1), "{away}");
    cluster.sandbox.inflict("start", "slurmctld");
    assert_eq!(cluster.complete("control"), expected);
}

fn node_dies(cluster: &Cluster, expected: &str) {
    cluster.plan("crash", "6");
    cluster.submit("crash", &[]).expect_code(0);
    cluster.until("crash", "two shards at work", |s| {
        s["progress"]["running"].as_array().is_some_and(|running| running.len() >= 2)
    });
    cluster.sandbox.inflict("crash", "slurmd-sb1");
    // What ran there is requeued or submitted again on the node that is left.
    assert_eq!(cluster.complete("crash"), expected);
}
