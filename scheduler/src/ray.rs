//! Ray: one job of the cluster, whose driver runs the tasks as Ray tasks and
//! then the last command; submitted through the REST interface with `curl`.
//!
//! What became of each task stands in small files that the driver's workers
//! write beside the submission; what Ray says of the job decides about tasks
//! that have not noted an end.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::command::{Programs, quoted};
use crate::job::check_ids;
use crate::once::once;
use crate::script::{self, Number, argument, document, is_word};
use crate::{
    Job, JobRole, Kind, Poll, Prepared, Requeue, Resources, Scheduler, SchedulerError, TaskState,
    Work,
};

/// The program that Ray runs.
const DRIVER: &str = include_str!("ray/driver.py");

/// Where `ray start --head` listens.
const ADDRESS: &str = "http://127.0.0.1:8265";

/// Variables that say where Ray listens, as its own programs read them.
const VARIABLES: [&str; 2] = ["RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"];

/// Most bytes of a file that notes the state of a task.
const NOTE_LIMIT: u64 = 4096;

/// A Ray cluster whose nodes share a file system with this machine.
///
/// [`Work::extra`] may hold `address=http://HOST:8265`, else the variables of
/// Ray's own programs and then this machine are taken. A constraint is a label
/// of nodes, `key=value[,key=value…]`.
#[derive(Debug, Clone)]
pub struct Ray {
    /// How `curl` is run.
    pub programs: Programs,
}

impl Default for Ray {
    fn default() -> Self {
        let cure = "install curl, through which Ray's REST interface is asked";
        // What proxies and a cluster that is starting answer.
        let away =
            &["error: 502", "error: 503", "error: 504", "connect to server", "no available agent"];
        Self { programs: Programs::new(Kind::Ray, away, cure) }
    }
}

impl Scheduler for Ray {
    fn kind(&self) -> Kind {
        Kind::Ray
    }

    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError> {
        work.check(Kind::Ray)?;
        let requeue = "Ray runs a task again whose node is lost, three times at most";
        let never = work.requeue == Requeue::Never;
        script::refuse(Kind::Ray, &[("requeue", never, requeue)])?;
        let shell = script::shell(work);
        let command = |name: &str| {
            let script = argument(&work.folder.join(name));
            shell.iter().cloned().chain([script]).collect::<Vec<_>>()
        };
        let plan = json!({
            "tasks": work.tasks,
            "task": command("task.sh"),
            "needs": needs(&work.resources)?,
            "finish": work.finish.as_ref().map(|_| command("finish.sh")),
            "finish_needs": needs(&work.finish_resources)?,
            "concurrency": work.concurrency.map_or(work.tasks.len(), |most| most as usize),
        });
        let driver = work.folder.join("driver.py");
        let entry =
            ["python3".to_owned(), argument(&driver), argument(&work.folder.join("ray.json"))];
        let request = json!({
            "entrypoint": quoted(&entry),
            // A cluster takes each once.
            "submission_id": work.name,
            "metadata": { "name": work.name, "folder": argument(&work.folder) },
        });
        let mut documents = vec![
            document(work, "task.sh", script::task(work, &Number::In("1"))),
            document(work, "driver.py", DRIVER.to_owned()),
            document(work, "ray.json", text(&plan)),
            document(work, "request.json", text(&request)),
        ];
        if let Some(command) = &work.finish {
            documents.push(document(work, "finish.sh", script::finish(work, command, "")));
        }
        let url = format!("{}/api/jobs/", self.address(&work.extra)?);
        let body = format!("@{}", argument(&work.folder.join("request.json")));
        let header = "Content-Type: application/json";
        let commands = vec![curl(&["--header", header, "--data-binary", &body, &url])];
        Ok(Prepared { documents, commands, inherited: self.programs.inherited })
    }

    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        let prepared = self.prepare(work)?;
        prepared.write(work)?;
        let url = format!("{}/api/jobs/", self.address(&work.extra)?);
        let mut jobs = Vec::new();
        for command in &prepared.commands {
            let create = || {
                let said: Submitted = self.ask(command)?;
                match is_word(&said.submission_id, "_-") {
                    true => Ok(said.submission_id),
                    false => Err(refused(command, "it gives no id of a submission")),
                }
            };
            let find = || {
                let found = self.record(&(url.clone() + &work.name))?;
                Ok(found.map(|_| work.name.clone()))
            };
            let id = url.clone() + &once(&self.programs.pauses, create, find)?;
            jobs.extend(self::jobs(work, &id));
        }
        Ok(jobs)
    }

    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        work.check(Kind::Ray)?;
        let id = format!("{}/api/jobs/{}", self.address(&work.extra)?, work.name);
        Ok(self.record(&id)?.map_or_else(Vec::new, |_| jobs(work, &id)))
    }

    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError> {
        check_ids(Kind::Ray, jobs, is_id)?;
        let mut poll = Poll::default();
        let mut asked: BTreeMap<&str, Option<Record>> = BTreeMap::new();
        for job in jobs {
            if !asked.contains_key(job.id.as_str()) {
                asked.insert(&job.id, self.record(&job.id)?);
            }
            let record = asked.get(job.id.as_str()).and_then(Option::as_ref);
            match &job.role {
                JobRole::Finish => poll.finish = Some(state(record, "finish")),
                JobRole::Tasks { tasks, .. } => poll
                    .tasks
                    .extend(tasks.iter().map(|task| (task, state(record, &format!("{task:05}"))))),
            }
        }
        Ok(poll)
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError> {
        check_ids(Kind::Ray, jobs, is_id)?;
        let mut ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        ids.dedup();
        for id in ids {
            if self.record(id)?.is_some_and(|record| !record.has_ended()) {
                let stop = format!("{id}/stop");
                self.programs.run(&curl(&["--request", "POST", &stop]), None)?;
            }
        }
        Ok(())
    }
}

