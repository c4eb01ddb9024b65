//! What the server says of itself, read by those who read it in earnest:
//! Prometheus and Alertmanager, and a collector of traces.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::house::House;
use crate::rig::process::Kept;
use crate::rig::project::Project;
use crate::rig::server::{Client, Server, hetero2};
use crate::rig::worker::{ended, token};
use crate::rig::{postgres, skip};

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/service/monitoring")
}

/// Whether `program` can be started; said loudly, where not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    if let Err(error) = &found {
        skip(program, &error.to_string());
    }
    found.is_ok()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `look` finds something.
#[track_caller]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} in a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What takes documents over HTTP: each one's path and body.
struct Receiving {
    url: String,
    documents: Receiver<(String, Value)>,
}

impl Receiving {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, documents) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    while let Some(document) = receive(&stream) {
                        let _ = sender.send(document);
                    }
                });
            }
        });
        Self { url, documents }
    }

    fn next(&self) -> (String, Value) {
        self.documents.recv_timeout(Duration::from_secs(60)).expect("a document in a minute")
    }
}

fn receive(mut stream: &TcpStream) -> Option<(String, Value)> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    let head = String::from_utf8(text).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).ok()?;
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        )
        .ok()?;
    let path = head.split(' ').nth(1).unwrap().to_owned();
    Some((path, serde_json::from_slice(&body).unwrap()))
}

#[test]
fn the_rules_raise_alerts_when_they_should() {
    if !has("promtool") {
        return;
    }
    for words in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output = Command::new("promtool").args(words).current_dir(rules()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn metrics(server: &Server) -> String {
    let url = server.metrics.clone().unwrap();
    let client = Client { url, token: None };
    let answer = client.get("").expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    answer.text()
}

/// A Prometheus that reads a server each second, and an Alertmanager that tells
/// `receiver` at once: the settings and rules that are shipped, made impatient.
struct Watch {
    prometheus: Client,
    _processes: (Kept, Kept),
}

impl Watch {
    fn start(target: &str, receiver: &str) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let (port, alerts) = (free_port(), free_port());
        let adapt = |name: &str, changes: &[(&str, String)]| {
            let mut text = std::fs::read_to_string(rules().join(name)).unwrap();
            for (from, to) in changes {
                assert!(text.contains(from), "{name}: {from}");
                text = text.replace(from, to);
            }
            std::fs::write(folder.join(name), text).unwrap();
        };
        let second = || "1s".to_owned();
        adapt("alerts.yml", &[("for: 2m", "for: 0s".to_owned())]);
        let peers = [("15s", second()), ("127.0.0.1:9464", target.to_owned())];
        let manager = ("127.0.0.1:9093", format!("127.0.0.1:{alerts}"));
        adapt("prometheus.yml", &[peers[0].clone(), peers[1].clone(), manager]);
        let address = ("http://127.0.0.1:9999/alerts", format!("{receiver}/alerts"));
        adapt("alertmanager.yml", &[address]);

        let mut manager = Command::new("prometheus-alertmanager");
        manager
            .arg(format!("--config.file={}", folder.join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", folder.join("alerts").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{alerts}"))
            .arg("--cluster.listen-address=");
        let manager = Kept::start(&manager, &folder.join("manager"), None);
        let mut prometheus = Command::new("prometheus");
        prometheus
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("series").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let prometheus = Kept::start(&prometheus, &folder.join("prometheus"), Some(&folder));
        let client = Client { url: format!("http://127.0.0.1:{port}"), token: None };
        for port in [port, alerts] {
            eventually("a listener", || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Self { prometheus: client, _processes: (prometheus, manager) }
    }

    /// The value of `query` now, if there is one.
    fn value(&self, query: &str) -> Option<f64> {
        let answer = self.prometheus.get(format!("/api/v1/query?query={query}"));
        let result = answer.value()["data"]["result"][0]["value"][1].clone();
        result.as_str()?.parse().ok()
    }
}

#[test]
fn an_alert_of_a_server_that_stops_is_delivered() {
    if !has("prometheus") || !has("prometheus-alertmanager") {
        return;
    }
    let mut server = Server::sqlite(&["--metrics", "127.0.0.1:0"]);
    let target = server.metrics.clone().unwrap();
    let target = target.trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    let team = Receiving::start();
    let watch = Watch::start(&target, &team.url);

    server.owner().get("/v1/me").expect(200);
    server.stranger().get("/v1/me").expect(401);
    eventually("a first reading", || watch.value("up").filter(|up| *up == 1.0));
    let counted = "hetero2_requests_total{route=\"/v1/me\",status=\"401\"}";
    eventually("a request counted", || watch.value(counted).filter(|count| *count == 1.0));
    assert_eq!(watch.value("hetero2_database_up"), Some(1.0));
    assert_eq!(watch.value("hetero2_problems_total{code=\"unauthenticated\"}"), Some(1.0));

    server.stop();
    let (path, told) = team.next();
    assert_eq!(path, "/alerts");
    let alert = &told["alerts"][0];
    assert_eq!(alert["status"], "firing");
    assert_eq!(alert["labels"]["alertname"], "Hetero2ServerDown");
    assert_eq!(alert["labels"]["instance"], target.as_str());
    assert_eq!(alert["annotations"]["summary"], format!("{target} does not answer Prometheus"));
}

/// A collector that is told spans, as they come.
struct Collector {
    receiving: Receiving,
    spans: Vec<Value>,
}

impl Collector {
    fn start() -> Self {
        Self { receiving: Receiving::start(), spans: Vec::new() }
    }

    /// The environment of a program that tells it.
    fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.receiving.url.clone()),
            ("OTEL_RESOURCE_ATTRIBUTES", "site=here".to_owned()),
        ]
    }

    /// Waits for a span that `is_it`; its resource's `service.name` is added.
    fn span(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(found) = self.spans.iter().find(|span| is_it(span)) {
                return found.clone();
            }
            let (path, document) = self.receiving.next();
            assert_eq!(path, "/v1/traces");
            for part in document["resourceSpans"].as_array().unwrap() {
                let resource = &part["resource"];
                assert_eq!(attribute(resource, "site"), "here");
                for span in part["scopeSpans"][0]["spans"].as_array().unwrap() {
                    let mut span = span.clone();
                    span["service"] = attribute(resource, "service.name");
                    self.spans.push(span);
                }
            }
        }
    }
}

