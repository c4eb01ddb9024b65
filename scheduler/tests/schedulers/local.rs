//! Tasks on this machine, for real.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use hetero2_scheduler::local::Local;
use hetero2_scheduler::{Job, Poll, Resources, Scheduler, SchedulerError, TaskState, Work};

/// Work that runs a shell script, `$1` being the number of the task and `$TOY`
/// a folder whose name needs quotes.
fn work(folder: &Path, tasks: u32, script: &str) -> Work {
    let folder = folder.join("it's a 'run'");
    fs::create_dir_all(&folder).unwrap();
    Work {
        name: "toy".into(),
        folder: folder.join("submit"),
        logs: folder.join("logs"),
        task: ["sh", "-c", script, "toy"].map(str::to_owned).to_vec(),
        tasks: (0..tasks).collect(),
        program: None,
        finish: Some(
            ["sh", "-c", "echo finished; touch \"$TOY/done\""].map(str::to_owned).to_vec(),
        ),
        resources: Resources::default(),
        finish_resources: Resources::default(),
        environment: [("TOY".to_owned(), folder.to_str().unwrap().to_owned())].into(),
        secrets: Default::default(),
        modules: Vec::new(),
        container: None,
        concurrency: Some(2),
        requeue: Default::default(),
        extra: Vec::new(),
    }
}

fn toy(work: &Work, file: &str) -> PathBuf {
    Path::new(&work.environment["TOY"]).join(file)
}

fn log(work: &Work, task: u32) -> String {
    fs::read_to_string(work.logs.join(format!("{task:05}.out"))).unwrap()
}

/// Polls until a condition holds.
fn until(jobs: &[Job], what: &str, holds: impl Fn(&Poll) -> bool) -> Poll {
    let start = Instant::now();
    loop {
        let poll = Local::default().poll(jobs).unwrap();
        if holds(&poll) {
            return poll;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "not {what}: {poll:?}");
        thread::sleep(Duration::from_millis(20));
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
    matches!(state, TaskState::Running { .. })
}

#[test]
fn what_would_be_submitted_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut work = work(folder.path(), 3, "exit $1");
    (work.folder, work.logs) = ("/a/my run/1".into(), "/a/logs".into());
    work.environment = [("NOTE".to_owned(), "$HOME".to_owned())].into();
    work.finish = Some(vec!["hetero2".into(), "reduce".into()]);
    work.resources.time = Some(Duration::from_millis(1500));
    work.resources.gpus = Some(1);
    work.container = Some("image.sif".into());
    let prepared = Local::default().prepare(&work).unwrap();
    assert_eq!(prepared.commands, [["setsid", "--fork", "sh", "/a/my run/1/run.sh"]]);
    let [script, tasks] = &prepared.documents[..] else { panic!("{prepared:?}") };
    assert_eq!(tasks.path, Path::new("/a/my run/1/tasks.txt"));
    assert_eq!(tasks.text, "0\n1\n2\n");
    let lines = "folder='/a/my run/1'
logs=/a/logs
most=2
limit=2
finish_limit=0
export NOTE='$HOME'
task() { exec timeout -k 20 \"$limit\" apptainer exec --nv image.sif sh -c 'exit $1' toy \"$1\"; }
finish=yes
finish() { exec timeout -k 20 \"$finish_limit\" apptainer exec image.sif hetero2 reduce; }
";
    assert!(script.text.contains(lines), "{}", script.text);
    assert!(!Path::new("/a/my run").exists());
}

#[test]
fn tasks_run_and_the_last_command_follows_even_if_one_fails() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo number $1 in $TOY; [ $1 != 3 ] || exit 7; [ $1 != 4 ] || kill -9 $$";
    let work = work(folder.path(), 6, script);
    let jobs = Local::default().submit(&work).unwrap();
    let poll = until(&jobs, "over", all_over);
    for (task, state) in &poll.tasks {
        let expected = match task {
            3 => failed("exit code 7"),
            4 => failed("signal 9"),
            _ => TaskState::Succeeded,
        };
        assert_eq!(*state, expected, "{task}");
        let line = format!("number {task} in {}", work.environment["TOY"]);
        assert_eq!(log(&work, *task).lines().next(), Some(line.as_str()));
    }
    assert_eq!(poll.finish, Some(TaskState::Succeeded));
    assert_eq!(fs::read_to_string(work.logs.join("finish.out")).unwrap(), "finished\n");
    assert!(toy(&work, "done").exists());
    let again = Local::default().submit(&work).unwrap_err();
    assert!(matches!(again, SchedulerError::Invalid { field: "folder", .. }), "{again}");
}

#[test]
fn never_do_more_tasks_run_at_once_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    // Every task counts those that run with it.
    let script = "touch \"$TOY/on$1\"; sleep 0.2; ls \"$TOY\" | grep -c ^on; rm \"$TOY/on$1\"";
    let work = Work { concurrency: Some(3), ..work(folder.path(), 12, script) };
    let jobs = Local::default().submit(&work).unwrap();
    until(&jobs, "over", all_over);
    let counts: Vec<u32> = (0..12).map(|task| log(&work, task).trim().parse().unwrap()).collect();
    assert!(counts.iter().all(|count| *count <= 3), "{counts:?}");
    assert!(counts.contains(&3), "{counts:?}");
}

#[test]
fn a_task_past_its_time_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap 'echo stopping; exit 0' TERM; while :; do sleep 0.1; done";
    let mut work = work(folder.path(), 1, script);
    work.resources.time = Some(Duration::from_millis(900));
    let jobs = Local::default().submit(&work).unwrap();
    let poll = until(&jobs, "over", all_over);
    assert_eq!(poll.tasks[&0], failed("TIMEOUT"));
    assert_eq!(poll.finish, Some(TaskState::Succeeded));
    assert_eq!(log(&work, 0).lines().last(), Some("stopping"));
}

