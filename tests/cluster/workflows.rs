//! Workflow engines: shards are hermetic, and what `examples/workflows` ships
//! gives the pack of `run`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Run, call, demo_library, hetero2, scratch, skip_loudly, verify, write};

const OPTIONS: [&str; 2] = ["--decoys", "0"];

/// A library of two shards.
fn library(directory: &Path) -> PathBuf {
    let demo = fs::read_to_string(demo_library()).unwrap();
    write(directory, "library.smi", demo.repeat(9))
}

fn expected(directory: &Path) -> String {
    Run::of(&directory.join("library.smi"), &directory.join("whole"), &OPTIONS).verify()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn shards_computed_elsewhere_and_copied_back_give_the_same_pack() {
    let scratch = scratch();
    let directory = scratch.path();
    let library = library(directory);
    let run = directory.join("run");
    let mut plan = hetero2();
    plan.arg("plan").arg(&library).arg("--out").arg(&run).args(OPTIONS).args(["--shards", "2"]);
    call(&mut plan).expect_code(0);
    fs::create_dir(run.join("shards")).unwrap();
    for number in ["0", "1"] {
        // The plan and the packed library are all that is needed.
        let elsewhere = directory.join(format!("elsewhere-{number}"));
        fs::create_dir(&elsewhere).unwrap();
        fs::copy(run.join("plan.json"), elsewhere.join("plan.json")).unwrap();
        copy(&run.join("library"), &elsewhere.join("library"));
        let mut shard = hetero2();
        call(shard.arg("shard").arg(&elsewhere).arg(number)).expect_code(0);
        copy(&elsewhere.join("shards"), &run.join("shards"));
    }
    call(hetero2().arg("reduce").arg(&run)).expect_code(0);
    assert_eq!(verify(&run.join("pack")), expected(directory));
}

/// A workflow engine: that of the environment variable, or of the tools of CI.
/// Where there is none, the check is left out loudly, or fails if
/// `HETERO2_REQUIRE_WORKFLOWS` is set.
fn engine(test: &str, name: &str) -> Option<Command> {
    let variable = format!("HETERO2_{}", name.to_uppercase());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = std::env::var_os(&variable).map(PathBuf::from);
    let found = found.unwrap_or_else(|| root.join("target/ci/venv/bin").join(name));
    if !found.exists() {
        let why = format!("there is no {name} at {} nor in {variable}", found.display());
        assert!(std::env::var_os("HETERO2_REQUIRE_WORKFLOWS").is_none(), "{why}");
        skip_loudly(test, &why);
        return None;
    }
    let mut command = Command::new(found);
    // The engines call the program by its name.
    let program = Path::new(env!("CARGO_BIN_EXE_hetero2")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [program].into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(paths).unwrap());
    Some(command)
}

fn workflow(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/workflows").join(name)
}

#[test]
fn the_snakemake_workflow_gives_the_pack_of_run() {
    let name = "the_snakemake_workflow_gives_the_pack_of_run";
    let Some(mut engine) = engine(name, "snakemake") else { return };
    let scratch = scratch();
    let directory = scratch.path();
    library(directory);
    engine.current_dir(directory).env("XDG_CACHE_HOME", directory.join("cache"));
    engine.arg("-s").arg(workflow("Snakefile")).args(["--cores", "2", "--config"]);
    engine.args(["library=library.smi", "run=run", "options=--decoys 0", "shards=2"]);
    call(&mut engine).expect_code(0);
    assert_eq!(verify(&directory.join("run/pack")), expected(directory));
}

#[test]
fn the_cwl_workflow_gives_the_pack_of_run() {
    let name = "the_cwl_workflow_gives_the_pack_of_run";
    let Some(mut engine) = engine(name, "cwltool") else { return };
    let scratch = scratch();
    let directory = scratch.path();
    library(directory);
    engine.current_dir(directory).args(["--preserve-environment", "PATH", "--parallel"]);
    engine.args(["--outdir", "out"]).arg(workflow("hetero2.cwl"));
    engine.args(["--library", "library.smi", "--shards", "2"]);
    engine.args(["--options=--decoys", "--options=0"]);
    call(&mut engine).expect_code(0);
    assert_eq!(verify(&directory.join("out/pack")), expected(directory));
}
