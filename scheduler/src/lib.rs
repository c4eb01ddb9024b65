//! Submits arrays of tasks to batch schedulers, follows them and cancels them.
//!
//! Knows commands, arrays of tasks and resources; nothing of molecules, run
//! directories or what a task computes. What a scheduler says of a task is a
//! hint: whether its work is done, only its results tell.

pub mod command;
mod error;
#[cfg(test)]
mod example;
pub mod hyperqueue;
mod job;
pub mod kubernetes;
pub mod local;
pub mod mpi;
mod once;
pub mod pbs;
pub mod ray;
mod resources;
mod script;
pub mod slurm;
mod tasks;
mod work;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::SchedulerError;
pub use job::{Job, JobRole, Poll, TaskState};
pub use resources::{Resources, walltime};
pub use tasks::{TaskSet, TaskSetError};
pub use work::{Document, Prepared, Requeue, Work};

/// A batch scheduler, or what stands in for one.
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Processes on this machine.
    #[cfg_attr(feature = "clap", value(help = "Processes on this machine"))]
    Local,
    /// SLURM job arrays.
    #[cfg_attr(feature = "clap", value(help = "SLURM job arrays"))]
    Slurm,
    /// One `mpirun` on this machine or in this allocation.
    #[cfg_attr(feature = "clap", value(help = "One mpirun on this machine or in this allocation"))]
    Mpi,
    /// PBS Pro and OpenPBS job arrays.
    #[cfg_attr(feature = "clap", value(help = "PBS Pro or OpenPBS job arrays"))]
    Pbs,
    /// Indexed Jobs, through `kubectl`.
    #[cfg_attr(feature = "clap", value(help = "Kubernetes Indexed Jobs, through kubectl"))]
    Kubernetes,
    /// HyperQueue task arrays.
    #[cfg_attr(feature = "clap", value(name = "hyperqueue", help = "HyperQueue task arrays"))]
    HyperQueue,
    /// Jobs of a Ray cluster.
    #[cfg_attr(feature = "clap", value(help = "Jobs of a Ray cluster"))]
    Ray,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Slurm => "slurm",
            Self::Mpi => "mpi",
            Self::Pbs => "pbs",
            Self::Kubernetes => "kubernetes",
            Self::HyperQueue => "hyperqueue",
            Self::Ray => "ray",
        })
    }
}

/// One way to run arrays of tasks.
pub trait Scheduler {
    /// Which scheduler this is.
    fn kind(&self) -> Kind;

    /// What a submission would write and run. Touches nothing.
    ///
    /// # Errors
    /// [`SchedulerError::Invalid`] when the work asks for what this scheduler
    /// does not have.
    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError>;

    /// Writes the documents of [`Scheduler::prepare`] and submits them:
    /// the tasks, and [`Work::finish`] to run when every task has ended,
    /// however it ended. What the scheduler accepted without saying so is found
    /// by its name and adopted.
    ///
    /// # Errors
    /// [`SchedulerError`]; whatever was submitted before the failure is
    /// cancelled again. After [`SchedulerError::Unreachable`] it is not known
    /// what the scheduler has: [`Scheduler::find`] says so later.
    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError>;

    /// The jobs that a submission of this work left with the scheduler, known by
    /// [`Work::name`], which no other work may have.
    ///
    /// # Errors
    /// [`SchedulerError`] when the scheduler does not answer, or not sensibly.
    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError>;

    /// What became of jobs that [`Scheduler::submit`] returned.
    ///
    /// # Errors
    /// [`SchedulerError::Unreachable`] when the scheduler does not answer; a
    /// job that it has forgotten is no error but [`TaskState::Unknown`].
    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError>;

    /// Cancels jobs; one that has ended already is no error.
    ///
    /// # Errors
    /// [`SchedulerError`] when the scheduler refuses or does not answer.
    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError>;
}

/// The scheduler of a kind, with its usual settings.
#[must_use]
pub fn scheduler(kind: Kind) -> Box<dyn Scheduler> {
    match kind {
        Kind::Local => Box::<local::Local>::default(),
        Kind::Slurm => Box::<slurm::Slurm>::default(),
        Kind::Mpi => Box::<mpi::Mpi>::default(),
        Kind::Pbs => Box::<pbs::Pbs>::default(),
        Kind::Kubernetes => Box::<kubernetes::Kubernetes>::default(),
        Kind::HyperQueue => Box::<hyperqueue::HyperQueue>::default(),
        Kind::Ray => Box::<ray::Ray>::default(),
    }
}
