//! Two processes work on one directory: one stands still before a rename while
//! the other does the same from its beginning to its end.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use hetero2::files::gate::{Answer, Gate, Operation, stand};

use super::world::{Step, World, places, walk};

const SOME: usize = 4;

/// How processes keep out of one another's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locks {
    /// By locks of the system.
    System,
    /// By files that stand in for them.
    StandIn,
    /// Not at all: the stand-in is broken while its holder stands still.
    Broken,
}

/// Lets the first actor wait before a rename.
struct Turns {
    locks: Locks,
    place: usize,
    renames: AtomicUsize,
    /// Told when the first waits; then it waits for the other.
    waits: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl Gate for Turns {
    fn before(&self, operation: &Operation<'_>) -> Answer {
        match operation {
            Operation::Lock(_) if self.locks != Locks::System => {
                return Answer::Refuse(io::ErrorKind::Unsupported.into());
            }
            Operation::Rename(..) | Operation::Exchange(..) => {}
            _ => return Answer::Proceed,
        }
        if self.renames.fetch_add(1, Ordering::SeqCst) == self.place {
            let waits = self.waits.lock().unwrap().take();
            if let Some((here, go)) = waits {
                here.send(()).unwrap();
                let _ = go.recv();
            }
        }
        Answer::Proceed
    }
}

fn turns(locks: Locks, place: usize) -> (Arc<Turns>, Receiver<()>, Sender<()>) {
    let ((here, waits), (go, goes)) = (channel(), channel());
    let waiting = Mutex::new(Some((here, goes)));
    let turns = Turns { locks, place, renames: AtomicUsize::new(0), waits: waiting };
    (Arc::new(turns), waits, go)
}

fn interleave(step: Step, locks: Locks) {
    let undisturbed = World::before(step);
    let (gate, waits, _go) = turns(locks, usize::MAX);
    let standing = stand(undisturbed.root(), gate.clone());
    undisturbed.take(step).unwrap();
    drop((standing, waits));
    let (count, expected) = (gate.renames.load(Ordering::SeqCst), undisturbed.outcome(step));
    for place in places(count, SOME) {
        let world = World::before(step);
        let (gate, waits, go) = turns(locks, place);
        let standing = stand(world.root(), gate);
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| world.take(step).map_err(|e| e.to_string()));
            waits.recv().unwrap();
            if locks == Locks::Broken {
                walk(world.root(), &mut |path| {
                    if path.extension().is_some_and(|e| e == "held") {
                        let _ = std::fs::remove_file(path);
                    }
                });
            }
            // Sign and publish wait for their turn: the first has to go on.
            let waits_itself = matches!(step, Step::Sign | Step::Publish);
            let two = scope.spawn(|| world.take(step).map_err(|e| e.to_string()));
            let two = if waits_itself && locks != Locks::Broken {
                std::thread::sleep(std::time::Duration::from_millis(50));
                go.send(()).unwrap();
                two.join().unwrap()
            } else {
                let two = two.join().unwrap();
                go.send(()).unwrap();
                two
            };
            (one.join().unwrap(), two)
        });
        drop(standing);
        let at = format!("{step:?}, locks {locks:?}, rename {place} of {count}: {one:?} {two:?}");
        assert!(one.is_ok() || two.is_ok(), "{at}");
        world.expect_nothing_lost(step);
        world.take(step).unwrap_or_else(|error| panic!("{at}: then {error}"));
        assert_eq!(world.outcome(step), expected, "{at}");
        assert_eq!(world.litter(), [] as [std::path::PathBuf; 0], "{at}");
    }
}

#[test]
fn with_locks() {
    for step in [Step::Plan, Step::Shards, Step::Reduce, Step::Run, Step::Sign, Step::Publish] {
        interleave(step, Locks::System);
    }
}

#[test]
fn with_what_stands_in_for_locks() {
    for step in [Step::Plan, Step::Shards, Step::Reduce, Step::Run, Step::Sign, Step::Publish] {
        interleave(step, Locks::StandIn);
    }
}

#[test]
fn with_locks_that_broke() {
    for step in [Step::Plan, Step::Shards, Step::Reduce, Step::Run] {
        interleave(step, Locks::Broken);
    }
}