#[test]
fn cancelling_ends_everything() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap ': > \"$TOY/told$1\"; exit 9' TERM; echo $$ > \"$TOY/pid$1\"; \
                  touch \"$TOY/on$1\"; while :; do sleep 0.1; done";
    let work = work(folder.path(), 5, script);
    let jobs = Local::default().submit(&work).unwrap();
    let poll = until(&jobs, "running", |poll| {
        (0..2).all(|task| running(&poll.tasks[&task]) && toy(&work, &format!("on{task}")).exists())
    });
    assert!(matches!(poll.tasks[&2], TaskState::Pending { .. }));
    Local::default().cancel(&jobs).unwrap();
    let poll = Local::default().poll(&jobs).unwrap();
    for state in poll.tasks.values().chain(&poll.finish) {
        assert_eq!(*state, failed("CANCELLED"));
    }
    for task in 0..2 {
        assert!(toy(&work, &format!("told{task}")).exists());
        let pid = fs::read_to_string(toy(&work, &format!("pid{task}"))).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    }
    assert!(!toy(&work, "done").exists());
    Local::default().cancel(&jobs).unwrap();
}

#[test]
fn a_supervisor_that_dies_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "[ $1 != 0 ] || exit 0; : > \"$TOY/on$1\"; \
                  until [ -e \"$TOY/go\" ]; do sleep 0.1; done; exit 3";
    let work = Work { concurrency: Some(1), ..work(folder.path(), 4, script) };
    let jobs = Local::default().submit(&work).unwrap();
    until(&jobs, "running", |poll| {
        poll.tasks[&0] == TaskState::Succeeded
            && running(&poll.tasks[&1])
            && toy(&work, "on1").exists()
    });
    let supervisor = fs::read_to_string(work.folder.join("supervisor")).unwrap();
    let pid = supervisor.split(' ').next().unwrap();
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    // A task that runs goes on to its end; nothing else begins.
    let poll = until(&jobs, "noticed", |poll| poll.finish.as_ref().is_some_and(over));
    assert!(running(&poll.tasks[&1]), "{poll:?}");
    assert_eq!(poll.tasks[&2], failed("its supervisor ended"));
    assert_eq!(poll.finish, Some(failed("its supervisor ended")));
    fs::write(toy(&work, "go"), "").unwrap();
    let poll = until(&jobs, "over", all_over);
    assert_eq!(poll.tasks[&1], failed("exit code 3"));
    thread::sleep(Duration::from_millis(500));
    assert!(!work.logs.join("00002.out").exists(), "a task began without a supervisor");
}

#[test]
fn a_task_whose_process_vanishes_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let work = Work { concurrency: Some(1), ..work(folder.path(), 1, "exec sleep 60") };
    let jobs = Local::default().submit(&work).unwrap();
    until(&jobs, "running", |poll| running(&poll.tasks[&0]));
    let identity = fs::read_to_string(work.folder.join("state/0.running")).unwrap();
    let pid = identity.split(' ').next().unwrap();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    let poll = until(&jobs, "over", all_over);
    assert_eq!(poll.tasks[&0], failed("killed"));
    for child in children.split_whitespace() {
        // `timeout`, which hands the signal on to what it watches.
        Command::new("kill").args(["-TERM", child]).status().unwrap();
    }
}

#[test]
fn the_supervisor_has_a_session_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path(), 1, "sleep 0.5");
    let jobs = Local::default().submit(&work).unwrap();
    let supervisor = fs::read_to_string(work.folder.join("supervisor")).unwrap();
    let fields = |pid: &str| -> Vec<String> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').map(str::to_owned).collect()
    };
    let (theirs, ours) = (fields(supervisor.split(' ').next().unwrap()), fields("self"));
    assert_ne!(theirs[1], std::process::id().to_string(), "it is a child of ours");
    assert_ne!(theirs[3], ours[3], "it is in our session");
    until(&jobs, "over", all_over);
}

#[test]
fn what_is_not_there_is_unknown_or_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path(), 2, "true");
    let mut jobs = Local::default().submit(&work).unwrap();
    until(&jobs, "over", all_over);
    for job in &mut jobs {
        job.id.push_str("-not");
    }
    let poll = Local::default().poll(&jobs).unwrap();
    assert!(poll.tasks.values().all(|state| *state == TaskState::Unknown), "{poll:?}");
    Local::default().cancel(&jobs).unwrap();

    let mut nowhere = Local::default();
    nowhere.programs.environment.insert("PATH".into(), "/nowhere".into());
    let work = Work { folder: folder.path().join("other"), ..work };
    let missing = nowhere.submit(&work).unwrap_err();
    assert!(
        matches!(&missing, SchedulerError::NotInstalled { program, .. } if program == "setsid")
    );
    let modules = Work { modules: vec!["gcc".into()], ..work };
    let invalid = Local::default().prepare(&modules).unwrap_err();
    assert!(matches!(invalid, SchedulerError::Invalid { field: "modules", .. }), "{invalid}");
}

#[test]
fn the_last_command_runs_alone_where_there_is_no_task() {
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path(), 0, "echo never");
    let jobs = Local::default().submit(&work).unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs, Local::default().find(&work).unwrap());
    let poll = until(&jobs, "over", |poll| poll.finish.as_ref().is_some_and(over));
    assert_eq!(poll, Poll { finish: Some(TaskState::Succeeded), ..Poll::default() });
    assert!(!work.logs.join("00000.out").exists());
}
