//! What the program says: help, errors, completions, manual, `describe`.
//!
//! Snapshots lie in `tests/cli/snapshots`; `INSTA_UPDATE=always cargo test
//! --release --test cli help` writes them again, and `git diff` shows what users
//! will see.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Done, call, fixture, hetero2, hetero2_with, scratch, tree, write};

const SUBCOMMANDS: [&str; 33] = [
    "run",
    "plan",
    "shard",
    "reduce",
    "submit",
    "status",
    "wait",
    "cancel",
    "resume",
    "mpi",
    "verify",
    "diff",
    "describe",
    "devices",
    "decoys",
    "fingerprint",
    "spectrum",
    "audit",
    "cost-lift",
    "accept",
    "compare",
    "proxy-truth",
    "rerun",
    "suite",
    "keygen",
    "sign",
    "publish",
    "registry",
    "schema",
    "batch",
    "bench",
    "completions",
    "man",
];

/// Everything that a call shows, with its paths made the same everywhere.
fn shown(done: &Done, scratch: &Path) -> String {
    let text = format!(
        "exit code {}\n--- stdout\n{}--- stderr\n{}",
        done.code.expect("no signal"),
        done.stdout,
        done.stderr
    );
    let text = text.replace(&scratch.display().to_string(), "[DIR]");
    text.replace(&fixture("").display().to_string(), "[FIXTURES]/")
}

#[test]
fn help_of_the_program_and_of_every_subcommand() {
    insta::assert_snapshot!("help", hetero2_with(&["--help"]).expect_code(0).stdout);
    for name in SUBCOMMANDS {
        let done = hetero2_with(&[name, "--help"]).expect_code(0);
        assert!(done.stderr.is_empty(), "{}", done.stderr);
        insta::assert_snapshot!(format!("help_{name}"), done.stdout);
    }
    for name in ["run", "scale", "spectra"] {
        let done = hetero2_with(&["bench", name, "--help"]).expect_code(0);
        insta::assert_snapshot!(format!("help_bench_{name}"), done.stdout);
    }
}

#[test]
fn the_program_without_arguments_shows_its_subcommands() {
    let done = hetero2_with(&[]).expect_code(2);
    for name in SUBCOMMANDS {
        assert!(done.stderr.contains(&format!("\n  {name} ")), "{name}: {}", done.stderr);
    }
}

#[test]
fn the_version_names_the_release_and_its_commit() {
    let done = hetero2_with(&["--version"]).expect_code(0);
    let start = format!("hetero2 {} (", env!("CARGO_PKG_VERSION"));
    assert!(done.stdout.starts_with(&start) && done.stdout.ends_with(")\n"), "{}", done.stdout);
}

#[test]
fn errors_of_the_library_say_what_to_do() {
    let scratch = scratch();
    let dir = scratch.path();
    std::fs::create_dir(dir.join("folder")).unwrap();
    write(dir, "empty.csv", "");
    write(dir, "blank.csv", "\n\n\r\n");
    write(dir, "no_column.csv", "name,formula\na,C2H6O\n");
    write(dir, "program", b"\x7fELF\x02\x01\x01\0\0");
    write(dir, "archive.zip", b"PK\x03\x04\x14\0\0\0");
    write(dir, "cut.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03K");
    write(dir, "broken.parquet", b"PAR1 and no more PAR1");
    for name in [
        "missing.csv",
        "folder",
        "empty.csv",
        "blank.csv",
        "no_column.csv",
        "program",
        "archive.zip",
        "cut.csv.gz",
        "broken.parquet",
    ] {
        let before = tree(dir);
        let mut command = hetero2();
        command.arg("run").arg(dir.join(name)).arg("--out").arg(dir.join("out"));
        let done = call(command.arg("--quiet")).expect_code(2);
        insta::assert_snapshot!(format!("library_{name}"), shown(&done, dir));
        assert!(!dir.join("out/pack").exists());
        if !name.contains("cut") && !name.contains("blank") {
            assert_eq!(tree(dir), before, "a library that cannot be opened leaves nothing");
        }
        let _ = std::fs::remove_dir_all(dir.join("out"));
    }
}

