//! What the server asks of the kernel while hostile data passes through it: it
//! starts no program. Workers do, and end what is hostile by its limits.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::process::Kept;
use crate::rig::project::Project;
use crate::rig::server::Server;
use crate::rig::worker::{self, ended, submit, token};
use crate::rig::{skip, worker::Worker};

/// Watches a process and all that it starts; none, said loudly, where nothing may
/// be watched.
fn watch(pid: u32, log: &Path) -> Option<Kept> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=execve,execveat,fork,vfork", "-o"]).arg(log);
    strace.args(["-p", &pid.to_string()]);
    if let Err(error) = Command::new("strace").arg("--version").output() {
        skip("strace", &error.to_string());
        return None;
    }
    let kept = Kept::start(&strace, &log.with_extension("out"), None);
    let start = Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        if status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0")) {
            return Some(kept);
        }
        if start.elapsed() > Duration::from_secs(10) {
            let said = std::fs::read_to_string(log.with_extension("err")).unwrap_or_default();
            skip("strace", &said);
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A pack whose manifest is far larger than what is sent.
fn bomb() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for name in ["manifest.json", "../../../etc/cron.d/x", "checksums.sha256"] {
        zip.start_file(name, options).unwrap();
        std::io::copy(&mut std::io::repeat(b'[').take(64 << 20), &mut zip).unwrap();
    }
    zip.flush().unwrap();
    zip.finish().unwrap().into_inner()
}

/// Molecules that no one should try to compute.
fn molecules() -> String {
    let mut text = String::new();
    for line in [
        "C".repeat(200_000),
        "(".repeat(100_000),
        "C1".repeat(50_000),
        "[".repeat(10_000) + "C",
        "C%99".repeat(10_000),
        "$(touch /tmp/hetero2-was-here) `id`".to_owned(),
        "CCO\0\u{202e}x".to_owned(),
    ] {
        text += &format!("{line} bad\n");
    }
    text + "CCO ethanol\n"
}

fn submitted(project: &Project, kind: &str, role: &str, bytes: &[u8], name: &str) -> Value {
    let path = project.dataset(bytes);
    let client = &project.client;
    let tag = client.get(&path).expect(200).header("etag").unwrap().to_owned();
    let change = json!({ "name": name });
    client.ask("PATCH", &path).header("if-match", &tag).json(&change).send().expect(200);
    let dataset = path.rsplit('/').next().unwrap();
    let input = json!({"role": role, "source": {"dataset": dataset}});
    let limits = json!({"seconds": 60, "memory_mib": 1024, "attempts": 1});
    let spec = json!({"kind": kind, "inputs": [input], "limits": limits});
    ended(project, &submit(project, &spec))
}

fn lines_with(log: &Path, what: &str) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
}

#[test]
fn the_server_starts_no_program_whatever_passes_through_it() {
    let server = Server::sqlite(&["--requests-per-second", "1000"]);
    let folder = tempfile::tempdir().unwrap();
    let (of_server, of_worker) = (folder.path().join("server"), folder.path().join("worker"));
    let Some(watched) = watch(server.pid(), &of_server) else { return };
    let project = Project::new(&server);
    let directory = folder.path().join("work");
    let worker: Worker = worker::start(
        &server.url,
        &token(&server.data()),
        &directory,
        &["--slots", "1", "--threads", "1"],
    );
    let Some(watched_too) = watch(worker.pid(), &of_worker) else { return };

    let run = submitted(&project, "run", "library", molecules().as_bytes(), "bad.smi");
    assert_eq!(run["state"], "succeeded", "{run}");
    let pack = submitted(&project, "rerun", "pack", &bomb(), "bomb.zip");
    assert_eq!(pack["state"], "failed", "{pack}");
    assert!(["input", "verification"].contains(&pack["reason"].as_str().unwrap()), "{pack}");
    project.client.get("/v1/me").expect(200);

    drop((watched, watched_too));
    let found = lines_with(&of_server, "(");
    assert!(found.is_empty(), "{found:?}");
    // What watches would have seen it: the worker starts the program.
    assert!(!lines_with(&of_worker, "execve(").is_empty());
    assert!(!Path::new("/tmp/hetero2-was-here").exists());
}
