//! The folder of a job at the worker: what lies where, and who works in it. It
//! must not know what is computed there.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hetero2_common::files::disk::{self, Readers};
use hetero2_common::files::{FileError, Lock, LockError};

use crate::job::InputRole;
use crate::job::protocol::{Lease, LeasedInput};

/// Most characters of a staged file's name.
const LONGEST_NAME: usize = 200;

/// An input where the program finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// What it is for.
    pub role: InputRole,
    /// The file.
    pub path: PathBuf,
}

/// A job's folder, which is this process's alone while it is held.
#[derive(Debug)]
pub(super) struct JobFolder {
    root: PathBuf,
    _lock: Lock,
}

impl JobFolder {
    /// Takes the folder of a leased job below `directory`, as an earlier attempt
    /// left it; none where another process works there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn take(directory: &Path, lease: &Lease) -> Result<Option<Self>, FileError> {
        let root = directory.join(plain(&lease.job));
        match disk::create_dir_for(&root, Readers::Owner) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(FileError::io("make", &root)(error));
            }
            _ => {}
        }
        match Lock::try_take(&root.join("lock")) {
            Ok(lock) => Ok(Some(Self { root, _lock: lock })),
            Err(LockError::Held { .. }) => Ok(None),
            Err(LockError::File(error)) => Err(error),
        }
    }

    /// The folder itself.
    #[cfg(test)]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where input `number` lies.
    pub fn input(&self, number: usize, input: &LeasedInput) -> PathBuf {
        self.root.join("inputs").join(number.to_string()).join(plain(&input.name))
    }

    /// The run directory.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// What the program said, over all attempts.
    pub fn log(&self) -> PathBuf {
        self.root.join("log.txt")
    }

    /// A file that is made to be published.
    pub fn made(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// What a text says of this folder, without saying where it is.
    pub fn without_places(&self, text: &str) -> String {
        let root = self.root.display().to_string();
        let inputs = format!("{root}/inputs/");
        let mut rest = text;
        let mut clean = String::with_capacity(text.len());
        while let Some(at) = rest.find(&inputs) {
            clean.push_str(&rest[..at]);
            let after = &rest[at + inputs.len()..];
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            rest = after[digits..].strip_prefix('/').unwrap_or(after);
        }
        clean.push_str(rest);
        clean.replace(&format!("{root}/"), "").replace(&root, ".")
    }

    /// Removes everything: the job has ended.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(self) -> Result<(), FileError> {
        disk::remove_dir_all(&self.root).map_err(FileError::io("remove", &self.root))
    }
}

/// Removes folders of jobs, and of the children of workers, in which nothing happened
/// for `age`: the server ended those jobs, or gave them to a worker of another
/// directory; those workers died.
pub(super) fn sweep(directory: &Path, age: Duration) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let now = SystemTime::now();
    for entry in entries.flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with("job_") || name.starts_with(super::CHILDREN));
        let root = entry.path();
        // The log is written to in every attempt.
        let touched = [root.join("log.txt"), root.clone()];
        let touched =
            touched.iter().filter_map(|path| path.symlink_metadata().ok()?.modified().ok());
        let is_old = touched.max().and_then(|at| now.duration_since(at).ok()) > Some(age);
        if !is_ours || !is_old {
            continue;
        }
        let Ok(_lock) = Lock::try_take(&root.join("lock")) else { continue };
        if let Err(error) = disk::remove_dir_all(&root) {
            tracing::warn!("cannot remove what is left of {}: {error}", root.display());
        }
    }
}

/// A name that is no path, no pattern and no option, whoever gave it.
fn plain(name: &str) -> String {
    let is_plain = |c: char| {
        !c.is_control() && !matches!(c, '/' | '\\' | ':' | '*' | '?' | '[' | ']' | '{' | '}')
    };
    let cleaned: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    // The end tells the format.
    let count = cleaned.chars().count();
    let kept: String = cleaned.chars().skip(count.saturating_sub(LONGEST_NAME)).collect();
    match kept.chars().next() {
        None => "unnamed".to_owned(),
        Some('.' | '-') => format!("_{kept}"),
        Some(_) => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobKind, JobSpec, Limits};

    fn lease() -> Lease {
        Lease {
            org: "org".into(),
            project: "project".into(),
            job: "job_1".into(),
            run: "run_1".into(),
            attempt: 1,
            secret: "s".into(),
            trace: None,
            spec: JobSpec {
                kind: JobKind::Run,
                inputs: Vec::new(),
                options: Default::default(),
                limits: Limits::default(),
            },
            inputs: Vec::new(),
        }
    }

    #[test]
    fn names_are_never_paths_patterns_or_options() {
        for (name, expected) in [
            ("a b.smi.gz", "a b.smi.gz"),
            ("../../etc/passwd", "_.._.._etc_passwd"),
            ("-", "_-"),
            ("--out", "_--out"),
            ("s3://x/*.smi", "s3___x__.smi"),
            ("", "unnamed"),
            ("a\0\nb", "a__b"),
        ] {
            assert_eq!(plain(name), expected, "{name:?}");
        }
        assert!(plain(&"é".repeat(900)).chars().count() <= LONGEST_NAME);
        assert!(plain(&format!("{}.smi.gz", "x".repeat(900))).ends_with(".smi.gz"));
    }

    #[test]
    fn one_process_works_in_a_folder_and_no_text_says_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let folder = JobFolder::take(directory.path(), &lease()).unwrap().unwrap();
        assert!(JobFolder::take(directory.path(), &lease()).unwrap().is_none());
        let root = folder.root().display().to_string();
        let said =
            format!("cannot read {root}/inputs/12/a.smi: see {root}/run/plan.json in {root}");
        assert_eq!(folder.without_places(&said), "cannot read a.smi: see run/plan.json in .");
        sweep(directory.path(), Duration::ZERO);
        assert!(folder.root().exists(), "one that is held was swept");
        drop(folder);
        let again = JobFolder::take(directory.path(), &lease()).unwrap().unwrap();
        again.remove().unwrap();
        drop(JobFolder::take(directory.path(), &lease()).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        sweep(directory.path(), Duration::from_secs(60));
        assert!(directory.path().join("job_1").exists());
        sweep(directory.path(), Duration::ZERO);
        assert!(!directory.path().join("job_1").exists());
    }
}
