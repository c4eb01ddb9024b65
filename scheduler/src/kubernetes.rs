//! Kubernetes: one Indexed Job, through `kubectl`.
//!
//! Jobs cannot depend on each other. The last command is therefore a Job that
//! is created suspended, and [`Scheduler::poll`] starts it once the tasks' Job
//! has ended. That needs nothing in the cluster but the right to patch Jobs:
//! no service account, no waiting pod, no `kubectl` in the image.

mod answer;
mod manifest;
mod objects;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::command::Programs;
use crate::job::finish_first;
use crate::once::once;
use crate::script::{self, Number, argument, document, is_word};
use crate::{
    Job, JobRole, Kind, Poll, Prepared, Requeue, Scheduler, SchedulerError, TaskState, Work,
};
use manifest::Site;
use objects::{Job as Manifest, Pod};

/// A namespace of a Kubernetes cluster (1.33 or newer), as `kubectl` reaches
/// it.
///
/// [`Work::container`] is the image of the pods; it needs `/bin/sh`, `sed` and
/// `printf`. [`Work::folder`] and [`Work::logs`] lie on a volume that the pods
/// and this machine have under the same path. [`Work::extra`] says which:
/// `pvc=CLAIM:/path` or `host-path=/path`; also `namespace=NAME` and
/// `user=UID:GID`, whom the pods run as. A constraint is a label of nodes,
/// `key=value[,key=value…]`; a quality of service is a priority class.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// How `kubectl` is run.
    pub programs: Programs,
}

impl Default for Kubernetes {
    fn default() -> Self {
        let cure = "install kubectl and point it at the cluster (KUBECONFIG)";
        let away = &["unable to connect to the server", "the server is currently unable"];
        Self { programs: Programs::new(Kind::Kubernetes, away, cure) }
    }
}

impl Scheduler for Kubernetes {
    fn kind(&self) -> Kind {
        Kind::Kubernetes
    }

    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError> {
        work.check(Kind::Kubernetes)?;
        let modules = "the image holds all programs; leave the modules out";
        let requeue = "a pod that a node takes along is replaced by the cluster";
        let never = work.requeue == Requeue::Never;
        script::refuse(
            Kind::Kubernetes,
            &[("modules", !work.modules.is_empty(), modules), ("requeue", never, requeue)],
        )?;
        let site = Site::of(work)?;
        // The pods are in their container already.
        let inside = Work { container: None, ..work.clone() };
        let number = Number::At("JOB_COMPLETION_INDEX", work.folder.join("tasks.txt"));
        let mut documents = Vec::new();
        let mut commands = Vec::new();
        if !work.tasks.is_empty() {
            documents.push(document(work, "tasks.txt", script::table(work)));
            documents.push(document(work, "task.sh", script::task(&inside, &number)));
            documents.push(document(work, "tasks.json", text(&manifest::tasks(work, &site)?)));
            commands.push(create(work, "tasks.json"));
        }
        if let Some(command) = &work.finish {
            documents.push(document(work, "finish.sh", script::finish(&inside, command, "")));
            documents.push(document(work, "finish.json", text(&manifest::finish(work, &site)?)));
            commands.push(create(work, "finish.json"));
        }
        Ok(Prepared { documents, commands, inherited: self.programs.inherited })
    }

    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        let prepared = self.prepare(work)?;
        let site = Site::of(work)?;
        prepared.write(work)?;
        let mut jobs: Vec<Job> = Vec::new();
        for (command, role) in prepared.commands.iter().zip(work.roles()) {
            let suffix = suffix(&role);
            let create = || {
                let created = self.ask::<Manifest>(command)?.and_then(id_of);
                created.ok_or_else(|| refused(command, "it names no Job that it created"))
            };
            let id = once(&self.programs.pauses, create, || self.named(work, &site, suffix));
            match id {
                Ok(id) => jobs.push(Job { id, role }),
                // What cannot be cancelled is there: whoever submitted has to know.
                Err(error) => return Err(self.cancel(&jobs).err().unwrap_or(error)),
            }
        }
        Ok(jobs)
    }

    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        work.check(Kind::Kubernetes)?;
        let site = Site::of(work)?;
        let mut jobs = Vec::new();
        for role in work.roles() {
            jobs.extend(self.named(work, &site, suffix(&role))?.map(|id| Job { id, role }));
        }
        Ok(jobs)
    }

    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError> {
        let mut poll = Poll::default();
        let mut all_ended = true;
        for job in jobs {
            let JobRole::Tasks { tasks, .. } = &job.role else { continue };
            let manifest = self.job(&job.id)?;
            all_ended &= manifest.as_ref().is_none_or(|job| answer::end(job).is_some());
            let pods = match &manifest {
                Some(_) => self.pods(&job.id)?,
                None => Vec::new(),
            };
            let states = answer::states(manifest.as_ref(), &pods, tasks.len());
            poll.tasks.extend(tasks.iter().zip(states));
        }
        for job in jobs.iter().filter(|job| job.role == JobRole::Finish) {
            let manifest = self.job(&job.id)?;
            let waits = manifest.as_ref().and_then(|job| job.spec.as_ref()?.suspend) == Some(true);
            if waits && all_ended {
                self.resume(&job.id)?;
            }
            let reason = Some("waits for the tasks".to_owned());
            poll.finish = Some(match waits {
                true => TaskState::Pending { reason: reason.filter(|_| !all_ended) },
                false => {
                    let pods = match &manifest {
                        Some(_) => self.pods(&job.id)?,
                        None => Vec::new(),
                    };
                    answer::finish(manifest.as_ref(), &pods)
                }
            });
        }
        Ok(poll)
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError> {
        for job in finish_first(jobs) {
            let mut command = on("delete", &job.id)?;
            command.extend(["--ignore-not-found", "--wait=false"].map(str::to_owned));
            self.programs.run(&command, None)?;
        }
        Ok(())
    }
}

