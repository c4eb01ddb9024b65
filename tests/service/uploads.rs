//! Uploads, datasets and links over HTTP, and the program as their client.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::project::{PART, Project, bytes, done, sha256};
use crate::rig::server::{Server, hetero2};

#[test]
fn a_broken_upload_goes_on_where_it_ended() {
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let plain = bytes(2 * PART + 1000, 1);
    let upload = project.begin(&plain);
    project.put(&upload, 3, &plain[2 * PART..]).expect(200);
    project.put(&upload, 1, &plain[..PART]).expect(200);
    let complete = format!("{upload}/complete");
    let early = project.client.post(&complete, &json!({})).expect(409);
    assert_eq!(early.field("code"), "parts_missing");

    // The server dies, and another takes its place.
    let token = project.client.token.clone().unwrap();
    let server = Server::in_folder(server.kill(), &[], &[]);
    let project = Project { client: server.client(&token), ..project };
    let standing = project.client.get(&upload).expect(200).value();
    let there: Vec<_> =
        standing["parts"].as_array().unwrap().iter().map(|p| &p["number"]).collect();
    assert_eq!(there, [1, 3]);
    project.put(&upload, 2, &plain[PART..2 * PART]).expect(200);
    let joined = project.client.post(&complete, &json!({})).expect(200);
    assert_eq!(joined.field("state"), "complete");
    // Asked again, it answers the same.
    let again = project.client.post(&complete, &json!({})).expect(200);
    assert_eq!(again.value(), joined.value());
    let id = upload.rsplit('/').next().unwrap();
    let made = project.client.post(format!("{}/datasets", project.at), &json!({"upload": id}));
    assert_eq!(made.expect(201).field("sha256"), sha256(&plain));
}

#[test]
fn parts_that_are_not_what_they_declare_are_refused() {
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let plain = bytes(1000, 2);
    let upload = project.begin(&plain);
    let code = |answer: crate::rig::server::Answer, status| answer.expect(status).field("code");
    assert_eq!(code(project.put(&upload, 1, &plain[..999]), 422), "part_size");
    assert_eq!(code(project.put(&upload, 1, &bytes(1001, 2)), 422), "part_size");
    assert_eq!(code(project.put(&upload, 2, &plain), 422), "invalid_request");
    assert_eq!(code(project.put(&upload, 1, &bytes(PART + 1, 2)), 413), "body_too_large");
    let part = format!("{upload}/parts/1");
    let ask = || project.client.ask("PUT", &part).bytes(plain.clone());
    let octets = ("content-type", "application/octet-stream");
    let right = format!("sha-256=:{}:", "A".repeat(43) + "=");
    let digest = ask().header(octets.0, octets.1).header("content-digest", &right).send();
    assert_eq!(code(digest, 422), "digest_mismatch");
    assert_eq!(code(ask().header(octets.0, octets.1).send(), 422), "invalid_request");
    let text = ask().header("content-type", "text/plain").header("content-digest", &right).send();
    assert_eq!(code(text, 415), "unsupported_media_type");
    let standing = project.client.get(&upload).expect(200).value();
    assert_eq!(standing["parts"], json!([]));

    // Given up, and only with the version that was read.
    let version = project.client.get(&upload).header("etag").unwrap().to_owned();
    let abort = || project.client.ask("DELETE", &upload);
    assert_eq!(code(abort().send(), 428), "if_match_required");
    assert_eq!(code(abort().header("if-match", "\"v99\"").send(), 412), "version_changed");
    abort().header("if-match", &version).send().expect(204);
    assert_eq!(code(project.put(&upload, 1, &plain), 409), "upload_closed");
    let large = json!({"name": "a", "size": 65_u64 << 30, "sha256": "0".repeat(64)});
    let large = project.client.post(format!("{}/uploads", project.at), &large);
    assert_eq!(code(large, 413), "upload_too_large");
}

