//! Logins: how long they live, how many there may be, and how they end. It must
//! not know how somebody proved who they are, nor HTTP.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::AuthError;
use super::secret::{Credential, CredentialKind, SecretText};
use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{Action, TenantTx, manages};
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO session (org_id, id, member_id, secret_hash, method, source_address, \
            created_at, last_used_at, expires_at, id_token) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)";
    /// Ends all but the newest.
    END_OLDEST = "UPDATE session SET ended_at = $3 \
        WHERE org_id = $1 AND member_id = $2 AND ended_at IS NULL AND id NOT IN ( \
            SELECT id FROM session \
            WHERE org_id = $1 AND member_id = $2 AND ended_at IS NULL AND expires_at > $3 \
            ORDER BY id DESC LIMIT $4)";
    SWEEP = "DELETE FROM session WHERE org_id = $1 AND member_id = $2 AND expires_at <= $3";
    LIST = "SELECT id, member_id, method, source_address, created_at, last_used_at, expires_at \
        FROM session WHERE org_id = $1 AND ended_at IS NULL AND expires_at > $2 \
            AND last_used_at > $3 AND (member_id = $4 OR $4 = '') AND id < $5 \
        ORDER BY id DESC LIMIT $6";
    END = "UPDATE session SET ended_at = $3 \
        WHERE org_id = $1 AND id = $2 AND ended_at IS NULL AND (member_id = $4 OR $4 = '')";
    END_ALL = "UPDATE session SET ended_at = $3 \
        WHERE org_id = $1 AND member_id = $2 AND ended_at IS NULL AND id <> $4";
    CAME_FROM = "SELECT method, id_token FROM session WHERE org_id = $1 AND id = $2";
}

/// Ended and expired logins are kept this long, for whoever asks what was.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long logins live and how many an account may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// A login that is not used for so long ends.
    pub idle: Duration,
    /// A login ends after so long, used or not.
    pub absolute: Duration,
    /// Logins of one account at once; another one ends the oldest.
    pub per_member: u32,
}

impl Default for Policy {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self { idle: hours(1), absolute: hours(12), per_member: 10 }
    }
}

/// A login as its account sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    /// Its id.
    #[schema(value_type = String, example = "ses_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// The account.
    #[schema(value_type = String, example = "mem_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub member: Id,
    /// How the account proved who it is: `password`, `password+totp`, or
    /// `oidc:` and the provider's name.
    #[schema(example = "password+totp")]
    pub method: String,
    /// The address that the login came from.
    pub source_address: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// When it was last used, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_used_at: Instant,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
}

impl Session {
    fn read(row: &Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id("id")?,
            member: row.id("member_id")?,
            method: row.text("method")?,
            source_address: row.text("source_address")?,
            created_at: Instant(row.number("created_at")?),
            last_used_at: Instant(row.number("last_used_at")?),
            expires_at: Instant(row.number("expires_at")?),
        })
    }
}

/// A login to be made.
pub(crate) struct NewSession<'a> {
    /// Its id and secret.
    pub credential: &'a Credential,
    /// The account.
    pub member: &'a Id,
    /// How the account proved who it is.
    pub method: &'a str,
    /// What ends the login at the identity provider as well.
    pub id_token: Option<&'a str>,
}

/// Makes a login and ends the oldest of its account beyond the limit. The
/// account's row must have been written in this transaction: that is what
/// makes logins of one account wait for each other.
pub(crate) async fn create(
    tx: &mut TenantTx,
    new: &NewSession<'_>,
    policy: &Policy,
) -> Result<(Session, SecretText), StoreError> {
    let (org, now) = (tx.org(), Instant::now());
    let session = Session {
        id: new.credential.id.clone(),
        member: new.member.clone(),
        method: new.method.to_owned(),
        source_address: tx.origin().address.clone(),
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(policy.absolute),
    };
    let hash = new.credential.secret.hash();
    let values = values![
        &org,
        &session.id,
        new.member,
        &hash,
        new.method,
        &session.source_address,
        now,
        session.expires_at,
        new.id_token,
    ];
    tx.execute(INSERT, values).await?;
    let limit = i64::from(policy.per_member.max(1));
    tx.execute(END_OLDEST, values![&org, new.member, now, limit]).await?;
    tx.execute(SWEEP, values![&org, new.member, now.minus(KEPT)]).await?;
    Ok((session, new.credential.text()))
}

/// A fresh id and secret for a login in `org`.
pub(crate) fn credential(org: &Id) -> Result<Credential, AuthError> {
    Ok(Credential::fresh(CredentialKind::Session, org)?)
}

/// Whose logins or tokens are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Those of everybody whom the caller may see.
    Everybody,
    /// Those of one account.
    One(&'a Id),
}

/// The account that a list is narrowed to, empty for everybody: without the
/// right to oversee accounts one's own, whoever is asked for.
pub(super) fn narrowed(tx: &TenantTx, whose: Whose<'_>) -> Result<String, AuthError> {
    let principal = tx.principal();
    let oversees = Action::MemberRead.need().is_met(principal.role, None);
    let own = principal.member.as_ref();
    match whose {
        Whose::Everybody if oversees => Ok(String::new()),
        Whose::Everybody => Ok(own.map_or_else(|| "-".to_owned(), ToString::to_string)),
        Whose::One(member) if oversees || own == Some(member) => Ok(member.to_string()),
        Whose::One(_) => Err(AuthError::absent(Action::SessionRead)),
    }
}

