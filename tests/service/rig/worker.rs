//! Workers: the program itself, killed as a failing machine kills it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::project::Project;
use super::server::hetero2;

/// Starts a worker of the server at `url` in `directory`, with `options` besides;
/// its log is beside the directory.
pub fn start(url: &str, token: &Path, directory: &Path, options: &[&str]) -> Worker {
    start_with(url, token, directory, options, &[])
}

/// The same, with an environment besides.
pub fn start_with(
    url: &str,
    token: &Path,
    directory: &Path,
    options: &[&str],
    environment: &[(&str, String)],
) -> Worker {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(directory.with_extension("log"))
        .unwrap();
    let mut command = hetero2();
    command.args(["worker", "-v", "--server", url, "--pool-token-file"]).arg(token);
    command.arg("--directory").arg(directory).args(options);
    command.env("HETERO2_LOG", "hetero2=info,hetero2_service=info");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Worker { child: command.spawn().unwrap() }
}

/// A worker that runs until it is dropped.
pub struct Worker {
    child: Child,
}

impl Worker {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processes that compute for it.
    pub fn children(&self) -> Vec<u32> {
        children_of(self.pid())
    }

    /// Ends it as a failing machine does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) {
        signal("TERM", self.pid());
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(60), "the worker does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process, if it is there.
pub fn signal(name: &str, pid: u32) {
    let pid = pid.to_string();
    let _ = Command::new("kill").args([&format!("-{name}"), &pid]).stderr(Stdio::null()).status();
}

/// The children of a process.
pub fn children_of(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        after.split_ascii_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    pids.filter(is_child).collect()
}

/// The token of the pool that a server on `data` made.
pub fn token(data: &Path) -> PathBuf {
    data.join("worker.token")
}

/// Submits a job; gives its address.
#[track_caller]
pub fn submit(project: &Project, spec: &Value) -> String {
    let new = serde_json::json!({ "spec": spec });
    let made = project.client.post(format!("{}/jobs", project.at), &new).expect(201);
    format!("{}/jobs/{}", project.at, made.field("id"))
}

/// Waits until a job is in one of `states`; gives its document.
#[track_caller]
pub fn until(project: &Project, job: &str, states: &[&str]) -> Value {
    let start = Instant::now();
    loop {
        let found = project.client.get(job).expect(200).value();
        if states.contains(&found["state"].as_str().unwrap()) {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(180), "{found}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until a job has ended; gives its document.
#[track_caller]
pub fn ended(project: &Project, job: &str) -> Value {
    until(project, job, &["succeeded", "failed", "cancelled"])
}

/// The names of what the last attempt of a job made.
#[track_caller]
pub fn artifacts(project: &Project, job: &Value) -> Vec<String> {
    let run = job["run"].as_str().unwrap();
    let found = project.client.get(format!("{}/runs/{run}/artifacts", project.at)).expect(200);
    let items = found.value()["items"].as_array().unwrap().clone();
    let mut names: Vec<String> =
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The bytes of an artifact of a job's last attempt.
#[track_caller]
pub fn artifact(project: &Project, job: &Value, name: &str) -> Vec<u8> {
    let run = job["run"].as_str().unwrap();
    let path = format!("{}/runs/{run}/artifacts/{name}/content", project.at);
    project.client.get(path).expect(200).body
}
