//! What attempts used: an event each, and sums of a month. It must not know
//! what is allowed.

use serde::Serialize;
use utoipa::ToSchema;

use super::month::Month;
use crate::id::{Id, Kind};
use crate::job::JobKind;
use crate::job::protocol::Usage;
use crate::store::{Columns, Engine, Statement, Store, StoreError, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO usage_event (org_id, id, project_id, job_id, run_id, attempt, member_id, \
        kind, outcome, core_milliseconds, wall_milliseconds, peak_memory_mib, row_count, cost, \
        currency, started_at, ended_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    ADD = "INSERT INTO usage_month (org_id, month, kind, outcome, currency, slot, core_milliseconds, \
        cost, attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) \
        ON CONFLICT (org_id, month, kind, outcome, currency, slot) DO UPDATE SET \
        core_milliseconds = usage_month.core_milliseconds + excluded.core_milliseconds, \
        cost = usage_month.cost + excluded.cost, attempts = usage_month.attempts + 1";
    OF_MONTH = "SELECT CAST(COALESCE(SUM(core_milliseconds), 0) AS BIGINT) AS used \
        FROM usage_month WHERE org_id = $1 AND month = $2";
    LIST = "SELECT id, project_id, job_id, run_id, attempt, member_id, kind, outcome, \
        core_milliseconds, wall_milliseconds, peak_memory_mib, row_count, cost, currency, \
        started_at, ended_at FROM usage_event \
        WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    TOTALS = "SELECT org_id, kind, outcome, currency, \
        CAST(SUM(core_milliseconds) AS BIGINT) AS core_milliseconds, \
        CAST(SUM(cost) AS BIGINT) AS cost, CAST(SUM(attempts) AS BIGINT) AS attempts \
        FROM usage_month GROUP BY org_id, kind, outcome, currency \
        ORDER BY org_id, kind, outcome, currency";
}
pub(crate) use ALL as STATEMENTS;

/// For PostgreSQL: the function that may look across organisations.
const SANCTIONED_TOTALS: Statement = Statement::new(
    "usage_totals",
    "SELECT org_id, kind, outcome, currency, core_milliseconds, cost, attempts FROM usage_totals()",
);

/// Rows that share a month's sum, so that ends do not wait for each other.
const SLOTS: u8 = 16;

/// The currency of what has no price.
const NO_CURRENCY: &str = "XXX";

/// Most that one attempt is counted with: what a worker says is not believed
/// beyond 30,000 years of a core.
const MOST: f64 = 1e15;

/// An attempt that ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The project.
    pub project: &'a Id,
    /// The job.
    pub job: &'a Id,
    /// The attempt's run.
    pub run: &'a Id,
    /// Which attempt, from 1.
    pub attempt: i64,
    /// Who submitted it.
    pub member: Option<&'a Id>,
    /// What it computed.
    pub kind: JobKind,
    /// `succeeded`, `cancelled`, `held`, `released`, or the word of the reason
    /// that it failed for.
    pub outcome: &'a str,
    /// What it used.
    pub usage: &'a Usage,
    /// When it began.
    pub started_at: Instant,
    /// When it ended.
    pub ended_at: Instant,
}

/// Records what an attempt used, in the transaction that ends it.
///
/// # Errors
///
/// Where the database refuses.
pub async fn record(tx: &mut TenantTx, ended: &Ended<'_>) -> Result<(), StoreError> {
    let org = tx.org();
    let (price, currency) = match super::held(tx).await? {
        Some(held) => (held.price, held.currency),
        None => (0, NO_CURRENCY.to_owned()),
    };
    let core = milliseconds(ended.usage.core_seconds);
    let wall = milliseconds(ended.usage.wall_seconds);
    let cost = cost(core, price);
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (memory, rows) = (whole(ended.usage.peak_memory_mib), whole(ended.usage.rows));
    let id = Id::fresh(Kind::Usage);
    let values = values![
        &org,
        &id,
        ended.project,
        ended.job,
        ended.run,
        ended.attempt,
        ended.member,
        ended.kind.word(),
        ended.outcome,
        core,
        wall,
        memory,
        rows,
        cost,
        &currency,
        ended.started_at,
        ended.ended_at,
    ];
    tx.execute(INSERT, values).await?;
    let month = Month::of(ended.ended_at).to_string();
    let slot = i64::from(ended.run.as_str().bytes().next_back().unwrap_or_default() % SLOTS);
    let values =
        values![&org, &month, ended.kind.word(), ended.outcome, &currency, slot, core, cost];
    tx.execute(ADD, values).await?;
    Ok(())
}

/// Seconds as a worker says them; what is no sensible number is nothing.
fn milliseconds(seconds: f64) -> i64 {
    match seconds.is_finite() {
        true => (seconds * 1000.0).round().clamp(0.0, MOST) as i64,
        false => 0,
    }
}

