//! Sends a file: its digest first, then the parts that the server lacks.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Client, ClientError, Dataset, Project, Transfer, Watch};

/// How often joining is asked for, two seconds apart: it may take an hour.
const JOINS: u32 = 1800;

/// What the dataset is called.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Its name; the file's unless given.
    pub name: Option<&'a str>,
    /// What it is.
    pub description: &'a str,
}

/// An upload, as far as the client needs it.
#[derive(Debug, Clone, Deserialize)]
struct Upload {
    id: String,
    name: String,
    size: u64,
    sha256: String,
    part_size: u64,
    state: String,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize)]
struct Part {
    number: u64,
}

/// Sends `file` to `project` and makes it a dataset. An upload of the same bytes
/// under the same name that was broken off goes on where it ended.
///
/// # Errors
///
/// Where the file cannot be read, changes meanwhile, or the server refuses.
pub async fn upload(
    client: &Client,
    project: &Project,
    file: &Path,
    named: Named<'_>,
    watch: Watch<'_>,
) -> Result<Dataset, ClientError> {
    let (size, sha256) = digest(file, watch)?;
    let file_name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let uploads = format!("/projects/{}/uploads", project.id);
    let upload = match resumable(client, &uploads, &file_name, size, &sha256).await? {
        Some(upload) => upload,
        None => {
            let new = json!({"name": file_name, "size": size, "sha256": sha256});
            client.post(&uploads, None, &new).await?
        }
    };
    let at = format!("{uploads}/{}", upload.id);
    if upload.state == "open" {
        send(client, &at, file, watch).await?;
        watch(Transfer::Joining);
        join(client, &at).await?;
    }
    let new = json!({
        "upload": upload.id,
        "name": named.name.unwrap_or(&file_name),
        "description": named.description,
    });
    // Once, however often this is tried.
    let key = format!("dataset-{}", upload.id);
    client.post(&format!("/projects/{}/datasets", project.id), Some(&key), &new).await
}

/// An upload of the same bytes that is not yet a dataset, as far as it is known.
async fn resumable(
    client: &Client,
    uploads: &str,
    name: &str,
    size: u64,
    sha256: &str,
) -> Result<Option<Upload>, ClientError> {
    let known = client.list::<Upload>(uploads).await?;
    let is_same = |upload: &Upload| {
        upload.state == "open"
            && upload.name == name
            && upload.size == size
            && upload.sha256 == sha256
    };
    Ok(known.into_iter().find(is_same))
}

async fn send(client: &Client, at: &str, path: &Path, watch: Watch<'_>) -> Result<(), ClientError> {
    let upload: Upload = client.get(at).await?;
    let there: BTreeSet<u64> = upload.parts.iter().map(|part| part.number).collect();
    let mut file = File::open(path).map_err(ClientError::at("reading", path))?;
    let mut sent = 0;
    let mut number = 0;
    while sent < upload.size {
        number += 1;
        let length = upload.part_size.min(upload.size - sent);
        if !there.contains(&number) {
            watch(Transfer::Sending(sent, upload.size));
            let bytes = read_part(&mut file, path, sent, length)?;
            put(client, &format!("{at}/parts/{number}"), bytes).await?;
        }
        sent += length;
    }
    watch(Transfer::Sending(sent, upload.size));
    Ok(())
}

/// Has the parts joined, which may take longer than an answer: then it asks how
/// the upload stands until it stands no more.
async fn join(client: &Client, at: &str) -> Result<(), ClientError> {
    let complete = format!("{at}/complete");
    let mut last = None;
    for _ in 0..JOINS {
        match client.post::<Upload>(&complete, None, &json!({})).await {
            Ok(_) => return Ok(()),
            Err(error) if is_at_work(&error) => last = Some(error),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    last.map_or(Ok(()), Err)
}

/// The server did not answer yet, or says that it is at it.
fn is_at_work(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { source, .. } => source.is_timeout(),
        error => matches!(error.code(), Some("upload_joining" | "timeout")),
    }
}

fn read_part(file: &mut File, path: &Path, at: u64, length: u64) -> Result<Bytes, ClientError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    let read = file
        .seek(SeekFrom::Start(at))
        .and_then(|_| file.take(length).read_to_end(&mut bytes))
        .map_err(ClientError::at("reading", path))?;
    match read as u64 == length {
        true => Ok(bytes.into()),
        false => Err(ClientError::Changed(path.to_owned())),
    }
}

async fn put(client: &Client, at: &str, bytes: Bytes) -> Result<(), ClientError> {
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&bytes)));
    let make = || {
        client
            .request(Method::PUT, at)
            .header("content-type", "application/octet-stream")
            .header("content-digest", &digest)
            .body(bytes.clone())
    };
    client.tried(make).await.map(drop)
}

/// Size and SHA-256 of a file.
fn digest(path: &Path, watch: Watch<'_>) -> Result<(u64, String), ClientError> {
    let failed = || ClientError::at("reading", path);
    let mut file = File::open(path).map_err(failed())?;
    let size = file.metadata().map_err(failed())?.len();
    let (mut digest, mut done, mut block) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let count = file.read(&mut block).map_err(failed())?;
        if count == 0 {
            return Ok((done, hex::encode(digest.finalize())));
        }
        digest.update(&block[..count]);
        done += count as u64;
        watch(Transfer::Hashing(done, size));
    }
}
