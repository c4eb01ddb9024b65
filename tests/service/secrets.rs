//! What somebody gets who copies the database or reads the log: no secret that
//! works, and nothing of what was uploaded.

use std::path::Path;

use serde_json::json;

use crate::login::{PASSWORD, code, cookie, person};
use crate::rig::house::House;
use crate::rig::postgres::Database;
use crate::rig::project::Project;
use crate::rig::{block_on, postgres};

/// What is uploaded: no other bytes look like it.
const CONTENT: &[u8] = b"CC(=O)Nc1ccc(O)cc1 the-molecule-that-nobody-may-see\n";

/// Makes one secret of every kind, and gives what must be nowhere.
fn secrets(house: &House) -> Vec<String> {
    let owner = house.owner();
    person(house, "ada");
    let first = cookie(&house.login("ada", PASSWORD, None).expect(200));
    let ada = house.seat(&first);
    let proof = json!({ "password": PASSWORD });
    let enrolled = ada.post("/v1/me/totp", &proof).expect(200).field("secret");
    let now = code(&enrolled, -1);
    ada.post("/v1/me/totp/confirm", &json!({ "code": now })).expect(204);
    // Another one, which is never confirmed.
    let proof = json!({ "password": PASSWORD, "code": code(&enrolled, 0) });
    let pending = ada.post("/v1/me/totp", &proof).expect(200).field("secret");
    let ask = owner.ask("POST", house.at("tokens")).header("idempotency-key", "once");
    let made = ask.json(&json!({ "name": "ci", "scope": "write" })).send().expect(201);
    let project = Project::of(owner, &house.org, "first");
    let dataset = project.dataset(CONTENT);
    let link = project.client.post(format!("{dataset}/link"), &json!({})).expect(201);
    let master = std::fs::read_to_string(house.server.data().join("master.key")).unwrap();
    let master = master.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let link = link.field("path");
    house.server.stranger().get(&link).expect(200);
    let mut secrets = vec![
        PASSWORD.to_owned(),
        enrolled,
        pending,
        link.rsplit('/').next().unwrap().to_owned(),
        master.to_owned(),
        "the-molecule-that-nobody-may-see".to_owned(),
    ];
    for whole in [house.token.clone(), first, made.field("secret")] {
        // The end alone is the secret.
        secrets.push(whole[whole.len() - 43..].to_owned());
        secrets.push(whole);
    }
    secrets
}

fn assert_absent(place: &str, text: &[u8], secrets: &[String]) {
    for secret in secrets {
        let found = text.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{place} has {secret}");
    }
}

/// Every row of every table, as text.
fn dump(database: &Database<'_>) -> String {
    let tables = "SELECT relname FROM pg_class \
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let tables = database.as_owner(tables).unwrap();
    let row = |table: &str| database.as_owner(&format!("SELECT t::text FROM {table} t")).unwrap();
    tables.lines().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_copy_of_postgresql_or_of_the_log_holds_none() {
    let Some(cluster) = postgres::shared() else { return };
    let database = block_on(cluster.migrated());
    let house = House::postgres(&database, &[]);
    let secrets = secrets(&house);
    let rows = dump(&database);
    assert!(rows.contains("$argon2id$") && rows.contains("AGE ENCRYPTED FILE"), "all was kept");
    assert_absent("the database", rows.as_bytes(), &secrets);
    let log = house.server.log();
    assert!(log.contains("answered"));
    assert_absent("the log", log.as_bytes(), &secrets);
    assert!(!log.contains("$argon2id$"), "a hash is in the log");
}

/// Every file below `folder` but the master key.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("master.key") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_copy_of_the_data_folder_without_the_master_key_holds_none() {
    let house = House::sqlite(&[]);
    let secrets = secrets(&house);
    let files = files(&house.server.data());
    assert!(files.len() >= 3, "{files:?}");
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        assert_absent(&path.display().to_string(), &bytes, &secrets);
    }
    assert_absent("the log", house.server.log().as_bytes(), &secrets);
}
