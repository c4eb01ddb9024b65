//! Runs the programs of schedulers: with a time limit, with bounded output,
//! and telling "not installed", "cannot be reached" and "refused" apart.
//!
//! Knows no scheduler: what a scheduler says when its server is away is
//! passed in.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::debug;

use crate::{Kind, SchedulerError};

/// What any program may say when it cannot reach its server, in small letters.
const AWAY: &[&str] = &[
    "connection refused",
    "connection reset",
    "connection timed out",
    "connect failure",
    "i/o timeout",
    "network is unreachable",
    "no route to host",
    "could not resolve",
    "no such host",
    "name resolution",
    "name or service not known",
];

/// Most bytes of one output stream that are kept; the rest is read and dropped.
const OUTPUT_LIMIT: u64 = 64 << 20;

/// Most characters of a program's answer that an error repeats.
const QUOTE_LIMIT: usize = 600;

/// How a scheduler's programs are run.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The scheduler, for messages.
    pub scheduler: Kind,
    /// Time limit of one command.
    pub limit: Duration,
    /// Set in the environment of every command; `PATH` here also decides
    /// where programs are looked for.
    pub environment: BTreeMap<String, String>,
    /// Which variables of this process commands get: all, or those with these
    /// names; a name that ends in `*` stands for all that begin so.
    pub inherited: Option<&'static [&'static str]>,
    /// Parts of what the programs say, in small letters, when their server is
    /// away; beside what programs say of connections in general.
    pub away: &'static [&'static str],
    /// What to do when a program is missing.
    pub cure: &'static str,
    /// Pauses after which a submission to a scheduler that is away or busy is
    /// tried again.
    pub pauses: Vec<Duration>,
}

/// What a command answered, whatever its exit status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The command line, for messages.
    pub command: String,
    /// Its exit status.
    pub status: ExitStatus,
    /// Standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Programs {
    /// Programs of a scheduler with a limit of 60 seconds each.
    #[must_use]
    pub fn new(scheduler: Kind, away: &'static [&'static str], cure: &'static str) -> Self {
        let limit = Duration::from_secs(60);
        let environment = BTreeMap::new();
        let pauses = [1, 2, 4, 8].map(Duration::from_secs).to_vec();
        Self { scheduler, limit, environment, inherited: None, away, cure, pauses }
    }

    /// Runs a command that has to succeed; gives its standard output.
    ///
    /// # Errors
    /// As [`Programs::answer`]; a failing command is
    /// [`SchedulerError::Unreachable`] if it says that its server is away,
    /// else [`SchedulerError::Refused`].
    pub fn run(&self, arguments: &[String], input: Option<&str>) -> Result<String, SchedulerError> {
        let answer = self.answer(arguments, input)?;
        match answer.status.success() {
            true => Ok(answer.stdout),
            false => Err(self.failure(&answer)),
        }
    }

    /// Runs a command and gives its answer, even if it fails.
    ///
    /// # Errors
    /// [`SchedulerError::NotInstalled`] when there is no such program,
    /// [`SchedulerError::Unreachable`] when it does not end in time (it is
    /// killed then: whether its server acted is not known).
    pub fn answer(
        &self,
        arguments: &[String],
        input: Option<&str>,
    ) -> Result<Answer, SchedulerError> {
        let command = shown(arguments);
        let Some((program, rest)) = arguments.split_first() else {
            return Err(self.refused(&command, "an empty command".to_owned()));
        };
        let start = Instant::now();
        let mut process = Command::new(program);
        if let Some(names) = self.inherited {
            process.env_clear();
            process.envs(env::vars_os().filter(|(name, _)| listed(names, name)));
        }
        let child = process
            .args(rest)
            .envs(&self.environment)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(SchedulerError::NotInstalled {
                    scheduler: self.scheduler,
                    program: program.clone(),
                    cure: self.cure.to_owned(),
                });
            }
            Err(e) => return Err(self.refused(&command, e.to_string())),
        };
        feed(&mut child, input);
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let deadline = start + self.limit;
        let status = wait(&mut child, deadline);
        debug!(%command, seconds = start.elapsed().as_secs_f64(), ?status, "ran");
        // A grandchild may hold the pipes open after the program itself ended.
        let answer = status.and_then(|status| {
            let stdout = text(&stdout, deadline)?;
            let stderr = text(&stderr, deadline)?;
            Some(Answer { command: command.clone(), status, stdout, stderr })
        });
        answer.ok_or_else(|| {
            let why = format!("no answer within {} s", self.limit.as_secs_f64());
            self.unreachable(&command, why)
        })
    }

    /// What the answer of a command that failed means.
    #[must_use]
    pub fn failure(&self, answer: &Answer) -> SchedulerError {
        let said = match answer.stderr.trim() {
            "" => answer.stdout.trim(),
            said => said,
        };
        let small = said.to_lowercase();
        let why = match said {
            "" => answer.status.to_string(),
            said => said.chars().take(QUOTE_LIMIT).collect(),
        };
        match AWAY.iter().chain(self.away).any(|part| small.contains(part)) {
            true => self.unreachable(&answer.command, why),
            false => self.refused(&answer.command, why),
        }
    }

    fn unreachable(&self, command: &str, why: String) -> SchedulerError {
        let command = command.to_owned();
        SchedulerError::Unreachable { scheduler: self.scheduler, command, why }
    }

    fn refused(&self, command: &str, why: String) -> SchedulerError {
        let command = command.to_owned();
        SchedulerError::Refused { scheduler: self.scheduler, command, why }
    }
}

