//! A real SLURM of two nodes on this machine, for as long as a value lives.

// Every test file uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hetero2_scheduler::slurm::Slurm;
use tempfile::TempDir;

/// The sandbox; it ends with this value.
pub struct Sandbox {
    /// Everything lies in here.
    pub folder: TempDir,
    settings: BTreeMap<&'static str, String>,
}

impl Sandbox {
    /// Starts it; `None`, said loudly, if it cannot be started here, which is
    /// a failure where `HETERO2_REQUIRE_SLURM=1`.
    pub fn start(settings: &[(&'static str, &str)]) -> Option<Self> {
        let required = std::env::var("HETERO2_REQUIRE_SLURM").is_ok_and(|value| value == "1");
        // Names of sockets are short, so the folder's has to be.
        let folder = tempfile::Builder::new().prefix("h2-").tempdir_in("/tmp").unwrap();
        let mut settings: BTreeMap<_, _> =
            settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        settings.insert("SLURM_SANDBOX_DIR", text(&folder.path().join("slurm")));
        if !required {
            // Tests do not install packages unasked.
            settings.insert("SLURM_SANDBOX_NO_INSTALL", "1".to_owned());
        }
        let sandbox = Self { folder, settings };
        let output = sandbox.verb(&["up"]);
        if output.status.success() {
            return Some(sandbox);
        }
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!required, "SLURM has to be tested here and does not start:\n{why}");
        // Past the test harness, which swallows the output of tests that pass.
        let note = "SKIPPED: no SLURM can be started here (HETERO2_REQUIRE_SLURM=1 installs it)";
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "\n{note}\n{why}");
        None
    }

    /// Stops, starts or crashes a daemon.
    pub fn inflict(&self, verb: &str, daemon: &str) {
        let output = self.verb(&[verb, daemon]);
        assert!(output.status.success(), "{verb} {daemon}: {output:?}");
    }

    /// The scheduler, as a user of this cluster has it.
    pub fn slurm(&self) -> Slurm {
        let mut slurm = Slurm::default();
        let environment = &mut slurm.programs.environment;
        environment.insert("SLURM_CONF".into(), text(&self.path("slurm.conf")));
        environment.insert("HOME".into(), text(self.home()));
        slurm
    }

    /// A home without the login profile of whoever runs the tests: jobs read it.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the sandbox's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("slurm").join(name)
    }

    fn verb(&self, arguments: &[&str]) -> Output {
        // The tests of two packages use this.
        let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let script = folders.find_map(|folder| {
            Some(folder.join("tests/slurm-sandbox")).filter(|script| script.exists())
        });
        Command::new(script.expect("tests/slurm-sandbox"))
            .args(arguments)
            .envs(&self.settings)
            .output()
            .unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.verb(&["wipe"]);
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
