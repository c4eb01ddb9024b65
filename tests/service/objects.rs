//! What is stored is one standard age file each, which Debian's `age` opens
//! with the keys of the hierarchy, and any change of which is found.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::rig::project::{PART, Project, admin, bytes, done};
use crate::rig::server::{Server, hetero2};
use crate::rig::{s3, skip};

/// Decrypts `sealed` with the identity in `key`.
fn age(key: &Path, sealed: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new("age")
        .args(["--decrypt", "--identity"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().unwrap();
    let sealed = sealed.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&sealed));
    let output = child.wait_with_output().unwrap();
    // A wrong key is known before all is read.
    let _ = writer.join().unwrap();
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn has_age() -> bool {
    let version = Command::new("age").arg("--version").output();
    if let Err(error) = &version {
        skip("age", &error.to_string());
    }
    version.is_ok()
}

fn rows(backup: &Path, table: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(backup.join(format!("tables/{table}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn debians_age_recovers_a_dataset_from_a_backup_and_the_master_key() {
    if !has_age() {
        return;
    }
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let plain = bytes(PART + 100_000, 1);
    project.dataset(&plain);
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    done(&admin(&server.data(), &["backup", backup.to_str().unwrap()]));

    // The provider's key opens the organisation's, that the project's, that the file.
    let keys = rows(&backup, "data_key");
    let row = |is_org: bool| keys.iter().find(|key| key.get("project_id").is_none() == is_org);
    let (org, of_project) = (row(true).unwrap(), row(false).unwrap());
    assert_eq!(of_project["wrapped_by"], org["id"]);
    let unwrap = |key: &Path, row: &Value, name: &str| -> PathBuf {
        let opened = age(key, row["wrapped"].as_str().unwrap().as_bytes()).unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, opened).unwrap();
        path
    };
    let master = server.data().join("master.key");
    let org_key = unwrap(&master, org, "org.key");
    let project_key = unwrap(&org_key, of_project, "project.key");
    let blob = &rows(&backup, "blob")[0];
    let name = blob["object_name"].as_str().unwrap();
    let sealed = std::fs::read(backup.join("objects").join(name)).unwrap();
    assert!(age(&project_key, &sealed).unwrap() == plain);

    // Nothing else opens it, and it opens nothing that was changed.
    for key in [&master, &org_key] {
        assert!(age(key, &sealed).is_err());
    }
    let mut flipped = sealed.clone();
    flipped[sealed.len() / 2] ^= 1;
    assert!(age(&project_key, &flipped).is_err());
    assert!(age(&project_key, &sealed[..sealed.len() - 1]).is_err());
    // Neither the name nor the bytes tell what is stored.
    assert!(!name.contains(blob["sha256"].as_str().unwrap()));
    assert!(!sealed.windows(64).any(|window| window == &plain[..64]));
}

/// The blobs that the server keeps, by their sizes.
fn stored(server: &Server) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![server.data().join("objects")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    found
}

#[test]
fn a_flipped_cut_swapped_or_lost_object_is_answered_never_served() {
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let (small, large) = (bytes(50_000, 1), bytes(200_000, 2));
    let datasets = [project.dataset(&small), project.dataset(&large)];
    let objects = stored(&server);
    assert_eq!(objects.len(), 2);
    let kept: Vec<_> = objects.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let damaged = |dataset: &str, range: Option<&str>| {
        let ask = project.client.ask("GET", format!("{dataset}/content"));
        let ask = match range {
            Some(range) => ask.header("range", range),
            None => ask,
        };
        assert_eq!(ask.send().expect(500).field("code"), "data_damaged");
    };
    let mut flipped = kept[0].clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut head = kept[0].clone();
    head[30] ^= 1;
    for changed in
        [flipped, head, kept[0][..kept[0].len() - 1].to_vec(), Vec::new(), kept[1].clone()]
    {
        std::fs::write(&objects[0], changed).unwrap();
        damaged(&datasets[0], None);
        damaged(&datasets[0], Some("bytes=0-9"));
        let checked = admin(&server.data(), &["verify-data"]);
        assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    }
    std::fs::remove_file(&objects[0]).unwrap();
    damaged(&datasets[0], None);
    std::fs::write(&objects[0], &kept[0]).unwrap();
    // A range is checked where it reads.
    let mut flipped = kept[1].clone();
    let at = flipped.len() - 1;
    flipped[at] ^= 1;
    std::fs::write(&objects[1], flipped).unwrap();
    damaged(&datasets[1], Some("bytes=199000-"));
    let first = project.client.ask("GET", format!("{}/content", datasets[1]));
    let first = first.header("range", "bytes=0-999").send().expect(206);
    assert!(first.body == large[..1000]);
    // A large one ends early: never are wrong bytes taken for the whole.
    std::fs::write(&objects[1], &kept[1]).unwrap();
    assert!(project.content(&datasets[1]).expect(200).body == large);
    assert!(project.content(&datasets[0]).expect(200).body == small);
    assert_eq!(done(&admin(&server.data(), &["verify-data"]))["blobs"], 2);
}

#[test]
fn a_server_with_another_master_key_does_not_start() {
    let server = Server::sqlite(&[]);
    let project = Project::new(&server);
    let dataset = project.dataset(b"CCO ethanol\n");
    let client = project.client.clone();
    let folder = server.kill();
    let master = folder.path().join("data/master.key");
    let kept = std::fs::read(&master).unwrap();
    std::fs::remove_file(&master).unwrap();
    // A server that could read nothing does not start, whatever key it made.
    for _ in 0..2 {
        let mut start = hetero2();
        start.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
        let output = start.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("was wrapped by file:age1"), "{said}");
    }
    let data = folder.path().join("data");
    let checked = admin(&data, &["verify-data"]);
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    assert!(!admin(&data, &["rotate-keys"]).status.success());
    std::fs::write(&master, kept).unwrap();
    let server = Server::in_folder(folder, &[], &[]);
    let again = server.client(client.token.as_ref().unwrap());
    let project = Project { client: again, ..project };
    assert_eq!(project.content(&dataset).expect(200).body, b"CCO ethanol\n");
}

#[test]
fn objects_in_a_bucket() {
    let Some(s3) = s3::start("hetero2") else { return };
    let options = ["--objects", "s3://hetero2/some/prefix"];
    let folder = tempfile::tempdir().unwrap();
    let server = Server::in_folder(folder, &options, &s3.environment());
    let project = Project::new(&server);
    // More than one part of the upload, and of the object.
    let plain = bytes(PART + 5_000_000, 3);
    let dataset = project.dataset(&plain);
    assert!(project.content(&dataset).expect(200).body == plain);
    let range = project.client.ask("GET", format!("{dataset}/content"));
    let range = range.header("range", "bytes=16777000-16778000").send().expect(206);
    assert!(range.body == plain[16_777_000..=16_778_000]);
    // The parts are gone, one sealed object is left, under the prefix.
    let list = s3.client().get("/hetero2?list-type=2").expect(200).text();
    let keys: Vec<_> =
        list.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(keys.len(), 1, "{list}");
    assert!(keys[0].starts_with("some/prefix/org_"), "{list}");
    let stored = s3.client().get(format!("/hetero2/{}", keys[0])).expect(200).body;
    assert!(stored.starts_with(b"age-encryption.org/v1\n"));
    // Cut behind the server's back.
    let ask = s3.client();
    let cut = stored[..stored.len() - 20].to_vec();
    ask.ask("PUT", format!("/hetero2/{}", keys[0])).bytes(cut).send().expect(200);
    assert_eq!(project.content(&dataset).expect(500).field("code"), "data_damaged");
}
