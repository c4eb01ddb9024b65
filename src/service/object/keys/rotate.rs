//! Replaces the keys of an organisation. It must not know what they encrypt.
//!
//! In one transaction: a fresh key of the organisation; every project's keys
//! and every second factor's secret encrypted for it; a fresh key for each project's new objects; the private halves
//! of the organisation's former keys destroyed. Objects stay as they are: their
//! projects' former keys still open them.

use std::collections::BTreeSet;

use super::ring::{
    DESTROY, LOCK, OF_PROJECTS, OTHERS_OF_ORG, RESEAL, RETIRE, REWRAP, SECOND_FACTORS, Wrapped,
    insert_project_key,
};
use super::{DataKey, Keyring, OrgKey};
use crate::id::Id;
use crate::object::KeyError;
use crate::store::values;
use crate::tenancy::TenantTx;
use crate::time::Instant;
use crate::trail::Entry;

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The organisation's fresh key.
    pub key: Id,
    /// Keys of projects that it wraps.
    pub rewrapped: usize,
    /// Projects with a fresh key.
    pub projects: usize,
}

/// Replaces the keys of the organisation of `tx`, which must be one that
/// writes, for [`KeyRotate`](crate::tenancy::Action::KeyRotate).
///
/// # Errors
///
/// Where a key does not unwrap, or the database refuses: then nothing changed.
pub async fn rotate(keys: &Keyring, mut tx: TenantTx) -> Result<Rotated, KeyError> {
    let (org, now) = (tx.org(), Instant::now());
    tx.execute(LOCK, values![&org]).await?;
    let former = keys.org(&mut tx).await?;
    let parent = keys.insert_org_key(&mut tx).await?;
    if let Some(former) = former {
        reseal(&mut tx, &former, &parent).await?;
    }
    let mut projects = BTreeSet::new();
    let rows = tx.rows(OF_PROJECTS, values![&org]).await?;
    for row in &rows {
        let key = keys.unwrap(&mut tx, Wrapped::of(row)?).await?;
        let wrapped = parent.wrap(&key)?;
        tx.execute(REWRAP, values![&org, key.id(), &wrapped, parent.id()]).await?;
        tx.execute(RETIRE, values![&org, key.id(), now]).await?;
        projects.insert(row.id("project_id")?);
    }
    for project in &projects {
        insert_project_key(&mut tx, &parent, project, &DataKey::fresh()).await?;
    }
    for row in tx.rows(OTHERS_OF_ORG, values![&org, parent.id()]).await? {
        tx.execute(DESTROY, values![&org, &row.id("id")?, now]).await?;
    }
    let done =
        Rotated { key: parent.id().clone(), rewrapped: rows.len(), projects: projects.len() };
    tx.commit(Entry::on(&done.key)).await?;
    keys.forget();
    Ok(done)
}

/// Encrypts the secrets of second factors for the key `parent`.
async fn reseal(tx: &mut TenantTx, former: &OrgKey, parent: &OrgKey) -> Result<(), KeyError> {
    let org = tx.org();
    for row in tx.rows(SECOND_FACTORS, values![&org]).await? {
        let mut sealed = [row.optional_text("totp_secret")?, row.optional_text("totp_pending")?];
        for text in sealed.iter_mut().flatten() {
            *text = parent.seal(&former.open(text)?)?;
        }
        let member = row.id("id")?;
        let values = values![&org, &member, sealed[0].as_deref(), sealed[1].as_deref()];
        tx.execute(RESEAL, values).await?;
    }
    Ok(())
}
