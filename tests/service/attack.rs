//! One organisation against another, over every operation that OpenAPI knows:
//! what is another's is answered byte for byte like what does not exist, and
//! nothing of it is shown, counted or changed.

use std::collections::BTreeMap;

use hetero2_service::time::Instant;
use serde_json::{Value, json};

use crate::rig::project::{Project, content_digest};
use crate::rig::server::{Answer, Client, Server, create_org};
use crate::rig::{block_on, postgres};

/// Things of one organisation by the names of path parameters.
pub type Things = BTreeMap<&'static str, String>;

/// Ids that are well formed and nobody's.
pub fn absent() -> Things {
    let id = |prefix: &str| format!("{prefix}_01jzzzzzzzzzzzzzzzzzzzzzz0");
    BTreeMap::from([
        ("org", id("org")),
        ("project", id("prj")),
        ("member", id("mem")),
        ("group", id("grp")),
        ("token", id("tok")),
        ("session", id("ses")),
        ("upload", id("upl")),
        ("dataset", id("dat")),
        ("run", id("run")),
        ("job", id("job")),
    ])
}

/// An organisation with one of everything.
pub fn furnish(client: &Client, org: &str, database: &postgres::Database<'_>) -> Things {
    let base = format!("/v1/orgs/{org}");
    let made = |path: String, body: Value| client.post(path, &body).expect(201).field("id");
    let member = made(
        format!("{base}/members"),
        json!({"kind": "service", "login": "robot", "name": "Robot", "role": "member"}),
    );
    let group = made(format!("{base}/groups"), json!({"name": "Chemists"}));
    let desk = Project::of(client.clone(), org, "secret");
    let id = |address: &str| address.rsplit('/').next().unwrap().to_owned();
    let project = id(&desk.at);
    let (dataset, upload) = (id(&desk.dataset(BYTES)), id(&desk.begin(BYTES)));
    let run = format!("run_{}", &project[4..]);
    let insert = format!(
        "INSERT INTO run (org_id, id, project_id, name, kind, state, created_at) \
         VALUES ('{org}', '{run}', '{project}', 'r', 'run', 'succeeded', 1)"
    );
    database.as_owner(&insert).unwrap();
    let insert = format!(
        "INSERT INTO artifact (org_id, run_id, name, blob_id, created_at) \
         SELECT org_id, '{run}', 'log.txt', blob_id, 1 FROM dataset WHERE id = '{dataset}'"
    );
    database.as_owner(&insert).unwrap();
    let input = json!({"role": "library", "source": {"dataset": dataset}});
    let job =
        made(format!("{}/jobs", desk.at), json!({"spec": {"kind": "run", "inputs": [input]}}));
    // It has ended, so that what follows it ends.
    client.post(format!("{}/jobs/{job}/cancel", desk.at), &json!({})).expect(200);
    let token = client.get(format!("{base}/tokens")).expect(200).value()["items"][0]["id"].clone();
    let login = "INSERT INTO session (org_id, id, member_id, secret_hash, method, source_address, \
        created_at, last_used_at, expires_at) VALUES";
    let session = format!("ses_{}", &project[4..]);
    let owner = client.get("/v1/me").expect(200).value()["member"]["id"].clone();
    let owner = owner.as_str().unwrap();
    let values = format!("('{org}', '{session}', '{owner}', 'x', 'password', 'local', 1, 1, 2)");
    database.as_owner(&format!("{login} {values}")).unwrap();
    BTreeMap::from([
        ("org", org.to_owned()),
        ("project", project),
        ("member", member),
        ("group", group),
        ("token", token.as_str().unwrap().to_owned()),
        ("session", session),
        ("upload", upload),
        ("dataset", dataset),
        ("run", run),
        ("job", job),
    ])
}

/// How long the tests' tokens live.
const MONTH: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

const BYTES: &[u8] = b"CCO ethanol\n";

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    /// Path parameters that are ids, in order.
    ids: Vec<&'static str>,
    body: Option<Value>,
}

fn operations(document: &Value) -> Vec<Operation> {
    let names = absent();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // A link is a credential of its own, tested with uploads.
            if !path.starts_with("/v1/orgs/") {
                continue;
            }
            let ids: Vec<_> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .filter(|name| !["number", "month", "name"].contains(name))
                .map(|name| *names.get_key_value(name).unwrap_or_else(|| panic!("{name}")).0)
                .collect();
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = (!schema.is_null()).then(|| example(document, schema));
            operations.push(Operation { method: method.clone(), path: path.clone(), ids, body });
        }
    }
    operations
}

