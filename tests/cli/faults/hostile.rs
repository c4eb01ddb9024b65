//! Hostile and damaged inputs of the program: what they may cost, what is said
//! of them, and with which code it ends.

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Done, Run, call, fixture, hetero2, hetero2_with, scratch, write};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// A small run.
fn small_run(directory: &Path) -> Run {
    let arguments = ["--decoys", "2", "--threads", "1"];
    Run::of(&fixture("libraries/small.csv"), &directory.join("run"), &arguments)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// `hetero2 ARGUMENTS` where the process may have so many MiB of memory of its
/// own; with more it ends by a signal.
#[cfg(target_os = "linux")]
fn within(mebibytes: u64, arguments: &[&str]) -> Done {
    let program = hetero2().get_program().to_owned();
    let script = format!("ulimit -d {}; exec \"$0\" \"$@\"", mebibytes * 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).args(arguments);
    // The allocator would take its arenas whole.
    command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0").env_remove("HETERO2_LOG");
    call(&mut command)
}

/// Makes checksums, manifest and the manifest's digest fit the files again, as
/// a forger would, after `change` of the manifest.
fn reseal(pack: &Path, change: impl FnOnce(&mut Value)) {
    use hetero2::files::digest_file;
    use hetero2::pack::manifest::{checksums, content_digest, is_outside_content};
    let _ = fs::remove_file(pack.join("evidence_pack.zip"));
    let digests = || {
        let paths = fs::read_dir(pack).unwrap().map(|entry| entry.unwrap().path());
        let named = |path: PathBuf| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), digest_file(&path).unwrap())
        };
        paths.map(named).collect()
    };
    let file = pack.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let found: std::collections::BTreeMap<_, _> = digests();
    let listed = found.iter().filter(|(name, _)| !is_outside_content(name));
    let listed: Vec<Value> = listed
        .map(|(name, d)| json!({ "name": name, "bytes": d.bytes, "sha256": d.sha256 }))
        .collect();
    manifest["files"] = json!(listed);
    manifest["content_digest"] = json!(content_digest(&found));
    change(&mut manifest);
    fs::write(file, hetero2::pack::json::to_bytes(&manifest, "manifest.json").unwrap()).unwrap();
    fs::write(pack.join("checksums.sha256"), checksums(&digests())).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Details of the checks that failed.
fn failures(done: &Done) -> String {
    let document = done.json();
    let checks = document["checks"].as_array().expect("checks");
    let failed = checks.iter().filter(|check| check["outcome"] == "FAIL");
    failed.map(|check| format!("{}: {}\n", check["name"], check["detail"])).collect()
}

fn verify(pack: &Path) -> Done {
    hetero2_with(&["verify", path(pack), "--json"])
}

#[test]
fn what_the_manifest_says_is_held_against_the_files() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let forge = |change: fn(&mut Value)| {
        let pack = scratch.path().join("forged");
        let _ = fs::remove_dir_all(&pack);
        copy(&run.pack(), &pack);
        reseal(&pack, change);
        verify(&pack)
    };
    forge(|_| {}).expect_code(0);
    let found = failures(&forge(|m| m["seeds"]["seed"] = json!(7)).expect_code(3));
    assert!(found.contains("the seed is 7"), "{found}");
    let both = |m: &mut Value| {
        m["seeds"]["seed"] = json!(7);
        m["config"]["seed"] = json!(7);
    };
    let found = failures(&forge(both).expect_code(3));
    assert!(found.contains("configuration (seed)"), "{found}");
    let found = failures(&forge(|m| m["config"]["decoys"] = json!(99)).expect_code(3));
    assert!(found.contains("configuration (decoys)"), "{found}");
    let found = failures(&forge(|m| m["notes"]["rows"] = json!(1)).expect_code(3));
    assert!(found.contains("notes 1 rows"), "{found}");
}

#[test]
fn stored_scores_are_the_input_that_the_manifest_names() {
    let scratch = scratch();
    let pack = scratch.path().join("pack");
    copy(&fixture("compat/v1/pack"), &pack);
    reseal(&pack, |_| {});
    let honest = verify(&pack).expect_code(0).json();
    reseal(&pack, |m| {
        let inputs = m["inputs"].as_array_mut().unwrap();
        let scores = inputs.iter_mut().find(|input| input["role"] == "scores").unwrap();
        scores["sha256"] = json!("0".repeat(64));
    });
    let found = failures(&verify(&pack).expect_code(3));
    assert!(found.contains("scores.json is not the input"), "{found}");
    // A library that nobody can check is bound by the digest of the manifest.
    copy(&fixture("compat/v1/pack"), &pack);
    reseal(&pack, |m| m["inputs"][0]["sha256"] = json!("0".repeat(64)));
    let forged = verify(&pack).expect_code(0).json();
    assert_eq!(forged["content_digest"], honest["content_digest"]);
    assert_ne!(forged["manifest_digest"], honest["manifest_digest"]);
}

