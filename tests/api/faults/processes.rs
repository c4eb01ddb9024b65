//! Two real processes reduce one run where the file system has no locks.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hetero2::files::gate::{Answer, Gate, Operation, stand};

use super::world::{Step, World};

/// Set for the processes that the tests below start of themselves.
const RUN_OF: &str = "HETERO2_TEST_WORLD";

struct NoLocks;

impl Gate for NoLocks {
    fn before(&self, operation: &Operation<'_>) -> Answer {
        match operation {
            // What NFS answers whose lock service is away.
            Operation::Lock(_) => Answer::Refuse(io::Error::from_raw_os_error(37)),
            _ => Answer::Proceed,
        }
    }
}

/// Not a test of its own: what the processes do.
#[test]
fn a_process_of_two() {
    let Some(root) = std::env::var_os(RUN_OF).map(PathBuf::from) else { return };
    let _gate = stand(&root, Arc::new(NoLocks));
    let world = World::at(&root);
    let step = if root.join("run/plan.json").exists() { Step::Reduce } else { Step::Run };
    if let Err(error) = world.take(step) {
        eprintln!("{error}");
        std::process::exit(7);
    }
}

fn two_at_once(step: Step) {
    let expected = {
        let world = World::before(step);
        world.take(step).unwrap();
        world.outcome(step)
    };
    for _ in 0..8 {
        let world = World::before(step);
        let start = || {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "faults::processes::a_process_of_two"])
                .env(RUN_OF, world.root())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut both = [start(), start()];
        let done = both.each_mut().map(|process| process.wait().unwrap().success());
        assert!(done[0] || done[1]);
        assert_eq!(world.outcome(step), expected);
        world.expect_nothing_lost(step);
        assert_eq!(world.litter(), [] as [PathBuf; 0]);
    }
}

#[test]
fn two_reducers_without_locks() {
    two_at_once(Step::Reduce);
}

#[test]
fn two_runs_without_locks() {
    two_at_once(Step::Run);
}