impl Ray {
    /// Where the REST interface is, without a slash at the end.
    fn address(&self, extra: &[String]) -> Result<String, SchedulerError> {
        let invalid =
            |why: String| SchedulerError::Invalid { scheduler: Kind::Ray, field: "extra", why };
        let mut address = None;
        for entry in extra {
            let Some(value) = entry.strip_prefix("address=") else {
                return Err(invalid(format!("{entry:?} is not address=http://HOST:PORT")));
            };
            address = Some(value.to_owned());
        }
        let set = |name: &&str| {
            self.programs.environment.get(*name).cloned().or_else(|| env::var(name).ok())
        };
        // RAY_ADDRESS may also be `auto` or the port of the cluster itself.
        let web = |value: &String| value.starts_with("http");
        let address = address
            .or_else(|| VARIABLES.iter().filter_map(set).find(web))
            .unwrap_or_else(|| ADDRESS.to_owned());
        match is_id(&address) {
            true => Ok(address.trim_end_matches('/').to_owned()),
            false => Err(invalid(format!("{address:?} is not http://HOST:PORT"))),
        }
    }

    /// What Ray says of a job; nothing if it does not know it (any more).
    fn record(&self, id: &str) -> Result<Option<Record>, SchedulerError> {
        let answer = self.programs.answer(&curl(&[id]), None)?;
        match answer.status.success() {
            true => serde_json::from_str(&answer.stdout)
                .map(Some)
                .map_err(|e| refused(&curl(&[id]), &format!("the answer is not understood: {e}"))),
            false if answer.stderr.contains("error: 404") => Ok(None),
            false => Err(self.programs.failure(&answer)),
        }
    }

    fn ask<T: for<'a> Deserialize<'a>>(&self, command: &[String]) -> Result<T, SchedulerError> {
        let mut answer = self.programs.answer(command, None)?;
        if !answer.status.success() {
            answer.stderr = format!("{} {}", answer.stderr.trim(), answer.stdout.trim());
            return Err(self.programs.failure(&answer));
        }
        serde_json::from_str(&answer.stdout)
            .map_err(|error| refused(command, &format!("the answer is not understood: {error}")))
    }
}

/// The jobs of a submission, which are one job of Ray.
fn jobs(work: &Work, id: &str) -> Vec<Job> {
    work.roles().into_iter().map(|role| Job { id: id.to_owned(), role }).collect()
}

/// The id of a job is its address.
fn is_id(id: &str) -> bool {
    let rest = id.strip_prefix("http://").or_else(|| id.strip_prefix("https://"));
    rest.is_some_and(|rest| is_word(rest, ".:-/_[]"))
}

fn curl(words: &[&str]) -> Vec<String> {
    let first = ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "30"];
    first.iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

fn refused(command: &[String], why: &str) -> SchedulerError {
    SchedulerError::Refused { scheduler: Kind::Ray, command: quoted(command), why: why.to_owned() }
}

/// What the driver passes to Ray, and the time limit that it keeps itself.
#[derive(Debug, Serialize)]
struct Needs {
    options: BTreeMap<&'static str, Value>,
    seconds: Option<f64>,
}

