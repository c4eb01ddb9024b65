//! Runs of jobs: read only. Workers make them. It must not know how.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;

statements! {
    GET = "SELECT id, name, kind, state, content_digest, created_at, ended_at FROM run \
        WHERE org_id = $1 AND project_id = $2 AND id = $3";
    LIST = "SELECT id, name, kind, state, content_digest, created_at, ended_at FROM run \
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
    /// How far it is.
    pub state: String,
    /// SHA-256 that the pack's contents come to, once it ended well.
    pub content_digest: Option<String>,
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
        content_digest: row.optional_text("content_digest")?,
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
