//! Who works in a project, by hand; groups give roles besides.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DirectoryError, member};
use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{ProjectRole, TenantTx};
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO project_member (org_id, project_id, member_id, role, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    CHANGE = "UPDATE project_member SET role = $4, version = version + 1 \
        WHERE org_id = $1 AND project_id = $2 AND member_id = $3";
    GET = "SELECT member_id, role, version, created_at FROM project_member \
        WHERE org_id = $1 AND project_id = $2 AND member_id = $3";
    LIST = "SELECT member_id, role, version, created_at FROM project_member \
        WHERE org_id = $1 AND project_id = $2 AND member_id < $3 \
        ORDER BY member_id DESC LIMIT $4";
    DELETE = "DELETE FROM project_member \
        WHERE org_id = $1 AND project_id = $2 AND member_id = $3";
}

/// A role to be given.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectRole {
    /// What the member may do in the project.
    pub role: ProjectRole,
}

/// A member's role in a project.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProjectMember {
    /// The member.
    #[schema(value_type = String, example = "mem_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub member: Id,
    /// What it may do in the project.
    pub role: ProjectRole,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
}

fn read(row: &Columns) -> Result<ProjectMember, StoreError> {
    Ok(ProjectMember {
        member: row.id("member_id")?,
        role: ProjectRole::stored(&row.text("role")?),
        created_at: Instant(row.number("created_at")?),
    })
}

pub(super) async fn insert(
    tx: &mut TenantTx,
    project: &Id,
    member: &Id,
    role: ProjectRole,
) -> Result<(), DirectoryError> {
    let org = tx.org();
    tx.execute(INSERT, values![&org, project, member, role.word(), Instant::now()]).await?;
    Ok(())
}

/// Gives `member` a role in `project`, in place of the one it has by hand;
/// gives what was and what is.
///
/// # Errors
///
/// Where the organisation has no such member.
pub async fn put(
    tx: &mut TenantTx,
    project: &Id,
    member: &Id,
    role: ProjectRole,
) -> Result<(Option<ProjectMember>, ProjectMember), DirectoryError> {
    member::get(tx, member).await?;
    let before = find(tx, project, member).await?;
    let org = tx.org();
    if tx.execute(CHANGE, values![&org, project, member, role.word()]).await? == 0 {
        insert(tx, project, member, role).await?;
    }
    let after = find(tx, project, member).await?.ok_or(DirectoryError::Absent("member"))?;
    Ok((before, after))
}

async fn find(
    tx: &mut TenantTx,
    project: &Id,
    member: &Id,
) -> Result<Option<ProjectMember>, DirectoryError> {
    let org = tx.org();
    let row = tx.row(GET, values![&org, project, member]).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Members of `project` with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    project: &Id,
    before: &str,
    limit: i64,
) -> Result<Vec<ProjectMember>, DirectoryError> {
    let org = tx.org();
    let rows = tx.rows(LIST, values![&org, project, before, limit]).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Takes the role that `member` has by hand.
///
/// # Errors
///
/// Where it has none.
pub async fn delete(tx: &mut TenantTx, project: &Id, member: &Id) -> Result<(), DirectoryError> {
    let org = tx.org();
    match tx.execute(DELETE, values![&org, project, member]).await? {
        0 => Err(DirectoryError::Absent("member")),
        _ => Ok(()),
    }
}
