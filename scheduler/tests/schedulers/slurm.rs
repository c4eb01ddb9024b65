//! Job arrays on a real SLURM: two nodes on this machine, toy tasks.
//!
//! One test, because there is one cluster: first what can happen at the same
//! time, then what disturbs everything else.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;
use hetero2_scheduler::slurm::Slurm;
use hetero2_scheduler::{
    Job, JobRole, Poll, Resources, Scheduler, SchedulerError, TaskState, Work,
};

/// Work that runs a shell script, `$1` being the number of the task and `$TOY`
/// a folder whose name needs quotes.
fn work(sandbox: &Sandbox, name: &str, tasks: u32, script: &str) -> Work {
    let folder = sandbox.folder.path().join(format!("{name}'s 100% run"));
    fs::create_dir_all(&folder).unwrap();
    Work {
        name: name.into(),
        folder: folder.join("submit"),
        logs: folder.join("logs"),
        task: ["sh", "-c", script, "toy"].map(str::to_owned).to_vec(),
        tasks: (0..tasks).collect(),
        program: None,
        finish: Some(["sh", "-c", "echo finished; : > \"$TOY/done\""].map(str::to_owned).to_vec()),
        resources: Resources { cpus: Some(1), memory_mib: Some(16), ..Resources::default() },
        finish_resources: Resources::default(),
        secrets: Default::default(),
        environment: [("TOY".to_owned(), folder.to_str().unwrap().to_owned())].into(),
        modules: Vec::new(),
        container: None,
        concurrency: None,
        requeue: Default::default(),
        extra: Vec::new(),
    }
}

fn toy(work: &Work, file: &str) -> PathBuf {
    Path::new(&work.environment["TOY"]).join(file)
}

fn log(work: &Work, task: u32) -> String {
    fs::read_to_string(work.logs.join(format!("{task:05}.out"))).unwrap_or_default()
}

