//! What a terminal shows beside what the program means to say.

use std::process::Command;

use super::forging::{path, small_run};
use crate::support::{call, fixture, hetero2, scratch};

/// `hetero2 ARGUMENTS` on a terminal; what the terminal shows. `script` is of
/// util-linux, which every Linux has.
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

#[test]
fn devices_print_nothing_of_drivers() {
    let mut command = hetero2();
    let done = call(command.arg("devices").env_remove("XDG_RUNTIME_DIR")).expect_code(0);
    assert_eq!(done.stderr, "");
}
