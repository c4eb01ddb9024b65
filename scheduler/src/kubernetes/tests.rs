//! Manifests, and a stand-in for `kubectl` whose answers have the form that
//! kubectl 1.32 printed for such objects; states as in the API reference of
//! Jobs and pods, https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::TaskState::{Failed, Pending, Running, Succeeded};
use crate::example::{calls, stand_in, work};

fn ours(folder: &Path) -> Work {
    let mut work = work(folder);
    work.container = Some("registry.example/hetero2:0.1.0".to_owned());
    work.extra = vec![format!("pvc=library:{}", folder.display()), "namespace=chem".to_owned()];
    work
}

fn manifest(work: &Work, name: &str) -> Value {
    let prepared = Kubernetes::default().prepare(work).unwrap();
    let document = prepared.documents.iter().find(|d| d.path.ends_with(name)).unwrap();
    serde_json::from_str(&document.text).unwrap()
}

#[test]
fn the_tasks_are_one_indexed_job() {
    let mut work = ours(Path::new("/shared"));
    work.concurrency = Some(2);
    work.extra.push("user=1000:100".to_owned());
    work.resources.cpus = Some(4);
    work.resources.gpus = Some(1);
    work.resources.memory_mib = Some(2048);
    work.resources.time = Some(Duration::from_millis(90_500));
    work.resources.qos = Some("low".to_owned());
    work.resources.constraint = Some("gpu.example/model=h200,disk=".to_owned());
    let label = json!({ "app.kubernetes.io/managed-by": "hetero2-scheduler" });
    let expected = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": "spectra-tasks", "namespace": "chem", "labels": label },
        "spec": {
            "completionMode": "Indexed",
            "completions": 3,
            "parallelism": 2,
            "backoffLimitPerIndex": 0,
            "podFailurePolicy": { "rules": [{
                "action": "Ignore",
                "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }],
            }] },
            "ttlSecondsAfterFinished": 604_800,
            "template": {
                "metadata": { "labels": label },
                "spec": {
                    "activeDeadlineSeconds": 91,
                    "automountServiceAccountToken": false,
                    "containers": [{
                        "name": "task",
                        "image": "registry.example/hetero2:0.1.0",
                        "command": ["/bin/sh", "/shared/submit/task.sh"],
                        "resources": {
                            "limits": { "memory": "2048Mi", "cpu": "4", "nvidia.com/gpu": "1" },
                            "requests": { "memory": "2048Mi", "cpu": "4" },
                        },
                        "volumeMounts": [{ "name": "shared", "mountPath": "/shared" }],
                    }],
                    "nodeSelector": { "gpu.example/model": "h200", "disk": "" },
                    "priorityClassName": "low",
                    "restartPolicy": "Never",
                    "securityContext": { "runAsUser": 1000, "runAsGroup": 100 },
                    "terminationGracePeriodSeconds": 60,
                    "volumes": [{
                        "name": "shared",
                        "persistentVolumeClaim": { "claimName": "library" },
                    }],
                },
            },
        },
    });
    assert_eq!(manifest(&work, "tasks.json"), expected);
    let script = Kubernetes::default().prepare(&work).unwrap().documents.remove(1).text;
    assert!(!script.contains("apptainer") && script.contains("JOB_COMPLETION_INDEX"), "{script}");

    let finish = manifest(&work, "finish.json");
    assert_eq!(finish["metadata"]["name"], "spectra-finish");
    assert_eq!(finish["spec"]["suspend"], true);
    assert_eq!(finish["spec"]["completions"], Value::Null);
}

#[test]
fn kueue_admits_the_tasks_and_leaves_the_last_command_alone() {
    let mut work = ours(Path::new("/shared"));
    work.extra.push("queue=chem-users".to_owned());
    let labels = |name| manifest(&work, name)["metadata"]["labels"].clone();
    assert_eq!(labels("tasks.json")["kueue.x-k8s.io/queue-name"], "chem-users");
    assert_eq!(labels("finish.json")["kueue.x-k8s.io/queue-name"], Value::Null);
    work.extra.push("queue=a b".to_owned());
    let said = Kubernetes::default().prepare(&work).unwrap_err().to_string();
    assert!(said.contains("is none of"), "{said}");
}