/// The account whose credentials `tx` may end, empty for everybody.
pub(super) fn own_unless_manager(tx: &TenantTx) -> String {
    let principal = tx.principal();
    if manages(principal.role) {
        return String::new();
    }
    // No account has the id "-".
    principal.member.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// Live logins with ids less than `before`, newest first: one's own; of
/// everybody for whoever oversees accounts.
///
/// # Errors
///
/// [`AuthError::Denied`] where another account's are asked for by somebody who
/// does not oversee accounts.
pub async fn list(
    tx: &mut TenantTx,
    whose: Whose<'_>,
    policy: &Policy,
    before: &str,
    limit: i64,
) -> Result<Vec<Session>, AuthError> {
    let (org, now) = (tx.org(), Instant::now());
    let member = narrowed(tx, whose)?;
    let values = values![&org, now, now.minus(policy.idle), &member, before, limit];
    let rows = tx.rows(LIST, values).await?;
    Ok(rows.iter().map(Session::read).collect::<Result<_, _>>()?)
}

/// Ends a login: one's own, or anybody's by an administrator.
///
/// # Errors
///
/// [`AuthError::Denied`] where it does not exist for the one who asks.
pub async fn end(tx: &mut TenantTx, session: &Id) -> Result<(), AuthError> {
    let (org, member) = (tx.org(), own_unless_manager(tx));
    match tx.execute(END, values![&org, session, Instant::now(), &member]).await? {
        0 => Err(AuthError::absent(Action::SessionEnd)),
        _ => Ok(()),
    }
}

/// Where a login came from, if an identity provider knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct CameFrom {
    /// `oidc:` and the provider's name, or a method of this server's own.
    pub method: String,
    /// What the provider knows the login by.
    pub id_token: Option<String>,
}

/// Where the login `session` came from.
///
/// # Errors
///
/// [`AuthError::Denied`] where there is none.
pub async fn came_from(tx: &mut TenantTx, session: &Id) -> Result<CameFrom, AuthError> {
    let org = tx.org();
    let row = tx.row(CAME_FROM, values![&org, session]).await?;
    let row = row.ok_or_else(|| AuthError::absent(Action::SessionEnd))?;
    Ok(CameFrom { method: row.text("method")?, id_token: row.optional_text("id_token")? })
}

/// Ends every login of `member` but `kept`, and gives how many: after a change
/// of password, at a forced logout, and when the account is disabled.
///
/// # Errors
///
/// Where the database fails.
pub async fn end_all(tx: &mut TenantTx, member: &Id, kept: Option<&Id>) -> Result<u64, StoreError> {
    let (org, kept) = (tx.org(), kept.map_or("", Id::as_str));
    tx.execute(END_ALL, values![&org, member, Instant::now(), kept]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::fixture::Fixture;

    #[tokio::test]
    async fn a_login_ends_idle_late_or_by_force() {
        let fixture = Fixture::new().await;
        let text = fixture.session(&fixture.owner).await;
        assert!(fixture.cookie(&text).await.is_some());
        assert!(fixture.bearer(&text).await.is_none());
        // Idle.
        fixture.run("UPDATE session SET last_used_at = last_used_at - 3600001").await;
        assert!(fixture.cookie(&text).await.is_none());
        fixture.run("UPDATE session SET last_used_at = created_at").await;
        assert!(fixture.cookie(&text).await.is_some());
        // Too old, though in use.
        fixture.run("UPDATE session SET expires_at = created_at").await;
        assert!(fixture.cookie(&text).await.is_none());

        let text = fixture.session(&fixture.owner).await;
        let mut tx = fixture.write(Action::SessionEnd).await;
        end_all(&mut tx, &fixture.owner, None).await.unwrap();
        tx.commit(crate::trail::Entry::on(&fixture.owner)).await.unwrap();
        assert!(fixture.cookie(&text).await.is_none());
    }

    #[tokio::test]
    async fn one_login_too_many_ends_the_oldest() {
        let fixture = Fixture::new().await;
        let mut texts = Vec::new();
        for _ in 0..11 {
            texts.push(fixture.session(&fixture.owner).await);
        }
        assert!(fixture.cookie(&texts[0]).await.is_none());
        for text in &texts[1..] {
            assert!(fixture.cookie(text).await.is_some());
        }
        let mut tx = fixture.read(Action::SessionRead).await;
        let live = list(&mut tx, Whose::Everybody, &Policy::default(), "t", 100).await.unwrap();
        assert_eq!(live.len(), 10);
    }

    #[tokio::test]
    async fn nobody_ends_or_sees_the_logins_of_others() {
        let fixture = Fixture::new().await;
        fixture.session(&fixture.owner).await;
        let ann = fixture.as_member(Action::SessionRead).await;
        let mut tx = ann;
        let policy = Policy::default();
        let seen = list(&mut tx, Whose::Everybody, &policy, "t", 100).await.unwrap();
        assert_eq!(seen, Vec::new());
        let asked = list(&mut tx, Whose::One(&fixture.owner), &policy, "t", 100).await;
        assert!(matches!(asked, Err(AuthError::Denied(_))));
        drop(tx);
        let mut tx = fixture.read(Action::SessionRead).await;
        let session = list(&mut tx, Whose::Everybody, &policy, "t", 100).await.unwrap().remove(0);
        drop(tx);
        let mut tx = fixture.as_member(Action::SessionEnd).await;
        assert!(matches!(end(&mut tx, &session.id).await, Err(AuthError::Denied(_))));
        drop(tx);
        let mut tx = fixture.write(Action::SessionEnd).await;
        end(&mut tx, &session.id).await.unwrap();
    }
}
