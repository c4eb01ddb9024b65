//! What this crate writes and reads of Kubernetes' objects, no more: `Job` of
//! `batch/v1` and `Pod` of `v1`, named as in
//! <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/>.
//!
//! A binding of the whole API would be a hundred times as much to compile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the API that Jobs are of; another one is no Job of ours.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) enum JobVersion {
    #[default]
    #[serde(rename = "batch/v1")]
    BatchV1,
}

/// The kind of a Job; an object of another kind is not read as one.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) enum JobKind {
    #[default]
    Job,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub api_version: JobVersion,
    pub kind: JobKind,
    #[serde(default)]
    pub metadata: ObjectMeta,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<JobSpec>,
    #[serde(skip_serializing)]
    pub status: Option<JobStatus>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectMeta {
    #[serde(skip_serializing)]
    pub annotations: Option<BTreeMap<String, String>>,
    /// In RFC 3339, UTC and whole seconds, so that the order of texts is that
    /// of times.
    #[serde(skip_serializing)]
    pub creation_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JobSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_limit_per_index: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<i32>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub pod_failure_policy: Option<PodFailurePolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    #[serde(skip_deserializing)]
    pub template: PodTemplateSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i32>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct PodFailurePolicy {
    pub rules: Vec<PodFailurePolicyRule>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodFailurePolicyRule {
    pub action: &'static str,
    pub on_pod_conditions: Vec<PodConditionPattern>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct PodConditionPattern {
    pub status: &'static str,
    #[serde(rename = "type")]
    pub type_: &'static str,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct PodTemplateSpec {
    pub metadata: ObjectMeta,
    pub spec: PodSpec,
}

/// The pods that are asked for.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,
    pub automount_service_account_token: bool,
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    pub restart_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<PodSecurityContext>,
    pub termination_grace_period_seconds: i64,
    pub volumes: Vec<Volume>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSecurityContext {
    pub run_as_group: i64,
    pub run_as_user: i64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub command: Vec<String>,
    pub image: String,
    pub name: &'static str,
    pub resources: ResourceRequirements,
    pub volume_mounts: Vec<VolumeMount>,
}

/// Quantities as Kubernetes writes them: `4`, `2048Mi`.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct ResourceRequirements {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeMount {
    pub mount_path: String,
    pub name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Volume {
    pub name: &'static str,
    #[serde(flatten)]
    pub source: VolumeSource,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum VolumeSource {
    PersistentVolumeClaim {
        claim_name: String,
    },
    HostPath {
        path: String,
        #[serde(rename = "type")]
        type_: &'static str,
    },
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct JobStatus {
    pub completed_indexes: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    pub failed_indexes: Option<String>,
}

/// What is said of a Job or of a pod.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Condition {
    pub message: Option<String>,
    pub reason: Option<String>,
    pub status: String,
    #[serde(rename = "type")]
    pub type_: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pod {
    #[serde(default)]
    pub metadata: ObjectMeta,
    pub spec: Option<PodPlace>,
    pub status: Option<PodStatus>,
}

/// What is read of the specification of a pod.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodPlace {
    pub node_name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodStatus {
    pub conditions: Option<Vec<Condition>>,
    pub container_statuses: Option<Vec<ContainerStatus>>,
    pub phase: Option<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ContainerStatus {
    pub state: Option<ContainerState>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ContainerState {
    pub terminated: Option<Terminated>,
    pub waiting: Option<Waiting>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Terminated {
    pub exit_code: i32,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Waiting {
    pub reason: Option<String>,
}
