//! Jobs while server, worker, the processes that compute and PostgreSQL are killed
//! over and over: each ends once, with the digest of the program itself.
//!
//! `HETERO2_CRASH_JOBS` and `HETERO2_CRASH_KILLS` make it as long as one wants.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hetero2_service::job::protocol::LEASE_SECONDS;
use hetero2_service::time::Instant;
use serde_json::{Value, json};

use crate::rig::block_on;
use crate::rig::postgres::{AppRole, Cluster};
use crate::rig::project::Project;
use crate::rig::server::{Client, Server, create_org, hetero2};
use crate::rig::worker::{self, Worker, signal, token};

/// Longest wait after a worker's death: its lease and 30 s, seconds.
const WAIT: f64 = LEASE_SECONDS as f64 + 30.0;

/// Variants of the job, whose digests differ.
const VARIANTS: u64 = 4;

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn options(variant: u64) -> [String; 2] {
    [format!("--seed={variant}"), "--decoys=5".to_owned()]
}

fn library() -> String {
    (0..20).map(|n| format!("C{}N m{n}\n", "C".repeat(n % 15))).collect()
}

/// The digest that the program itself comes to.
fn own_digest(folder: &Path, variant: u64) -> String {
    let file = folder.join("a.smi");
    std::fs::write(&file, library()).unwrap();
    let out = folder.join(format!("own-{variant}"));
    let mut command = hetero2();
    command.arg("run").arg(&file).arg("--out").arg(&out).arg("--json").args(options(variant));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["content_digest"].as_str().unwrap().to_owned()
}

/// A place where nobody listens.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What is killed.
struct House {
    cluster: Cluster,
    database: String,
    address: String,
    server: Option<Server>,
    worker: Option<Worker>,
    directory: std::path::PathBuf,
    token: std::path::PathBuf,
    killed: BTreeMap<&'static str, u64>,
    /// When workers died.
    deaths: Vec<f64>,
}

impl House {
    fn serve(&mut self, folder: tempfile::TempDir) {
        let options = ["--listen", &self.address, "--requests-per-second", "10000"];
        let environment =
            [("HETERO2_DATABASE", self.database.clone()), ("HETERO2_LOG", "error".to_owned())];
        self.server = Some(Server::in_folder(folder, &options, &environment));
    }

    fn work(&mut self) {
        let options = ["--slots", "2", "--threads", "1"];
        let url = format!("http://{}", self.address);
        self.worker = Some(worker::start(&url, &self.token, &self.directory, &options));
    }

    fn kill_something(&mut self, chance: &mut Chance) {
        let what = match chance.below(10) {
            0..=3 => {
                let children = self.worker.as_ref().unwrap().children();
                children.into_iter().for_each(|pid| signal("KILL", pid));
                "child"
            }
            4..=6 => {
                self.worker.take().unwrap().kill();
                self.deaths.push(now());
                self.work();
                "worker"
            }
            7 | 8 => {
                let folder = self.server.take().unwrap().kill();
                self.serve(folder);
                "server"
            }
            _ => {
                self.cluster.crash();
                "PostgreSQL"
            }
        };
        *self.killed.entry(what).or_default() += 1;
    }
}