#[test]
fn a_header_without_rows_is_an_empty_run() {
    let scratch = scratch();
    let library = write(scratch.path(), "header.csv", "id,smiles\n");
    let run = crate::support::Run::of(&library, &scratch.path().join("out"), &[]);
    assert_eq!(run.summary(), []);
    assert!(
        run.done.stdout.contains("no verdict: these scores are stand-ins"),
        "{}",
        run.done.stdout
    );
}

#[test]
fn errors_of_usage_say_what_is_allowed() {
    let scratch = scratch();
    let library = fixture("libraries/small.csv");
    for (name, arguments) in [
        ("unknown_flag", &["--nonsense"][..]),
        ("decoys", &["--decoys", "10001"]),
        ("decoys_negative", &["--decoys=-1"]),
        ("threads", &["--threads", "0"]),
        ("potential_scale", &["--potential-scale", "nan"]),
        ("timeout", &["--timeout-per-row=-1"]),
        ("hard_decoys_order", &["--hard-decoys", "0.9..0.1"]),
        ("hard_decoys_text", &["--hard-decoys", "much"]),
        ("physics", &["--physics", "quantum"]),
        ("format", &["--format", "docx"]),
        ("digest_alone", &["--scores-sha256", "00"]),
        ("scores_missing", &["--scores", "nowhere.json"]),
        ("quiet_and_verbose", &["-q", "-v"]),
    ] {
        let mut command = hetero2();
        command.arg("run").arg(&library).arg("--out").arg(scratch.path().join("out"));
        let done = call(command.args(arguments));
        insta::assert_snapshot!(format!("usage_{name}"), shown(&done, scratch.path()));
        assert_eq!(done.code, Some(2), "{name}");
    }
}

#[test]
fn errors_under_json_are_documents_too() {
    let done = hetero2_with(&["verify", "nowhere", "--json"]).expect_code(2);
    let document = done.json();
    assert_eq!(document["exit_code"], 2);
    assert!(document["error"].as_str().unwrap().contains("nowhere"), "{document}");
}

