//! Requests that are wrong in form: each gets a problem document, none makes
//! anything, and memory stays where it was.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hetero2_service::reqwest;
use serde_json::{Value, json};

use crate::rig::server::{Answer, Client, Server, hetero2};
use crate::rig::{block_on, skip};

struct Setting {
    server: Server,
    client: Client,
    projects: String,
}

fn setting() -> Setting {
    let server = Server::sqlite(&["--requests-per-second", "100000"]);
    let client = server.owner();
    let org = &server.first.as_ref().unwrap().0;
    let projects = format!("/v1/orgs/{org}/projects");
    Setting { client, projects, server }
}

impl Setting {
    fn project_count(&self) -> usize {
        let list = self.client.get(&self.projects).expect(200).value();
        list["items"].as_array().unwrap().len()
    }

    fn post(&self, body: &[u8]) -> Answer {
        let ask = self.client.ask("POST", &self.projects);
        ask.header("content-type", "application/json").bytes(body.to_vec()).send()
    }
}

/// The answer's document, which has everything that a problem has.
#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let document = answer.value();
    assert_eq!(document["code"], code, "{document}");
    assert_eq!(document["type"], format!("urn:hetero2:problem:{code}"));
    assert_eq!(document["status"], status);
    assert_eq!(document["request_id"].as_str(), answer.header("x-request-id"));
    assert!(!document["title"].as_str().unwrap().is_empty());
    assert!(!document["detail"].as_str().unwrap().is_empty());
    document
}