/// Milliseconds as seconds.
#[must_use]
pub fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// What core time costs, in millionths, at a price of millionths for an hour;
/// halves are rounded up.
fn cost(core_milliseconds: i64, price: i64) -> i64 {
    const HOUR: i128 = 3_600_000;
    let cost = (i128::from(core_milliseconds) * i128::from(price) + HOUR / 2) / HOUR;
    i64::try_from(cost).unwrap_or(i64::MAX)
}

/// Millionths of a currency as a decimal number.
#[must_use]
pub fn money(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let value = millionths.unsigned_abs();
    format!("{sign}{}.{:06}", value / 1_000_000, value % 1_000_000)
}

/// Milliseconds of cores that the organisation used in `month`.
///
/// # Errors
///
/// Where the database fails.
pub async fn core_milliseconds(tx: &mut TenantTx, month: Month) -> Result<i64, StoreError> {
    let (org, month) = (tx.org(), month.to_string());
    tx.row(OF_MONTH, values![&org, &month]).await?.map_or(Ok(0), |row| row.number("used"))
}

/// What an attempt used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UsageEvent {
    /// Its id.
    #[schema(value_type = String, example = "use_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// The project.
    #[schema(value_type = String)]
    pub project: Id,
    /// The job.
    #[schema(value_type = String)]
    pub job: Id,
    /// The attempt's run.
    #[schema(value_type = String)]
    pub run: Id,
    /// Which attempt, from 1.
    pub attempt: i64,
    /// Who submitted it.
    #[schema(value_type = Option<String>)]
    pub member: Option<Id>,
    /// What it computed.
    #[schema(example = "run")]
    pub kind: String,
    /// `succeeded`, `cancelled`, `held`, `released`, or why it failed.
    #[schema(example = "succeeded")]
    pub outcome: String,
    /// Seconds of one core.
    pub core_seconds: f64,
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// Most memory of a process, MiB.
    pub peak_memory_mib: i64,
    /// Rows computed.
    pub rows: i64,
    /// What it costs by the plan of that day.
    #[schema(example = "0.012500")]
    pub cost: String,
    /// In which currency (ISO 4217); `XXX` without a plan.
    #[schema(example = "EUR")]
    pub currency: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Instant,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Instant,
}

fn read(row: &Columns) -> Result<UsageEvent, StoreError> {
    Ok(UsageEvent {
        id: row.id("id")?,
        project: row.id("project_id")?,
        job: row.id("job_id")?,
        run: row.id("run_id")?,
        attempt: row.number("attempt")?,
        member: row.optional_id("member_id")?,
        kind: row.text("kind")?,
        outcome: row.text("outcome")?,
        core_seconds: seconds(row.number("core_milliseconds")?),
        wall_seconds: seconds(row.number("wall_milliseconds")?),
        peak_memory_mib: row.number("peak_memory_mib")?,
        rows: row.number("row_count")?,
        cost: money(row.number("cost")?),
        currency: row.text("currency")?,
        started_at: Instant(row.number("started_at")?),
        ended_at: Instant(row.number("ended_at")?),
    })
}

/// Events with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    before: &str,
    limit: i64,
) -> Result<Vec<UsageEvent>, StoreError> {
    let org = tx.org();
    tx.rows(LIST, values![&org, before, limit]).await?.iter().map(read).collect()
}

/// What an organisation used for jobs of one kind that ended in one way, since it
/// began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The organisation.
    pub org: Id,
    /// What was computed.
    pub kind: String,
    /// How attempts ended.
    pub outcome: String,
    /// Attempts.
    pub attempts: i64,
    /// In which currency the cost is.
    pub currency: String,
    /// Milliseconds of cores.
    pub core_milliseconds: i64,
    /// Millionths of the currency.
    pub cost: i64,
}

/// What every organisation used, for metrics.
///
/// # Errors
///
/// Where the database fails.
pub async fn totals(store: &Store) -> Result<Vec<Total>, StoreError> {
    let statement = match store.engine() {
        Engine::Postgres => SANCTIONED_TOTALS,
        Engine::Sqlite => TOTALS,
    };
    let mut tx = store.begin_read().await?;
    let rows = tx.rows(statement, &[]).await?;
    let read = |row: &Columns| {
        Ok(Total {
            org: row.id("org_id")?,
            kind: row.text("kind")?,
            outcome: row.text("outcome")?,
            attempts: row.number("attempts")?,
            currency: row.text("currency")?,
            core_milliseconds: row.number("core_milliseconds")?,
            cost: row.number("cost")?,
        })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_time_is_priced_to_the_millionth() {
        // One hour at 0.05.
        assert_eq!(cost(3_600_000, 50_000), 50_000);
        assert_eq!(cost(1, 50_000), 0);
        assert_eq!(cost(36, 50_000), 1);
        assert_eq!(cost(i64::MAX, i64::MAX), i64::MAX);
        assert_eq!(money(12_345_678), "12.345678");
        assert_eq!(money(5), "0.000005");
    }

    #[test]
    fn a_worker_cannot_take_time_back() {
        assert_eq!(milliseconds(1.5), 1500);
        for nonsense in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(milliseconds(nonsense), 0);
        }
        assert_eq!(milliseconds(1e300), MOST as i64);
    }
}
