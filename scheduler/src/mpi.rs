//! MPI without a batch system: one `mpirun` on this machine, or in the
//! allocation that this shell is in, started and watched as a local process.

use crate::command::quoted;
use crate::local::Local;
use crate::script::refuse;
use crate::{Job, JobRole, Kind, Poll, Prepared, Scheduler, SchedulerError, TaskSet, Work};

/// One MPI program that does all tasks.
///
/// The number of ranks is [`Work::concurrency`], else the number of cores of
/// the resources, else what `mpirun` finds. [`Work::extra`] are flags of
/// `mpirun`. All tasks share the state and the output file of the first, as
/// the program is one process to this machine. Memory means nothing here.
#[derive(Debug, Clone, Default)]
pub struct Mpi {
    /// Starts and watches `mpirun`.
    pub local: Local,
}

impl Scheduler for Mpi {
    fn kind(&self) -> Kind {
        Kind::Mpi
    }

    fn prepare(&self, work: &Work) -> Result<Prepared, SchedulerError> {
        self.local.prepare(&local(work)?)
    }

    fn submit(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        Ok(with_all_tasks(self.local.submit(&local(work)?)?, work))
    }

    fn find(&self, work: &Work) -> Result<Vec<Job>, SchedulerError> {
        Ok(with_all_tasks(self.local.find(&local(work)?)?, work))
    }

    fn poll(&self, jobs: &[Job]) -> Result<Poll, SchedulerError> {
        let mut poll = Poll::default();
        for job in jobs {
            match &job.role {
                JobRole::Finish => {
                    poll.finish = self.local.poll(std::slice::from_ref(job))?.finish;
                }
                JobRole::Tasks { offset, tasks } => {
                    let role = JobRole::Tasks { offset: *offset, tasks: first(tasks) };
                    let said = self.local.poll(&[Job { id: job.id.clone(), role }])?;
                    let states = said.tasks.values();
                    poll.tasks.extend(
                        states.flat_map(|state| tasks.iter().map(|task| (task, state.clone()))),
                    );
                }
            }
        }
        Ok(poll)
    }

    fn cancel(&self, jobs: &[Job]) -> Result<(), SchedulerError> {
        self.local.cancel(jobs)
    }
}

fn with_all_tasks(mut jobs: Vec<Job>, work: &Work) -> Vec<Job> {
    for job in &mut jobs {
        if let JobRole::Tasks { tasks, .. } = &mut job.role {
            tasks.clone_from(&work.tasks);
        }
    }
    jobs
}

fn first(tasks: &TaskSet) -> TaskSet {
    tasks.iter().take(1).collect()
}

/// The work as one task of this machine.
fn local(work: &Work) -> Result<Work, SchedulerError> {
    let Some(program) = work.program.as_ref().filter(|program| !program.is_empty()) else {
        let why = "there is no MPI program that does the tasks".to_owned();
        return Err(SchedulerError::Invalid { scheduler: Kind::Mpi, field: "program", why });
    };
    let none = "there is no batch system to ask; run inside an allocation that has it";
    refuse(
        Kind::Mpi,
        &[("modules", !work.modules.is_empty(), "load them in the shell that submits")],
    )?;
    for resources in [&work.resources, &work.finish_resources] {
        refuse(
            Kind::Mpi,
            &[
                ("partition", resources.partition.is_some(), none),
                ("account", resources.account.is_some(), none),
                ("qos", resources.qos.is_some(), none),
                ("constraint", resources.constraint.is_some(), none),
            ],
        )?;
    }
    let mut words = vec!["mpirun".to_owned()];
    if let Some(ranks) = work.concurrency.or(work.resources.cpus) {
        words.extend(["-n".to_owned(), ranks.to_string()]);
    }
    words.extend(work.extra.iter().cloned());
    // Each rank enters the container by itself.
    words.extend(work.contained(program, &work.resources));
    // The number of the task, which comes last, is an argument of the shell.
    let command = format!("exec {}", quoted(&words));
    let task = ["sh", "-c", &command, "mpirun"].map(str::to_owned).to_vec();
    let finish = work.finish.as_ref();
    let inner = Work {
        task,
        finish: finish.map(|command| work.contained(command, &work.finish_resources)),
        tasks: first(&work.tasks),
        container: None,
        concurrency: Some(1),
        ..work.clone()
    };
    inner.check(Kind::Mpi)?;
    Ok(inner)
}
