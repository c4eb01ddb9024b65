//! Logging in as people do, over HTTP: passwords, second factors, sessions,
//! tokens; and that no secret is ever logged.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hetero2_service::totp_rs::{Builder, Secret};
use serde_json::{Value, json};

use crate::rig::house::{House, Seat};
use crate::rig::server::{Answer, hetero2};
use crate::rig::{block_on, postgres};

pub const PASSWORD: &str = "correct horse battery";

/// The cookie that an answer sets.
pub fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    let pair = set.split(';').next().unwrap();
    pair.strip_prefix("hetero2_session=").unwrap().to_owned()
}

/// The code of an authenticator, `steps` from now.
pub fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    totp.generate(since.as_secs().checked_add_signed(30 * steps).unwrap()).to_string()
}

/// A person with a password, made by the owner; the account's id.
pub fn person(house: &House, login: &str) -> String {
    let body = json!({ "kind": "person", "login": login, "name": login, "role": "member" });
    let made = house.owner().post(house.at("members"), &body).expect(201).value();
    let id = made["id"].as_str().unwrap().to_owned();
    let path = house.at(&format!("members/{id}/password"));
    let body = json!({ "password": PASSWORD });
    house.owner().ask("PUT", path).json(&body).send().expect(204);
    id
}

#[test]
fn people_log_in_on_sqlite() {
    let house = House::sqlite(&[]);
    people_log_in(&house);
}

#[test]
fn people_log_in_on_postgresql() {
    let Some(cluster) = postgres::shared() else { return };
    let database = block_on(cluster.migrated());
    let house = House::postgres(&database, &[]);
    people_log_in(&house);
}

/// All of it, and then that nothing secret is in the log at level trace.
fn people_log_in(house: &House) {
    let mut secrets = vec![PASSWORD.to_owned(), house.token.clone()];
    person(house, "ada");

    // Wrong in every way: one answer.
    let unlike: Vec<Value> = [
        house.login("ada", "wrong horse battery", None),
        house.login("nobody", PASSWORD, None),
        house.login("admin", PASSWORD, None),
        house.login("a\0da", PASSWORD, None),
    ]
    .into_iter()
    .map(|answer| {
        let mut document = answer.problem(401, "login_refused").value();
        document["request_id"].take();
        document
    })
    .collect();
    assert_eq!(unlike[0], unlike[1]);
    assert_eq!(unlike[0], unlike[2]);
    assert_eq!(unlike[0], unlike[3]);

    let answer = house.login("ada", PASSWORD, None).expect(200);
    let set = answer.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "on loopback without TLS");
    let first = cookie(&answer);
    secrets.push(first.clone());
    let ada = house.seat(&first);
    let me = ada.get("/v1/me").expect(200).value();
    assert_eq!(
        (me["member"]["login"].as_str(), me["has_totp"].as_bool()),
        (Some("ada"), Some(false))
    );

    cross_site(house, &first);
    secrets.extend(second_factor(house, &ada));
    secrets.extend(tokens(house, &ada));
    let again = cookie(&house.login("ada", PASSWORD, None).expect(200));
    secrets.push(again.clone());
    forced_logout(house, &again);

    let log = house.server.log();
    assert!(log.contains("answered"), "the log has the requests");
    for secret in secrets {
        assert!(!log.contains(&secret), "a secret is in the log");
        // What follows the prefix and the ids; it may hold an underscore itself.
        let tail = secret.splitn(3, '_').last().unwrap_or(&secret);
        assert!(!log.contains(tail), "a secret's end is in the log");
    }
    assert!(!log.contains("$argon2id$"), "a hash is in the log");
}

/// A cookie changes something only from a page of the server.
fn cross_site(house: &House, cookie: &str) {
    let stranger = house.server.stranger();
    let made = |headers: &[(&str, &str)]| {
        let cookie = format!("hetero2_session={cookie}");
        let ask = stranger.ask("POST", house.at("projects")).header("cookie", &cookie);
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        ask.json(&json!({ "slug": "x", "name": "X", "description": "" })).send()
    };
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        made(headers).problem(403, "cross_site");
    }
    made(&[("origin", &house.server.url)]).expect(201);
    // Nor is somebody logged in from elsewhere.
    let body = json!({ "org": house.slug, "login": "ada", "password": PASSWORD });
    let elsewhere = stranger.ask("POST", "/v1/login").header("origin", "https://evil.example");
    elsewhere.json(&body).send().problem(403, "cross_site");
}

