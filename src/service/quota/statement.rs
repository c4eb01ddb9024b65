//! What an organisation used in a month, by project, kind and outcome: as a
//! document, and as a table. It must not know what is allowed.
//!
//! The statement of a month that has ended is kept as it is first made, at least
//! an hour after the end, when whatever ended within it is recorded.

use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::month::Month;
use super::usage::{money, seconds};
use crate::id::Id;
use crate::store::{Columns, Store, StoreError, statements, values};
use crate::tenancy::{Action, Denied, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

statements! {
    LINES = "SELECT usage_event.project_id, project.name AS project_name, usage_event.kind, \
        usage_event.outcome, usage_event.currency, COUNT(*) AS attempts, \
        CAST(SUM(core_milliseconds) AS BIGINT) AS core_milliseconds, \
        CAST(SUM(wall_milliseconds) AS BIGINT) AS wall_milliseconds, \
        CAST(SUM(row_count) AS BIGINT) AS row_count, CAST(SUM(cost) AS BIGINT) AS cost \
        FROM usage_event JOIN project \
        ON project.org_id = usage_event.org_id AND project.id = usage_event.project_id \
        WHERE usage_event.org_id = $1 AND usage_event.ended_at >= $2 AND usage_event.ended_at < $3 \
        GROUP BY usage_event.project_id, project.name, usage_event.kind, usage_event.outcome, \
        usage_event.currency ORDER BY 1, 3, 4, 5";
    KEPT = "SELECT document FROM statement WHERE org_id = $1 AND month = $2";
    KEEP = "INSERT INTO statement (org_id, month, document, sha256, created_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org_id, month) DO NOTHING";
    /// The first month that has usage and no statement.
    FIRST_OPEN = "SELECT MIN(month) AS month FROM usage_month WHERE org_id = $1 AND month < $2 \
        AND month NOT IN (SELECT month FROM statement WHERE org_id = $1)";
}
pub(crate) use ALL as STATEMENTS;

/// What was recorded late is in the statement that is kept.
const GRACE: Duration = Duration::from_secs(3600);

/// The name and version of the document.
const FORMAT: &str = "hetero2_statement.v1";

/// What an organisation used in a month.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MonthlyStatement {
    /// `hetero2_statement.v1`.
    #[schema(example = "hetero2_statement.v1")]
    pub format: String,
    /// The organisation.
    #[schema(value_type = String)]
    pub organisation: Id,
    /// The month in UTC.
    #[schema(example = "2026-12")]
    pub month: String,
    /// Whether the month has ended and nothing is added any more.
    pub is_final: bool,
    /// By project, kind, outcome and currency.
    pub lines: Vec<Line>,
    /// By currency.
    pub totals: Vec<Sum>,
}

/// What one project used for one kind of job with one outcome.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Line {
    /// The project.
    #[schema(value_type = String)]
    pub project: Id,
    /// Its name when the statement was made.
    pub project_name: String,
    /// What was computed.
    #[schema(example = "run")]
    pub kind: String,
    /// `succeeded`, `cancelled`, `held`, `released`, or why attempts failed.
    #[schema(example = "succeeded")]
    pub outcome: String,
    /// Attempts.
    pub attempts: i64,
    /// Seconds of cores.
    pub core_seconds: f64,
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// Rows computed.
    pub rows: i64,
    /// What it costs.
    #[schema(example = "0.012500")]
    pub cost: String,
    /// In which currency (ISO 4217); `XXX` without a plan.
    #[schema(example = "EUR")]
    pub currency: String,
}

/// What was used in all that is in one currency.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sum {
    /// Which currency.
    #[schema(example = "EUR")]
    pub currency: String,
    /// Attempts.
    pub attempts: i64,
    /// Seconds of cores.
    pub core_seconds: f64,
    /// What it costs.
    #[schema(example = "0.012500")]
    pub cost: String,
}

/// The statement of `month` as JSON: the kept one, or what there is so far.
///
/// # Errors
///
/// Where the database fails.
pub async fn document(tx: &mut TenantTx, month: Month) -> Result<String, StoreError> {
    let (org, name) = (tx.org(), month.to_string());
    if let Some(row) = tx.row(KEPT, values![&org, &name]).await? {
        return row.text("document");
    }
    Ok(json(&make(tx, month, Finality::Open).await?))
}

