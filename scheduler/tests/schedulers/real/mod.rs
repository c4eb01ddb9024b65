//! The adapters against the real programs, where these are found.
//!
//! One scenario for all: tasks that are no range, one of which fails, a last
//! command that has to run all the same, and a second submission that is
//! cancelled in the middle. What is not found is skipped with a line on
//! standard error, unless `HETERO2_REQUIRE_PBS`, `…_HYPERQUEUE`, `…_RAY` or
//! `…_MPI` is `1`.

mod world;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use self::world::World;
use hetero2_scheduler::hyperqueue::HyperQueue;
use hetero2_scheduler::mpi::Mpi;
use hetero2_scheduler::pbs::Pbs;
use hetero2_scheduler::ray::Ray;
use hetero2_scheduler::{Job, Kind, Poll, Resources, Scheduler, SchedulerError, TaskState, Work};

/// Each submission has a name of its own.
static SUBMISSIONS: AtomicU32 = AtomicU32::new(0);

const PATIENCE: Duration = Duration::from_secs(150);

/// Tasks that say which they are; number 7 fails.
const TASK: &str = r#"echo "task $1 $ODD"; [ "$1" != 7 ] || exit 3"#;

/// The last command tells what it finds.
const FINISH: &str = r#"ls "$LOGS" | tr '\n' ' '"#;

fn work(folder: &Path, task: &str) -> Work {
    let shell = |script: &str| ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
    let logs = folder.join("logs of it's");
    let environment = [
        ("ODD".to_owned(), "a 'quoted' $(word)".to_owned()),
        ("LOGS".to_owned(), logs.to_str().unwrap().to_owned()),
    ];
    Work {
        name: format!("real-test-{}", SUBMISSIONS.fetch_add(1, Ordering::Relaxed)),
        folder: folder.join("submit"),
        logs,
        task: shell(task),
        tasks: [2, 7, 9].into_iter().collect(),
        program: None,
        finish: Some(shell(FINISH)),
        resources: Resources { cpus: Some(1), ..Resources::default() },
        finish_resources: Resources { cpus: Some(1), ..Resources::default() },
        secrets: Default::default(),
        environment: environment.into(),
        modules: Vec::new(),
        container: None,
        concurrency: None,
        requeue: Default::default(),
        extra: Vec::new(),
    }
}

fn failed(reason: &str) -> TaskState {
    TaskState::Failed { reason: reason.to_owned() }
}

fn wait(scheduler: &dyn Scheduler, jobs: &[Job], done: impl Fn(&Poll) -> bool) -> Poll {
    let start = Instant::now();
    loop {
        let poll = scheduler.poll(jobs).unwrap();
        if done(&poll) {
            return poll;
        }
        assert!(start.elapsed() < PATIENCE, "{poll:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn is_over(state: &TaskState) -> bool {
    matches!(state, TaskState::Succeeded | TaskState::Failed { .. })
}

/// Submits, patiently: a cluster that has just started may not take jobs yet.
fn submit(scheduler: &dyn Scheduler, work: &Work) -> Vec<Job> {
    let start = Instant::now();
    loop {
        match scheduler.submit(work) {
            Err(SchedulerError::Unreachable { .. }) if start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(300));
            }
            jobs => return jobs.unwrap(),
        }
    }
}

/// Runs to the end although a task fails, and the last command comes last.
fn runs(scheduler: &dyn Scheduler, work: &Work) -> Poll {
    let prepared = scheduler.prepare(work).unwrap();
    assert!(!work.folder.exists(), "preparing touches nothing");
    let jobs = submit(scheduler, work);
    for document in &prepared.documents {
        assert_eq!(fs::read_to_string(&document.path).unwrap(), document.text);
    }
    let over = |poll: &Poll| poll.finish.as_ref().is_some_and(is_over);
    let poll = wait(scheduler, &jobs, over);
    assert_eq!(poll.finish, Some(TaskState::Succeeded), "{poll:?}");
    // Ended jobs are cancelled without complaint.
    scheduler.cancel(&jobs).unwrap();
    poll
}

fn all_three(scheduler: &dyn Scheduler, folder: &Path) {
    let work = work(folder, TASK);
    let poll = runs(scheduler, &work);
    assert_eq!(poll.tasks[&2], TaskState::Succeeded, "{poll:?}");
    assert_eq!(poll.tasks[&7], failed("exit code 3"), "{poll:?}");
    assert_eq!(poll.tasks[&9], TaskState::Succeeded, "{poll:?}");
    let log = |name: &str| fs::read_to_string(work.logs.join(name)).unwrap();
    for task in [2, 7, 9] {
        assert_eq!(log(&format!("{task:05}.out")), format!("task {task} a 'quoted' $(word)\n"));
    }
    assert_eq!(log("finish.out"), "00002.out 00007.out 00009.out finish.out ");
}

/// A single task, which PBS does not take as an array.
fn one(scheduler: &dyn Scheduler, folder: &Path) {
    let mut work = work(folder, TASK);
    work.tasks = [9].into_iter().collect();
    let poll = runs(scheduler, &work);
    assert_eq!(poll.tasks.into_iter().collect::<Vec<_>>(), [(9, TaskState::Succeeded)]);
}

