//! The inputs of a job, copied into its folder and checked. It must not know
//! what they are for.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use hetero2_common::files::disk::{self, DiskFile};
use hetero2_common::files::parent_of;
use sha2::{Digest as _, Sha256};

use super::failed::{Broken, Failed};
use super::folder::{JobFolder, Staged};
use super::transport::{Link, LinkError, backoff, unreachable};
use crate::job::protocol::{Lease, LeasedInput, Reason};

/// How often a transfer goes on that got no further.
const TRIES: u32 = 30;

/// Copies what is not there yet; every file is checked by size and SHA-256 before
/// it gets its name.
///
/// # Errors
/// [`Broken`].
pub(super) async fn stage(
    link: &Link,
    lease: &Lease,
    folder: &JobFolder,
) -> Result<Vec<Staged>, Broken> {
    let mut staged = Vec::with_capacity(lease.inputs.len());
    for (number, input) in lease.inputs.iter().enumerate() {
        let path = folder.input(number, input);
        let is_there =
            path.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() == input.size);
        if !is_there {
            disk::create_dir_all(parent_of(&path))
                .map_err(|error| Failed::disk("make", parent_of(&path), error))?;
            receive(link, lease, number, input, &path).await?;
        }
        staged.push(Staged { role: input.role, path });
    }
    Ok(staged)
}

async fn receive(
    link: &Link,
    lease: &Lease,
    number: usize,
    input: &LeasedInput,
    path: &Path,
) -> Result<(), Broken> {
    let partial = path.with_file_name(".partial");
    let written = |error| Failed::disk("write", path, error);
    let mut file = DiskFile::append(&partial).map_err(written)?;
    let (mut digest, mut size) = read_again(&mut file).map_err(written)?;
    let mut tries = 0;
    while size < input.size {
        let before = size;
        let received =
            append(link, lease, number, input, (&mut file, &mut digest, &mut size)).await;
        tries = if size > before { 0 } else { tries + 1 };
        match received {
            Ok(()) | Err(LinkError::Unreachable(_) | LinkError::Answer(_)) if tries < TRIES => {}
            Err(error) if error.is_passing() && tries < TRIES => {}
            Ok(()) => return Err(Failed::new(Reason::Transfer, "an input ends early").into()),
            Err(LinkError::Fenced) => return Err(Broken::Fenced),
            Err(LinkError::File { source, .. }) => return Err(written(source).into()),
            Err(error) => {
                let what = format!("input {number} cannot be fetched: {error}");
                return Err(Failed::new(Reason::Transfer, &what).into());
            }
        }
        if size < input.size {
            tokio::time::sleep(if tries == 0 { Duration::ZERO } else { backoff(tries) }).await;
        }
    }
    if hex::encode(digest.finalize()) != input.sha256 {
        disk::remove_file(&partial).map_err(written)?;
        let what = format!("input {number} is not what was stored: its SHA-256 differs");
        return Err(Failed::new(Reason::Transfer, &what).into());
    }
    file.sync_all().map_err(written)?;
    disk::rename(&partial, path).map_err(written)?;
    Ok(())
}

async fn append(
    link: &Link,
    lease: &Lease,
    number: usize,
    input: &LeasedInput,
    (file, digest, size): (&mut DiskFile, &mut Sha256, &mut u64),
) -> Result<(), LinkError> {
    let failed = |error| LinkError::file("writing", Path::new("an input"))(error);
    let mut answer = link.input(lease, number, *size).await?;
    if *size > 0 && answer.status() != reqwest::StatusCode::PARTIAL_CONTENT {
        file.set_len(0).map_err(failed)?;
        (*digest, *size) = (Sha256::new(), 0);
    }
    while let Some(bytes) = answer.chunk().await.map_err(unreachable)? {
        if *size + bytes.len() as u64 > input.size {
            file.set_len(0).map_err(failed)?;
            (*digest, *size) = (Sha256::new(), 0);
            return Err(LinkError::Answer("it is longer than the input".to_owned()));
        }
        file.write_all(&bytes).map_err(failed)?;
        digest.update(&bytes);
        *size += bytes.len() as u64;
    }
    Ok(())
}

/// Digest and size of what an earlier attempt received.
fn read_again(file: &mut DiskFile) -> std::io::Result<(Sha256, u64)> {
    let (mut digest, mut size, mut block) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            return Ok((digest, size));
        }
        digest.update(&block[..count]);
        size += count as u64;
    }
}
