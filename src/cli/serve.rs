//! `serve`: the server.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hetero2::service::auth::oidc::OidcSettings;
use hetero2::service::auth::session::Policy;
use hetero2::service::config::{MasterKey, ServerConfig, Settings, Storage, Tls};
use hetero2::service::object::LARGEST_UPLOAD;
use hetero2::service::serve::{Ready, default_database, serve as run};
use hetero2::service::store::Address;
use serde_json::json;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::output::{print_json, print_text};
use super::{catalogue, stop};

/// Serve organisations over HTTP: projects, uploads, datasets
///
/// With no option: SQLite and a local folder, on loopback. The first start makes an organisation
/// with an owner, and prints the owner's token once. Another address than loopback needs TLS;
/// several organisations or servers need PostgreSQL.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 serve                                  http://127.0.0.1:8080, data in ./hetero2-data
  hetero2 serve --data /srv/hetero2 --listen 0.0.0.0:8443 --tls-certificate c.pem --tls-key k.pem
  HETERO2_DATABASE=postgres://hetero2@db/hetero2 hetero2 serve --data /srv/hetero2

The log goes to standard error: -v a line a request. HETERO2_DATABASE keeps a password out of the
list of processes. Ctrl-C finishes the requests at work.

Exit codes: 0 stopped on request; 2 it cannot start as asked; 1 anything else.")]
pub struct ServeArguments {
    /// Folder of what the server keeps
    #[arg(long, value_name = "DIR", default_value = "hetero2-data")]
    data: PathBuf,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address and port where Prometheus asks, under /metrics; keep it within your network
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    database: DatabaseArguments,
    #[command(flatten)]
    storage: StorageArguments,
    /// Chain of certificates, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Requests a second of each account; bursts may have twice as many
    #[arg(long, value_name = "N", default_value = "100")]
    requests_per_second: NonZeroU32,
    /// Identity providers, TOML: see docs/service/accounts.md
    #[arg(long, value_name = "FILE")]
    oidc: Option<PathBuf>,
    /// Seconds without use after which a login ends
    #[arg(long, value_name = "SECONDS", default_value = "3600")]
    session_idle: NonZeroU32,
    /// Seconds after which a login ends, used or not
    #[arg(long, value_name = "SECONDS", default_value = "43200")]
    session_longest: NonZeroU32,
    /// Logins of an account at once; another one ends the oldest
    #[arg(long, value_name = "N", default_value = "10")]
    sessions_per_account: NonZeroU32,
    /// Also start a worker, as a process of its own: it computes the jobs of the pool `default` in
    /// DIR/work
    #[arg(long, conflicts_with = "tls_certificate")]
    with_worker: bool,
}

/// Runs `work` to its end on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::other)?.block_on(work)
}

/// Where the server's database is.
#[derive(Debug, clap::Args)]
pub struct DatabaseArguments {
    /// sqlite:PATH or postgres://…; HETERO2_DATABASE where not given, else SQLite in the data folder
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

/// Where the server keeps bytes.
#[derive(Debug, clap::Args)]
pub struct StorageArguments {
    /// A directory, or s3://BUCKET/PREFIX with AWS_ACCESS_KEY_ID and so on; DIR/objects where not given
    #[arg(long, value_name = "PLACE")]
    objects: Option<String>,
    /// File of the key that wraps all keys, made where it is missing; DIR/master.key where not given.
    /// Without it no upload can be read again: keep a copy elsewhere
    #[arg(long, value_name = "FILE", conflicts_with = "vault")]
    master_key: Option<PathBuf>,
    /// Address of a Vault whose transit engine wraps all keys; VAULT_TOKEN has the token
    #[arg(long, value_name = "URL", requires = "vault_key")]
    vault: Option<String>,
    /// Path of the Vault's transit engine
    #[arg(long, value_name = "PATH", default_value = "transit", requires = "vault")]
    vault_mount: String,
    /// Name of the transit key
    #[arg(long, value_name = "NAME", requires = "vault")]
    vault_key: Option<String>,
    /// Most bytes of an upload
    #[arg(long, value_name = "BYTES", default_value_t = LARGEST_UPLOAD,
        value_parser = clap::value_parser!(u64).range(1..=LARGEST_UPLOAD))]
    largest_upload: u64,
}