#[test]
fn what_pods_cannot_run_with_is_refused_by_name() {
    type Spoil = fn(&mut Work);
    let spoiled = |spoil: Spoil| {
        let mut work = ours(Path::new("/shared"));
        spoil(&mut work);
        Kubernetes::default().prepare(&work).unwrap_err().to_string()
    };
    let cases: [(Spoil, &str); 8] = [
        (|work| work.container = None, "pods need an image"),
        (|work| work.extra.clear(), "pvc=CLAIM:/path or host-path=/path"),
        (|work| work.extra = vec!["--dry-run".to_owned()], "is none of"),
        (|work| work.extra = vec!["pvc=a:relative".to_owned()], "is none of"),
        (|work| work.extra = vec!["host-path=/other".to_owned()], "is not on the volume"),
        (|work| work.modules = vec!["cuda".to_owned()], "modules"),
        (|work| work.resources.partition = Some("cpu".to_owned()), "namespace=NAME"),
        (|work| work.resources.constraint = Some("a b".to_owned()), "labels of nodes"),
    ];
    for (spoil, expected) in cases {
        let said = spoiled(spoil);
        assert!(said.contains(expected), "{said}");
    }
}

/// `kubectl` that answers from files named by its verb and object.
fn cluster(folder: &Path) -> Kubernetes {
    let here = folder.display();
    let answer = format!(
        r#"case "$*" in
*create*tasks.json*) name=spectra-tasks ;;
*create*) [ ! -e '{here}/full' ] || {{ echo 'exceeded quota' >&2; exit 1; }}; name=spectra-finish ;;
*"get pods"*spectra-tasks*) cat '{here}/pods.json'; exit ;;
*"get pods"*) echo '{{"apiVersion":"v1","kind":"List","items":[],"metadata":{{"resourceVersion":""}}}}'; exit ;;
*"get job spectra-tasks"*) cat '{here}/job.json'; exit ;;
*"get job spectra-finish"*) cat '{here}/finish.json'; exit ;;
*) exit ;;
esac
echo '{{"apiVersion":"batch/v1","kind":"Job","metadata":{{"namespace":"chem","name":"'$name'"}}}}'"#
    );
    Kubernetes { programs: stand_in(folder, Kind::Kubernetes, &[("kubectl", &answer)]) }
}

fn pod(index: u32, status: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("spectra-tasks-{index}-x"),
            "annotations": { "batch.kubernetes.io/job-completion-index": index.to_string() },
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": { "containers": [], "nodeName": "node-1" },
        "status": status,
    })
}

fn said(folder: &Path, name: &str, kind: &str, rest: &Value) {
    let mut value = json!({ "apiVersion": "batch/v1", "kind": kind, "metadata": {} });
    value.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    fs::write(folder.join(name), value.to_string()).unwrap();
}

