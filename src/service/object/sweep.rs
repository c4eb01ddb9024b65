//! Removes objects that no row names: what a killed server left behind. It must
//! not know what objects hold.
//!
//! An object is written before its row, and its row removed before the object,
//! so a kill leaves an object without a row and never a row without its object.

use std::time::Duration;

use futures_util::TryStreamExt as _;

use super::{Objects, StorageError};
use crate::store::{Store, statements, values};
use crate::tenancy::{Action, Origin, Principal, TenantTx};
use crate::time::Instant;

statements! {
    IS_NAMED = "SELECT object_name FROM blob WHERE org_id = $1 AND object_name = $2 \
        UNION ALL \
        SELECT object_name FROM upload_part WHERE org_id = $1 AND object_name = $2";
}
pub(crate) use ALL as STATEMENTS;

/// Names looked up in one transaction.
const AT_ONCE: usize = 256;

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects without a row.
    pub objects: usize,
    /// Files that a writer left unfinished.
    pub unfinished: usize,
}

/// Removes objects of the organisation of `principal` that no row names and
/// that are older than `grace`, which must exceed the longest time between
/// writing an object and committing its row.
///
/// # Errors
///
/// Where the database or the store fails; what was removed stays removed.
pub async fn sweep(
    store: &Store,
    objects: &Objects,
    principal: &Principal,
    grace: Duration,
) -> Result<Swept, StorageError> {
    let before = Instant::now().minus(grace);
    let mut swept = Swept { unfinished: objects.sweep_unfinished(grace).await?, objects: 0 };
    let mut names = objects
        .list(principal.org.as_str())
        .try_filter_map(|(name, at)| std::future::ready(Ok((at <= before).then_some(name))))
        .try_chunks(AT_ONCE);
    while let Some(names) = names.try_next().await.map_err(|error| error.1)? {
        for name in unnamed(store, principal, names).await? {
            objects.remove(&name).await?;
            swept.objects += 1;
        }
    }
    Ok(swept)
}

async fn unnamed(
    store: &Store,
    principal: &Principal,
    names: Vec<String>,
) -> Result<Vec<String>, StorageError> {
    let origin = Origin::local();
    let mut tx = TenantTx::read(store, principal, &origin, Action::StorageSweep, None).await?;
    let mut unnamed = Vec::new();
    for name in names {
        if tx.row(IS_NAMED, values![&principal.org, &name]).await?.is_none() {
            unnamed.push(name);
        }
    }
    Ok(unnamed)
}