impl StorageArguments {
    /// Where bytes are kept, by default in the folder `data`.
    pub fn storage(&self, data: &std::path::Path) -> Storage {
        let objects = data.join("objects").display().to_string();
        let master_key = match (&self.vault, &self.vault_key) {
            (Some(address), Some(key)) => MasterKey::Vault {
                address: address.clone(),
                mount: self.vault_mount.clone(),
                key: key.clone(),
            },
            _ => {
                let path = self.master_key.clone();
                MasterKey::File(path.unwrap_or_else(|| data.join("master.key")))
            }
        };
        Storage {
            objects: self.objects.clone().unwrap_or(objects),
            master_key,
            largest_upload: self.largest_upload,
        }
    }
}

impl DatabaseArguments {
    /// The database that is asked for, or the one in the folder `data`.
    pub fn address(&self, data: &std::path::Path) -> Result<Address, Failure> {
        let asked = self.database.clone().or_else(|| std::env::var("HETERO2_DATABASE").ok());
        match asked {
            Some(text) => Address::parse(&text).map_err(Failure::usage),
            None => Ok(Address::sqlite(&default_database(data))),
        }
    }
}

/// Runs `serve`.
pub fn serve(arguments: &ServeArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let tls = match (&arguments.tls_certificate, &arguments.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(Tls { certificate: certificate.clone(), key: key.clone() })
        }
        _ => None,
    };
    let oidc = arguments.oidc.as_deref().map(OidcSettings::read).transpose();
    let oidc = oidc.map_err(Failure::usage)?;
    let config = ServerConfig {
        data: arguments.data.clone(),
        listen: arguments.listen,
        metrics: arguments.metrics,
        database: arguments.database.address(&arguments.data)?,
        storage: arguments.storage.storage(&arguments.data),
        settings: Settings {
            requests_per_second: arguments.requests_per_second,
            sessions: Policy {
                idle: Duration::from_secs(arguments.session_idle.get().into()),
                absolute: Duration::from_secs(arguments.session_longest.get().into()),
                per_member: arguments.sessions_per_account.get(),
            },
            oidc,
            is_tls: tls.is_some(),
            catalogue: Some(catalogue::catalogue()),
        },
        tls,
    };
    stop::listen();
    let asked = async {
        while !stop::requested() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut begun = Ok(None);
    let ready = |ready: Ready| {
        begun = show(&ready, global).and_then(|()| match arguments.with_worker {
            true => OwnWorker::start(&ready, &arguments.data).map(Some),
            false => Ok(None),
        });
        // Without the worker that was asked for there is no server.
        if begun.is_err() {
            stop::request();
        }
    };
    run(&config, ready, asked).map_err(Failure::from_serve)?;
    begun?;
    Ok(ExitCode::SUCCESS)
}

/// The worker that the server started, a process of its own: it ends with the
/// server, and gives back what it was at.
struct OwnWorker(std::process::Child);

impl OwnWorker {
    fn start(ready: &Ready, data: &std::path::Path) -> Result<Self, Failure> {
        let Some(token) = &ready.pool_token else {
            let file = data.join("worker.token");
            let error = anyhow::anyhow!(
                "{} is missing: hetero2 admin pool create makes a pool and its token, for a worker \
                 of its own",
                file.display()
            );
            return Err(Failure::usage(error));
        };
        let mut command =
            std::process::Command::new(std::env::current_exe().map_err(Failure::other)?);
        command.args(["worker", "--quiet", "--until-stdin-ends", "--server", &ready.url]);
        command.arg("--pool-token-file").arg(token);
        command.arg("--directory").arg(data.join("work"));
        command.env_remove("HETERO2_DATABASE").env_remove("VAULT_TOKEN");
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
        command.spawn().map(Self).map_err(Failure::other)
    }
}

impl Drop for OwnWorker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn show(ready: &Ready, global: &GlobalArguments) -> Result<(), Failure> {
    let first = ready.first.as_ref();
    if global.json {
        return print_json(&json!({
            "url": ready.url,
            "metrics": ready.metrics,
            "organisation": first.map(|first| first.org.as_str()),
            "token": first.map(|first| first.token.as_str()),
        }));
    }
    let mut text = format!("listening on  {}\n", ready.url);
    if let Some(metrics) = &ready.metrics {
        text += &format!("metrics       {metrics}\n");
    }
    if let Some(first) = first {
        text += &format!("organisation  {}\n", first.org);
        text += &format!("owner's token {}\n", first.token.as_str());
        text += "The token is shown this once; it ends in 30 days. Make others with it.\n";
    }
    print_text(&text)
}
