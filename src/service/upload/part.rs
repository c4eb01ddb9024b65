//! Takes one part of an upload.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};

use super::{
    BodyError, DROP_PART, Leftovers, PART, PUT_PART, Part, UploadError, UploadState, get,
    lock_open, number,
};
use crate::id::Id;
use crate::object::{Depot, Sealed, Sealing, part_name};
use crate::store::{StoreError, values};
use crate::tenancy::{Action, Door, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

/// Keeps part `at` of an upload, whose bytes come from `body` and must have
/// SHA-256 `sha256`. A part that is there already with the same digest stays;
/// one with another is replaced.
///
/// # Errors
///
/// Where the upload is not open, or the bytes are not as many or not those that
/// were declared: then nothing is kept.
pub async fn put_part<S>(
    door: Door<'_>,
    depot: &Depot,
    upload: &Id,
    at: i64,
    sha256: &str,
    body: S,
) -> Result<Part, UploadError>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    let mut tx = door.read(Action::UploadWrite).await?;
    let open = get(&mut tx, door.project, upload).await?;
    if open.state != UploadState::Open || open.expires_at <= Instant::now() {
        return Err(UploadError::Closed);
    }
    let expected = open.size_of_part(at).ok_or(UploadError::PartNumber(open.part_count()))?;
    let known = known(&mut tx, upload, at).await?;
    let part = Part { number: at, size: expected, sha256: sha256.to_owned() };
    if known.is_some_and(|known| known.sha256 == sha256) {
        drop(tx);
        expect(body, &part).await?;
        return Ok(part);
    }
    let key = depot.keys.current(&mut tx, door.project).await?;
    let org = tx.org();
    // The bytes come at the client's pace.
    drop(tx);

    let mut attempt = [0; 16];
    getrandom::fill(&mut attempt)?;
    let name = part_name(&key, &org, door.project, upload, at, &attempt);
    let mut sealing = Sealing::begin(&depot.objects, &name, &key).await?;
    let mut body = Counted { body, part: &part, size: 0 };
    while let Some(bytes) = body.next().await? {
        sealing.write(&bytes).await?;
    }
    body.finish(sealing.sha256())?;
    let sealed = sealing.finish().await?;
    let kept = keep(door, upload, at, &sealed).await;
    match kept {
        Ok(leftovers) => {
            leftovers.remove(depot).await;
            Ok(part)
        }
        Err(error) => {
            Leftovers(vec![sealed.object_name]).remove(depot).await;
            Err(error)
        }
    }
}

async fn known(tx: &mut TenantTx, upload: &Id, at: i64) -> Result<Option<Sealed>, StoreError> {
    let org = tx.org();
    let row = tx.row(PART, values![&org, upload, at]).await?;
    row.map(|row| Sealed::of(&row)).transpose()
}

/// Writes the part's row; gives the object of a former one.
async fn keep(
    door: Door<'_>,
    upload: &Id,
    at: i64,
    sealed: &Sealed,
) -> Result<Leftovers, UploadError> {
    let mut tx = door.write(Action::UploadWrite).await?;
    lock_open(&mut tx, upload).await?;
    let org = tx.org();
    let former = known(&mut tx, upload, at).await?;
    tx.execute(DROP_PART, values![&org, upload, at]).await?;
    let values = values![
        &org,
        upload,
        at,
        number(sealed.size),
        &sealed.sha256,
        &sealed.object_name,
        number(sealed.stored_size),
        number(sealed.head_size),
        &sealed.head_sha256,
        &sealed.data_key,
        Instant::now(),
    ];
    tx.execute(PUT_PART, values).await?;
    tx.commit(Entry::on(upload).changing(None, Some(sealed.sha256.clone()))).await?;
    Ok(Leftovers(former.into_iter().map(|former| former.object_name).collect()))
}

/// Bytes of a part, no more than it has.
struct Counted<'a, S> {
    body: S,
    part: &'a Part,
    size: u64,
}

impl<S> Counted<'_, S>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        let bytes = self.body.next().await.transpose()?;
        self.size += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        match self.size > self.part.size {
            true => Err(self.wrong_size()),
            false => Ok(bytes),
        }
    }

    fn wrong_size(&self) -> UploadError {
        UploadError::PartSize { number: self.part.number, expected: self.part.size }
    }

    fn finish(self, found: String) -> Result<(), UploadError> {
        if self.size != self.part.size {
            return Err(self.wrong_size());
        }
        match found == self.part.sha256 {
            true => Ok(()),
            false => Err(UploadError::Digest { expected: self.part.sha256.clone(), found }),
        }
    }
}

/// Reads bytes that are there already, and refuses others.
async fn expect<S>(body: S, part: &Part) -> Result<(), UploadError>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    let mut digest = Sha256::new();
    let mut body = Counted { body, part, size: 0 };
    while let Some(bytes) = body.next().await? {
        digest.update(&bytes);
    }
    body.finish(hex::encode(digest.finalize()))
}
