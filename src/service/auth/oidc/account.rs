//! Whose account somebody is whom a provider vouches for, and the groups that
//! the provider puts them in. It must not know the provider's protocol.

use std::collections::BTreeSet;

use super::{OidcError, ProviderConfig, Provision};
use crate::directory::member::{MemberKind, is_login};
use crate::id::{Id, Kind};
use crate::store::{statements, values};
use crate::tenancy::{OrgRole, TenantTx};
use crate::time::Instant;

statements! {
    BY_IDENTITY = "SELECT member.id, member.role, member.disabled_at FROM identity \
        JOIN member ON member.org_id = identity.org_id AND member.id = identity.member_id \
        WHERE identity.org_id = $1 AND identity.issuer = $2 AND identity.subject = $3";
    BY_LOGIN = "SELECT id, role, disabled_at FROM member \
        WHERE org_id = $1 AND login = $2 AND kind = 'person'";
    /// Somebody else of the same issuer has the account.
    TAKEN = "SELECT subject FROM identity WHERE org_id = $1 AND issuer = $2 AND member_id = $3";
    LINK = "INSERT INTO identity (org_id, issuer, subject, member_id, created_at) \
        VALUES ($1, $2, $3, $4, $5)";
    CREATE = "INSERT INTO member (org_id, id, kind, login, name, role, created_at) \
        VALUES ($1, $2, $3, $4, $5, 'member', $6)";
    TOUCH = "UPDATE member SET failures = failures WHERE org_id = $1 AND id = $2 \
        AND disabled_at IS NULL";
    MAPPED_GROUPS = "SELECT id, idp_group FROM member_group \
        WHERE org_id = $1 AND idp_group IS NOT NULL";
    IDP_GROUPS = "SELECT group_id FROM group_member \
        WHERE org_id = $1 AND member_id = $2 AND source = 'idp'";
    JOIN_GROUP = "INSERT INTO group_member (org_id, group_id, member_id, source, created_at) \
        VALUES ($1, $2, $3, 'idp', $4) ON CONFLICT (org_id, group_id, member_id) DO NOTHING";
    LEAVE_GROUP = "DELETE FROM group_member \
        WHERE org_id = $1 AND group_id = $2 AND member_id = $3 AND source = 'idp'";
}

/// What a provider says of somebody.
pub(super) struct Vouched {
    /// The provider's name for them, which never changes.
    pub subject: String,
    /// What they would log in as.
    pub login: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Their groups, where the provider is asked for them.
    pub groups: Option<BTreeSet<String>>,
}

/// The account of whom the provider vouches for, linked or made where that is
/// wanted.
pub(super) async fn find(
    tx: &mut TenantTx,
    config: &ProviderConfig,
    vouched: &Vouched,
) -> Result<(Id, OrgRole), OidcError> {
    let org = tx.org();
    let known = values![&org, &config.issuer, &vouched.subject];
    let found = match tx.row(BY_IDENTITY, known).await? {
        Some(row) => Some(row),
        None => link(tx, config, vouched).await?,
    };
    let (member, role) = match found {
        Some(row) if row.optional_number("disabled_at")?.is_some() => {
            return Err(OidcError::Refused("disabled"));
        }
        Some(row) => (row.id("id")?, OrgRole::stored(&row.text("role")?)),
        None if config.provision == Provision::Members => {
            (create(tx, config, vouched).await?, OrgRole::Member)
        }
        None => return Err(OidcError::Refused("no account")),
    };
    Ok((member, role))
}

/// Writes the account's row, so that logins of one account wait for each other.
pub(super) async fn touch(tx: &mut TenantTx, member: &Id) -> Result<(), OidcError> {
    let org = tx.org();
    match tx.execute(TOUCH, values![&org, member]).await? {
        0 => Err(OidcError::Refused("disabled")),
        _ => Ok(()),
    }
}

/// An account that has the login and belongs to nobody else of this provider
/// becomes theirs: the organisation's provider is believed in who has which
/// login.
async fn link(
    tx: &mut TenantTx,
    config: &ProviderConfig,
    vouched: &Vouched,
) -> Result<Option<crate::store::Columns>, OidcError> {
    let org = tx.org();
    let login = vouched.login.as_ref().filter(|login| is_login(login));
    let Some(login) = login else { return Ok(None) };
    let Some(row) = tx.row(BY_LOGIN, values![&org, login]).await? else { return Ok(None) };
    let member = row.id("id")?;
    if tx.row(TAKEN, values![&org, &config.issuer, &member]).await?.is_some() {
        return Err(OidcError::Refused("the login is another's"));
    }
    insert_identity(tx, config, vouched, &member).await?;
    Ok(Some(row))
}

async fn create(
    tx: &mut TenantTx,
    config: &ProviderConfig,
    vouched: &Vouched,
) -> Result<Id, OidcError> {
    let (org, member) = (tx.org(), Id::fresh(Kind::Member));
    let login = vouched.login.as_deref().filter(|login| is_login(login));
    let login = login.ok_or(OidcError::Refused("no login in the claims"))?;
    let name = vouched.name.as_deref().unwrap_or(login);
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let kind = MemberKind::Person.word();
    tx.execute(CREATE, values![&org, &member, kind, login, &name, Instant::now()]).await?;
    insert_identity(tx, config, vouched, &member).await?;
    Ok(member)
}

async fn insert_identity(
    tx: &mut TenantTx,
    config: &ProviderConfig,
    vouched: &Vouched,
    member: &Id,
) -> Result<(), OidcError> {
    let org = tx.org();
    let values = values![&org, &config.issuer, &vouched.subject, member, Instant::now()];
    tx.execute(LINK, values).await?;
    Ok(())
}

/// Puts `member` into the groups that the provider names, and takes it out of
/// those that the provider named before. What was done by hand stays.
pub(super) async fn set_groups(
    tx: &mut TenantTx,
    member: &Id,
    groups: &BTreeSet<String>,
) -> Result<(), OidcError> {
    let org = tx.org();
    let mut wanted = BTreeSet::new();
    for row in tx.rows(MAPPED_GROUPS, values![&org]).await? {
        if row.optional_text("idp_group")?.is_some_and(|name| groups.contains(&name)) {
            wanted.insert(row.id("id")?);
        }
    }
    let mut present = BTreeSet::new();
    for row in tx.rows(IDP_GROUPS, values![&org, member]).await? {
        present.insert(row.id("group_id")?);
    }
    for group in present.difference(&wanted) {
        tx.execute(LEAVE_GROUP, values![&org, group, member]).await?;
    }
    for group in wanted.difference(&present) {
        tx.execute(JOIN_GROUP, values![&org, group, member, Instant::now()]).await?;
    }
    Ok(())
}
