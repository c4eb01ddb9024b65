//! `remote run` and what follows: jobs of a server, submitted, watched, stopped,
//! their artifacts received.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hetero2::files::digest_file;
use hetero2::service::client::{
    Act, Artifact, Client, Named, Project, RemoteJob, Submission, as_json, upload,
};
use hetero2::service::job::{InputRole, JobInput, JobKind, JobSpec, Limits, Source};
use serde_json::json;

use super::arguments::GlobalArguments;
use super::catalogue::options_of;
use super::failure::Failure;
use super::output::{print_json, print_text, stderr_is_terminal};
use super::remote::{Bar, Place, failure};

/// Time between two looks at a job.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Subcommand)]
pub enum JobCommand {
    /// Submit a job: files of this machine are uploaded first
    ///
    /// Inputs are files, or datasets of the project by id or name; packs are also runs and jobs by
    /// id. Options of the program's command follow after --.
    #[command(after_help = "Examples:
  hetero2 remote run library.smi --project factor-xa --wait --out screen -- --decoys 10
  hetero2 remote run library.csv --project factor-xa --scores scores.json --truth truth.csv
  hetero2 remote run --kind audit --project factor-xa --pack job_01… --scores model-2.csv
  hetero2 remote run --kind suite --project factor-xa -- ring --rows 200")]
    Run(Box<RunJob>),
    /// List the jobs of a project, newest first
    Jobs {
        #[command(flatten)]
        place: Place,
        /// Only those in this state
        #[arg(long, value_parser = ["queued", "held", "running", "cancelling", "succeeded",
            "failed", "cancelled"])]
        state: Option<String>,
        /// No more than so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        most: usize,
    },
    /// Show a job
    Job {
        /// Its id
        job: String,
        #[command(flatten)]
        place: Place,
        /// Show how far it is until it has ended
        #[arg(long)]
        wait: bool,
    },
    /// Cancel a job
    Cancel(OneJob),
    /// Have a job wait until it is released; what it computed is kept
    Hold(OneJob),
    /// Let a job that waits go on
    Release(OneJob),
    /// Queue a job again that failed or was cancelled
    Retry(OneJob),
    /// List what a job made, or receive it
    Artifacts {
        /// The job's id, or a run's
        job: String,
        #[command(flatten)]
        place: Place,
        /// Receive into this directory; they are listed without it
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Only these, by name
        #[arg(long = "name", value_name = "NAME")]
        names: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub struct OneJob {
    /// Its id
    job: String,
    #[command(flatten)]
    place: Place,
}

/// A job to be submitted.
#[derive(Debug, clap::Args)]
pub struct RunJob {
    /// The library: files or datasets, in their order
    library: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// What to compute
    #[arg(long, value_name = "KIND", default_value = "run",
        value_parser = ["run", "audit", "cost-lift", "rerun", "suite"])]
    kind: String,
    /// Scores of the model under audit
    #[arg(long, value_name = "FILE|DATASET")]
    scores: Option<String>,
    /// Known outcomes
    #[arg(long, value_name = "FILE|DATASET")]
    truth: Option<String>,
    /// Molecules that the model was trained on
    #[arg(long, value_name = "FILE|DATASET")]
    train: Option<String>,
    /// Decoys of your own
    #[arg(long, value_name = "FILE|DATASET")]
    decoys_from: Option<String>,
    /// A library of real molecules to choose decoys from
    #[arg(long, value_name = "FILE|DATASET")]
    decoy_pool: Option<String>,
    /// The pack of an earlier run
    #[arg(long, value_name = "FILE|DATASET|RUN|JOB")]
    pack: Option<String>,
    /// Name of the job
    #[arg(long)]
    name: Option<String>,
    /// Pool of workers
    #[arg(long)]
    pool: Option<String>,
    /// Of the organisation's jobs the greater goes first, -100 to 100
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    priority: i64,
    /// Seconds that one attempt may take
    #[arg(long, value_name = "S", default_value_t = Limits::default().seconds)]
    seconds: u64,
    /// MiB of memory that one attempt may have
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().memory_mib)]
    memory: u64,
    /// Attempts before it fails
    #[arg(long, value_name = "N", default_value_t = Limits::default().attempts)]
    attempts: u32,
    /// Wait until it has ended
    #[arg(long)]
    wait: bool,
    /// Wait, and receive what it made into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Options of the program's command
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Runs a command about jobs.
pub async fn run(
    command: &JobCommand,
    client: &Client,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    match command {
        JobCommand::Run(new) => submit(new, client, global).await,
        JobCommand::Jobs { place, state, most } => {
            let project = client.project(&place.project).await.map_err(failure)?;
            let jobs = client.jobs(&project, state.as_deref(), *most).await.map_err(failure)?;
            show_jobs(&jobs, global)
        }
        JobCommand::Job { job, place, wait } => {
            let project = client.project(&place.project).await.map_err(failure)?;
            let found = match wait {
                true => follow(client, &project, job, global).await?,
                false => client.job(&project, job).await.map_err(failure)?,
            };
            show_job(&found, global)
        }
        JobCommand::Cancel(one) => act(one, Act::Cancel, client, global).await,
        JobCommand::Hold(one) => act(one, Act::Hold, client, global).await,
        JobCommand::Release(one) => act(one, Act::Release, client, global).await,
        JobCommand::Retry(one) => act(one, Act::Retry, client, global).await,
        JobCommand::Artifacts { job, place, out, names } => {
            let project = client.project(&place.project).await.map_err(failure)?;
            let run = run_of(client, &project, job).await?;
            let mut found = client.artifacts(&project, &run).await.map_err(failure)?;
            found.retain(|artifact| names.is_empty() || names.contains(&artifact.name));
            if let Some(out) = out {
                receive(client, &project, &run, &found, out, global).await?;
            }
            show_artifacts(&found, global)
        }
    }
}

