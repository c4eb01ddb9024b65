//! Objects by name in a local directory or an S3 bucket. It must not know what
//! they hold: they arrive sealed.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    GetOptions, GetResult, GetResultPayload, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _,
};

use super::ObjectError;
use crate::time::Instant;

/// Bytes of one part sent to the store, the most that a writer holds: S3 takes
/// 10,000 parts, so objects of up to 80 GiB.
const PART: usize = 8 << 20;

/// Bytes read from a file at a time.
const BLOCK: u64 = 1 << 20;

/// A store of objects.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    directory: Option<PathBuf>,
}

impl Objects {
    /// Opens `address`: a directory, made where it is missing, or
    /// `s3://BUCKET/PREFIX` with the credentials, region and endpoint of the
    /// environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`).
    ///
    /// # Errors
    ///
    /// Where `address` is neither, or the directory cannot be made.
    pub fn open(address: &str) -> Result<Self, ObjectError> {
        match address.split_once("://") {
            None => Self::directory(FilePath::new(address)),
            Some(("s3", rest)) => Self::bucket(rest),
            Some(_) => Err(ObjectError::Address(address.to_owned())),
        }
    }

    /// Opens a directory. What is written is flushed to disk before it is
    /// visible, and appears whole or not at all.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn directory(path: &FilePath) -> Result<Self, ObjectError> {
        let failed = |source| ObjectError::Directory { path: path.display().to_string(), source };
        std::fs::create_dir_all(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(&path)
            .map_err(ObjectError::at("opening", &path.display().to_string()))?
            .with_fsync(true);
        Ok(Self { store: Arc::new(store), directory: Some(path) })
    }

    fn bucket(rest: &str) -> Result<Self, ObjectError> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(ObjectError::Address(format!("s3://{rest}")));
        }
        crate::tls::choose_provider();
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .build()
            .map_err(ObjectError::at("opening", bucket))?;
        let store: Arc<dyn ObjectStore> = match prefix.trim_matches('/') {
            "" => Arc::new(store),
            prefix => Arc::new(PrefixStore::new(store, prefix)),
        };
        Ok(Self { store, directory: None })
    }

    /// Begins to write the object `name`, which is seen once it is finished.
    #[must_use]
    pub fn put(&self, name: &str) -> Put {
        Put {
            store: self.store.clone(),
            name: name.to_owned(),
            buffer: Vec::new(),
            multipart: None,
            size: 0,
        }
    }

    /// The first `end` bytes of `name`, or as many as it has, and how many it
    /// has.
    ///
    /// # Errors
    ///
    /// Where the object is missing or the store fails.
    pub async fn head(&self, name: &str, end: u64) -> Result<(Bytes, u64), ObjectError> {
        let path = Path::from(name);
        let options = GetOptions::new().with_range(Some(0..end));
        let result = match self.store.get_opts(&path, options).await {
            Ok(result) => result,
            Err(error) => {
                // No store gives a range of nothing.
                let found = self.store.head(&path).await;
                return match found.map_err(ObjectError::at("reading", name))?.size {
                    0 => Ok((Bytes::new(), 0)),
                    _ => Err(ObjectError::at("reading", name)(error)),
                };
            }
        };
        let size = result.meta.size;
        let bytes = result.bytes().await.map_err(ObjectError::at("reading", name))?;
        Ok((bytes, size))
    }

    /// Bytes `start..end` of `name`.
    ///
    /// # Errors
    ///
    /// As for [`Objects::head`].
    pub async fn range(&self, name: &str, start: u64, end: u64) -> Result<Bytes, ObjectError> {
        self.store
            .get_range(&Path::from(name), start..end)
            .await
            .map_err(ObjectError::at("reading", name))
    }

    /// Bytes `start..end` of `name` as they come.
    pub(super) fn stream(
        &self,
        name: &str,
        start: u64,
        end: u64,
    ) -> BoxStream<'static, Result<Bytes, object_store::Error>> {
        let (store, path) = (self.store.clone(), Path::from(name));
        if self.directory.is_some() {
            return blocks(store, path, start, end).boxed();
        }
        let options = GetOptions::new().with_range(Some(start..end));
        stream::once(
            async move { store.get_opts(&path, options).await.map(GetResult::into_stream) },
        )
        .try_flatten()
        .boxed()
    }

    /// The whole object as it is stored, as it comes.
    pub(crate) async fn raw(
        &self,
        name: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, object_store::Error>>, ObjectError> {
        let path = Path::from(name);
        let result = self.store.get(&path).await.map_err(ObjectError::at("reading", name))?;
        let size = result.meta.size;
        Ok(match result.payload {
            GetResultPayload::Stream(stream) => stream,
            GetResultPayload::File(..) => blocks(self.store.clone(), path, 0, size).boxed(),
        })
    }

    /// Removes `name`; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub async fn remove(&self, name: &str) -> Result<(), ObjectError> {
        match self.store.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(ObjectError::at("removing", name)(error)),
        }
    }

    /// Names under `prefix`, with the instants of their writing, as they come.
    pub(crate) fn list(
        &self,
        prefix: &str,
    ) -> BoxStream<'static, Result<(String, Instant), ObjectError>> {
        let name = prefix.to_owned();
        self.store
            .list(Some(&Path::from(prefix)))
            .map_ok(|ObjectMeta { location, last_modified, .. }| {
                (location.to_string(), Instant(last_modified.timestamp_millis()))
            })
            .map_err(move |error| ObjectError::at("listing", &name)(error))
            .boxed()
    }

    /// Removes files that writers left unfinished when they were killed, older
    /// than `grace`, and gives how many. A bucket's unfinished writings are
    /// removed by its own lifecycle rule.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be read.
    pub(super) async fn sweep_unfinished(&self, grace: Duration) -> Result<usize, ObjectError> {
        let Some(directory) = self.directory.clone() else { return Ok(0) };
        let shown = directory.display().to_string();
        let swept = tokio::task::spawn_blocking(move || remove_staged(&directory, grace));
        swept
            .await
            .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
            .map_err(|source| ObjectError::Directory { path: shown, source })
    }
}

