//! The store behind an address, and the object in it.

use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, GetOptions, GetRange, GetResult, ObjectStore,
    RetryConfig,
};
use tokio::runtime::{Builder, Runtime};

use super::super::address::{Address, Store};
use super::super::error::LibraryError;
use super::super::find::is_known_name;
use super::trouble::Trouble;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: &str = "10 seconds";
/// How long a server may send nothing.
const READ_TIMEOUT: &str = "60 seconds";
/// How long a whole object may take.
const WHOLE_TIMEOUT: &str = "30 days";
/// Requests after the first that failed for a passing reason.
const RETRIES: usize = 4;
/// How long such requests may take together.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of names that a listing may have.
const LISTED_BYTES: usize = 256 << 20;

/// An object of a store, or a folder, with the thread of work that reads it.
pub(super) struct Place {
    store: Box<dyn ObjectStore>,
    path: Path,
    pub runtime: Runtime,
    /// The address as it may be told.
    pub shown: String,
}

impl Place {
    /// # Errors
    /// [`LibraryError::Address`] for what is not read, [`LibraryError::Remote`]
    /// for an address or an environment that makes no sense.
    pub fn of(address: &Address) -> Result<Self, LibraryError> {
        let unread = "addresses begin with s3://, gs://, http:// or https://; copy it to this \
                      machine, or pipe its text to `-`";
        let kind = address.store().ok_or_else(|| address.unread(unread))?;
        if kind != Store::Web && address.has_user() {
            let cure = "set them in the environment, as AWS_… or GOOGLE_…";
            return Err(Trouble::new("an address holds no keys", cure).of(address));
        }
        let request = |error: object_store::Error| Trouble::of_request(&error).of(address);
        let (bucket, key) = address.bucket_and_key();
        // Only the first to install it succeeds, and all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, path): (Box<dyn ObjectStore>, _) = match kind {
            Store::S3 => {
                let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
                let builder = timeouts().fold(builder, |builder, (key, value)| {
                    builder.with_config(AmazonS3ConfigKey::Client(key), value)
                });
                let store = builder.with_retry(retries()).build().map_err(request)?;
                (Box::new(store), key_path(key, address)?)
            }
            Store::Gcs => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
                let builder = timeouts().fold(builder, |builder, (key, value)| {
                    builder.with_config(GoogleConfigKey::Client(key), value)
                });
                let store = builder.with_retry(retries()).build().map_err(request)?;
                (Box::new(store), key_path(key, address)?)
            }
            Store::Web => {
                let options = timeouts()
                    .fold(ClientOptions::new(), |options, (key, value)| {
                        options.with_config(key, value)
                    })
                    .with_allow_http(true);
                let builder = HttpBuilder::new().with_url(address.secret_text());
                let builder = builder.with_client_options(options).with_retry(retries());
                // The whole address is the store's: its path stays as it is written.
                (Box::new(builder.build().map_err(request)?), Path::default())
            }
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| LibraryError::Thread {
            name: address.shown(),
            reason: error.to_string(),
        })?;
        Ok(Self { store, path, runtime, shown: address.shown() })
    }

    /// Asks for the bytes from `from` on.
    pub fn get(&self, from: u64) -> object_store::Result<GetResult> {
        let range = (from > 0).then_some(GetRange::Offset(from));
        let options = GetOptions { range, ..GetOptions::default() };
        self.runtime.block_on(self.store.get_opts(&self.path, options))
    }

    /// The keys below this folder whose ending is known and that are not hidden,
    /// in the order of their bytes; `None` where they are more than `most`.
    pub fn list(&self, most: usize) -> Result<Option<Vec<String>>, Trouble> {
        let folder = (!self.path.as_ref().is_empty()).then_some(&self.path);
        let (mut keys, mut bytes, mut other) = (Vec::new(), 0, 0_u64);
        let found = self.runtime.block_on(async {
            let mut listing = self.store.list(folder);
            while let Some(object) = listing.next().await {
                let key = object?.location.to_string();
                let below = &key[self.path.as_ref().len().min(key.len())..];
                let hidden = below.split('/').any(|part| part.starts_with('.'));
                if hidden {
                    continue;
                }
                if !is_known_name(key.rsplit('/').next().unwrap_or_default()) {
                    other += 1;
                    continue;
                }
                bytes += key.len();
                keys.push(key);
                if keys.len() > most || bytes > LISTED_BYTES {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        if !found.map_err(|error| Trouble::of_request(&error))? {
            return Ok(None);
        }
        if other > 0 {
            tracing::warn!("{}: {other} objects are not read, for their endings", self.shown);
        }
        if keys.is_empty() {
            let cure = "check the address; endings are .smi, .csv, .tsv, .sdf, .parquet, also .gz, \
                        .zst, .bz2, .xz";
            return Err(Trouble::new("no object below it is read", cure));
        }
        keys.sort_unstable();
        Ok(Some(keys))
    }
}

/// The key as it is written, which no store may write otherwise.
fn key_path(key: &str, address: &Address) -> Result<Path, LibraryError> {
    Path::parse(key).map_err(|error| {
        Trouble::new(error.to_string(), "objects with such names have to be copied").of(address)
    })
}

fn timeouts() -> impl Iterator<Item = (ClientConfigKey, &'static str)> {
    [
        (ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT),
        (ClientConfigKey::ReadTimeout, READ_TIMEOUT),
        (ClientConfigKey::Timeout, WHOLE_TIMEOUT),
    ]
    .into_iter()
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    }
}
