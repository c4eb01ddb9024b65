//! What is submitted.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::command::quoted;
use crate::resources::Resources;
use crate::tasks::TaskSet;
use crate::{JobRole, Kind, SchedulerError};

/// Longest [`Work::name`].
const NAME_LIMIT: usize = 40;

/// An array of tasks and a command that follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Name of the jobs: letters, digits, `-`; at most 40 characters. Each
    /// submission has its own, by which its jobs are found.
    pub name: String,
    /// Absolute folder for scripts and manifests; each submission has its own.
    pub folder: PathBuf,
    /// Absolute folder for the output of tasks, one file each, named by its
    /// number in five digits and `.out`; `finish.out` for the last command.
    pub logs: PathBuf,
    /// Command of a task; its number follows as the last argument.
    pub task: Vec<String>,
    /// Numbers of the tasks; none where [`Work::finish`] alone is to run.
    pub tasks: TaskSet,
    /// One MPI program that does all tasks, for schedulers of kind
    /// [`crate::Kind::Mpi`] instead of [`Work::task`].
    pub program: Option<Vec<String>>,
    /// Command that runs when every task has ended, however it ended.
    pub finish: Option<Vec<String>>,
    /// What one task needs.
    pub resources: Resources,
    /// What [`Work::finish`] needs.
    pub finish_resources: Resources,
    /// Environment variables of every command.
    pub environment: BTreeMap<String, String>,
    /// Environment variables whose values lie in files, which are read where a
    /// command runs: a submission has their names alone.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Environment modules to load first.
    pub modules: Vec<String>,
    /// Container image that every command runs in.
    pub container: Option<String>,
    /// Most tasks that run at once.
    pub concurrency: Option<u32>,
    /// What becomes of a task whose node is lost.
    pub requeue: Requeue,
    /// Further flags for the scheduler's submit command, as they are.
    pub extra: Vec<String>,
}

/// What becomes of a task whose node is lost or taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requeue {
    /// It runs again.
    #[default]
    Allowed,
    /// It has failed.
    Never,
}

impl Work {
    /// Checks what every scheduler needs.
    ///
    /// # Errors
    /// [`SchedulerError::Invalid`].
    pub fn check(&self, scheduler: Kind) -> Result<(), SchedulerError> {
        let invalid = |field, why: &str| {
            Err(SchedulerError::Invalid { scheduler, field, why: why.to_owned() })
        };
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if self.name.is_empty() || self.name.len() > NAME_LIMIT || !plain(&self.name) {
            return invalid("name", "it needs 1 to 40 letters, digits or `-`");
        }
        if !self.folder.is_absolute() || !self.logs.is_absolute() {
            return invalid("folder", "folders need absolute paths");
        }
        if self.folder.to_str().is_none() || self.logs.to_str().is_none() {
            return invalid("folder", "scripts hold only paths that are UTF-8");
        }
        if self.task.is_empty() || (self.tasks.is_empty() && self.finish.is_none()) {
            return invalid("tasks", "there is no task");
        }
        if self.finish.as_ref().is_some_and(Vec::is_empty) {
            return invalid("finish", "the command is empty");
        }
        if self.concurrency == Some(0) {
            return invalid("concurrency", "at least one task has to run at once");
        }
        let mut names = self.environment.keys().chain(self.secrets.keys());
        if let Some(name) = names.find(|name| !is_variable(name)) {
            return invalid("environment", &format!("`{name}` is no name of a variable"));
        }
        match self.secrets.values().find(|file| !file.is_absolute() || file.to_str().is_none()) {
            Some(_) => invalid("secrets", "files need absolute paths that are UTF-8"),
            None => Ok(()),
        }
    }

    /// The roles of the jobs of schedulers that have one for all tasks, in the order of
    /// submitting: the tasks, where there are any, and the last command.
    pub(crate) fn roles(&self) -> Vec<JobRole> {
        let tasks = JobRole::Tasks { offset: 0, tasks: self.tasks.clone() };
        let tasks = (!self.tasks.is_empty()).then_some(tasks);
        tasks.into_iter().chain(self.finish.as_ref().map(|_| JobRole::Finish)).collect()
    }

    /// A command inside the container, if there is one; the container sees
    /// GPUs if the command asks for any.
    #[must_use]
    pub fn contained(&self, command: &[String], resources: &Resources) -> Vec<String> {
        let Some(image) = &self.container else {
            return command.to_vec();
        };
        let mut words = vec!["apptainer".to_owned(), "exec".to_owned()];
        if resources.gpus.is_some_and(|gpus| gpus > 0) {
            words.push("--nv".to_owned());
        }
        words.push(image.clone());
        words.extend_from_slice(command);
        words
    }

    /// Shell lines that load [`Work::modules`] and set [`Work::environment`] and
    /// [`Work::secrets`].
    #[must_use]
    pub fn preamble(&self) -> String {
        let mut lines = String::new();
        // Modules first: what is asked for by name wins over what they set.
        if !self.modules.is_empty() {
            let modules = quoted(&self.modules);
            // Some releases say so and succeed.
            let failed = "echo 'hetero2: a module cannot be loaded' >&2; exit 1;";
            lines.push_str(&format!("module load {modules} || {{ {failed} }}\n"));
        }
        for (name, value) in &self.environment {
            lines.push_str(&format!("export {name}={}\n", quoted(&[value])));
        }
        for (name, file) in &self.secrets {
            let file = quoted(&[file.display().to_string()]);
            lines.push_str(&format!("{name}=$(cat {file}) || exit 1\nexport {name}\n"));
        }
        lines
    }
}

/// Whether a shell takes this as the name of a variable.
fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// What a submission would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Files that are written.
    pub documents: Vec<Document>,
    /// Commands that are run, in order. Where one needs an id that an earlier
    /// one prints, `JOB_ID` stands for it.
    pub commands: Vec<Vec<String>>,
    /// The variables of this process that the commands get, as in
    /// [`crate::command::Programs::inherited`]; `None` for all.
    pub inherited: Option<&'static [&'static str]>,
}

/// A file of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Absolute path.
    pub path: PathBuf,
    /// Text of the file.
    pub text: String,
}

impl Prepared {
    /// Writes the documents, and makes the folder for output.
    ///
    /// # Errors
    /// [`SchedulerError::Io`].
    pub fn write(&self, work: &Work) -> Result<(), SchedulerError> {
        for folder in [&work.folder, &work.logs] {
            fs::create_dir_all(folder).map_err(|e| SchedulerError::io("create", folder, e))?;
        }
        for document in &self.documents {
            write_private(&document.path, &document.text)
                .map_err(|e| SchedulerError::io("write", &document.path, e))?;
        }
        Ok(())
    }
}

/// Writes a file that its owner alone may read: values of variables may be
/// secret. A file that is there is replaced, a link to one is not followed.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(text.as_bytes())
}