/// Bytes `start..end` of a file, some at a time.
fn blocks(
    store: Arc<dyn ObjectStore>,
    path: Path,
    start: u64,
    end: u64,
) -> impl futures_util::Stream<Item = Result<Bytes, object_store::Error>> + Send {
    stream::try_unfold(start, move |at| {
        let (store, path) = (store.clone(), path.clone());
        async move {
            if at >= end {
                return Ok(None);
            }
            let next = end.min(at + BLOCK);
            let bytes = store.get_range(&path, at..next).await?;
            Ok(Some((bytes, next)))
        }
    })
}

/// Staged files are called `NAME#NUMBER`, which no object is.
fn remove_staged(directory: &FilePath, grace: Duration) -> std::io::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Finished or removed meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            count += remove_staged(&entry.path(), grace)?;
        } else if entry.file_name().to_string_lossy().contains('#')
            && metadata.modified()?.elapsed().is_ok_and(|age| age >= grace)
        {
            std::fs::remove_file(entry.path())?;
            count += 1;
        }
    }
    Ok(count)
}

/// An object being written. One that is dropped unfinished leaves nothing.
pub struct Put {
    store: Arc<dyn ObjectStore>,
    name: String,
    buffer: Vec<u8>,
    multipart: Option<Box<dyn MultipartUpload>>,
    size: u64,
}

impl Put {
    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds `bytes`.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), ObjectError> {
        self.size += bytes.len() as u64;
        while self.buffer.len() + bytes.len() >= PART {
            // Grown once: what a buffer grows out of stays with the allocator.
            self.buffer.reserve_exact(PART - self.buffer.len());
            let (now, rest) = bytes.split_at(PART - self.buffer.len());
            self.buffer.extend_from_slice(now);
            bytes = rest;
            self.send().await?;
        }
        if self.multipart.is_some() {
            self.buffer.reserve_exact(PART - self.buffer.len());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    async fn send(&mut self) -> Result<(), ObjectError> {
        let failed = ObjectError::at("writing", &self.name);
        let part = std::mem::take(&mut self.buffer);
        let sent = async {
            let multipart = match &mut self.multipart {
                Some(multipart) => multipart,
                empty => empty.insert(self.store.put_multipart(&Path::from(&*self.name)).await?),
            };
            multipart.put_part(part.into()).await
        };
        sent.await.map_err(failed)
    }

    /// Makes the object visible, and gives its size.
    ///
    /// # Errors
    ///
    /// Where the store fails: then it is not.
    pub async fn finish(mut self) -> Result<u64, ObjectError> {
        let failed = ObjectError::at("writing", &self.name);
        if self.multipart.is_none() {
            let bytes = std::mem::take(&mut self.buffer);
            let path = Path::from(&*self.name);
            self.store.put(&path, bytes.into()).await.map_err(failed)?;
            return Ok(self.size);
        }
        if !self.buffer.is_empty() {
            self.send().await?;
        }
        if let Some(mut multipart) = self.multipart.take()
            && let Err(error) = multipart.complete().await
        {
            drop(multipart.abort().await);
            return Err(failed(error));
        }
        Ok(self.size)
    }
}

impl Drop for Put {
    fn drop(&mut self) {
        let Some(mut multipart) = self.multipart.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = multipart.abort().await {
                    tracing::warn!(%error, "an unfinished object was left in the store");
                }
            });
        }
    }
}