async fn act(
    one: &OneJob,
    act: Act,
    client: &Client,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    let project = client.project(&one.place.project).await.map_err(failure)?;
    show_job(&client.act(&project, &one.job, act).await.map_err(failure)?, global)
}

/// The run that a text names: itself, or the last of a job.
async fn run_of(client: &Client, project: &Project, text: &str) -> Result<String, Failure> {
    if text.starts_with("run_") {
        return Ok(text.to_owned());
    }
    let job = client.job(project, text).await.map_err(failure)?;
    job.run.ok_or_else(|| Failure::missing(anyhow::anyhow!("the job has no attempt yet")))
}

async fn submit(new: &RunJob, client: &Client, global: &GlobalArguments) -> Result<(), Failure> {
    let unknown = || Failure::usage(anyhow::anyhow!("there is no kind {:?}", new.kind));
    let kind = JobKind::from_word(&new.kind).ok_or_else(unknown)?;
    let mut named: Vec<(InputRole, &String)> =
        new.library.iter().map(|text| (InputRole::Library, text)).collect();
    let more = [
        (InputRole::Scores, &new.scores),
        (InputRole::Truth, &new.truth),
        (InputRole::Train, &new.train),
        (InputRole::DecoysFrom, &new.decoys_from),
        (InputRole::DecoyPool, &new.decoy_pool),
        (InputRole::Pack, &new.pack),
    ];
    named.extend(more.into_iter().filter_map(|(role, text)| Some((role, text.as_ref()?))));
    let roles: Vec<InputRole> = named.iter().map(|(role, _)| *role).collect();
    // Before anything is sent.
    let options = options_of(kind, &roles, &new.options)?;
    let project = client.project(&new.place.project).await.map_err(failure)?;
    let mut inputs = Vec::new();
    let mut known = BTreeMap::new();
    for (role, text) in named {
        let source = source(client, &project, role, text, &mut known, global).await?;
        inputs.push(JobInput { role, source });
    }
    let limits = Limits { seconds: new.seconds, memory_mib: new.memory, attempts: new.attempts };
    let submission = Submission {
        name: new.name.clone(),
        pool: new.pool.clone(),
        priority: new.priority,
        spec: JobSpec { kind, inputs, options, limits },
    };
    let job = client.submit_job(&project, &submission).await.map_err(failure)?;
    if !new.wait && new.out.is_none() {
        return show_job(&job, global);
    }
    let job = follow(client, &project, &job.id, global).await?;
    if let (Some(out), Some(run), "succeeded") = (&new.out, &job.run, job.state.as_str()) {
        let made = client.artifacts(&project, run).await.map_err(failure)?;
        receive(client, &project, run, &made, out, global).await?;
    }
    show_job(&job, global)?;
    match job.state.as_str() {
        "succeeded" => Ok(()),
        "cancelled" => Err(Failure::missing(anyhow::anyhow!("the job was cancelled"))),
        _ => {
            let why = job.message.unwrap_or_else(|| "the server does not say why".to_owned());
            Err(Failure::other(anyhow::anyhow!("the job failed: {why}")))
        }
    }
}

