//! Logging in by a real identity provider, and by one that lies.

use serde_json::json;

use crate::rig::block_on;
use crate::rig::browser::Browser;
use crate::rig::house::{House, Seat};
use crate::rig::postgres::{self, Database};
use crate::rig::provider::{Provider, SECRET, free_port};
use crate::rig::server::{Answer, Server};

/// A server that trusts a provider.
struct Pair {
    provider: Provider,
    house: House,
}

/// Starts both; none where there is no provider.
fn pair(more: &str, database: Option<&Database<'_>>) -> Option<Pair> {
    let port = free_port();
    let provider = Provider::start(port)?;
    let settings = provider.settings(port, more).display().to_string();
    let listen = format!("127.0.0.1:{port}");
    let options = ["--listen", &listen, "--oidc", &settings];
    let house = match database {
        None => House::sqlite(&options),
        Some(database) => House::postgres(database, &options),
    };
    Some(Pair { provider, house })
}

impl Pair {
    fn callback(&self) -> String {
        format!("{}/v1/oidc/callback", self.house.server.url)
    }

    /// Goes from the start to where the provider sends the browser back to.
    fn go(&self, browser: &mut Browser, return_to: &str) -> String {
        let url = &self.house.server.url;
        let start = format!("{url}/v1/oidc/corp/start?return_to={return_to}");
        let (back, answer) = browser.travel(&start, &self.callback());
        assert!(answer.is_none(), "{back}: {answer:?}");
        back
    }

    /// Logs in as `account`; the browser and the last answer.
    fn login(&self, account: &str) -> (Browser, Answer) {
        let mut browser = Browser::with("x-account", account);
        let back = self.go(&mut browser, "/");
        let answer = browser.request("GET", &back, "");
        (browser, answer)
    }

    fn seat(&self, browser: &Browser) -> Seat {
        self.house.seat(browser.cookie(&self.house.server.url, "hetero2_session").unwrap())
    }
}

#[test]
fn people_log_in_by_their_provider_on_sqlite() {
    let more = "organisation = 'local'\nprovision = 'members'";
    let Some(pair) = pair(more, None) else { return };
    people_log_in(&pair);
}

#[test]
fn people_log_in_by_their_provider_on_postgresql() {
    let Some(cluster) = postgres::shared() else { return };
    let database = block_on(cluster.migrated());
    let more = "organisation = 'acme'\nprovision = 'members'";
    let Some(pair) = pair(more, Some(&database)) else { return };
    people_log_in(&pair);
}

fn people_log_in(pair: &Pair) {
    let house = &pair.house;
    // A group of the provider has a role in a project.
    let owner = house.owner();
    let body = json!({ "slug": "one", "name": "One", "description": "" });
    let project = owner.post(house.at("projects"), &body).expect(201).value();
    let project = project["id"].as_str().unwrap().to_owned();
    let body = json!({ "name": "Chemists", "idp_group": "chem-eu" });
    let group = owner.post(house.at("groups"), &body).expect(201).value();
    let group = group["id"].as_str().unwrap().to_owned();
    let map = house.at(&format!("groups/{group}/projects/{project}"));
    let mapped = owner.ask("PUT", map).json(&json!({ "role": "view" })).send();
    assert!(mapped.status < 300, "{}", mapped.text());

    pair.provider.control("none", json!({ "ann": ["chem-eu", "other"] }));
    let mut browser = Browser::with("x-account", "ann");
    let back = pair.go(&mut browser, "/ui?x=1");
    let answer = browser.request("GET", &back, "").expect(303);
    assert_eq!(answer.header("location"), Some("/ui?x=1"));
    let ann = pair.seat(&browser);
    let me = ann.get("/v1/me").expect(200).value();
    assert_eq!(me["member"]["login"], "ann");
    assert_eq!(me["member"]["name"], "Name of ann");
    assert_eq!(me["member"]["role"], "member");
    let seen = house.at(&format!("projects/{project}"));
    ann.get(&seen).expect(200);

    // The answer of the provider works once, and in one browser.
    browser.request("GET", &back, "").problem(404, "not_found");
    let mut thief = Browser::default();
    let stolen = pair.go(&mut Browser::with("x-account", "bob"), "/");
    thief.request("GET", &stolen, "").problem(401, "login_refused");
    let mut other = Browser::with("x-account", "bob");
    pair.go(&mut other, "/");
    let planted = pair.go(&mut Browser::with("x-account", "eve"), "/");
    other.request("GET", &planted, "").problem(401, "login_refused");

    // Taken out of the group, the role is gone at the next login.
    pair.provider.control("none", json!({ "ann": ["other"] }));
    let (browser, _) = pair.login("ann");
    let ann = pair.seat(&browser);
    assert_eq!(ann.get("/v1/me").expect(200).value()["member"]["id"], me["member"]["id"]);
    ann.get(&seen).problem(404, "not_found");

    log_out_everywhere(pair, browser);
    no_secret_is_logged(pair);
}

