//! One process of a scorer: started, asked, ended. Its streams are read and written
//! by threads of their own, so that it can neither block nor flood this program.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::answer::SHOWN;
use super::{LastWords, Lifetime};

/// Longest line of an answer, in bytes.
pub(super) const MAX_LINE: usize = 4_096;
/// Lines that are read ahead.
const AHEAD: usize = 4_096;
/// Bytes of standard error that are kept.
const KEPT: usize = 8_192;
/// Time between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);
/// How long the end of an answer may come after its scores.
const END: Duration = Duration::from_secs(30);

/// Why an answer cannot be used.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The process ended, after so many lines.
    Ended { how: String, lines: usize },
    /// It took longer than it may, after so many lines.
    TimedOut { lines: usize },
    /// All its lines came, but not the empty one that ends an answer.
    NoEnd,
    /// It gave another number of lines; so many, or more, of which the first is this.
    Lines { lines: usize, first: String },
    /// It gave a line that is too long, after so many.
    LongLine { lines: usize },
    /// It gave lines that nobody asked for.
    Unasked,
    /// The caller wants to stop.
    Cancelled,
}

enum Said {
    Line(Vec<u8>),
    TooLong,
}

/// A process at work.
pub(super) struct Process {
    child: Child,
    lifetime: Lifetime,
    to: Option<mpsc::Sender<Vec<u8>>>,
    from: Receiver<Said>,
    errors: Arc<Mutex<Vec<u8>>>,
    errors_end: Receiver<()>,
}

/// What a process is started with.
pub(super) struct Start<'a> {
    pub command: &'a str,
    pub lifetime: Lifetime,
    pub environment: &'a [(String, String)],
}

