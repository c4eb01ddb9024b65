//! Runs of jobs: read only. Workers make them. It must not know how.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;

statements! {
    GET = "SELECT id, name, kind, state, job_id, attempt, content_digest, verdict, \
        row_counts, reason, message, created_at, ended_at FROM run \
        WHERE org_id = $1 AND project_id = $2 AND id = $3";
    LIST = "SELECT id, name, kind, state, job_id, attempt, content_digest, verdict, \
        row_counts, reason, message, created_at, ended_at FROM run \
        WHERE org_id = $1 AND project_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4";
}

/// One attempt of a job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Run {
    /// Its id.
    #[schema(value_type = String, example = "run_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// Its name.
    pub name: String,
    /// What it computes: `run`, `audit`, ….
    pub kind: String,
    /// `running`; or how it ended: `succeeded`, `failed`, `cancelled`, `held`,
    /// `released` (given back by its worker) or `lost` (its worker was).
    pub state: String,
    /// The job that it is an attempt of.
    #[schema(value_type = Option<String>)]
    pub job: Option<Id>,
    /// Which attempt, from 1.
    pub attempt: Option<i64>,
    /// SHA-256 that the pack's contents come to, once it ended well.
    pub content_digest: Option<String>,
    /// The verdict's word, for kinds that have one.
    pub verdict: Option<String>,
    /// Rows by status, as in `{"OK": 98, "SKIP": 1, "ERROR": 1}`.
    pub rows: Option<BTreeMap<String, u64>>,
    /// Why it failed: a stable word.
    pub reason: Option<String>,
    /// The same in words.
    pub message: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Instant>,
}

fn read(row: &Columns) -> Result<Run, StoreError> {
    Ok(Run {
        id: row.id("id")?,
        name: row.text("name")?,
        kind: row.text("kind")?,
        state: row.text("state")?,
        job: row.optional_id("job_id")?,
        attempt: row.optional_number("attempt")?,
        content_digest: row.optional_text("content_digest")?,
        verdict: row.optional_text("verdict")?,
        rows: row.optional_text("row_counts")?.and_then(|text| serde_json::from_str(&text).ok()),
        reason: row.optional_text("reason")?,
        message: row.optional_text("message")?,
        created_at: Instant(row.number("created_at")?),
        ended_at: row.optional_number("ended_at")?.map(Instant),
    })
}

/// One run of `project`, if there is.
///
/// # Errors
///
/// Where the database fails.
pub async fn get(tx: &mut TenantTx, project: &Id, id: &Id) -> Result<Option<Run>, StoreError> {
    let org = tx.org();
    tx.row(GET, values![&org, project, id]).await?.as_ref().map(read).transpose()
}

/// Runs of `project` with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    project: &Id,
    before: &str,
    limit: i64,
) -> Result<Vec<Run>, StoreError> {
    let org = tx.org();
    tx.rows(LIST, values![&org, project, before, limit]).await?.iter().map(read).collect()
}