fn needs(resources: &Resources) -> Result<Needs, SchedulerError> {
    let hint = "Ray runs inside an allocation that has it";
    script::refuse(
        Kind::Ray,
        &[
            ("partition", resources.partition.is_some(), hint),
            ("account", resources.account.is_some(), hint),
            ("qos", resources.qos.is_some(), hint),
        ],
    )?;
    let mut options: BTreeMap<&'static str, Value> = BTreeMap::new();
    options.insert("num_cpus", resources.cpus.unwrap_or(1).into());
    if let Some(gpus) = resources.gpus.filter(|gpus| *gpus > 0) {
        options.insert("num_gpus", gpus.into());
    }
    if let Some(mib) = resources.memory_of_all_cpus_mib() {
        options.insert("memory", mib.saturating_mul(1 << 20).into());
    }
    if let Some(constraint) = &resources.constraint {
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            Some((key.to_owned(), Value::from(value)))
        };
        let labels: Option<serde_json::Map<_, _>> = constraint.split(',').map(pair).collect();
        let labels = labels.ok_or_else(|| SchedulerError::Invalid {
            scheduler: Kind::Ray,
            field: "constraint",
            why: format!("{constraint:?} is not key=value[,key=value…], labels of nodes"),
        })?;
        options.insert("label_selector", Value::Object(labels));
    }
    Ok(Needs { options, seconds: resources.time.map(|limit| limit.as_secs_f64()) })
}

#[derive(Debug, Deserialize)]
struct Submitted {
    submission_id: String,
}

/// A job in Ray's words.
#[derive(Debug, Deserialize)]
struct Record {
    status: String,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

impl Record {
    fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "STOPPED" | "SUCCEEDED" | "FAILED")
    }
}

/// What a worker noted of a task.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
enum Note {
    Running { node: String },
    Ended { code: i32 },
    Lost { reason: String },
}

fn state(record: Option<&Record>, name: &str) -> TaskState {
    let Some(record) = record else { return TaskState::Unknown };
    let folder = record.metadata.as_ref().and_then(|metadata| metadata.get("folder"));
    let note =
        folder.and_then(|folder| note(&Path::new(folder).join(format!("state/{name}.json"))));
    let failed = |reason: String| TaskState::Failed { reason };
    match note {
        Some(Note::Ended { code: 0 }) => TaskState::Succeeded,
        Some(Note::Ended { code: code @ ..0 }) => failed(format!("signal {}", -code)),
        Some(Note::Ended { code }) => failed(format!("exit code {code}")),
        Some(Note::Lost { reason }) => failed(reason),
        _ if record.status == "STOPPED" => failed("CANCELLED".to_owned()),
        _ if record.has_ended() => failed("the driver ended first".to_owned()),
        Some(Note::Running { node }) => TaskState::Running { node: Some(node) },
        None => TaskState::Pending { reason: None },
    }
}

