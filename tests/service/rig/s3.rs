//! An S3 that moto imitates, with an empty bucket.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::process::Kept;
use super::server::Client;
use super::skip;

/// A running store.
pub struct S3 {
    _server: Kept,
    port: u16,
}

/// Where `.ci/run` puts it, else the path.
fn program() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci/venv/bin/moto_server");
    if installed.exists() { installed } else { PathBuf::from("moto_server") }
}

/// Starts one with the bucket `bucket`; none, said loudly, where none starts.
pub fn start(bucket: &str) -> Option<S3> {
    let started = try_start(bucket);
    if let Err(why) = &started {
        skip("S3 (moto)", why);
    }
    started.ok()
}

fn try_start(bucket: &str) -> Result<S3, String> {
    let program = program();
    Command::new(&program)
        .arg("--help")
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap().keep();
    let mut command = Command::new(&program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let log = folder.join("log");
    let server = Kept::start(&command, &log, Some(&folder));
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(std::fs::read_to_string(&log).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let s3 = S3 { _server: server, port };
    s3.client().ask("PUT", format!("/{bucket}")).send().expect(200);
    Ok(s3)
}

impl S3 {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Somebody who reads the bucket past the server.
    pub fn client(&self) -> Client {
        Client { url: self.url(), token: None }
    }

    /// What a server needs to use it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        [
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
        .into()
    }
}
