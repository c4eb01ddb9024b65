//! A rank other than 0: asks for shards until there are none left.

use std::fs;
use std::path::Path;

use mpi::topology::{Communicator as _, Process, SimpleCommunicator};

use super::MpiOptions;
use super::error::MpiError;
use super::transfer::{self, Listed, ToRoot, ToWorker};
use crate::run::{Event, Observer, RunDir, RunError, ShardWorker};
use hetero2_common::errors::with_causes;
use hetero2_common::files::{Scratch, disk};

/// Passes on whether to stop, and no progress: rank 0 shows that of all ranks.
pub(super) struct Quiet<'a>(pub &'a dyn Observer);

impl Observer for Quiet<'_> {
    fn event(&self, _event: Event) {}

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Works until rank 0 says that nothing is left.
pub(super) fn work(
    world: &SimpleCommunicator,
    dir: &RunDir,
    options: &MpiOptions,
    observer: &dyn Observer,
) -> Result<(), MpiError> {
    let root = world.process_at_rank(0);
    if !options.gather {
        return serve(&root, dir, options, observer);
    }
    let scratch = Scratch::passing("hetero2-mpi")?;
    let dir = RunDir::new(scratch.path());
    transfer::send(&root, &ToRoot::Setup)?;
    match transfer::receive(&root)? {
        ToWorker::Setup(files) => transfer::receive_files(&root, scratch.path(), &files)?,
        ToWorker::Stop => return Ok(()),
        ToWorker::Compute { .. } => {
            let why = "a shard where the plan should come".into();
            return Err(MpiError::Protocol { rank: 0, why });
        }
    }
    serve(&root, &dir, options, observer)
}

fn serve(
    root: &Process<'_>,
    dir: &RunDir,
    options: &MpiOptions,
    observer: &dyn Observer,
) -> Result<(), MpiError> {
    // A rank that cannot even begin says so with the first shard it is given.
    let worker = ShardWorker::open(dir, &options.backend);
    let mut report = ToRoot::Idle;
    loop {
        let files = match &report {
            ToRoot::Finished { shard, files } => Some((dir.shard(*shard), files.clone())),
            _ => None,
        };
        transfer::send(root, &report)?;
        if let Some((folder, files)) = files {
            transfer::send_files(root, &folder, &files)?;
            if options.gather {
                remove(&folder)?;
            }
        }
        let (shard, files) = match transfer::receive(root)? {
            ToWorker::Compute { shard, files } => (shard, files),
            ToWorker::Stop => return Ok(()),
            ToWorker::Setup(_) => {
                return Err(MpiError::Protocol { rank: 0, why: "the plan came twice".into() });
            }
        };
        transfer::receive_files(root, dir.root(), &files)?;
        let computed = match &worker {
            Ok(worker) => worker.compute_on(options.threads, shard, &Quiet(observer)).map(drop),
            Err(error) => Err(RunError::Unavailable { why: error.to_string() }),
        };
        report = match computed {
            Ok(()) => ToRoot::Finished { shard, files: results(dir, shard, options)? },
            Err(error) => {
                let cancelled = matches!(error, RunError::Cancelled);
                ToRoot::Failed { shard, why: with_causes(&error), cancelled }
            }
        };
        if options.gather {
            remove(&dir.library())?;
        }
    }
}

/// The files of a shard that rank 0 does not see.
fn results(dir: &RunDir, shard: u32, options: &MpiOptions) -> Result<Vec<Listed>, MpiError> {
    if !options.gather {
        return Ok(Vec::new());
    }
    let folder = dir.shard(shard);
    let entries = fs::read_dir(&folder).map_err(transfer::io("read", &folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> =
        names.collect::<Result<_, std::io::Error>>().map_err(transfer::io("read", &folder))?;
    names.sort();
    transfer::list(&folder, names)
}

fn remove(folder: &Path) -> Result<(), MpiError> {
    match disk::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(transfer::io("remove", folder)(e))
        }
        _ => Ok(()),
    }
}
