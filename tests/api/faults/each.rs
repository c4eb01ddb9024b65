//! Each change of the disk fails, or is the last before a crash.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hetero2::files::gate::stand;

use super::disk::{FAULTS, Fault, Faulty};
use super::world::{Step, World, places};

/// Places of each step that are tried without being asked for all.
const SOME: usize = 6;

fn try_faults(step: Step) {
    let undisturbed = World::before(step);
    let gate = Arc::new(Faulty::default());
    let standing = stand(undisturbed.root(), gate.clone());
    undisturbed.take(step).unwrap();
    drop(standing);
    let (count, expected) = (gate.count(), undisturbed.outcome(step));
    assert!(count > 3, "{step:?} changes the disk {count} times: the gate sees nothing");
    let (mut tried, mut failed) = (0, 0);
    for fault in FAULTS {
        for place in places(count, SOME) {
            let world = World::before(step);
            let gate = Arc::new(Faulty::at(place, fault));
            let standing = stand(world.root(), gate.clone());
            let taken = world.take(step);
            drop(standing);
            tried += 1;
            failed += usize::from(taken.is_err());
            let at = format!("{step:?}, {fault:?} at {place} of {count}: {taken:?}");
            world.expect_nothing_lost(step);
            let once = matches!(fault, Fault::Full | Fault::Torn);
            if once && !gate.tidying.load(Ordering::SeqCst) {
                assert_eq!(world.litter(), [] as [std::path::PathBuf; 0], "{at}");
            }
            if taken.is_ok() && step != Step::Sign {
                assert_eq!(world.outcome(step), expected, "{at}");
            }
            world.take(step).unwrap_or_else(|error| panic!("{at}: then {error}"));
            assert_eq!(world.outcome(step), expected, "{at}");
            world.expect_nothing_lost(step);
            if !gate.tidying.load(Ordering::SeqCst) {
                assert_eq!(world.litter(), [] as [std::path::PathBuf; 0], "{at}");
            }
        }
    }
    println!("{step:?}: {tried} faults at {count} places, {failed} ended the step, 0 lost");
}

#[test]
fn of_plan() {
    try_faults(Step::Plan);
}

#[test]
fn of_shards() {
    try_faults(Step::Shards);
}

#[test]
fn of_reduce() {
    try_faults(Step::Reduce);
}

#[test]
fn of_run() {
    try_faults(Step::Run);
}

#[test]
fn of_audit() {
    try_faults(Step::Audit);
}

#[test]
fn of_sign() {
    try_faults(Step::Sign);
}

#[test]
fn of_publish() {
    try_faults(Step::Publish);
}
