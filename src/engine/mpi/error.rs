//! What can go wrong in an MPI job.

use std::path::PathBuf;

use hetero2_common::files::FileError;

use crate::run::RunError;

/// Why the ranks of a job could not compute all shards.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MpiError {
    /// The run directory, or a shard that rank 0 computed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// MPI was started before.
    #[error(
        "MPI is initialised already in this process: start the program again with mpirun or srun"
    )]
    Initialized,
    /// The world is not as large as SLURM started it.
    #[error(
        "this MPI world has {size} ranks where SLURM started {tasks} tasks: start it with `srun --mpi=pmix` or the mpirun of the MPI that it was built with"
    )]
    WorldSize {
        /// Ranks of the world.
        size: i32,
        /// Tasks of the SLURM step.
        tasks: i32,
    },
    /// A shard failed on another rank.
    #[error("shard {shard} failed on rank {rank}: {why}")]
    Rank {
        /// The rank.
        rank: i32,
        /// The shard.
        shard: u32,
        /// What the rank said.
        why: String,
    },
    /// Ranks disagree on what comes next: different versions, for one.
    #[error(
        "rank {rank} sent what this rank does not understand ({why}): start all ranks from one program"
    )]
    Protocol {
        /// The rank that sent it.
        rank: i32,
        /// What is wrong with it.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}