/// Ends the login here and at the provider.
fn log_out_everywhere(pair: &Pair, mut browser: Browser) {
    let ann = pair.seat(&browser);
    let answer = ann.post("/v1/logout", &serde_json::Value::Null).expect(200).value();
    ann.get("/v1/me").problem(401, "unauthenticated");
    let url = answer["end_session_url"].as_str().expect("the provider offers it");
    let page = browser.request("GET", url, "").expect(200).text();
    let xsrf = page.split("name=\"xsrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("xsrf={}&logout=yes", xsrf.expect("the provider asks"));
    let confirm = format!("{}/session/end/confirm", pair.provider.issuer);
    let end = browser.request("POST", &confirm, &form).expect(303);
    let home = format!("{}/", pair.house.server.url);
    assert!(end.header("location").unwrap().starts_with(&home), "{end:?}");
}

fn no_secret_is_logged(pair: &Pair) {
    let log = pair.house.server.log();
    assert!(log.contains("answered"));
    for part in [SECRET, "eyJ", "code=", "state=", "code_verifier", "h2s_"] {
        let line = log.lines().find(|line| line.contains(part));
        assert_eq!(line, None, "{part} is in the log");
    }
}

#[test]
fn answers_that_lie_are_refused() {
    let more = "organisation = 'local'\nprovision = 'members'";
    let Some(pair) = pair(more, None) else { return };
    for flaw in [
        "audience",
        "audiences",
        "issuer",
        "nonce",
        "no-nonce",
        "expired",
        "payload",
        "signature",
        "unsigned",
        "shared-secret",
        "other-key",
        "access-token",
    ] {
        pair.provider.control(flaw, json!({}));
        let (browser, answer) = pair.login("ann");
        assert_eq!(answer.status, 401, "{flaw}: {}", answer.text());
        answer.problem(401, "login_refused");
        assert_eq!(browser.cookie(&pair.house.server.url, "hetero2_session"), None, "{flaw}");
    }
    pair.provider.control("none", json!({}));
    // A nonce that somebody changed on the way, which the provider signs.
    let mut browser = Browser::with("x-account", "ann");
    let start = format!("{}/v1/oidc/corp/start", pair.house.server.url);
    let to = browser.request("GET", &start, "").expect(303);
    let to = to.header("location").unwrap();
    let nonce = to.split("nonce=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    let (back, _) = browser.travel(&to.replace(nonce, "another"), &pair.callback());
    browser.request("GET", &back, "").problem(401, "login_refused");
    // A code that was given for another login: PKCE.
    let code = |url: &str| {
        url.split("code=").nth(1).and_then(|rest| rest.split('&').next()).unwrap().to_owned()
    };
    let mut victim = Browser::with("x-account", "ann");
    let stolen = code(&pair.go(&mut victim, "/"));
    let mut thief = Browser::with("x-account", "eve");
    let own = pair.go(&mut thief, "/");
    let injected = own.replace(&code(&own), &stolen);
    thief.request("GET", &injected, "").problem(401, "login_refused");
    // Another issuer's answer, an error, no state, a made-up state.
    let mut browser = Browser::with("x-account", "ann");
    let back = pair.go(&mut browser, "/");
    let mixed = back.split("&iss=").next().unwrap().to_owned() + "&iss=https://id.example.org";
    browser.request("GET", &mixed, "").problem(401, "login_refused");
    let back = pair.go(&mut browser, "/");
    let state = back.split("state=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    let error = format!("{}?error=access_denied&state={state}", pair.callback());
    browser.request("GET", &error, "").problem(401, "login_refused");
    browser.request("GET", &pair.callback(), "").problem(422, "invalid_request");
    let made_up = format!("{}?code=x&state=x", pair.callback());
    browser.request("GET", &made_up, "").problem(404, "not_found");
    let none = format!("{}/v1/oidc/none/start", pair.house.server.url);
    browser.request("GET", &none, "").problem(404, "not_found");
    // Each refusal is in the trail, with its reason.
    let trail = pair.house.owner().get(pair.house.at("audit?limit=200")).expect(200).value();
    let reasons: Vec<&str> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["reason"].as_str())
        .collect();
    for reason in [
        "the identity token is for another audience",
        "the identity token is of another issuer",
        "the identity token has another nonce",
        "the identity token has expired",
        "the identity token's signature is wrong",
        "the access token is another's",
        "the provider does not take the code",
        "the provider refused",
        "another issuer answered",
    ] {
        assert!(reasons.contains(&reason), "{reason} is not in {reasons:?}");
    }
    let (_, answer) = pair.login("ann");
    answer.expect(303);
}

#[test]
fn who_was_never_here_needs_an_account() {
    let Some(pair) = pair("organisation = 'local'", None) else { return };
    let (_, answer) = pair.login("ann");
    answer.problem(401, "login_refused");
    let house = &pair.house;
    let body = json!({ "kind": "person", "login": "ann", "name": "Ann", "role": "auditor" });
    let made = house.owner().post(house.at("members"), &body).expect(201).value();
    let (browser, answer) = pair.login("ann");
    answer.expect(303);
    let me = pair.seat(&browser).get("/v1/me").expect(200).value();
    assert_eq!((&me["member"]["id"], &me["member"]["role"]), (&made["id"], &json!("auditor")));
    // Shut out, the provider's word is not enough, and the login is over.
    let path = house.at(&format!("members/{}", made["id"].as_str().unwrap()));
    let tag = house.owner().get(&path).expect(200).header("etag").unwrap().to_owned();
    let owner = house.owner();
    let change = owner.ask("PATCH", &path).header("if-match", &tag);
    change.json(&json!({ "disabled": true })).send().expect(200);
    pair.seat(&browser).get("/v1/me").problem(401, "unauthenticated");
    let (_, answer) = pair.login("ann");
    answer.problem(401, "login_refused");
}

#[test]
fn a_provider_that_is_away_fails_cleanly() {
    let port = free_port();
    let settings = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "public_url = 'http://127.0.0.1:{port}'\n[[provider]]\nname = 'corp'\n\
         issuer = 'http://127.0.0.1:1'\nclient_id = 'hetero2'\norganisation = 'local'\n"
    );
    std::fs::write(settings.path(), text).unwrap();
    let server = Server::sqlite(&["--oidc", &settings.path().display().to_string()]);
    server.stranger().get("/v1/oidc/corp/start").problem(502, "provider_failed");
}
