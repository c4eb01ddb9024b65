//! Logging in by password and second factor. It must not know HTTP.
//!
//! An attempt is counted before it is judged, so that many at once guess no
//! more than five in turn; every fifth locks the account, for longer each time.
//! Whatever is wrong, the answer is one and takes as long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::AuthError;
use super::password::{Password, Passwords};
use super::secret::SecretText;
use super::session::{self, NewSession, Policy, Session};
use super::totp::SharedSecret;
use crate::directory::member::is_login;
use crate::directory::org;
use crate::id::Id;
use crate::object::Keyring;
use crate::store::{Columns, Statement, Store, StoreError, statements, values};
use crate::tenancy::{Action, OrgRole, Origin, Principal, TenantTx, Via};
use crate::time::Instant;
use crate::trail::Entry;

/// Counts an attempt, of every five the last locks: 15 minutes, then 30, an
/// hour, two hours. No row where the account may not try.
macro_rules! attempt {
    ($column:literal) => {
        concat!(
            "UPDATE member SET failures = failures + 1, \
                locked_until = CASE WHEN (failures + 1) % 5 = 0 THEN $3 + 900000 * \
                    CASE WHEN failures + 1 < 10 THEN 1 WHEN failures + 1 < 15 THEN 2 \
                    WHEN failures + 1 < 20 THEN 4 ELSE 8 END ELSE NULL END \
            WHERE org_id = $1 AND ",
            $column,
            " = $2 AND kind = 'person' AND disabled_at IS NULL \
                AND (locked_until IS NULL OR locked_until <= $3) \
            RETURNING id, role, password_hash, failures"
        )
    };
}

/// Why [`attempt`] gave no row.
macro_rules! why {
    ($column:literal) => {
        concat!("SELECT id, kind, disabled_at FROM member WHERE org_id = $1 AND ", $column, " = $2")
    };
}

statements! {
    ATTEMPT_BY_LOGIN = attempt!("login");
    ATTEMPT_BY_ID = attempt!("id");
    WHY_BY_LOGIN = why!("login");
    WHY_BY_ID = why!("id");
    SECOND_FACTOR = "SELECT totp_secret, totp_last_step FROM member \
        WHERE org_id = $1 AND id = $2";
    /// Takes back the attempt, and notes the code as used; no row where another
    /// used it meanwhile, or the account was disabled.
    PROVEN = "UPDATE member SET failures = 0, locked_until = NULL, totp_last_step = \
            CASE WHEN COALESCE(totp_last_step, -1) < $3 THEN $3 ELSE totp_last_step END \
        WHERE org_id = $1 AND id = $2 AND disabled_at IS NULL \
            AND (COALESCE(totp_last_step, -1) < $3 OR $3 = -1)";
}

/// A refusal takes at least so long, whatever was wrong. Tests do not wait.
const REFUSAL_TAKES: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 500 });

/// What judging a login takes.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    /// The database.
    pub store: &'a Store,
    /// What opens the secrets of second factors.
    pub keys: &'a Keyring,
    /// What compares passwords.
    pub passwords: &'a Passwords,
    /// How long logins live.
    pub policy: &'a Policy,
    /// Where the request came from.
    pub origin: &'a Origin,
}

/// What somebody gives to prove who they are.
pub struct Proof {
    /// The password.
    pub password: Password,
    /// The authenticator's code; looked at where the account has a second
    /// factor.
    pub code: Option<String>,
}

/// Who is to be proven.
#[derive(Clone, Copy)]
pub(super) enum Who<'a> {
    Login(&'a str),
    Member(&'a Id),
}

impl Who<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Login(login) => login,
            Self::Member(id) => id.as_str(),
        }
    }

    fn attempt(self) -> Statement {
        match self {
            Self::Login(_) => ATTEMPT_BY_LOGIN,
            Self::Member(_) => ATTEMPT_BY_ID,
        }
    }

    fn why(self) -> Statement {
        match self {
            Self::Login(_) => WHY_BY_LOGIN,
            Self::Member(_) => WHY_BY_ID,
        }
    }
}