/// Enrols, logs in with codes, and removes; gives the secrets.
fn second_factor(house: &House, ada: &Seat) -> Vec<String> {
    let proof = json!({ "password": PASSWORD });
    let enrolment = ada.post("/v1/me/totp", &proof).expect(200).value();
    let secret = enrolment["secret"].as_str().unwrap().to_owned();
    ada.post("/v1/me/totp/confirm", &json!({ "code": "000000" })).problem(422, "invalid_request");
    ada.post("/v1/me/totp/confirm", &json!({ "code": code(&secret, -1) })).expect(204);
    house.login("ada", PASSWORD, None).problem(401, "login_refused");
    let now = code(&secret, 0);
    let answer = house.login("ada", PASSWORD, Some(&now)).expect(200);
    assert_eq!(answer.value()["session"]["method"], "password+totp");
    house.login("ada", PASSWORD, Some(&now)).problem(401, "login_refused");
    // An administrator helps whoever lost the authenticator; all logins end.
    let id = ada.get("/v1/me").expect(200).value()["member"]["id"].as_str().unwrap().to_owned();
    let totp = house.at(&format!("members/{id}/totp"));
    house.owner().ask("DELETE", totp).send().expect(204);
    ada.get("/v1/me").problem(401, "unauthenticated");
    house.login("ada", PASSWORD, None).expect(200);
    vec![secret, cookie(&answer)]
}

/// Makes tokens by the owner's token, uses and revokes them; gives the secrets.
fn tokens(house: &House, gone: &Seat) -> Vec<String> {
    let (owner, path) = (house.owner(), house.at("tokens"));
    let asked = json!({ "name": "reader", "scope": "read" });
    let made = owner.post(&path, &asked).expect(201).value();
    let secret = made["secret"].as_str().unwrap().to_owned();
    let reader = house.server.client(&secret);
    reader.get(house.at("projects")).expect(200);
    let project = json!({ "slug": "y", "name": "Y", "description": "" });
    reader.post(house.at("projects"), &project).problem(403, "scope_too_small");
    reader.post(&path, &asked).problem(403, "scope_too_small");
    gone.get(&path).problem(401, "unauthenticated");
    // Asked twice with one key: made once, shown once.
    let once = || {
        let ask = owner.ask("POST", &path).header("idempotency-key", "k1");
        ask.json(&json!({ "name": "once", "scope": "write" })).send()
    };
    let shown = once().expect(201).value();
    once().problem(409, "secret_shown_before");
    let id = made["token"]["id"].as_str().unwrap();
    owner.ask("DELETE", format!("{path}/{id}")).send().expect(204);
    owner.ask("DELETE", format!("{path}/{id}")).send().problem(404, "not_found");
    reader.get(house.at("projects")).problem(401, "unauthenticated");
    let listed = owner.get(&path).expect(200).text();
    assert!(!listed.contains(&secret) && listed.contains("revoked_at"));
    vec![secret, shown["secret"].as_str().unwrap().to_owned()]
}

/// Logins end one by one, and all by an administrator.
fn forced_logout(house: &House, cookie: &str) {
    let ada = house.seat(cookie);
    let sessions = ada.get(house.at("sessions")).expect(200).value();
    let ids = sessions["items"].as_array().unwrap().clone();
    assert_eq!(ids.len(), 2, "one's own");
    let other = ids[1]["id"].as_str().unwrap();
    ada.delete(house.at(&format!("sessions/{other}"))).expect(204);
    let member = ids[0]["member"].as_str().unwrap();
    ada.delete(house.at(&format!("members/{member}/sessions"))).problem(403, "forbidden");
    let all = house.at(&format!("members/{member}/sessions"));
    house.owner().ask("DELETE", all).send().expect(204);
    ada.get("/v1/me").problem(401, "unauthenticated");
    let out = house.seat(&self::cookie(&house.login("ada", PASSWORD, None)));
    let answer = out.post("/v1/logout", &Value::Null).expect(200);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    out.get("/v1/me").problem(401, "unauthenticated");
    house.owner().post("/v1/logout", &Value::Null).problem(409, "no_login");
}