fn note(path: &Path) -> Option<Note> {
    let mut text = String::new();
    // No file yet: the task has not started.
    File::open(path).ok()?.take(NOTE_LIMIT).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::TaskState::{Failed, Pending, Running, Succeeded};
    use crate::example::{calls, stand_in, work};

    fn cluster(folder: &Path, answer: &str) -> Ray {
        let mut programs = stand_in(folder, Kind::Ray, &[("curl", answer)]);
        let address = "http://head:8265/".to_owned();
        programs.environment.insert("RAY_API_SERVER_ADDRESS".to_owned(), address);
        Ray { programs: Programs { away: Ray::default().programs.away, ..programs } }
    }

    #[test]
    fn one_request_submits_everything() {
        let folder = tempfile::tempdir().unwrap();
        // As Ray 2.60 answers, https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html
        let answer = r#"echo '{"job_id": "raysubmit_x1", "submission_id": "raysubmit_x1"}'"#;
        let mut work = work(folder.path());
        work.concurrency = Some(2);
        work.resources = Resources {
            time: Some(Duration::from_secs(90)),
            memory_mib: Some(1),
            cpus: Some(4),
            gpus: Some(1),
            constraint: Some("ray.io/accelerator-type=H100".to_owned()),
            ..Resources::default()
        };
        let jobs = cluster(folder.path(), answer).submit(&work).unwrap();
        assert_eq!(jobs.len(), 2);
        assert!(jobs.iter().all(|job| job.id == "http://head:8265/api/jobs/raysubmit_x1"));
        assert!(calls(folder.path()).trim_end().ends_with("http://head:8265/api/jobs/"));
        let plan = fs::read_to_string(work.folder.join("ray.json")).unwrap();
        let plan: Value = serde_json::from_str(&plan).unwrap();
        assert_eq!(plan["tasks"], json!([2, 7, 9]));
        assert_eq!(plan["concurrency"], 2);
        let options = json!({
            "num_cpus": 4, "num_gpus": 1, "memory": 1 << 20,
            "label_selector": { "ray.io/accelerator-type": "H100" },
        });
        assert_eq!(plan["needs"], json!({ "options": options, "seconds": 90.0 }));
    }

    #[test]
    fn notes_tell_what_became_of_tasks_and_ray_of_those_without() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("state");
        fs::create_dir(&notes).unwrap();
        let note = |name: &str, text: &str| fs::write(notes.join(name), text).unwrap();
        note("00001.json", r#"{"state": "ended", "code": 0}"#);
        note("00002.json", r#"{"state": "ended", "code": -9}"#);
        note("00003.json", r#"{"state": "lost", "reason": "OUT_OF_MEMORY"}"#);
        note("00004.json", r#"{"state": "running", "node": "n1", "session": 7}"#);
        note("00005.json", r#"{"state": "ru"#);
        let states = |status: &str| {
            let metadata = json!({ "folder": argument(folder.path()) });
            let record = json!({ "status": status, "metadata": metadata });
            let ray = cluster(folder.path(), &format!("echo '{record}'"));
            let tasks = JobRole::Tasks { offset: 0, tasks: (1..6).collect() };
            let job = Job { id: "http://head:8265/api/jobs/x".to_owned(), role: tasks };
            ray.poll(&[job]).unwrap().tasks.into_values().collect::<Vec<_>>()
        };
        let failed = |reason: &str| Failed { reason: reason.to_owned() };
        let sure = [Succeeded, failed("signal 9"), failed("OUT_OF_MEMORY")];
        let running = Running { node: Some("n1".to_owned()) };
        let expected = [&sure[..], &[running, Pending { reason: None }]].concat();
        assert_eq!(states("RUNNING"), expected);
        let expected = [&sure[..], &[failed("CANCELLED"), failed("CANCELLED")]].concat();
        assert_eq!(states("STOPPED"), expected);
    }

    #[test]
    fn an_unknown_job_is_told_from_a_cluster_that_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let poll = |answer: &str| {
            let job = Job { id: "http://h/api/jobs/x".to_owned(), role: JobRole::Finish };
            cluster(folder.path(), answer).poll(&[job])
        };
        // What curl 7.88 printed for Ray 2.60.
        let unknown = "echo 'curl: (22) The requested URL returned error: 404' >&2; exit 22";
        assert_eq!(poll(unknown).unwrap().finish, Some(TaskState::Unknown));
        let away = "echo \"curl: (7) Failed to connect to h port 80 after 0 ms: Couldn't connect \
                    to server\" >&2; exit 7";
        assert!(matches!(poll(away), Err(SchedulerError::Unreachable { .. })));
    }

    #[test]
    fn addresses_are_addresses() {
        let address = |extra: &str| Ray::default().address(&[extra.to_owned()]);
        assert_eq!(address("address=https://head:8265/").unwrap(), "https://head:8265");
        for bad in ["address=--config", "address=file:///etc", "address=http://a b", "--x"] {
            assert!(address(bad).is_err(), "{bad}");
            let jobs = [Job { id: bad.to_owned(), role: JobRole::Finish }];
            for refused in [Ray::default().cancel(&jobs), Ray::default().poll(&jobs).map(drop)] {
                assert!(matches!(refused, Err(SchedulerError::Invalid { .. })), "{bad}");
            }
        }
    }

    #[test]
    fn what_was_accepted_without_an_answer_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let answer = r#"case "$*" in
*--data-binary*) echo 'curl: (28) Connection timed out' >&2; exit 28 ;;
*/spectra) echo '{"status":"RUNNING"}' ;;
*) exit 1 ;;
esac"#;
        let ray = cluster(folder.path(), answer);
        let work = work(folder.path());
        let jobs = ray.submit(&work).unwrap();
        assert_eq!(jobs, ray.find(&work).unwrap());
        assert!(jobs.iter().all(|job| job.id == "http://head:8265/api/jobs/spectra"), "{jobs:?}");
        assert_eq!(jobs.len(), 2);
        let request = fs::read_to_string(work.folder.join("request.json")).unwrap();
        assert!(request.contains(r#""submission_id": "spectra""#), "{request}");
    }
}