impl Process {
    /// Starts the command in a process group of its own.
    pub fn start(start: &Start<'_>) -> io::Result<Self> {
        let mut command = shell(start.command);
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (to, batches) = mpsc::channel();
        let (lines, from) = mpsc::sync_channel(AHEAD);
        let (errors_done, errors_end) = mpsc::sync_channel(1);
        let errors = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdin) = child.stdin.take() {
            spawn("scorer-input", move || write_all(stdin, &batches))?;
        }
        if let Some(stdout) = child.stdout.take() {
            spawn("scorer-output", move || read_lines(stdout, &lines))?;
        }
        if let Some(stderr) = child.stderr.take() {
            let kept = Arc::clone(&errors);
            spawn("scorer-errors", move || {
                keep_end(stderr, &kept);
                drop(errors_done);
            })?;
        }
        Ok(Self { child, lifetime: start.lifetime, to: Some(to), from, errors, errors_end })
    }

    /// The lines that it answers to these molecules, one each. After trouble the
    /// process is of no use any more.
    pub fn ask(
        &mut self,
        molecules: &[&str],
        limit: Duration,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<u8>>, Trouble> {
        if self.from.try_recv().is_ok() {
            return Err(Trouble::Unasked);
        }
        let mut text: Vec<u8> = molecules.join("\n").into_bytes();
        text.push(b'\n');
        if self.lifetime == Lifetime::Task {
            text.push(b'\n');
        }
        // A process that does not read is one that does not answer.
        let _ = self.to.as_ref().map(|to| to.send(text));
        if self.lifetime == Lifetime::Batch {
            self.to = None;
        }
        self.answer(molecules.len(), limit, is_cancelled)
    }

    fn answer(
        &mut self,
        expected: usize,
        limit: Duration,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<u8>>, Trouble> {
        let mut until = Instant::now() + limit;
        let mut lines: Vec<Vec<u8>> = Vec::new();
        loop {
            let now = Instant::now();
            let wait = until.saturating_duration_since(now).min(LOOK);
            match self.from.recv_timeout(wait) {
                Ok(Said::TooLong) => return Err(Trouble::LongLine { lines: lines.len() }),
                Ok(Said::Line(line)) if self.is_end(&line) => {
                    return if lines.len() == expected {
                        Ok(lines)
                    } else {
                        Err(wrong_lines(&lines, lines.len()))
                    };
                }
                Ok(Said::Line(_)) if lines.len() == expected => {
                    return Err(wrong_lines(&lines, expected + 1));
                }
                Ok(Said::Line(line)) => {
                    lines.push(line);
                    if lines.len() == expected {
                        until = until.min(Instant::now() + END);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return self.ended(lines, expected),
                Err(RecvTimeoutError::Timeout) if is_cancelled() => return Err(Trouble::Cancelled),
                Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(RecvTimeoutError::Timeout) if lines.len() == expected => {
                    return Err(Trouble::NoEnd);
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Trouble::TimedOut { lines: lines.len() });
                }
            }
        }
    }

    /// Whether a line ends an answer.
    fn is_end(&self, line: &[u8]) -> bool {
        self.lifetime == Lifetime::Task && line.is_empty()
    }

    /// What it means that the process closed its output.
    fn ended(&mut self, mut lines: Vec<Vec<u8>>, expected: usize) -> Result<Vec<Vec<u8>>, Trouble> {
        let status = self.wait(GRACE);
        let succeeded = status.is_some_and(|status| status.success());
        if self.lifetime == Lifetime::Task || !succeeded {
            let how = status.map_or_else(|| "it closed its output".to_owned(), said_of);
            return Err(Trouble::Ended { how, lines: lines.len() });
        }
        while lines.len() > expected && lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        if lines.len() == expected { Ok(lines) } else { Err(wrong_lines(&lines, lines.len())) }
    }

    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }

    /// Ends the process and all that it started; what it wrote to standard error last.
    pub fn kill(mut self) -> LastWords {
        self.end(Duration::ZERO);
        // What it wrote last may still be on its way.
        let _ = self.errors_end.recv_timeout(Duration::from_millis(500));
        let kept = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        LastWords(String::from_utf8_lossy(&kept).into_owned())
    }

    /// Closes its input and waits; then ends what is left of it.
    fn end(&mut self, grace: Duration) {
        self.to = None;
        if grace > Duration::ZERO && self.wait(grace).is_some() {
            return;
        }
        signal_group(&mut self.child);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(GRACE);
    }
}

/// Another number of lines than was asked for.
fn wrong_lines(found: &[Vec<u8>], lines: usize) -> Trouble {
    let first = found.first().map(|line| String::from_utf8_lossy(line));
    let first = first.unwrap_or_default().chars().take(SHOWN).collect();
    Trouble::Lines { lines, first }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Writes batches until there are no more, or nobody reads them.
fn write_all(mut stdin: ChildStdin, batches: &Receiver<Vec<u8>>) {
    for batch in batches {
        if stdin.write_all(&batch).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

/// Reads lines until the output ends, or one is too long, or nobody wants them.
fn read_lines(stdout: ChildStdout, lines: &SyncSender<Said>) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let most = MAX_LINE as u64 + 1;
        match reader.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.len() > MAX_LINE && line.last() != Some(&b'\n') {
            let _ = lines.send(Said::TooLong);
            return;
        }
        let line = line.trim_ascii().to_vec();
        if lines.send(Said::Line(line)).is_err() {
            return;
        }
    }
}

/// Reads standard error to its end, and keeps the last of it.
fn keep_end(mut stderr: ChildStderr, kept: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; KEPT];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let beyond = kept.len().saturating_sub(KEPT);
        kept.drain(..beyond);
    }
}

#[cfg(unix)]
fn shell(line: &str) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new("sh");
    // Ctrl-C is this program's alone, which ends the whole group.
    command.arg("-c").arg(line).process_group(0);
    command
}

#[cfg(windows)]
fn shell(line: &str) -> Command {
    use std::os::windows::process::CommandExt as _;
    let mut command = Command::new("cmd");
    // As it was written: the shell's rules for quotation marks are its own.
    command.arg("/C").raw_arg(line);
    command
}

#[cfg(unix)]
fn signal_group(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    // The number of a group is free only when all its processes have ended; that of
    // a process that was waited for may be another's.
    let is_there = matches!(child.try_wait(), Ok(None));
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw).filter(|_| is_there)
    {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn signal_group(_: &mut Child) {}

#[cfg(unix)]
fn said_of(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(not(unix))]
fn said_of(status: ExitStatus) -> String {
    status.to_string()
}
