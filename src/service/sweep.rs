//! What the server does by itself, for every organisation in turn: forgets what
//! is too old. It must not know any account.

use std::time::Duration;

use crate::api::{App, once};
use crate::directory::org;
use crate::id::Id;
use crate::store::{Store, StoreError, values};
use crate::tenancy::{Action, Denied, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

/// How often.
const EVERY: Duration = Duration::from_secs(600);

/// Sweeps until it is dropped.
pub async fn forever(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        app.limits().sweep();
        if let Err(error) = once_for_all(app.store()).await {
            let error = hetero2_common::errors::with_causes(&error);
            tracing::error!(error, "what is too old could not be removed");
        }
    }
}

async fn once_for_all(store: &Store) -> Result<(), Denied> {
    for org in org::ids(store).await? {
        sweep(store, org).await?;
    }
    Ok(())
}

async fn sweep(store: &Store, org: Id) -> Result<(), Denied> {
    let system = Principal::system(org.clone());
    let kept = i64::try_from(once::KEPT.as_millis()).unwrap_or(i64::MAX);
    let before = Instant(Instant::now().0.saturating_sub(kept));
    let mut tx = TenantTx::write(store, &system, &Origin::local(), Action::Sweep, None).await?;
    let forgotten: Result<u64, StoreError> =
        tx.execute(once::FORGET_OLD, values![&org, before]).await;
    match forgotten? {
        0 => Ok(()),
        count => Ok(tx.commit(Entry::on(&format!("{count} kept answers"))).await?),
    }
}
