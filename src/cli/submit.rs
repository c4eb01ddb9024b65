//! `submit` and `resume`: the shards of a planned run to a scheduler.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use hetero2::cluster::{
    ClusterError, LoadedSettings, Settings, SettingsFile, SubmitSettings, Submitted, Trust, Zip,
};
use hetero2::run::RunDir;
use hetero2::spectra::BackendKind;
use hetero2_scheduler::command::quoted;
use hetero2_scheduler::{Job, Kind, Prepared, Requeue};

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};
use super::scorer_arguments::ScorerArguments;
use super::wait;

/// Submit the shards of a planned run to a scheduler
///
/// Submits the shards that are not done as one array, and a reducer that runs
/// when all of them have ended: it writes the pack, or submits what is missing
/// again, a bounded number of times.
#[derive(Debug, clap::Args)]
#[command(after_help = SUBMIT_EXAMPLES)]
pub struct SubmitArguments {
    /// Run directory that `hetero2 plan` made, on a file system that all nodes see
    run: PathBuf,
    /// Where to submit; `local` without it and without a settings file
    #[arg(long, value_enum)]
    scheduler: Option<Kind>,
    /// Print what would be written and run, and do nothing
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Follow the run until it is complete
    #[arg(long)]
    wait: bool,
    /// Obey hetero2.toml of the working directory also where it says what jobs run: env,
    /// container, modules, extra
    #[arg(long)]
    trust_settings: bool,
    #[command(flatten)]
    options: SubmitOptions,
}

/// Submit again what is missing of a run
///
/// To the same scheduler with the same settings, but for those given here.
#[derive(Debug, clap::Args)]
#[command(after_help = RESUME_EXAMPLES)]
pub struct ResumeArguments {
    /// Run directory
    run: PathBuf,
    /// Follow the run until it is complete
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    options: SubmitOptions,
}

const SUBMIT_EXAMPLES: &str = "Examples:
  hetero2 submit screen                                   processes on this machine
  hetero2 submit screen --scheduler slurm --partition cpu --time 2h --mem 4G --cpus 8
  hetero2 submit screen --scheduler slurm --dry-run
  hetero2 submit screen --scheduler slurm --array-limit 200 --extra='--exclusive' --wait
  hetero2 submit screen --scheduler slurm --gpus 1 --score-command 'python /proj/score.py'

Defaults of a site come from hetero2.toml in the working directory and from
~/.config/hetero2/hetero2.toml: a table [submit] with the long names of these options. What is read is
said. Of the former, settings that decide which code jobs run need --trust-settings.";

const RESUME_EXAMPLES: &str = "Examples:
  hetero2 resume screen
  hetero2 resume screen --mem 16G --time 8h --wait";