#[test]
fn a_tampered_pack_in_the_registry_does_not_keep_the_honest_one_out() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let tampered = scratch.path().join("tampered");
    copy(&run.pack(), &tampered);
    reseal(&tampered, |m| m["inputs"][0]["sha256"] = json!("0".repeat(64)));
    let registry = scratch.path().join("registry");
    let publish = |pack: &Path| {
        let published =
            hetero2_with(&["publish", path(pack), "--registry", path(&registry), "--json"]);
        published.expect_code(0).json()
    };
    let (forged, honest) = (publish(&tampered), publish(&run.pack()));
    assert_eq!(forged["content_digest"], honest["content_digest"]);
    assert_eq!((&honest["sequence"], &honest["already_published"]), (&json!(1), &json!(false)));
    let found = verify(&run.pack()).expect_code(0).json();
    assert_eq!(honest["manifest_digest"], found["manifest_digest"]);
    for (pack, first) in [(&tampered, &forged), (&run.pack(), &honest)] {
        let again = publish(pack);
        assert_eq!(again["already_published"], true);
        assert_eq!((&again["sequence"], &again["pack"]), (&first["sequence"], &first["pack"]));
    }
    hetero2_with(&["registry", "verify", "--registry", path(&registry)]).expect_code(0);
    // Each stored pack is the one that its entry names.
    let stored = |entry: &Value| PathBuf::from(entry["pack"].as_str().unwrap());
    let (a, b) = (stored(&forged), stored(&honest));
    let aside = scratch.path().join("aside");
    fs::rename(&a, &aside).and_then(|()| fs::rename(&b, &a)).unwrap();
    fs::rename(&aside, &b).unwrap();
    hetero2_with(&["registry", "verify", "--registry", path(&registry)]).expect_code(3);
}

/// A zip of these files.
fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn files_of(zip: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(fs::File::open(zip).unwrap()).unwrap();
    let count = zip.len();
    let file = |i| {
        let mut file = zip.by_index(i).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(file).collect()
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
    for (files, parts) in [
        (folder, ["the folder \"pack/\"", "unpack it"]),
        (macos, ["2 entries that macOS added", "zip -d"]),
    ] {
        let zip = write(scratch.path(), "sent.zip", zip_of(&files));
        let done = verify(&zip).expect_code(3);
        let found = failures(&done);
        assert_eq!(found.lines().count(), 1, "{found}");
        assert!(parts.iter().all(|part| found.contains(&part.replace('"', "\\\\\\\""))), "{found}");
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

/// `hetero2 ARGUMENTS` on a terminal; what the terminal shows. `script` is of
/// util-linux, which every Linux has.
#[cfg(target_os = "linux")]
fn on_a_terminal(arguments: &[&str]) -> String {
    let program = hetero2().get_program().to_str().unwrap().to_owned();
    let words: Vec<String> =
        [program.as_str()].iter().chain(arguments).map(|word| format!("'{word}'")).collect();
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-c", &words.join(" "), "/dev/null"]);
    for name in ["HETERO2_LOG", "NO_COLOR", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").stdin(std::process::Stdio::null());
    call(&mut command).expect_code(0).stdout
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_no_foreign_lines() {
    let scratch = scratch();
    let run = small_run(scratch.path());
    let pack = run.pack();
    let library = fixture("libraries/small.csv");
    let out = scratch.path().join("again");
    for arguments in [
        &["verify", path(&pack)][..],
        &["describe", "CCO"],
        &["diff", path(&pack), path(&pack)],
        &["devices"],
        &["schema"],
        &["run", path(&library), "--out", path(&out), "--decoys", "1", "-v"],
    ] {
        let shown = on_a_terminal(arguments);
        for foreign in ["tracing-subscriber", "feature", "XDG_RUNTIME_DIR", "MESA", "libEGL"] {
            assert!(!shown.contains(foreign), "{arguments:?}: {shown}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn devices_print_nothing_of_drivers() {
    let mut command = hetero2();
    let done = call(command.arg("devices").env_remove("XDG_RUNTIME_DIR")).expect_code(0);
    assert_eq!(done.stderr, "");
}
