//! Plans, and which one an organisation has: set at the server's machine alone,
//! with the rights of the database's owner. It must not know what is used.

use serde::Serialize;

use super::Limits;
use crate::id::Id;
use crate::store::{Columns, RawTx, Statement, Store, StoreError, statements, values};
use crate::tenancy::{Action, Denied, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

statements! {
    ALL_PLANS = "SELECT name, weight, running_jobs, waiting_jobs, core_seconds, stored_bytes, price, \
        currency FROM plan ORDER BY name";
    PUT = "INSERT INTO plan (name, weight, running_jobs, waiting_jobs, core_seconds, stored_bytes, \
        price, currency, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT (name) DO UPDATE SET weight = excluded.weight, \
        running_jobs = excluded.running_jobs, waiting_jobs = excluded.waiting_jobs, \
        core_seconds = excluded.core_seconds, stored_bytes = excluded.stored_bytes, \
        price = excluded.price, currency = excluded.currency, updated_at = excluded.updated_at";
    /// What was set meanwhile stays.
    KEEP = "INSERT INTO plan (name, weight, running_jobs, waiting_jobs, core_seconds, stored_bytes, \
        price, currency, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT (name) DO NOTHING";
    ASSIGN = "INSERT INTO quota (org_id, plan, running_jobs, waiting_jobs, core_seconds, \
        stored_bytes, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (org_id) DO UPDATE SET plan = excluded.plan, \
        running_jobs = excluded.running_jobs, waiting_jobs = excluded.waiting_jobs, \
        core_seconds = excluded.core_seconds, stored_bytes = excluded.stored_bytes, \
        updated_at = excluded.updated_at";
    UNASSIGN = "DELETE FROM quota WHERE org_id = $1";
}
pub(crate) use ALL as STATEMENTS;

/// What organisations that have it may use, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The share of a busy pool that an organisation gets beside others.
    pub weight: i64,
    /// What an organisation may use.
    #[serde(flatten)]
    pub limits: Limits,
    /// Millionths of the currency for a core-hour.
    pub price: i64,
    /// The currency (ISO 4217).
    pub currency: String,
}

/// Plans that there are until somebody sets them otherwise.
#[must_use]
pub fn built_in() -> [Plan; 3] {
    let plan = |name: &str, weight, limits| Plan {
        name: name.to_owned(),
        weight,
        limits,
        price: 0,
        currency: "EUR".to_owned(),
    };
    let free = Limits {
        running_jobs: Some(2),
        waiting_jobs: Some(1000),
        core_seconds: Some(100 * 3600),
        stored_bytes: Some(10 << 30),
    };
    let team = Limits {
        running_jobs: Some(32),
        waiting_jobs: Some(20_000),
        core_seconds: Some(20_000 * 3600),
        stored_bytes: Some(1 << 40),
    };
    [plan("free", 1, free), plan("team", 4, team), plan("enterprise", 16, Limits::default())]
}

/// Why a plan is not set or given.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is none of this name.
    #[error("there is no plan {0:?}")]
    Absent(String),
    /// It would be of no use.
    #[error("{0}")]
    Unusable(&'static str),
    /// The organisation could not be entered.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn read(row: &Columns) -> Result<Plan, StoreError> {
    Ok(Plan {
        name: row.text("name")?,
        weight: row.number("weight")?,
        limits: Limits {
            running_jobs: row.optional_number("running_jobs")?,
            waiting_jobs: row.optional_number("waiting_jobs")?,
            core_seconds: row.optional_number("core_seconds")?,
            stored_bytes: row.optional_number("stored_bytes")?,
        },
        price: row.number("price")?,
        currency: row.text("currency")?,
    })
}

