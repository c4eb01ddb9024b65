//! PBS Pro and OpenPBS: arrays through `qsub -J`, the last command through
//! `depend=afterany`, states from `qstat -F json`.
//!
//! An array is one range of at least two indices, so the index is a position
//! in a list of task numbers beside the script, and one task is a plain job.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::command::{Answer, Programs};
use crate::job::{check_ids, finish_first};
use crate::once::once;
use crate::script::{self, Number, argument, document, is_word};
use crate::{
    Job, JobRole, Kind, Poll, Prepared, Requeue, Resources, Scheduler, SchedulerError, TaskState,
    Work, walltime,
};

/// Substate of a job that was deleted; PBS gives it the exit status 0.
const TERMINATED: i64 = 91;

/// PBS Pro or OpenPBS, version 20 or newer.
#[derive(Debug, Clone)]
pub struct Pbs {
    /// How `qsub`, `qstat` and `qdel` are run.
    pub programs: Programs,
}

impl Default for Pbs {
    fn default() -> Self {
        let cure = "submit from a login node of the cluster, perhaps after `module load pbs`";
        let away = &[
            "cannot connect to server",
            "unknown host",
            "no default server",
            "end of file",
            "server is busy",
            "too many open connections",
        ];
        Self { programs: Programs::new(Kind::Pbs, away, cure) }
    }
}

impl Scheduler for Pbs {
    fn kind(&self) -> Kind {
        Kind::Pbs
    }

    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError> {
        work.check(Kind::Pbs)?;
        let table = work.folder.join("tasks.txt");
        let mut documents = Vec::new();
        let mut commands = Vec::new();
        if let Some(first) = work.tasks.iter().next() {
            let single = work.tasks.len() == 1;
            let number = match single {
                true => Number::Is(first),
                false => Number::At("PBS_ARRAY_INDEX", table),
            };
            documents.push(document(work, "tasks.txt", script::table(work)));
            documents.push(document(work, "task.sh", script::task(work, &number)));
            let mut qsub = qsub(work, &work.name, &work.resources)?;
            if !single {
                let limit = work.concurrency.map(|most| format!("%{most}")).unwrap_or_default();
                qsub.extend(["-J".to_owned(), format!("0-{}{limit}", work.tasks.len() - 1)]);
            }
            qsub.push(argument(&work.folder.join("task.sh")));
            commands.push(qsub);
        }
        if let Some(command) = &work.finish {
            documents.push(document(work, "finish.sh", script::finish(work, command, "")));
            let name = name(work, &JobRole::Finish);
            let mut qsub = self::qsub(work, &name, &work.finish_resources)?;
            if !work.tasks.is_empty() {
                qsub.extend(["-W".to_owned(), after("JOB_ID")]);
            }
            qsub.push(argument(&work.folder.join("finish.sh")));
            commands.push(qsub);
        }
        Ok(Prepared { documents, commands, inherited: self.programs.inherited })
    }

    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        let prepared = self.prepare(work)?;
        prepared.write(work)?;
        let mut jobs: Vec<Job> = Vec::new();
        for (mut command, role) in prepared.commands.into_iter().zip(work.roles()) {
            if let Some(tasks) = jobs.first() {
                depend_on(&mut command, &tasks.id);
            }
            let name = name(work, &role);
            let id = once(
                &self.programs.pauses,
                || self.qsub(&command),
                || Ok(self.named(&name)?.into_iter().next()),
            );
            match id {
                Ok(id) => jobs.push(Job { id, role }),
                // What cannot be cancelled is there: whoever submitted has to know.
                Err(error) => return Err(self.cancel(&jobs).err().unwrap_or(error)),
            }
        }
        Ok(jobs)
    }

    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        work.check(Kind::Pbs)?;
        let mut jobs: Vec<Job> = Vec::new();
        for role in work.roles() {
            let ids = self.named(&name(work, &role))?.into_iter();
            jobs.extend(ids.map(|id| Job { id, role: role.clone() }));
        }
        Ok(jobs)
    }

    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError> {
        check_ids(Kind::Pbs, jobs, is_id)?;
        let mut poll = Poll::default();
        for job in jobs {
            let said = self.qstat(&job.id)?;
            match &job.role {
                JobRole::Finish => poll.finish = Some(state(said.jobs.get(&job.id))),
                JobRole::Tasks { tasks, .. } => {
                    poll.tasks.extend(tasks.iter().enumerate().map(|(index, task)| {
                        let id = match job.id.split_once("[]") {
                            Some((number, server)) => format!("{number}[{index}]{server}"),
                            None => job.id.clone(),
                        };
                        (task, state(said.jobs.get(&id)))
                    }));
                }
            }
        }
        Ok(poll)
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError> {
        check_ids(Kind::Pbs, jobs, is_id)?;
        for job in finish_first(jobs) {
            let answer = self.programs.answer(&["qdel".to_owned(), job.id.clone()], None)?;
            if !answer.status.success() && !is_gone(&answer) {
                return Err(self.programs.failure(&answer));
            }
        }
        Ok(())
    }
}

