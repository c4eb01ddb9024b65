//! Programs that end with the tests, however those end.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Whoever starts as root goes on as nobody: PostgreSQL refuses root.
const UNPRIVILEGED: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// Ends the program and removes its folder once standard input closes, which it
/// does with the process that holds the other end.
const KEEPER: &str = r#"
folder=$1; shift
"$@" </dev/null &
program=$!
cat >/dev/null
kill -INT "$program" 2>/dev/null
wait "$program"
[ -z "$folder" ] || rm -rf "$folder"
"#;

/// Whether the tests run as root.
pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// `program` without the rights of root.
pub fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new(UNPRIVILEGED[0]);
    command.args(&UNPRIVILEGED[1..]).arg(program);
    command
}

/// Gives `folder` to whom [`unprivileged`] programs run as.
pub fn hand_over(folder: &Path) {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534)).unwrap();
    }
}

/// A running program; it ends when this is dropped or the tests end.
pub struct Kept(Child);

impl Kept {
    /// Starts `command`, which writes what it says into `log`, and its errors
    /// beside it into `….err`; `folder` is removed after its end.
    pub fn start(command: &Command, log: &Path, folder: Option<&Path>) -> Self {
        let errors = std::fs::File::create(log.with_extension("err")).unwrap();
        let log = std::fs::File::create(log).unwrap();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(folder.unwrap_or(Path::new("")));
        keeper.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => keeper.env(name, value),
                None => keeper.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            keeper.current_dir(folder);
        }
        // Interrupts from the terminal are for the tests.
        keeper.process_group(0).stdin(Stdio::piped());
        keeper.stdout(log).stderr(errors);
        Self(keeper.spawn().unwrap())
    }
}

impl Kept {
    /// Leaves the program and its keeper until the tests end.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