/// Whether more may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finality {
    Open,
    Final,
}

async fn make(
    tx: &mut TenantTx,
    month: Month,
    finality: Finality,
) -> Result<MonthlyStatement, StoreError> {
    let org = tx.org();
    let rows = tx.rows(LINES, values![&org, month.start(), month.end()]).await?;
    let mut sums: std::collections::BTreeMap<String, [i64; 3]> = Default::default();
    let mut lines = Vec::new();
    for row in &rows {
        let line = line(row)?;
        let sum = sums.entry(line.currency.clone()).or_default();
        let parts = [line.attempts, row.number("core_milliseconds")?, row.number("cost")?];
        for (sum, part) in sum.iter_mut().zip(parts) {
            *sum = sum.saturating_add(part);
        }
        lines.push(line);
    }
    let totals = sums.into_iter().map(|(currency, [attempts, core, cost])| Sum {
        currency,
        attempts,
        core_seconds: seconds(core),
        cost: money(cost),
    });
    Ok(MonthlyStatement {
        format: FORMAT.to_owned(),
        organisation: org,
        month: month.to_string(),
        is_final: finality == Finality::Final,
        lines,
        totals: totals.collect(),
    })
}

fn line(row: &Columns) -> Result<Line, StoreError> {
    Ok(Line {
        project: row.id("project_id")?,
        project_name: row.text("project_name")?,
        kind: row.text("kind")?,
        outcome: row.text("outcome")?,
        attempts: row.number("attempts")?,
        core_seconds: seconds(row.number("core_milliseconds")?),
        wall_seconds: seconds(row.number("wall_milliseconds")?),
        rows: row.number("row_count")?,
        cost: money(row.number("cost")?),
        currency: row.text("currency")?,
    })
}

fn json(statement: &MonthlyStatement) -> String {
    serde_json::to_string(statement).unwrap_or_default()
}

/// The lines of a statement as a table (RFC 4180).
#[must_use]
pub fn csv(document: &str) -> String {
    const COLUMNS: [&str; 10] = [
        "project",
        "project_name",
        "kind",
        "outcome",
        "attempts",
        "core_seconds",
        "wall_seconds",
        "rows",
        "cost",
        "currency",
    ];
    let document: serde_json::Value = serde_json::from_str(document).unwrap_or_default();
    let mut text = format!("month,{}\r\n", COLUMNS.join(","));
    let month = document["month"].as_str().unwrap_or_default();
    for line in document["lines"].as_array().into_iter().flatten() {
        text += month;
        for column in COLUMNS {
            text.push(',');
            match &line[column] {
                serde_json::Value::String(value) => text += &cell(value),
                value => text += &value.to_string(),
            }
        }
        text += "\r\n";
    }
    text
}

/// A cell that a spreadsheet neither splits nor computes.
fn cell(value: &str) -> String {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = if is_formula { format!("'{value}") } else { value.to_owned() };
    match value.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value,
    }
}

/// Keeps the statements of months of `org` that have ended at `now`; gives how
/// many.
///
/// # Errors
///
/// Where the database fails.
pub async fn close_months(store: &Store, org: &Id, now: Instant) -> Result<usize, Denied> {
    let (system, origin) = (Principal::system(org.clone()), Origin::local());
    let open = Month::of(now.minus(GRACE)).to_string();
    let mut count = 0;
    loop {
        let action = Action::StatementClose;
        let mut read = TenantTx::read(store, &system, &origin, action, None).await?;
        let row = read.row(FIRST_OPEN, values![org, &open]).await?;
        drop(read);
        let month = row.map(|row| row.optional_text("month")).transpose()?.flatten();
        let Some(month) = month.as_deref().and_then(Month::parse) else { return Ok(count) };
        let mut tx = TenantTx::write(store, &system, &origin, action, None).await?;
        let document = json(&make(&mut tx, month, Finality::Final).await?);
        let digest = hex::encode(Sha256::digest(document.as_bytes()));
        let name = month.to_string();
        let values = values![org, &name, &document, &digest, Instant::now()];
        // Another server may have been first.
        if tx.execute(KEEP, values).await? == 1 {
            tx.commit(Entry::on(&name).changing(None, Some(digest))).await?;
            count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_a_statement_is_read_as_it_was_meant() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@a,b"), "\"'@a,b\"");
    }
}
