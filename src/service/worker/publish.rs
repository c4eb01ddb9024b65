//! Sends what a job made to the server. It must not know how it was made.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use hetero2_common::files::digest_file;

use super::transport::{Link, LinkError};
use crate::job::protocol::{Lease, NewArtifact};

/// Bytes of a part where the server says none.
const SMALLEST_PART: u64 = 1 << 16;

/// Uploads a file as the artifact `name`; gives the upload's id. An upload that an
/// earlier worker of the same attempt began goes on where it ended.
///
/// # Errors
/// [`LinkError`].
pub(super) async fn upload(
    link: &Link,
    lease: &Lease,
    name: &str,
    path: &Path,
) -> Result<String, LinkError> {
    let (size, sha256) = digest(path)?;
    let artifact = NewArtifact { name: name.to_owned(), size, sha256 };
    let upload = link.upload(lease, &artifact).await?;
    let part_size = upload.part_size.max(SMALLEST_PART);
    let mut file = File::open(path).map_err(LinkError::file("reading", path))?;
    let (mut at, mut number) = (0, 0);
    while at < size {
        number += 1;
        let length = part_size.min(size - at);
        if !upload.parts_done.iter().any(|done| u64::from(*done) == number) {
            let bytes = part(&mut file, path, at, length)?;
            link.part(lease, &upload.upload, number, bytes.into()).await?;
        }
        at += length;
    }
    link.complete(lease, &upload.upload).await?;
    Ok(upload.upload)
}

fn digest(path: &Path) -> Result<(u64, String), LinkError> {
    let found = digest_file(path).map_err(|error| LinkError::File {
        action: error.action,
        path: name(path),
        source: error.source,
    })?;
    Ok((found.bytes, found.sha256.to_string()))
}

fn part(file: &mut File, path: &Path, at: u64, length: u64) -> Result<Vec<u8>, LinkError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.take(length).read_to_end(&mut bytes))
        .map_err(LinkError::file("reading", path))?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => {
            let source = std::io::Error::other("it changed while it was read");
            Err(LinkError::File { action: "reading", path: name(path), source })
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
