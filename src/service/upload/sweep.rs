//! Removes uploads that expired, and bytes that nothing uses since.

use super::{BLOB_NAME, DROP_BLOB, DROP_UPLOAD, EXPIRED, Leftovers, UploadError, drop_parts};
use crate::id::Id;
use crate::object::Depot;
use crate::store::{Store, values};
use crate::tenancy::{Action, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

/// Removes the uploads of the organisation of `principal` that expired by `now`,
/// with their parts, and their blobs unless a dataset was made of them. Gives
/// how many uploads were removed.
///
/// # Errors
///
/// Where the database fails; what was removed stays removed.
pub async fn sweep_expired(
    store: &Store,
    depot: &Depot,
    principal: &Principal,
    now: Instant,
) -> Result<usize, UploadError> {
    let mut count = 0;
    loop {
        let origin = Origin::local();
        let action = Action::StorageSweep;
        let mut tx = TenantTx::read(store, principal, &origin, action, None).await?;
        let expired = tx.rows(EXPIRED, values![&principal.org, now]).await?;
        drop(tx);
        if expired.is_empty() {
            return Ok(count);
        }
        for row in expired {
            let (id, blob) = (row.id("id")?, row.optional_id("blob_id")?);
            let tx = TenantTx::write(store, principal, &origin, action, None).await?;
            remove(tx, &id, blob.as_ref(), now).await?.remove(depot).await;
            count += 1;
        }
    }
}

async fn remove(
    mut tx: TenantTx,
    id: &Id,
    blob: Option<&Id>,
    now: Instant,
) -> Result<Leftovers, UploadError> {
    let org = tx.org();
    let mut leftovers = drop_parts(&mut tx, id).await?;
    tx.execute(DROP_UPLOAD, values![&org, id, now]).await?;
    if let Some(blob) = blob {
        let name = tx.row(BLOB_NAME, values![&org, blob]).await?;
        let name = name.map(|row| row.text("object_name")).transpose()?;
        if tx.execute(DROP_BLOB, values![&org, blob]).await? > 0 {
            leftovers.0.extend(name);
        }
    }
    tx.commit(Entry::on(id)).await?;
    Ok(leftovers)
}
