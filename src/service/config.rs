//! How a server is set up. It must not know where the values come from.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::auth::oidc::OidcSettings;
use crate::auth::session::Policy;
use crate::job::catalogue::Catalogue;
use crate::store::Address;

/// What requests need to know of the set-up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests that an account may make in a second; bursts of twice that.
    pub requests_per_second: NonZeroU32,
    /// How long logins live.
    pub sessions: Policy,
    /// Who else vouches for accounts.
    pub oidc: Option<OidcSettings>,
    /// Whether clients reach the server by TLS, so that cookies are for it only.
    pub is_tls: bool,
    /// Which jobs there are; without it none is accepted.
    pub catalogue: Option<Catalogue>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            requests_per_second: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN),
            sessions: Policy::default(),
            oidc: None,
            is_tls: false,
            catalogue: None,
        }
    }
}

/// A certificate and its key, PEM files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The chain of certificates.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What wraps the keys of organisations.
#[derive(Debug, Clone)]
pub enum MasterKey {
    /// A file of the server, made at the first start.
    File(PathBuf),
    /// A key of the transit engine of a Vault; the environment variable
    /// `VAULT_TOKEN` has the token.
    Vault {
        /// `https://host:port`.
        address: String,
        /// The path of the engine.
        mount: String,
        /// The name of the key.
        key: String,
    },
}

/// Where bytes are kept.
#[derive(Debug, Clone)]
pub struct Storage {
    /// A directory, or `s3://bucket/prefix`.
    pub objects: String,
    /// What wraps the keys of organisations.
    pub master_key: MasterKey,
    /// Most bytes of an upload.
    pub largest_upload: u64,
}

/// What `serve` works with.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The folder of what the server keeps: its database and objects, unless
    /// they are elsewhere, and its keys.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where Prometheus asks, if it does.
    pub metrics: Option<SocketAddr>,
    /// Its database.
    pub database: Address,
    /// Where bytes are kept.
    pub storage: Storage,
    /// TLS; needed but on loopback.
    pub tls: Option<Tls>,
    /// What requests need to know.
    pub settings: Settings,
}
