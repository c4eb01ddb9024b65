//! What happens to a run from outside: a full disk, signals, damaged shards,
//! another run in the same directory. Whatever it is, no half-written pack is
//! left, and `--resume` ends with the very pack of an undisturbed run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    Done, Run, call, files, fixture, hetero2, run_command, scratch, skip_loudly, table, tree,
    verify, write,
};

/// Rows of a shard.
const SHARD: usize = 16_384;

/// What the runs of this file compute: much writing, little chemistry.
const QUICK: [&str; 3] = ["--decoys", "0", "--no-zip"];

/// A library of tiny molecules.
fn library(directory: &Path, rows: usize) -> PathBuf {
    let molecules = ["CCO", "CCN", "CC(C)O", "c1ccccc1", "CCCl", "CC=O", "CCS", "CCF"];
    let mut text = String::new();
    for row in 0..rows {
        writeln!(text, "{} m{row}", molecules[row % molecules.len()]).unwrap();
    }
    write(directory, "library.smi", text)
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// Waits until `path` is there while the program runs.
#[track_caller]
fn wait_for(path: &Path, child: &mut Child) {
    let clock = Instant::now();
    while !path.exists() {
        if let Some(status) = child.try_wait().unwrap() {
            let mut text = String::new();
            child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            panic!("{status} before {} was there: {text}", path.display());
        }
        assert!(clock.elapsed() < Duration::from_secs(60), "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends a signal to the program and waits for its end.
#[track_caller]
fn signal(child: Child, name: &str) -> Done {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.unwrap().success(), "it ended before the signal");
    child.wait_with_output().unwrap().into()
}

/// Starts a run and sends it a signal as soon as shard `index` is finished.
#[track_caller]
fn stopped(library: &Path, out: &Path, arguments: &[&str], index: usize, name: &str) -> Done {
    let mut child = spawn(&mut run_command(library, out, arguments));
    wait_for(&out.join(format!("shards/{index:05}")), &mut child);
    signal(child, name)
}

fn resume<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--resume"]].concat()
}

/// What tells whether a file was written again: inode, time, size.
fn stamps(directory: &Path) -> BTreeMap<String, (u64, i64, i64, u64)> {
    let stamp = |name: &String| {
        let m = fs::metadata(directory.join(name)).unwrap();
        (m.ino(), m.mtime(), m.mtime_nsec(), m.size())
    };
    files(directory).keys().map(|name| (name.clone(), stamp(name))).collect()
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let scratch = scratch();
    let library = library(scratch.path(), 3 * SHARD + 100);
    let expected = Run::of(&library, &scratch.path().join("whole"), &QUICK).verify();
    let out = scratch.path().join("out");
    let killed = stopped(&library, &out, &QUICK, 0, "KILL");
    assert_eq!(killed.code, None);
    assert!(!out.join("pack").exists(), "a half-written pack");

    let refused = call(&mut run_command(&library, &out, &QUICK)).expect_code(2);
    assert!(refused.stderr.contains("unfinished: add --resume"), "{}", refused.stderr);

    let first = stamps(&out.join("shards/00000"));
    assert_eq!(first.len(), 4, "{:?}", first.keys());
    // Killed again, so that what is left can be looked at.
    stopped(&library, &out, &resume(&QUICK), 2, "KILL");
    assert_eq!(stamps(&out.join("shards/00000")), first, "a finished shard was computed again");

    let run = Run::of(&library, &out, &resume(&QUICK));
    assert_eq!(run.verify(), expected);
    assert_eq!(run.summary().len(), 3 * SHARD + 100);
    assert_eq!(tree(&out).iter().filter(|name| name.contains(".partial")).count(), 0, "litter");
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let scratch = scratch();
    let library = library(scratch.path(), 3 * SHARD);
    let expected = Run::of(&library, &scratch.path().join("whole"), &QUICK).verify();
    for name in ["INT", "TERM"] {
        let out = scratch.path().join(name);
        let done = stopped(&library, &out, &QUICK, 0, name).expect_code(4);
        assert!(done.stderr.contains("`run` with --resume"), "{}", done.stderr);
        assert!(!out.join("pack").exists(), "a half-written pack");
        let shards = tree(&out.join("shards"));
        assert!(shards.iter().all(|name| !name.starts_with('.')), "left behind: {shards:?}");
        assert_eq!(Run::of(&library, &out, &resume(&QUICK)).verify(), expected);
    }
}

/// Something that befalls a shard directory.
type Damage = fn(&Path);

#[test]
fn a_damaged_shard_is_computed_again_with_a_warning() {
    let scratch = scratch();
    let library = library(scratch.path(), 3 * SHARD);
    let expected = Run::of(&library, &scratch.path().join("whole"), &QUICK).verify();
    let damages: [(&str, Damage); 3] = [
        ("flipped", |shard| {
            let path = shard.join("molecules.parquet");
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("missing", |shard| fs::remove_file(shard.join("spectra.parquet")).unwrap()),
        ("foreign", |shard| {
            let path = shard.join("shard.json");
            let text = fs::read_to_string(&path).unwrap();
            let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
            record["plan_digest"] = "0".repeat(64).into();
            fs::write(path, record.to_string()).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let out = scratch.path().join(name);
        stopped(&library, &out, &QUICK, 0, "KILL");
        damage(&out.join("shards/00000"));
        let run = Run::of(&library, &out, &resume(&QUICK));
        assert!(run.done.stderr.contains("computing the shard again"), "{}", run.done.stderr);
        assert_eq!(run.verify(), expected, "{name}");
    }
}

#[test]
fn two_runs_at_once_in_one_directory_do_no_silent_harm() {
    let scratch = scratch();
    let library = library(scratch.path(), 2 * SHARD);
    let expected = Run::of(&library, &scratch.path().join("whole"), &QUICK).verify();
    let out = scratch.path().join("out");
    let arguments = [&QUICK[..], &["--json"]].concat();
    let first = spawn(&mut run_command(&library, &out, &arguments));
    let second = spawn(&mut run_command(&library, &out, &resume(&arguments)));
    for child in [first, second] {
        let done = Done::from(child.wait_with_output().unwrap());
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
        if done.code == Some(0) {
            assert_eq!(done.json()["content_digest"], expected);
        } else {
            assert!(done.stderr.contains("error: "), "{:?} {}", done.code, done.stderr);
        }
    }
    assert_eq!(Run::of(&library, &out, &resume(&QUICK)).verify(), expected);
}

#[test]
fn a_directory_in_use_is_refused() {
    let scratch = scratch();
    let library = library(scratch.path(), 2 * SHARD);
    let out = scratch.path().join("out");
    let mut first = spawn(&mut run_command(&library, &out, &QUICK));
    wait_for(&out.join("plan.json"), &mut first);
    let second = call(&mut run_command(&library, &out, &resume(&QUICK))).expect_code(2);
    assert!(second.stderr.contains("another run is at work in"), "{}", second.stderr);
    Done::from(first.wait_with_output().unwrap()).expect_code(0);
    verify(&out.join("pack"));
}

#[test]
fn damaged_records_end_the_run_with_a_cure() {
    let scratch = scratch();
    let library = library(scratch.path(), 2 * SHARD);
    let out = scratch.path().join("out");
    stopped(&library, &out, &QUICK, 0, "KILL");
    let _ = fs::remove_dir_all(out.join("shards"));
    let records = out.join("library/00001.arrow");
    let mut bytes = fs::read(&records).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&records, bytes).unwrap();
    let done = call(&mut run_command(&library, &out, &resume(&QUICK))).expect_code(3);
    assert!(done.stderr.contains("00001.arrow is not as it was planned"), "{}", done.stderr);
    assert!(done.stderr.contains("remove the run directory and run again"), "{}", done.stderr);
    assert!(!out.join("pack").exists());
}

/// A tmpfs, as only root may mount one; gone with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={bytes}");
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        done.is_ok_and(|done| done.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_ends_the_run_and_spoils_nothing() {
    let scratch = scratch();
    let library = library(scratch.path(), 4_000);
    let expected = Run::of(&library, &scratch.path().join("whole"), &QUICK).verify();
    const DISK: u64 = 16 << 20;
    let Some(disk) = SmallDisk::mount(&scratch.path().join("disk"), DISK) else {
        skip_loudly("a_full_disk_ends_the_run_and_spoils_nothing", "only root may mount a tmpfs");
        return;
    };
    let out = disk.0.join("out");
    let filler = disk.0.join("filler");
    // Full from the beginning, while planning, while computing, while writing the pack.
    let full: [(u64, &str); 4] = [
        (0, "/.hetero2-run"),
        (8 << 10, "/library/"),
        (60 << 10, "/shards/"),
        (1_200 << 10, ".csv"),
    ];
    for (free, failing) in full {
        fs::write(&filler, vec![0; (DISK - free) as usize]).unwrap();
        let done = call(&mut run_command(&library, &out, &resume(&QUICK))).expect_code(1);
        assert!(done.stderr.contains("No space left on device"), "{}", done.stderr);
        assert!(done.stderr.contains(failing), "{failing}: {}", done.stderr);
        assert!(!out.join("pack").exists(), "a half-written pack");
        fs::remove_file(&filler).unwrap();
    }
    assert!(out.join("plan.json").exists(), "the last attempt ended while it wrote the pack");
    let run = Run::of(&library, &out, &resume(&QUICK));
    assert_eq!(run.verify(), expected);
    assert_eq!(tree(&out).iter().filter(|name| name.ends_with(".partial")).count(), 0, "litter");
}

/// The same where nobody is root: writes beyond a limit fail.
#[test]
fn a_failing_write_ends_the_run_and_spoils_nothing() {
    let scratch = scratch();
    let library = library(scratch.path(), 4_000);
    let expected = Run::of(&library, &scratch.path().join("whole"), &QUICK).verify();
    let out = scratch.path().join("out");
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"";
    let run = run_command(&library, &out, &resume(&QUICK));
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(run.get_program()).args(run.get_args());
    let done = call(&mut command).expect_code(1);
    assert!(done.stderr.contains("File too large"), "{}", done.stderr);
    assert!(!out.join("pack").exists(), "a half-written pack");
    assert_eq!(Run::of(&library, &out, &resume(&QUICK)).verify(), expected);
}

fn batch(input: &Path, out: &Path, arguments: &[&str]) -> Command {
    let mut command = hetero2();
    command.arg("batch").arg("--input").arg(input).arg("--out_dir").arg(out);
    command.args(["--k_decoys", "1", "--zip_pack"]).args(arguments);
    command
}

#[test]
fn weakness_a_second_run_in_one_folder_appends() {
    let scratch = scratch();
    let (small, ragged) = (fixture("libraries/small.csv"), fixture("libraries/ragged.csv"));
    let out = scratch.path().join("out");
    call(&mut batch(&small, &out, &[])).expect_code(0);
    let first = files(&out);
    let other = call(&mut batch(&ragged, &out, &[])).expect_code(2);
    assert!(other.stderr.contains("another library"), "{}", other.stderr);
    assert_eq!(files(&out), first);
    call(&mut batch(&small, &out, &[])).expect_code(0);
    assert_eq!(files(&out), first);
    call(&mut batch(&ragged, &out, &["--overwrite"])).expect_code(0);
    verify(&out);
    let fresh = scratch.path().join("fresh");
    call(&mut batch(&ragged, &fresh, &[])).expect_code(0);
    assert_eq!(verify(&out), verify(&fresh));
    assert_eq!(table(&out.join("summary.csv")).len(), 20);
}

#[test]
fn weakness_resume_empties_tables() {
    let scratch = scratch();
    let small = fixture("libraries/small.csv");
    let out = scratch.path().join("out");
    call(&mut batch(&small, &out, &[])).expect_code(0);
    let first = files(&out);
    call(&mut batch(&small, &out, &["--resume"])).expect_code(0);
    assert_eq!(files(&out), first);
    assert_eq!(table(&out.join("operator_features.csv")).len(), 20);
}

#[test]
fn weakness_stale_files_get_into_manifest_and_zip() {
    let scratch = scratch();
    let small = fixture("libraries/small.csv");
    let out = scratch.path().join("out");
    call(&mut batch(&small, &out, &[])).expect_code(0);
    let clean = verify(&out);
    write(&out, "stale.csv", "from last week");
    let done = call(&mut batch(&small, &out, &["--overwrite"])).expect_code(0);
    assert_eq!(verify(&out), clean);
    for (name, bytes) in files(&out) {
        let found = bytes.windows(9).any(|part| part == b"stale.csv");
        assert!(!found && name != "stale.csv", "{name} names the stale file");
    }
    // It is nobody's to delete: it was moved aside, and the program says where.
    assert!(done.stderr.contains("out.previous-1"), "{}", done.stderr);
    assert!(scratch.path().join("out.previous-1/stale.csv").exists());
}

/// Peak of resident memory and number of write calls of a run.
#[cfg(target_os = "linux")]
fn costs(library: &Path, out: &Path) -> (u64, u64) {
    let field = |text: &str, name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line[name.len()..].trim().trim_end_matches(" kB").parse().ok()
    };
    let arguments = [&QUICK[..], &["--threads", "2"]].concat();
    let child = spawn(&mut run_command(library, out, &arguments));
    let of = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap();
    let mut peak = 0;
    // Not waited for, the ended process stays to be looked at.
    while !of("stat").contains(") Z") {
        peak = field(&of("status"), "VmHWM:").unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    let writes = field(&of("io"), "syscw:").expect("write calls");
    Done::from(child.wait_with_output().unwrap()).expect_code(0);
    (peak, writes)
}

#[cfg(target_os = "linux")]
#[test]
fn weakness_memory_grows_with_rows_and_an_fsync_per_row() {
    let scratch = scratch();
    let of = |rows: usize| {
        let folder = scratch.path().join(rows.to_string());
        fs::create_dir(&folder).unwrap();
        costs(&library(&folder, rows), &folder.join("out"))
    };
    // Two shards fill every buffer that a run has.
    let (two, _) = of(2 * SHARD);
    let (six, writes) = of(6 * SHARD);

    assert!(two > 1_000, "{two} kB is no program");
    assert!(six < two + two / 3, "{two} kB for two shards, {six} kB for six");
    // A row that is made safe by itself is written by itself.
    assert!(writes < SHARD as u64 / 4, "{writes} write calls for {} rows", 6 * SHARD);
}