/// A value that fits `schema`.
fn example(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return example(document, document.pointer(&name[1..]).unwrap());
    }
    if let Some(any) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        return example(document, any.iter().find(|s| s["type"] != "null").unwrap());
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").unwrap().clone(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") => {
            let of = |(name, schema): (&String, &Value)| (name.clone(), example(document, schema));
            schema["properties"].as_object().into_iter().flatten().map(of).collect()
        }
        Some("string") if schema["format"] == "date-time" => json!("2099-01-01T00:00:00Z"),
        Some("string") => json!("text of a test"),
        Some("integer") => schema["minimum"].as_i64().unwrap_or(1).into(),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        _ => json!({}),
    }
}

impl Operation {
    /// Asks with the ids of `things`, in the path and in the body.
    fn ask(&self, client: &Client, own: &Things, foreign_from: usize, other: &Things) -> Answer {
        let mut path = self.path.replace("{number}", "1").replace("{month}", "2026-12");
        path = path.replace("{name}", "log.txt");
        for (position, name) in self.ids.iter().enumerate() {
            let things = if position < foreign_from { own } else { other };
            path = path.replace(&format!("{{{name}}}"), &things[name]);
        }
        let mut ask = client
            .ask(&self.method, path)
            .header("x-request-id", "attack")
            .header("if-match", "\"v1\"");
        if let Some(body) = &self.body {
            let mut body = body.clone();
            for (name, id) in other {
                if let Some(value) = body.get_mut(*name) {
                    *value = json!(id);
                }
            }
            ask = ask.json(&body);
        } else if self.path.ends_with("{number}") {
            ask = ask.header("content-digest", &content_digest(BYTES)).bytes(BYTES.to_vec());
        }
        ask.send()
    }

    fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }
}

/// Tokens of every role and scope in the organisation of `owner`.
fn credentials(owner: &Client, own: &Things) -> Vec<(String, Client)> {
    let base = format!("/v1/orgs/{}", own["org"]);
    let mut all = vec![("owner".to_owned(), owner.clone())];
    for role in ["admin", "auditor", "member"] {
        let login = format!("an-{role}");
        let body = json!({"kind": "service", "login": login, "name": role, "role": role});
        let member = owner.post(format!("{base}/members"), &body).expect(201).field("id");
        for scope in ["read", "write", "admin"] {
            all.push((format!("{role} {scope}"), token(owner, &base, &member, scope, None)));
        }
        let only = Some(own["project"].as_str());
        all.push((format!("{role} of a project"), token(owner, &base, &member, "admin", only)));
    }
    all
}

pub fn token(
    owner: &Client,
    base: &str,
    member: &str,
    scope: &str,
    project: Option<&str>,
) -> Client {
    let body = json!({"member": member, "name": "t", "scope": scope, "project": project,
        "expires_at": Instant::now().plus(MONTH).rfc3339()});
    let made = owner.post(format!("{base}/tokens"), &body).expect(201);
    Client { url: owner.url.clone(), token: Some(made.field("secret")) }
}

/// Everything of an organisation but its trail, where refusals are noted.
fn everything_of(database: &postgres::Database<'_>, org: &str) -> String {
    let tables = database
        .as_owner(
            "SELECT table_name FROM information_schema.columns \
             WHERE table_schema = 'public' AND column_name = 'org_id' ORDER BY 1",
        )
        .unwrap();
    let kept = |table: &&str| !["audit_event", "idempotency"].contains(table);
    let of = |table: &str| {
        let rows = "SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM";
        // When a credential was used last is noted at any use.
        let sql = format!(
            "{rows} (SELECT to_jsonb(x) - 'last_used_at' FROM {table} x WHERE org_id = '{org}') t"
        );
        format!("{table}: {}\n", database.as_owner(&sql).unwrap())
    };
    tables.lines().filter(kept).map(of).collect()
}

/// Two organisations on one server; the first has one of everything.
struct Two {
    database: postgres::Database<'static>,
    server: Server,
    /// Of the first organisation.
    owner: Client,
    own: Things,
    /// The second organisation, and its owner.
    other: (String, Client),
    operations: Vec<Operation>,
}

fn two() -> Option<Two> {
    let database = block_on(postgres::shared()?.migrated());
    let server = Server::postgres(&database.app_url(), &["--requests-per-second", "100000"]);
    let (org, token) = create_org(&database.owner_url(), "a");
    let owner = server.client(&token);
    let own = furnish(&owner, &org, &database);
    let (org, token) = create_org(&database.owner_url(), "b");
    let other = (org, server.client(&token));
    let operations = operations(&server.stranger().get("/openapi.json").expect(200).value());
    Some(Two { database, server, owner, own, other, operations })
}

