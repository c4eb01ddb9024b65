//! Workers at work: every kind of job comes out as the program makes it, and what
//! goes on too long, takes too much or is hostile ends by its limits.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::project::Project;
use crate::rig::server::{Server, hetero2};
use crate::rig::worker::{self, Worker, artifact, artifacts, ended, submit, token, until};

const LIBRARY: &str = "CCO ethanol\nc1ccccc1O phenol\nCC(=O)Oc1ccccc1C(=O)O aspirin\n\
    Cn1cnc2c1c(=O)n(C)c(=O)n2C caffeine\nCC(C)Cc1ccc(cc1)C(C)C(=O)O ibuprofen\n";

/// A server, a project and a worker.
struct Shop {
    _server: Server,
    project: Project,
    worker: Worker,
    folder: tempfile::TempDir,
}

impl Shop {
    fn open() -> Self {
        let quiet = [("HETERO2_LOG", "error".to_owned())];
        let options = ["--requests-per-second", "1000"];
        let server = Server::in_folder(tempfile::tempdir().unwrap(), &options, &quiet);
        let project = Project::new(&server);
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("work");
        let options = ["--slots", "2", "--threads", "1"];
        let worker = worker::start(&server.url, &token(&server.data()), &directory, &options);
        Self { _server: server, project, worker, folder }
    }

    /// A dataset of `text` called `name`, by its id.
    fn dataset(&self, name: &str, text: &str) -> String {
        let path = self.project.dataset(text.as_bytes());
        let change = json!({ "name": name });
        let client = &self.project.client;
        let found = client.get(&path).expect(200);
        let tag = found.header("etag").unwrap().to_owned();
        client.ask("PATCH", &path).header("if-match", &tag).json(&change).send().expect(200);
        path.rsplit('/').next().unwrap().to_owned()
    }

    fn run(&self, spec: &Value) -> Value {
        ended(&self.project, &submit(&self.project, spec))
    }
}

fn input(role: &str, dataset: &str) -> Value {
    json!({"role": role, "source": {"dataset": dataset}})
}

fn pack(role: &str, run: &Value) -> Value {
    json!({"role": role, "source": {"run": run["run"]}})
}

