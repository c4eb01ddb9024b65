//! Hostile and damaged inputs of the program: what they may cost, what is said
//! of them, and with which code it ends.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::forging::{failures, files_of, path, small_run, verify, zip_of};
use crate::support::{Done, call, fixture, hetero2, hetero2_with, scratch, write};

/// `hetero2 ARGUMENTS` where the process may have so many MiB of memory of its
/// own; with more it ends by a signal.
#[cfg(target_os = "linux")]
pub fn within(mebibytes: u64, arguments: &[&str]) -> Done {
    let program = hetero2().get_program().to_owned();
    let script = format!("ulimit -d {}; exec \"$0\" \"$@\"", mebibytes * 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).args(arguments);
    // The allocator would take its arenas whole.
    command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0").env_remove("HETERO2_LOG");
    call(&mut command)
}

#[test]
fn zips_that_other_programs_made_are_explained_in_one_line() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let files = files_of(&run.pack().join("evidence_pack.zip"));
    let added = |name: &str| (name.to_owned(), b"x".to_vec());
    let folder = files.iter().map(|(name, bytes)| (format!("pack/{name}"), bytes.clone()));
    let folder: Vec<_> = folder.chain([added("__MACOSX/pack/._index.md")]).collect();
    let macos: Vec<_> =
        files.iter().cloned().chain([added("__MACOSX/._a"), added(".DS_Store")]).collect();
    for (files, parts) in
        [(folder, ["the folder", "unpack it"]), (macos, ["2 entries that macOS added", "zip -d"])]
    {
        let zip = write(scratch.path(), "sent.zip", zip_of(&files));
        let done = verify(&zip).expect_code(3);
        let found = failures(&done);
        assert_eq!(found.lines().count(), 1, "{found}");
        assert!(parts.iter().all(|part| found.contains(part)), "{found}");
        assert_eq!(done.json()["content_digest"], Value::Null);
    }
    let zip = write(scratch.path(), "same.zip", zip_of(&files));
    verify(&zip).expect_code(0);
}

#[test]
fn exit_codes_say_whose_fault_it_is() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let zip = fs::read(run.pack().join("evidence_pack.zip")).unwrap();
    let cut = write(scratch.path(), "cut.zip", &zip[..zip.len() / 2]);
    for command in ["verify", "accept"] {
        let done = hetero2_with(&[command, path(&cut)]).expect_code(3);
        assert!(done.stderr.contains("cut off"), "{}", done.stderr);
    }
    let other = write(scratch.path(), "other.txt", "text");
    let done = hetero2_with(&["verify", path(&other)]).expect_code(2);
    assert!(done.stderr.contains("neither the directory nor the zip"), "{}", done.stderr);
    hetero2_with(&["verify", "/nonexistent"]).expect_code(2);
    // A file whose first bytes give EIO, as a failing disk does.
    #[cfg(target_os = "linux")]
    hetero2_with(&["verify", "/proc/self/mem"]).expect_code(1);
    let broken = scratch.path().join("broken");
    fs::create_dir(&broken).unwrap();
    write(&broken, "plan.json", b"{\"a\": \"\xff\"}");
    for command in ["status", "reduce"] {
        hetero2_with(&[command, path(&broken)]).expect_code(2);
    }
}

#[test]
fn the_pack_of_a_run_directory_is_found() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let done = hetero2_with(&["verify", path(&run.out)]).expect_code(0);
    assert!(done.stdout.contains(path(&run.pack())), "{}", done.stdout);
    hetero2_with(&["diff", path(&run.out), path(&run.pack())]).expect_code(0);
    let planned = scratch.path().join("planned");
    let library = fixture("libraries/small.csv");
    hetero2_with(&["plan", path(&library), "--out", path(&planned)]).expect_code(0);
    for command in [&["verify", path(&planned)][..], &["diff", path(&planned), path(&run.out)]] {
        let done = hetero2_with(command).expect_code(2);
        assert!(done.stderr.contains("the run is not finished"), "{}", done.stderr);
    }
}

#[test]
fn a_pack_that_fails_is_not_copied_into_a_registry() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let pack = run.pack();
    fs::write(pack.join("index.md"), "other").unwrap();
    let registry = scratch.path().join("registry");
    hetero2_with(&["publish", path(&pack), "--registry", path(&registry)]).expect_code(3);
    assert!(!registry.exists());
}

