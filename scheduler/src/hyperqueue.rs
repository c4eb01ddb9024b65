//! HyperQueue: a task array whose ids are the numbers of the tasks.
//!
//! Its dependencies are between tasks of one job, and a task whose dependency
//! failed is cancelled. The last command is therefore a job of its own that
//! waits for the tasks with `hq job wait`; its priority is lower, so that it
//! takes a place only when no task of the array is left to start.

use std::collections::BTreeMap;
use std::env;

use serde::Deserialize;

use crate::command::{Answer, Programs};
use crate::job::{check_ids, finish_first};
use crate::once::once;
use crate::script::{self, Number, argument, document};
use crate::{
    Job, JobRole, Kind, Poll, Prepared, Requeue, Resources, Scheduler, SchedulerError, TaskState,
    Work,
};

/// Where `hq` looks for its server.
const SERVER: &str = "HQ_SERVER_DIR";

/// A HyperQueue server of this user, version 0.25 or newer.
#[derive(Debug, Clone)]
pub struct HyperQueue {
    /// How `hq` is run.
    pub programs: Programs,
}

impl Default for HyperQueue {
    fn default() -> Self {
        let cure = "put the binary `hq` on PATH and start `hq server start`";
        let away = &["invalid server directory", "no running instance"];
        Self { programs: Programs::new(Kind::HyperQueue, away, cure) }
    }
}

impl Scheduler for HyperQueue {
    fn kind(&self) -> Kind {
        Kind::HyperQueue
    }

    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError> {
        work.check(Kind::HyperQueue)?;
        let limit = "HyperQueue starts what fits its workers; limit the workers";
        let requeue = "put `--crash-limit=1` into the extra flags";
        script::refuse(
            Kind::HyperQueue,
            &[
                ("concurrency", work.concurrency.is_some(), limit),
                ("requeue", work.requeue == Requeue::Never, requeue),
            ],
        )?;
        let number = Number::In("HQ_TASK_ID");
        let mut documents = vec![document(work, "task.sh", script::task(work, &number))];
        let mut commands = Vec::new();
        if !work.tasks.is_empty() {
            let mut command = submit(work, &work.name, &work.resources)?;
            command.extend(["--array".to_owned(), work.tasks.to_string()]);
            start(work, "task.sh", &mut command);
            commands.push(command);
        }
        if let Some(finish) = &work.finish {
            // It fails if the server is away, not if tasks failed.
            let wait = match work.tasks.is_empty() {
                true => "",
                false => "hq job wait \"${1:?}\" || exit\n",
            };
            documents.push(document(work, "finish.sh", script::finish(work, finish, wait)));
            let name = name(work, &JobRole::Finish);
            let mut command = submit(work, &name, &work.finish_resources)?;
            command.push("--priority=-1".to_owned());
            let set = self.programs.environment.get(SERVER).cloned();
            if let Some(server) = set.or_else(|| env::var(SERVER).ok()) {
                command.extend(["--env".to_owned(), format!("{SERVER}={server}")]);
            }
            start(work, "finish.sh", &mut command);
            if !work.tasks.is_empty() {
                command.push("JOB_ID".to_owned());
            }
            commands.push(command);
        }
        Ok(Prepared { documents, commands, inherited: self.programs.inherited })
    }

    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        let prepared = self.prepare(work)?;
        prepared.write(work)?;
        let mut jobs: Vec<Job> = Vec::new();
        for (mut command, role) in prepared.commands.into_iter().zip(work.roles()) {
            if let (Some(tasks), Some(last)) = (jobs.first(), command.last_mut()) {
                last.clone_from(&tasks.id);
            }
            let name = name(work, &role);
            let id = once(
                &self.programs.pauses,
                || Ok(self.ask::<Submitted>(&command)?.id),
                || Ok(self.listed()?.into_iter().find(|job| job.name == name).map(|job| job.id)),
            );
            match id {
                Ok(id) => jobs.push(Job { id: id.to_string(), role }),
                // What cannot be cancelled is there: whoever submitted has to know.
                Err(error) => return Err(self.cancel(&jobs).err().unwrap_or(error)),
            }
        }
        Ok(jobs)
    }

    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        work.check(Kind::HyperQueue)?;
        let roles = work.roles();
        let role = |named: &str| roles.iter().find(|role| name(work, role) == named).cloned();
        let listed = self.listed()?.into_iter();
        let found =
            listed.filter_map(|job| Some(Job { id: job.id.to_string(), role: role(&job.name)? }));
        Ok(found.collect())
    }

    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError> {
        check_ids(Kind::HyperQueue, jobs, is_id)?;
        let said: Vec<Record> = self.ask(&hq(&["job", "info", &ids(jobs)]))?;
        let mut poll = Poll::default();
        for job in jobs {
            let record = said.iter().find(|record| record.info.id.to_string() == job.id);
            let tasks: BTreeMap<u32, &TaskRecord> = record
                .map(|record| record.tasks.iter().map(|task| (task.id, task)).collect())
                .unwrap_or_default();
            match &job.role {
                JobRole::Finish => poll.finish = Some(state(tasks.values().next().copied())),
                JobRole::Tasks { tasks: numbers, .. } => poll
                    .tasks
                    .extend(numbers.iter().map(|task| (task, state(tasks.get(&task).copied())))),
            }
        }
        Ok(poll)
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError> {
        check_ids(Kind::HyperQueue, jobs, is_id)?;
        for job in finish_first(jobs) {
            self.programs.run(&hq(&["job", "cancel", &job.id]), None)?;
        }
        Ok(())
    }
}

