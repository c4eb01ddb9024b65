//! Who asks: credentials, from the text that a request carries to a
//! [`Principal`]. It must not know HTTP, nor what the principal may do.

pub mod credential;
pub mod login;
pub mod oidc;
pub mod password;
pub mod secret;
pub mod session;
pub mod token;
pub mod totp;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod login_tests;

use std::time::Duration;

use crate::id::Id;
use crate::store::{Columns, Statement, Store, StoreError, statements, values};
use crate::tenancy::{Action, Denied, OrgRole, Origin, Principal, Scope, TenantTx, Via};
use crate::time::Instant;
use secret::{Credential, CredentialKind};
use session::Policy;

statements! {
    TOKEN = "SELECT token.secret_hash, token.scope, token.project_id, token.expires_at, \
            token.revoked_at AS ended_at, token.last_used_at, member.id AS member_id, \
            member.role, member.disabled_at \
        FROM token JOIN member ON member.org_id = token.org_id AND member.id = token.member_id \
        WHERE token.org_id = $1 AND token.id = $2";
    SESSION = "SELECT session.secret_hash, session.expires_at, session.ended_at, \
            session.last_used_at, member.id AS member_id, member.role, member.disabled_at \
        FROM session JOIN member \
            ON member.org_id = session.org_id AND member.id = session.member_id \
        WHERE session.org_id = $1 AND session.id = $2";
    TOKEN_USED = "UPDATE token SET last_used_at = $3 WHERE org_id = $1 AND id = $2";
    SESSION_USED = "UPDATE session SET last_used_at = $3 \
        WHERE org_id = $1 AND id = $2 AND ended_at IS NULL";
}

