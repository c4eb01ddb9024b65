//! What the documentation shows, done as it stands: the quick start, and the
//! examples of the OpenAPI document.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::house::House;
use crate::rig::server::hetero2;
use crate::rig::skip;

/// The indented lines of a page: its commands.
fn commands(page: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_quick_start_does_what_it_says() {
    for tool in ["jq", "curl"] {
        if let Err(error) = Command::new(tool).arg("--version").output() {
            return skip(tool, &error.to_string());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let program = hetero2().get_program().to_owned();
    let beside = Path::new(&program).parent().unwrap();
    let path = std::env::join_paths(
        [beside.to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    // Whatever a command leaves running ends with the page.
    let script = format!(
        "set -euo pipefail\ntrap 'jobs -p | xargs -r kill 2>/dev/null || true' EXIT\n{}",
        commands("docs/service/quickstart.md")
    );
    let log = folder.path().join("log");
    let output = std::fs::File::create(&log).unwrap();
    let mut child = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path.unwrap())
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("HETERO2_DATABASE")
        .env_remove("HETERO2_TOKEN")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let start = Instant::now();
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        if start.elapsed() > Duration::from_secs(180) {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
            panic!("not done in 3 minutes: {}", std::fs::read_to_string(&log).unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(ended.success(), "{ended}: {said}");
    // It went to the end, and both packs were the same.
    assert!(said.contains("month,project,project_name,kind"), "{said}");
}

/// Every example of a request is accepted as it stands.
#[test]
fn the_examples_of_the_document_are_accepted() {
    let house = House::sqlite(&[]);
    let owner = house.owner();
    let body = json!({"slug": "examples", "name": "Examples"});
    let project = owner.post(house.at("projects"), &body).expect(201).field("id");
    let document: Value = house.server.stranger().get("/openapi.json").expect(200).value();
    let mut done = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            if example.is_null() {
                continue;
            }
            let at = path.replace("{org}", &house.org).replace("{project}", &project);
            let answer = owner.ask(method, at).json(example).send();
            assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
            done.push(format!("{method} {path}"));
        }
    }
    for expected in [
        "groups",
        "members",
        "projects",
        "projects/{project}/jobs",
        "projects/{project}/uploads",
        "tokens",
    ] {
        let expected = format!("post /v1/orgs/{{org}}/{expected}");
        assert!(done.contains(&expected), "{expected}: {done:?}");
    }
}