impl HyperQueue {
    /// All jobs that the server knows, ended ones too.
    fn listed(&self) -> Result<Vec<Listed>, SchedulerError> {
        self.ask(&hq(&["job", "list", "--all"]))
    }

    fn ask<T: for<'a> Deserialize<'a>>(&self, command: &[String]) -> Result<T, SchedulerError> {
        let mut answer = self.programs.answer(command, None)?;
        if !answer.status.success() {
            // Errors come as JSON too, with a backtrace.
            if let Ok(said) = serde_json::from_str::<Complaint>(&answer.stdout) {
                let lines = said.error.lines().take_while(|line| !line.contains("backtrace"));
                answer.stderr = lines.collect::<Vec<_>>().join(" ");
            }
            return Err(self.programs.failure(&answer));
        }
        understood(&answer)
    }
}

fn understood<T: for<'a> Deserialize<'a>>(answer: &Answer) -> Result<T, SchedulerError> {
    serde_json::from_str(&answer.stdout).map_err(|error| SchedulerError::Refused {
        scheduler: Kind::HyperQueue,
        command: answer.command.clone(),
        why: format!("the answer is not understood: {error}"),
    })
}

fn hq(words: &[&str]) -> Vec<String> {
    ["hq", "--output-mode=json"].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn ids(jobs: &[Job]) -> String {
    jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>().join(",")
}

/// Name of the job with a role.
fn name(work: &Work, role: &JobRole) -> String {
    match role {
        JobRole::Tasks { .. } => work.name.clone(),
        JobRole::Finish => format!("{}-finish", work.name),
    }
}

/// `hq submit` with everything but the array and the script.
fn submit(work: &Work, name: &str, resources: &Resources) -> Result<Vec<String>, SchedulerError> {
    let hint = "HyperQueue runs inside allocations that have it; see `hq alloc add`";
    script::refuse(
        Kind::HyperQueue,
        &[
            ("partition", resources.partition.is_some(), hint),
            ("account", resources.account.is_some(), hint),
            ("qos", resources.qos.is_some(), hint),
            ("constraint", resources.constraint.is_some(), hint),
        ],
    )?;
    let mut words = hq(&["submit", "--name", name, "--directives=off"]);
    words.extend(["--stdout=none", "--stderr=none"].map(str::to_owned));
    words.extend(["--cwd".to_owned(), argument(&work.folder)]);
    if let Some(cpus) = resources.cpus {
        words.push(format!("--cpus={cpus}"));
    }
    if let Some(gpus) = resources.gpus.filter(|gpus| *gpus > 0) {
        words.push(format!("--resource=gpus/nvidia={gpus}"));
    }
    if let Some(mib) = resources.memory_of_all_cpus_mib() {
        words.push(format!("--resource=mem={mib}"));
    }
    if let Some(limit) = resources.time {
        let seconds = limit.as_secs_f64().ceil();
        // Not on a worker that ends before the task can.
        words.extend([format!("--time-limit={seconds}s"), format!("--time-request={seconds}s")]);
    }
    words.extend(work.extra.iter().cloned());
    Ok(words)
}

fn start(work: &Work, name: &str, command: &mut Vec<String>) {
    command.push("--".to_owned());
    command.extend(script::shell(work));
    command.push(argument(&work.folder.join(name)));
}

#[derive(Debug, Deserialize)]
struct Complaint {
    error: String,
}

/// One job of `hq job list`.
#[derive(Debug, Deserialize)]
struct Listed {
    id: u64,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Submitted {
    id: u64,
}

/// One job of `hq job info`; one that HyperQueue does not know is left out.
#[derive(Debug, Deserialize)]
struct Record {
    info: Info,
    #[serde(default)]
    tasks: Vec<TaskRecord>,
}

#[derive(Debug, Deserialize)]
struct Info {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct TaskRecord {
    id: u32,
    state: String,
    worker: Option<u64>,
    error: Option<String>,
}

fn state(task: Option<&TaskRecord>) -> TaskState {
    let Some(task) = task else { return TaskState::Unknown };
    let failed = |reason: &str| TaskState::Failed { reason: reason.to_owned() };
    match task.state.as_str() {
        "waiting" => TaskState::Pending { reason: None },
        "running" => TaskState::Running { node: task.worker.map(|id| format!("worker {id}")) },
        "finished" => TaskState::Succeeded,
        "canceled" => failed("CANCELLED"),
        "aborted" => failed("ABORTED"),
        "failed" => {
            let said = task.error.as_deref().unwrap_or("failed").trim_end_matches('.');
            match said.strip_prefix("Program terminated with ") {
                Some(code) => failed(code),
                None if said.to_lowercase().contains("time limit") => failed("TIMEOUT"),
                None => failed(said),
            }
        }
        _ => TaskState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::TaskState::{Failed, Pending, Running, Succeeded};
    use crate::example::{calls, stand_in, work};

    /// What HyperQueue 0.26.2 answered to `hq --output-mode=json job info
    /// 1-4,77`, less what was submitted; 77 is not known.
    const RECORDED: &str = include_str!("../tests/recorded/hq_job_info.json");

    fn away() -> &'static [&'static str] {
        HyperQueue::default().programs.away
    }

    fn server(folder: &Path, answer: &str) -> HyperQueue {
        let programs = stand_in(folder, Kind::HyperQueue, &[("hq", answer)]);
        HyperQueue { programs: Programs { away: away(), ..programs } }
    }

    #[test]
    fn recorded_answers_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path(), &format!("cat <<'END'\n{RECORDED}\nEND"));
        let states = |id: &str, tasks: &[u32]| {
            let tasks = tasks.iter().copied().collect();
            let job = Job { id: id.to_owned(), role: JobRole::Tasks { offset: 0, tasks } };
            server.poll(&[job]).unwrap().tasks.into_values().collect::<Vec<_>>()
        };
        let failed = |reason: &str| Failed { reason: reason.to_owned() };
        assert_eq!(states("1", &[2, 7, 9]), [Succeeded, failed("exit code 3"), Succeeded]);
        assert_eq!(states("2", &[0]), [failed("TIMEOUT")]);
        let node = Some("worker 1".to_owned());
        assert_eq!(states("3", &[1, 2]), [Running { node }, Pending { reason: None }]);
        assert_eq!(states("4", &[0]), [failed("CANCELLED")]);
        assert_eq!(states("77", &[0]), [TaskState::Unknown]);
        for id in ["all", "last", "1-9", "--help", ""] {
            let jobs = [Job { id: id.to_owned(), role: JobRole::Finish }];
            for refused in [server.cancel(&jobs), server.poll(&jobs).map(drop)] {
                assert!(matches!(refused, Err(SchedulerError::Invalid { .. })), "{id}");
            }
        }
    }

    #[test]
    fn commands_ask_for_what_a_task_needs() {
        let mut work = work(Path::new("/run"));
        work.resources = Resources {
            time: Some(Duration::from_secs(90)),
            memory_mib: Some(4096),
            cpus: Some(8),
            gpus: Some(2),
            ..Resources::default()
        };
        let mut hyperqueue = HyperQueue::default();
        hyperqueue.programs.environment.insert(SERVER.to_owned(), "/server".to_owned());
        let commands = hyperqueue.prepare(&work).unwrap().commands;
        assert_eq!(
            commands[0].join(" "),
            "hq --output-mode=json submit --name spectra --directives=off --stdout=none \
             --stderr=none --cwd /run/submit --cpus=8 --resource=gpus/nvidia=2 \
             --resource=mem=4096 --time-limit=90s --time-request=90s --array 2,7,9 -- /bin/sh \
             /run/submit/task.sh"
        );
        assert_eq!(
            commands[1].join(" "),
            "hq --output-mode=json submit --name spectra-finish --directives=off --stdout=none \
             --stderr=none --cwd /run/submit --priority=-1 --env HQ_SERVER_DIR=/server -- /bin/sh \
             /run/submit/finish.sh JOB_ID"
        );
        work.concurrency = Some(3);
        assert!(hyperqueue.prepare(&work).is_err());
    }

    #[test]
    fn complaints_are_told_apart_and_come_without_a_backtrace() {
        let folder = tempfile::tempdir().unwrap();
        let complaint = |text: &str| {
            let json = serde_json::json!({ "error": format!("{text}\n\nStack backtrace:\n 0: x") });
            let answer = format!("cat <<'END'\n{json}\nEND\nexit 1");
            let server = server(folder.path(), &answer);
            server.submit(&work(folder.path())).unwrap_err()
        };
        let error = complaint("No running instance of HQ found at \"/x\".");
        assert!(matches!(error, SchedulerError::Unreachable { .. }), "{error}");
        assert!(!error.to_string().contains("backtrace"), "{error}");
        let error = complaint("Too much");
        assert!(matches!(&error, SchedulerError::Refused { why, .. } if why.trim() == "Too much"));
        assert!(!calls(folder.path()).contains("cancel"));
    }

    #[test]
    fn what_was_accepted_without_an_answer_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let answer = r#"case "$*" in
*"job list"*) echo '[{"id":4,"name":"spectra","task_count":3},{"id":5,"name":"spectra-finish"},{"id":6,"name":"other"}]' ;;
*) echo 'No running instance of HQ found' >&2; exit 1 ;;
esac"#;
        let server = server(folder.path(), answer);
        let work = work(folder.path());
        let jobs = server.submit(&work).unwrap();
        assert_eq!(jobs, server.find(&work).unwrap());
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        assert_eq!(ids, ["4", "5"]);
        assert_eq!(calls(folder.path()).matches(" submit ").count(), 2);
    }

    #[test]
    fn the_last_command_alone_waits_for_nothing() {
        let mut work = work(Path::new("/run"));
        work.tasks = Default::default();
        let prepared = HyperQueue::default().prepare(&work).unwrap();
        assert_eq!(prepared.commands.len(), 1);
        assert!(!prepared.commands[0].contains(&"JOB_ID".to_owned()));
        assert!(prepared.documents.iter().all(|document| !document.text.contains("job wait")));
    }
}
