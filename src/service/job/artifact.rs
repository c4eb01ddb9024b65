//! What runs made. It must not know how it came about.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::TenantTx;
use crate::time::Instant;

statements! {
    LIST = "SELECT name, size, sha256, artifact.created_at FROM artifact \
        JOIN blob ON blob.org_id = artifact.org_id AND blob.id = artifact.blob_id \
        WHERE artifact.org_id = $1 AND run_id = $2 ORDER BY name";
    BLOB = "SELECT blob_id FROM artifact \
        JOIN run ON run.org_id = artifact.org_id AND run.id = artifact.run_id \
        WHERE run.org_id = $1 AND run.project_id = $2 AND run.id = $3 AND artifact.name = $4";
}

/// A file that a run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Artifact {
    /// Its name.
    #[schema(example = "pack.zip")]
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 as hex.
    pub sha256: String,
    /// When the run ended.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
}

/// What `run` made, by name.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(tx: &mut TenantTx, run: &Id) -> Result<Vec<Artifact>, StoreError> {
    let org = tx.org();
    let rows = tx.rows(LIST, values![&org, run]).await?;
    let artifact = |row: &Columns| {
        Ok(Artifact {
            name: row.text("name")?,
            size: row.natural("size")?,
            sha256: row.text("sha256")?,
            created_at: Instant(row.number("created_at")?),
        })
    };
    rows.iter().map(artifact).collect()
}

/// The bytes of a file that a run of `project` made, if there is one.
///
/// # Errors
///
/// Where the database fails.
pub async fn blob(
    tx: &mut TenantTx,
    project: &Id,
    run: &Id,
    name: &str,
) -> Result<Option<Id>, StoreError> {
    let org = tx.org();
    let row = tx.row(BLOB, values![&org, project, run, name]).await?;
    row.map(|row| row.id("blob_id")).transpose()
}