#[test]
fn the_last_command_is_started_once_the_tasks_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let scheduler = cluster(folder);
    let jobs = scheduler.submit(&ours(folder)).unwrap();
    let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["chem/spectra-tasks", "chem/spectra-finish"]);

    let pods = [
        pod(0, &json!({ "phase": "Running" })),
        pod(
            1,
            &json!({ "phase": "Failed", "containerStatuses": [{
            "name": "task", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } },
        }] }),
        ),
        pod(
            2,
            &json!({ "phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient cpu.",
        }] }),
        ),
    ];
    let list = json!({ "items": pods, "metadata": { "resourceVersion": "" } });
    said(folder, "pods.json", "List", &list);
    said(folder, "job.json", "Job", &json!({ "status": { "active": 2, "failedIndexes": "1" } }));
    let suspended = json!({ "spec": { "suspend": true, "template": {} } });
    said(folder, "finish.json", "Job", &suspended);
    let poll = scheduler.poll(&jobs).unwrap();
    let reason = |reason: &str| Some(reason.to_owned());
    assert_eq!(poll.tasks[&2], Running { node: reason("node-1") });
    assert_eq!(poll.tasks[&7], Failed { reason: "OUT_OF_MEMORY".to_owned() });
    let wait = "0/3 nodes are available: 3 Insufficient cpu.";
    assert_eq!(poll.tasks[&9], Pending { reason: reason(wait) });
    assert_eq!(poll.finish, Some(Pending { reason: reason("waits for the tasks") }));
    assert!(!calls(folder).contains("patch"));

    // A task that failed makes the Job fail; the others count all the same.
    let ended = json!({ "status": {
        "completedIndexes": "0,2", "failedIndexes": "1",
        "conditions": [{ "type": "Failed", "status": "True", "reason": "FailedIndexes" }],
    } });
    said(folder, "job.json", "Job", &ended);
    let poll = scheduler.poll(&jobs).unwrap();
    assert_eq!((&poll.tasks[&2], &poll.tasks[&9]), (&Succeeded, &Succeeded));
    assert_eq!(poll.finish, Some(Pending { reason: None }));
    let patch = "--namespace chem patch job spectra-finish --type=merge -p";
    assert_eq!(calls(folder).matches(patch).count(), 1);

    let done = json!({
        "spec": { "suspend": false, "template": {} },
        "status": { "conditions": [{ "type": "Complete", "status": "True" }] },
    });
    said(folder, "finish.json", "Job", &done);
    // The tasks' Job has vanished meanwhile.
    fs::write(folder.join("job.json"), "").unwrap();
    let poll = scheduler.poll(&jobs).unwrap();
    assert_eq!(poll.finish, Some(Succeeded));
    assert!(poll.tasks.values().all(|state| *state == TaskState::Unknown));

    scheduler.cancel(&jobs).unwrap();
    let calls = calls(folder);
    let deleted: Vec<&str> = calls.lines().filter(|line| line.contains("delete")).collect();
    assert!(deleted[0].contains("spectra-finish") && deleted.len() == 2, "{deleted:?}");
}

#[test]
fn tasks_without_their_last_command_are_deleted_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("full"), "").unwrap();
    let error = cluster(folder.path()).submit(&ours(folder.path())).unwrap_err();
    assert!(error.to_string().contains("exceeded quota"), "{error}");
    assert!(calls(folder.path()).contains("delete job spectra-tasks"));
}

#[test]
fn ids_are_no_flags() {
    assert_eq!(parts("chem/job-1").unwrap(), ("chem", "job-1"));
    for id in ["job", "/job", "--all/job", "chem/--all", "a b/c"] {
        assert!(parts(id).is_err(), "{id}");
    }
}

#[test]
fn what_was_accepted_without_an_answer_is_found_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"case "$*" in
*create*) echo 'Unable to connect to the server: net/http: TLS handshake timeout' >&2; exit 1 ;;
*"--namespace chem get job "*) name=$5 ;;
esac
echo '{"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"chem","name":"'$name'"}}'"#;
    let programs = stand_in(folder.path(), Kind::Kubernetes, &[("kubectl", answer)]);
    let away = Kubernetes::default().programs.away;
    let scheduler = Kubernetes { programs: Programs { away, ..programs } };
    let work = ours(folder.path());
    let jobs = scheduler.submit(&work).unwrap();
    assert_eq!(jobs, scheduler.find(&work).unwrap());
    let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["chem/spectra-tasks", "chem/spectra-finish"]);
}

#[test]
fn the_last_command_alone_is_not_suspended() {
    let mut work = ours(Path::new("/shared"));
    work.tasks = Default::default();
    let prepared = Kubernetes::default().prepare(&work).unwrap();
    assert_eq!(prepared.commands.len(), 1);
    assert_eq!(manifest(&work, "finish.json")["spec"].get("suspend"), None);
}
