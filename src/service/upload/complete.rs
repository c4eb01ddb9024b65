//! Makes one blob of an upload's parts.

use std::sync::Arc;

use futures_util::TryStreamExt as _;

use super::{
    COMPLETE, INSERT_BLOB, Leftovers, PARTS, Upload, UploadError, UploadState, drop_parts, get,
    lock_open, number,
};
use crate::id::{Id, Kind};
use crate::object::{DataKey, Depot, Sealed, Sealing, blob_name, open};
use crate::store::values;
use crate::tenancy::{Action, Door, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

/// A part and the key that opens it.
struct Piece {
    number: u64,
    sealed: Sealed,
    key: Arc<DataKey>,
}

/// Reads the parts of an upload in order and keeps them as one sealed object,
/// if they are the bytes that were declared. One that is complete already stays
/// as it is.
///
/// # Errors
///
/// Where parts are missing or the digest differs: the upload stays open, and
/// parts can be replaced. Where it is being joined already: its state says when
/// that is done.
pub async fn complete(door: Door<'_>, depot: &Depot, id: &Id) -> Result<Upload, UploadError> {
    let mut tx = door.read(Action::UploadWrite).await?;
    let upload = get(&mut tx, door.project, id).await?;
    match upload.state {
        UploadState::Complete => return Ok(upload),
        UploadState::Open if upload.expires_at > Instant::now() => {}
        UploadState::Open | UploadState::Aborted => return Err(UploadError::Closed),
    }
    let _claim = depot.claim(id).ok_or(UploadError::Joining)?;
    let pieces = pieces(&mut tx, depot, &upload).await?;
    let key = depot.keys.current(&mut tx, door.project).await?;
    let org = tx.org();
    // Joining takes a while.
    drop(tx);

    let blob = Id::fresh(Kind::Blob);
    let name = blob_name(&key, &org, door.project, &blob, &upload.sha256);
    let sealed = join(depot, &upload, &pieces, &name, &key).await?;
    match keep(door, &upload, &blob, &sealed).await {
        Ok((upload, leftovers)) => {
            leftovers.remove(depot).await;
            Ok(upload)
        }
        Err(error) => {
            Leftovers(vec![sealed.object_name]).remove(depot).await;
            match error {
                // Somebody else completed it meanwhile.
                UploadError::Closed => {
                    let mut tx = door.read(Action::UploadWrite).await?;
                    let upload = get(&mut tx, door.project, id).await?;
                    let is_complete = upload.state == UploadState::Complete;
                    if is_complete { Ok(upload) } else { Err(UploadError::Closed) }
                }
                error => Err(error),
            }
        }
    }
}

/// Every part, in order.
async fn pieces(
    tx: &mut TenantTx,
    depot: &Depot,
    upload: &Upload,
) -> Result<Vec<Piece>, UploadError> {
    let org = tx.org();
    let mut pieces = Vec::new();
    for row in tx.rows(PARTS, values![&org, &upload.id]).await? {
        let sealed = Sealed::of(&row)?;
        let key = depot.keys.by_id(tx, &sealed.data_key).await?;
        let number = row.natural("number")?;
        pieces.push(Piece { number, sealed, key });
    }
    let count = upload.part_count();
    let missing = count.saturating_sub(pieces.len() as u64);
    if missing > 0 {
        let here = pieces.iter().map(|piece| piece.number);
        let gap = (1..).zip(here).find(|(expected, here)| expected != here);
        let first = gap.map_or(pieces.len() as u64 + 1, |(expected, _)| expected);
        return Err(UploadError::Missing { count: missing, first });
    }
    Ok(pieces)
}

async fn join(
    depot: &Depot,
    upload: &Upload,
    pieces: &[Piece],
    name: &str,
    key: &DataKey,
) -> Result<Sealed, UploadError> {
    let mut sealing = Sealing::begin(&depot.objects, name, key).await?;
    for Piece { sealed, key, .. } in pieces {
        let mut plain = open(&depot.objects, sealed, key, 0, sealed.size).await?;
        while let Some(bytes) = plain.try_next().await? {
            sealing.write(&bytes).await?;
        }
    }
    let found = sealing.sha256();
    if found != upload.sha256 || sealing.size() != upload.size {
        return Err(UploadError::Digest { expected: upload.sha256.clone(), found });
    }
    Ok(sealing.finish().await?)
}

/// Writes the blob's row in place of the parts'.
async fn keep(
    door: Door<'_>,
    upload: &Upload,
    blob: &Id,
    sealed: &Sealed,
) -> Result<(Upload, Leftovers), UploadError> {
    let mut tx = door.write(Action::UploadWrite).await?;
    lock_open(&mut tx, &upload.id).await?;
    let org = tx.org();
    let values = values![
        &org,
        blob,
        door.project,
        &sealed.object_name,
        number(sealed.size),
        &sealed.sha256,
        number(sealed.stored_size),
        number(sealed.head_size),
        &sealed.head_sha256,
        &sealed.data_key,
        Instant::now(),
    ];
    tx.execute(INSERT_BLOB, values).await?;
    tx.execute(COMPLETE, values![&org, &upload.id, blob]).await?;
    let leftovers = drop_parts(&mut tx, &upload.id).await?;
    let upload = get(&mut tx, door.project, &upload.id).await?;
    tx.commit(Entry::on(&upload.id).changing(None, Some(sealed.sha256.clone()))).await?;
    Ok((upload, leftovers))
}