/// The report of the program itself.
fn report(arguments: &[&str]) -> Value {
    let output = hetero2().args(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_kind_comes_out_as_the_program_makes_it() {
    let shop = Shop::open();
    let library = shop.dataset("library.smi", LIBRARY);
    let folder = shop.folder.path();
    std::fs::write(folder.join("library.smi"), LIBRARY).unwrap();
    let own = report(&[
        "run",
        text(&folder.join("library.smi")),
        "--out",
        text(&folder.join("own")),
        "--decoys",
        "4",
    ]);
    let options = json!({"decoys": 4});
    let spec = json!({"kind": "run", "inputs": [input("library", &library)], "options": options});
    let run = shop.run(&spec);
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(run["content_digest"], own["content_digest"], "{run}");
    assert_eq!(
        artifacts(&shop.project, &run),
        ["log.txt", "pack.zip", "report.html", "summary.json"]
    );
    let zip = folder.join("pack.zip");
    std::fs::write(&zip, artifact(&shop.project, &run, "pack.zip")).unwrap();
    assert_eq!(report(&["verify", text(&zip)])["content_digest"], own["content_digest"]);
    let summary: Value =
        serde_json::from_slice(&artifact(&shop.project, &run, "summary.json")).unwrap();
    assert_eq!(summary["counts"], own["counts"]);
    // What it says, it says without the worker's folders.
    for name in ["summary.json", "log.txt"] {
        let said = String::from_utf8(artifact(&shop.project, &run, name)).unwrap();
        assert!(!said.contains(text(folder)), "{name}: {said}");
    }

    let again = json!({"kind": "rerun",
        "inputs": [pack("pack", &run), input("library", &library)]});
    let again = shop.run(&again);
    assert_eq!((&again["state"], &again["verdict"]), (&json!("succeeded"), &json!("same")));
    let suite = shop.run(&json!({"kind": "suite", "options": {"suite": "ring", "rows": 10}}));
    assert_eq!(suite["state"], "succeeded", "{suite}");

    let demo = shop.run(&json!({"kind": "run", "options": {"demo": "honest"}}));
    let own = report(&["run", "--demo", "honest", "--out", text(&folder.join("demo"))]);
    assert_eq!(demo["content_digest"], own["content_digest"], "{demo}");
    assert_eq!(demo["verdict"], own["evidence"]);
    from_a_pack(&shop, &demo, &folder.join("demo/pack"));
}

/// Kinds that begin with the pack of an earlier run, of which `own` is the program's.
fn from_a_pack(shop: &Shop, run: &Value, own: &Path) {
    let folder = shop.folder.path();
    // The scores of the opposite model.
    let scores = std::fs::read_to_string(own.join("scores.csv")).unwrap();
    let scores: String = scores
        .lines()
        .map(|line| match line.rsplit_once(',') {
            Some((rest, score)) if score != "score" => match score.strip_prefix('-') {
                Some(positive) => format!("{rest},{positive}\n"),
                None => format!("{rest},-{score}\n"),
            },
            _ => format!("{line}\n"),
        })
        .collect();
    let file = folder.join("opposite.csv");
    std::fs::write(&file, &scores).unwrap();
    let (out, own) = (folder.join("audit"), text(own));
    let told = report(&["audit", "--pack", own, "--scores", text(&file), "--out", text(&out)]);
    let inputs =
        json!([pack("pack", run), input("scores", &shop.dataset("opposite.csv", &scores))]);
    let audit = shop.run(&json!({"kind": "audit", "inputs": inputs}));
    assert_eq!(audit["state"], "succeeded", "{audit}");
    assert_ne!(audit["content_digest"], run["content_digest"]);
    assert_eq!(audit["content_digest"], told["content_digest"], "{audit}");
    assert_eq!(audit["verdict"], told["evidence"], "{audit}");
    let names = ["log.txt", "pack.zip", "report.html", "summary.json"];
    assert_eq!(artifacts(&shop.project, &audit), names);

    let values = std::fs::read_to_string(Path::new(own).join("truth.csv")).unwrap();
    let mut truth = "molecule_id,expensive_label,truth_source,truth_version\n".to_owned();
    for (id, value) in values.lines().skip(1).filter_map(|line| line.split_once(',')) {
        let label = if value.parse::<f64>().unwrap() >= 7.0 { "PASS" } else { "FAIL" };
        truth += &format!("{id},{label},the laboratory,customer_truth.v1\n");
    }
    let file = folder.join("truth.csv");
    std::fs::write(&file, &truth).unwrap();
    let told = report(&["cost-lift", "--pack", own, "--truth", text(&file), "--budget", "20"]);
    let inputs = json!([pack("pack", run), input("truth", &shop.dataset("truth.csv", &truth))]);
    let spec = json!({"kind": "cost-lift", "inputs": inputs, "options": {"budget": 20}});
    let lift = shop.run(&spec);
    assert_eq!(lift["state"], "succeeded", "{lift}");
    let said = artifact(&shop.project, &lift, "summary.json");
    assert_eq!(serde_json::from_slice::<Value>(&said).unwrap(), told);
}

#[test]
fn what_goes_wrong_says_what_and_how_to_mend_it() {
    let shop = Shop::open();
    let failed = |spec: Value| {
        let job = shop.run(&spec);
        assert_eq!(job["state"], "failed", "{job}");
        (job["reason"].as_str().unwrap().to_owned(), job["message"].as_str().unwrap().to_owned())
    };
    let table = shop.dataset("table.csv", "a,b\n1,2\n");
    let (reason, message) = failed(json!({"kind": "run", "inputs": [input("library", &table)]}));
    assert_eq!(reason, "input", "{message}");
    assert!(message.contains("table.csv") && !message.contains("/work/"), "{message}");

    let many: String = (0..60_000).map(|n| format!("C{}O m{n}\n", "C".repeat(n % 40))).collect();
    let many = shop.dataset("many.smi", &many);
    let spec = |limits: Value| {
        json!({"kind": "run", "inputs": [input("library", &many)], "options": {"decoys": 50},
            "limits": limits})
    };
    let (reason, message) = failed(spec(json!({"seconds": 2, "memory_mib": 4000, "attempts": 3})));
    assert_eq!(reason, "time_limit", "{message}");
    assert!(message.contains("2 s") && message.contains("limits.seconds"), "{message}");
    let (reason, message) = failed(spec(json!({"seconds": 600, "memory_mib": 64, "attempts": 3})));
    assert_eq!(reason, "memory_limit", "{message}");
    assert!(message.contains("64 MiB") && message.contains("limits.memory_mib"), "{message}");

    // No pack at all, and a library that is one.
    let zip = shop.dataset("pack.zip", "PK\u{3}\u{4} nothing follows");
    let scores = shop.dataset("scores.csv", "molecule_id,score\n");
    let audit = json!({"kind": "audit", "inputs": [input("pack", &zip), input("scores", &scores)]});
    let (reason, _) = failed(audit);
    assert!(["input", "verification"].contains(&reason.as_str()), "{reason}");
    // The worker is there still.
    let demo = shop.run(&json!({"kind": "run", "options": {"demo": "honest"}}));
    assert_eq!(demo["state"], "succeeded", "{demo}");
}

#[test]
fn jobs_are_cancelled_held_and_go_on_while_they_run() {
    let shop = Shop::open();
    let many: String = (0..40_000).map(|n| format!("C{}O m{n}\n", "C".repeat(n % 40))).collect();
    let many = shop.dataset("many.smi", &many);
    let spec = json!({"kind": "run", "inputs": [input("library", &many)],
        "options": {"decoys": 50}});
    let act = |job: &str, what: &str| {
        shop.project.client.post(format!("{job}/{what}"), &json!({})).expect(200).value()
    };
    let job = submit(&shop.project, &spec);
    until(&shop.project, &job, &["running"]);
    act(&job, "cancel");
    let cancelled = ended(&shop.project, &job);
    assert_eq!(cancelled["state"], "cancelled");
    let job = submit(&shop.project, &spec);
    until(&shop.project, &job, &["running"]);
    act(&job, "hold");
    until(&shop.project, &job, &["held"]);
    act(&job, "release");
    until(&shop.project, &job, &["running"]);
    act(&job, "cancel");
    assert_eq!(ended(&shop.project, &job)["state"], "cancelled");
}

/// `HETERO2_SMALL_JOBS` makes it as many as one wants.
#[test]
fn small_jobs_share_the_processes_that_compute_them() {
    let shop = Shop::open();
    let count = std::env::var("HETERO2_SMALL_JOBS").ok().and_then(|text| text.parse().ok());
    let count: u64 = count.unwrap_or(12);
    let rows: String = (0..20).map(|n| format!("C{}N m{n}\n", "C".repeat(n % 15))).collect();
    let library = shop.dataset("small.smi", &rows);
    let spec = |seed: u64| {
        json!({"kind": "run", "inputs": [input("library", &library)],
            "options": {"seed": seed, "decoys": 5}})
    };
    let started = Instant::now();
    let submitted: Vec<String> =
        (0..count).map(|seed| submit(&shop.project, &spec(seed))).collect();
    let took = started.elapsed();
    let mut seen = BTreeSet::new();
    for job in &submitted {
        let found = loop {
            seen.extend(shop.worker.children());
            let found = shop.project.client.get(job).expect(200).value();
            if found["state"] != "queued" && found["state"] != "running" {
                break found;
            }
            assert!(started.elapsed() < Duration::from_secs(60 + 4 * count), "{found}");
            std::thread::sleep(Duration::from_millis(200));
        };
        assert_eq!(found["state"], "succeeded", "{found}");
    }
    let (seconds, processes) = (started.elapsed().as_secs_f64(), seen.len() as u64);
    println!(
        "{count} jobs of 20 rows in {seconds:.1} s (submitted in {took:.1?}) by {processes} processes"
    );
    // Two slots, each with a new one after 400 commands, of which a job has two.
    assert!(processes <= 2 + count / 100, "{seen:?}");
}

/// A worker that says what is no digest and no word gets nothing into the database.
#[test]
fn what_a_worker_says_of_results_is_checked() {
    let options = ["--requests-per-second", "1000"];
    let server = Server::sqlite(&options);
    let project = Project::new(&server);
    let job = submit(&project, &json!({"kind": "suite", "options": {"suite": "ring", "rows": 5}}));
    let secret = std::fs::read_to_string(token(&server.data())).unwrap();
    let client = server.client(secret.trim());
    let hello = json!({"name": "by hand", "version": "0", "slots": 1});
    let worker = client.post("/worker/v1/workers", &hello).expect(200).field("worker");
    let claim = json!({"worker": worker, "most": 1, "wait_seconds": 5});
    let lease = client.post("/worker/v1/claims", &claim).expect(200).value()["jobs"][0].clone();
    let end = |content_digest: Value, verdict: Value| {
        let outcome = json!({"state": "succeeded", "content_digest": content_digest,
            "verdict": verdict, "rows": {}, "artifacts": []});
        let path = format!("/worker/v1/jobs/{}/end", lease["job"].as_str().unwrap());
        client
            .ask("POST", path)
            .header("hetero2-org", lease["org"].as_str().unwrap())
            .header("hetero2-attempt", "1")
            .header("hetero2-lease", lease["secret"].as_str().unwrap())
            .json(&json!({"outcome": outcome, "usage": {}}))
            .send()
    };
    for digest in ["", "ab", "<b>", &"AB".repeat(32), &"ab".repeat(33)] {
        end(json!(digest), Value::Null).expect(422);
    }
    for verdict in ["", "two words", "<script>", &"x".repeat(101)] {
        end(Value::Null, json!(verdict)).expect(422);
    }
    assert_eq!(project.client.get(&job).expect(200).value()["state"], "running");
    end(json!("ab".repeat(32)), json!("holds")).expect(204);
    let found = ended(&project, &job);
    assert_eq!((&found["state"], &found["verdict"]), (&json!("succeeded"), &json!("holds")));
}