/// An account that proved who it is, until [`Proven::take`] writes that down.
pub(super) struct Proven {
    pub member: Id,
    pub role: OrgRole,
    step: Option<i64>,
}

impl Proven {
    /// How the account proved who it is.
    fn method(&self) -> &'static str {
        if self.step.is_some() { "password+totp" } else { "password" }
    }

    /// Takes back the counted attempt and uses up the code, in the transaction
    /// of what the proof is for.
    pub async fn take(&self, tx: &mut TenantTx) -> Result<(), AuthError> {
        let org = tx.org();
        let step = self.step.unwrap_or(-1);
        match tx.execute(PROVEN, values![&org, &self.member, step]).await? {
            0 => Err(AuthError::Refused),
            _ => Ok(()),
        }
    }
}

/// A login that was made.
pub struct LoggedIn {
    /// The login.
    pub session: Session,
    /// The organisation.
    pub org: Id,
    /// The cookie's value.
    pub cookie: SecretText,
}

/// What an attempt comes to, before it is written down.
struct Judged {
    member: Option<Id>,
    outcome: Result<Proven, &'static str>,
}

impl Gate<'_> {
    /// Logs in to the organisation called `slug`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Refused`] whatever is wrong with `login` and `proof`.
    pub async fn login(
        &self,
        slug: &str,
        login: &str,
        proof: Proof,
    ) -> Result<LoggedIn, AuthError> {
        let started = tokio::time::Instant::now();
        // What cannot be a name is asked of no database.
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let slug = if slug.bytes().all(is_name) { slug } else { "" };
        let login = login.to_lowercase();
        let login = if is_login(&login) { login.as_str() } else { "" };
        let Some(org) = org::by_slug(self.store, slug).await? else {
            self.passwords.verify(proof.password, None).await?;
            tokio::time::sleep_until(started + REFUSAL_TAKES).await;
            return Err(AuthError::Refused);
        };
        let nobody =
            Principal { org: org.clone(), member: None, role: OrgRole::Member, via: Via::Login };
        let who = Who::Login(login);
        let proven = self.prove(&nobody, Action::Login, who, proof).await?;
        self.enter(&org, &proven, started).await
    }

    /// Makes the login of whom is proven.
    async fn enter(
        &self,
        org: &Id,
        proven: &Proven,
        started: tokio::time::Instant,
    ) -> Result<LoggedIn, AuthError> {
        let credential = session::credential(org)?;
        let mut tx = self.begin(org, &proven.member, proven.role, &credential.id).await?;
        if let Err(error) = proven.take(&mut tx).await {
            tokio::time::sleep_until(started + REFUSAL_TAKES).await;
            return Err(error);
        }
        let new = NewSession {
            credential: &credential,
            member: &proven.member,
            method: proven.method(),
            id_token: None,
        };
        let (session, cookie) = session::create(&mut tx, &new, self.policy).await?;
        tx.commit(Entry::on(&session.id)).await?;
        Ok(LoggedIn { session, org: org.clone(), cookie })
    }

    /// A transaction of `member` by the login `session` that it makes.
    pub(super) async fn begin(
        &self,
        org: &Id,
        member: &Id,
        role: OrgRole,
        session: &Id,
    ) -> Result<TenantTx, AuthError> {
        let via = Via::Session { id: session.clone() };
        let principal = Principal { org: org.clone(), member: Some(member.clone()), role, via };
        Ok(TenantTx::write(self.store, &principal, self.origin, Action::Login, None).await?)
    }

    /// Proves `who`, for `action` of `principal`; a refusal is recorded, and
    /// takes as long whatever is wrong.
    pub(super) async fn prove(
        &self,
        principal: &Principal,
        action: Action,
        who: Who<'_>,
        proof: Proof,
    ) -> Result<Proven, AuthError> {
        let started = tokio::time::Instant::now();
        let judged = self.judge(principal, action, who, proof).await?;
        match judged.outcome {
            Ok(proven) => Ok(proven),
            Err(reason) => {
                self.refuse(principal, action, who, judged.member, reason).await?;
                tokio::time::sleep_until(started + REFUSAL_TAKES).await;
                Err(AuthError::Refused)
            }
        }
    }

    async fn judge(
        &self,
        principal: &Principal,
        action: Action,
        who: Who<'_>,
        proof: Proof,
    ) -> Result<Judged, AuthError> {
        let mut tx = TenantTx::write(self.store, principal, self.origin, action, None).await?;
        let values = values![&principal.org, who.text(), Instant::now()];
        let row = tx.row(who.attempt(), values).await?;
        tx.commit_bookkeeping().await?;
        let hash = row.as_ref().map(|row| row.optional_text("password_hash")).transpose()?;
        let is_right = self.passwords.verify(proof.password, hash.flatten()).await?;
        let Some(row) = row else { return Ok(Judged { member: None, outcome: Err("unknown") }) };
        let member = row.id("id")?;
        let locks = row.number("failures")? % 5 == 0;
        if !is_right {
            let reason = if locks { "wrong password, locked" } else { "wrong password" };
            return Ok(Judged { member: Some(member), outcome: Err(reason) });
        }
        let outcome = match self.second_factor(principal, action, &member, proof.code).await? {
            Ok(step) => Ok(Proven {
                member: member.clone(),
                role: OrgRole::stored(&row.text("role")?),
                step,
            }),
            Err(()) if locks => Err("wrong code, locked"),
            Err(()) => Err("wrong code"),
        };
        Ok(Judged { member: Some(member), outcome })
    }

    /// The step of the code that was given, none where none is needed.
    async fn second_factor(
        &self,
        principal: &Principal,
        action: Action,
        member: &Id,
        code: Option<String>,
    ) -> Result<Result<Option<i64>, ()>, AuthError> {
        let mut tx = TenantTx::read(self.store, principal, self.origin, action, None).await?;
        let row = tx.row(SECOND_FACTOR, values![&principal.org, member]).await?;
        let Some(row) = row else { return Ok(Err(())) };
        let Some(sealed) = row.optional_text("totp_secret")? else { return Ok(Ok(None)) };
        let Some(key) = self.keys.org(&mut tx).await? else { return Ok(Err(())) };
        let secret = SharedSecret::kept(key.open(&sealed)?);
        let last = row.optional_number("totp_last_step")?;
        let step = code.and_then(|code| secret.step(code.trim(), seconds(), last));
        Ok(step.map(Some).ok_or(()))
    }

    /// Records a refusal. What was typed as login is not: it may be a password.
    async fn refuse(
        &self,
        principal: &Principal,
        action: Action,
        who: Who<'_>,
        member: Option<Id>,
        reason: &str,
    ) -> Result<(), AuthError> {
        let mut principal = principal.clone();
        let mut tx = TenantTx::write(self.store, &principal, self.origin, action, None).await?;
        let row = tx.row(who.why(), values![&principal.org, who.text()]).await?;
        let reason = match &row {
            Some(row) if member.is_none() => reason_without_attempt(row)?,
            _ => reason,
        };
        let member = row.map(|row| row.id("id")).transpose()?;
        let entry = member.as_ref().map(Entry::on).unwrap_or_default();
        if principal.member.is_none() {
            drop(tx);
            principal.member = member;
            tx = TenantTx::write(self.store, &principal, self.origin, action, None).await?;
        }
        Ok(tx.commit_refusal(entry, reason).await?)
    }
}

/// Why an account that exists may not even try.
fn reason_without_attempt(row: &Columns) -> Result<&'static str, StoreError> {
    Ok(match (row.text("kind")?.as_str(), row.optional_number("disabled_at")?) {
        ("person", None) => "locked",
        ("person", Some(_)) => "disabled",
        _ => "service account",
    })
}

/// Seconds since 1970.
pub(super) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
