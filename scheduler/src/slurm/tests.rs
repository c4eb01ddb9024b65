use std::path::{Path, PathBuf};
use std::time::Duration;

use super::answer::{array_limits, job_id, names, sacct, squeue};
use super::script::{ArrayLimits, arrays};
use super::*;
use crate::{Resources, TaskSet};

fn work() -> Work {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    Work {
        name: "h2-demo".to_owned(),
        folder: PathBuf::from("/data/my run/submit/1"),
        logs: PathBuf::from("/data/my run/100%"),
        task: vec!["/opt/hetero2".into(), "shard".into(), "/data/my run".into()],
        tasks: (0..1200).collect(),
        program: None,
        finish: Some(words("/opt/hetero2 reduce RUN")),
        resources: Resources {
            partition: Some("gpu".into()),
            account: Some("chem".into()),
            qos: Some("normal".into()),
            time: Some(Duration::from_secs(5400)),
            memory_mib: Some(8192),
            memory_per_cpu_mib: None,
            cpus: Some(8),
            gpus: Some(1),
            constraint: Some("a100|h100".into()),
        },
        finish_resources: Resources { cpus: Some(2), ..Resources::default() },
        environment: [("H2_NOTE".to_owned(), "it's $HOME".to_owned())].into(),
        secrets: Default::default(),
        modules: vec!["cuda/12".into(), "apptainer".into()],
        container: Some("/images/hetero2.sif".into()),
        concurrency: Some(50),
        requeue: Default::default(),
        extra: vec!["--reservation=mine".into()],
    }
}

/// SLURM where there is none.
fn nowhere() -> Slurm {
    let mut slurm = Slurm::default();
    slurm.programs.environment.insert("PATH".into(), "/nowhere".into());
    slurm
}

