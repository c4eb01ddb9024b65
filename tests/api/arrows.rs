//! The arrows between the crates: those of the manifests are those that
//! `docs/architecture.md` draws.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What every crate may use.
const FOUNDATION: [&str; 2] = ["contract", "common"];

/// Crates beside the default members, which no plain build takes: one that only a
/// feature builds, and the Python module.
const OPTIONAL: [&str; 2] = ["service", "python"];

/// A dependent and what it depends on.
type Arrow = (String, String);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The name of a crate in the drawing.
fn short(package: &str) -> String {
    package.strip_prefix("hetero2-").unwrap_or(package).to_owned()
}

/// Arrows between packages of the workspace, and the packages that make the
/// program.
fn manifests() -> (BTreeSet<Arrow>, BTreeSet<String>) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let all: BTreeSet<String> = packages.iter().map(name).collect();
    let mut arrows = BTreeSet::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap().iter().map(name) {
            if all.contains(&dependency) {
                arrows.insert((short(&name(package)), short(&dependency)));
            }
        }
    }
    let defaults = metadata["workspace_default_members"].as_array().unwrap();
    let is_default = |package: &&Value| defaults.contains(&package["id"]);
    let mut members: BTreeSet<String> =
        packages.iter().filter(is_default).map(|p| short(&name(p))).collect();
    members.extend(OPTIONAL.map(str::to_owned));
    (arrows, members)
}

/// Arrows of the drawing: lines `a --> b & c`, where `a` may have a label.
fn drawing() -> BTreeSet<Arrow> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let (_, rest) = text.split_once("```mermaid\n").expect("a drawing");
    let (lines, _) = rest.split_once("```").expect("its end");
    let mut arrows = BTreeSet::new();
    for (from, to) in lines.lines().filter_map(|line| line.split_once("-->")) {
        let from = from.trim().split('[').next().unwrap();
        arrows.extend(to.split('&').map(|to| (from.to_owned(), to.trim().to_owned())));
    }
    arrows
}

#[test]
fn crates_depend_on_each_other_as_drawn() {
    let (arrows, members) = manifests();
    let drawn = drawing();
    assert!(drawn.len() > 10 && members.len() > 5, "{drawn:?} {members:?}");
    let is_free = |(from, to): &&Arrow| {
        FOUNDATION.contains(&to.as_str()) && from != "contract" && from != "scheduler"
    };
    let real: BTreeSet<&Arrow> = arrows.iter().filter(|(from, _)| members.contains(from)).collect();
    let foreign: Vec<_> =
        real.iter().filter(|arrow| !drawn.contains(**arrow) && !is_free(arrow)).collect();
    assert!(foreign.is_empty(), "docs/architecture.md does not draw {foreign:?}");
    let gone: Vec<_> = drawn.iter().filter(|arrow| !real.contains(arrow)).collect();
    assert!(gone.is_empty(), "docs/architecture.md draws what is not there: {gone:?}");
}

#[test]
fn tools_use_the_program_alone() {
    let (arrows, members) = manifests();
    let foreign: Vec<_> =
        arrows.iter().filter(|(from, to)| !members.contains(from) && to != "hetero2").collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
