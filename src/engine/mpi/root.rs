//! Rank 0: hands out shards, gathers results, and computes between.

use std::collections::VecDeque;
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use mpi::point_to_point::Source as _;
use mpi::topology::{Communicator as _, Process, SimpleCommunicator};
use mpi::traits::MatchedReceiveVec as _;

use super::MpiOptions;
use super::error::MpiError;
use super::transfer::{self, Listed, ToRoot, ToWorker};
use super::worker::Quiet;
use crate::run::{
    Event, Observer, Plan, RunDir, RunError, ShardRecord, ShardState, ShardWorker, finished_pack,
    inspect_shard, open_plan, place_shard, stage_shard,
};

/// Pause when no rank has anything to say: waiting in MPI would use a core.
const PAUSE: Duration = Duration::from_millis(1);

/// Computes all missing shards with the ranks of the world.
pub(super) fn root(
    world: &SimpleCommunicator,
    dir: &RunDir,
    options: &MpiOptions,
    observer: &dyn Observer,
) -> Result<(), MpiError> {
    let opened = open_unfinished(dir, options);
    let Ok(Some(worker)) = &opened else {
        dismiss(world)?;
        return opened.map(drop).map_err(MpiError::Run);
    };
    let missing = worker.missing();
    let plan = worker.plan();
    let left: u64 = missing.iter().filter_map(|&i| Some(plan.shard(i).ok()?.rows)).sum();
    observer.event(Event::Computing { rows: plan.rows, done: plan.rows - left });
    let (to_local, shards) = mpsc::channel::<u32>();
    let (results, from_local) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for shard in shards {
                let computed = worker.compute_on(options.threads, shard, &Quiet(observer));
                if results.send((shard, computed)).is_err() {
                    break;
                }
            }
        });
        let desk = Desk {
            world,
            dir,
            plan,
            options,
            observer,
            queue: missing.into(),
            open: world.size() - 1,
            error: None,
        };
        desk.serve(to_local, &from_local)
    })
}

/// A worker for the run, unless its pack is there already.
fn open_unfinished(dir: &RunDir, options: &MpiOptions) -> Result<Option<ShardWorker>, RunError> {
    match finished_pack(dir, &open_plan(dir)?)? {
        Some(_) => Ok(None),
        None => ShardWorker::open(dir, &options.backend).map(Some),
    }
}

/// Tells every rank to stop.
fn dismiss(world: &SimpleCommunicator) -> Result<(), MpiError> {
    for rank in 1..world.size() {
        let process = world.process_at_rank(rank);
        let _: ToRoot = transfer::receive(&process)?;
        transfer::send(&process, &ToWorker::Stop)?;
    }
    Ok(())
}

type Local = (u32, Result<ShardRecord, RunError>);

/// What rank 0 keeps in mind.
struct Desk<'a> {
    world: &'a SimpleCommunicator,
    dir: &'a RunDir,
    plan: &'a Plan,
    options: &'a MpiOptions,
    observer: &'a dyn Observer,
    /// Shards that nobody has yet.
    queue: VecDeque<u32>,
    /// Ranks that were not told to stop.
    open: i32,
    /// What went wrong first.
    error: Option<MpiError>,
}

