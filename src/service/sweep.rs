//! What the server does by itself, for every organisation in turn: forgets what
//! is too old, and takes jobs back from workers that are gone. It must not know
//! any account.

use std::time::Duration;

use crate::api::{App, once};
use crate::directory::org;
use crate::job::end::take_back_lost;
use crate::object;
use crate::quota::statement;
use crate::store::{StoreError, values};
use crate::tenancy::{Action, Denied, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;
use crate::upload;

/// How often it is looked for leases that ran out.
const LEASES: Duration = Duration::from_secs(5);

/// How often the rest is done.
const EVERY: Duration = Duration::from_secs(600);

/// How often all objects are listed, which a bucket is slow at, and paid for:
/// one of so many sweeps, the second one first.
const LISTING: u64 = 144;

/// Objects without a row are removed once they are older: more than the longest
/// upload of a part, or making of a blob, takes.
const GRACE: Duration = Duration::from_secs(24 * 3600);

/// Sweeps until it is dropped.
pub async fn forever(app: App) {
    tokio::join!(take_back(&app), forget(&app));
}

async fn take_back(app: &App) {
    let mut ticks = tokio::time::interval(LEASES);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match take_back_lost(app.store(), Instant::now()).await {
            Ok(0) => {}
            Ok(jobs) => tracing::warn!(jobs, "workers were lost, and their jobs taken back"),
            Err(error) => {
                let error = hetero2_common::errors::with_causes(&error);
                tracing::error!(error, "jobs of lost workers could not be taken back");
            }
        }
    }
}

async fn forget(app: &App) {
    let mut ticks = tokio::time::interval(EVERY);
    for count in 0_u64.. {
        ticks.tick().await;
        app.limits().sweep();
        let done = match count % LISTING {
            1 => sweep_objects(app).await,
            _ => once_for_all(app).await,
        };
        if let Err(error) = done {
            let error = hetero2_common::errors::with_causes(&error);
            tracing::error!(error, "what is too old could not be removed");
        }
    }
}

async fn once_for_all(app: &App) -> Result<(), Failed> {
    for org in org::ids(app.store()).await? {
        statement::close_months(app.store(), &org, Instant::now()).await?;
        let system = Principal::system(org);
        forget_answers(app, &system).await?;
        let (store, depot) = (app.store(), app.depot());
        upload::sweep_expired(store, depot, &system, Instant::now()).await?;
    }
    Ok(())
}

async fn sweep_objects(app: &App) -> Result<(), Failed> {
    for org in org::ids(app.store()).await? {
        let (store, objects) = (app.store(), &app.depot().objects);
        object::sweep(store, objects, &Principal::system(org), GRACE).await?;
    }
    Ok(())
}

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Upload(#[from] upload::UploadError),
    #[error(transparent)]
    Object(#[from] object::StorageError),
}

async fn forget_answers(app: &App, system: &Principal) -> Result<(), Failed> {
    let before = Instant::now().minus(once::KEPT);
    let (store, origin) = (app.store(), Origin::local());
    let mut tx = TenantTx::write(store, system, &origin, Action::Sweep, None).await?;
    match tx.execute(once::FORGET_OLD, values![&system.org, before]).await? {
        0 => Ok(()),
        count => Ok(tx.commit(Entry::on(&format!("{count} kept answers"))).await?),
    }
}