/// What verification of any pack may take, MiB.
#[cfg(target_os = "linux")]
const VERIFY_BUDGET: u64 = 512;

#[cfg(target_os = "linux")]
#[test]
fn documents_of_a_pack_cannot_fill_the_memory() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    within(VERIFY_BUDGET, &["verify", path(&run.pack())]).expect_code(0);
    let zeros = || {
        let mut bytes = vec![b'['];
        bytes.extend(b"0,".repeat(60_000_000));
        bytes.extend(b"0]");
        bytes
    };
    for (name, bytes) in [
        ("metrics.json", zeros()),
        ("manifest.json", vec![b'['; 100_000_000]),
        ("provenance.json", vec![b' '; 200_000_000]),
        ("scores.json", zeros()),
        ("checksums.sha256", vec![b'\n'; 100_000_000]),
    ] {
        let mut files = files_of(&run.pack().join("evidence_pack.zip"));
        files.retain(|(found, _)| found != name);
        files.push((name.to_owned(), bytes));
        let zip = write(scratch.path(), "bomb.zip", zip_of(&files));
        for command in ["verify", "accept", "rerun"] {
            let done = within(VERIFY_BUDGET, &[command, path(&zip)]);
            let expected: &[i32] = if command == "verify" { &[3] } else { &[0, 2, 3] };
            let code = done.code.unwrap_or(-1);
            assert!(expected.contains(&code), "{command} {name}: {done:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn overlapping_entries_are_not_hashed() {
    let scratch = scratch();
    let bytes = zip_of(&[("a.csv".to_owned(), vec![0; 100 << 20])]);
    let directory = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let end = bytes.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let entry = &bytes[directory..end];
    let mut forged = bytes[..directory].to_vec();
    let count = 4_000_u16;
    for i in 0..count {
        let mut entry = entry.to_vec();
        let at = entry.windows(5).position(|w| w == b"a.csv").unwrap();
        let name = format!("{i:05}");
        entry[at..at + 5].copy_from_slice(name.as_bytes());
        forged.extend(entry);
    }
    let size = u32::try_from(forged.len() - directory).unwrap();
    let mut tail = bytes[end..].to_vec();
    tail[8..10].copy_from_slice(&count.to_le_bytes());
    tail[10..12].copy_from_slice(&count.to_le_bytes());
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    forged.extend(tail);
    let zip = write(scratch.path(), "overlapping.zip", forged);
    let done = within(VERIFY_BUDGET, &["verify", path(&zip), "--json"]).expect_code(3);
    assert!(failures(&done).contains("overlap"), "{}", done.stdout);
    // Nothing was read: 400 GB would take minutes.
    let document = done.json();
    let checks = document["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 1, "{checks:?}");
    assert_eq!(document["content_digest"], Value::Null);
    let registry = scratch.path().join("registry");
    hetero2_with(&["publish", path(&zip), "--registry", path(&registry)]).expect_code(3);
    assert!(!registry.exists());
}

#[test]
fn settings_of_the_working_directory_run_nothing_unasked() {
    let scratch = scratch();
    let directory = scratch.path();
    let library = fixture("libraries/small.csv");
    hetero2_with(&["plan", path(&library), "--out", path(&directory.join("run"))]).expect_code(0);
    write(directory, "hetero2.toml", "[submit]\ncpus = 1\n[submit.env]\nPATH = '/evil'\n");
    let submit = |arguments: &[&str]| {
        let mut command = hetero2();
        command.current_dir(directory).env("XDG_CONFIG_HOME", directory.join("none"));
        call(command.args(["submit", "run"]).args(arguments))
    };
    let refused = submit(&[]).expect_code(2);
    for part in ["hetero2.toml", "env", "--trust-settings"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert!(!directory.join("run/submit").exists());
    let shown = submit(&["--dry-run"]).expect_code(0);
    assert!(shown.stderr.contains("settings from hetero2.toml"), "{}", shown.stderr);
    assert!(shown.stdout.contains("/evil"), "{}", shown.stdout);
    submit(&["--dry-run", "--trust-settings"]).expect_code(0);
}