/// Where an input is: a run's pack, a file that is uploaded unless the project has
/// it, or a dataset.
async fn source(
    client: &Client,
    project: &Project,
    role: InputRole,
    text: &str,
    known: &mut BTreeMap<PathBuf, String>,
    global: &GlobalArguments,
) -> Result<Source, Failure> {
    let is_id = |prefix: &str| text.starts_with(prefix) && !Path::new(text).exists();
    if role == InputRole::Pack && (is_id("run_") || is_id("job_")) {
        return Ok(Source::Run(run_of(client, project, text).await?));
    }
    let path = PathBuf::from(text);
    if !path.is_file() {
        let dataset = client.dataset(project, text).await.map_err(failure)?;
        return Ok(Source::Dataset(dataset.id));
    }
    if let Some(id) = known.get(&path) {
        return Ok(Source::Dataset(id.clone()));
    }
    let digest = digest_file(&path).map_err(Failure::usage)?.sha256.to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let datasets = client.datasets(project).await.map_err(failure)?;
    let same = datasets.into_iter().find(|it| it.name == name && it.sha256 == digest);
    let id = match same {
        Some(dataset) => dataset.id,
        None => {
            let bar = Bar::new(global);
            let named = Named { name: None, description: "" };
            let made = upload(client, project, &path, named, &|at| bar.show(at)).await;
            bar.finish();
            made.map_err(failure)?.id
        }
    };
    known.insert(path, id.clone());
    Ok(Source::Dataset(id))
}

/// Waits until a job has ended, or is held, and says how far it is.
async fn follow(
    client: &Client,
    project: &Project,
    id: &str,
    global: &GlobalArguments,
) -> Result<RemoteJob, Failure> {
    let mut shown = String::new();
    loop {
        let job = client.job(project, id).await.map_err(failure)?;
        let line = progress(&job);
        if line != shown && !global.quiet {
            anstream::eprintln!("{line}");
            shown = line;
        }
        if job.is_final() || job.state == "held" {
            return Ok(job);
        }
        tokio::time::sleep(if stderr_is_terminal() { LOOK / 2 } else { LOOK }).await;
    }
}

fn progress(job: &RemoteJob) -> String {
    let mut line = match &job.phase {
        Some(phase) => format!("{}: {phase}", job.state),
        None => job.state.clone(),
    };
    if let (Some((done, total)), false) = (job.rows(), job.is_final()) {
        line += &match total {
            Some(total) => format!(", {done} of {total} rows"),
            None => format!(", {done} rows"),
        };
    }
    if let (Some(seconds), false) = (job.seconds_left(), job.is_final()) {
        line += &format!(", {seconds} s left");
    }
    line
}

async fn receive(
    client: &Client,
    project: &Project,
    run: &str,
    artifacts: &[Artifact],
    out: &Path,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    hetero2::files::disk::create_dir_all(out).map_err(Failure::usage)?;
    for artifact in artifacts {
        let bar = Bar::new(global);
        // The name is checked where it is received.
        let to = out.join(&artifact.name);
        let done = client.receive_artifact(project, run, artifact, &to, &|at| bar.show(at)).await;
        bar.finish();
        done.map_err(failure)?;
    }
    Ok(())
}

fn show_jobs(jobs: &[RemoteJob], global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(&json!({ "jobs": jobs.iter().map(as_json).collect::<Vec<_>>() }));
    }
    let line = |job: &RemoteJob| {
        let at = job.created_at.get(..16).unwrap_or_default();
        format!("{}  {at}  {:<10}  {:<9}  {}\n", job.id, job.state, job.kind.word(), job.name)
    };
    print_text(&jobs.iter().map(line).collect::<String>())
}

fn show_job(job: &RemoteJob, global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(&as_json(job));
    }
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text += &format!("{name:<15} {value}\n");
    line("job", &job.id);
    line("name", &job.name);
    line("kind", job.kind.word());
    line("state", &progress(job));
    for (name, value) in [
        ("run", &job.run),
        ("verdict", &job.verdict),
        ("content digest", &job.content_digest),
        ("why", &job.message),
    ] {
        if let Some(value) = value {
            line(name, value);
        }
    }
    print_text(&text)
}

fn show_artifacts(artifacts: &[Artifact], global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(&json!({ "artifacts": artifacts }));
    }
    let line = |artifact: &Artifact| format!("{:>14}  {}\n", artifact.size, artifact.name);
    print_text(&artifacts.iter().map(line).collect::<String>())
}