fn attribute(of: &Value, key: &str) -> Value {
    let all = of["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key);
    found.map(|found| found["value"]["stringValue"].clone()).unwrap_or_default()
}

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_request_is_a_part_of_its_callers_trace() {
    let mut collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::in_folder(folder, &[], &collector.environment());
    let (org, _) = server.first.clone().unwrap();
    let path = format!("/v1/orgs/{org}/projects");
    server.owner().ask("GET", &path).header("traceparent", GIVEN).send().expect(200);
    server.owner().ask("GET", &path).header("traceparent", "00-nonsense").send().expect(200);
    // What waits is sent at the end.
    server.stop();
    let of_the_trace = |span: &Value| span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736";
    let span = collector.span(of_the_trace);
    assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!((&span["name"], &span["kind"]), (&json!("request"), &json!(2)));
    assert_eq!(span["service"], "hetero2-serve");
    assert_eq!(attribute(&span, "route"), "/v1/orgs/{org}/projects");
    assert_eq!(attribute(&span, "organisation"), org.as_str());
    let started: u64 = span["startTimeUnixNano"].as_str().unwrap().parse().unwrap();
    let ended: u64 = span["endTimeUnixNano"].as_str().unwrap().parse().unwrap();
    assert!(started <= ended);
    let other = collector.span(|span| !of_the_trace(span));
    assert_eq!(other["parentSpanId"], Value::Null);
}

/// From the request that submits a job to the worker's last word on it.
#[test]
fn a_trace_goes_from_a_request_to_its_jobs_end() {
    let mut collector = Collector::start();
    let environment = collector.environment();
    let options = ["--requests-per-second", "1000"];
    let mut server = Server::in_folder(tempfile::tempdir().unwrap(), &options, &environment);
    let project = Project::new(&server);
    let folder = tempfile::tempdir().unwrap();
    let mut command = hetero2();
    command.args(["worker", "--server", &server.url, "--slots", "1", "--pool-token-file"]);
    command.arg(token(&server.data())).arg("--directory").arg(folder.path().join("work"));
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let worker = Kept::start(&command, &folder.path().join("log"), None);

    let spec = json!({"kind": "suite", "options": {"suite": "ring", "rows": 10}});
    let ask = project.client.ask("POST", format!("{}/jobs", project.at));
    let made = ask.header("traceparent", GIVEN).json(&json!({ "spec": spec })).send().expect(201);
    let job = made.field("id");
    let found = ended(&project, &format!("{}/jobs/{job}", project.at));
    assert_eq!(found["state"], "succeeded", "{found}");
    drop(worker);
    server.stop();

    let is_of_the_trace = |span: &Value| span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736";
    let named =
        |name: &'static str| move |span: &Value| is_of_the_trace(span) && span["name"] == name;
    let routed = |end: &'static str| {
        move |span: &Value| {
            is_of_the_trace(span)
                && attribute(span, "route").as_str().is_some_and(|route| route.ends_with(end))
        }
    };
    let submitted = collector.span(routed("/projects/{project}/jobs"));
    assert_eq!(submitted["parentSpanId"], "00f067aa0ba902b7");
    let attempt = collector.span(named("job"));
    assert_eq!(attempt["service"], "hetero2-worker");
    assert_eq!(attempt["parentSpanId"], submitted["spanId"]);
    assert_eq!(attribute(&attempt, "job"), job.as_str());
    for name in ["staging", "computing", "publishing"] {
        assert_eq!(collector.span(named(name))["parentSpanId"], attempt["spanId"], "{name}");
    }
    let end = collector.span(routed("/jobs/{job}/end"));
    assert_eq!(end["service"], "hetero2-serve");
    assert_eq!(end["parentSpanId"], attempt["spanId"]);
    // Nothing is missing between.
    let all: Vec<_> = collector.spans.iter().filter(|span| is_of_the_trace(span)).collect();
    for span in &all {
        let parent = &span["parentSpanId"];
        let is_known = all.iter().any(|other| other["spanId"] == *parent);
        assert!(is_known || parent == "00f067aa0ba902b7", "{span}");
    }
}

