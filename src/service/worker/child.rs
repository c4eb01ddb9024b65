//! A process of the program that computes for the worker: started, watched,
//! ended. It must not know jobs, nor the server.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal as Kill, kill_process, kill_process_group};
use tokio::sync::{mpsc, watch};

use super::Program;
use super::order::{ChildOrder, ChildSays, LONGEST_LINE};
use super::signal::{Signal, at_least};
use super::usage::{LOOK, Sample, Used, forget_peak, look};

/// How long a child has to stop by itself, keeping what it computed: shards that are
/// done are kept in any case.
const GRACE: Duration = Duration::from_secs(10);
/// Bytes of a log beyond which whatever writes it is ended.
const LONGEST_LOG: u64 = 64 << 20;
/// How often the end of the log is read.
const TAIL: Duration = Duration::from_secs(2);
/// Bytes of the end of the log that are shown.
const TAIL_BYTES: u64 = 2_000;

/// Variables of the environment that a child sees; nothing secret is among them.
const ENVIRONMENT: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "TZ",
    "LD_LIBRARY_PATH",
    "XDG_RUNTIME_DIR",
    "VK_ICD_FILENAMES",
    "VK_DRIVER_FILES",
    "RAYON_NUM_THREADS",
    "RUST_BACKTRACE",
];

/// What ends a command from outside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// When it has taken too long.
    pub until: Instant,
    /// KiB of memory that it may hold.
    pub memory_kib: u64,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ran {
    /// By itself.
    Ended {
        /// Its exit code.
        code: u8,
        /// What it gave.
        document: String,
    },
    /// The process went away: what the system says of it.
    Died(String),
    /// It took too long.
    TooLong,
    /// It held so many KiB of memory.
    TooMuchMemory(u64),
    /// It wrote too long a log.
    TooMuchLog,
    /// It was told to stop.
    Stopped(Signal),
}

/// What a child tells while it works.
pub(super) enum Told<'a> {
    /// How far it is.
    Says(&'a ChildSays),
    /// The end of its log.
    Tail(String),
}

/// A process that computes.
pub(super) struct Child {
    process: Process,
    stdin: Option<ChildStdin>,
    says: mpsc::Receiver<ChildSays>,
    /// What it writes to standard error.
    log: PathBuf,
    folder: PathBuf,
    /// Where the log of the command under way begins.
    log_from: u64,
    commands: u32,
    last: Sample,
}

