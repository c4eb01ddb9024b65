//! What an organisation may use: asked where a job is submitted, where one is
//! claimed, and where bytes come in. It must not know how jobs are queued, nor
//! HTTP.
//!
//! An organisation without a plan has no limits. Limits that are checked by
//! counting take a lock of the organisation first, so that of two who ask at
//! once the second one counts what the first one added. Where there is no limit
//! there is no lock and no count.

pub mod month;
pub mod plan;
pub mod statement;
#[cfg(test)]
mod tests;
pub mod usage;

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{Columns, Engine, Statement, StoreError, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;
use month::Month;

pub use usage::{Ended, record};

statements! {
    LIMITS = "SELECT quota.plan, plan.weight, plan.price, plan.currency, \
        COALESCE(quota.running_jobs, plan.running_jobs) AS running_jobs, \
        COALESCE(quota.waiting_jobs, plan.waiting_jobs) AS waiting_jobs, \
        COALESCE(quota.core_seconds, plan.core_seconds) AS core_seconds, \
        COALESCE(quota.stored_bytes, plan.stored_bytes) AS stored_bytes \
        FROM quota JOIN plan ON plan.name = quota.plan WHERE quota.org_id = $1";
    /// Counts no further than asked: a queue may be long. In two parts, each of
    /// which an index has.
    WAITING = "SELECT COUNT(*) AS count FROM (\
        SELECT * FROM (SELECT 1 AS one FROM job WHERE org_id = $1 AND state = 'queued' LIMIT $2) AS queued \
        UNION ALL \
        SELECT * FROM (SELECT 1 AS one FROM job WHERE org_id = $1 AND state = 'held' LIMIT $2) AS held\
        ) AS waiting";
    RUNNING = "SELECT COUNT(*) AS count FROM (SELECT 1 AS one FROM job \
        WHERE org_id = $1 AND state IN ('running', 'cancelling') LIMIT $2) AS running";
    STORED = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM blob WHERE org_id = $1";
    /// Uploads under way will be stored.
    COMING = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM upload \
        WHERE org_id = $1 AND state = 'open'";
    TRASHED = "SELECT CAST(COALESCE(SUM(blob.size), 0) AS BIGINT) AS bytes FROM dataset \
        JOIN blob ON blob.org_id = dataset.org_id AND blob.id = dataset.blob_id \
        WHERE dataset.org_id = $1 AND dataset.deleted_at IS NOT NULL";
}
pub(crate) use ALL as STATEMENTS;

/// For PostgreSQL alone: one transaction of an organisation at a time counts.
/// SQLite has one writer anyway.
const LOCK: Statement = Statement::new(
    "LOCK",
    "SELECT 1::bigint AS one FROM (SELECT pg_advisory_xact_lock(hashtextextended($1, 24))) AS held",
);

/// Stands for no limit where an organisation's own replaces a plan's.
pub const UNLIMITED: i64 = i64::MAX;

/// What an organisation may use at most; none where nothing limits it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = QuotaLimits)]
pub struct Limits {
    /// Jobs that run at once.
    pub running_jobs: Option<i64>,
    /// Jobs that are queued or held.
    pub waiting_jobs: Option<i64>,
    /// Seconds of cores in a month (UTC). Jobs that run when it is reached go on.
    pub core_seconds: Option<i64>,
    /// Bytes of uploads, datasets and artifacts.
    pub stored_bytes: Option<i64>,
}

/// What an organisation uses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Used {
    /// Jobs that run.
    pub running_jobs: i64,
    /// Jobs that are queued or held.
    pub waiting_jobs: i64,
    /// Seconds of cores in this month.
    pub core_seconds: f64,
    /// Bytes of uploads, datasets and artifacts, those in the trash among them.
    pub stored_bytes: i64,
    /// Bytes of datasets in the trash.
    pub trashed_bytes: i64,
}

/// What an organisation may use, and uses.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Standing {
    /// Its plan; none where nothing is limited.
    #[schema(example = "team")]
    pub plan: Option<String>,
    /// Its share of a busy pool beside those of others.
    pub weight: i64,
    /// What it may use.
    pub limits: Limits,
    /// What it uses.
    pub used: Used,
}

/// Which limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// [`Limits::waiting_jobs`].
    WaitingJobs,
    /// [`Limits::core_seconds`].
    CoreSeconds,
    /// [`Limits::stored_bytes`].
    StoredBytes,
}

impl Quota {
    /// The word in the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WaitingJobs => "waiting_jobs",
            Self::CoreSeconds => "core_seconds",
            Self::StoredBytes => "stored_bytes",
        }
    }
}