/// The text without the comments at its head.
fn body(text: &str) -> String {
    text.lines()
        .filter(|l| !l.starts_with('#') || l.starts_with("#SBATCH"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn scripts_hold_everything_that_was_asked_for() {
    let prepared = nowhere().prepare(&work()).unwrap();
    let [tasks, finish] = &prepared.documents[..] else { panic!("{prepared:?}") };
    assert_eq!(tasks.path, Path::new("/data/my run/submit/1/tasks.sbatch"));
    assert!(tasks.text.starts_with("#!/bin/bash -l\n"));
    assert_eq!(
        body(&tasks.text),
        r##"#SBATCH --job-name=hetero2
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60

module load cuda/12 apptainer || { echo 'hetero2: a module cannot be loaded' >&2; exit 1; }
export H2_NOTE="it's "'$HOME'
command=(apptainer exec --nv /images/hetero2.sif /opt/hetero2 shard '/data/my run')
offset=${1:-0}

exec "${command[@]}" "$((SLURM_ARRAY_TASK_ID + offset))""##
    );
    assert_eq!(
        body(&finish.text).lines().skip(5).collect::<Vec<_>>(),
        [
            "module load cuda/12 apptainer || { echo 'hetero2: a module cannot be loaded' >&2; exit 1; }",
            r#"export H2_NOTE="it's "'$HOME'"#,
            "command=(apptainer exec /images/hetero2.sif /opt/hetero2 reduce RUN)",
            "",
            r#"exec "${command[@]}""#,
        ]
    );
}

#[test]
fn options_hold_everything_that_was_asked_for() {
    let prepared = nowhere().prepare(&work()).unwrap();
    let common = "sbatch --parsable --export=ALL --requeue --open-mode=append --signal=B:TERM@60";
    let asked = "--partition=gpu --account=chem --qos=normal --constraint=a100|h100 \
                 --time=01:30:00 --mem=8192M --cpus-per-task=8 --gres=gpu:1";
    let script = "--reservation=mine /data/my run/submit/1";
    assert_eq!(
        prepared.commands.iter().map(|c| c.join(" ")).collect::<Vec<_>>(),
        [
            format!(
                "{common} --job-name=h2-demo-0 {asked} --array=0-999%41 \
                 --output=/data/my run/100%%/00%3a.out {script}/tasks.sbatch 0"
            ),
            format!(
                "{common} --job-name=h2-demo-1000 {asked} --array=0-199%9 \
                 --output=/data/my run/100%%/01%3a.out {script}/tasks.sbatch 1000"
            ),
            format!(
                "{common} --job-name=h2-demo-finish --cpus-per-task=2 \
                 --output=/data/my run/100%%/finish.out --dependency=afterany:JOB_ID:JOB_ID \
                 {script}/finish.sbatch"
            ),
        ]
    );
    // Memory of each core, never beside that of the task; and no second attempt.
    let mut other = work();
    other.resources.memory_mib = None;
    other.resources.memory_per_cpu_mib = Some(512);
    other.requeue = crate::Requeue::Never;
    let other = nowhere().prepare(&other).unwrap().commands.remove(0).join(" ");
    assert!(other.contains(" --mem-per-cpu=512M ") && !other.contains("--mem="), "{other}");
    assert!(other.contains(" --no-requeue ") && !other.contains(" --requeue"), "{other}");
    // The last command alone waits for nothing.
    let alone = nowhere().prepare(&Work { tasks: TaskSet::default(), ..work() }).unwrap();
    assert_eq!(alone.commands.len(), 1);
    assert!(alone.commands[0].iter().all(|word| !word.contains("afterany")));
    // Arrays wait for each other only where fewer tasks may run at once than there are arrays.
    let one = nowhere().prepare(&Work { concurrency: Some(1), ..work() }).unwrap();
    assert!(one.commands[1].contains(&"--dependency=afterany:JOB_ID".to_owned()));
    assert!(one.commands[1].contains(&"--array=0-199%1".to_owned()));
    let unbounded = nowhere().prepare(&Work { concurrency: None, ..work() }).unwrap();
    assert!(unbounded.commands[1].iter().all(|word| !word.contains("afterany")));
    assert!(unbounded.commands[1].contains(&"--array=0-199".to_owned()));
}

#[test]
fn work_that_makes_no_sense_is_refused() {
    let refused = |work: Work| match nowhere().prepare(&work).unwrap_err() {
        SchedulerError::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(refused(Work { name: "a b".into(), ..work() }), "name");
    assert_eq!(refused(Work { folder: "relative".into(), ..work() }), "folder");
    assert_eq!(refused(Work { logs: "/a\\b".into(), ..work() }), "logs");
    assert_eq!(refused(Work { tasks: TaskSet::default(), finish: None, ..work() }), "tasks");
    assert_eq!(refused(Work { finish: Some(Vec::new()), ..work() }), "finish");
    assert_eq!(refused(Work { concurrency: Some(0), ..work() }), "concurrency");
    for id in ["--me", "", "7_1", "7;north", "7 8"] {
        let jobs = [Job { id: id.to_owned(), role: JobRole::Finish }];
        for refused in [nowhere().cancel(&jobs), nowhere().poll(&jobs).map(drop)] {
            assert!(matches!(refused, Err(SchedulerError::Invalid { field: "jobs", .. })), "{id}");
        }
    }
    let environment = [("A; rm".to_owned(), String::new())].into();
    assert_eq!(refused(Work { environment, ..work() }), "environment");
}

#[test]
fn every_index_stays_below_the_limit_and_every_task_comes_once() {
    for (size, most) in
        [(1001, 1001), (1000, 1000), (999, 999), (12, 12), (9, 9), (1, 1), (1001, 300)]
    {
        let tasks: TaskSet =
            (0..2500).filter(|task| task % 7 != 3).chain([99_999, 123_456]).collect();
        let limits = ArrayLimits { size, tasks: most };
        let arrays = arrays(&tasks, limits);
        let together: Vec<u32> = arrays.iter().flat_map(|array| array.tasks.iter()).collect();
        assert_eq!(together, tasks.iter().collect::<Vec<_>>());
        for array in arrays {
            assert!(array.tasks.len() <= most as usize);
            assert!(array.tasks.iter().all(|task| task - array.offset < size.min(array.block)));
        }
    }
}

fn failed(reason: &str) -> TaskState {
    TaskState::Failed { reason: reason.to_owned() }
}

fn pending(reason: Option<&str>) -> TaskState {
    TaskState::Pending { reason: reason.map(str::to_owned) }
}

fn running(node: &str) -> TaskState {
    TaskState::Running { node: Some(node.to_owned()) }
}

#[test]
fn answers_of_squeue_are_read() {
    // Recorded from SLURM 22.05, but for the last three lines.
    let text = "\
1|0|COMPLETED|0|sb0|None
1|1|FAILED|768|sb0|NonZeroExitCode
1|2|FAILED|9|sb1|JobLaunchFailure
1|3|TIMEOUT|15|sb1|TimeLimit
1|4|CANCELLED|15|sb0|None
1|5,10-12|PENDING|0||Resources,BeginTime
1|9|RUNNING|0|sb0|None
1|20-30:2%3|PENDING|0||JobArrayTaskLimit
2|N/A|PENDING|0||Dependency
1|13|OUT_OF_MEMORY|125|sb0|OutOfMemory
1|14|COMPLETING|0|sb0|None
1|15|REQUEUE_HOLD|0||launch failed requeued held|with a bar
";
    let states = squeue(text, 24);
    let of = |index| states[&("1".to_owned(), Some(index))].clone();
    assert_eq!(of(0), TaskState::Succeeded);
    assert_eq!(of(1), failed("exit code 3"));
    assert_eq!(of(2), failed("signal 9"));
    assert_eq!(of(3), failed("TIMEOUT"));
    assert_eq!(of(4), failed("CANCELLED"));
    assert_eq!(of(9), running("sb0"));
    for index in [5, 10, 11, 12] {
        assert_eq!(of(index), pending(Some("Resources,BeginTime")));
    }
    assert_eq!(of(13), failed("OUT_OF_MEMORY"));
    assert_eq!(of(14), running("sb0"));
    assert_eq!(of(15), pending(Some("launch failed requeued held|with a bar")));
    // No task has an index above 24.
    for index in [20, 22, 24] {
        assert_eq!(of(index), pending(Some("JobArrayTaskLimit")));
    }
    assert_eq!(states[&("2".to_owned(), None)], pending(Some("Dependency")));
    assert_eq!(states.len(), 6 + 4 + 3 + 3 + 1);
}

#[test]
fn answers_of_sacct_are_read() {
    // Recorded from SLURM 22.05, but for the last three lines. It lists task 8
    // twice, since what waits is written later.
    let text = "\
2|PENDING|0:0|None assigned
1_0|COMPLETED|0:0|sb0
1_1|FAILED|3:0|sb0
1_2|FAILED|0:9|sb1
1_4|CANCELLED by 0|0:0|sb0
1_5|REQUEUED|0:0|sb0
1_8|RUNNING|0:0|sb1
1_[8-12%6]|PENDING|0:0|None assigned
1_13|OUT_OF_MEMORY|0:125|sb0
1_14|NODE_FAIL|1:0|sb1
1_15|PREEMPTED|0:0|sb1
";
    let states = sacct(text, 1000);
    let of = |index| states[&("1".to_owned(), Some(index))].clone();
    assert_eq!(of(0), TaskState::Succeeded);
    assert_eq!(of(1), failed("exit code 3"));
    assert_eq!(of(2), failed("signal 9"));
    assert_eq!(of(4), failed("CANCELLED"));
    assert_eq!(of(5), pending(None));
    assert_eq!(of(8), running("sb1"));
    for index in 9..=12 {
        assert_eq!(of(index), pending(None));
    }
    assert_eq!(of(13), failed("OUT_OF_MEMORY"));
    assert_eq!(of(14), failed("NODE_FAIL"));
    assert_eq!(of(15), failed("PREEMPTED"));
    assert_eq!(states[&("2".to_owned(), None)], pending(None));
    assert_eq!(states.len(), 14);
}

#[test]
fn hostile_answers_do_no_harm() {
    for text in
        ["", "|||||", "1|0-4294967295|PENDING|0||x", "1|9-3:0%%|RUNNING|x|y|z", "é|[|]|-|:|,"]
    {
        assert!(squeue(text, 99).len() <= 100, "{text}");
        assert!(sacct(text, 99).len() <= 100, "{text}");
    }
    assert_eq!(array_limits("MaxArraySize"), None);
}

#[test]
fn a_limit_on_jobs_is_said_with_its_cure() {
    let refused = |why: &str| {
        let command = "sbatch".to_owned();
        let why = why.to_owned();
        limited(SchedulerError::Refused { scheduler: Kind::Slurm, command, why }).to_string()
    };
    // As SLURM 22.05 says it.
    let said = refused(
        "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job \
         violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    );
    assert!(said.contains("plan fewer shards"), "{said}");
    assert!(!refused("invalid partition specified: x").contains("fewer"));
}

#[test]
fn names_are_read() {
    // An array has a line for each task that runs.
    let states = names("7|a-0\n7|a-0\n9|a-finish \nCLUSTER: x\n|\n--me|a\n");
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    assert_eq!(states, [pair("7", "a-0"), pair("9", "a-finish")].into());
}

#[test]
fn limits_and_ids_are_read() {
    let config =
        "MaxArraySize            = 1001\nSchedulerParameters     = a=b,max_array_tasks=500\n";
    assert_eq!(array_limits(config), Some(ArrayLimits { size: 1001, tasks: 500 }));
    assert_eq!(array_limits("MaxArraySize = 40\n"), Some(ArrayLimits { size: 40, tasks: 40 }));
    assert_eq!(job_id("17\n").as_deref(), Some("17"));
    assert_eq!(job_id("Welcome to the cluster\n17;north\n").as_deref(), Some("17"));
    assert_eq!(job_id("Submitted batch job\n"), None);
    assert_eq!(job_id(""), None);
}
