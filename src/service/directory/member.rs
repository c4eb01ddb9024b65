//! Accounts of an organisation: people and service accounts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DirectoryError;
use crate::id::{Id, Kind};
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{OrgRole, TenantTx};
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO member (org_id, id, kind, login, name, role, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    GET = "SELECT id, kind, login, name, role, disabled_at, version, created_at \
        FROM member WHERE org_id = $1 AND id = $2";
    BY_LOGIN = "SELECT id, kind, login, name, role, disabled_at, version, created_at \
        FROM member WHERE org_id = $1 AND login = $2";
    LIST = "SELECT id, kind, login, name, role, disabled_at, version, created_at \
        FROM member WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    UPDATE = "UPDATE member SET name = $3, role = $4, disabled_at = $5, version = version + 1 \
        WHERE org_id = $1 AND id = $2 AND version = $6";
    DELETE = "DELETE FROM member WHERE org_id = $1 AND id = $2 AND version = $3";
    OTHER_OWNER = "SELECT id FROM member WHERE org_id = $1 AND id <> $2 AND role = 'owner' \
        AND kind = 'person' AND disabled_at IS NULL LIMIT 1";
    END_SESSIONS = "UPDATE session SET ended_at = $3 \
        WHERE org_id = $1 AND member_id = $2 AND ended_at IS NULL";
}

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// A person, who logs in.
    Person,
    /// A program, which has tokens only.
    Service,
}

impl MemberKind {
    /// The word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }
}

/// An account to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// What it is for.
    pub kind: MemberKind,
    /// Its name at login, unique in the organisation: 1 to 100 characters of
    /// a-z, 0-9 and `._@+-`.
    #[schema(
        example = "ada@example.org",
        min_length = 1,
        max_length = 100,
        pattern = "^[a-z0-9._@+-]+$"
    )]
    pub login: String,
    /// Its name.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 200)]
    pub name: String,
    /// What it may do in the organisation.
    pub role: OrgRole,
}

/// A change of an account; what is not given stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What it may do in the organisation.
    pub role: Option<OrgRole>,
    /// Whether it is shut out: its logins end and its tokens are refused.
    pub disabled: Option<bool>,
}

/// An account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Member {
    /// Its id.
    #[schema(value_type = String, example = "mem_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// What it is for.
    pub kind: MemberKind,
    /// Its name at login.
    pub login: String,
    /// Its name.
    pub name: String,
    /// What it may do in the organisation.
    pub role: OrgRole,
    /// Since when it is shut out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Instant>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// Its version, which the ETag says too.
    pub version: i64,
}

fn read(row: &Columns) -> Result<Member, StoreError> {
    let kind = match row.text("kind")?.as_str() {
        "person" => MemberKind::Person,
        _ => MemberKind::Service,
    };
    Ok(Member {
        id: row.id("id")?,
        kind,
        login: row.text("login")?,
        name: row.text("name")?,
        role: OrgRole::stored(&row.text("role")?),
        disabled_at: row.optional_number("disabled_at")?.map(Instant),
        created_at: Instant(row.number("created_at")?),
        version: row.number("version")?,
    })
}

/// Whether `text` can be a login.
#[must_use]
pub fn is_login(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._@+-".contains(&b))
}

/// Makes an account.
///
/// # Errors
///
/// Where the login is taken, or somebody who is no owner makes one.
pub async fn create(tx: &mut TenantTx, new: &NewMember) -> Result<Member, DirectoryError> {
    expect_owner_for(tx, &[new.role])?;
    let (org, id) = (tx.org(), Id::fresh(Kind::Member));
    let kind = new.kind.word();
    let (login, name, role) = (&new.login, &new.name, new.role.word());
    tx.execute(INSERT, values![&org, &id, kind, login, name, role, Instant::now()])
        .await
        .map_err(DirectoryError::taken("the login"))?;
    get(tx, &id).await
}

/// One account.
///
/// # Errors
///
/// Where there is none.
pub async fn get(tx: &mut TenantTx, id: &Id) -> Result<Member, DirectoryError> {
    let org = tx.org();
    let row = tx.row(GET, values![&org, id]).await?.ok_or(DirectoryError::Absent("member"))?;
    Ok(read(&row)?)
}

/// The account called `login`.
///
/// # Errors
///
/// Where there is none.
pub async fn by_login(tx: &mut TenantTx, login: &str) -> Result<Member, DirectoryError> {
    let org = tx.org();
    let row = tx.row(BY_LOGIN, values![&org, login]).await?;
    Ok(read(&row.ok_or(DirectoryError::Absent("member"))?)?)
}

/// Accounts with ids less than `before`, newest first.
///
/// # Errors
///
/// Where the database fails.
pub async fn list(
    tx: &mut TenantTx,
    before: &str,
    limit: i64,
) -> Result<Vec<Member>, DirectoryError> {
    let org = tx.org();
    let rows = tx.rows(LIST, values![&org, before, limit]).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Changes an account that has `version` from what it was `before`.
///
/// # Errors
///
/// Where it changed since, it is the last owner, or an owner is wanted for it.
pub async fn update(
    tx: &mut TenantTx,
    before: &Member,
    change: &MemberChange,
    version: i64,
) -> Result<Member, DirectoryError> {
    let id = &before.id;
    let role = change.role.unwrap_or(before.role);
    expect_owner_for(tx, &[before.role, role])?;
    let disabled_at = match change.disabled {
        Some(true) => before.disabled_at.or_else(|| Some(Instant::now())),
        Some(false) => None,
        None => before.disabled_at,
    };
    if role != OrgRole::Owner || disabled_at.is_some() {
        expect_another_owner(tx, before).await?;
    }
    let name = change.name.as_deref().unwrap_or(&before.name);
    let org = tx.org();
    let at = disabled_at.map(|at| at.0);
    let values = values![&org, id, name, role.word(), at, version];
    if tx.execute(UPDATE, values).await? == 0 {
        return Err(DirectoryError::Changed);
    }
    if disabled_at.is_some() {
        tx.execute(END_SESSIONS, values![&org, id, Instant::now()]).await?;
    }
    get(tx, id).await
}

/// Deletes an account that has `version`; what it made stays.
///
/// # Errors
///
/// As for [`update`].
pub async fn delete(
    tx: &mut TenantTx,
    before: &Member,
    version: i64,
) -> Result<(), DirectoryError> {
    expect_owner_for(tx, &[before.role])?;
    expect_another_owner(tx, before).await?;
    let org = tx.org();
    match tx.execute(DELETE, values![&org, &before.id, version]).await? {
        0 => Err(DirectoryError::Changed),
        _ => Ok(()),
    }
}

fn expect_owner_for(tx: &TenantTx, roles: &[OrgRole]) -> Result<(), DirectoryError> {
    match roles.contains(&OrgRole::Owner) && !tx.principal().is_owner() {
        true => Err(DirectoryError::OwnersOnly),
        false => Ok(()),
    }
}

/// Fails where `member` is the one owner who can act.
async fn expect_another_owner(tx: &mut TenantTx, member: &Member) -> Result<(), DirectoryError> {
    if member.role != OrgRole::Owner || member.disabled_at.is_some() {
        return Ok(());
    }
    let org = tx.org();
    match tx.row(OTHER_OWNER, values![&org, &member.id]).await? {
        Some(_) => Ok(()),
        None => Err(DirectoryError::LastOwner),
    }
}
