//! How a command is run and a program found; knows no step.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a step comes to: nothing, or why it failed.
pub type Outcome = Result<(), String>;

/// Makes the root of the workspace the working directory.
pub fn enter_root() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    env::set_current_dir(&root).map_err(|error| format!("{}: {error}", root.display()))
}

/// The cargo that runs this.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `cargo ARGUMENTS`, given as one line of words.
pub fn cargo_with(line: &str) -> Outcome {
    run(cargo().args(line.split_whitespace()))
}

/// Runs a command to its end, which must be a good one.
pub fn run(command: &mut Command) -> Outcome {
    let shown = shown(command);
    println!("+ {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

/// What a command prints to standard output.
pub fn output(command: &mut Command) -> Result<String, String> {
    let shown = shown(command);
    let output = command.output().map_err(|error| format!("{shown}: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown}: {}: {}", output.status, why.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{shown}: {error}"))
}

/// A program on PATH, or one that `.ci/run` has put into `target/ci`.
pub fn tool(name: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let ours = PathBuf::from("target/ci/venv/bin");
    env::split_paths(&path)
        .chain([ours])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| format!("{name} is neither on PATH nor in target/ci; `.ci/run` installs it"))
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// The program, as `cargo build --release` leaves it.
pub fn hetero2() -> PathBuf {
    target().join("release").join(format!("hetero2{}", env::consts::EXE_SUFFIX))
}

/// A fresh directory below `target/`.
pub fn scratch(name: &str) -> Result<PathBuf, String> {
    let path = target().join("ci").join(name);
    if path.exists() {
        fs::remove_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// Lays the Python package into `folder`: its files, and the library from `built`.
pub fn lay_module(built: &Path, folder: &Path) -> Outcome {
    let package = folder.join("hetero2");
    fs::create_dir_all(&package).map_err(|error| format!("{}: {error}", package.display()))?;
    let source = Path::new("src/python/hetero2");
    let entries = fs::read_dir(source).map_err(|error| format!("{}: {error}", source.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_file() {
            copy(&path, &package.join(path.file_name().unwrap_or_default()))?;
        }
    }
    let (from, to) = match env::consts::OS {
        "windows" => ("hetero2_python.dll", "_native.pyd"),
        "macos" => ("libhetero2_python.dylib", "_native.abi3.so"),
        _ => ("libhetero2_python.so", "_native.abi3.so"),
    };
    copy(&built.join(from), &package.join(to))
}

/// Copies a file.
pub fn copy(from: &Path, to: &Path) -> Outcome {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

/// Text of a file.
pub fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut shown: Vec<String> =
        variables.map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
    shown.extend(words.map(text));
    shown.join(" ")
}

fn text(word: &OsStr) -> String {
    word.to_string_lossy().into_owned()
}
