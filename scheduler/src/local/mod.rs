//! Tasks as processes of this machine, under a supervisor that outlives the
//! shell that submitted.
//!
//! The supervisor is a shell script in the folder of the submission. Needs
//! Linux (`/proc`), `setsid`, `timeout` and `xargs`. Partition, account,
//! quality of service, constraint, memory, GPUs and further flags mean nothing
//! here.

mod process;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use self::process::{Life, Process};
use crate::command::{Programs, quoted};
use crate::{
    Document, Job, JobRole, Kind, Poll, Prepared, Resources, Scheduler, SchedulerError, TaskState,
    Work,
};

const SCRIPT: &str = include_str!("run.sh");

/// Where the lines of a submission stand in the script.
const MARKS: &str = "# <<<\n# >>>\n";

/// How long a command may take to stop after TERM, in seconds.
const GRACE: u64 = 20;

/// Name of the last command among the files of state.
const FINISH: &str = "finish";

/// Processes of this machine.
#[derive(Debug, Clone)]
pub struct Local {
    /// How the supervisor is started.
    pub programs: Programs,
}

impl Default for Local {
    fn default() -> Self {
        let cure = "install util-linux, findutils and coreutils";
        Self { programs: Programs::new(Kind::Local, &[], cure) }
    }
}

impl Scheduler for Local {
    fn kind(&self) -> Kind {
        Kind::Local
    }

    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError> {
        work.check(Kind::Local)?;
        if !work.modules.is_empty() {
            let why = "load them in the shell that submits".to_owned();
            return Err(SchedulerError::Invalid { scheduler: Kind::Local, field: "modules", why });
        }
        let script = work.folder.join("run.sh");
        let command = ["setsid", "--fork", "sh"].map(str::to_owned).into_iter();
        let commands = vec![command.chain([text(&script)]).collect()];
        let tasks: String = work.tasks.iter().map(|task| format!("{task}\n")).collect();
        let documents = vec![
            Document { path: script, text: SCRIPT.replacen(MARKS, &settings(work), 1) },
            Document { path: work.folder.join("tasks.txt"), text: tasks },
        ];
        Ok(Prepared { documents, commands, inherited: self.programs.inherited })
    }

    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        let prepared = self.prepare(work)?;
        let supervisor = work.folder.join("supervisor");
        if supervisor.exists() {
            let why = format!("{} belongs to an earlier submission", work.folder.display());
            return Err(SchedulerError::Invalid { scheduler: Kind::Local, field: "folder", why });
        }
        prepared.write(work)?;
        let state = work.folder.join("state");
        fs::create_dir_all(&state).map_err(|e| SchedulerError::io("create", &state, e))?;
        for command in &prepared.commands {
            self.programs.run(command, None)?;
        }
        let deadline = Instant::now() + self.programs.limit;
        while !supervisor.exists() {
            if Instant::now() > deadline {
                let command = prepared.commands.concat().join(" ");
                let log = work.folder.join("supervisor.log");
                let why = format!("the supervisor did not start; see {}", log.display());
                return Err(SchedulerError::Refused { scheduler: Kind::Local, command, why });
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(jobs(work))
    }

    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        work.check(Kind::Local)?;
        let is_there = work.folder.join("supervisor").exists();
        Ok(if is_there { jobs(work) } else { Vec::new() })
    }

    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError> {
        let mut poll = Poll::default();
        let mut submissions: BTreeMap<&str, Submission> = BTreeMap::new();
        for job in jobs {
            if !submissions.contains_key(job.id.as_str()) {
                submissions.insert(&job.id, Submission::read(&job.id)?);
            }
            let submission = &submissions[job.id.as_str()];
            match &job.role {
                JobRole::Tasks { tasks, .. } => {
                    for task in tasks.iter() {
                        poll.tasks.insert(task, submission.state(&task.to_string())?);
                    }
                }
                JobRole::Finish => poll.finish = Some(submission.state(FINISH)?),
            }
        }
        Ok(poll)
    }

    /// Ends the supervisor and its commands: TERM, then KILL for those that
    /// are still there after 20 seconds.
    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError> {
        let mut folders: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        folders.dedup();
        for folder in folders {
            let submission = Submission::read(folder)?;
            // Before anything is listed: what starts meanwhile finds this file.
            if submission.supervisor.is_some() {
                let mark = submission.folder.join("cancelled");
                fs::write(&mark, "").map_err(|e| SchedulerError::io("write", &mark, e))?;
                submission.stop()?;
            }
        }
        Ok(())
    }
}

/// The jobs of a submission, which its folder names.
fn jobs(work: &Work) -> Vec<Job> {
    let id = text(&work.folder);
    work.roles().into_iter().map(|role| Job { id: id.clone(), role }).collect()
}

/// The lines of the script that differ from submission to submission.
fn settings(work: &Work) -> String {
    let most = work.concurrency.unwrap_or_else(|| default_concurrency(&work.resources));
    let task = quoted(&work.contained(&work.task, &work.resources));
    let mut lines = format!(
        "folder={}\nlogs={}\nmost={most}\nlimit={}\nfinish_limit={}\n{}",
        quoted(&[text(&work.folder)]),
        quoted(&[text(&work.logs)]),
        seconds(&work.resources),
        seconds(&work.finish_resources),
        work.preamble(),
    );
    // `timeout` also forwards TERM, and KILLs what does not heed it.
    lines.push_str(&format!("task() {{ exec timeout -k {GRACE} \"$limit\" {task} \"$1\"; }}\n"));
    match &work.finish {
        Some(finish) => {
            let finish = quoted(&work.contained(finish, &work.finish_resources));
            lines.push_str(&format!(
                "finish=yes\nfinish() {{ exec timeout -k {GRACE} \"$finish_limit\" {finish}; }}\n"
            ));
        }
        None => lines.push_str("finish=no\n"),
    }
    lines
}

