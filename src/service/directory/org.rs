//! The organisation itself.

use serde::Serialize;
use utoipa::ToSchema;

use super::DirectoryError;
use super::member::{self, MemberKind};
use crate::id::{Id, Kind};
use crate::store::{Columns, Engine, Store, StoreError, statements, values};
use crate::tenancy::{Action, OrgRole, Origin, Principal, TenantTx};
use crate::time::Instant;
use crate::trail::Entry;

statements! {
    GET = "SELECT id, slug, name, version, created_at FROM org WHERE id = $1";
    RENAME = "UPDATE org SET name = $2, version = version + 1 WHERE id = $1 AND version = $3";
    INSERT = "INSERT INTO org (id, slug, name, created_at) VALUES ($1, $2, $3, $4)";
    BY_SLUG = "SELECT id FROM org WHERE slug = $1";
    IDS = "SELECT id FROM org ORDER BY id";
}

/// For PostgreSQL: functions that may look past row-level security.
mod sanctioned {
    use crate::store::Statement;

    pub(super) const BY_SLUG: Statement =
        Statement::new("org_by_slug", "SELECT id FROM org_by_slug($1)");
    pub(super) const IDS: Statement = Statement::new("org_ids", "SELECT id FROM org_ids()");
}

/// An organisation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Org {
    /// Its id.
    #[schema(value_type = String, example = "org_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// Its name in addresses and at login.
    #[schema(example = "acme")]
    pub slug: String,
    /// Its name.
    #[schema(example = "Acme Therapeutics")]
    pub name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// Its version, which the ETag says too.
    pub version: i64,
}

fn read(row: &Columns) -> Result<Org, StoreError> {
    Ok(Org {
        id: row.id("id")?,
        slug: row.text("slug")?,
        name: row.text("name")?,
        created_at: Instant(row.number("created_at")?),
        version: row.number("version")?,
    })
}

/// The transaction's organisation.
///
/// # Errors
///
/// Where the database fails.
pub async fn get(tx: &mut TenantTx) -> Result<Org, DirectoryError> {
    let id = tx.org();
    let row = tx.row(GET, values![&id]).await?.ok_or(DirectoryError::Absent("organisation"))?;
    Ok(read(&row)?)
}

/// Gives the organisation another name.
///
/// # Errors
///
/// Where it changed since `version`.
pub async fn rename(tx: &mut TenantTx, name: &str, version: i64) -> Result<Org, DirectoryError> {
    let id = tx.org();
    match tx.execute(RENAME, values![&id, name, version]).await? {
        0 => Err(DirectoryError::Changed),
        _ => get(tx).await,
    }
}

/// Every organisation: for what the server does for each by itself.
///
/// # Errors
///
/// Where the database fails.
pub async fn ids(store: &Store) -> Result<Vec<Id>, StoreError> {
    let statement = if store.engine() == Engine::Postgres { sanctioned::IDS } else { IDS };
    let mut tx = store.begin_read().await?;
    tx.rows(statement, &[]).await?.iter().map(|row| row.id("id")).collect()
}

/// The organisation that logs in under `slug`.
///
/// # Errors
///
/// Where the database fails.
pub async fn by_slug(store: &Store, slug: &str) -> Result<Option<Id>, StoreError> {
    let statement = if store.engine() == Engine::Postgres { sanctioned::BY_SLUG } else { BY_SLUG };
    let mut tx = store.begin_read().await?;
    tx.row(statement, values![slug]).await?.map(|row| row.id("id")).transpose()
}

/// What an organisation begins with.
pub struct Founding<'a> {
    /// Its name at login.
    pub slug: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The login of its first owner.
    pub owner: &'a str,
}

/// Makes an organisation with its first owner. At the server's machine alone:
/// `store` is opened with the owner's rights.
///
/// # Errors
///
/// Where the name is taken, or SQLite has its one organisation already.
pub async fn found(store: &Store, founding: &Founding<'_>) -> Result<(Id, Id), FoundError> {
    let id = Id::fresh(Kind::Org);
    let mut raw = store.begin_write().await?;
    if store.engine() == Engine::Sqlite && raw.row(IDS, &[]).await?.is_some() {
        return Err(FoundError::OneOnly);
    }
    let values = values![&id, founding.slug, founding.name, Instant::now()];
    raw.execute(INSERT, values).await.map_err(|error| match error.is_conflict() {
        true => FoundError::Taken(founding.slug.to_owned()),
        false => FoundError::Store(error),
    })?;
    raw.commit().await?;
    let system = Principal::system(id.clone());
    let tx = TenantTx::write(store, &system, &Origin::local(), Action::MemberCreate, None).await;
    let mut tx = tx.map_err(|_| FoundError::Refused)?;
    let new = member::NewMember {
        kind: MemberKind::Person,
        login: founding.owner.to_owned(),
        name: founding.owner.to_owned(),
        role: OrgRole::Owner,
    };
    let owner = member::create(&mut tx, &new).await.map_err(|_| FoundError::Refused)?;
    tx.commit(Entry::on(&owner.id)).await?;
    Ok((id, owner.id))
}

/// Why an organisation is not made.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// SQLite holds one.
    #[error("SQLite holds one organisation, and has it: several need PostgreSQL")]
    OneOnly,
    /// The name is taken.
    #[error("there is an organisation {0:?} already")]
    Taken(String),
    /// Its owner could not be made.
    #[error("its first owner could not be made")]
    Refused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
