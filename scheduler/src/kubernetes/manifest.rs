//! The Jobs that are created.

use std::path::Path;

use super::Labels;
use super::objects::{
    Container, Job, JobSpec, ObjectMeta, PodConditionPattern, PodFailurePolicy,
    PodFailurePolicyRule, PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements,
    Volume, VolumeMount, VolumeSource,
};
use crate::script::{argument, is_word, refuse};
use crate::{Kind, Resources, SchedulerError, Work};

/// Seconds after which an ended Job and its pods vanish: a week.
const KEPT: i32 = 7 * 24 * 3600;

/// Seconds from SIGTERM to SIGKILL, for a clean stop.
const GRACE: i64 = 60;

/// Name of the volume that holds the shared folder.
const VOLUME: &str = "shared";

/// What [`Work::extra`] says of the cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Site {
    image: String,
    pub(super) namespace: Option<String>,
    volume: Volume,
    /// Where the volume lies, here and in the pods.
    mount: String,
    user: Option<(i64, i64)>,
    /// Queue of Kueue that admits the tasks.
    queue: Option<String>,
}

/// Label by which Kueue takes a Job into a queue.
const QUEUE: &str = "kueue.x-k8s.io/queue-name";

impl Site {
    /// # Errors
    /// [`SchedulerError::Invalid`] for what is missing or not understood.
    pub(super) fn of(work: &Work) -> Result<Self, SchedulerError> {
        let Some(image) = work.container.clone() else {
            return Err(invalid("container", "pods need an image; name one".to_owned()));
        };
        let (mut namespace, mut volume, mut user, mut queue) = (None, None, None, None);
        for entry in &work.extra {
            let unknown = || {
                let known =
                    "pvc=CLAIM:/path, host-path=/path, namespace=NAME, queue=NAME or user=UID:GID";
                invalid("extra", format!("{entry:?} is none of {known}"))
            };
            let (key, value) = entry.split_once('=').ok_or_else(unknown)?;
            match key {
                "pvc" => {
                    let (claim, mount) = value.split_once(':').ok_or_else(unknown)?;
                    if !is_word(claim, ".-") || !mount.starts_with('/') {
                        return Err(unknown());
                    }
                    let claim_name = claim.to_owned();
                    let source = VolumeSource::PersistentVolumeClaim { claim_name };
                    volume = Some((Volume { name: VOLUME, source }, mount.to_owned()));
                }
                "host-path" if value.starts_with('/') => {
                    let source =
                        VolumeSource::HostPath { path: value.to_owned(), type_: "Directory" };
                    volume = Some((Volume { name: VOLUME, source }, value.to_owned()));
                }
                "namespace" if is_word(value, "-") => namespace = Some(value.to_owned()),
                "queue" if is_word(value, ".-") => queue = Some(value.to_owned()),
                "user" => {
                    let ids = value.split_once(':').map(|(u, g)| (u.parse(), g.parse()));
                    let Some((Ok(uid), Ok(gid))) = ids else { return Err(unknown()) };
                    user = Some((uid, gid));
                }
                _ => return Err(unknown()),
            }
        }
        let Some((volume, mount)) = volume else {
            let why = "pods need the shared folder; add pvc=CLAIM:/path or host-path=/path";
            return Err(invalid("extra", why.to_owned()));
        };
        for folder in [&work.folder, &work.logs] {
            if !folder.starts_with(Path::new(&mount)) {
                let why = format!(
                    "{} is not on the volume, which pods have under {mount}; mount it here under \
                     the same path",
                    folder.display()
                );
                return Err(invalid("extra", why));
            }
        }
        Ok(Self { image, namespace, volume, mount, user, queue })
    }
}

/// Suffixes of the names of a submission's Jobs.
pub(super) const TASKS: &str = "-tasks";
pub(super) const FINISH: &str = "-finish";

/// The Job of the tasks: an index is a position in their list.
pub(super) fn tasks(work: &Work, site: &Site) -> Result<Job, SchedulerError> {
    let count = i32::try_from(work.tasks.len())
        .map_err(|_| invalid("tasks", "there are more than a Job can have".to_owned()))?;
    let most = work.concurrency.map_or(count, |most| i32::try_from(most).unwrap_or(count));
    let spec = JobSpec {
        completions: Some(count),
        parallelism: Some(most.min(count)),
        completion_mode: Some("Indexed".to_owned()),
        // A task that fails leaves the others alone and is not repeated: who
        // repeats it may give it more memory or time.
        backoff_limit_per_index: Some(0),
        ..spec(work, site, "task.sh", &work.resources)?
    };
    let mut job = job(work, site, TASKS, spec);
    // The last command waits suspended for the tasks; Kueue would start it at once, so it
    // is not Kueue's.
    if let Some((queue, labels)) = site.queue.clone().zip(job.metadata.labels.as_mut()) {
        labels.insert(QUEUE.to_owned(), queue);
    }
    Ok(job)
}

