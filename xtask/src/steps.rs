//! The steps, in the order in which they are worth running: what is quick and
//! fails often first, and what shares a build one after the other.

use std::process::Command;
use std::sync::OnceLock;

use crate::tools::{
    Outcome, cargo, cargo_with, hetero2, lay_module, output, read, run, scratch, target, tool,
};

/// One check.
pub struct Step {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it checks.
    pub what: &'static str,
    /// The check.
    pub run: fn() -> Outcome,
}

/// Every step.
pub const STEPS: &[Step] = &[
    Step { name: "format", what: "cargo fmt changes nothing", run: format },
    Step { name: "spelling", what: "typos in prose, names and comments", run: spelling },
    Step { name: "licences", what: "licences, bans and sources of dependencies", run: licences },
    Step { name: "book", what: "docs/ as a book", run: book },
    Step { name: "test", what: "every test, as README.md says", run: test },
    Step { name: "demo", what: "the demo run, its digest, its pack", run: demo },
    Step {
        name: "instructions",
        what: "what three workloads cost, by valgrind",
        run: instructions,
    },
    Step { name: "fuzz", what: "damaged inputs, a few seconds each", run: fuzz },
    Step { name: "test-mpi", what: "runs by the ranks of an MPI job", run: test_mpi },
    Step { name: "test-remote", what: "libraries at addresses", run: test_remote },
    Step {
        name: "test-service",
        what: "the server, against real databases and peers",
        run: test_service,
    },
    Step { name: "python", what: "the Python module against the program", run: python },
    Step { name: "lints", what: "clippy on every target", run: lints },
    Step { name: "docs", what: "rustdoc without a warning", run: docs },
    Step {
        name: "no-default-features",
        what: "the program without GPUs",
        run: no_default_features,
    },
    Step { name: "msrv", what: "the oldest supported compiler", run: msrv },
    Step { name: "clean-tree", what: "nothing changed the working tree", run: clean_tree },
];

fn format() -> Outcome {
    cargo_with("fmt --all --check")
}

fn spelling() -> Outcome {
    run(&mut Command::new(tool("typos")?))
}

fn licences() -> Outcome {
    let words = ["--log-level", "error", "check", "licenses", "bans", "sources"];
    run(Command::new(tool("cargo-deny")?).args(words))
}

fn book() -> Outcome {
    // mdBook takes a relative folder from that of the book.
    let folder =
        std::path::absolute(target().join("ci/book")).map_err(|error| error.to_string())?;
    run(Command::new(tool("mdbook")?).args(["build", "--dest-dir"]).arg(folder).arg("docs"))
}

fn test() -> Outcome {
    cargo_with("test --locked --release")
}

fn demo() -> Outcome {
    cargo_with("build --locked --release")?;
    let out = scratch("demo")?.join("run");
    let pack = out.join("pack");
    run(Command::new(hetero2()).args(["run", "--out"]).arg(&out))?;
    let manifest = read(pack.join("manifest.json"))?;
    let digest = manifest
        .split_once(r#""content_digest": ""#)
        .and_then(|(_, rest)| rest.split_once('"'))
        .ok_or("manifest.json has no content_digest")?
        .0;
    if !read("README.md")?.contains(digest) {
        return Err(format!("the demo's content digest is {digest}, which README.md does not say"));
    }
    run(Command::new(hetero2()).arg("verify").arg(&pack))?;
    run(Command::new(hetero2()).arg("verify").arg(pack.join("evidence_pack.zip")))?;
    let sums = ["--quiet", "-c", "checksums.sha256"];
    run(Command::new("sha256sum").args(sums).current_dir(&pack))
}

fn instructions() -> Outcome {
    cargo_with("build --locked --release")?;
    run(Command::new("benches/instructions.sh").arg(hetero2()))
}

fn fuzz() -> Outcome {
    cargo_with("run --locked --release --package hetero2-fuzz -- --seconds 5")
}

fn test_mpi() -> Outcome {
    run(cargo()
        .args(["test", "--locked", "--release", "--features", "mpi", "--test", "mpi"])
        .env("HETERO2_REQUIRE_MPI", "1"))
}

/// What speaks to other machines: tested with the same features, so that one build serves all.
const NETWORK: &str = "remote,service";

fn test_remote() -> Outcome {
    let moto = std::path::absolute(tool("moto_server")?).map_err(|error| error.to_string())?;
    run(cargo()
        .args(["test", "--locked", "--release", "--features", NETWORK, "--test", "remote"])
        .env("HETERO2_MOTO", moto)
        .env("HETERO2_REQUIRE_REMOTE", "1"))
}

fn test_service() -> Outcome {
    run(cargo()
        .args(["test", "--locked", "--release", "--features", NETWORK, "--test", "service"])
        .env("HETERO2_REQUIRE_SERVICE", "1"))
}

/// The module against the program of the same build: that of the two steps before,
/// whose crates it shares, procedural macros and all.
fn python() -> Outcome {
    run(cargo().args(["build", "--locked", "--release", "--package", "hetero2"]).args([
        "--package",
        "hetero2-python",
        "--features",
        "hetero2/remote,hetero2/service",
    ]))?;
    let folder = scratch("python")?;
    lay_module(&target().join("release"), &folder)?;
    let program = std::path::absolute(hetero2()).map_err(|error| error.to_string())?;
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let words = ["-m", "unittest", "discover", "-s", "src/python/tests"];
    run(Command::new("target/ci/venv/bin/python")
        .args(words)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", folder)
        .env("HETERO2_PROGRAM", program))
}

fn lints() -> Outcome {
    cargo_with(
        "clippy --locked --release --workspace --features hetero2/remote,hetero2/service --all-targets -- \
         -D warnings",
    )
}

fn docs() -> Outcome {
    run(cargo()
        .args(["doc", "--locked", "--release", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}

fn no_default_features() -> Outcome {
    cargo_with(
        "clippy --locked --release --package hetero2 --no-default-features --all-targets -- \
         -D warnings",
    )
}

/// Checks with the compiler that `rust-version` names: the current one, if it
/// is that, else one of rustup's.
fn msrv() -> Outcome {
    let manifest = read("Cargo.toml")?;
    let oldest = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .ok_or("Cargo.toml has no rust-version")?
        .trim_matches('"')
        .to_owned();
    let current = output(Command::new("rustc").arg("--version"))?;
    if current.starts_with(&format!("rustc {oldest}.")) {
        println!("{} is the oldest supported compiler: the other steps checked it", current.trim());
        return Ok(());
    }
    run(Command::new("cargo").arg(format!("+{oldest}")).args([
        "check",
        "--locked",
        "--release",
        "--workspace",
        "--all-targets",
    ]))
}

/// What git said of the working tree before the first step.
static TREE: OnceLock<String> = OnceLock::new();

/// Notes how the working tree is, for [`clean_tree`].
pub fn note_tree() -> Outcome {
    TREE.set(tree()?).map_err(|_| "the working tree is noted already".to_owned())
}

/// The tree must be as noted, or clean where nothing was noted.
fn clean_tree() -> Outcome {
    let now = tree()?;
    match TREE.get().map_or("", String::as_str) == now {
        true => Ok(()),
        false => Err(format!("the working tree is changed:\n{now}")),
    }
}

fn tree() -> Result<String, String> {
    output(Command::new("git").args(["status", "--porcelain"]))
}