#[test]
fn every_job_ends_once_however_much_is_killed() {
    let Some(cluster) = Cluster::start(AppRole::Ready) else { return };
    let (jobs, kills) = (count("HETERO2_CRASH_JOBS", 8), count("HETERO2_CRASH_KILLS", 6));
    let folder = tempfile::tempdir().unwrap();
    let expected: Vec<String> =
        (0..VARIANTS).map(|variant| own_digest(folder.path(), variant)).collect();
    let (database, org, secret) = {
        let database = block_on(cluster.migrated());
        let (org, secret) = create_org(&database.owner_url(), "acme");
        (database.app_url(), org, secret)
    };
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut house = House {
        cluster,
        database,
        address: free_address(),
        server: None,
        worker: None,
        directory: folder.path().join("work"),
        token: token(&data),
        killed: BTreeMap::new(),
        deaths: Vec::new(),
    };
    house.serve(home);
    house.work();
    let client = Client { url: format!("http://{}", house.address), token: Some(secret) };
    let project = Project::of(client, &org, "crashes");
    let library = project.dataset(library().as_bytes());
    let library = library.rsplit('/').next().unwrap();
    let mut submitted = Vec::new();
    for number in 0..jobs {
        let variant = number % VARIANTS;
        let spec = json!({"kind": "run",
            "inputs": [{"role": "library", "source": {"dataset": library}}],
            "options": {"seed": variant, "decoys": 5},
            "limits": {"seconds": 3600, "memory_mib": 2000, "attempts": 10}});
        submitted.push((worker::submit(&project, &spec), variant));
    }
    let (started, mut chance, mut done) =
        (std::time::Instant::now(), Chance(0x1234_5678_9abc_def1), 0);
    let mut left = kills;
    loop {
        let pause = 200 + chance.below(1_800);
        std::thread::sleep(Duration::from_millis(pause));
        if left > 0 {
            left -= 1;
            house.kill_something(&mut chance);
        }
        // PostgreSQL may be on its way up.
        let answer = project.client.get(format!("{}/jobs?state=succeeded&limit=200", project.at));
        if answer.status != 200 {
            continue;
        }
        while done < submitted.len() {
            let job = project.client.get(&submitted[done].0);
            if job.status != 200 || !is_final(&job.value()) {
                break;
            }
            done += 1;
        }
        if done == submitted.len() && left == 0 {
            break;
        }
        let bound = Duration::from_secs(300 + 20 * jobs + 5 * kills);
        assert!(started.elapsed() < bound, "{done} of {jobs} jobs have ended");
    }
    let (mut attempts, mut longest) = (0, 0.0_f64);
    for (job, variant) in &submitted {
        longest = longest.max(longest_wait(&project, job, &house.deaths));
        let found = project.client.get(job).expect(200).value();
        assert_eq!(found["state"], "succeeded", "{found}");
        assert_eq!(found["content_digest"], expected[*variant as usize].as_str(), "{found}");
        attempts += found["attempt"].as_u64().unwrap();
    }
    once_each(&project, &submitted);
    assert!(longest <= WAIT, "a job waited for {longest:.1} s");
    let killed = &house.killed;
    let seconds = started.elapsed().as_secs();
    println!(
        "{jobs} jobs, {attempts} attempts, killed {killed:?}, {seconds} s; {longest:.1} s from a \
         worker's death to the next attempt at most"
    );
}

fn is_final(job: &Value) -> bool {
    ["succeeded", "failed", "cancelled"].contains(&job["state"].as_str().unwrap())
}

/// Seconds of the Unix epoch.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Seconds from a worker's death to the next attempt at a job that it had, at most.
fn longest_wait(project: &Project, job: &str, deaths: &[f64]) -> f64 {
    let found = project.client.get(format!("{job}/events")).expect(200).value();
    let (mut begun, mut died, mut longest) = (0.0, None, 0.0_f64);
    for event in found["items"].as_array().unwrap() {
        let at = Instant::parse(event["at"].as_str().unwrap()).unwrap();
        let at = at.0 as f64 / 1000.0;
        let line = event["line"].as_str().unwrap();
        if line.contains("worker_lost") {
            died = deaths.iter().copied().find(|death| *death > begun);
        } else if line.contains("begins") {
            if let Some(died) = died.take() {
                longest = longest.max(at - died);
            }
            begun = at;
        }
    }
    longest
}

/// Of each job one run succeeded, and no other run shows anything but its log.
fn once_each(project: &Project, submitted: &[(String, u64)]) {
    let (mut cursor, mut succeeded) = (String::new(), 0);
    loop {
        let page = format!("{}/runs?limit=200{cursor}", project.at);
        let page = project.client.get(page).expect(200).value();
        for run in page["items"].as_array().unwrap() {
            let path = format!("{}/runs/{}/artifacts", project.at, run["id"].as_str().unwrap());
            let made = project.client.get(path).expect(200).value();
            let names: Vec<&str> = made["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["name"].as_str().unwrap())
                .collect();
            match run["state"].as_str().unwrap() {
                "succeeded" => {
                    succeeded += 1;
                    assert_eq!(names.len(), 4, "{names:?}");
                }
                state => assert!(names.iter().all(|name| *name == "log.txt"), "{state} {names:?}"),
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(succeeded, submitted.len());
}