/// As many tasks as there are cores for.
fn default_concurrency(resources: &Resources) -> u32 {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let cores = u32::try_from(cores).unwrap_or(u32::MAX);
    (cores / resources.cpus.unwrap_or(1).max(1)).max(1)
}

/// The time limit in whole seconds, rounded up; 0 for none.
fn seconds(resources: &Resources) -> u64 {
    resources.time.map_or(0, |limit| limit.as_secs() + u64::from(limit.subsec_nanos() > 0))
}

/// [`Work::check`] lets no path pass that is not UTF-8.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The files that tell how a submission is doing.
struct Submission {
    folder: PathBuf,
    /// `None` if there is no such submission.
    supervisor: Option<Process>,
    alive: Life,
    cancelled: bool,
}

impl Submission {
    fn read(folder: &str) -> Result<Self, SchedulerError> {
        let folder = PathBuf::from(folder);
        let supervisor = read(&folder.join("supervisor"))?.and_then(|text| Process::parse(&text));
        let alive = supervisor.as_ref().map_or(Life::Ended, Process::life);
        let cancelled = folder.join("cancelled").exists();
        Ok(Self { folder, supervisor, alive, cancelled })
    }

    fn state(&self, name: &str) -> Result<TaskState, SchedulerError> {
        let end = || read(&self.file(name, "exit"));
        if let Some(end) = end()? {
            return Ok(ended(end.trim()));
        }
        if let Some(process) = self.running(name)? {
            let state = match process.life() {
                Life::Running => TaskState::Running { node: Some(process.host) },
                // It may have ended, and said so, since the first look.
                Life::Ended => match end()? {
                    Some(end) => ended(end.trim()),
                    None => self.failed("killed"),
                },
                Life::Elsewhere => return Err(elsewhere(&process)),
            };
            return Ok(state);
        }
        match (&self.supervisor, self.alive) {
            (None, _) => Ok(TaskState::Unknown),
            (Some(_), Life::Running) => Ok(TaskState::Pending { reason: None }),
            // The supervisor may have run the task, and ended, since the first look.
            (Some(_), Life::Ended) => match end()? {
                Some(end) => Ok(ended(end.trim())),
                None => Ok(self.failed("its supervisor ended")),
            },
            (Some(supervisor), Life::Elsewhere) => Err(elsewhere(supervisor)),
        }
    }

    fn failed(&self, reason: &str) -> TaskState {
        let reason = if self.cancelled { "CANCELLED" } else { reason };
        TaskState::Failed { reason: reason.to_owned() }
    }

    fn file(&self, name: &str, what: &str) -> PathBuf {
        self.folder.join("state").join(format!("{name}.{what}"))
    }

    fn running(&self, name: &str) -> Result<Option<Process>, SchedulerError> {
        Ok(read(&self.file(name, "running"))?.and_then(|text| Process::parse(&text)))
    }

    /// The supervisor and whatever it started, as far as they still live.
    fn processes(&self) -> Result<Vec<Process>, SchedulerError> {
        let state = self.folder.join("state");
        let mut processes: Vec<Process> = self.supervisor.iter().cloned().collect();
        for entry in fs::read_dir(&state).map_err(|e| SchedulerError::io("read", &state, e))? {
            let entry = entry.map_err(|e| SchedulerError::io("read", &state, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".running")
                && !self.file(name, "exit").exists()
            {
                processes.extend(self.running(name)?);
            }
        }
        if let Some(process) = processes.iter().find(|process| process.life() == Life::Elsewhere) {
            return Err(elsewhere(process));
        }
        processes.retain(|process| process.life() == Life::Running);
        Ok(processes)
    }

    fn stop(&self) -> Result<(), SchedulerError> {
        for process in self.processes()? {
            process.terminate();
        }
        let deadline = Instant::now() + Duration::from_secs(GRACE + 5);
        loop {
            let left = self.processes()?;
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let pids: Vec<String> =
                    left.iter().map(|process| process.pid.to_string()).collect();
                return Err(SchedulerError::Refused {
                    scheduler: Kind::Local,
                    command: format!("kill {}", pids.join(" ")),
                    why: "the processes do not end".to_owned(),
                });
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a file of state says of an end.
fn ended(end: &str) -> TaskState {
    let reason = match end.parse::<u32>() {
        Ok(0) => return TaskState::Succeeded,
        // As shells tell.
        Ok(code) if code > 128 => format!("signal {}", code - 128),
        Ok(code) => format!("exit code {code}"),
        Err(_) => end.to_owned(),
    };
    TaskState::Failed { reason }
}

fn elsewhere(process: &Process) -> SchedulerError {
    SchedulerError::Unreachable {
        scheduler: Kind::Local,
        command: format!("process {}", process.pid),
        why: format!("it was started on {}, ask there", process.host),
    }
}

/// The text of a file of state, or `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, SchedulerError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(SchedulerError::io("read", path, e)),
    }
}