impl Desk<'_> {
    fn serve(
        mut self,
        to_local: mpsc::Sender<u32>,
        from_local: &mpsc::Receiver<Local>,
    ) -> Result<(), MpiError> {
        let mut busy = false;
        loop {
            if self.observer.is_cancelled() {
                self.fail(RunError::Cancelled.into());
            }
            if !busy && let Some(shard) = self.queue.pop_front() {
                busy = to_local.send(shard).is_ok();
            }
            if self.open == 0 && !busy {
                break;
            }
            let message = self.world.any_process().immediate_matched_probe();
            let local = from_local.try_recv();
            if message.is_none() && local.is_err() {
                thread::sleep(PAUSE);
            }
            if let Some(message) = message {
                let (bytes, status) = message.matched_receive_vec::<u8>();
                self.answer(&bytes, status.source_rank())?;
            }
            if let Ok((shard, computed)) = local {
                busy = false;
                match computed {
                    Ok(_) => self.finished(shard),
                    Err(error) => self.fail(error.into()),
                }
            }
        }
        self.error.map_or(Ok(()), Err)
    }

    /// Nothing more is handed out after the first error.
    fn fail(&mut self, error: MpiError) {
        self.queue.clear();
        self.error.get_or_insert(error);
    }

    fn finished(&self, shard: u32) {
        let rows = self.plan.shard(shard).map_or(0, |shard| shard.rows);
        self.observer.event(Event::Computed { rows });
    }

    fn answer(&mut self, bytes: &[u8], rank: i32) -> Result<(), MpiError> {
        let process = self.world.process_at_rank(rank);
        match transfer::parse(bytes, rank)? {
            ToRoot::Setup => return self.send_setup(&process),
            ToRoot::Idle => {}
            ToRoot::Finished { shard, files } => match self.gather(&process, shard, &files) {
                Ok(()) => self.finished(shard),
                Err(error) => self.fail(error),
            },
            ToRoot::Failed { cancelled: true, .. } => self.fail(RunError::Cancelled.into()),
            ToRoot::Failed { shard, why, .. } => self.fail(MpiError::Rank { rank, shard, why }),
        }
        match self.queue.pop_front() {
            Some(shard) => self.send_shard(&process, shard),
            None => {
                self.open -= 1;
                transfer::send(&process, &ToWorker::Stop)
            }
        }
    }

    /// The plan and the side inputs.
    fn send_setup(&self, process: &Process<'_>) -> Result<(), MpiError> {
        let root = self.dir.root();
        let mut names = vec!["plan.json".to_owned()];
        let inputs = self.dir.inputs();
        if inputs.exists() {
            for entry in fs::read_dir(&inputs).map_err(transfer::io("read", &inputs))? {
                let name = entry.map_err(transfer::io("read", &inputs))?.file_name();
                names.push(format!("inputs/{}", name.to_string_lossy()));
            }
        }
        names.sort();
        let files = transfer::list(root, names)?;
        transfer::send(process, &ToWorker::Setup(files.clone()))?;
        transfer::send_files(process, root, &files)
    }

    fn send_shard(&self, process: &Process<'_>, shard: u32) -> Result<(), MpiError> {
        let mut files = Vec::new();
        if self.options.gather {
            let planned = self.plan.shard(shard)?;
            let packed = self.plan.packed_of(planned);
            let names = packed.map(|packed| format!("library/{}", packed.file.name)).collect();
            files = transfer::list(self.dir.root(), names)?;
        }
        transfer::send(process, &ToWorker::Compute { shard, files: files.clone() })?;
        transfer::send_files(process, self.dir.root(), &files)
    }

    /// Takes the files of a shard, and checks that it is whole.
    fn gather(&self, process: &Process<'_>, shard: u32, files: &[Listed]) -> Result<(), MpiError> {
        if files.is_empty() {
            return Ok(());
        }
        let staged = stage_shard(self.dir, shard)?;
        transfer::receive_files(process, staged.path(), files)?;
        let (digest, planned) = (self.plan.digest(), self.plan.shard(shard)?);
        place_shard(self.dir, &digest, planned, staged)?;
        match inspect_shard(self.dir, &digest, planned) {
            ShardState::Done(_) => Ok(()),
            ShardState::Missing => Err(self.damaged(process, shard, "it did not arrive".into())),
            ShardState::Unusable(why) => Err(self.damaged(process, shard, why)),
        }
    }

    fn damaged(&self, process: &Process<'_>, shard: u32, why: String) -> MpiError {
        MpiError::Rank { rank: process.rank(), shard, why }
    }
}
