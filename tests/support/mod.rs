//! What the tests of the program share: running it, reading its packs.

// Every test file uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The program, with an environment that changes nothing of what it prints.
pub fn hetero2() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hetero2"));
    for name in ["HETERO2_LOG", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS"]
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A file of `fixtures/`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The shipped library.
pub fn demo_library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/library/data/demo.smi")
}

/// What a call of the program did.
#[derive(Debug)]
pub struct Done {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Done {
    /// The same, after a check of the exit code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

/// Runs a command to its end.
#[track_caller]
pub fn call(command: &mut Command) -> Done {
    command.output().expect("the program starts").into()
}

/// `hetero2 ARGUMENTS`.
#[track_caller]
pub fn hetero2_with(arguments: &[&str]) -> Done {
    call(hetero2().args(arguments))
}

/// `hetero2 run LIBRARY --out OUT ARGUMENTS`, not yet started.
pub fn run_command(library: &Path, out: &Path, arguments: &[&str]) -> Command {
    let mut command = hetero2();
    command.arg("run").arg(library).arg("--out").arg(out).args(arguments);
    command
}

/// A finished run of the program.
#[derive(Debug)]
pub struct Run {
    /// Run directory.
    pub out: PathBuf,
    /// What the program printed.
    pub done: Done,
}

impl Run {
    /// `hetero2 run LIBRARY --out OUT ARGUMENTS`, which must succeed and leave a
    /// pack that verifies.
    #[track_caller]
    pub fn of(library: &Path, out: &Path, arguments: &[&str]) -> Self {
        let done = call(&mut run_command(library, out, arguments)).expect_code(0);
        let run = Self { out: out.to_owned(), done };
        run.verify();
        run
    }

    /// Directory of the pack.
    pub fn pack(&self) -> PathBuf {
        self.out.join("pack")
    }

    /// Checks the pack with `hetero2 verify`; returns its content digest.
    #[track_caller]
    pub fn verify(&self) -> String {
        verify(&self.pack())
    }

    /// Rows of `summary.csv`.
    #[track_caller]
    pub fn summary(&self) -> Vec<Row> {
        table(&self.pack().join("summary.csv"))
    }

    /// `(id, status, reason)` of each row.
    #[track_caller]
    pub fn outcomes(&self) -> Vec<(String, String, String)> {
        let cell = |row: &Row, name: &str| row[name].clone();
        self.summary()
            .iter()
            .map(|row| (cell(row, "id"), cell(row, "status"), cell(row, "reason")))
            .collect()
    }

    /// Ids of the rows, in order.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        self.outcomes().into_iter().map(|(id, ..)| id).collect()
    }

    /// A JSON document of the pack.
    #[track_caller]
    pub fn document(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.pack().join(name)).expect(name);
        serde_json::from_str(&text).expect(name)
    }

    /// Names and bytes of the pack's files.
    #[track_caller]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.pack())
    }
}

/// `hetero2 verify PACK`, which must pass; returns the content digest.
#[track_caller]
pub fn verify(pack: &Path) -> String {
    let done = call(hetero2().arg("verify").arg(pack).arg("--json")).expect_code(0);
    done.json()["content_digest"].as_str().expect("a digest").to_owned()
}

/// Cells of a CSV row by column.
pub type Row = BTreeMap<String, String>;

/// Rows of a CSV file.
#[track_caller]
pub fn table(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).expect("a CSV file");
    reader.deserialize().map(|row| row.expect("a whole row")).collect()
}

/// Names and bytes of the files of a directory without folders.
#[track_caller]
pub fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("a directory");
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a UTF-8 name");
        (name, fs::read(entry.path()).expect("a file"))
    };
    entries.map(|entry| file(entry.expect("an entry"))).collect()
}

/// Names of everything below a directory, sorted; folders end in `/`.
#[track_caller]
pub fn tree(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(directory).expect("below").display().to_string();
            if path.is_dir() {
                found.push(format!("{name}/"));
                open.push(path);
            } else {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

/// A fresh directory that vanishes with the value.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Writes a file into a directory and returns its path.
#[track_caller]
pub fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, content).expect("a writable directory");
    path
}

/// Says that a check was left out, so that nobody takes it for passed.
pub fn skip_loudly(test: &str, why: &str) {
    // Not by a macro: the harness would hide that from a passing test.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// A Python with the packages of `tests/python/requirements.txt`: that of
/// `HETERO2_PYTHON`, or a virtual environment in `target/`, which
/// `HETERO2_REQUIRE_PYTHON=1` makes with pip. Where there is none, the check is
/// left out loudly, or fails if it is required.
pub fn python(test: &str) -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FOUND.get_or_init(find_python) {
        Ok(python) => Some(python.clone()),
        Err(why) if std::env::var_os("HETERO2_REQUIRE_PYTHON").is_some() => {
            panic!("HETERO2_REQUIRE_PYTHON is set, but {why}")
        }
        Err(why) => {
            skip_loudly(test, why);
            None
        }
    }
}

fn find_python() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("HETERO2_PYTHON") {
        return Ok(PathBuf::from(given));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let requirements = root.join("tests/python/requirements.txt");
    let venv = root.join("target/ci/python");
    let python = venv.join("bin/python");
    fs::create_dir_all(root.join("target/ci")).map_err(|e| e.to_string())?;
    let lock = fs::File::create(root.join("target/ci/python.lock")).map_err(|e| e.to_string())?;
    // Several test programs may want it at once.
    lock.lock().map_err(|e| e.to_string())?;
    let wanted = fs::read_to_string(&requirements).map_err(|e| e.to_string())?;
    let ready = venv.join("requirements.txt");
    if fs::read_to_string(&ready).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if std::env::var_os("HETERO2_REQUIRE_PYTHON").is_none() {
        return Err("HETERO2_REQUIRE_PYTHON=1 would get the Python packages with pip".into());
    }
    let step = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("{command:?}: {error}")),
    };
    step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    step(Command::new(&python).args(pip).arg(&requirements))?;
    fs::write(&ready, wanted).map_err(|e| e.to_string())?;
    Ok(python)
}