/// Why a credential is not made, changed or ended.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The one who asks may not, or there is no such thing for them.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No secret could be made.
    #[error(transparent)]
    Random(#[from] secret::NoRandomness),
    /// A password could not be compared or hashed.
    #[error(transparent)]
    Password(#[from] password::PasswordError),
    /// The secret of a second factor could not be sealed or unsealed.
    #[error(transparent)]
    Key(#[from] crate::object::KeyError),
    /// The password or the code of the one who asks is wrong, or the account is
    /// locked: these are one.
    #[error("the login, the password or the code is wrong, or the account is locked")]
    Refused,
    /// What was asked for does not fit.
    #[error("{field}: {problem}")]
    Field {
        /// Which field of the request.
        field: &'static str,
        /// What is wrong with it, without its value.
        problem: &'static str,
    },
}

impl AuthError {
    fn field(field: &'static str, problem: &'static str) -> Self {
        Self::Field { field, problem }
    }

    fn absent(action: Action) -> Self {
        Self::Denied(Denied::Absent(action))
    }
}

/// A credential's use is recorded at most this often, but that of a login often
/// enough for its idle limit.
const USE_RECORDED: Duration = Duration::from_secs(60);

/// What a request carries, unread.
#[derive(Clone, Copy)]
pub enum Presented<'a> {
    /// What follows `Authorization: Bearer`.
    Bearer(&'a str),
    /// The value of the session's cookie.
    Cookie(&'a str),
}

/// Whom `presented` proves; none where it is malformed, unknown, expired,
/// ended, or its account is disabled: these are one.
///
/// # Errors
///
/// Where the database fails.
pub async fn authenticate(
    store: &Store,
    presented: Presented<'_>,
    origin: &Origin,
    policy: &Policy,
) -> Result<Option<Principal>, Denied> {
    let (kind, text) = match presented {
        Presented::Bearer(text) => (CredentialKind::Token, text),
        Presented::Cookie(text) => (CredentialKind::Session, text),
    };
    let Some(credential) = Credential::parse(kind, text) else { return Ok(None) };
    let (lookup, used) = match kind {
        CredentialKind::Token => (TOKEN, TOKEN_USED),
        CredentialKind::Session => (SESSION, SESSION_USED),
    };
    let system = Principal::system(credential.org.clone());
    let mut tx = TenantTx::read(store, &system, origin, Action::Login, None).await?;
    let row = tx.row(lookup, values![&credential.org, &credential.id]).await?;
    drop(tx);
    let Some(row) = row else { return Ok(None) };
    let now = Instant::now();
    if !credential.secret.matches(&row.text("secret_hash")?) || !is_live(&row, kind, policy, now)? {
        return Ok(None);
    }
    let principal = principal(&credential, kind, &row)?;
    let pause = match kind {
        CredentialKind::Token => USE_RECORDED,
        CredentialKind::Session => USE_RECORDED.min(policy.idle / 4),
    };
    if is_due(&row, pause, now)? {
        record_use(store, &system, origin, used, &credential, now).await?;
    }
    Ok(principal)
}

fn is_live(
    row: &Columns,
    kind: CredentialKind,
    policy: &Policy,
    now: Instant,
) -> Result<bool, StoreError> {
    let is_idle = match kind {
        CredentialKind::Token => false,
        CredentialKind::Session => Instant(row.number("last_used_at")?).plus(policy.idle) <= now,
    };
    let is_ended = row.optional_number("ended_at")?.is_some();
    let is_disabled = row.optional_number("disabled_at")?.is_some();
    Ok(!is_idle && !is_ended && !is_disabled && row.number("expires_at")? > now.0)
}

fn principal(
    credential: &Credential,
    kind: CredentialKind,
    row: &Columns,
) -> Result<Option<Principal>, StoreError> {
    let id = credential.id.clone();
    let via = match kind {
        CredentialKind::Session => Via::Session { id },
        CredentialKind::Token => {
            let Some(scope) = Scope::from_word(&row.text("scope")?) else { return Ok(None) };
            let project = row.optional_text("project_id")?.map(Id::stored);
            Via::Token { id, scope, project }
        }
    };
    let Some(role) = OrgRole::from_word(&row.text("role")?) else { return Ok(None) };
    let member = Some(row.id("member_id")?);
    Ok(Some(Principal { org: credential.org.clone(), member, role, via }))
}

fn is_due(row: &Columns, pause: Duration, now: Instant) -> Result<bool, StoreError> {
    let last = row.optional_number("last_used_at")?;
    Ok(last.is_none_or(|last| Instant(last).plus(pause) <= now))
}

async fn record_use(
    store: &Store,
    system: &Principal,
    origin: &Origin,
    statement: Statement,
    credential: &Credential,
    now: Instant,
) -> Result<(), Denied> {
    let mut tx = TenantTx::write(store, system, origin, Action::Login, None).await?;
    tx.execute(statement, values![&credential.org, &credential.id, now]).await?;
    Ok(tx.commit_bookkeeping().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixture::Fixture;

    #[tokio::test]
    async fn a_token_is_known_until_it_is_revoked_or_its_account_disabled() {
        let fixture = Fixture::new().await;
        let text = fixture.token(Scope::Write).await;
        let principal = fixture.bearer(&text).await.unwrap();
        assert_eq!(principal.member.as_ref(), Some(&fixture.owner));
        assert!(matches!(principal.via, Via::Token { scope: Scope::Write, .. }));
        // A token is no cookie, and another secret is not this one.
        assert!(fixture.cookie(&text).await.is_none());
        let last = if text.ends_with('A') { "E" } else { "A" };
        let forged = format!("{}{last}", &text[..text.len() - 1]);
        assert!(fixture.bearer(&forged).await.is_none());

        fixture.run("UPDATE member SET disabled_at = 1").await;
        assert!(fixture.bearer(&text).await.is_none());
        fixture.run("UPDATE member SET disabled_at = NULL").await;
        assert!(fixture.bearer(&text).await.is_some());
        fixture.run("UPDATE token SET expires_at = 1").await;
        assert!(fixture.bearer(&text).await.is_none());
    }

    #[tokio::test]
    async fn use_is_recorded_once_a_minute() {
        let fixture = Fixture::new().await;
        let text = fixture.token(Scope::Read).await;
        fixture.bearer(&text).await.unwrap();
        let first = fixture.number("SELECT last_used_at AS n FROM token").await;
        fixture.bearer(&text).await.unwrap();
        assert_eq!(fixture.number("SELECT last_used_at AS n FROM token").await, first);
        fixture.run("UPDATE token SET last_used_at = last_used_at - 60000").await;
        fixture.bearer(&text).await.unwrap();
        assert!(fixture.number("SELECT last_used_at AS n FROM token").await >= first);
    }
}