/// Every plan: those that were set, and built-in ones that were not.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(store: &Store) -> Result<Vec<Plan>, StoreError> {
    let mut raw = store.begin_read().await?;
    let rows = raw.rows(ALL_PLANS, &[]).await?;
    let mut plans = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let missing = built_in().into_iter().filter(|built| {
        let is_same = |plan: &Plan| plan.name == built.name;
        !plans.iter().any(is_same)
    });
    let missing: Vec<_> = missing.collect();
    plans.extend(missing);
    Ok(plans)
}

/// Sets `plan`, for the organisations that have it, too.
///
/// # Errors
///
/// Where a number is less than nothing, or the database refuses.
pub async fn set(store: &Store, plan: &Plan) -> Result<(), PlanError> {
    check(plan)?;
    let mut raw = store.begin_write().await?;
    put(&mut raw, PUT, plan).await?;
    Ok(raw.commit().await?)
}

fn check(plan: &Plan) -> Result<(), PlanError> {
    let is_name = (1..=40).contains(&plan.name.len())
        && plan.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_name {
        return Err(PlanError::Unusable("a plan's name has 1 to 40 characters of a-z, 0-9 and -"));
    }
    if !(1..=1000).contains(&plan.weight) {
        return Err(PlanError::Unusable("a plan's weight is 1 to 1000"));
    }
    if plan.price < 0 {
        return Err(PlanError::Unusable("a price is not negative"));
    }
    let is_currency =
        plan.currency.len() == 3 && plan.currency.bytes().all(|b| b.is_ascii_uppercase());
    match is_currency {
        true => check_limits(&plan.limits),
        false => Err(PlanError::Unusable("a currency is three capital letters, as in EUR")),
    }
}

fn check_limits(limits: &Limits) -> Result<(), PlanError> {
    let Limits { running_jobs, waiting_jobs, core_seconds, stored_bytes } = limits;
    let all = [running_jobs, waiting_jobs, core_seconds, stored_bytes];
    match all.into_iter().flatten().all(|limit| *limit >= 0) {
        true => Ok(()),
        false => Err(PlanError::Unusable("a limit is not negative")),
    }
}

async fn put(raw: &mut RawTx, how: Statement, plan: &Plan) -> Result<(), StoreError> {
    let Limits { running_jobs, waiting_jobs, core_seconds, stored_bytes } = plan.limits;
    let values = values![
        &plan.name,
        plan.weight,
        running_jobs,
        waiting_jobs,
        core_seconds,
        stored_bytes,
        plan.price,
        &plan.currency,
        Instant::now(),
    ];
    raw.execute(how, values).await?;
    Ok(())
}

/// Gives `org` the plan called `name`, with limits of its own where `own` has
/// them ([`UNLIMITED`](super::UNLIMITED): none, whatever the plan says); without
/// a name, takes its plan away.
///
/// # Errors
///
/// Where there is no such plan, or the database refuses.
pub async fn assign(
    store: &Store,
    org: &Id,
    name: Option<&str>,
    own: &Limits,
) -> Result<(), PlanError> {
    check_limits(own)?;
    if let Some(name) = name {
        let known = list(store).await?;
        let plan = known.iter().find(|plan| plan.name == name);
        let plan = plan.ok_or_else(|| PlanError::Absent(name.to_owned()))?;
        let mut raw = store.begin_write().await?;
        put(&mut raw, KEEP, plan).await?;
        raw.commit().await?;
    }
    let (system, origin) = (Principal::system(org.clone()), Origin::local());
    let mut tx = TenantTx::write(store, &system, &origin, Action::QuotaSet, None).await?;
    match name {
        None => tx.execute(UNASSIGN, values![org]).await?,
        Some(name) => {
            let Limits { running_jobs, waiting_jobs, core_seconds, stored_bytes } = *own;
            let now = Instant::now();
            let values =
                values![org, name, running_jobs, waiting_jobs, core_seconds, stored_bytes, now];
            tx.execute(ASSIGN, values).await?
        }
    };
    Ok(tx.commit(Entry::on(&name.unwrap_or("no plan"))).await?)
}