#[test]
fn bodies_that_are_no_project_are_named_by_field() {
    let setting = setting();
    let cases: [(&[u8], &str); 12] = [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b"\xff\xfe", "body"),
        (br#"{"slug": "a", "name": "A"} x"#, "body"),
        (br#"{"slug": 1, "name": "A"}"#, "slug"),
        (br#"{"slug": "a", "name": {"x": 1}}"#, "name"),
        (br#"{"slug": "a", "name": "A", "admin": true}"#, "admin"),
        (br#"{"slug": "../etc", "name": "A"}"#, "slug"),
        (br#"{"slug": "a", "name": "\u0000"}"#, "name"),
        (br#"{"slug": "a", "name": "A", "description": "\u001b[2J"}"#, "description"),
    ];
    for (body, field) in cases {
        let answer = setting.post(body);
        let document = problem(&answer, 422, "invalid_request");
        assert_eq!(document["errors"][0]["field"], field, "{document}");
    }
    let long = json!({"slug": "a", "name": "A".repeat(201)}).to_string();
    problem(&setting.post(long.as_bytes()), 422, "invalid_request");
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    problem(&setting.post(deep.as_bytes()), 422, "invalid_request");
    let nested = format!(r#"{{"slug": {deep}}}"#);
    problem(&setting.post(nested.as_bytes()), 422, "invalid_request");
    assert_eq!(setting.project_count(), 0);
}

#[test]
fn bodies_of_another_kind_or_size_are_refused() {
    let setting = setting();
    let body = json!({"slug": "a", "name": "A"}).to_string().into_bytes();
    let plain = setting.client.ask("POST", &setting.projects).bytes(body.clone());
    problem(&plain.send(), 415, "unsupported_media_type");
    let text = setting.client.ask("POST", &setting.projects).bytes(body);
    problem(&text.header("content-type", "text/plain").send(), 415, "unsupported_media_type");
    let large = json!({"slug": "a", "name": "A", "description": "x".repeat(70_000)});
    problem(&setting.post(large.to_string().as_bytes()), 413, "body_too_large");
    assert_eq!(setting.project_count(), 0);
}

#[test]
fn addresses_and_methods_that_are_none_are_problems() {
    let setting = setting();
    let (client, projects) = (&setting.client, &setting.projects);
    for path in [
        "/v1",
        "/v1/orgs//projects",
        "/v1/../../etc/passwd",
        "/v1/%2e%2e/%2e%2e/etc/passwd",
        "/v1/orgs/%00",
        "/v1/orgs/..%2fprojects",
        "/openapi.json/x",
        &format!("/v1/orgs/{}", "x".repeat(5000)),
        &format!("{projects}/%F0%9F%92%A9"),
        &format!("{projects}/prj_0000000000000000000000000%00"),
    ] {
        problem(&client.get(path), 404, "not_found");
    }
    problem(&client.get(format!("{projects}/%ff")), 404, "not_found");
    problem(&client.ask("PUT", projects).send(), 405, "method_not_allowed");
    problem(&client.ask("TRACE", projects).send(), 405, "method_not_allowed");
    for query in ["limit=0", "limit=201", "limit=-1", "limit=x", "cursor=%00", "cursor=x", "x=1"] {
        problem(&client.get(format!("{projects}?{query}")), 422, "invalid_request");
    }
    let cursor = "bWVtXzAxanEwdjh3M2U4dGF2NGsxbTJuM3A0cTU";
    problem(&client.get(format!("{projects}?cursor={cursor}")), 422, "invalid_request");
}

#[test]
fn headers_that_trick_prove_nobody() {
    let setting = setting();
    let token = setting.client.token.clone().unwrap();
    let stranger = setting.server.stranger();
    for value in [
        "Bearer",
        "Bearer ",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer h2t_",
        &format!("Bearer {}", &token[..token.len() - 1]),
        &format!("Bearer {token}x"),
        &format!("Bearer {}", token.to_uppercase()),
        &format!("Bearer {}", "x".repeat(4000)),
        &token,
    ] {
        let ask = stranger.ask("GET", &setting.projects).header("authorization", value);
        let answer = ask.send();
        problem(&answer, 401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let two = setting.client.ask("GET", &setting.projects);
    problem(&two.header("authorization", "Bearer x").send(), 401, "unauthenticated");
    let cookie = stranger.ask("GET", &setting.projects);
    let cookie = cookie.header("cookie", &format!("hetero2_session={token}"));
    problem(&cookie.send(), 401, "unauthenticated");
    // An id of the client's is taken over only where it is short and plain.
    let named = stranger.ask("GET", "/healthz").header("x-request-id", "build-17.a_b");
    assert_eq!(named.send().header("x-request-id"), Some("build-17.a_b"));
    let tricky = stranger.ask("GET", "/healthz").header("x-request-id", "a b;c=\"d\"");
    assert!(tricky.send().header("x-request-id").unwrap().starts_with("req_"));
}

#[test]
fn slow_requests_end_and_others_go_on() {
    let setting = setting();
    let address = setting.server.url.strip_prefix("http://").unwrap().to_owned();
    let token = setting.client.token.clone().unwrap();
    let start = Instant::now();
    // A head that never ends.
    let mut head = TcpStream::connect(&address).unwrap();
    head.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").unwrap();
    // A body that never ends.
    let mut body = TcpStream::connect(&address).unwrap();
    let lines = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"slug\":",
        setting.projects
    );
    body.write_all(lines.as_bytes()).unwrap();
    for _ in 0..20 {
        assert_eq!(setting.client.get("/healthz").status, 200);
    }
    for stream in [&mut head, &mut body] {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    }
    let mut said = Vec::new();
    let _ = head.read_to_end(&mut said);
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{said:?}");
    let mut said = [0; 4096];
    let count = body.read(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said[..count]);
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("slow_body"), "{said}");
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    assert_eq!(setting.project_count(), 0);
}

#[test]
fn memory_stays_flat_under_bad_bodies() {
    let setting = setting();
    let large = vec![b'['; 60_000];
    for _ in 0..50 {
        setting.post(&large);
    }
    let (before, _) = setting.server.memory();
    for _ in 0..1000 {
        setting.post(&large);
    }
    let (after, _) = setting.server.memory();
    assert!(after < before + 16 * 1024, "{before} kB, then {after} kB");
}

#[test]
fn a_post_with_a_key_is_done_once() {
    let setting = setting();
    let ask = |key: &str, body: &Value| {
        let ask = setting.client.ask("POST", &setting.projects);
        ask.header("idempotency-key", key).json(body).send()
    };
    let body = json!({"slug": "a", "name": "A"});
    let first = ask("k1", &body).expect(201);
    let again = ask("k1", &body).expect(201);
    let of = |answer: &Answer| {
        let kept = ["etag", "location", "content-type"];
        kept.map(|name| answer.header(name).map(str::to_owned))
    };
    assert_eq!((first.value(), of(&first)), (again.value(), of(&again)));
    assert_eq!(setting.project_count(), 1);
    let other = ask("k1", &json!({"slug": "b", "name": "B"}));
    problem(&other, 422, "idempotency_key_reused");
    problem(&ask("k2", &body), 409, "taken");
    problem(&ask("two words", &body), 422, "invalid_request");
    assert_eq!(setting.project_count(), 1);
}

#[test]
fn a_change_needs_the_version_that_was_read() {
    let setting = setting();
    let made = setting.client.post(&setting.projects, &json!({"slug": "a", "name": "A"}));
    let made = made.expect(201);
    let (path, tag) = (made.header("location").unwrap(), made.header("etag").unwrap());
    let change = |tag: Option<&str>, name: &str| {
        let ask = setting.client.ask("PATCH", path).json(&json!({"name": name}));
        tag.map_or_else(
            || setting.client.ask("PATCH", path).json(&json!({"name": name})),
            |tag| ask.header("if-match", tag),
        )
        .send()
    };
    problem(&change(None, "B"), 428, "if_match_required");
    problem(&change(Some("\"v9\""), "B"), 412, "version_changed");
    problem(&change(Some("*"), "B"), 412, "version_changed");
    let changed = change(Some(tag), "B").expect(200);
    assert_eq!(changed.field("name"), "B");
    problem(&change(Some(tag), "C"), 412, "version_changed");
    let tag = changed.header("etag").unwrap();
    let known = setting.client.ask("GET", path).header("if-none-match", tag).send();
    assert_eq!((known.status, known.body.len()), (304, 0));
    let gone = setting.client.ask("DELETE", path).header("if-match", tag).send();
    assert_eq!(gone.status, 204);
    problem(&setting.client.get(path), 404, "not_found");
}

#[test]
fn an_account_that_asks_too_often_waits() {
    let server = Server::sqlite(&["--requests-per-second", "5"]);
    let client = server.owner();
    let answers: Vec<Answer> = (0..40).map(|_| client.get("/v1/me")).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty());
    problem(refused[0], 429, "too_many_requests");
    let seconds: u64 = refused[0].header("retry-after").unwrap().parse().unwrap();
    std::thread::sleep(Duration::from_secs(seconds));
    assert_eq!(client.get("/v1/me").status, 200);
}

#[test]
fn every_act_and_refusal_is_in_the_trail() {
    let setting = setting();
    let org = setting.server.first.clone().unwrap().0;
    setting.client.post(&setting.projects, &json!({"slug": "a", "name": "A"})).expect(201);
    setting.client.get(format!("{}/prj_00000000000000000000000000", setting.projects));
    let events = setting.client.get(format!("/v1/orgs/{org}/audit")).expect(200).value();
    let events = events["items"].as_array().unwrap().clone();
    let find = |action: &str, outcome: &str| {
        let is_it = |event: &&Value| event["action"] == action && event["outcome"] == outcome;
        events.iter().find(is_it).unwrap_or_else(|| panic!("no {action} {outcome}: {events:?}"))
    };
    let made = find("project.create", "done");
    assert!(made["after_digest"].as_str().is_some_and(|digest| digest.len() == 64));
    assert!(made["actor"].as_str().is_some_and(|actor| actor.starts_with("mem_")));
    assert_eq!(made["source_address"], "127.0.0.1");
    assert_eq!(find("project.read", "refused")["reason"], "not_found");
    find("token.create", "done");
}

#[test]
fn plain_http_is_for_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let output = hetero2()
        .args(["serve", "--listen", "0.0.0.0:0", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("TLS") && said.contains("loopback"), "{said}");
    assert!(!folder.path().join("data").exists());
}

/// A certificate for `localhost` that signs itself; none, said loudly, where
/// OpenSSL's program is missing.
fn certificate(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join("c.pem"), folder.join("k.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    match made {
        Ok(output) if output.status.success() => Some((certificate, key)),
        other => {
            skip("openssl", &format!("{other:?}"));
            None
        }
    }
}

#[test]
fn tls_is_spoken_where_a_certificate_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let Some((certificate, key)) = certificate(folder.path()) else { return };
    let (certificate_text, key_text) =
        (certificate.display().to_string(), key.display().to_string());
    let server = Server::sqlite(&["--tls-certificate", &certificate_text, "--tls-key", &key_text]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let trusted = reqwest::Certificate::from_pem(&std::fs::read(&certificate).unwrap()).unwrap();
    hetero2_service::tls::choose_provider();
    let status = block_on(async {
        let http = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let answer = http.get(format!("{}/healthz", server.url)).send().await.unwrap();
        answer.status().as_u16()
    });
    assert_eq!(status, 200);
    let plain = TcpStream::connect(server.url.strip_prefix("https://").unwrap());
    let mut plain = plain.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP/1.1 200"), "{said:?}");
}

#[test]
fn a_second_server_on_the_folder_is_refused() {
    let setting = setting();
    let output = hetero2()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(setting.server.data())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(setting.client.get("/readyz").status, 200);
}

#[test]
fn a_server_stops_on_request_and_goes_on_from_its_folder() {
    let setting = setting();
    setting.client.post(&setting.projects, &json!({"slug": "a", "name": "A"})).expect(201);
    let token = setting.client.token.clone().unwrap();
    let again = setting.server.restart();
    assert!(again.first.is_none());
    let list = again.client(&token).get(&setting.projects).expect(200).value();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}
