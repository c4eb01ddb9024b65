//! Measures what one submission and one poll of 1,000 tasks cost, on the SLURM
//! that this machine reaches and on this machine itself:
//!
//!     cargo run -p hetero2-scheduler --example measure -- [FOLDER [TASKS]]
//!
//! FOLDER has to be one that the nodes see too; it is made.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hetero2_scheduler::{Kind, Resources, Scheduler, TaskState, Work, scheduler};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder =
        arguments.next().map_or_else(|| std::env::temp_dir().join("measure"), PathBuf::from);
    let tasks = arguments.next().map_or(Ok(1000), |tasks| tasks.parse())?;
    for kind in [Kind::Slurm, Kind::Local] {
        let name = format!("{kind}-{}", std::process::id());
        if let Err(error) = measure(scheduler(kind).as_ref(), &folder.join(name), tasks) {
            println!("{kind}: {error}");
        }
    }
    Ok(())
}

fn measure(scheduler: &dyn Scheduler, folder: &Path, tasks: u32) -> Result<(), Box<dyn Error>> {
    let kind = scheduler.kind();
    let work = Work {
        name: "measure".into(),
        folder: folder.join("submit"),
        logs: folder.join("logs"),
        task: vec!["true".into()],
        tasks: (0..tasks).collect(),
        program: None,
        finish: Some(vec!["true".into()]),
        resources: Resources { cpus: Some(1), ..Resources::default() },
        finish_resources: Resources::default(),
        environment: Default::default(),
        secrets: Default::default(),
        modules: Vec::new(),
        container: None,
        concurrency: None,
        requeue: Default::default(),
        extra: Vec::new(),
    };
    let start = Instant::now();
    let jobs = scheduler.submit(&work)?;
    println!("{kind}: submitting {tasks} tasks: {:.0} ms", milliseconds(start.elapsed()));
    let mut polls: Vec<f64> = Vec::new();
    let begin = Instant::now();
    loop {
        let start = Instant::now();
        let poll = scheduler.poll(&jobs)?;
        polls.push(milliseconds(start.elapsed()));
        let over = |state: &TaskState| {
            !matches!(state, TaskState::Pending { .. } | TaskState::Running { .. })
        };
        if poll.tasks.values().chain(&poll.finish).all(over) {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let seconds = begin.elapsed().as_secs_f64();
    let first = polls.first().copied().unwrap_or_default();
    let last = polls.last().copied().unwrap_or_default();
    polls.sort_by(f64::total_cmp);
    println!(
        "{kind}: {} polls: first (all pending) {first:.0} ms, last (all ended) {last:.0} ms, \
         median {:.0} ms, most {:.0} ms; all tasks over after {seconds:.0} s",
        polls.len(),
        polls[polls.len() / 2],
        polls[polls.len() - 1],
    );
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