/// Name of the job with a role.
fn name(work: &Work, role: &JobRole) -> String {
    match role {
        JobRole::Tasks { .. } => work.name.clone(),
        JobRole::Finish => format!("{}-finish", work.name),
    }
}

/// The dependency of the last command on the job that `id` names.
fn after(id: &str) -> String {
    format!("depend=afterany:{id}")
}

/// Puts the id of the tasks' job into the command that [`Pbs::prepare`] made to
/// follow it: its dependency is the word before the script, the last. Paths and
/// flags of the user's may hold any text.
fn depend_on(command: &mut [String], id: &str) {
    if let [.., dependency, _script] = command {
        *dependency = after(id);
    }
}

impl Pbs {
    /// Submits one job and gives its id.
    fn qsub(&self, command: &[String]) -> Result<String, SchedulerError> {
        let said = self.programs.run(command, None)?;
        let id = said.lines().last().unwrap_or_default().trim();
        match is_id(id) {
            true => Ok(id.to_owned()),
            false => Err(SchedulerError::Refused {
                scheduler: Kind::Pbs,
                command: "qsub".to_owned(),
                why: format!("it printed no job id but {id:?}"),
            }),
        }
    }

    /// Ids of the jobs with a name that wait or run.
    fn named(&self, name: &str) -> Result<Vec<String>, SchedulerError> {
        let said = self.programs.run(&["qselect", "-N", name].map(str::to_owned), None)?;
        let ids = said.lines().map(str::trim).filter(|id| is_id(id));
        Ok(ids.map(str::to_owned).collect())
    }

    /// What PBS knows of one job. Asked of two, OpenPBS 23.06 leaves out what
    /// follows an array that has ended.
    fn qstat(&self, id: &str) -> Result<Answered, SchedulerError> {
        let command = ["qstat", "-x", "-t", "-f", "-F", "json", id].map(str::to_owned);
        let answer = self.programs.answer(&command, None)?;
        if !answer.status.success() && !is_gone(&answer) {
            return Err(self.programs.failure(&answer));
        }
        serde_json::from_str(&answer.stdout).map_err(|error| {
            let why = format!("the answer is not understood: {error}");
            SchedulerError::Refused { scheduler: Kind::Pbs, command: answer.command, why }
        })
    }
}