impl Two {
    /// Gives the second organisation one of everything.
    fn furnish_other(&self) -> Things {
        furnish(&self.other.1, &self.other.0, &self.database)
    }
}

#[test]
fn what_is_another_organisations_does_not_exist() {
    let Some(two) = two() else { return };
    let Two { database, server, owner, own, operations, .. } = &two;
    let (foreign, nothing) = (&two.furnish_other(), &absent());
    assert!(operations.len() >= 40, "{}", operations.len());
    let before = everything_of(database, &two.other.0);

    let mut count = 0;
    for (who, client) in credentials(owner, own) {
        for operation in operations {
            for from in 0..operation.ids.len() {
                let theirs = operation.ask(&client, own, from, foreign);
                let nobodys = operation.ask(&client, own, from, nothing);
                let what = format!("{who}: {} from {from}", operation.name());
                assert_eq!(theirs, nobodys, "{what}");
                if from == 0 || who == "owner" {
                    assert_eq!(theirs.status, 404, "{what}: {}", theirs.text());
                }
                assert!(theirs.status >= 400, "{what}: {}", theirs.text());
                count += 1;
            }
        }
    }
    assert!(count > 1000, "{count}");
    for operation in operations {
        let theirs = operation.ask(&server.stranger(), own, 0, foreign);
        assert_eq!(theirs, operation.ask(&server.stranger(), own, 0, nothing));
        assert_eq!(theirs.status, 401, "{}", operation.name());
    }
    assert_eq!(everything_of(database, &two.other.0), before);
}

#[test]
fn bodies_that_name_foreign_things_are_refused_like_what_does_not_exist() {
    let Some(two) = two() else { return };
    let Two { owner, own, operations, .. } = &two;
    let foreign = &two.furnish_other();
    let names = absent();
    let mut count = 0;
    for operation in operations {
        let Some(body) = &operation.body else { continue };
        if !names.keys().any(|name| body.get(*name).is_some()) {
            continue;
        }
        // The path is the owner's own; the body's ids are not.
        let all = operation.ids.len();
        let theirs = operation.ask(owner, own, all, foreign);
        let nobodys = operation.ask(owner, own, all, &names);
        assert_eq!(theirs, nobodys, "{}", operation.name());
        assert!(theirs.status >= 400, "{}: {}", operation.name(), theirs.text());
        count += 1;
    }
    assert!(count >= 2, "{count}");
}

/// Without when a credential was used last, which reading changes.
fn timeless(mut answer: Answer) -> Answer {
    let Ok(mut value) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
    for item in value["items"].as_array_mut().into_iter().flatten() {
        item.as_object_mut().unwrap().remove("last_used_at");
    }
    answer.headers.retain(|(name, _)| name != "content-length");
    answer.body = value.to_string().into_bytes();
    answer
}

#[test]
fn lists_neither_show_nor_count_what_is_not_seen() {
    let Some(two) = two() else { return };
    let Two { owner, own, operations, .. } = &two;
    let lists: Vec<_> = operations.iter().filter(|o| o.method == "get").collect();
    let base = format!("/v1/orgs/{}", own["org"]);
    let body = json!({"kind": "service", "login": "plain", "name": "Plain", "role": "member"});
    let plain = owner.post(format!("{base}/members"), &body).expect(201).field("id");
    let plain = token(owner, &base, &plain, "admin", None);
    let read = |client: &Client| -> Vec<Answer> {
        let all = lists.iter().filter(|list| !list.path.ends_with("/audit"));
        all.map(|list| timeless(list.ask(client, own, list.ids.len(), own))).collect()
    };
    let before = (read(owner), read(&plain));
    let foreign = two.furnish_other();
    let after = (read(owner), read(&plain));
    for (before, after) in before.0.iter().zip(&after.0).chain(before.1.iter().zip(&after.1)) {
        assert_eq!(before, after, "{} {}", before.text(), after.text());
    }
    for answer in after.0.iter().chain(&after.1) {
        for id in foreign.values() {
            assert!(!answer.text().contains(id.as_str()), "{}", answer.text());
        }
    }
    // A project of the same organisation that the plain member is not in.
    let projects = plain.get(format!("{base}/projects")).expect(200).value();
    assert_eq!(projects, json!({"items": [], "next": null}));
    let secret = format!("{base}/projects/{}", own["project"]);
    let nobodys = format!("{base}/projects/{}", absent()["project"]);
    let ask = |path: &str| plain.ask("GET", path).header("x-request-id", "x").send();
    assert_eq!(ask(&secret), ask(&nobodys));
    assert_eq!(ask(&secret).status, 404);
}
