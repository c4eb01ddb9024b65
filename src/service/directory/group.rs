//! Groups of members, and what they may do in projects. An identity provider's
//! group of the same name fills one at login.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DirectoryError, member};
use crate::id::{Id, Kind};
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{ProjectRole, TenantTx};
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO member_group (org_id, id, name, idp_group, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    GET = "SELECT id, name, idp_group, version, created_at FROM member_group \
        WHERE org_id = $1 AND id = $2";
    LIST = "SELECT id, name, idp_group, version, created_at FROM member_group \
        WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    DELETE = "DELETE FROM member_group WHERE org_id = $1 AND id = $2 AND version = $3";
    MEMBERS = "SELECT member_id, source, created_at FROM group_member \
        WHERE org_id = $1 AND group_id = $2 AND member_id < $3 ORDER BY member_id DESC LIMIT $4";
    ADD = "INSERT INTO group_member (org_id, group_id, member_id, source, created_at) \
        VALUES ($1, $2, $3, 'hand', $4) ON CONFLICT (org_id, group_id, member_id) DO NOTHING";
    REMOVE = "DELETE FROM group_member WHERE org_id = $1 AND group_id = $2 AND member_id = $3";
    ROLES = "SELECT project_id, role, created_at FROM group_map \
        WHERE org_id = $1 AND group_id = $2 AND project_id < $3 ORDER BY project_id DESC LIMIT $4";
    MAP = "INSERT INTO group_map (org_id, group_id, project_id, role, created_at) \
        VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (org_id, group_id, project_id) DO UPDATE SET role = $4";
    UNMAP = "DELETE FROM group_map WHERE org_id = $1 AND group_id = $2 AND project_id = $3";
}

/// A group to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its name, unique in the organisation.
    #[schema(example = "Chemists", min_length = 1, max_length = 200)]
    pub name: String,
    /// The group of the identity provider whose members it gets at login.
    #[schema(example = "chem-eu", min_length = 1, max_length = 200)]
    pub idp_group: Option<String>,
}

/// A group of members.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Group {
    /// Its id.
    #[schema(value_type = String, example = "grp_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// Its name.
    pub name: String,
    /// The group of the identity provider whose members it gets at login.
    pub idp_group: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// Its version, which the ETag says too.
    pub version: i64,
}

/// A member of a group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupMember {
    /// The member.
    #[schema(value_type = String, example = "mem_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub member: Id,
    /// `hand`, or `idp` where the identity provider says so.
    #[schema(example = "hand")]
    pub source: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
}

/// What a group's members may do in a project.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupRole {
    /// The project.
    #[schema(value_type = String, example = "prj_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub project: Id,
    /// What they may do.
    pub role: ProjectRole,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
}

fn read(row: &Columns) -> Result<Group, StoreError> {
    Ok(Group {
        id: row.id("id")?,
        name: row.text("name")?,
        idp_group: row.optional_text("idp_group")?,
        created_at: Instant(row.number("created_at")?),
        version: row.number("version")?,
    })
}

/// Makes a group.
///
/// # Errors
///
/// Where the name is taken.
pub async fn create(tx: &mut TenantTx, new: &NewGroup) -> Result<Group, DirectoryError> {
    let (org, id) = (tx.org(), Id::fresh(Kind::Group));
    let values = values![&org, &id, &new.name, new.idp_group.as_deref(), Instant::now()];
    tx.execute(INSERT, values).await.map_err(DirectoryError::taken("the name"))?;
    get(tx, &id).await
}

/// One group.
///
/// # Errors
///
/// Where there is none.
pub async fn get(tx: &mut TenantTx, id: &Id) -> Result<Group, DirectoryError> {
    let org = tx.org();
    let row = tx.row(GET, values![&org, id]).await?.ok_or(DirectoryError::Absent("group"))?;
    Ok(read(&row)?)
}

/// Groups with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    before: &str,
    limit: i64,
) -> Result<Vec<Group>, DirectoryError> {
    let org = tx.org();
    let rows = tx.rows(LIST, values![&org, before, limit]).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Deletes a group that has `version`, and with it the roles that it gave.
///
/// # Errors
///
/// Where there is none, or it changed since.
pub async fn delete(tx: &mut TenantTx, id: &Id, version: i64) -> Result<(), DirectoryError> {
    let org = tx.org();
    match tx.execute(DELETE, values![&org, id, version]).await? {
        0 => Err(DirectoryError::Changed),
        _ => Ok(()),
    }
}

/// Members of a group with ids less than `before`, newest first.
///
/// # Errors
///
/// Where there is no such group.
pub async fn members(
    tx: &mut TenantTx,
    id: &Id,
    before: &str,
    limit: i64,
) -> Result<Vec<GroupMember>, DirectoryError> {
    get(tx, id).await?;
    let org = tx.org();
    let rows = tx.rows(MEMBERS, values![&org, id, before, limit]).await?;
    let read = |row: &Columns| {
        Ok::<_, StoreError>(GroupMember {
            member: row.id("member_id")?,
            source: row.text("source")?,
            created_at: Instant(row.number("created_at")?),
        })
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Puts a member into a group, if it is not in it.
///
/// # Errors
///
/// Where there is no such group or member.
pub async fn add(tx: &mut TenantTx, id: &Id, who: &Id) -> Result<(), DirectoryError> {
    get(tx, id).await?;
    member::get(tx, who).await?;
    let org = tx.org();
    tx.execute(ADD, values![&org, id, who, Instant::now()]).await?;
    Ok(())
}

/// Takes a member out of a group.
///
/// # Errors
///
/// Where it is not in it.
pub async fn remove(tx: &mut TenantTx, id: &Id, who: &Id) -> Result<(), DirectoryError> {
    let org = tx.org();
    match tx.execute(REMOVE, values![&org, id, who]).await? {
        0 => Err(DirectoryError::Absent("member")),
        _ => Ok(()),
    }
}

/// What a group may do in projects with ids less than `before`, newest first.
///
/// # Errors
///
/// Where there is no such group.
pub async fn roles(
    tx: &mut TenantTx,
    id: &Id,
    before: &str,
    limit: i64,
) -> Result<Vec<GroupRole>, DirectoryError> {
    get(tx, id).await?;
    let org = tx.org();
    let rows = tx.rows(ROLES, values![&org, id, before, limit]).await?;
    let read = |row: &Columns| {
        Ok::<_, StoreError>(GroupRole {
            project: row.id("project_id")?,
            role: ProjectRole::stored(&row.text("role")?),
            created_at: Instant(row.number("created_at")?),
        })
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Gives a group's members a role in a project, in place of the one it gave.
///
/// # Errors
///
/// Where there is no such group or project.
pub async fn map(
    tx: &mut TenantTx,
    id: &Id,
    project: &Id,
    role: ProjectRole,
) -> Result<(), DirectoryError> {
    get(tx, id).await?;
    if !tx.is_live(project).await? {
        return Err(DirectoryError::Absent("project"));
    }
    let org = tx.org();
    tx.execute(MAP, values![&org, id, project, role.word(), Instant::now()]).await?;
    Ok(())
}

/// Takes a group's role in a project.
///
/// # Errors
///
/// Where it has none.
pub async fn unmap(tx: &mut TenantTx, id: &Id, project: &Id) -> Result<(), DirectoryError> {
    let org = tx.org();
    match tx.execute(UNMAP, values![&org, id, project]).await? {
        0 => Err(DirectoryError::Absent("project")),
        _ => Ok(()),
    }
}