/// What is asked of the scheduler.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Resources and placement")]
pub struct SubmitOptions {
    /// Partition or queue
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Account that is charged
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Quality of service
    #[arg(long, value_name = "NAME")]
    qos: Option<String>,
    /// Node features, in the scheduler's own words
    #[arg(long, value_name = "TEXT")]
    constraint: Option<String>,
    /// Walltime of a shard: 90 (minutes), 2h, 01:30:00, 1-12:00:00
    #[arg(long)]
    time: Option<String>,
    /// Memory of a shard: 4096 (MiB), 500M, 4G
    #[arg(long)]
    mem: Option<String>,
    /// Memory of a shard for each of its cores, instead of --mem
    #[arg(long, value_name = "MEM", conflicts_with = "mem")]
    mem_per_cpu: Option<String>,
    /// Cores of a shard
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    cpus: Option<u32>,
    /// GPUs of a shard
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=64))]
    gpus: Option<u32>,
    /// Device that computes spectra; no result in double precision depends on it
    #[arg(long, value_enum)]
    backend: Option<BackendKind>,
    /// GPU adapter by number or part of its name, the same on every node
    #[arg(long, value_name = "NAME|INDEX")]
    gpu_adapter: Option<String>,
    /// Partition or queue of the reducer; that of the shards without it
    #[arg(long, value_name = "NAME")]
    reduce_partition: Option<String>,
    /// Walltime of the reducer; that of a shard without it
    #[arg(long, value_name = "TIME")]
    reduce_time: Option<String>,
    /// Memory of the reducer; that of a shard without it
    #[arg(long, value_name = "MEM")]
    reduce_mem: Option<String>,
    /// Cores of the reducer; those of a shard without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    reduce_cpus: Option<u32>,
    /// Most tasks that run at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    array_limit: Option<u32>,
    /// Shards that a task computes, one after the other; time limits are those of a task
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards_per_task: Option<u32>,
    /// Most jobs that a user may have there, 2 or more, the reducer among them: tasks get as many
    /// shards as that takes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    max_jobs: Option<u32>,
    /// Environment module to load first; may be repeated
    #[arg(long = "module", value_name = "NAME")]
    modules: Vec<String>,
    /// Container image to run in
    #[arg(long, value_name = "IMAGE")]
    container: Option<String>,
    /// Environment variable of every job; may be repeated. The value stands in the run directory, in
    /// files that only you can read
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Environment variable of every job whose value is read from FILE where the job runs, so that
    /// it stands nowhere else; may be repeated
    #[arg(long = "env-file", value_name = "NAME=FILE", value_parser = secret)]
    env_files: Vec<(String, PathBuf)>,
    /// A shard whose node is lost has failed, and is not run again by the scheduler
    #[arg(long)]
    no_requeue: bool,
    /// Do not write evidence_pack.zip
    #[arg(long, conflicts_with = "zip")]
    no_zip: bool,
    /// Write evidence_pack.zip also where the pack is larger than 16 GiB
    #[arg(long)]
    zip: bool,
    /// Further flags for the submit command; may be repeated
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    extra: Vec<String>,
    /// Most rounds in a row that finish no shard, 1 to 100; 3 without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    max_rounds: Option<u32>,
    /// Factor of time and memory from round to round, 1 to 10; 1.5 without it
    #[arg(long, value_name = "FACTOR", value_parser = escalation)]
    escalation: Option<f64>,
    #[command(flatten)]
    scorer: ScorerArguments,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".into()),
    }
}

fn secret(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = variable(text).map_err(|_| "write NAME=FILE".to_owned())?;
    let file = std::path::absolute(file).map_err(|e| e.to_string())?;
    Ok((name, file))
}

fn escalation(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (1.0..=10.0).contains(&factor) => Ok(factor),
        _ => Err("write a number from 1 to 10".into()),
    }
}

impl SubmitOptions {
    /// What they ask for.
    pub fn settings(&self) -> SubmitSettings {
        SubmitSettings {
            scheduler: None,
            partition: self.partition.clone(),
            account: self.account.clone(),
            qos: self.qos.clone(),
            constraint: self.constraint.clone(),
            time: self.time.clone(),
            mem: self.mem.clone(),
            mem_per_cpu: self.mem_per_cpu.clone(),
            cpus: self.cpus,
            gpus: self.gpus,
            reduce_partition: self.reduce_partition.clone(),
            reduce_time: self.reduce_time.clone(),
            reduce_mem: self.reduce_mem.clone(),
            reduce_cpus: self.reduce_cpus,
            array_limit: self.array_limit,
            shards_per_task: self.shards_per_task,
            max_jobs: self.max_jobs,
            modules: self.modules.clone(),
            container: self.container.clone(),
            env: self.env.iter().cloned().collect(),
            env_files: self.env_files.iter().cloned().collect(),
            requeue: self.no_requeue.then_some(Requeue::Never),
            extra: self.extra.clone(),
            max_rounds: self.max_rounds,
            escalation: self.escalation,
            backend: self.backend,
            gpu_adapter: self.gpu_adapter.clone(),
            scorer: self.scorer.of_shards(),
            zip: match (self.no_zip, self.zip) {
                (true, _) => Some(Zip::Never),
                (false, true) => Some(Zip::Always),
                (false, false) => None,
            },
        }
    }
}