/// Polls until a condition holds.
fn until(slurm: &Slurm, jobs: &[Job], what: &str, holds: impl Fn(&Poll) -> bool) -> Poll {
    let start = Instant::now();
    loop {
        let poll = slurm.poll(jobs).unwrap();
        if holds(&poll) {
            return poll;
        }
        assert!(start.elapsed() < Duration::from_secs(240), "not {what}: {poll:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

fn over(state: &TaskState) -> bool {
    matches!(state, TaskState::Succeeded | TaskState::Failed { .. })
}

fn all_over(poll: &Poll) -> bool {
    poll.tasks.values().chain(&poll.finish).all(over)
}

fn failed(reason: &str) -> TaskState {
    TaskState::Failed { reason: reason.to_owned() }
}

fn running(state: &TaskState) -> bool {
    matches!(state, TaskState::Running { node: Some(_) })
}

#[test]
fn job_arrays_on_a_real_slurm() {
    let accounting = std::env::var("HETERO2_SLURM_ACCOUNTING").unwrap_or_else(|_| "0".into());
    let Some(sandbox) = Sandbox::start(&[
        ("SLURM_SANDBOX_CPUS", "8"),
        ("SLURM_SANDBOX_NODE_TIMEOUT", "10"),
        ("SLURM_SANDBOX_EXTRA", "MaxArraySize=12"),
        ("SLURM_SANDBOX_ACCOUNTING", &accounting),
    ]) else {
        return;
    };
    let timed = |name: &str, case: fn(&Sandbox)| {
        let start = Instant::now();
        case(&sandbox);
        eprintln!("{name}: {:.1} s", start.elapsed().as_secs_f64());
    };
    thread::scope(|scope| {
        scope.spawn(|| timed("time limit", time_limit));
        scope.spawn(|| {
            timed("success, in three arrays", success);
            timed("failing task", failing_task);
            timed("bounded concurrency", bounded_concurrency);
            timed("cancel", cancel);
            timed("refused, and what was submitted is cancelled", refused);
            timed("not installed, unknown", not_there);
            timed("templates by hand", by_hand);
        });
    });
    timed("controller away", controller_away);
    timed("dying node", dying_node);
    timed("state lost", state_lost);
}

/// 25 tasks; an array has at most 12 here, so there are three of ten at most.
fn success(sandbox: &Sandbox) {
    let work = work(sandbox, "success", 25, "echo number $1 in $TOY on $(hostname)");
    let slurm = sandbox.slurm();
    let jobs = slurm.submit(&work).unwrap();
    assert_eq!(jobs.len(), 4);
    assert!(matches!(&jobs[2].role, JobRole::Tasks { offset: 20, tasks } if tasks.len() == 5));
    let poll = until(&slurm, &jobs, "over", all_over);
    assert!(poll.tasks.values().all(|state| *state == TaskState::Succeeded), "{poll:?}");
    assert_eq!(poll.tasks.len(), 25);
    assert_eq!(poll.finish, Some(TaskState::Succeeded));
    for task in 0..25 {
        let line = format!("number {task} in {} on sb", work.environment["TOY"]);
        assert!(log(&work, task).contains(&line), "{task}: {}", log(&work, task));
    }
    assert_eq!(fs::read_to_string(work.logs.join("finish.out")).unwrap(), "finished\n");
}

fn failing_task(sandbox: &Sandbox) {
    // What a job sees of our own environment is also told.
    let script = "env | grep -c ^CARGO; [ $1 != 1 ] || exit 3; [ $1 != 2 ] || kill -9 $$";
    let work = work(sandbox, "failing", 4, script);
    let slurm = sandbox.slurm();
    let jobs = slurm.submit(&work).unwrap();
    let poll = until(&slurm, &jobs, "over", all_over);
    assert_eq!(poll.tasks[&0], TaskState::Succeeded);
    assert_eq!(poll.tasks[&1], failed("exit code 3"));
    assert_eq!(poll.tasks[&2], failed("signal 9"));
    assert_eq!(poll.finish, Some(TaskState::Succeeded));
    assert!(toy(&work, "done").exists());
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    assert_eq!(log(&work, 0), "0\n", "the environment of the submitter leaked");
}

/// The time limit: TERM comes first, and the task writes a checkpoint.
fn time_limit(sandbox: &Sandbox) {
    let script = "trap ': > \"$TOY/checkpoint\"; exit 75' TERM; [ $1 = 0 ] || trap '' TERM; \
                  while :; do sleep 0.2; done";
    let mut work = work(sandbox, "limit", 2, script);
    work.resources.time = Some(Duration::from_secs(60));
    let slurm = sandbox.slurm();
    let jobs = slurm.submit(&work).unwrap();
    let poll = until(&slurm, &jobs, "over", all_over);
    assert_eq!(poll.tasks[&0], failed("exit code 75"));
    assert!(toy(&work, "checkpoint").exists());
    assert_eq!(poll.tasks[&1], failed("TIMEOUT"));
    // SLURM's own words come into the same file.
    assert!(log(&work, 1).contains("slurmstepd"), "{}", log(&work, 1));
    assert_eq!(poll.finish, Some(TaskState::Succeeded));
}

/// Two arrays, and never more than two tasks at once.
fn bounded_concurrency(sandbox: &Sandbox) {
    let script = ": > \"$TOY/on$1\"; sleep 0.5; ls \"$TOY\" | grep -c ^on; rm \"$TOY/on$1\"";
    let mut work = work(sandbox, "bounded", 14, script);
    work.tasks = (4..14).collect();
    work.concurrency = Some(2);
    let slurm = sandbox.slurm();
    let jobs = slurm.submit(&work).unwrap();
    assert_eq!(jobs.len(), 3);
    let poll = until(&slurm, &jobs, "over", all_over);
    assert!(poll.tasks.values().all(|state| *state == TaskState::Succeeded), "{poll:?}");
    let counts: Vec<u32> = (4..14).map(|task| log(&work, task).trim().parse().unwrap()).collect();
    assert!(counts.iter().all(|count| *count <= 2), "{counts:?}");
}

fn cancel(sandbox: &Sandbox) {
    let script = "[ $1 != 0 ] || exit 0; : > \"$TOY/on$1\"; sleep 300";
    let mut work = work(sandbox, "cancel", 10, script);
    work.concurrency = Some(2);
    let slurm = sandbox.slurm();
    let jobs = slurm.submit(&work).unwrap();
    let poll = until(&slurm, &jobs, "in the middle", |poll| {
        poll.tasks[&0] == TaskState::Succeeded
            && running(&poll.tasks[&1])
            && toy(&work, "on1").exists()
    });
    assert!(matches!(&poll.tasks[&9], TaskState::Pending { reason: Some(_) }), "{poll:?}");
    assert!(matches!(&poll.finish, Some(TaskState::Pending { reason: Some(_) })), "{poll:?}");
    slurm.cancel(&jobs).unwrap();
    let poll = until(&slurm, &jobs, "cancelled", all_over);
    assert_eq!(poll.tasks[&0], TaskState::Succeeded);
    for state in poll.tasks.values().skip(1).chain(&poll.finish) {
        assert_eq!(*state, failed("CANCELLED"));
    }
    assert!(!toy(&work, "done").exists());
    slurm.cancel(&jobs).unwrap();
}

/// The last command asks for what nobody has: its array must not stay.
fn refused(sandbox: &Sandbox) {
    let mut work = work(sandbox, "refused", 2, "sleep 300");
    work.finish_resources.partition = Some("nowhere".into());
    let slurm = sandbox.slurm();
    let refused = slurm.submit(&work).unwrap_err();
    assert!(matches!(&refused, SchedulerError::Refused { why, .. } if why.contains("partition")));
    let squeue = ["squeue", "--noheader", "--name=refused-0", "--states=pending,running"];
    let start = Instant::now();
    while !slurm.programs.run(&squeue.map(str::to_owned), None).unwrap().trim().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "the array was not cancelled");
        thread::sleep(Duration::from_millis(200));
    }
}

fn not_there(sandbox: &Sandbox) {
    let mut slurm = sandbox.slurm();
    let jobs = [
        Job { id: "77777".into(), role: JobRole::Tasks { offset: 0, tasks: (0..3).collect() } },
        Job { id: "77778".into(), role: JobRole::Finish },
    ];
    for jobs in [&jobs[..], &jobs[..1]] {
        let poll = slurm.poll(jobs).unwrap();
        assert_eq!(poll.tasks.len(), 3);
        assert!(poll.tasks.values().chain(&poll.finish).all(|state| *state == TaskState::Unknown));
        slurm.cancel(jobs).unwrap();
    }
    slurm.programs.environment.insert("PATH".into(), "/nowhere".into());
    let missing = slurm.submit(&work(sandbox, "missing", 1, "true")).unwrap_err();
    assert!(matches!(missing, SchedulerError::NotInstalled { .. }), "{missing}");
}

/// The templates as they are, but for the program, submitted as their heads say.
fn by_hand(sandbox: &Sandbox) {
    let folder = sandbox.folder.path().join("by hand");
    fs::create_dir_all(folder.join("logs")).unwrap();
    let programs = sandbox.slurm().programs;
    let submit = |template: &str, options: &[&str], arguments: &[&str]| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../slurm").join(template);
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.matches("\ncommand=(hetero2 ").count(), 1);
        let text = text.replace("\ncommand=(hetero2 ", "\ncommand=(echo ");
        fs::write(folder.join(template), text).unwrap();
        let output = format!("--output={}/logs/%5a-{template}", folder.display());
        let script = folder.join(template).to_str().unwrap().to_owned();
        let words = [&["sbatch", "--parsable", &output], options, &[&script, "RUN"], arguments];
        let words: Vec<String> = words.concat().iter().map(|word| (*word).to_owned()).collect();
        programs.run(&words, None).unwrap().trim().to_owned()
    };
    let array = submit("tasks.sbatch", &["--array=3-4%1"], &["1000"]);
    let mpi = submit("mpi.sbatch", &["--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=2"], &[]);
    let after = format!("--dependency=afterany:{array}:{mpi}");
    let last = submit("reduce.sbatch", &[&after], &[]);
    let jobs = [Job { id: last, role: JobRole::Finish }];
    let poll =
        until(&sandbox.slurm(), &jobs, "over", |poll| poll.finish.as_ref().is_some_and(over));
    assert_eq!(poll.finish, Some(TaskState::Succeeded));
    let mut lines = Vec::new();
    for log in fs::read_dir(folder.join("logs")).unwrap() {
        let text = fs::read_to_string(log.unwrap().path()).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines.sort();
    let expected = ["mpi RUN", "mpi RUN", "reduce RUN", "shard RUN 1003", "shard RUN 1004"];
    assert_eq!(lines, expected);
}

