//! Shell scripts of tasks and of the command that follows them.
//!
//! One form for every scheduler that starts scripts: where the number of the
//! task comes from is all that differs. Every word that came from outside is
//! quoted.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::command::quoted;
use crate::{Document, Kind, SchedulerError, Work};

/// Where a script finds the number of its task.
#[derive(Debug, Clone)]
pub(crate) enum Number {
    /// The script is for this task only.
    Is(u32),
    /// In a variable of the shell; `1` is the first argument.
    In(&'static str),
    /// A variable holds a position, counted from 0, in the lines of a file:
    /// for schedulers whose arrays are ranges.
    At(&'static str, PathBuf),
}

/// Whether a text is one word of letters, digits and `others`, and no flag.
pub(crate) fn is_word(text: &str, others: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(known)
}

/// Refuses values that a scheduler has no use for, so that none is dropped in
/// silence: (field, whether it is set, what to do instead).
pub(crate) fn refuse(
    scheduler: Kind,
    fields: &[(&'static str, bool, &str)],
) -> Result<(), SchedulerError> {
    match fields.iter().find(|(_, set, _)| *set) {
        Some((field, _, why)) => {
            Err(SchedulerError::Invalid { scheduler, field, why: (*why).to_owned() })
        }
        None => Ok(()),
    }
}

/// The shell that runs the scripts: environment modules are set up by login
/// shells, everything else is plain POSIX.
pub(crate) fn shell(work: &Work) -> Vec<String> {
    let words: &[&str] = if work.modules.is_empty() { &["/bin/sh"] } else { &["/bin/bash", "-l"] };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The script of a task.
pub(crate) fn task(work: &Work, number: &Number) -> String {
    let mut script = match number {
        Number::Is(task) => format!("task={task}\n"),
        Number::In(variable) => format!("task=${{{variable}:?}}\n"),
        Number::At(variable, table) => {
            let table = quoted(&[argument(table)]);
            format!("task=$(sed -n \"$((${{{variable}:?}} + 1))p\" {table})\n: \"${{task:?}}\"\n")
        }
    };
    let logs = quoted(&[argument(&work.logs)]);
    let _ = writeln!(script, "exec >>{logs}/\"$(printf '%05d' \"$task\")\".out 2>&1");
    // The command replaces the shell, so that signals reach it.
    let command = quoted(&work.contained(&work.task, &work.resources));
    script + &work.preamble() + "exec " + &command + " \"$task\"\n"
}

/// The script of the command that follows; `first` is run before it.
pub(crate) fn finish(work: &Work, command: &[String], first: &str) -> String {
    let log = quoted(&[argument(&work.logs.join("finish.out"))]);
    let command = quoted(&work.contained(command, &work.finish_resources));
    format!("exec >>{log} 2>&1\n{first}{}exec {command}\n", work.preamble())
}

/// The numbers of the tasks, one a line, for [`Number::At`].
pub(crate) fn table(work: &Work) -> String {
    work.tasks.iter().fold(String::new(), |text, task| text + &task.to_string() + "\n")
}

/// A file of a submission.
pub(crate) fn document(work: &Work, name: &str, text: String) -> Document {
    Document { path: work.folder.join(name), text }
}

/// A path as an argument; [`Work::check`] has seen that it is text.
pub(crate) fn argument(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::Prepared;
    use crate::example::work;

    #[test]
    fn a_script_runs_its_task_whatever_the_words_hold() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = work(&folder.path().join("it's $(here)"));
        let odd = "a 'b' $(touch gone) \"c\"\nd";
        work.environment.insert("ODD".to_owned(), odd.to_owned());
        let print = "printf '%s|' \"$ODD\" \"$@\"; exit 3";
        work.task = ["sh", "-c", print, "sh", "$x `y`"].map(str::to_owned).to_vec();
        let table = work.folder.join("tasks.txt");
        let script = task(&work, &Number::At("INDEX", table));
        let documents = vec![
            document(&work, "task.sh", script),
            document(&work, "tasks.txt", super::table(&work)),
        ];
        Prepared { documents, commands: Vec::new(), inherited: None }.write(&work).unwrap();
        let run = |index: &str| {
            let mut command = Command::new("/bin/sh");
            command.arg(work.folder.join("task.sh")).env("INDEX", index).status().unwrap().code()
        };
        assert_eq!(run("1"), Some(3));
        let log = fs::read_to_string(work.logs.join("00007.out")).unwrap();
        assert_eq!(log, format!("{odd}|$x `y`|7|"));
        // A position beyond the list runs nothing.
        assert_ne!(run("5"), Some(3));
        assert_eq!(fs::read_dir(&work.logs).unwrap().count(), 1);
    }

    #[test]
    fn containers_and_modules_come_before_the_command() {
        let mut work = work(Path::new("/folder"));
        work.modules = vec!["cuda/12".to_owned()];
        work.container = Some("docker://host/image:1".to_owned());
        work.resources.gpus = Some(1);
        let script = task(&work, &Number::In("HQ_TASK_ID"));
        assert!(script.contains("module load cuda/12 || { echo "), "{script}");
        assert!(script.contains("exec apptainer exec --nv docker://host/image:1 "), "{script}");
        assert_eq!(shell(&work), ["/bin/bash", "-l"]);
    }
}
