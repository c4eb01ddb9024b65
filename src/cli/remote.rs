//! `remote`: a server of another machine, through its API.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use hetero2::service::client::{
    Client, ClientError, Dataset, Login, Named, Project, Transfer, download, login_file, upload,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::arguments::GlobalArguments;
use super::failure::{Failure, VERIFICATION};
use super::output::{print_json, print_text, stderr_is_terminal};
use super::remote_jobs::{self, JobCommand};
use super::serve::block_on;

/// Use a server: log in, upload, compute, list, download
///
/// The token is kept in a file that only its owner reads; uploads and downloads that break off go
/// on where they ended when they are asked for again, and every byte is checked by SHA-256.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 remote login https://hetero2.example.org < token.txt
  hetero2 remote upload library.smi --project factor-xa --description 'Enamine REAL, 2026-11'
  hetero2 remote ls
  hetero2 remote ls --project factor-xa --json
  hetero2 remote run library.smi --project factor-xa --wait --out screen -- --decoys 10
  hetero2 remote jobs --project factor-xa --state running
  hetero2 remote download library.smi --project factor-xa --out copy.smi

Exit codes: 0 done; 2 wrong usage, or not logged in; 3 bytes that are not those that were stored;
4 the server has no such thing; 1 anything else.")]
pub struct RemoteArguments {
    #[command(subcommand)]
    command: RemoteCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RemoteCommand {
    /// Keep a server's address and a token for it
    ///
    /// The token is read from standard input, or from HETERO2_TOKEN: never from the list of
    /// arguments, which others can read.
    Login {
        /// The server: https://HOST, or http:// on loopback
        url: String,
        /// Certificate of who vouches for the server, PEM, where the system does not know it
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Send a file and make it a dataset
    Upload {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        place: Place,
        /// Make the project where there is none of the name
        #[arg(long)]
        create_project: bool,
        /// Name of the dataset; the file's where not given
        #[arg(long)]
        name: Option<String>,
        /// What it is
        #[arg(long, default_value = "")]
        description: String,
    },
    /// List projects, or the datasets of one
    Ls {
        /// Project: its id or name in addresses
        #[arg(long)]
        project: Option<String>,
    },
    #[command(flatten)]
    Jobs(JobCommand),
    /// Receive a dataset
    Download {
        /// Dataset: its id or name
        dataset: String,
        #[command(flatten)]
        place: Place,
        /// The new file; the dataset's name where not given
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// The project that a command is about.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Project: its id or name in addresses
    #[arg(long)]
    pub project: String,
}

/// Runs `remote`.
pub fn remote(arguments: &RemoteArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    block_on(run(&arguments.command, global))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(command: &RemoteCommand, global: &GlobalArguments) -> Result<(), Failure> {
    if let RemoteCommand::Login { url, certificate } = command {
        return log_in(url, certificate.as_ref(), global).await;
    }
    let login = Login::read(&login_file()).map_err(failure)?;
    let client = Client::new(login).map_err(failure)?;
    match command {
        RemoteCommand::Login { .. } => Ok(()),
        RemoteCommand::Jobs(command) => remote_jobs::run(command, &client, global).await,
        RemoteCommand::Ls { project: None } => {
            show_projects(&client.projects().await.map_err(failure)?, global)
        }
        RemoteCommand::Ls { project: Some(project) } => {
            let project = client.project(project).await.map_err(failure)?;
            show_datasets(&client.datasets(&project).await.map_err(failure)?, global)
        }
        RemoteCommand::Upload { file, place, create_project, name, description } => {
            let found = match client.project(&place.project).await {
                Err(ClientError::Absent { .. }) if *create_project => {
                    client.create_project(&place.project).await
                }
                found => found,
            };
            let project = found.map_err(failure)?;
            let named = Named { name: name.as_deref(), description };
            let bar = Bar::new(global);
            let made = upload(&client, &project, file, named, &|at| bar.show(at)).await;
            bar.finish();
            show_datasets(&[made.map_err(failure)?], global)
        }
        RemoteCommand::Download { dataset, place, out } => {
            let project = client.project(&place.project).await.map_err(failure)?;
            let dataset = client.dataset(&project, dataset).await.map_err(failure)?;
            let out = match out {
                Some(out) => out.clone(),
                None => plain_name(&dataset.name)?,
            };
            let bar = Bar::new(global);
            let done = download(&client, &project, &dataset, &out, &|at| bar.show(at)).await;
            bar.finish();
            done.map_err(failure)?;
            match global.json {
                true => print_json(&json!({
                    "file": out, "dataset": dataset.id, "size": dataset.size,
                    "sha256": dataset.sha256,
                })),
                false => print_text(&format!(
                    "file    {}\nbytes   {}\nsha256  {}\n",
                    out.display(),
                    dataset.size,
                    dataset.sha256
                )),
            }
        }
    }
}

/// What another named is no path here.
fn plain_name(name: &str) -> Result<PathBuf, Failure> {
    let is_plain = !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']);
    match is_plain {
        true => Ok(PathBuf::from(name)),
        false => {
            let error = anyhow::anyhow!("the dataset's name {name:?} is no file's: give --out");
            Err(Failure::usage(error))
        }
    }
}

async fn log_in(
    url: &str,
    certificate: Option<&PathBuf>,
    global: &GlobalArguments,
) -> Result<(), Failure> {
    let certificate = certificate.map(std::fs::read_to_string).transpose();
    let certificate = certificate.map_err(Failure::usage)?;
    let token = match std::env::var("HETERO2_TOKEN") {
        Ok(token) => token,
        Err(_) => {
            if stderr_is_terminal() && !global.quiet {
                anstream::eprintln!("token:");
            }
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map_err(Failure::usage)?;
            line
        }
    };
    let path = login_file();
    let login = Login::new(url, &token, certificate).map_err(failure)?;
    let (url, org) = (login.url().to_owned(), login.org());
    let client = Client::new(login).map_err(failure)?;
    // A login that does not work is not kept.
    client.check().await.map_err(failure)?;
    client.login().store(&path).map_err(failure)?;
    match global.json {
        true => print_json(&json!({"url": url, "organisation": org, "file": path})),
        false => print_text(&format!(
            "server        {url}\norganisation  {org}\nkept in       {}\n",
            path.display()
        )),
    }
}

/// The exit code of what goes wrong between client and server.
pub fn failure(error: ClientError) -> Failure {
    let code = error.code().unwrap_or_default();
    match &error {
        ClientError::LoggedOut(_)
        | ClientError::PoolToken
        | ClientError::Address(_)
        | ClientError::Token
        | ClientError::Certificate(_)
        | ClientError::Exists(_)
        | ClientError::Ambiguous { .. } => Failure::usage(error),
        ClientError::Digest { .. } => Failure::coded(VERIFICATION, error),
        ClientError::Absent { .. } => Failure::missing(error),
        ClientError::Refused { .. } if code == "not_found" => Failure::missing(error),
        ClientError::Refused { .. } if code == "data_damaged" => {
            Failure::coded(VERIFICATION, error)
        }
        _ => Failure::other(error),
    }
}

fn show_projects(projects: &[Project], global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(&json!({ "projects": projects }));
    }
    let line = |project: &Project| format!("{}  {}  {}\n", project.id, project.slug, project.name);
    print_text(&projects.iter().map(line).collect::<String>())
}

fn show_datasets(datasets: &[Dataset], global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(&json!({ "datasets": datasets }));
    }
    let line = |dataset: &Dataset| {
        let day = dataset.created_at.get(..10).unwrap_or_default();
        format!("{}  {day}  {:>14}  {}\n", dataset.id, dataset.size, dataset.name)
    };
    print_text(&datasets.iter().map(line).collect::<String>())
}

/// A bar of bytes on a terminal, nothing elsewhere.
pub struct Bar(Option<Mutex<ProgressBar>>);

impl Bar {
    /// A bar that has not begun.
    pub fn new(global: &GlobalArguments) -> Self {
        let is_shown = !global.quiet && stderr_is_terminal();
        Self(is_shown.then(|| {
            let bar = ProgressBar::new(0);
            let template = "{msg:>10} [{bar:32}] {binary_bytes}/{binary_total_bytes}  \
                {binary_bytes_per_sec}  ETA {eta}";
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            Mutex::new(bar)
        }))
    }

    /// Shows how far a transfer is.
    pub fn show(&self, at: Transfer) {
        let Some(Ok(bar)) = self.0.as_ref().map(Mutex::lock) else { return };
        let (name, done, total) = match at {
            Transfer::Hashing(done, total) => ("checking", done, total),
            Transfer::Sending(done, total) => ("sending", done, total),
            Transfer::Receiving(done, total) => ("receiving", done, total),
            Transfer::Joining => return bar.set_message("joining"),
        };
        bar.set_message(name);
        bar.set_length(total);
        bar.set_position(done);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(Ok(bar)) = self.0.as_ref().map(Mutex::lock) {
            bar.finish_and_clear();
        }
    }
}