/// `qsub` with everything but the array, the dependency and the script.
fn qsub(work: &Work, name: &str, resources: &Resources) -> Result<Vec<String>, SchedulerError> {
    let hint = "PBS has none; put what your site has instead into the extra flags";
    script::refuse(Kind::Pbs, &[("qos", resources.qos.is_some(), hint)])?;
    let mut words = vec!["qsub".to_owned(), "-N".to_owned(), name.to_owned()];
    let mut flag = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    flag("-S", script::shell(work)[0].clone());
    // What PBS itself says of a job; its tasks write their own logs.
    flag("-j", "oe".to_owned());
    flag("-o", argument(&work.folder) + "/");
    for (letter, field, value) in
        [("-q", "partition", &resources.partition), ("-A", "account", &resources.account)]
    {
        if let Some(value) = value {
            flag(letter, word(field, value, "._@+-")?);
        }
    }
    let mut select = format!("select=1:ncpus={}", resources.cpus.unwrap_or(1));
    if let Some(gpus) = resources.gpus.filter(|gpus| *gpus > 0) {
        select += &format!(":ngpus={gpus}");
    }
    if let Some(mib) = resources.memory_of_all_cpus_mib() {
        select += &format!(":mem={mib}mb");
    }
    if let Some(constraint) = &resources.constraint {
        select += &format!(":{}", word("constraint", constraint, "._@+-=:")?);
    }
    flag("-l", select);
    if let Some(limit) = resources.time {
        flag("-l", format!("walltime={}", walltime(limit)));
    }
    if work.requeue == Requeue::Never {
        words.extend(["-r".to_owned(), "n".to_owned()]);
    }
    words.extend(work.extra.iter().cloned());
    Ok(words)
}

/// `12.server`, `12[].server`.
fn is_id(id: &str) -> bool {
    is_word(id, "[]._-") && id.starts_with(|c: char| c.is_ascii_digit())
}

fn word(field: &'static str, value: &str, others: &str) -> Result<String, SchedulerError> {
    match is_word(value, others) {
        true => Ok(value.to_owned()),
        false => {
            let why = format!("{value:?} is not made of letters, digits and {others}");
            Err(SchedulerError::Invalid { scheduler: Kind::Pbs, field, why })
        }
    }
}

