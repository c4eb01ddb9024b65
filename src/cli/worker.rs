//! `worker`: computes what a server's projects ask for.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hetero2::cluster::{Settings, SettingsFile, Trust};
use hetero2::service::job::JobKind;
use hetero2::service::worker::{
    Program, SchedulerPlace, WorkerConfig, WorkerError, Workplace, work,
};
use hetero2_scheduler::Kind;
use serde_json::json;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};
use super::submit::SubmitOptions;
use super::{catalogue, stop};

/// Jobs that a worker with a scheduler follows at once.
const FOLLOWED: u32 = 16;
/// Cores of a job where nobody says how many jobs at once.
const CORES_A_JOB: usize = 4;
/// Bytes of inputs from which on a run goes to the scheduler.
const INLINE: u64 = 64 << 10;

/// Compute the jobs of a server
///
/// Leases jobs of a pool over HTTP, computes them here in processes of their own or on a scheduler,
/// verifies the packs, and uploads them. A worker that dies loses nothing: another goes on from
/// where its directory stands, or from the beginning. Workers of one scheduler share a directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 worker --server https://hetero2.example.org --pool-token-file pool.token --directory /scratch/jobs
  hetero2 worker --server https://hetero2.example.org --pool-token-file pool.token \\
    --directory /shared/jobs --scheduler slurm --partition cpu --cpus 8

`hetero2 admin pool create` makes a pool and its token. Ctrl-C gives the jobs under way back.

Exit codes: 0 stopped on request; 2 wrong usage, or the server refuses; 1 anything else.")]
pub struct WorkerArguments {
    /// The server: https://HOST, or http:// on loopback
    #[arg(long, value_name = "URL")]
    server: String,
    /// File of the pool's token
    #[arg(long, value_name = "FILE")]
    pool_token_file: PathBuf,
    /// Certificate of who vouches for the server, PEM, where the system does not know it
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Jobs have their folders here; it is the worker's alone, or that of workers of one scheduler
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// Jobs at once; without it one for every 4 cores, or 16 with a scheduler
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    slots: Option<u32>,
    /// Threads of each job; without it the cores divided among the slots
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Take only jobs of this kind; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    kinds: Vec<JobKind>,
    /// Name in lists of workers; host and process without it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Submit runs to this scheduler instead of computing them here
    #[arg(long, value_enum)]
    scheduler: Option<Kind>,
    /// Runs with fewer bytes of inputs are computed here all the same
    #[arg(long, value_name = "BYTES", default_value_t = INLINE, requires = "scheduler")]
    inline_bytes: u64,
    /// Seconds between two looks at a submitted run
    #[arg(long, value_name = "S", default_value_t = 5, requires = "scheduler",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Stop when standard input ends: with the process that started this one
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
    #[command(flatten)]
    options: SubmitOptions,
}

fn kind(text: &str) -> Result<JobKind, String> {
    JobKind::from_word(text).ok_or_else(|| {
        let words = JobKind::ALL.map(JobKind::word).join(", ");
        format!("write one of {words}")
    })
}

/// Runs `worker`.
pub fn worker(arguments: &WorkerArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(
                anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
            )
        })
    };
    let token = read(&arguments.pool_token_file).map(zeroize)?;
    let certificate = arguments.certificate.as_deref().map(read).transpose()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let slots = arguments.slots.unwrap_or_else(|| match arguments.scheduler {
        Some(_) => FOLLOWED,
        None => u32::try_from((cores / CORES_A_JOB).max(1)).unwrap_or(1),
    });
    let share = (cores / slots as usize).max(1);
    let directory = std::path::absolute(&arguments.directory).map_err(Failure::usage)?;
    let place = Workplace {
        program: Program {
            executable: std::env::current_exe().map_err(Failure::other)?,
            child: vec!["worker-child".to_owned()],
            command: catalogue::command,
            verify: catalogue::verify,
        },
        directory,
        threads: arguments.threads.or(u16::try_from(share).ok()),
        scheduler: arguments.scheduler.map(|kind| scheduler(arguments, kind)).transpose()?,
    };
    let config = WorkerConfig {
        server: arguments.server.clone(),
        token,
        certificate,
        name: arguments.name.clone().unwrap_or_else(own_name),
        slots,
        kinds: arguments.kinds.clone(),
    };
    stop::listen();
    if arguments.until_stdin_ends {
        std::thread::spawn(|| {
            // Nothing is sent: it only ends.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            stop::request();
        });
    }
    let mut shown = Ok(());
    let ready = |welcome: &hetero2::service::job::protocol::Welcome| {
        shown = match global.json {
            true => print_json(&json!({ "worker": welcome.worker, "pool": welcome.pool })),
            false => print_text(&format!("worker {} of pool {}\n", welcome.worker, welcome.pool)),
        };
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::other)?;
    runtime.block_on(work(config, place, ready, asked_to_stop())).map_err(failure)?;
    // What still runs in the background is given back already.
    runtime.shutdown_timeout(Duration::from_secs(1));
    shown?;
    Ok(ExitCode::SUCCESS)
}

async fn asked_to_stop() {
    while !stop::requested() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn zeroize(text: String) -> hetero2::service::zeroize::Zeroizing<String> {
    hetero2::service::zeroize::Zeroizing::new(text)
}

fn scheduler(arguments: &WorkerArguments, kind: Kind) -> Result<SchedulerPlace, Failure> {
    let files = SettingsFile::load_all()?;
    files.iter().try_for_each(|file| file.check(Trust::Resources))?;
    let mut settings = Settings::default();
    let given = arguments.options.settings();
    for layer in files.iter().map(|file| &file.settings).chain([&given]) {
        settings = layer.apply(settings).map_err(Failure::usage)?;
    }
    Ok(SchedulerPlace {
        kind,
        settings,
        every: Duration::from_secs(arguments.interval),
        inline_bytes: arguments.inline_bytes,
    })
}

/// Host and process.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "worker" } else { host };
    format!("{host}:{}", std::process::id())
}

fn failure(error: WorkerError) -> Failure {
    match error {
        WorkerError::Server(_) | WorkerError::Refused(_) => Failure::usage(error),
        WorkerError::File(_) => Failure::other(error),
    }
}
