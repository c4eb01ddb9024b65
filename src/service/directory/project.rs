//! Projects of an organisation.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DirectoryError;
use crate::id::{Id, Kind};
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{ProjectRole, TenantTx, Via, sees_every_project};
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO project (org_id, id, slug, name, description, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    GET = "SELECT id, slug, name, description, version, created_at FROM project \
        WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL";
    LIST = "SELECT id, slug, name, description, version, created_at FROM project \
        WHERE org_id = $1 AND id < $2 AND deleted_at IS NULL ORDER BY id DESC LIMIT $3";
    /// The matrix as a predicate: projects in which a member has a role, by hand
    /// or by a group.
    LIST_SEEN = "SELECT id, slug, name, description, version, created_at FROM project \
        WHERE org_id = $1 AND id < $2 AND deleted_at IS NULL AND id IN ( \
            SELECT project_id FROM project_member WHERE org_id = $1 AND member_id = $4 \
            UNION SELECT map.project_id FROM group_map map JOIN group_member member \
                ON member.org_id = map.org_id AND member.group_id = map.group_id \
                WHERE map.org_id = $1 AND member.member_id = $4) \
        ORDER BY id DESC LIMIT $3";
    UPDATE = "UPDATE project SET name = $3, description = $4, version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND version = $5 AND deleted_at IS NULL";
    /// A deleted project's name is free again.
    DELETE = "UPDATE project SET deleted_at = $3, slug = slug || '~' || id, version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND version = $4 AND deleted_at IS NULL";
    /// One statement: what goes from one state to another meanwhile is not missed.
    CANCEL_JOBS = "UPDATE job SET version = version + 1, \
        wanted = CASE state WHEN 'running' THEN 'cancel' END, \
        ended_at = CASE state WHEN 'running' THEN ended_at ELSE $3 END, \
        state = CASE state WHEN 'running' THEN 'cancelling' ELSE 'cancelled' END \
        WHERE org_id = $1 AND project_id = $2 AND state IN ('queued', 'held', 'running')";
}

/// A project to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Its name in addresses, unique in the organisation: 1 to 40 characters of
    /// a-z, 0-9 and `-`.
    #[schema(
        example = "factor-xa",
        min_length = 1,
        max_length = 40,
        pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
    )]
    pub slug: String,
    /// Its name.
    #[schema(example = "Factor Xa inhibitors", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is about; at most 4,000 characters.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
}

/// A change of a project; what is not given stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What it is about.
    #[schema(max_length = 4000)]
    pub description: Option<String>,
}

/// A project.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Project {
    /// Its id.
    #[schema(value_type = String, example = "prj_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// Its version, which the ETag says too.
    pub version: i64,
}

fn read(row: &Columns) -> Result<Project, StoreError> {
    Ok(Project {
        id: row.id("id")?,
        slug: row.text("slug")?,
        name: row.text("name")?,
        description: row.text("description")?,
        created_at: Instant(row.number("created_at")?),
        version: row.number("version")?,
    })
}

/// Makes a project, whose administrator its maker is.
///
/// # Errors
///
/// Where the name is taken.
pub async fn create(tx: &mut TenantTx, new: &NewProject) -> Result<Project, DirectoryError> {
    let (org, id) = (tx.org(), Id::fresh(Kind::Project));
    let values = values![&org, &id, &new.slug, &new.name, &new.description, Instant::now()];
    tx.execute(INSERT, values).await.map_err(DirectoryError::taken("the slug"))?;
    if let Some(maker) = tx.principal().member.clone() {
        super::project_member::insert(tx, &id, &maker, ProjectRole::Admin).await?;
    }
    get(tx, &id).await
}

/// One project, which the transaction is for.
///
/// # Errors
///
/// Where there is none.
pub async fn get(tx: &mut TenantTx, id: &Id) -> Result<Project, DirectoryError> {
    let org = tx.org();
    let row = tx.row(GET, values![&org, id]).await?.ok_or(DirectoryError::Absent("project"))?;
    Ok(read(&row)?)
}

/// The projects that the principal sees, with ids less than `before`, newest
/// first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    before: &str,
    limit: i64,
) -> Result<Vec<Project>, DirectoryError> {
    let (org, who) = (tx.org(), tx.principal().clone());
    if let Via::Token { project: Some(only), .. } = &who.via {
        let only = only.clone();
        let is_seen = sees_every_project(who.role) || tx.project_role(&only).await?.is_some();
        let row = tx.row(GET, values![&org, &only]).await?;
        let row = row.filter(|_| is_seen && only.as_str() < before);
        return Ok(row.iter().map(read).collect::<Result<_, _>>()?);
    }
    let rows = match (sees_every_project(who.role), &who.member) {
        (false, Some(member)) => tx.rows(LIST_SEEN, values![&org, before, limit, member]).await?,
        _ => tx.rows(LIST, values![&org, before, limit]).await?,
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Changes a project that has `version`; gives it before and after.
///
/// # Errors
///
/// Where it changed since.
pub async fn update(
    tx: &mut TenantTx,
    id: &Id,
    change: &ProjectChange,
    version: i64,
) -> Result<(Project, Project), DirectoryError> {
    let before = get(tx, id).await?;
    let name = change.name.as_deref().unwrap_or(&before.name);
    let description = change.description.as_deref().unwrap_or(&before.description);
    let org = tx.org();
    if tx.execute(UPDATE, values![&org, id, name, description, version]).await? == 0 {
        return Err(DirectoryError::Changed);
    }
    let after = get(tx, id).await?;
    Ok((before, after))
}

/// Deletes a project that has `version`: nothing in it is seen again, and its jobs
/// are cancelled.
///
/// # Errors
///
/// Where it changed since.
pub async fn delete(tx: &mut TenantTx, id: &Id, version: i64) -> Result<Project, DirectoryError> {
    let before = get(tx, id).await?;
    let org = tx.org();
    let now = Instant::now();
    if tx.execute(DELETE, values![&org, id, now, version]).await? == 0 {
        return Err(DirectoryError::Changed);
    }
    tx.execute(CANCEL_JOBS, values![&org, id, now]).await?;
    Ok(before)
}
