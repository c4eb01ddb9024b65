//! The server as a process: opens what it works with, listens, and stops
//! without dropping a request. It must not know what a request asks for.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hetero2_common::files::FileError;
use hetero2_common::files::disk::{Readers, create_dir_for};
use hetero2_common::files::{Lock, LockError, write_private};

use crate::api::{App, router};
use crate::auth::AuthError;
use crate::auth::oidc::{OidcError, Providers};
use crate::auth::secret::SecretText;
use crate::auth::token::{self, NewToken};
use crate::config::{MasterKey, ServerConfig, Storage, Tls};
use crate::directory::org::{self, FoundError, Founding};
use crate::id::Id;
use crate::job::pool::{self, PoolError};
use crate::object::{
    Depot, FileProvider, KeyError, KeyProvider, Keyring, ObjectError, Objects, Secret,
    VaultProvider,
};
use crate::store::{Engine, Store, StoreError, migrate};
use crate::sweep;
use crate::telemetry;
use crate::telemetry::listen::Serving;
use crate::telemetry::snapshot::Reader;
use crate::tenancy::{Action, Denied, Origin, Principal, Scope, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;
use crate::ui;

/// Why a server does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A folder or file of the server's own.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another server works on the data folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// What wraps keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The identity providers.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// The first organisation.
    #[error("the first organisation was not made")]
    Found(#[from] FoundError),
    /// The first token.
    #[error("the first token was not made")]
    Token(#[from] AuthError),
    /// The first token's transaction.
    #[error("the first token was not made")]
    Denied(#[from] Denied),
    /// Anybody on the way could read passwords and data.
    #[error("{0} is not loopback, and without TLS anybody on the way reads passwords and data")]
    Plain(SocketAddr),
    /// The certificate or its key.
    #[error("the certificate {} or its key {} is not readable as PEM", .certificate.display(), .key.display())]
    Certificate {
        /// The chain of certificates.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The address.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The pool of workers of a first start.
    #[error("the pool of workers was not made")]
    Pool(#[from] PoolError),
    /// The runtime.
    #[error("the server's threads cannot be started")]
    Runtime(#[source] std::io::Error),
}

/// A server that listens.
pub struct Ready {
    /// Where it can be reached.
    pub url: String,
    /// Where Prometheus asks.
    pub metrics: Option<String>,
    /// What the first start made; shown once.
    pub first: Option<First>,
    /// The file of the token of the pool `default`, where this server made it.
    pub pool_token: Option<PathBuf>,
}

/// The organisation and the credential of a first start.
pub struct First {
    /// The organisation.
    pub org: Id,
    /// The token of its owner.
    pub token: SecretText,
}

/// How long requests at work have when the server is told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// How long the head of a request may take to arrive.
const LONGEST_HEAD: Duration = Duration::from_secs(10);

/// How long the token of a first start lives.
const FIRST_TOKEN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Serves until `stop` comes; calls `ready` once requests are answered.
///
/// # Errors
///
/// Where it cannot start. Nothing was served then.
pub fn serve(
    config: &ServerConfig,
    ready: impl FnOnce(Ready),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    runtime.block_on(run(config, ready, stop))
}

async fn run(
    config: &ServerConfig,
    ready: impl FnOnce(Ready),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        return Err(ServeError::Plain(config.listen));
    }
    create_dir_for(&config.data, Readers::Owner)
        .or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        })
        .map_err(FileError::io("make the data folder", &config.data))?;
    let _lock = match config.database.engine() {
        Engine::Sqlite => Some(Lock::try_take(&config.data.join("server.lock"))?),
        Engine::Postgres => None,
    };
    let first = match config.database.engine() {
        Engine::Sqlite => begin(config).await?,
        Engine::Postgres => None,
    };
    let store = Store::open(&config.database).await?;
    let depot = Arc::new(open_depot(&config.storage)?);
    depot.keys.check(&store).await?;
    let pool_token = default_pool(&store, &config.data).await?;
    let providers = Providers::new(config.settings.oidc.as_ref())?;
    let app = App::new(store.clone(), depot, providers, config.settings.clone());
    let metrics = config.metrics.map(|address| serve_metrics(address, &app)).transpose()?;
    let sweeper = tokio::spawn(sweep::forever(app.clone()));

    let listener = std::net::TcpListener::bind(config.listen)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| ServeError::Listen(config.listen, error))?;
    let address =
        listener.local_addr().map_err(|error| ServeError::Listen(config.listen, error))?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let handle = Handle::new();
    let stopper = tokio::spawn({
        let handle = handle.clone();
        async move {
            stop.await;
            handle.graceful_shutdown(Some(GRACE));
        }
    });
    let service = ui::with_pages(router(app)).into_make_service_with_connect_info::<SocketAddr>();
    ready(Ready {
        url: format!("{scheme}://{address}"),
        metrics: metrics.as_ref().map(|serving| format!("http://{}/metrics", serving.address)),
        first,
        pool_token,
    });
    let served = match &config.tls {
        None => {
            let mut server = axum_server::from_tcp(listener)
                .map_err(|error| ServeError::Listen(address, error))?
                .handle(handle);
            server.http_builder().http1().header_read_timeout(LONGEST_HEAD);
            server.serve(service).await
        }
        Some(tls) => {
            let mut server = axum_server::from_tcp_rustls(listener, certificate(tls).await?)
                .map_err(|error| ServeError::Listen(address, error))?
                .handle(handle);
            server.http_builder().http1().header_read_timeout(LONGEST_HEAD);
            server.serve(service).await
        }
    };
    stopper.abort();
    sweeper.abort();
    store.close().await;
    served.map_err(|error| ServeError::Listen(address, error))
}

/// Makes the pool of workers `default` at a first start, and keeps its token in the
/// data folder, for a worker of this machine; gives the file, if it is there.
async fn default_pool(store: &Store, data: &Path) -> Result<Option<PathBuf>, ServeError> {
    let path = data.join("worker.token");
    if let Some(token) = pool::create_default(store).await? {
        write_private(&path, |file| writeln!(file, "{}", token.as_str()))?;
    }
    Ok(path.exists().then_some(path))
}

fn serve_metrics(address: SocketAddr, app: &App) -> Result<Serving, ServeError> {
    let reader = Reader::new(app.store().clone());
    telemetry::listen::serve(address, Arc::clone(app.metrics()), Some(reader))
        .map_err(|error| ServeError::Listen(address, error))
}

/// Opens where bytes are kept, and what wraps their keys.
///
/// # Errors
///
/// Where either cannot be opened.
pub fn open_depot(storage: &Storage) -> Result<Depot, ServeError> {
    let provider: Box<dyn KeyProvider> = match &storage.master_key {
        MasterKey::File(path) => Box::new(FileProvider::open_or_create(path)?),
        MasterKey::Vault { address, mount, key } => {
            let token = Secret::new(std::env::var("VAULT_TOKEN").unwrap_or_default());
            Box::new(VaultProvider::new(address, mount, key, token)?)
        }
    };
    let objects = Objects::open(&storage.objects)?;
    Ok(Depot::new(objects, Keyring::new(provider), storage.largest_upload))
}

async fn certificate(tls: &Tls) -> Result<RustlsConfig, ServeError> {
    crate::tls::choose_provider();
    RustlsConfig::from_pem_file(&tls.certificate, &tls.key).await.map_err(|source| {
        ServeError::Certificate {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            source,
        }
    })
}

/// Brings the embedded database up to date, and gives it an organisation with
/// an owner and a token where it has none.
async fn begin(config: &ServerConfig) -> Result<Option<First>, ServeError> {
    let store = Store::open_as_owner(&config.database).await?;
    let first = begin_with(&store).await;
    store.close().await;
    first
}

async fn begin_with(store: &Store) -> Result<Option<First>, ServeError> {
    migrate::migrate(store).await?;
    if !org::ids(store).await?.is_empty() {
        return Ok(None);
    }
    let founding = Founding { slug: "local", name: "Local", owner: "admin" };
    let (org, owner) = org::found(store, &founding).await?;
    let token = first_token(store, &org, &owner).await?;
    Ok(Some(First { org, token }))
}

/// Makes the token with which an owner begins.
///
/// # Errors
///
/// Where the database refuses.
pub async fn first_token(store: &Store, org: &Id, owner: &Id) -> Result<SecretText, ServeError> {
    let system = Principal::system(org.clone());
    let origin = Origin::local();
    let mut tx = TenantTx::write(store, &system, &origin, Action::TokenCreate, None).await?;
    let new = NewToken {
        member: owner.clone(),
        name: "first".to_owned(),
        scope: Scope::Admin,
        project: None,
        expires_at: Instant::now().plus(FIRST_TOKEN),
    };
    let (made, secret) = token::create(&mut tx, new).await?;
    tx.commit(Entry::on(&made.id)).await?;
    Ok(secret)
}

/// The database of a server that was told of none.
#[must_use]
pub fn default_database(data: &Path) -> PathBuf {
    data.join("hetero2.sqlite")
}