impl Child {
    /// Starts one; its log and temporary files are in `folder`, which is its alone.
    ///
    /// # Errors
    /// The system refuses.
    pub fn start(program: &Program, folder: &Path) -> std::io::Result<Self> {
        let temporary = folder.join("tmp");
        // So that the folder of all counts as used.
        if let Some(parent) = folder.parent().filter(|parent| parent.exists()) {
            let _ = File::create(parent.join("log.txt"));
        }
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&temporary)?,
        }
        let log = folder.join("log");
        let errors = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(&program.executable);
        command.args(&program.child).env_clear().current_dir(folder);
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("TMPDIR", &temporary).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut process = command.spawn()?;
        let stdin = process.stdin.take();
        let (sender, says) = mpsc::channel(64);
        if let Some(stdout) = process.stdout.take() {
            std::thread::Builder::new()
                .name("child".to_owned())
                .spawn(move || listen(stdout, &sender))?;
        }
        let last = Sample::default();
        let folder = folder.to_owned();
        Ok(Self { process, stdin, says, log, folder, log_from: 0, commands: 0, last })
    }

    /// Has it carry out a command, and tells `told` meanwhile. Unless it ended the
    /// command by itself, it is of no use any more.
    pub async fn run(
        &mut self,
        order: &ChildOrder,
        bounds: Bounds,
        signals: &mut watch::Receiver<Signal>,
        used: &mut Used,
        mut told: impl FnMut(Told<'_>),
    ) -> Ran {
        self.commands += 1;
        self.log_from = self.log_length();
        forget_peak(self.process.id());
        let before = look(self.process.id()).unwrap_or_default();
        self.last = before;
        let mut line = serde_json::to_vec(order).unwrap_or_default();
        line.push(b'\n');
        let sent =
            self.stdin.as_mut().map(|stdin| stdin.write_all(&line).and_then(|()| stdin.flush()));
        let ran = match sent {
            Some(Ok(())) => self.watch(bounds, signals, &mut told).await,
            _ => self.died(),
        };
        let now = look(self.process.id()).unwrap_or(self.last);
        used.add(before, now);
        if !matches!(ran, Ran::Ended { .. }) {
            self.kill();
        }
        ran
    }

    async fn watch(
        &mut self,
        bounds: Bounds,
        signals: &mut watch::Receiver<Signal>,
        told: &mut impl FnMut(Told<'_>),
    ) -> Ran {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tail_at = Instant::now() + TAIL;
        // What it was told, and until when it has to obey.
        let mut asked: Option<(Signal, Instant)> = None;
        loop {
            let least = match asked {
                None => Signal::Hold,
                Some(_) => Signal::Cancel,
            };
            tokio::select! {
                said = self.says.recv() => match said {
                    None => return asked.map_or_else(|| self.died(), |(signal, _)| Ran::Stopped(signal)),
                    Some(ChildSays::Ended { code, document }) => return match asked {
                        // It may have been done before it heard.
                        Some((signal, _)) if code != 0 => Ran::Stopped(signal),
                        _ => Ran::Ended { code, document },
                    },
                    Some(says) => told(Told::Says(&says)),
                },
                signal = at_least(signals, least) => {
                    // Of what is cancelled nothing is kept.
                    if signal >= Signal::Cancel || asked.is_some() {
                        return Ran::Stopped(signal);
                    }
                    self.signal(Kill::TERM);
                    asked = Some((signal, Instant::now() + GRACE));
                },
                _ = ticks.tick() => {
                    let now = Instant::now();
                    if let Some(sample) = look(self.process.id()) {
                        self.last = sample;
                        if sample.memory_kib > bounds.memory_kib {
                            return Ran::TooMuchMemory(sample.memory_kib);
                        }
                    }
                    match asked {
                        Some((signal, until)) if now > until => return Ran::Stopped(signal),
                        None if now > bounds.until => return Ran::TooLong,
                        _ => {}
                    }
                    if now > tail_at {
                        tail_at = now + TAIL;
                        let length = self.log_length();
                        if length - self.log_from.min(length) > LONGEST_LOG {
                            return Ran::TooMuchLog;
                        }
                        let from = self.log_from.max(length.saturating_sub(TAIL_BYTES));
                        told(Told::Tail(self.read_log(from, TAIL_BYTES)));
                    }
                },
            }
        }
    }

    /// What it wrote to its log since the last command began, the last `most` bytes.
    pub fn said(&self, most: u64) -> String {
        let length = self.log_length();
        self.read_log(self.log_from.max(length.saturating_sub(most)), most)
    }

    /// Whether it may carry out another command: it is not old, and holds no more
    /// than `memory_kib`.
    pub fn is_fresh(&self, most: u32, memory_kib: u64) -> bool {
        self.commands < most
            && look(self.process.id()).is_some_and(|now| now.memory_kib < memory_kib)
    }

    fn log_length(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |found| found.len())
    }

    fn read_log(&self, from: u64, most: u64) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(most).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }

    /// What became of it: it closed its output, so it has ended or is about to.
    fn died(&mut self) -> Ran {
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            match self.process.try_wait() {
                Ok(Some(status)) => return Ran::Died(status.to_string()),
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return Ran::Died(error.to_string()),
            }
        }
        Ran::Died("it closed its output".to_owned())
    }

    fn signal(&self, signal: Kill) {
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    fn kill(&mut self) {
        // Not after it was waited for: its number may be another's then.
        if let Ok(None) = self.process.try_wait()
            && let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process_group(pid, Kill::KILL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Passes on what a child says until it ends.
fn listen(stdout: std::process::ChildStdout, sender: &mpsc::Sender<ChildSays>) {
    let mut stdout = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let read = stdout.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        if !read.is_ok_and(|count| count > 0) {
            return;
        }
        let Ok(says) = serde_json::from_slice::<ChildSays>(&line) else { return };
        if sender.blocking_send(says).is_err() {
            return;
        }
    }
}