/// Cancelled in the middle: nothing goes on, and the last command never runs.
fn cancelled(scheduler: &dyn Scheduler, folder: &Path) {
    let mut work = work(folder, r#"echo start; echo $$ >"$LOGS/$1.pid"; exec sleep 1000"#);
    work.logs = folder.join("plain");
    work.environment.insert("LOGS".to_owned(), work.logs.to_str().unwrap().to_owned());
    let jobs = submit(scheduler, &work);
    let pid = |task: u32| fs::read_to_string(work.logs.join(format!("{task}.pid")));
    wait(scheduler, &jobs, |poll| {
        let runs = |task: &u32| matches!(poll.tasks[task], TaskState::Running { .. });
        let mut running = poll.tasks.keys().filter(|task| runs(task) && pid(**task).is_ok());
        running.next().is_some()
    });
    scheduler.cancel(&jobs).unwrap();
    let poll = wait(scheduler, &jobs, |poll| poll.tasks.values().all(is_over));
    for (task, state) in &poll.tasks {
        assert!(matches!(state, TaskState::Failed { .. }), "{task}: {poll:?}");
    }
    for task in work.tasks.iter() {
        if let Ok(pid) = pid(task) {
            let process = Path::new("/proc").join(pid.trim());
            let start = Instant::now();
            while process.exists() {
                assert!(start.elapsed() < PATIENCE, "task {task} runs on as process {pid}");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
    std::thread::sleep(Duration::from_secs(2));
    assert!(!work.logs.join("finish.out").exists(), "the last command ran");
    scheduler.cancel(&jobs).unwrap();
}

/// A task that takes too long is ended and distinguished.
fn too_long(scheduler: &dyn Scheduler, folder: &Path) {
    let mut work = work(folder, "exec sleep 1000");
    work.tasks = [4].into_iter().collect();
    work.resources.time = Some(Duration::from_secs(2));
    let poll = runs(scheduler, &work);
    assert_eq!(poll.tasks[&4], failed("TIMEOUT"), "{poll:?}");
}

/// An id that the scheduler never gave.
fn unknown(scheduler: &dyn Scheduler, id: &str) {
    let tasks =
        hetero2_scheduler::JobRole::Tasks { offset: 0, tasks: [1, 2].into_iter().collect() };
    let poll = scheduler.poll(&[Job { id: id.to_owned(), role: tasks }]).unwrap();
    assert!(poll.tasks.values().all(|state| *state == TaskState::Unknown), "{poll:?}");
    assert_eq!(poll.tasks.len(), 2);
}

fn scenario(scheduler: &dyn Scheduler, nobody: &str) {
    let folder = tempfile::tempdir().unwrap();
    unknown(scheduler, nobody);
    all_three(scheduler, &folder.path().join("all three"));
    one(scheduler, &folder.path().join("one"));
    cancelled(scheduler, &folder.path().join("cancelled"));
    too_long(scheduler, &folder.path().join("long"));
}

/// Needs a server whose user may submit, with finished jobs kept for a while
/// (`job_history_enable`).
#[test]
fn pbs() {
    if world::program("qsub", Kind::Pbs).is_some() {
        scenario(&Pbs::default(), "99999[]");
    }
}

#[test]
fn hyperqueue() {
    let Some(program) = world::program("hq", Kind::HyperQueue) else { return };
    let world = World::hyperqueue(&program);
    let mut scheduler = HyperQueue::default();
    scheduler.programs.environment = world.environment.clone();
    scenario(&scheduler, "4711");
}

#[test]
fn ray() {
    let Some(program) = world::program("ray", Kind::Ray) else { return };
    let world = World::ray(&program);
    let mut scheduler = Ray::default();
    scheduler.programs.environment = world.environment.clone();
    scenario(&scheduler, &format!("{}/api/jobs/nobody", world.address));
}

/// `mpirun` with two ranks, each of which says which it is.
#[test]
fn mpi() {
    if world::program("mpirun", Kind::Mpi).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut work = work(&folder.path().join("good"), "exit 1");
    let rank = "echo rank ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} $ODD";
    let program = |script: &str| Some(["sh", "-c", script].map(str::to_owned).to_vec());
    work.program = program(rank);
    work.concurrency = Some(2);
    // What OpenMPI needs where the tests run as root on few cores.
    for (name, value) in [
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ] {
        work.environment.insert(name.to_owned(), value.to_owned());
    }
    let scheduler = Mpi::default();
    let poll = runs(&scheduler, &work);
    assert!(poll.tasks.values().all(|state| *state == TaskState::Succeeded), "{poll:?}");
    assert_eq!(poll.tasks.len(), 3);
    let mut ranks: Vec<String> = fs::read_to_string(work.logs.join("00002.out"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    ranks.sort();
    assert_eq!(ranks, ["rank 0 a 'quoted' $(word)", "rank 1 a 'quoted' $(word)"]);

    work.folder = folder.path().join("bad");
    work.program = program("exit 5");
    let poll = runs(&scheduler, &work);
    assert!(poll.tasks.values().all(|state| *state == failed("exit code 5")), "{poll:?}");

    work.folder = folder.path().join("cancelled");
    work.logs = folder.path().join("logs");
    work.program = program("exec sleep 1000");
    let jobs = scheduler.submit(&work).unwrap();
    let running = |poll: &Poll| matches!(poll.tasks[&9], TaskState::Running { .. });
    wait(&scheduler, &jobs, running);
    scheduler.cancel(&jobs).unwrap();
    let poll = scheduler.poll(&jobs).unwrap();
    assert!(poll.tasks.values().all(|state| *state == failed("CANCELLED")), "{poll:?}");
    assert!(!work.logs.join("finish.out").exists());
}
