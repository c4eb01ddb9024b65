//! A worker: leases jobs of its pool over HTTP, has the program compute them in
//! children or on a scheduler, and publishes what comes out. It must not open the
//! database, nor know what the options of a job mean: the program tells.

mod attempt;
mod child;
mod failed;
mod folder;
mod keeper;
pub mod order;
mod publish;
mod report;
mod scheduled;
mod signal;
mod slot;
mod stage;
mod transport;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hetero2_common::files::FileError;
use hetero2_common::files::disk::{Readers, create_dir_for};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

pub use folder::Staged;
pub use scheduled::SchedulerPlace;
pub use transport::LinkError;

use crate::client::ClientError;
use crate::job::catalogue::Unacceptable;
use crate::job::protocol::{Claim, Hello, Lease, Welcome};
use crate::job::{JobKind, JobSpec};
use keeper::Keeper;
use signal::Signal;
use slot::Slot;
use transport::{Link, backoff};

/// Seconds that the server waits for work before it says that there is none.
const WAIT: u32 = 5;
/// How long folders of jobs are kept in which nothing happens.
const LEFTOVERS: Duration = Duration::from_secs(7 * 24 * 3600);
/// The name of a worker's folder of what its children keep begins so.
const CHILDREN: &str = "children-";
/// How long jobs under way have when the worker stops.
const STOPPING: Duration = Duration::from_secs(60);

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It computes the job.
    Compute,
    /// It plans a run that a scheduler computes.
    Plan,
}

/// Where a command finds and leaves things.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The inputs, in the order of the job's.
    pub inputs: &'a [Staged],
    /// The run directory, or the directory of what else is made.
    pub out: &'a Path,
    /// What the command is for.
    pub purpose: Purpose,
    /// Threads that it may use; those of the machine where not said.
    pub threads: Option<u16>,
}

/// The program as its workers use it.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file.
    pub executable: PathBuf,
    /// The arguments of a child that reads [`order::ChildOrder`]s.
    pub child: Vec<String>,
    /// The arguments that compute a job.
    pub command: fn(&JobSpec, &Places<'_>) -> Result<Vec<String>, Unacceptable>,
    /// The arguments that verify a pack.
    pub verify: fn(&Path) -> Vec<String>,
}

/// Where and with what a worker works.
#[derive(Debug, Clone)]
pub struct Workplace {
    /// The program.
    pub program: Program,
    /// Jobs have their folders here; workers of one scheduler share it.
    pub directory: PathBuf,
    /// Threads of each command.
    pub threads: Option<u16>,
    /// Where runs are submitted; the worker computes them itself without.
    pub scheduler: Option<SchedulerPlace>,
}

/// How a worker reaches its server, and what it takes.
pub struct WorkerConfig {
    /// `https://HOST`, or `http://` on loopback.
    pub server: String,
    /// The pool's token. Not for logs.
    pub token: zeroize::Zeroizing<String>,
    /// Certificate of who vouches for the server, PEM, where the system does not.
    pub certificate: Option<String>,
    /// Its name, as in `node07:4711`.
    pub name: String,
    /// Jobs at once.
    pub slots: u32,
    /// Kinds that it takes; all where empty.
    pub kinds: Vec<JobKind>,
}