/// A collector that is away costs spans, not requests, and is named in the log.
#[test]
fn without_a_collector_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let away = [("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}", free_port()))];
    let server = Server::in_folder(folder, &["--metrics", "127.0.0.1:0"], &away);
    server.owner().get("/v1/me").expect(200);
    eventually("a lost span", || {
        let text = metrics(&server);
        let line = text.lines().find(|line| line.starts_with("hetero2_spans_dropped_total "))?;
        (line.rsplit(' ').next()? != "0").then_some(())
    });
    assert!(server.log().contains("the collector of traces does not take them"));
    server.owner().get("/v1/me").expect(200);
}

#[test]
fn each_line_of_the_log_says_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let form = [("HETERO2_LOG_FORMAT", "json".to_owned())];
    let server = Server::in_folder(folder, &[], &form);
    let (org, _) = server.first.clone().unwrap();
    let body = json!({"slug": "a", "name": "A"});
    let owner = server.owner();
    let project = owner.post(format!("/v1/orgs/{org}/projects"), &body).expect(201).field("id");
    let path = format!("/v1/orgs/{org}/projects/{project}/datasets");
    owner.ask("GET", path).header("x-request-id", "mine").send().expect(200);
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let answered = |line: &Value| line["message"] == "answered" && line["span"]["id"] == "mine";
    let line = lines.clone().find(answered).unwrap();
    assert_eq!(line["span"]["organisation"], org.as_str());
    assert_eq!(line["span"]["project"], project.as_str());
    assert_eq!(line["status"], 200);
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn metrics_of_several_organisations_are_those_of_the_database() {
    let Some(cluster) = postgres::shared() else { return };
    let database = crate::rig::block_on(cluster.migrated());
    let server = Server::postgres(&database.app_url(), &["--metrics", "127.0.0.1:0"]);
    for (org, seconds) in [("org_a", 1500), ("org_b", 250)] {
        let insert = format!(
            "INSERT INTO org (id, slug, name, created_at) VALUES ('{org}', '{org}', 'x', 1); \
             INSERT INTO usage_month VALUES \
             ('{org}', '2026-01', 'run', 'succeeded', 'EUR', 0, {seconds}, 2500000, 2), \
             ('{org}', '2026-02', 'run', 'killed', 'EUR', 3, 500, 0, 1); \
             INSERT INTO project (org_id, id, slug, name, description, created_at) \
             VALUES ('{org}', 'p', 'p', 'p', '', 1); \
             INSERT INTO job (org_id, id, project_id, member_id, name, kind, pool, priority, spec, \
             state, most_attempts, not_before, created_at) \
             SELECT '{org}', 'j' || n, 'p', 'm', '', 'run', 'big', 0, '{{}}', \
             CASE WHEN n = 1 THEN 'running' WHEN n = 2 THEN 'failed' ELSE 'queued' END, 1, 0, \
             FLOOR(EXTRACT(EPOCH FROM now()))::bigint * 1000 - 100000 FROM generate_series(1, 5) AS n"
        );
        database.as_owner(&insert).unwrap();
    }
    let workers = "INSERT INTO worker_pool (id, name, token_hash, created_at) VALUES ('w', 'big', '', 1); \
        INSERT INTO worker (id, pool_id, name, version, slots, created_at, seen_at) \
        SELECT 'w' || n, 'w', 'n', '1', 1, 1, FLOOR(EXTRACT(EPOCH FROM now()))::bigint * 1000 - n * 90000 \
        FROM generate_series(1, 3) AS n";
    database.as_owner(workers).unwrap();
    let shown = metrics(&server);
    for line in [
        "hetero2_core_seconds_total{organisation=\"org_a\",kind=\"run\"} 2.0",
        "hetero2_core_seconds_total{organisation=\"org_b\",kind=\"run\"} 0.75",
        "hetero2_cost_total{organisation=\"org_b\",kind=\"run\",currency=\"EUR\"} 2.5",
        "hetero2_attempts_total{kind=\"run\",outcome=\"succeeded\"} 4",
        "hetero2_attempts_total{kind=\"run\",outcome=\"killed\"} 2",
        "hetero2_jobs{pool=\"big\",state=\"queued\"} 6",
        "hetero2_jobs{pool=\"big\",state=\"running\"} 2",
        "hetero2_workers{pool=\"big\",state=\"seen\"} 1",
        "hetero2_workers{pool=\"big\",state=\"silent\"} 2",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    assert!(
        shown.contains("hetero2_oldest_job_seconds{pool=\"big\",state=\"queued\"} 10"),
        "{shown}"
    );
    // The server's role sees no row of it.
    assert_eq!(database.as_app("SELECT COUNT(*) FROM usage_month").unwrap(), "0");
}

/// Two who declare uploads at once pass no limit together, on either database.
#[test]
fn uploads_at_once_stay_within_the_limit() {
    let Some(cluster) = postgres::shared() else { return };
    let database = crate::rig::block_on(cluster.migrated());
    for house in [House::sqlite(&[]), House::postgres(&database, &[])] {
        let data = house.server.data();
        let set = hetero2()
            .args(["admin", "quota", "set", "--plan", "free", "--stored-bytes", "1000"])
            .arg("--data")
            .arg(&data)
            .env(
                "HETERO2_DATABASE",
                match house.slug {
                    "local" => format!("sqlite:{}", data.join("hetero2.sqlite").display()),
                    _ => database.owner_url(),
                },
            )
            .output()
            .unwrap();
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
        let owner = house.owner();
        let project = Project::of(owner.clone(), &house.org, "a");
        let body = json!({"name": "a.smi", "size": 300, "sha256": "0".repeat(64)});
        let declare = || owner.post(format!("{}/uploads", project.at), &body).status;
        let found: Vec<u16> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(declare)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let made = found.iter().filter(|status| **status == 201).count();
        assert_eq!((made, found.iter().filter(|status| **status == 403).count()), (3, 5));
        let refused = owner.post(format!("{}/uploads", project.at), &body);
        refused.problem(403, "quota_reached");
    }
}

#[test]
fn the_server_neither_changes_usage_nor_gives_plans() {
    let Some(cluster) = postgres::shared() else { return };
    let database = crate::rig::block_on(cluster.migrated());
    for statement in [
        "UPDATE usage_event SET cost = 0",
        "DELETE FROM usage_event",
        "DELETE FROM usage_month",
        "UPDATE statement SET document = ''",
        "DELETE FROM statement",
        "UPDATE quota SET running_jobs = NULL",
        "INSERT INTO quota (org_id, plan, updated_at) VALUES ('o', 'free', 1)",
        "UPDATE plan SET price = 0",
    ] {
        let refused = database.as_org("o", statement).unwrap_err();
        assert!(refused.contains("permission denied"), "{statement}: {refused}");
    }
}