fn listed(names: &[&str], name: &OsStr) -> bool {
    names.iter().any(|listed| match listed.strip_suffix('*') {
        Some(prefix) => name.as_encoded_bytes().starts_with(prefix.as_bytes()),
        None => name == *listed,
    })
}

/// The command line as a person would type it, shortened where it is long.
fn shown(arguments: &[String]) -> String {
    let line = quoted(arguments);
    match line.char_indices().nth(QUOTE_LIMIT) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

/// Arguments quoted for a POSIX shell.
///
/// NUL bytes, which no argument can hold, are left out.
#[must_use]
pub fn quoted<S: AsRef<str>>(arguments: &[S]) -> String {
    let words: Vec<String> = arguments.iter().map(|word| word.as_ref().replace('\0', "")).collect();
    // Only a NUL byte makes this fail, and there is none left.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default()
}

/// Writes standard input from a thread of its own, so that a program that
/// reads nothing blocks nobody.
fn feed(child: &mut Child, input: Option<&str>) {
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input.map(str::to_owned)) {
        // A program that does not read its input says why by its exit status.
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    }
}

/// Reads a stream to its end, keeping the first [`OUTPUT_LIMIT`] bytes.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is the best there is.
            let _ = stream.by_ref().take(OUTPUT_LIMIT).read_to_end(&mut kept);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        drop(sender.send(kept));
    });
    receiver
}

fn text(bytes: &Receiver<Vec<u8>>, deadline: Instant) -> Option<String> {
    let left = deadline.saturating_duration_since(Instant::now());
    match bytes.recv_timeout(left.max(Duration::from_millis(200))) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
    }
}

/// The exit status, or `None` if the child had to be killed at the deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            // It may have ended just now; either way it is reaped.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs() -> Programs {
        Programs::new(Kind::Slurm, &["unable to contact"], "install it")
    }

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn answers_are_told_apart() {
        let programs = programs();
        assert_eq!(programs.run(&shell("cat"), Some("in")).unwrap(), "in");
        let missing = programs.run(&["no-such-program-here".to_owned()], None).unwrap_err();
        assert!(matches!(missing, SchedulerError::NotInstalled { .. }), "{missing}");
        let refused = programs.run(&shell("echo bad partition >&2; exit 1"), None).unwrap_err();
        assert!(matches!(&refused, SchedulerError::Refused { why, .. } if why == "bad partition"));
        let away = shell("echo 'error: Unable to contact slurm controller' >&2; exit 1");
        let away = programs.run(&away, None).unwrap_err();
        assert!(matches!(away, SchedulerError::Unreachable { .. }), "{away}");
    }

    #[test]
    fn a_command_that_hangs_is_killed_in_time() {
        let programs = Programs { limit: Duration::from_millis(300), ..programs() };
        let start = Instant::now();
        // The second one ends, but leaves its output open in another process.
        for script in ["sleep 30", "sleep 30 & exit 0"] {
            let away = programs.run(&shell(script), None).unwrap_err();
            assert!(
                matches!(&away, SchedulerError::Unreachable { why, .. } if why.contains("0.3 s"))
            );
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn the_environment_decides_where_programs_are() {
        let mut programs = programs();
        programs.environment.insert("PATH".to_owned(), "/nowhere".to_owned());
        let missing = programs.run(&["ls".to_owned()], None).unwrap_err();
        assert!(matches!(missing, SchedulerError::NotInstalled { .. }), "{missing}");
    }

    #[test]
    fn only_what_is_listed_is_inherited() {
        let programs = Programs { inherited: Some(&["PATH", "CARGO_PKG_N*"]), ..programs() };
        let said = programs.run(&shell("echo ${CARGO_PKG_NAME-}/${CARGO_PKG_VERSION-}"), None);
        assert_eq!(said.unwrap(), "hetero2-scheduler/\n");
    }

    #[test]
    fn words_are_quoted_for_shells() {
        assert_eq!(quoted(&["a", "b c", "$(x)", "it's"]), r#"a 'b c' '$(x)' "it's""#);
    }
}
