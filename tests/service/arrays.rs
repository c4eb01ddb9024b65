//! Jobs on a real SLURM while their worker is killed, also between a submission and
//! its record: no array is submitted twice, none is left over.
//!
//! `HETERO2_ARRAY_JOBS` and `HETERO2_ARRAY_KILLS` make it as long as one wants.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::project::Project;
use crate::rig::server::{Server, hetero2};
use crate::rig::worker::{self, Worker, ended, submit, token};
use crate::sandbox::Sandbox;

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

const LIBRARY: &str = "CCO a\nc1ccccc1O b\nCC(=O)Oc1ccccc1C(=O)O c\nCCCCN d\n";

/// A `sbatch` that says what it submits, and then does not come back at once: a
/// worker that is killed meanwhile has written down no job.
fn slow_sbatch(folder: &Path, log: &Path) {
    let script = format!(
        "#!/bin/sh\nreal=$(PATH=${{PATH#*:}} command -v sbatch)\nsaid=$(\"$real\" \"$@\")\n\
         code=$?\necho \"$code $said $*\" >> '{}'\nsleep 1\necho \"$said\"\nexit $code\n",
        log.display()
    );
    let path = folder.join("sbatch");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

struct Site {
    sandbox: Sandbox,
    path: String,
}

impl Site {
    fn work(&self, server: &Server, directory: &Path) -> Worker {
        let options = [
            "--scheduler",
            "slurm",
            "--cpus",
            "1",
            "--mem",
            "200M",
            "--time",
            "10m",
            "--inline-bytes",
            "0",
            "--interval",
            "1",
            "--slots",
            "8",
            "--threads",
            "1",
        ];
        let environment = [
            ("SLURM_CONF", self.sandbox.path("slurm.conf").display().to_string()),
            ("HOME", self.sandbox.home().display().to_string()),
            ("PATH", self.path.clone()),
        ];
        let token = token(&server.data());
        worker::start_with(&server.url, &token, directory, &options, &environment)
    }

    /// What SLURM still has.
    fn queue(&self) -> String {
        let mut squeue = Command::new("squeue");
        squeue.args(["--noheader", "--format=%i %j"]);
        squeue.env("SLURM_CONF", self.sandbox.path("slurm.conf"));
        String::from_utf8_lossy(&squeue.output().unwrap().stdout).trim().to_owned()
    }
}

#[test]
fn no_array_is_submitted_twice_or_left_over() {
    let Some(sandbox) = Sandbox::start(&[]) else { return };
    let (jobs, kills) = (count("HETERO2_ARRAY_JOBS", 2), count("HETERO2_ARRAY_KILLS", 2));
    let bin = sandbox.folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let log = sandbox.folder.path().join("submitted");
    slow_sbatch(&bin, &log);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let directory = sandbox.folder.path().join("work");
    let site = Site { sandbox, path };
    let server = Server::sqlite(&["--requests-per-second", "1000"]);
    let project = Project::new(&server);
    let library = project.dataset(LIBRARY.as_bytes());
    let library = library.rsplit('/').next().unwrap();
    let mut worker = Some(site.work(&server, &directory));
    let submitted: Vec<String> = (0..jobs)
        .map(|seed| {
            let spec = json!({"kind": "run",
                "inputs": [{"role": "library", "source": {"dataset": library}}],
                "options": {"seed": seed, "decoys": 2},
                "limits": {"seconds": 600, "memory_mib": 200, "attempts": 10}});
            submit(&project, &spec)
        })
        .collect();
    let started = Instant::now();
    let mut unrecorded = 0;
    for kill in 0..kills {
        // Every other one as soon as something was submitted that is not written down.
        let until = Instant::now() + Duration::from_secs(10);
        while kill % 2 == 0 && Instant::now() < until && pending(&directory) == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(if kill % 2 == 0 { 300 } else { 1_500 }));
        unrecorded += u64::from(pending(&directory) > 0);
        worker.take().unwrap().kill();
        worker = Some(site.work(&server, &directory));
    }
    let own = {
        let file = site.sandbox.folder.path().join("a.smi");
        std::fs::write(&file, LIBRARY).unwrap();
        let out = site.sandbox.folder.path().join("own");
        let mut command = hetero2();
        command.arg("run").arg(&file).args(["--seed=0", "--decoys=2", "--json", "--out"]).arg(out);
        let output = command.output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["content_digest"].clone()
    };
    for (seed, job) in submitted.iter().enumerate() {
        let found = ended(&project, job);
        assert_eq!(found["state"], "succeeded", "{found}");
        assert!(seed > 0 || found["content_digest"] == own, "{found} {own}");
    }
    // Each plan was submitted once: an array and its reducer.
    let mut rounds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let log = std::fs::read_to_string(log).unwrap();
    for line in log.lines().filter(|line| line.starts_with("0 ")) {
        let name = line.split("--job-name=").nth(1).unwrap_or(line);
        let name = name.split_whitespace().next().unwrap();
        let plan = name.split('-').nth(1).unwrap_or(name).to_owned();
        rounds.entry(plan).or_default().push(name.to_owned());
    }
    for (plan, names) in &rounds {
        assert!(names.len() <= 2, "{plan} was submitted twice: {names:?}\n{log}");
    }
    assert_eq!(rounds.len() as u64, jobs, "{log}");
    let until = Instant::now() + Duration::from_secs(60);
    while !site.queue().is_empty() {
        assert!(Instant::now() < until, "left over: {}", site.queue());
        std::thread::sleep(Duration::from_millis(200));
    }
    let seconds = started.elapsed().as_secs();
    println!("{jobs} jobs, {kills} kills, {unrecorded} before the record, {seconds} s");
    drop(worker);
}

/// Submissions whose jobs are not written down yet.
fn pending(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let records = entries.map(|entry| entry.path().join("run/submit/submission.json"));
    let is_pending = |path: &std::path::PathBuf| {
        let record: Value = std::fs::read(path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let rounds = record["rounds"].as_array().cloned().unwrap_or_default();
        rounds.last().is_some_and(|round| round["jobs"].as_array().is_some_and(Vec::is_empty))
    };
    records.filter(is_pending).count()
}
