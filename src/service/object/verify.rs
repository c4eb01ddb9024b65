//! Reads every stored blob of an organisation and says which are not what was
//! stored. It must not know what they are for.

use futures_util::TryStreamExt as _;

use super::{Depot, ObjectError, Sealed, StorageError, open};
use crate::id::Id;
use crate::store::{Store, statements, values};
use crate::tenancy::{Action, Origin, Principal, TenantTx};

statements! {
    BLOBS = "SELECT id, object_name, size, sha256, stored_size, head_size, head_sha256, \
        data_key_id FROM blob WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT 100";
}
pub(crate) use ALL as STATEMENTS;

/// A blob that is not what was stored.
#[derive(Debug)]
pub struct Damage {
    /// Which.
    pub blob: Id,
    /// What is wrong with it.
    pub reason: String,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Blobs read.
    pub blobs: u64,
    /// Their plain bytes.
    pub bytes: u64,
    /// Those that are not what was stored.
    pub damaged: Vec<Damage>,
}

/// Reads every blob of the organisation of `principal` whole.
///
/// # Errors
///
/// Where the database or the store fails; damage is no error but a finding, and
/// so is a key that does not unwrap.
pub async fn verify(
    store: &Store,
    depot: &Depot,
    principal: &Principal,
) -> Result<Verified, StorageError> {
    let (mut verified, mut after) = (Verified::default(), String::new());
    loop {
        let origin = Origin::local();
        let mut tx = TenantTx::read(store, principal, &origin, Action::StorageSweep, None).await?;
        let mut blobs = Vec::new();
        for row in tx.rows(BLOBS, values![&principal.org, &after]).await? {
            let sealed = Sealed::of(&row)?;
            let key = depot.keys.by_id(&mut tx, &sealed.data_key).await;
            blobs.push((row.id("id")?, sealed, key));
        }
        drop(tx);
        let Some((last, ..)) = blobs.last() else { return Ok(verified) };
        after = last.to_string();
        for (blob, sealed, key) in blobs {
            verified.blobs += 1;
            let reason = match key {
                Ok(key) => match read(depot, &sealed, &key).await {
                    Ok(bytes) => {
                        verified.bytes += bytes;
                        continue;
                    }
                    Err(error) if error.is_tampering() => error.to_string(),
                    Err(error) => return Err(error.into()),
                },
                Err(error) => error.to_string(),
            };
            verified.damaged.push(Damage { blob, reason });
        }
    }
}

async fn read(depot: &Depot, sealed: &Sealed, key: &super::DataKey) -> Result<u64, ObjectError> {
    let plain = open(&depot.objects, sealed, key, 0, sealed.size).await?;
    plain.try_fold(0, |bytes, piece| async move { Ok(bytes + piece.len() as u64) }).await
}
