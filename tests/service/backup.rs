//! Backups, restores and rotations, and kills at any point of them.
//!
//! `HETERO2_KILLS` says how many kills; a few unless it is set.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::postgres;
use crate::rig::project::{Project, admin, bytes, done};
use crate::rig::server::{Server, create_org, hetero2};

fn kills() -> usize {
    std::env::var("HETERO2_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// `hetero2 admin` on a data folder, not yet run.
fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = hetero2();
    command.args(["admin", "--json", "--data"]).arg(data).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs `command` and kills it after `moment`; gives whether it had ended.
fn kill_after(mut command: Command, moment: Duration) -> bool {
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    while start.elapsed() < moment {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

/// How long `command` takes when it is left alone.
fn time_of(mut command: Command) -> Duration {
    let start = Instant::now();
    assert!(command.status().unwrap().success());
    start.elapsed()
}

/// A moment within `whole`, spread over it from kill to kill.
fn moment(whole: Duration, kill: usize) -> Duration {
    // Golden steps: every stretch is met.
    whole.mul_f64((kill as f64 * 0.618_034 + 0.05).fract())
}

/// Rows of every table and digests of every file, without the times.
fn contents(backup: &Path) -> Value {
    let text = std::fs::read(backup.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    json!({"rows": manifest["rows"], "files": manifest["files"]})
}

struct Setting {
    server: Server,
    project: Project,
    datasets: Vec<(String, Vec<u8>)>,
    folder: tempfile::TempDir,
}

impl Setting {
    fn new() -> Self {
        let server = Server::sqlite(&[]);
        let project = Project::new(&server);
        let made = (1..=3_u64).map(|seed| {
            let plain = bytes(seed as usize * 300_000, seed);
            (project.dataset(&plain), plain)
        });
        let datasets = made.collect();
        let open = project.begin(&bytes(1000, 9));
        project.put(&open, 1, &bytes(1000, 9)).expect(200);
        Self { server, project, datasets, folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

/// A server on what was restored gives every dataset, to whoever had the token.
fn serves_the_same(server: &Server, setting: &Setting) {
    let client = server.client(setting.project.client.token.as_ref().unwrap());
    let project = Project { client, ..setting.project.clone() };
    for (dataset, plain) in &setting.datasets {
        assert!(project.content(dataset).expect(200).body == *plain);
    }
}

/// The data folder of a server that is to be, with the master key of another.
fn new_home(setting: &Setting) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::copy(setting.server.data().join("master.key"), data.join("master.key")).unwrap();
    home
}

#[test]
fn a_restored_server_is_equal() {
    let setting = Setting::new();
    let one = setting.at("one");
    let made = done(&admin(&setting.server.data(), &["backup", &one]));
    assert_eq!(made["objects"], 4);
    done(&admin(&setting.server.data(), &["verify-backup", &one]));
    assert!(!Path::new(&one).join("master.key").exists());
    let linked = ["backup", &setting.at("two"), "--previous", &one, "--with-master-key"];
    done(&admin(&setting.server.data(), &linked));
    assert!(Path::new(&setting.at("two")).join("master.key").exists());

    let home = new_home(&setting);
    let data = home.path().join("data");
    done(&admin(&data, &["restore", &one]));
    let again = admin(&data, &["restore", &one]);
    assert_eq!(again.status.code(), Some(2), "a database that is not empty is left alone");
    let copy = setting.at("copy");
    done(&admin(&data, &["backup", &copy]));
    assert_eq!(contents(Path::new(&one)), contents(Path::new(&copy)));
    done(&admin(&data, &["verify-data"]));
    serves_the_same(&Server::in_folder(home, &[], &[]), &setting);

    // Anything that was changed is found before anything is restored.
    let table = Path::new(&copy).join("tables/dataset.jsonl");
    let text = std::fs::read_to_string(&table).unwrap();
    std::fs::write(&table, text.replace("a.smi", "b.smi")).unwrap();
    let other = new_home(&setting);
    let refused = admin(&other.path().join("data"), &["restore", &copy]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}

#[test]
fn sqlite_moves_to_postgresql_and_that_to_another() {
    let Some(cluster) = postgres::shared() else { return };
    let setting = Setting::new();
    let one = setting.at("one");
    done(&admin(&setting.server.data(), &["backup", &one]));
    let database = cluster.empty();
    let home = new_home(&setting);
    let data = home.path().join("data");
    let with = |url: &str, arguments: &[&str]| {
        let mut command = hetero2();
        command.args(["admin", "--json", "--data"]).arg(&data).args(arguments);
        done(&command.env("HETERO2_DATABASE", url).output().unwrap())
    };
    with(&database.owner_url(), &["restore", &one]);
    let (_, stranger) = create_org(&database.owner_url(), "other");
    let two = setting.at("two");
    let made = with(&database.owner_url(), &["backup", &two]);
    assert_eq!(made["objects"], 4);
    let second = cluster.empty();
    std::fs::remove_dir_all(data.join("objects")).unwrap();
    with(&second.owner_url(), &["restore", &two]);
    let three = setting.at("three");
    with(&second.owner_url(), &["backup", &three]);
    assert_eq!(contents(Path::new(&two)), contents(Path::new(&three)));
    with(&second.owner_url(), &["rotate-keys"]);
    with(&second.owner_url(), &["verify-data"]);

    let environment = [("HETERO2_DATABASE", second.app_url())];
    let server = Server::in_folder(home, &[], &environment);
    serves_the_same(&server, &setting);
    let content = format!("{}/content", setting.datasets[0].0);
    server.client(&stranger).get(content).expect(404);
}

#[test]
fn kills_leave_no_half_of_a_backup() {
    let setting = Setting::new();
    let data = setting.server.data();
    let whole = time_of(command(&data, &["backup", &setting.at("whole")]));
    for kill in 0..kills() {
        let name = setting.at(&format!("k{kill}"));
        let had_ended = kill_after(command(&data, &["backup", &name]), moment(whole, kill));
        let is_there = Path::new(&name).exists();
        assert!(is_there || !had_ended, "{kill}");
        if is_there {
            done(&admin(&data, &["verify-backup", &name]));
        } else {
            // The same command again ends the work, and sweeps what was left.
            done(&admin(&data, &["backup", &name]));
        }
        std::fs::remove_dir_all(&name).unwrap();
        let left = std::fs::read_dir(setting.folder.path()).unwrap().count();
        assert_eq!(left, 1, "{kill}");
    }
}

#[test]
fn kills_leave_no_half_of_a_restore() {
    let setting = Setting::new();
    let one = setting.at("one");
    done(&admin(&setting.server.data(), &["backup", &one]));
    let home = new_home(&setting);
    let whole = time_of(command(&home.path().join("data"), &["restore", &one]));
    for kill in 0..kills() {
        let home = new_home(&setting);
        let data = home.path().join("data");
        kill_after(command(&data, &["restore", &one]), moment(whole, kill));
        let again = admin(&data, &["restore", &one]);
        // Either it was empty, or the whole was there.
        assert!(matches!(again.status.code(), Some(0 | 2)), "{kill}: {again:?}");
        let copy = setting.at("copy");
        done(&admin(&data, &["backup", &copy]));
        assert_eq!(contents(Path::new(&one)), contents(Path::new(&copy)), "{kill}");
        std::fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn kills_lose_no_key_in_a_rotation() {
    let setting = Setting::new();
    let data = setting.server.data();
    let whole = time_of(command(&data, &["rotate-keys"]));
    for kill in 0..kills() {
        kill_after(command(&data, &["rotate-keys"]), moment(whole, kill));
        let checked = done(&admin(&data, &["verify-data"]));
        assert_eq!(checked["damaged"], json!([]), "{kill}");
    }
    serves_the_same(&setting.server, &setting);
}

#[test]
fn rotations_while_projects_are_made_lose_no_key() {
    let Some(cluster) = postgres::shared() else { return };
    let database = crate::rig::block_on(cluster.migrated());
    let (org, token) = create_org(&database.owner_url(), "acme");
    let server = Server::postgres(&database.app_url(), &["--requests-per-second", "10000"]);
    let client = server.client(&token);
    let admin = |arguments: &[&str]| {
        let mut command = hetero2();
        command.args(["admin", "--json", "--data"]).arg(server.data()).args(arguments);
        done(&command.env("HETERO2_DATABASE", database.owner_url()).output().unwrap())
    };
    let made: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4_u64)
            .map(|maker| {
                let (client, org) = (&client, &org);
                let one = move |at: u64| {
                    // A project of its own: its key is made now.
                    let project = Project::of(client.clone(), org, &format!("p{maker}-{at}"));
                    let plain = bytes(1000, maker * 100 + at);
                    (project.dataset(&plain), project, plain)
                };
                scope.spawn(move || (0..6).map(one).collect::<Vec<_>>())
            })
            .collect();
        while makers.iter().any(|maker| !maker.is_finished()) {
            admin(&["rotate-keys", "--org", &org]);
        }
        makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect()
    });
    let checked = admin(&["verify-data"]);
    assert_eq!((&checked["blobs"], &checked["damaged"]), (&json!(24), &json!([])));
    for (dataset, project, plain) in made {
        assert!(project.content(&dataset).expect(200).body == plain);
    }
}

#[test]
fn kills_of_the_server_leave_uploads_whole_or_open() {
    let mut server = Server::sqlite(&[]);
    let mut project = Project::new(&server);
    let token = project.client.token.clone().unwrap();
    let plain = bytes(3_000_000, 1);
    let start = Instant::now();
    project.upload(&plain);
    let whole = start.elapsed();
    for kill in 0..kills().div_ceil(2) {
        let upload = project.begin(&plain);
        project.put(&upload, 1, &plain).expect(200);
        // Joining goes on while the server is killed.
        let pid = server.pid().to_string();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(moment(whole, kill));
            Command::new("kill").args(["-9", &pid]).status().unwrap();
        });
        let at = format!("{}{upload}/complete", server.url);
        let _ = Command::new("curl")
            .args(["-s", "-X", "POST", "-H", "content-type: application/json", "-d", "{}"])
            .args(["-H", &format!("authorization: Bearer {token}"), &at])
            .output();
        killer.join().unwrap();
        server = Server::in_folder(server.kill(), &[], &[]);
        project = Project { client: server.client(&token), ..project };
        let standing = project.client.get(&upload).expect(200).value();
        match standing["state"].as_str().unwrap() {
            "open" => {
                assert_eq!(standing["parts"].as_array().unwrap().len(), 1);
                project.client.post(format!("{upload}/complete"), &json!({})).expect(200);
            }
            state => assert_eq!(state, "complete"),
        }
        let checked = done(&admin(&server.data(), &["verify-data"]));
        assert_eq!(checked["damaged"], json!([]), "{kill}");
    }
}
