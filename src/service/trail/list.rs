//! The trail read back.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;

statements! {
    LIST = "SELECT id, actor_id, actor_via, action, object, project_id, outcome, reason, at, \
        request_id, source_address, before_digest, after_digest FROM audit_event \
        WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
}

/// Who did what, when, to which object.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditEvent {
    /// Its id.
    #[schema(value_type = String, example = "evt_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// The account; null for the server itself.
    #[schema(value_type = Option<String>)]
    pub actor: Option<Id>,
    /// The token or login that it used, or `system`.
    pub via: String,
    /// What was asked for.
    #[schema(example = "project.create")]
    pub action: String,
    /// To which object.
    pub object: Option<String>,
    /// In which project.
    #[schema(value_type = Option<String>)]
    pub project: Option<Id>,
    /// `done` or `refused`.
    #[schema(example = "done")]
    pub outcome: String,
    /// Why it was refused.
    pub reason: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// The request over HTTP.
    pub request_id: String,
    /// The peer's address.
    pub source_address: String,
    /// SHA-256 of the object's document before.
    pub before_digest: Option<String>,
    /// SHA-256 of the object's document after.
    pub after_digest: Option<String>,
}

fn read(row: &Columns) -> Result<AuditEvent, StoreError> {
    let optional_id = |name| Ok::<_, StoreError>(row.optional_text(name)?.map(Id::stored));
    Ok(AuditEvent {
        id: row.id("id")?,
        actor: optional_id("actor_id")?,
        via: row.text("actor_via")?,
        action: row.text("action")?,
        object: row.optional_text("object")?,
        project: optional_id("project_id")?,
        outcome: row.text("outcome")?,
        reason: row.optional_text("reason")?,
        at: Instant(row.number("at")?),
        request_id: row.text("request_id")?,
        source_address: row.text("source_address")?,
        before_digest: row.optional_text("before_digest")?,
        after_digest: row.optional_text("after_digest")?,
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
) -> Result<Vec<AuditEvent>, StoreError> {
    let org = tx.org();
    tx.rows(LIST, values![&org, before, limit]).await?.iter().map(read).collect()
}
