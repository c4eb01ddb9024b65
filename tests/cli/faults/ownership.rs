//! The program removes, cuts and overwrites what it made, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{Run, call, hetero2, run_command, scratch, tree, write};

const QUICK: [&str; 3] = ["--decoys", "0", "--no-zip"];

fn library(directory: &Path) -> std::path::PathBuf {
    write(directory, "mols.smi", "CCO a\nCCN b\n")
}

/// Names and bytes of everything below a directory.
fn everything(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = |name: &String| fs::read(directory.join(name)).unwrap_or_default();
    tree(directory).into_iter().map(|name| (name.clone(), bytes(&name))).collect()
}

/// `run ARGUMENTS` in `directory`, with `out` as it stands.
fn refused(directory: &Path, arguments: &[&str], why: &str) {
    let before = everything(directory);
    for command in ["run", "plan"] {
        let arguments = arguments.iter().filter(|a| command == "run" || **a != "--resume");
        let arguments = arguments.filter(|a| command == "run" || **a != "--no-zip");
        let mut call_it = hetero2();
        let done = call(call_it.current_dir(directory).arg(command).args(arguments));
        let done = done.expect_code(2);
        assert!(done.stderr.contains(why), "{}", done.stderr);
        assert_eq!(everything(directory), before, "{command}");
    }
}

#[test]
fn folders_of_a_user_are_no_interrupted_run() {
    let folder = scratch();
    let project = folder.path();
    fs::create_dir_all(project.join("library")).unwrap();
    fs::create_dir_all(project.join("inputs")).unwrap();
    fs::create_dir_all(project.join("logs")).unwrap();
    library(&project.join("library"));
    write(&project.join("inputs"), "notes.txt", "mine");
    write(project, "lock", "");
    for resume in [&[][..], &["--resume"]] {
        let arguments = ["library/mols.smi", "--out", ".", "--decoys", "0", "--no-zip"];
        refused(project, &[&arguments, resume].concat(), "is not empty and holds no run");
    }
    fs::remove_dir_all(project.join("library")).unwrap();
    fs::remove_dir_all(project.join("inputs")).unwrap();
    fs::remove_dir_all(project.join("logs")).unwrap();
    // An empty lock alone, or one that says something, is a user's as well.
    let elsewhere = scratch();
    let library = library(elsewhere.path());
    for text in ["", "mine"] {
        write(project, "lock", text);
        let arguments = [library.to_str().unwrap(), "--out", ".", "--decoys", "0"];
        refused(project, &arguments, "is not empty and holds no run");
    }
}

#[test]
fn a_finished_run_leaves_what_a_user_put_there() {
    let folder = scratch();
    let (library, out) = (library(folder.path()), folder.path().join("run"));
    Run::of(&library, &out, &QUICK);
    for name in ["inputs", "library", "shards/00000", "logs"] {
        fs::create_dir_all(out.join(name)).unwrap();
        write(&out.join(name), "notes.txt", "mine");
    }
    fs::create_dir(out.join("shards/mine")).unwrap();
    write(&out, "notes.txt", "mine");
    let before = everything(&out);
    let done = call(&mut run_command(&library, &out, &QUICK)).expect_code(0);
    assert!(done.stdout.contains("complete already"), "{}", done.stdout);
    assert_eq!(everything(&out), before);
    assert!(out.join("shards/mine").is_dir());
}

#[cfg(unix)]
#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let folder = scratch();
    let (library, out) = (library(folder.path()), folder.path().join("run"));
    call(hetero2().arg("plan").arg(&library).arg("--out").arg(&out)).expect_code(0);
    let letter = write(folder.path(), "letter", "dear");
    for lock in ["lock", "submit/lock"] {
        let path = out.join(lock);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(&letter, &path).unwrap();
    }
    call(&mut run_command(&library, &out, &["--resume"])).expect_code(1);
    let submit = ["submit", out.to_str().unwrap(), "--scheduler", "local"];
    assert_ne!(call(hetero2().args(submit)).code, Some(0));
    assert_eq!(fs::read(&letter).unwrap(), b"dear");
}

#[test]
fn an_interrupted_plan_gives_way_and_its_neighbours_stay() {
    let folder = scratch();
    let (library, out) = (library(folder.path()), folder.path().join("run"));
    call(hetero2().arg("plan").arg(&library).arg("--out").arg(&out)).expect_code(0);
    fs::remove_file(out.join("plan.json")).unwrap();
    write(&out.join("library"), "notes.txt", "mine");
    write(&out.join("library"), "00099.arrow", "of the interrupted plan");
    let done = call(&mut run_command(&library, &out, &QUICK)).expect_code(0);
    assert!(done.stderr.contains("files that no run made"), "{}", done.stderr);
    assert_eq!(fs::read(out.join("library/notes.txt")).unwrap(), b"mine");
    assert!(!out.join("library/00099.arrow").exists());
}

#[test]
fn a_damaged_pack_is_no_finished_run() {
    let folder = scratch();
    let (library, out) = (library(folder.path()), folder.path().join("run"));
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("summary.parquet is not as it was written", |pack| flip(&pack.join("summary.parquet"))),
        ("provenance.json is not as it was written", |pack| flip(&pack.join("provenance.json"))),
        ("manifest.json", |pack| fs::write(pack.join("manifest.json"), "{").unwrap()),
        ("summary.csv is missing", |pack| fs::remove_file(pack.join("summary.csv")).unwrap()),
        ("checksums.sha256 is missing", |pack| {
            fs::remove_file(pack.join("checksums.sha256")).unwrap();
        }),
    ];
    for (why, damage) in damages {
        let _ = fs::remove_dir_all(&out);
        Run::of(&library, &out, &QUICK);
        damage(&out.join("pack"));
        for arguments in [&QUICK[..], &["--decoys", "0", "--no-zip", "--resume"]] {
            let done = call(&mut run_command(&library, &out, arguments)).expect_code(3);
            assert!(done.stderr.contains(why), "{why}: {}", done.stderr);
        }
        let done = call(hetero2().arg("reduce").arg(&out)).expect_code(3);
        assert!(done.stderr.contains(why), "{}", done.stderr);
    }
}

/// Changes a byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Modes that leave anything to others than the owner, by name.
#[cfg(unix)]
fn open_to_others(directory: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |name: &String| fs::metadata(directory.join(name)).unwrap().permissions().mode();
    tree(directory).into_iter().filter(|name| mode(name) & 0o077 != 0).collect()
}

#[cfg(unix)]
#[test]
fn packs_and_registries_honour_the_umask() {
    let folder = scratch();
    let directory = folder.path();
    library(directory);
    let program = env!("CARGO_BIN_EXE_hetero2");
    let script = "umask 077; \"$0\" run mols.smi --out run --decoys 0 --quiet && \
                  \"$0\" publish run/pack --registry registry --quiet";
    let mut shell = std::process::Command::new("sh");
    let done = call(shell.current_dir(directory).args(["-c", script, program]));
    done.expect_code(0);
    for made in ["run", "registry"] {
        assert_eq!(open_to_others(&directory.join(made)), Vec::<String>::new(), "{made}");
    }
    assert!(directory.join("run/pack/evidence_pack.zip").exists());
}