#[test]
fn ranges_versions_and_heads_of_content() {
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let plain = bytes(150_000, 3);
    let dataset = project.dataset(&plain);
    let content = format!("{dataset}/content");
    let whole = project.content(&dataset).expect(200);
    assert!(whole.body == plain);
    let tag = whole.header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", sha256(&plain)));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-length"), Some("150000"));
    assert!(whole.header("content-disposition").unwrap().starts_with("attachment"));
    let range = |range: &str, tag: Option<&str>| {
        let ask = project.client.ask("GET", &content).header("range", range);
        match tag {
            Some(tag) => ask.header("if-range", tag).send(),
            None => ask.send(),
        }
    };
    for (text, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=131072-", 131_072, 150_000),
        ("bytes=-7", 149_993, 150_000),
    ] {
        let part = range(text, Some(&tag)).expect(206);
        assert!(part.body == plain[from..to], "{text}");
        let expected = format!("bytes {from}-{}/150000", to - 1);
        assert_eq!(part.header("content-range"), Some(expected.as_str()));
    }
    let beyond = range("bytes=150000-", None).expect(416);
    assert_eq!(beyond.header("content-range"), Some("bytes */150000"));
    assert_eq!(beyond.field("code"), "range_not_satisfiable");
    // Of another version, or of several, the whole.
    assert_eq!(range("bytes=0-0", Some("\"other\"")).expect(200).body.len(), 150_000);
    assert_eq!(range("bytes=0-0,5-6", None).expect(200).body.len(), 150_000);
    let head = project.client.ask("HEAD", &content).send().expect(200);
    assert_eq!(head.header("content-length"), Some("150000"));
    assert_eq!(head.header("etag"), Some(tag.as_str()));
    let known = project.client.ask("GET", &content).header("if-none-match", &tag).send();
    assert!(known.expect(304).body.is_empty());
}

#[test]
fn a_link_reads_without_a_credential_and_is_in_the_trail() {
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let plain = bytes(100_000, 4);
    let dataset = project.dataset(&plain);
    let made = project.client.post(format!("{dataset}/link"), &json!({"seconds": 60})).expect(201);
    let (path, id) = (made.field("path"), made.field("id"));
    assert!(server.stranger().get(&path).expect(200).body == plain);
    let range = server.stranger().ask("GET", &path).header("range", "bytes=5-9").send();
    assert!(range.expect(206).body == plain[5..=9]);
    let mut forged = path.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    assert_eq!(server.stranger().get(forged).expect(404).field("code"), "not_found");
    let short = project.client.post(format!("{dataset}/link"), &json!({"seconds": 1})).expect(201);
    std::thread::sleep(Duration::from_millis(1100));
    let expired = server.stranger().get(short.field("path")).expect(410);
    assert_eq!(expired.field("code"), "link_expired");
    for seconds in [0, 901] {
        project.client.post(format!("{dataset}/link"), &json!({"seconds": seconds})).expect(422);
    }
    let org = &server.first.as_ref().unwrap().0;
    let trail = project.client.get(format!("/v1/orgs/{org}/audit?limit=200")).expect(200).value();
    let events = trail["items"].as_array().unwrap();
    let count = |action: &str| {
        let text = |event: &Value| event.to_string();
        let of = |event: &&Value| event["action"] == action && text(event).contains(&id);
        events.iter().filter(of).count()
    };
    assert_eq!((count("link.create"), count("data.read")), (1, 2));
}

/// `hetero2 remote` with a home of its own.
fn remote(home: &Path, token: Option<&str>, arguments: &[&str]) -> Command {
    let mut command = hetero2();
    command.env("XDG_CONFIG_HOME", home.join("config")).current_dir(home);
    match token {
        Some(token) => command.env("HETERO2_TOKEN", token),
        None => command.env_remove("HETERO2_TOKEN"),
    };
    command.args(["remote", "--json"]).args(arguments).stdin(Stdio::null());
    command
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn the_program_sends_lists_and_receives() {
    let mut server = Server::sqlite(&[]);
    let (_, token) = server.first.clone().unwrap();
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| remote(home.path(), None, arguments).output().unwrap();
    assert_eq!(code(&run(&["ls"])), Some(2), "nobody is logged in");
    let wrong = token.replace(&token[70..], &"x".repeat(token.len() - 70));
    let login = remote(home.path(), Some(&wrong), &["login", &server.url]).output().unwrap();
    assert!(!login.status.success());
    assert_eq!(code(&run(&["ls"])), Some(2), "a login that does not work is not kept");
    done(&remote(home.path(), Some(&token), &["login", &server.url]).output().unwrap());
    let kept = std::fs::metadata(home.path().join("config/hetero2/remote.json")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&kept.permissions()) & 0o777, 0o600);

    let plain = bytes(PART + 12_345, 5);
    std::fs::write(home.path().join("a.smi"), &plain).unwrap();
    let send = ["upload", "a.smi", "--project", "first", "--description", "all"];
    assert_eq!(code(&run(&send)), Some(4), "there is no such project");
    let sent = done(&run(&[&send[..], &["--create-project"]].concat()));
    assert_eq!(sent["datasets"][0]["sha256"], sha256(&plain));
    let listed = done(&run(&["ls", "--project", "first"]));
    assert_eq!(listed["datasets"], sent["datasets"]);
    assert_eq!(done(&run(&["ls"]))["projects"][0]["slug"], "first");

    let receive = ["download", "a.smi", "--project", "first", "--out", "b.smi"];
    done(&run(&receive));
    assert!(std::fs::read(home.path().join("b.smi")).unwrap() == plain);
    assert_eq!(code(&run(&receive)), Some(2), "a file is not overwritten");
    // What came before is not sent again; what is wrong of it is found.
    let partial = home.path().join(format!(".c.smi.{}.partial", &sha256(&plain)[..16]));
    let again = ["download", "a.smi", "--project", "first", "--out", "c.smi"];
    std::fs::write(&partial, &plain[..PART]).unwrap();
    done(&run(&again));
    assert!(std::fs::read(home.path().join("c.smi")).unwrap() == plain);
    std::fs::remove_file(home.path().join("c.smi")).unwrap();
    std::fs::write(&partial, bytes(PART, 6)).unwrap();
    assert_eq!(code(&run(&again)), Some(3), "wrong bytes are found");
    assert!(!home.path().join("c.smi").exists() && !partial.exists());
    let none = run(&["download", "none", "--project", "first", "--out", "d"]);
    assert_eq!(code(&none), Some(4));
    server.stop();
    assert!(!server.log().contains(&token[60..]), "the token is in the log");
}

