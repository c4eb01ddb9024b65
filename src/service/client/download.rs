//! Receives a dataset into a file, which appears once it is whole and right.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use sha2::{Digest as _, Sha256};

use super::{Client, ClientError, Dataset, Project, Transfer, Watch, backoff};

/// How often a transfer that broke off goes on without having got further.
const TRIES: u32 = 5;

/// Receives `dataset` of `project` into the new file `to`. What came of an
/// earlier try that was broken off lies beside it, and is not sent again.
///
/// # Errors
///
/// Where `to` exists, the server refuses, or the bytes are not those that were
/// stored.
pub async fn download(
    client: &Client,
    project: &Project,
    dataset: &Dataset,
    to: &Path,
    watch: Watch<'_>,
) -> Result<(), ClientError> {
    let at = format!("/projects/{}/datasets/{}/content", project.id, dataset.id);
    receive_from(client, &at, dataset, to, watch).await
}

/// The same of the bytes at an address, which are as `dataset` says.
pub(super) async fn receive_from(
    client: &Client,
    at: &str,
    dataset: &Dataset,
    to: &Path,
    watch: Watch<'_>,
) -> Result<(), ClientError> {
    if to.exists() {
        return Err(ClientError::Exists(to.to_owned()));
    }
    let mut partial = Partial::open(to, dataset)?;
    let mut stalled = 0;
    while partial.size < dataset.size {
        let before = partial.size;
        let received = receive(client, at, &mut partial, watch).await;
        stalled = if partial.size > before { 0 } else { stalled + 1 };
        match received {
            Err(ClientError::Unreachable { .. }) if stalled < TRIES => {}
            Err(error) => return Err(error),
            Ok(()) if stalled == TRIES => {
                return Err(ClientError::Answer("the bytes end early".to_owned()));
            }
            Ok(()) => {}
        }
        if partial.size < dataset.size {
            tokio::time::sleep(backoff(stalled)).await;
        }
    }
    partial.finish(to)
}

async fn receive(
    client: &Client,
    at: &str,
    partial: &mut Partial<'_>,
    watch: Watch<'_>,
) -> Result<(), ClientError> {
    let total = partial.dataset.size;
    let from = partial.size;
    let make = || {
        let request = client.request(Method::GET, at);
        match from {
            0 => request,
            from => request
                .header("range", format!("bytes={from}-"))
                .header("if-range", format!("\"{}\"", partial.dataset.sha256)),
        }
    };
    let mut answer = client.tried(make).await?;
    if from > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
        partial.restart()?;
    }
    while let Some(bytes) = answer.chunk().await.map_err(|error| client.login.unreachable(error))? {
        partial.write(&bytes)?;
        watch(Transfer::Receiving(partial.size, total));
    }
    Ok(())
}

/// What came so far, in a file beside the one that is wanted.
struct Partial<'a> {
    dataset: &'a Dataset,
    path: PathBuf,
    file: File,
    digest: Sha256,
    size: u64,
}

impl<'a> Partial<'a> {
    fn open(to: &Path, dataset: &'a Dataset) -> Result<Self, ClientError> {
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        // Of other bytes there is another.
        let code = dataset.sha256.get(..16).unwrap_or_default();
        let path = to.with_file_name(format!(".{name}.{code}.partial"));
        let failed = || ClientError::at("writing", &path);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed())?;
        let (mut digest, mut size, mut block) = (Sha256::new(), 0, vec![0; 1 << 20]);
        loop {
            let count = file.read(&mut block).map_err(failed())?;
            if count == 0 {
                break;
            }
            digest.update(&block[..count]);
            size += count as u64;
        }
        let mut partial = Self { dataset, path, file, digest, size };
        if partial.size > dataset.size {
            partial.restart()?;
        }
        Ok(partial)
    }

    fn restart(&mut self) -> Result<(), ClientError> {
        self.file.set_len(0).map_err(ClientError::at("writing", &self.path))?;
        (self.digest, self.size) = (Sha256::new(), 0);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        if self.size + bytes.len() as u64 > self.dataset.size {
            self.restart()?;
            return Err(ClientError::Answer("it is longer than the dataset".to_owned()));
        }
        self.file.write_all(bytes).map_err(ClientError::at("writing", &self.path))?;
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Checks the digest and gives the file its name.
    fn finish(self, to: &Path) -> Result<(), ClientError> {
        let (expected, found) = (self.dataset.sha256.clone(), hex::encode(self.digest.finalize()));
        if expected != found {
            drop(self.file);
            let removed = std::fs::remove_file(&self.path);
            removed.map_err(ClientError::at("removing", &self.path))?;
            return Err(ClientError::Digest { expected, found });
        }
        self.file.sync_all().map_err(ClientError::at("writing", &self.path))?;
        // A link never takes another's place, as a rename does.
        match std::fs::hard_link(&self.path, to) {
            Ok(()) => std::fs::remove_file(&self.path).map_err(ClientError::at("naming", to)),
            Err(_) if to.exists() => Err(ClientError::Exists(to.to_owned())),
            // File systems without links.
            Err(_) => std::fs::rename(&self.path, to).map_err(ClientError::at("naming", to)),
        }
    }
}