/// Whether all that a program complained of are jobs that ended or that PBS
/// has forgotten.
fn is_gone(answer: &Answer) -> bool {
    let gone = |line: &str| line.contains("Unknown Job Id") || line.contains("has finished");
    let mut lines = answer.stderr.lines().filter(|line| !line.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(gone)
}

/// The answer of `qstat -f -F json`; `Jobs` is missing when there is none.
#[derive(Debug, Deserialize)]
struct Answered {
    #[serde(rename = "Jobs", default)]
    jobs: BTreeMap<String, Record>,
}

/// Attributes of a job, see pbs_job_attributes(7B).
#[derive(Debug, Deserialize)]
struct Record {
    job_state: String,
    substate: Option<i64>,
    #[serde(rename = "Exit_status")]
    exit_status: Option<i64>,
    exec_host: Option<String>,
    comment: Option<String>,
}

fn state(record: Option<&Record>) -> TaskState {
    let Some(record) = record else { return TaskState::Unknown };
    match record.job_state.as_str() {
        "Q" | "H" | "W" | "T" | "M" => TaskState::Pending { reason: record.comment.clone() },
        "R" | "E" | "B" | "S" | "U" => TaskState::Running { node: record.exec_host.clone() },
        // `X`: a subjob that ended while others of its array have not.
        "F" | "X" => match (record.substate, record.exit_status) {
            (Some(TERMINATED), _) | (_, None) => failed("CANCELLED"),
            (_, Some(0)) => TaskState::Succeeded,
            // Codes of the execution daemon, `JOB_EXEC_…` in its sources.
            (_, Some(-29)) => failed("TIMEOUT"),
            (_, Some(-27 | -26)) => failed("OUT_OF_MEMORY"),
            (_, Some(code @ ..0)) => failed(&format!("PBS ended it, code {code}")),
            (_, Some(code @ 257..)) => failed(&format!("signal {}", code - 256)),
            (_, Some(code)) => failed(&format!("exit code {code}")),
        },
        _ => TaskState::Unknown,
    }
}

fn failed(reason: &str) -> TaskState {
    TaskState::Failed { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::TaskState::{Failed, Pending, Running, Succeeded};
    use crate::example::{calls, stand_in, work};

    /// What OpenPBS 23.06 answered, less the attributes that nobody reads.
    const RECORDED: &str = include_str!("../tests/recorded/qstat.json");

    fn recorded(name: &str) -> String {
        serde_json::from_str::<Value>(RECORDED).unwrap()[name].to_string()
    }

    fn states(name: &str, id: &str) -> Vec<TaskState> {
        let folder = tempfile::tempdir().unwrap();
        let answer = format!("cat <<'END'\n{}\nEND", recorded(name));
        let pbs = Pbs { programs: stand_in(folder.path(), Kind::Pbs, &[("qstat", &answer)]) };
        let tasks = (10..16).collect();
        let job = Job { id: id.to_owned(), role: JobRole::Tasks { offset: 0, tasks } };
        pbs.poll(&[job]).unwrap().tasks.into_values().collect()
    }

    #[test]
    fn recorded_answers_are_read() {
        let running = states("running", "2[].pbsbox");
        assert_eq!(running[0], Running { node: Some("pbsbox/0".to_owned()) });
        assert!(matches!(&running[5], Pending { reason: Some(_) }), "{running:?}");
        let failed = |reason: &str| Failed { reason: reason.to_owned() };
        // Their exit status is 0.
        assert_eq!(states("deleted", "2[].pbsbox"), vec![failed("CANCELLED"); 6]);
        let ended = states("ended", "5[].pbsbox");
        assert_eq!(ended[..3], [Succeeded, failed("exit code 3"), Succeeded]);
        assert_eq!(ended[3], TaskState::Unknown);
        assert_eq!(states("too_long", "3.pbsbox")[0], failed("TIMEOUT"));
    }

    #[test]
    fn commands_ask_for_what_a_task_needs() {
        let mut work = work(Path::new("/run"));
        work.resources = Resources {
            partition: Some("gpu".to_owned()),
            account: Some("chem".to_owned()),
            time: Some(Duration::from_secs(90 * 60)),
            memory_mib: Some(4096),
            cpus: Some(8),
            gpus: Some(2),
            constraint: Some("model=icelake".to_owned()),
            ..Resources::default()
        };
        work.concurrency = Some(20);
        work.extra = vec!["-m".to_owned(), "n".to_owned()];
        let commands = Pbs::default().prepare(&work).unwrap().commands;
        assert_eq!(
            commands[0].join(" "),
            "qsub -N spectra -S /bin/sh -j oe -o /run/submit/ -q gpu -A chem \
             -l select=1:ncpus=8:ngpus=2:mem=4096mb:model=icelake -l walltime=01:30:00 -m n \
             -J 0-2%20 /run/submit/task.sh"
        );
        assert_eq!(
            commands[1].join(" "),
            "qsub -N spectra-finish -S /bin/sh -j oe -o /run/submit/ -l select=1:ncpus=1 -m n \
             -W depend=afterany:JOB_ID /run/submit/finish.sh"
        );
        work.tasks = [7].into_iter().collect();
        assert!(!Pbs::default().prepare(&work).unwrap().commands[0].contains(&"-J".to_owned()));
        for bad in ["gpu;rm", "-x", ""] {
            work.resources.partition = Some(bad.to_owned());
            assert!(Pbs::default().prepare(&work).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_dependency_gets_the_id_of_the_tasks() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let qsub = format!("printf '%s\\n' \"$@\" >> {}; echo '12[].server'", said.display());
        let pbs = Pbs { programs: stand_in(folder.path(), Kind::Pbs, &[("qsub", &qsub)]) };
        let run = folder.path().join("JOB_ID");
        std::fs::create_dir(&run).unwrap();
        let mut work = work(&run);
        work.extra = vec!["-v".to_owned(), "A=JOB_ID".to_owned()];
        pbs.submit(&work).unwrap();
        let said = std::fs::read_to_string(said).unwrap();
        assert_eq!(said.lines().filter(|word| *word == "A=JOB_ID").count(), 2, "{said}");
        assert_eq!(said.matches("depend=afterany:12[].server").count(), 1, "{said}");
        let script = work.folder.join("finish.sh").display().to_string();
        assert!(said.lines().any(|word| word == script), "{said}");
    }

    #[test]
    fn tasks_without_their_last_command_are_deleted_again() {
        let folder = tempfile::tempdir().unwrap();
        let qsub = "case \"$*\" in *finish*) echo 'qsub: Unknown queue' >&2; exit 170;; esac\n\
                    echo '12[].server'";
        let programs = [("qsub", qsub), ("qdel", "")];
        let pbs = Pbs { programs: stand_in(folder.path(), Kind::Pbs, &programs) };
        let error = pbs.submit(&work(folder.path())).unwrap_err();
        assert!(matches!(error, SchedulerError::Refused { .. }), "{error}");
        assert!(calls(folder.path()).ends_with("qdel 12[].server\n"));
        assert_eq!(
            fs::read_to_string(folder.path().join("submit/tasks.txt")).unwrap(),
            "2\n7\n9\n"
        );
    }

    #[test]
    fn an_unknown_job_is_told_from_a_server_that_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let ask = |answer: &str| {
            let pbs = Pbs {
                programs: Programs {
                    away: Pbs::default().programs.away,
                    ..stand_in(folder.path(), Kind::Pbs, &[("qstat", answer), ("qdel", answer)])
                },
            };
            let jobs = [Job { id: "1.server".to_owned(), role: JobRole::Finish }];
            (pbs.poll(&jobs), pbs.cancel(&jobs))
        };
        let (poll, cancel) = ask("echo 'qstat: Unknown Job Id 1.server' >&2; echo '{}'; exit 153");
        assert_eq!(poll.unwrap().finish, Some(TaskState::Unknown));
        cancel.unwrap();
        for id in ["-W force", "", "server", "1 2"] {
            let jobs = [Job { id: id.to_owned(), role: JobRole::Finish }];
            for refused in [Pbs::default().cancel(&jobs), Pbs::default().poll(&jobs).map(drop)] {
                assert!(matches!(refused, Err(SchedulerError::Invalid { .. })), "{id}");
            }
        }
        let (poll, cancel) = ask("echo 'cannot connect to server x (errno=15008)' >&2; exit 255");
        for error in [poll.unwrap_err(), cancel.unwrap_err()] {
            assert!(matches!(error, SchedulerError::Unreachable { .. }), "{error}");
        }
    }

    #[test]
    fn what_was_accepted_without_an_answer_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let lost = "echo 'qsub: End of File' >&2; exit 1";
        let named = r#"case "$2" in *-finish) echo 13.head ;; *) echo '12[].head' ;; esac"#;
        let programs = [("qsub", lost), ("qselect", named)];
        let pbs = Pbs { programs: stand_in(folder.path(), Kind::Pbs, &programs) };
        let work = work(folder.path());
        let jobs = pbs.submit(&work).unwrap();
        assert_eq!(jobs, pbs.find(&work).unwrap());
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        assert_eq!(ids, ["12[].head", "13.head"]);
        let calls = calls(folder.path());
        assert_eq!(calls.matches("qsub ").count(), 2, "{calls}");
        assert!(calls.contains("depend=afterany:12[].head"), "{calls}");
    }

    #[test]
    fn the_last_command_alone_waits_for_nothing() {
        let mut work = work(Path::new("/run"));
        work.tasks = Default::default();
        let prepared = Pbs::default().prepare(&work).unwrap();
        assert_eq!(prepared.commands.len(), 1);
        assert!(prepared.commands[0].iter().all(|word| !word.contains("depend")));
    }
}
