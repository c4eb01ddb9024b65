//! What a cluster says of Jobs and pods, read.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Condition, ContainerState, Job, Pod, PodStatus};
use crate::TaskState;

/// The annotation of a pod that holds its index.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// How a Job ended, if it has.
pub(super) fn end(job: &Job) -> Option<&Condition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| {
        condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
    })
}

/// State of each index of an Indexed Job, which is `None` if the cluster does
/// not know it (any more).
pub(super) fn states(job: Option<&Job>, pods: &[Pod], count: usize) -> Vec<TaskState> {
    let Some(job) = job else { return vec![TaskState::Unknown; count] };
    let status = job.status.clone().unwrap_or_default();
    let completed = indices(status.completed_indexes.as_deref(), count);
    let failed = indices(status.failed_indexes.as_deref(), count);
    let pods = latest(pods);
    let ended = end(job).map(|condition| TaskState::Failed {
        reason: condition.reason.clone().unwrap_or_else(|| condition.type_.clone()),
    });
    let state = |index| {
        let pod = pods.get(&index).map(|pod| of_pod(pod));
        if completed.contains(&index) {
            return TaskState::Succeeded;
        }
        match (failed.contains(&index), pod) {
            (_, Some(pod @ TaskState::Failed { .. })) => pod,
            (true, _) => TaskState::Failed { reason: "FAILED".to_owned() },
            (false, pod) => ended.clone().or(pod).unwrap_or(TaskState::Pending { reason: None }),
        }
    };
    (0..count).map(state).collect()
}

/// State of a Job with a single pod.
pub(super) fn finish(job: Option<&Job>, pods: &[Pod]) -> TaskState {
    let Some(job) = job else { return TaskState::Unknown };
    let pod = pods.iter().max_by_key(|pod| &pod.metadata.creation_timestamp).map(of_pod);
    match (end(job), pod) {
        (Some(end), _) if end.type_ == "Complete" => TaskState::Succeeded,
        (Some(_), Some(pod @ TaskState::Failed { .. })) => pod,
        (Some(end), _) => {
            TaskState::Failed { reason: end.reason.clone().unwrap_or_else(|| "FAILED".to_owned()) }
        }
        (None, pod) => pod.unwrap_or(TaskState::Pending { reason: None }),
    }
}

/// Indices in `0,3-5`, below `count`.
fn indices(text: Option<&str>, count: usize) -> BTreeSet<usize> {
    let mut indices = BTreeSet::new();
    for part in text.unwrap_or_default().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse::<usize>()) {
            indices.extend(first..last.saturating_add(1).min(count));
        }
    }
    indices
}

/// The newest pod of each index.
fn latest(pods: &[Pod]) -> BTreeMap<usize, &Pod> {
    let mut pods: Vec<&Pod> = pods.iter().collect();
    pods.sort_by_key(|pod| &pod.metadata.creation_timestamp);
    let index = |pod: &Pod| pod.metadata.annotations.as_ref()?.get(INDEX)?.parse().ok();
    pods.into_iter().filter_map(|pod| Some((index(pod)?, pod))).collect()
}

fn of_pod(pod: &Pod) -> TaskState {
    let Some(status) = &pod.status else { return TaskState::Pending { reason: None } };
    match status.phase.as_deref() {
        Some("Succeeded") => TaskState::Succeeded,
        Some("Failed") => TaskState::Failed { reason: failure(status) },
        Some("Running") => {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
            TaskState::Running { node }
        }
        _ => TaskState::Pending { reason: waiting(status) },
    }
}

fn container(status: &PodStatus) -> Option<&ContainerState> {
    status.container_statuses.as_ref()?.first()?.state.as_ref()
}

fn failure(status: &PodStatus) -> String {
    let disrupted = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True");
    if let Some(condition) = disrupted {
        return format!("NODE_FAIL ({})", condition.reason.as_deref().unwrap_or("disrupted"));
    }
    if status.reason.as_deref() == Some("DeadlineExceeded") {
        return "TIMEOUT".to_owned();
    }
    match container(status).and_then(|state| state.terminated.as_ref()) {
        Some(end) if end.reason.as_deref() == Some("OOMKilled") => "OUT_OF_MEMORY".to_owned(),
        Some(end) => format!("exit code {}", end.exit_code),
        None => status.reason.clone().unwrap_or_else(|| "FAILED".to_owned()),
    }
}

fn waiting(status: &PodStatus) -> Option<String> {
    let image = container(status).and_then(|state| state.waiting.as_ref()?.reason.clone());
    image.or_else(|| {
        let mut conditions = status.conditions.iter().flatten();
        let condition = conditions.find(|condition| condition.status == "False")?;
        condition.message.clone().or_else(|| condition.reason.clone())
    })
}