#[test]
fn verify_and_diff_of_what_is_no_pack() {
    let scratch = scratch();
    let text = write(scratch.path(), "text.zip", "no zip");
    for arguments in [
        vec!["verify".to_owned(), "nowhere".to_owned()],
        vec!["verify".to_owned(), text.display().to_string()],
        vec!["diff".to_owned(), "nowhere".to_owned(), text.display().to_string()],
    ] {
        let done = call(hetero2().args(&arguments));
        assert_eq!(done.code, Some(2), "{arguments:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    }
    let empty = call(hetero2().arg("verify").arg(scratch.path())).expect_code(3);
    assert!(empty.stdout.contains("FAIL    required files"), "{}", empty.stdout);
}

#[test]
fn describe_shows_a_molecule() {
    let aspirin = "CC(=O)Oc1ccccc1C(=O)O";
    let weights = ["--edge-weights", "bond-order-delta-chi", "--decoys", "4"];
    let text = call(hetero2().args(["describe", aspirin]).args(weights)).expect_code(0);
    insta::assert_snapshot!("describe_aspirin", text.stdout);
    let json = call(hetero2().args(["describe", aspirin, "--json"]).args(weights)).expect_code(0);
    assert!(json.stderr.is_empty(), "{}", json.stderr);
    json.json();
    insta::assert_snapshot!("describe_aspirin_json", json.stdout);
    let salt = hetero2_with(&["describe", "[Na+].CC([O-])=O"]).expect_code(0);
    insta::assert_snapshot!("describe_salt", salt.stdout);
}

#[test]
fn describe_refuses_what_is_no_molecule() {
    for (name, smiles) in
        [("ring", "C1CC"), ("valence", "CC(C)(C)(C)C"), ("element", "CXx"), ("empty", "")]
    {
        let done = hetero2_with(&["describe", smiles]).expect_code(2);
        assert!(done.stdout.is_empty(), "{}", done.stdout);
        insta::assert_snapshot!(format!("describe_invalid_{name}"), done.stderr);
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = hetero2_with(&["completions", shell]).expect_code(0).stdout;
        for word in ["describe", "hard-decoys"] {
            assert!(script.contains(word), "{shell} completes no {word}");
        }
        check_syntax(shell, &script);
    }
    let done = hetero2_with(&["completions", "tcsh"]).expect_code(2);
    assert!(done.stderr.contains("possible values: bash"), "{}", done.stderr);
}

/// Lets the shell read the script without running it, where there is the shell.
fn check_syntax(shell: &str, script: &str) {
    let scratch = scratch();
    let path = write(scratch.path(), "completions", script);
    let present = Command::new(shell).arg("--version").output().is_ok_and(|o| o.status.success());
    if !["bash", "zsh", "fish"].contains(&shell) || !present {
        crate::support::skip_loudly("check_syntax", &format!("no {shell} here that checks syntax"));
        return;
    }
    let done = call(Command::new(shell).arg("-n").arg(&path));
    assert_eq!(done.code, Some(0), "{shell}: {}", done.stderr);
}

#[test]
fn manual_pages_are_there_for_every_subcommand() {
    let main = hetero2_with(&["man"]).expect_code(0).stdout;
    assert!(main.starts_with(".ie"), "{main}");
    for name in SUBCOMMANDS {
        let escaped = name.replace('-', "\\-");
        assert!(main.contains(&format!("hetero2\\-{escaped}")), "{name}");
        let page = hetero2_with(&["man", name]).expect_code(0).stdout;
        assert!(page.contains(&format!(".TH hetero2-{name}")), "{page}");
        assert!(page.contains(".SH OPTIONS"), "{name}");
    }
    let done = hetero2_with(&["man", "women"]).expect_code(2);
    assert!(done.stderr.contains("no subcommand women"), "{}", done.stderr);
}

#[test]
fn nothing_is_coloured_that_no_terminal_reads() {
    let scratch = scratch();
    let out = scratch.path().join("out").display().to_string();
    let library = fixture("libraries/ragged.csv").display().to_string();
    let pack = scratch.path().join("out/pack").display().to_string();
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["run", &library, "--out", &out, "--decoys", "1", "-vv"],
        &["verify", &pack],
        &["verify", "nowhere"],
        &["run", "--nonsense"],
        &["describe", "CCO"],
    ] {
        let done = hetero2_with(arguments);
        assert!(!done.stdout.is_empty() || !done.stderr.is_empty());
        assert!(!done.stdout.contains('\u{1b}'), "{arguments:?}: {}", done.stdout);
        assert!(!done.stderr.contains('\u{1b}'), "{arguments:?}: {}", done.stderr);
    }
}

/// Logs go to standard error, so that standard output can be piped on.
#[test]
fn standard_output_holds_the_result_alone() {
    let scratch = scratch();
    let out = scratch.path().join("out").display().to_string();
    let library = fixture("libraries/small.csv").display().to_string();
    let done = hetero2_with(&["run", &library, "--out", &out, "--decoys", "1", "--json", "-vv"])
        .expect_code(0);
    assert!(done.json()["counts"].is_object());
    assert!(done.stderr.contains("computing: 20 rows"), "{}", done.stderr);
    let quiet = hetero2_with(&["run", &library, "--out", &out, "--decoys", "1", "-q"]);
    assert!(quiet.stderr.is_empty(), "{}", quiet.stderr);
}

/// `hetero2 … | head -1` and a reader that never reads: no word of complaint.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in
        [&["describe", "CC(=O)Oc1ccccc1C(=O)O", "--json"][..], &["completions", "bash"]]
    {
        let mut child = hetero2()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = Done::from(child.wait_with_output().unwrap());
        assert!(done.stderr.is_empty(), "{arguments:?}: {}", done.stderr);
        assert_eq!(done.code, Some(0), "{arguments:?}");
    }
    let help = format!("{} run --help | head -1", env!("CARGO_BIN_EXE_hetero2"));
    let done = call(Command::new("sh").arg("-c").arg(help)).expect_code(0);
    assert_eq!(done.stdout, "Turn a library of molecules into an evidence pack\n");
    assert!(done.stderr.is_empty(), "{}", done.stderr);
}