/// Why something is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// A limit would be passed.
    #[error("the organisation's limit of {limit} {} is reached", .quota.word())]
    Reached {
        /// Which.
        quota: Quota,
        /// How many it has.
        limit: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A plan as it holds for one organisation.
struct Held {
    plan: String,
    weight: i64,
    price: i64,
    currency: String,
    limits: Limits,
}

fn read(row: &Columns) -> Result<Held, StoreError> {
    let limit = |name| {
        let found = row.optional_number(name)?;
        Ok::<_, StoreError>(found.filter(|limit| *limit != UNLIMITED))
    };
    Ok(Held {
        plan: row.text("plan")?,
        weight: row.number("weight")?,
        price: row.number("price")?,
        currency: row.text("currency")?,
        limits: Limits {
            running_jobs: limit("running_jobs")?,
            waiting_jobs: limit("waiting_jobs")?,
            core_seconds: limit("core_seconds")?,
            stored_bytes: limit("stored_bytes")?,
        },
    })
}

async fn held(tx: &mut TenantTx) -> Result<Option<Held>, StoreError> {
    let org = tx.org();
    tx.row(LIMITS, values![&org]).await?.as_ref().map(read).transpose()
}

async fn limits(tx: &mut TenantTx) -> Result<Limits, StoreError> {
    Ok(held(tx).await?.map_or_else(Limits::default, |held| held.limits))
}

async fn lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    if tx.engine() == Engine::Postgres {
        let org = tx.org();
        tx.rows(LOCK, values![&org]).await?;
    }
    Ok(())
}

async fn count(tx: &mut TenantTx, what: Statement, at_most: i64) -> Result<i64, StoreError> {
    let org = tx.org();
    tx.row(what, values![&org, at_most]).await?.map_or(Ok(0), |row| row.number("count"))
}

async fn bytes(tx: &mut TenantTx, what: Statement) -> Result<i64, StoreError> {
    let org = tx.org();
    tx.row(what, values![&org]).await?.map_or(Ok(0), |row| row.number("bytes"))
}

/// Whether the organisation may have `more` waiting jobs: asked in the
/// transaction that adds them, before they are added.
///
/// # Errors
///
/// Where a limit is reached, or the database fails.
pub async fn check_submission(tx: &mut TenantTx, more: i64) -> Result<(), QuotaError> {
    let limits = limits(tx).await?;
    if let Some(limit) = limits.waiting_jobs {
        lock(tx).await?;
        let waiting = count(tx, WAITING, limit).await?;
        if waiting.saturating_add(more) > limit {
            return Err(QuotaError::Reached { quota: Quota::WaitingJobs, limit });
        }
    }
    if let Some(limit) = limits.core_seconds
        && is_spent(tx, limit).await?
    {
        return Err(QuotaError::Reached { quota: Quota::CoreSeconds, limit });
    }
    match limits.stored_bytes {
        Some(limit) if bytes(tx, STORED).await? >= limit => {
            Err(QuotaError::Reached { quota: Quota::StoredBytes, limit })
        }
        _ => Ok(()),
    }
}

/// How many more jobs of the organisation may run: asked in the transaction
/// that claims them, before it does. [`UNLIMITED`] where nothing limits them.
///
/// # Errors
///
/// Where the database fails.
pub async fn room_at_claim(tx: &mut TenantTx) -> Result<i64, StoreError> {
    let limits = limits(tx).await?;
    if let Some(limit) = limits.core_seconds
        && is_spent(tx, limit).await?
    {
        return Ok(0);
    }
    match limits.running_jobs {
        None => Ok(UNLIMITED),
        Some(limit) => {
            lock(tx).await?;
            Ok((limit - count(tx, RUNNING, limit).await?).max(0))
        }
    }
}

/// Whether the organisation may store `more` bytes: asked in the transaction
/// that declares an upload, before it does. Uploads under way are counted as if
/// they were complete.
///
/// # Errors
///
/// Where the limit would be passed, or the database fails.
pub async fn check_storage(tx: &mut TenantTx, more: u64) -> Result<(), QuotaError> {
    let Some(limit) = limits(tx).await?.stored_bytes else { return Ok(()) };
    lock(tx).await?;
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    let stored = bytes(tx, STORED).await?.saturating_add(bytes(tx, COMING).await?);
    match stored.saturating_add(more) > limit {
        true => Err(QuotaError::Reached { quota: Quota::StoredBytes, limit }),
        false => Ok(()),
    }
}

async fn is_spent(tx: &mut TenantTx, core_seconds: i64) -> Result<bool, StoreError> {
    let used = usage::core_milliseconds(tx, Month::of(Instant::now())).await?;
    Ok(used >= core_seconds.saturating_mul(1000))
}

/// What the organisation may use, and uses.
///
/// # Errors
///
/// Where the database fails.
pub async fn standing(tx: &mut TenantTx) -> Result<Standing, StoreError> {
    let held = held(tx).await?;
    let core_milliseconds = usage::core_milliseconds(tx, Month::of(Instant::now())).await?;
    let used = Used {
        running_jobs: count(tx, RUNNING, UNLIMITED).await?,
        waiting_jobs: count(tx, WAITING, UNLIMITED).await?,
        core_seconds: usage::seconds(core_milliseconds),
        stored_bytes: bytes(tx, STORED).await?,
        trashed_bytes: bytes(tx, TRASHED).await?,
    };
    Ok(match held {
        Some(Held { plan, weight, limits, .. }) => {
            Standing { plan: Some(plan), weight, limits, used }
        }
        None => Standing { plan: None, weight: 1, limits: Limits::default(), used },
    })
}
