//! Libraries at addresses: a web server that cuts connections, Python's web
//! server, and S3 as `moto_server` imitates it.
//!
//! Build and run with `cargo test --features remote --test remote`.

#[path = "../support/mod.rs"]
mod support;

mod s3;
mod web;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{net, thread};

use serde_json::json;
use support::{Done, Run, call, demo_library, hetero2, scratch, skip_loudly, write};
use web::{Manner, Web};

/// Bytes after which connections are cut: the demo library comes in seven pieces.
const CUT: usize = 10_000;

/// A server that ends with the value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts a program on a free port, once it listens; `None` where it is not
    /// installed.
    fn start(command: &mut Command, port: u16) -> Option<Self> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self(command.spawn().ok()?);
        for _ in 0..600 {
            if net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            if server.0.try_wait().ok()?.is_some() {
                return None;
            }
            thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

fn free_port() -> u16 {
    net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Without a server the check is left out loudly, or fails if it is required.
fn without(test: &str, server: &str) {
    let required = std::env::var("HETERO2_REQUIRE_REMOTE").is_ok_and(|value| value == "1");
    assert!(!required, "{server} has to be tested here and does not start");
    skip_loudly(test, &format!("no {server} (HETERO2_REQUIRE_REMOTE=1 makes this a failure)"));
}

const FEW: [&str; 2] = ["--decoys", "1"];

fn run(address: &str, out: &Path) -> Run {
    Run::of(Path::new(address), out, &FEW)
}

/// A run that must be refused with exit 2.
fn refused(address: &str, out: &Path) -> Done {
    call(hetero2().args(["run", address, "--out"]).arg(out).args(FEW)).expect_code(2)
}

/// Two runs leave packs of the same content, files and summary.
fn assert_same(a: &Run, b: &Run) {
    assert_eq!(a.verify(), b.verify());
    let (a, b) = (a.files(), b.files());
    assert_eq!(a["summary.csv"], b["summary.csv"]);
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
}

/// No file below a folder holds the text.
fn assert_nowhere(folder: &Path, secret: &str) {
    for name in support::tree(folder).iter().filter(|name| !name.ends_with('/')) {
        let bytes = fs::read(folder.join(name)).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{name} holds {secret}");
    }
}

#[test]
fn a_connection_that_is_cut_goes_on_from_the_byte() {
    let scratch = scratch();
    let dir = scratch.path();
    let local = Run::of(&demo_library(), &dir.join("local"), &FEW);
    let content = fs::read(demo_library()).unwrap();
    let web = Web::start(content.clone(), Manner::Cuts(CUT));
    let address = format!("{}/a/demo.smi?sig=s3cr3t", web.root);
    let cut = run(&address, &dir.join("cut"));
    assert_same(&local, &cut);
    let asked = web.asked();
    let from: Vec<String> = (0..content.len()).step_by(CUT).map(|at| at.to_string()).collect();
    let line = |from: &String| format!("GET /a/demo.smi?sig=s3cr3t HTTP/1.1 from {from}");
    assert_eq!(asked, from.iter().map(line).collect::<Vec<_>>());
    assert_nowhere(dir, "s3cr3t");
    let digest = hetero2::files::Sha256Digest::of(&content).to_string();
    let shown = address.split('?').next();
    let origin =
        json!([{ "name": "demo.smi", "address": shown, "e_tag": "\"one\"", "sha256": digest }]);
    assert_eq!(cut.document("provenance.json")["library_origins"], origin);
    assert!(local.document("provenance.json").get("library_origins").is_none());
    assert!(!format!("{:?}", cut.done).contains("s3cr3t"));
    // The digest of what was read is that of the file.
    let rerun = ["rerun", "cut/pack", "--input", address.as_str()];
    call(hetero2().args(rerun).current_dir(dir)).expect_code(0);
    let other = Web::start(b"C ethane\n".to_vec(), Manner::Cuts(CUT));
    let other = format!("{}/demo.smi", other.root);
    let rerun = ["rerun", "cut/pack", "--input", other.as_str()];
    call(hetero2().args(rerun).current_dir(dir)).expect_code(2);
}

#[test]
fn a_server_that_fails_for_a_moment_is_asked_again() {
    let scratch = scratch();
    let dir = scratch.path();
    let content = fs::read(demo_library()).unwrap();
    let web = Web::start(content, Manner::Recovers(CUT * 100));
    let read = run(&format!("{}/demo.smi", web.root), &dir.join("web"));
    assert_same(&Run::of(&demo_library(), &dir.join("local"), &FEW), &read);
    assert!(web.asked().len() > 1);
}

#[test]
fn what_cannot_be_resumed_is_an_error() {
    let scratch = scratch();
    let out = scratch.path().join("run");
    let content = fs::read(demo_library()).unwrap();
    for (manner, said) in [
        (Manner::Changes(CUT), "it changed while it was read"),
        (Manner::ResumesNothing(CUT), "the server resumes nothing"),
        (Manner::SaysNothing(CUT), "neither ETag nor Last-Modified"),
        (Manner::Denies, "denies access"),
        (Manner::Complains, "400 Bad Request"),
        (Manner::Fails, "500 Internal Server Error"),
    ] {
        let web = Web::start(content.clone(), manner);
        let (_, host) = web.root.split_once("://").unwrap();
        let done = refused(&format!("http://me:s3cr3t@{host}/demo.smi?sig=s3cr3t"), &out);
        assert!(done.stderr.contains(said), "{manner:?}: {}", done.stderr);
        assert!(done.stderr.contains(&format!("http://{host}/demo.smi")), "{}", done.stderr);
        assert!(!done.stderr.contains("s3cr3t"), "{}", done.stderr);
    }
    for (address, said) in [
        (format!("http://127.0.0.1:{}/demo.smi", free_port()), "refused"),
        ("http://127.0.0.1:9/folder/".to_owned(), "not listed"),
        ("ftp://127.0.0.1/demo.smi".to_owned(), "addresses begin with s3://"),
        ("s3://me:s3cr3t@bucket/demo.smi".to_owned(), "an address holds no keys"),
    ] {
        let done = refused(&address, &out);
        assert!(done.stderr.contains(said), "{address}: {}", done.stderr);
        assert!(!done.stderr.contains("s3cr3t"), "{}", done.stderr);
    }
}

#[test]
fn a_plain_web_server_is_read() {
    let scratch = scratch();
    let dir = scratch.path();
    let served = dir.join("served");
    fs::create_dir(&served).unwrap();
    write(&served, "demo.smi", fs::read(demo_library()).unwrap());
    let port = free_port();
    let python = std::env::var("HETERO2_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut command = Command::new(python);
    command.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]);
    let Some(_server) = Server::start(command.arg(&served).arg(port.to_string()), port) else {
        return without("a plain web server", "python3");
    };
    let address = format!("http://127.0.0.1:{port}/demo.smi");
    let local = Run::of(&demo_library(), &dir.join("local"), &FEW);
    assert_same(&local, &run(&address, &dir.join("web")));
    let done = refused(&format!("http://127.0.0.1:{port}/missing.smi"), &dir.join("missing"));
    assert!(done.stderr.contains("there is nothing"), "{}", done.stderr);
}
