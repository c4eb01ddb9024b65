//! `mpi`: a planned run by the ranks of one MPI job.

use std::path::PathBuf;
use std::process::ExitCode;

use super::arguments::{BackendArguments, GlobalArguments, OutputArguments};
use super::failure::Failure;

/// Compute a planned run with the ranks of an MPI job
///
/// Start it with mpirun or srun. Rank 0 hands out the shards, computes too, and
/// writes the pack. Needs a build with `--features mpi`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct MpiArguments {
    /// Run directory that `hetero2 plan` made
    run: PathBuf,
    /// Only rank 0 sees the run directory: send records and results as messages
    #[arg(long)]
    gather: bool,
    /// Accept a world of another size than SLURM_NTASKS says
    #[arg(long)]
    any_size: bool,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    backend: BackendArguments,
    /// Worker threads of each rank; without it as many as the job has cores for it, else all that it
    /// may use
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

const EXAMPLES: &str = "Examples:
  mpirun -n 4 hetero2 mpi screen
  srun --mpi=pmix --ntasks=64 --cpus-per-task=4 hetero2 mpi screen --threads 4
  mpirun -n 4 --host a:2,b:2 hetero2 mpi screen --gather";

#[cfg(feature = "mpi")]
/// Runs `mpi`.
pub fn mpi(arguments: &MpiArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    use hetero2::mpi::{MpiOptions, Role, compute_shards};
    use hetero2::run::RunDir;

    use super::progress::watched;
    use super::reduce::submission_facts;
    use super::run::print_report;

    let dir = RunDir::new(&arguments.run);
    let mut output = arguments.output.output();
    output.notes = submission_facts(&dir);
    let threads = super::granted::threads(arguments.threads);
    let options = MpiOptions {
        threads,
        gather: arguments.gather,
        any_size: arguments.any_size,
        backend: arguments.backend.choice()?,
    };
    let report = watched(global, |progress| -> Result<_, Failure> {
        match compute_shards(&dir, &options, progress)? {
            Role::Worker => Ok(None),
            Role::Root { .. } => Ok(Some(hetero2::run::reduce(&dir, &output, threads, progress)?)),
        }
    })?;
    if let Some(report) = report {
        print_report(&report, global)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(not(feature = "mpi"))]
/// Runs `mpi`.
pub fn mpi(arguments: &MpiArguments, _global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let run = arguments.run.display();
    Err(Failure::usage(anyhow::anyhow!(
        "this build has no MPI: build it with `cargo build --release --features mpi` (needs an MPI with its compiler wrapper, and libclang), or use `hetero2 shard {run} …`"
    )))
}

#[cfg(feature = "mpi")]
impl From<hetero2::mpi::MpiError> for Failure {
    fn from(error: hetero2::mpi::MpiError) -> Self {
        use hetero2::mpi::MpiError;
        match error {
            MpiError::Run(error) => error.into(),
            MpiError::WorldSize { .. } => Self::usage(error),
            error => Self::other(error),
        }
    }
}
