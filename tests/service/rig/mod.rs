//! The peers of the server, started by the tests themselves.

// Every test file uses a part of this.
#![allow(dead_code)]

pub mod browser;
pub mod house;
pub mod postgres;
pub mod process;
pub mod project;
pub mod provider;
pub mod s3;
pub mod server;
pub mod worker;

use std::future::Future;
use std::io::Write as _;
use std::sync::OnceLock;

use hetero2_service::tokio;

/// Runs `future` to its end; not from within another.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    });
    runtime.block_on(future)
}

/// Says that `what` is missing, because of `why`; a failure where it has to be
/// tested.
pub fn skip(what: &str, why: &str) {
    let required = std::env::var("HETERO2_REQUIRE_SERVICE").is_ok_and(|value| value == "1");
    assert!(!required, "{what} has to be tested here and does not start:\n{why}");
    // Past the test harness, which swallows the output of tests that pass.
    let note = format!("SKIPPED: no {what} can be started here (.ci/run installs it)");
    let _ = writeln!(std::io::stderr(), "\n{note}\n{why}");
}