/// Why a worker ends.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The server's address, the token or the certificate is none.
    #[error(transparent)]
    Server(#[from] ClientError),
    /// The server does not let it work.
    #[error("the server refuses this worker")]
    Refused(#[source] LinkError),
    /// The directory.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Works until `stop` comes; jobs under way are given back then. `ready` is called
/// once the server knows the worker.
///
/// # Errors
/// Where the server does not let it work, or the directory cannot be used.
pub async fn work(
    config: WorkerConfig,
    place: Workplace,
    ready: impl FnOnce(&Welcome),
    stop: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    let link = Arc::new(Link::new(&config.server, &config.token, config.certificate.as_deref())?);
    match create_dir_for(&place.directory, Readers::Owner) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(FileError::io("make", &place.directory)(error).into());
        }
        _ => {}
    }
    folder::sweep(&place.directory, LEFTOVERS);
    tokio::pin!(stop);
    let welcome = tokio::select! {
        welcome = greet(&link, &config, &place) => welcome?,
        () = &mut stop => return Ok(()),
    };
    ready(&welcome);
    let (known_as, renewing_as) = watch::channel(welcome.worker.clone());
    let keeper = Keeper::default();
    let renewing = tokio::spawn({
        let (keeper, link) = (keeper.clone(), Arc::clone(&link));
        let every = Duration::from_secs(welcome.renew_seconds.max(1));
        async move { keeper.renew_forever(&link, renewing_as, every).await }
    });
    let mut jobs = Jobs::new(&config, &place, &link, &keeper);
    let mut result = Ok(());
    let mut tries = 0;
    let mut is_stopping = false;
    while !is_stopping {
        // A claim is not cut short: the server may have given jobs already.
        let most = tokio::select! {
            most = jobs.room() => most,
            () = &mut stop => break,
        };
        let worker = known_as.borrow().clone();
        let claim = Claim { worker, most, wait_seconds: WAIT, kinds: config.kinds.clone() };
        let claimed = link.claim(&claim);
        tokio::pin!(claimed);
        let claimed = tokio::select! {
            claimed = &mut claimed => claimed,
            () = &mut stop => {
                is_stopping = true;
                keeper.tell_all(Signal::Stop);
                claimed.await
            }
        };
        match claimed {
            Ok(claimed) => {
                tries = 0;
                claimed.jobs.into_iter().for_each(|lease| jobs.begin(lease));
            }
            Err(_) if is_stopping => {}
            Err(LinkError::Refused { status: 404, .. }) => {
                match greet(&link, &config, &place).await {
                    Ok(welcome) => drop(known_as.send(welcome.worker)),
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
            }
            Err(error) if error.is_passing() => {
                tries += 1;
                tracing::warn!("no work: {error}");
                tokio::time::sleep(backoff(tries)).await;
            }
            Err(error) => {
                result = Err(WorkerError::Refused(error));
                break;
            }
        }
    }
    keeper.tell_all(Signal::Stop);
    if tokio::time::timeout(STOPPING, jobs.all_ended()).await.is_err() {
        tracing::warn!("{} jobs did not stop in time", keeper.count());
    }
    renewing.abort();
    result
}

/// Tells the server who works here, until it answers.
async fn greet(
    link: &Link,
    config: &WorkerConfig,
    place: &Workplace,
) -> Result<Welcome, WorkerError> {
    let hello = Hello {
        name: config.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots: config.slots,
        scheduler: place.scheduler.as_ref().map(|scheduler| scheduler.kind.to_string()),
    };
    let mut tries = 0;
    loop {
        match link.hello(&hello).await {
            Ok(welcome) => return Ok(welcome),
            Err(error) if error.is_passing() => {
                tries += 1;
                tracing::warn!("the server does not answer: {error}");
                tokio::time::sleep(backoff(tries)).await;
            }
            Err(error) => return Err(WorkerError::Refused(error)),
        }
    }
}

/// The jobs under way, and the slots for more.
struct Jobs {
    place: Arc<Workplace>,
    link: Arc<Link>,
    keeper: Keeper,
    free: Vec<Slot>,
    back: mpsc::UnboundedReceiver<Slot>,
    give: mpsc::UnboundedSender<Slot>,
    tasks: JoinSet<()>,
}

impl Jobs {
    fn new(config: &WorkerConfig, place: &Workplace, link: &Arc<Link>, keeper: &Keeper) -> Self {
        let (give, back) = mpsc::unbounded_channel();
        // Of this worker, also where several share the directory.
        let children = place.directory.join(format!("{CHILDREN}{}", uuid::Uuid::now_v7().simple()));
        let slot = |number: u32| Slot::new(children.join(number.to_string()));
        Self {
            place: Arc::new(place.clone()),
            link: Arc::clone(link),
            keeper: keeper.clone(),
            free: (0..config.slots.max(1)).map(slot).collect(),
            back,
            give,
            tasks: JoinSet::new(),
        }
    }

    /// Jobs that can be begun, once that is more than none.
    async fn room(&mut self) -> u32 {
        while self.tasks.try_join_next().is_some() {}
        if self.free.is_empty()
            && let Some(slot) = self.back.recv().await
        {
            self.free.push(slot);
        }
        while let Ok(slot) = self.back.try_recv() {
            self.free.push(slot);
        }
        u32::try_from(self.free.len()).unwrap_or(u32::MAX).clamp(1, 64)
    }

    fn begin(&mut self, lease: Lease) {
        // More than were asked for wait until their leases run out.
        let Some(mut slot) = self.free.pop() else { return };
        let (place, link) = (Arc::clone(&self.place), Arc::clone(&self.link));
        let held = self.keeper.keep(&lease);
        let give = self.give.clone();
        let span = tracing::info_span!(
            "job",
            organisation = %lease.org,
            project = %lease.project,
            job = %lease.job,
            attempt = lease.attempt,
            otel.kind = "consumer",
            otel.status = tracing::field::Empty,
            traceparent = lease.trace,
        );
        self.tasks.spawn(
            async move {
                attempt::attempt(&place, &link, &lease, held, &mut slot).await;
                let _ = give.send(slot);
            }
            .instrument(span),
        );
    }

    async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}