#[test]
fn sessions_are_limited_in_time_and_number() {
    let limits = ["--session-idle", "2", "--session-longest", "4", "--sessions-per-account", "2"];
    let house = House::sqlite(&limits);
    person(&house, "ada");
    let cookies = [(); 3].map(|()| cookie(&house.login("ada", PASSWORD, None).expect(200)));
    let alive = |cookie: &str| house.seat(cookie).get("/v1/me").status == 200;
    assert_eq!([0, 1, 2].map(|at| alive(&cookies[at])), [false, true, true], "the oldest ends");
    // One is used, the other is not.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2500) {
        assert!(alive(&cookies[2]), "in use");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(!alive(&cookies[1]), "idle");
    // In use, but too old.
    while began.elapsed() < Duration::from_millis(4500) {
        alive(&cookies[2]);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(!alive(&cookies[2]), "too old");
}

/// Runs `admin user` on the server's data with `input` on standard input.
fn admin_user(house: &House, arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = hetero2();
    command.args(["admin", "user"]).args(arguments).arg("--data").arg(house.server.data());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Refused arguments are refused before anything is read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    (output.status.success(), said.concat())
}

#[test]
fn accounts_are_made_and_reset_at_the_machine() {
    let house = House::sqlite(&[]);
    let create = ["create", "ada", "--name", "Ada", "--role", "admin", "--with-password"];
    let (done, said) = admin_user(&house, &create, "short\n");
    assert!(!done && said.contains("12 characters") && !said.contains("short\n"), "{said}");
    let (done, said) = admin_user(&house, &create, &format!("{PASSWORD}\n"));
    assert!(done && !said.contains(PASSWORD), "{said}");
    house.login("ada", PASSWORD, None).expect(200);
    let (done, _) = admin_user(&house, &create, &format!("{PASSWORD}\n"));
    assert!(!done, "the login is taken");
    let (done, _) = admin_user(&house, &["create", "bob"], "");
    assert!(done);
    house.login("bob", PASSWORD, None).problem(401, "login_refused");
    let (done, said) = admin_user(&house, &["reset-password", "bob"], "another horse battery");
    assert!(done, "{said}");
    house.login("bob", "another horse battery", None).expect(200);
    for arguments in [&["reset-totp", "bob"][..], &["reset-totp", "bob", "--org", "local"]] {
        assert!(admin_user(&house, arguments, "").0);
    }
    for arguments in [
        &["reset-totp", "nobody"][..],
        &["reset-password", "bob", "--org", "nowhere"],
        &["reset-password", "bob", "--password", PASSWORD],
        &["create", "Not A Login"],
    ] {
        let (done, said) = admin_user(&house, arguments, &format!("{PASSWORD}\n"));
        assert!(!done, "{arguments:?}: {said}");
    }
    let (_, said) = admin_user(&house, &["list"], "");
    let logins = ["bob", "ada", "admin"].map(|login| said.find(&format!("  {login}\n")));
    assert!(logins.is_sorted() && logins[0].is_some(), "newest first: {said}");
}

/// The same answer, whatever carries the credential wrongly.
#[test]
fn what_is_no_credential_is_unknown() {
    let house = House::sqlite(&[]);
    let mut short = house.token.clone();
    short.pop();
    let session = format!("h2s_{}", &house.token[4..]);
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    let cookie = |value: &str| ("cookie", format!("hetero2_session={value}"));
    for headers in [
        vec![],
        vec![("authorization", String::new())],
        vec![("authorization", "Bearer".to_owned())],
        vec![("authorization", format!("Basic {}", house.token))],
        vec![bearer(&short)],
        vec![bearer(&session)],
        vec![bearer(&"A".repeat(7000))],
        vec![bearer(&house.token), ("authorization", "x".to_owned())],
        vec![cookie(&house.token)],
        vec![cookie("")],
    ] {
        let stranger = house.server.stranger();
        let ask = stranger.ask("GET", "/v1/me");
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        let answer = ask.send().problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}
