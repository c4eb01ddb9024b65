//! Shards of a run over the ranks of an MPI job: rank 0 hands them out one by
//! one and computes too, the others ask for the next when they are done.
//!
//! Ranks share the run directory, or rank 0 sends them what they need and
//! takes their results. Which rank computes which shard changes no result.

mod error;
mod root;
mod transfer;
mod worker;

use std::env;
use std::panic;

use mpi::Threading;
use mpi::topology::{Communicator as _, SimpleCommunicator};

pub use error::MpiError;

use crate::run::{Observer, RunDir};
use hetero2_spectra::BackendChoice;

/// Exit code of a job that a panicking rank aborts.
const ABORTED: i32 = 101;

/// How the ranks of a job work.
#[derive(Debug, Clone, Default)]
pub struct MpiOptions {
    /// Worker threads of each rank; all cores that it may use without it.
    pub threads: Option<usize>,
    /// Whether only rank 0 sees the run directory.
    pub gather: bool,
    /// Whether a world of another size than SLURM started is accepted.
    pub any_size: bool,
    /// Device of each rank; ranks of one machine share out its GPUs.
    pub backend: BackendChoice,
}

/// What this process was in the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Rank 0: all shards are there now.
    Root {
        /// Ranks of the job.
        ranks: usize,
    },
    /// Another rank: its work is done.
    Worker,
}

/// Computes the missing shards of a run with all ranks of this MPI job. Call
/// it once in a process.
///
/// A rank that panics aborts the job, and so does one that dies, by the MPI
/// runtime; finished shards are kept.
///
/// # Errors
/// On rank 0 the first error of any rank, after all others have finished the
/// shards that they were at; on other ranks only what keeps them from working
/// at all.
pub fn compute_shards(
    dir: &RunDir,
    options: &MpiOptions,
    observer: &dyn Observer,
) -> Result<Role, MpiError> {
    // Rank 0 computes on a thread of its own, which makes no MPI call.
    let (universe, _) =
        mpi::initialize_with_threading(Threading::Funneled).ok_or(MpiError::Initialized)?;
    abort_on_panic();
    let world = universe.world();
    check_size(world.size(), options)?;
    let options = &with_local_rank(&world, options);
    if world.rank() == 0 {
        root::root(&world, dir, options, observer)?;
        let ranks = usize::try_from(world.size()).unwrap_or(1);
        return Ok(Role::Root { ranks });
    }
    worker::work(&world, dir, options, observer)?;
    Ok(Role::Worker)
}

/// Without this a panicking rank would leave the others waiting for ever.
fn abort_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        SimpleCommunicator::world().abort(ABORTED);
    }));
}

/// The options of a rank that knows its number among those of its machine.
fn with_local_rank(world: &SimpleCommunicator, options: &MpiOptions) -> MpiOptions {
    let machine = world.split_shared(world.rank());
    let local_rank = usize::try_from(machine.rank()).unwrap_or(0);
    let backend = BackendChoice { local_rank, ..options.backend.clone() };
    MpiOptions { backend, ..options.clone() }
}

/// An MPI program that was built for another launcher starts as many worlds of
/// one rank, each of which would do all the work.
fn check_size(size: i32, options: &MpiOptions) -> Result<(), MpiError> {
    let tasks = env::var("SLURM_NTASKS").ok().and_then(|text| text.parse::<i32>().ok());
    match tasks {
        Some(tasks) if tasks != size && !options.any_size => {
            Err(MpiError::WorldSize { size, tasks })
        }
        _ => Ok(()),
    }
}
