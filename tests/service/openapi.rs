//! The server against its own OpenAPI document, asked by Schemathesis: no answer
//! outside the document, and none of 5xx.

use std::path::PathBuf;
use std::process::Command;

use crate::attack::{absent, furnish, token};
use crate::rig::server::{Server, create_org};
use crate::rig::{block_on, postgres, skip};

/// `HETERO2_SCHEMATHESIS`, or what CI installs.
fn schemathesis() -> PathBuf {
    let asked = std::env::var_os("HETERO2_SCHEMATHESIS");
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/target/ci/venv/bin/schemathesis");
    asked.map_or_else(|| PathBuf::from(ours), PathBuf::from)
}

/// What the document promises for every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth";

#[test]
fn no_answer_is_outside_the_document() {
    let Some(cluster) = postgres::shared() else { return };
    let program = schemathesis();
    if let Err(error) = Command::new(&program).arg("--version").output() {
        return skip("Schemathesis", &format!("{}: {error}", program.display()));
    }
    let database = block_on(cluster.migrated());
    let server = Server::postgres(&database.app_url(), &["--requests-per-second", "100000"]);
    let (org, secret) = create_org(&database.owner_url(), "a");
    let owner = server.client(&secret);
    let things = furnish(&owner, &org, &database);
    // An account of its own asks, so that it cannot shut itself out.
    let base = format!("/v1/orgs/{org}");
    let body = serde_json::json!(
        {"kind": "service", "login": "asker", "name": "Asker", "role": "admin"}
    );
    let asker = owner.post(format!("{base}/members"), &body).expect(201).field("id");
    let role = serde_json::json!({"role": "admin"});
    let member = format!("{base}/projects/{}/members/{asker}", things["project"]);
    owner.ask("PUT", member).json(&role).send().expect(200);
    let asker = token(&owner, &base, &asker, "admin", None);

    let folder = tempfile::tempdir().unwrap();
    let parameters: String = absent()
        .keys()
        // A link's parameter has the same name as a token's.
        .filter(|name| **name != "token")
        .map(|name| format!("\"path.{name}\" = \"{}\"\n", things[name]))
        .collect();
    let settings = format!("[parameters]\n{parameters}");
    std::fs::write(folder.path().join("schemathesis.toml"), settings).unwrap();
    let examples = std::env::var("HETERO2_EXAMPLES").unwrap_or_else(|_| "3".to_owned());
    let output = Command::new(&program)
        .args(["run", &format!("{}/openapi.json", server.url), "--no-color", "--seed", "1"])
        .args(["--phases", "coverage,fuzzing", "--max-examples", &examples])
        .args(["--checks", CHECKS, "--continue-on-failure", "--header"])
        .arg(format!("Authorization: Bearer {}", asker.token.unwrap()))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // Operations were reached, not only refused.
    assert!(!server.log().contains("\"status\":5") && said.contains("passed"), "{said}");
}

/// The document that is kept beside the pages of the service is the server's.
#[test]
fn the_kept_document_is_the_servers() {
    let document = hetero2_service::api::openapi();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/service/openapi.json");
    if std::env::var_os("HETERO2_UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let message = "docs/service/openapi.json is of another version: run this test with \
                   HETERO2_UPDATE_OPENAPI=1, and add only: within v1 nothing goes";
    assert!(kept == text, "{message}");
}