#[test]
fn a_killed_client_goes_on_where_it_ended() {
    let server = Server::sqlite(&[]);
    let (_, token) = server.first.clone().unwrap();
    let project = Project::new(&server);
    let home = tempfile::tempdir().unwrap();
    done(&remote(home.path(), Some(&token), &["login", &server.url]).output().unwrap());
    let plain = bytes(4 * PART, 7);
    std::fs::write(home.path().join("a.smi"), &plain).unwrap();
    let send = ["upload", "a.smi", "--project", "first"];
    let mut client = remote(home.path(), None, &send).stdout(Stdio::null()).spawn().unwrap();
    let uploads = format!("{}/uploads", project.at);
    let first = || {
        let found = project.client.get(&uploads).expect(200).value();
        let id = found["items"][0]["id"].as_str().map(str::to_owned)?;
        let standing = project.client.get(format!("{uploads}/{id}")).expect(200).value();
        Some((id, standing["parts"].as_array().unwrap().len()))
    };
    let start = Instant::now();
    while first().is_none_or(|(_, parts)| parts == 0) && start.elapsed().as_secs() < 60 {
        std::thread::sleep(Duration::from_millis(5));
    }
    client.kill().unwrap();
    client.wait().unwrap();
    let (id, _) = first().unwrap();
    done(&remote(home.path(), None, &send).output().unwrap());
    let found = project.client.get(&uploads).expect(200).value();
    let ids: Vec<_> = found["items"].as_array().unwrap().iter().map(|u| u["id"].clone()).collect();
    assert_eq!(ids, [json!(id)], "the same upload went on");
    assert_eq!(found["items"][0]["state"], "complete");
}

/// Eight at once of 32 MiB each here; `HETERO2_FULL=1` makes it 1 GiB each.
#[test]
fn memory_stays_flat_while_eight_upload() {
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let is_full = std::env::var("HETERO2_FULL").is_ok_and(|value| value == "1");
    let parts = if is_full { 64 } else { 2 };
    let part = bytes(PART, 8);
    let digest = {
        use sha2::Digest as _;
        let mut digest = sha2::Sha256::new();
        (0..parts).for_each(|_| digest.update(&part));
        hex::encode(digest.finalize())
    };
    let started = Instant::now();
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (project, part, digest) = (&project, &part, &digest);
            scope.spawn(move || {
                let new = json!({"name": format!("{at}"), "size": parts * PART, "sha256": digest});
                let made = project.client.post(format!("{}/uploads", project.at), &new);
                let upload = format!("{}/uploads/{}", project.at, made.expect(201).field("id"));
                for number in 1..=parts {
                    project.put(&upload, number, part).expect(200);
                }
                project.client.post(format!("{upload}/complete"), &json!({})).expect(200);
            });
        }
    });
    let (_, most) = server.memory();
    let megabytes = 8 * parts * PART / 1_000_000;
    eprintln!(
        "8 uploads, {megabytes} MB: {:.1} s, at most {} MiB",
        started.elapsed().as_secs_f64(),
        most / 1024
    );
    assert!(most < 320 * 1024, "{most} KiB");
}