/// Runs `submit`.
pub fn submit(arguments: &SubmitArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let files = SettingsFile::load_all()?;
    name_settings(&files, global);
    // A dry run starts nothing, so it shows what is not trusted, too.
    let trust = match arguments.trust_settings || arguments.dry_run {
        true => Trust::Everything,
        false => Trust::Resources,
    };
    files.iter().try_for_each(|file| file.check(trust))?;
    let from_files = files.iter().rev().find_map(|file| file.settings.scheduler);
    let kind = arguments.scheduler.or(from_files).unwrap_or(Kind::Local);
    let mut settings = Settings::default();
    let given = arguments.options.settings();
    for layer in files.iter().map(|file| &file.settings).chain([&given]) {
        settings = layer.apply(settings).map_err(Failure::usage)?;
    }
    let dir = RunDir::new(&arguments.run);
    if arguments.dry_run {
        let prepared = hetero2::cluster::prepare(&dir, kind, &settings)?;
        return print_prepared(&prepared, global);
    }
    let submitted = hetero2::cluster::submit(&dir, kind, &settings)?;
    conclude(&arguments.run, &submitted, arguments.wait, global)
}

/// Says on standard error which settings files take part.
fn name_settings(files: &[LoadedSettings], global: &GlobalArguments) {
    if files.is_empty() || global.quiet {
        return;
    }
    let names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
    anstream::eprintln!("settings from {}", names.join(", then "));
}

/// Runs `resume`.
pub fn resume(arguments: &ResumeArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let dir = RunDir::new(&arguments.run);
    let change = arguments.options.settings();
    let submitted = hetero2::cluster::resume(&dir, |settings| Ok(change.apply(settings)?))?;
    conclude(&arguments.run, &submitted, arguments.wait, global)
}

fn conclude(
    run: &std::path::Path,
    submitted: &Submitted,
    follow: bool,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    if global.json && !follow {
        print_json(&json!({
            "scheduler": submitted.scheduler,
            "round": submitted.round,
            "shards": submitted.shards,
            "jobs": submitted.jobs,
        }))?;
    } else if !global.json {
        let what = match submitted.shards.len() {
            0 => "the reduction".to_owned(),
            shards => format!("{shards} shards"),
        };
        print_text(&format!(
            "submitted {what} to {} as {}\nfollow with: hetero2 status {}\n",
            submitted.scheduler,
            job_ids(&submitted.jobs),
            quoted(&[run.display().to_string()])
        ))?;
    }
    if follow {
        wait::follow(&RunDir::new(run), wait::INTERVAL, global)
    } else {
        Ok(ExitCode::SUCCESS)
    }
}

/// The ids of jobs, each once.
pub fn job_ids(jobs: &[Job]) -> String {
    let mut ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    ids.dedup();
    ids.join(", ")
}

fn print_prepared(prepared: &Prepared, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    if global.json {
        let documents = prepared.documents.iter();
        let documents: Vec<_> =
            documents.map(|file| json!({ "path": file.path, "text": file.text })).collect();
        print_json(&json!({
            "documents": documents,
            "commands": prepared.commands,
            "inherited_variables": prepared.inherited,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for file in &prepared.documents {
        text.push_str(&format!(
            "# would write {}\n{}\n",
            file.path.display(),
            file.text.trim_end()
        ));
        text.push('\n');
    }
    let environment = prepared
        .inherited
        .map(|names| format!(", with these variables of yours alone: {}", names.join(", ")))
        .unwrap_or_default();
    for command in &prepared.commands {
        text.push_str(&format!("# would run{environment}\n{}\n", quoted(command)));
    }
    print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::Run(error) => error.into(),
            ClusterError::RoundsUsedUp { .. } | ClusterError::Cancelled { .. } => {
                Self::missing(error)
            }
            error @ ClusterError::Untrusted { .. } => {
                Self::usage(error).with_cure("with --trust-settings `submit` obeys it")
            }
            ClusterError::Settings { .. }
            | ClusterError::Quantity(_)
            | ClusterError::NotASubmission { .. }
            | ClusterError::NotSubmitted { .. }
            | ClusterError::Active { .. }
            | ClusterError::Complete { .. }
            | ClusterError::Scheduler(hetero2_scheduler::SchedulerError::Invalid { .. }) => {
                Self::usage(error)
            }
            error => Self::other(error),
        }
    }
}