impl Kubernetes {
    /// What `kubectl` answers in JSON; nothing if the object does not exist.
    fn ask<T: DeserializeOwned>(&self, command: &[String]) -> Result<Option<T>, SchedulerError> {
        let said = self.programs.run(command, None)?;
        if said.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&said)
            .map(Some)
            .map_err(|error| refused(command, &format!("the answer is not understood: {error}")))
    }

    /// The id of a Job of a submission, if it is there.
    fn named(
        &self,
        work: &Work,
        site: &Site,
        suffix: &str,
    ) -> Result<Option<String>, SchedulerError> {
        let name = manifest::name(work, suffix);
        let namespace = site.namespace.iter().flat_map(|name| ["--namespace", name]);
        let rest = ["get", "job", &name, "--ignore-not-found", "-o", "json"];
        let command: Vec<String> =
            ["kubectl"].into_iter().chain(namespace).chain(rest).map(str::to_owned).collect();
        Ok(self.ask::<Manifest>(&command)?.and_then(id_of))
    }

    fn job(&self, id: &str) -> Result<Option<Manifest>, SchedulerError> {
        let mut command = on("get", id)?;
        command.extend(["--ignore-not-found", "-o", "json"].map(str::to_owned));
        self.ask(&command)
    }

    fn pods(&self, id: &str) -> Result<Vec<Pod>, SchedulerError> {
        let (namespace, name) = parts(id)?;
        let label = format!("batch.kubernetes.io/job-name={name}");
        let command =
            ["kubectl", "--namespace", namespace, "get", "pods", "-l", &label, "-o", "json"];
        let pods = self.ask::<Pods>(&command.map(str::to_owned))?;
        Ok(pods.map(|pods| pods.items).unwrap_or_default())
    }

    /// Starts a Job that was created suspended; one that runs is no error.
    fn resume(&self, id: &str) -> Result<(), SchedulerError> {
        let mut command = on("patch", id)?;
        command.extend(["--type=merge", "-p", r#"{"spec":{"suspend":false}}"#].map(str::to_owned));
        self.programs.run(&command, None).map(drop)
    }
}

fn create(work: &Work, name: &str) -> Vec<String> {
    let file = argument(&work.folder.join(name));
    ["kubectl", "create", "-f", &file, "-o", "json"].map(str::to_owned).to_vec()
}

/// `kubectl VERB` on a Job.
fn on(verb: &str, id: &str) -> Result<Vec<String>, SchedulerError> {
    let (namespace, name) = parts(id)?;
    Ok(["kubectl", "--namespace", namespace, verb, "job", name].map(str::to_owned).to_vec())
}

/// What the name of the Job with a role ends in.
fn suffix(role: &JobRole) -> &'static str {
    match role {
        JobRole::Tasks { .. } => manifest::TASKS,
        JobRole::Finish => manifest::FINISH,
    }
}

/// The id of a Job that the cluster knows.
fn id_of(job: Manifest) -> Option<String> {
    let (namespace, name) = job.metadata.namespace.zip(job.metadata.name)?;
    Some(format!("{namespace}/{name}"))
}

/// Namespace and name of a Job.
fn parts(id: &str) -> Result<(&str, &str), SchedulerError> {
    id.split_once('/').filter(|(a, b)| is_word(a, "-") && is_word(b, ".-")).ok_or_else(|| {
        let why = format!("{id:?} is not NAMESPACE/NAME");
        SchedulerError::Invalid { scheduler: Kind::Kubernetes, field: "jobs", why }
    })
}

fn text(manifest: &Manifest) -> String {
    // A manifest holds nothing that JSON cannot: `to_string_pretty` cannot fail.
    serde_json::to_string_pretty(manifest).unwrap_or_default() + "\n"
}

fn refused(command: &[String], why: &str) -> SchedulerError {
    let command = crate::command::quoted(command);
    SchedulerError::Refused { scheduler: Kind::Kubernetes, command, why: why.to_owned() }
}

/// Pods as `kubectl` lists them: as a `List`, not the server's `PodList`.
#[derive(Debug, Deserialize)]
struct Pods {
    items: Vec<Pod>,
}

/// Labels as Kubernetes writes them.
type Labels = BTreeMap<String, String>;
