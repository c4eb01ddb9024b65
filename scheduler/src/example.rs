//! Work and stand-ins for programs, for the tests of this crate.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::Programs;
use crate::{Kind, Resources, Work};

/// Three tasks that are no range, and a command that follows.
pub(crate) fn work(folder: &Path) -> Work {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    Work {
        name: "spectra".to_owned(),
        folder: folder.join("submit"),
        logs: folder.join("logs"),
        task: words("program shard run"),
        tasks: [2, 7, 9].into_iter().collect(),
        program: None,
        finish: Some(words("program reduce run")),
        resources: Resources::default(),
        finish_resources: Resources::default(),
        environment: Default::default(),
        secrets: Default::default(),
        modules: Vec::new(),
        container: None,
        concurrency: None,
        requeue: Default::default(),
        extra: Vec::new(),
    }
}

/// Programs of which one is a shell script that notes its arguments in the
/// file `calls` of `folder` and then does what `answer` says.
pub(crate) fn stand_in(folder: &Path, scheduler: Kind, programs: &[(&str, &str)]) -> Programs {
    for (name, answer) in programs {
        let path = folder.join(name);
        let calls = folder.join("calls");
        let script = format!("#!/bin/sh\necho \"{name} $*\" >>'{}'\n{answer}\n", calls.display());
        // A file that this process has open for writing cannot be executed, and
        // children of other tests inherit what is open: another process writes.
        let mut writer = Command::new("sh")
            .args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
    }
    let mut result = Programs::new(scheduler, &[], "install it");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    result.environment.insert("PATH".to_owned(), path);
    result.pauses.clear();
    result
}

/// What the stand-ins were called with.
pub(crate) fn calls(folder: &Path) -> String {
    fs::read_to_string(folder.join("calls")).unwrap_or_default()
}
