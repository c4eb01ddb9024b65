//! Schedulers that a test starts for itself, and ends.

use std::collections::BTreeMap;
use std::env;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hetero2_scheduler::Kind;
use tempfile::TempDir;

/// Where a program is; `None` says on standard error what is not tested,
/// which is a failure where `HETERO2_REQUIRE_…` is `1`.
pub fn program(name: &str, kind: Kind) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    let variable = format!("HETERO2_REQUIRE_{}", kind.to_string().to_uppercase());
    if found.is_none() {
        assert_ne!(env::var(&variable).as_deref(), Ok("1"), "{name} is not on PATH");
        eprintln!("SKIPPED: {name} is not on PATH: {kind} is not tested against the real thing");
    }
    found
}

/// Servers that end with the test, and how programs find them.
pub struct World {
    /// For the programs of the scheduler.
    pub environment: BTreeMap<String, String>,
    /// Where it listens, if it says.
    pub address: String,
    servers: Vec<Child>,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { environment: BTreeMap::new(), address: String::new(), servers: Vec::new(), folder }
    }

    fn start(&mut self, program: &Path, arguments: &[&str]) {
        let child = Command::new(program)
            .args(arguments)
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.servers.push(child);
    }

    /// A server with one worker of two CPUs.
    pub fn hyperqueue(program: &Path) -> Self {
        let mut world = Self::new();
        let folder = world.folder.path().join("server").to_str().unwrap().to_owned();
        world.environment.insert("HQ_SERVER_DIR".to_owned(), folder);
        world.start(program, &["server", "start", "--host=127.0.0.1"]);
        world.until(program, &["server", "info"]);
        world.start(program, &["worker", "start", "--cpus=2"]);
        world
    }

    /// A head with two CPUs, on ports of its own.
    pub fn ray(program: &Path) -> Self {
        let mut world = Self::new();
        let (port, dashboard) = (free_port(), free_port());
        let options = [
            format!("--port={port}"),
            format!("--dashboard-port={dashboard}"),
            format!("--dashboard-agent-listen-port={}", free_port()),
            format!("--ray-client-server-port={}", free_port()),
            format!("--temp-dir={}", world.folder.path().display()),
        ];
        world.address = format!("http://127.0.0.1:{dashboard}");
        let address = world.address.clone();
        world.environment.insert("RAY_API_SERVER_ADDRESS".to_owned(), address.clone());
        let mut arguments =
            vec!["start", "--head", "--block", "--num-cpus=2", "--disable-usage-stats"];
        arguments.extend(options.iter().map(String::as_str));
        world.start(program, &arguments);
        let version = format!("{address}/api/version");
        world.until(Path::new("curl"), &["--silent", "--fail", &version]);
        world
    }

    /// Waits until a command succeeds.
    fn until(&self, program: &Path, arguments: &[&str]) {
        let start = Instant::now();
        let mut command = Command::new(program);
        command.args(arguments).envs(&self.environment);
        while !command.output().unwrap().status.success() {
            assert!(start.elapsed() < Duration::from_secs(90), "{} is away", program.display());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for server in self.servers.iter_mut().rev() {
            // `ray start --block` ends its processes on TERM, not on KILL.
            let pid = server.id().to_string();
            let _ = Command::new("kill").arg(pid).status();
            let _ = server.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