/// The Job of the last command, which waits to be resumed where there are tasks.
pub(super) fn finish(work: &Work, site: &Site) -> Result<Job, SchedulerError> {
    let spec = JobSpec {
        suspend: (!work.tasks.is_empty()).then_some(true),
        backoff_limit: Some(0),
        ..spec(work, site, "finish.sh", &work.finish_resources)?
    };
    Ok(job(work, site, FINISH, spec))
}

/// Name of the Job of a submission, for one of the suffixes.
pub(super) fn name(work: &Work, suffix: &str) -> String {
    work.name.to_ascii_lowercase() + suffix
}

fn job(work: &Work, site: &Site, suffix: &str, spec: JobSpec) -> Job {
    Job {
        metadata: ObjectMeta {
            // Not one that the server completes: a name is there once, however often
            // it is asked for.
            name: Some(name(work, suffix)),
            namespace: site.namespace.clone(),
            labels: Some(labels()),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        ..Job::default()
    }
}

fn spec(
    work: &Work,
    site: &Site,
    script: &str,
    resources: &Resources,
) -> Result<JobSpec, SchedulerError> {
    let none = "Kubernetes has none; choose a namespace with namespace=NAME, or a queue of Kueue with queue=NAME";
    refuse(
        Kind::Kubernetes,
        &[
            ("partition", resources.partition.is_some(), none),
            ("account", resources.account.is_some(), none),
        ],
    )?;
    let file = argument(&work.folder.join(script));
    let container = Container {
        name: "task",
        image: site.image.clone(),
        command: vec!["/bin/sh".to_owned(), file],
        resources: requirements(resources),
        volume_mounts: vec![VolumeMount { name: VOLUME, mount_path: site.mount.clone() }],
    };
    let seconds = |limit: std::time::Duration| {
        i64::try_from(limit.as_secs() + u64::from(limit.subsec_nanos() > 0)).unwrap_or(i64::MAX)
    };
    let pod = PodSpec {
        restart_policy: "Never",
        containers: vec![container],
        volumes: vec![site.volume.clone()],
        node_selector: resources.constraint.as_deref().map(selector).transpose()?,
        priority_class_name: resources.qos.clone(),
        active_deadline_seconds: resources.time.map(seconds),
        termination_grace_period_seconds: GRACE,
        // Nothing in a pod asks the cluster for anything.
        automount_service_account_token: false,
        security_context: site
            .user
            .map(|(uid, gid)| PodSecurityContext { run_as_user: uid, run_as_group: gid }),
    };
    // A pod that a drained or preempted node takes along counts for nothing
    // and is replaced.
    let disrupted = PodFailurePolicyRule {
        action: "Ignore",
        on_pod_conditions: vec![PodConditionPattern { type_: "DisruptionTarget", status: "True" }],
    };
    Ok(JobSpec {
        pod_failure_policy: Some(PodFailurePolicy { rules: vec![disrupted] }),
        ttl_seconds_after_finished: Some(KEPT),
        template: PodTemplateSpec {
            metadata: ObjectMeta { labels: Some(labels()), ..ObjectMeta::default() },
            spec: pod,
        },
        ..JobSpec::default()
    })
}

/// What is asked for is also the limit: a task has a thread for each of its CPUs, and
/// no more.
fn requirements(resources: &Resources) -> ResourceRequirements {
    let memory =
        resources.memory_of_all_cpus_mib().map(|mib| ("memory".to_owned(), format!("{mib}Mi")));
    let gpus = resources.gpus.filter(|gpus| *gpus > 0);
    let gpus = gpus.map(|gpus| ("nvidia.com/gpu".to_owned(), gpus.to_string()));
    let cpus = resources.cpus.map(|cpus| ("cpu".to_owned(), cpus.to_string()));
    ResourceRequirements {
        limits: memory.clone().into_iter().chain(cpus.clone()).chain(gpus).collect(),
        requests: memory.into_iter().chain(cpus).collect(),
    }
}

fn selector(constraint: &str) -> Result<Labels, SchedulerError> {
    let label = |pair: &str| {
        let (key, value) = pair.split_once('=').filter(|(key, value)| {
            is_word(key, "._/-") && (value.is_empty() || is_word(value, "._-"))
        })?;
        Some((key.to_owned(), value.to_owned()))
    };
    constraint.split(',').map(label).collect::<Option<_>>().ok_or_else(|| {
        let why = format!("{constraint:?} is not key=value[,key=value…], labels of nodes");
        invalid("constraint", why)
    })
}

fn labels() -> Labels {
    [("app.kubernetes.io/managed-by".to_owned(), "hetero2-scheduler".to_owned())].into()
}

fn invalid(field: &'static str, why: String) -> SchedulerError {
    SchedulerError::Invalid { scheduler: Kind::Kubernetes, field, why }
}