/// While the controller is away nobody can say anything; tasks go on.
fn controller_away(sandbox: &Sandbox) {
    let script = ": > \"$TOY/on$1\"; until [ -e \"$TOY/go\" ]; do sleep 0.1; done";
    let work = work(sandbox, "away", 2, script);
    let slurm = sandbox.slurm();
    let jobs = slurm.submit(&work).unwrap();
    until(&slurm, &jobs, "running", |poll| poll.tasks.values().all(running));
    sandbox.inflict("stop", "slurmctld");
    let mut hasty = slurm.clone();
    hasty.programs.limit = Duration::from_secs(3);
    hasty.programs.pauses.clear();
    for error in [
        hasty.poll(&jobs).unwrap_err(),
        hasty.cancel(&jobs).unwrap_err(),
        hasty.submit(&work).unwrap_err(),
    ] {
        assert!(matches!(error, SchedulerError::Unreachable { .. }), "{error}");
    }
    // With all the time in the world, SLURM's programs give up by themselves.
    let error = slurm.poll(&jobs).unwrap_err();
    assert!(matches!(error, SchedulerError::Unreachable { .. }), "{error}");
    sandbox.inflict("start", "slurmctld");
    fs::write(toy(&work, "go"), "").unwrap();
    let start = Instant::now();
    while let Err(error) = hasty.poll(&jobs) {
        assert!(matches!(error, SchedulerError::Unreachable { .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(60), "{error}");
    }
    let poll = until(&slurm, &jobs, "over", all_over);
    assert!(poll.tasks.values().chain(&poll.finish).all(|state| *state == TaskState::Succeeded));
}

/// A node dies with two tasks on it. One may be requeued: it runs again, on
/// the other node, and the last command waits for it. The other may not.
fn dying_node(sandbox: &Sandbox) {
    let script = "echo attempt; : > \"$TOY/on$1\"; until [ -e \"$TOY/go\" ]; do sleep 0.1; done";
    let slurm = sandbox.slurm();
    let requeued = work(sandbox, "requeued", 8, script);
    let mut once = work(sandbox, "once", 1, script);
    once.extra = vec!["--no-requeue".into(), "--nodelist=sb1".into()];
    once.finish = None;
    let again = slurm.submit(&requeued).unwrap();
    let never = slurm.submit(&once).unwrap();
    let on_sb1 = |state: &TaskState| matches!(state, TaskState::Running { node: Some(node) } if node == "sb1");
    let poll = until(&slurm, &again, "running", |poll| poll.tasks.values().all(running));
    until(&slurm, &never, "running", |poll| poll.tasks.values().all(running));
    let there: Vec<u32> =
        poll.tasks.iter().filter(|(_, state)| on_sb1(state)).map(|(task, _)| *task).collect();
    sandbox.inflict("crash", "slurmd-sb1");
    let poll = until(&slurm, &never, "lost", all_over);
    assert_eq!(poll.tasks[&0], failed("NODE_FAIL"));
    fs::write(toy(&requeued, "go"), "").unwrap();
    sandbox.inflict("start", "slurmd-sb1");
    let poll = until(&slurm, &again, "over", all_over);
    assert!(poll.tasks.values().chain(&poll.finish).all(|state| *state == TaskState::Succeeded));
    for task in there {
        // The output of the first attempt is kept.
        assert_eq!(log(&requeued, task).matches("attempt").count(), 2, "{}", log(&requeued, task));
    }
}

/// A controller that forgot its jobs: unknown, unless there is accounting.
fn state_lost(sandbox: &Sandbox) {
    let slurm = sandbox.slurm();
    let work = work(sandbox, "forgotten", 2, "exit $1");
    let jobs = slurm.submit(&work).unwrap();
    let before = until(&slurm, &jobs, "over", all_over);
    sandbox.inflict("stop", "slurmctld");
    for name in ["job_state", "job_state.old", "last_config_lite"] {
        let _ = fs::remove_file(sandbox.path("state").join(name));
    }
    sandbox.inflict("start", "slurmctld");
    let start = Instant::now();
    let after = loop {
        match slurm.poll(&jobs) {
            Ok(poll) => break poll,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "{error}"),
        }
    };
    if sandbox.path("slurmdbd.conf").exists() {
        assert_eq!(after, before);
    } else {
        assert!(
            after.tasks.values().chain(&after.finish).all(|state| *state == TaskState::Unknown)
        );
    }
}
