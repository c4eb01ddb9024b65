//! Passwords and second factors of accounts: changed by whoever they belong to,
//! who proves it, and reset by an administrator. It must not know HTTP.

use super::AuthError;
use super::login::{Gate, Proof, Who, seconds};
use super::password::Password;
use super::session::end_all;
use super::totp::SharedSecret;
use crate::id::Id;
use crate::store::{StoreError, statements, values};
use crate::tenancy::{Action, Denied, OrgRole, Principal, TenantTx, Via};
use crate::trail::Entry;

statements! {
    WHO = "SELECT kind, role, login FROM member WHERE org_id = $1 AND id = $2";
    SET_PASSWORD = "UPDATE member SET password_hash = $3, failures = 0, locked_until = NULL \
        WHERE org_id = $1 AND id = $2";
    ENROL = "UPDATE member SET totp_pending = $3 WHERE org_id = $1 AND id = $2";
    PENDING = "SELECT totp_pending FROM member WHERE org_id = $1 AND id = $2";
    CONFIRM = "UPDATE member SET totp_secret = totp_pending, totp_pending = NULL, \
        totp_last_step = $4 WHERE org_id = $1 AND id = $2 AND totp_pending = $3";
    REMOVE = "UPDATE member SET totp_secret = NULL, totp_pending = NULL, totp_last_step = NULL \
        WHERE org_id = $1 AND id = $2";
    STATE = "SELECT password_hash, totp_secret FROM member WHERE org_id = $1 AND id = $2";
}

/// How an account can log in by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// It has a password.
    pub has_password: bool,
    /// It has a second factor.
    pub has_totp: bool,
}

/// How `member` can log in by itself.
///
/// # Errors
///
/// Where the database fails.
pub async fn factors(tx: &mut TenantTx, member: &Id) -> Result<Factors, StoreError> {
    let org = tx.org();
    let row = tx.row(STATE, values![&org, member]).await?;
    let has = |name| match &row {
        Some(row) => row.optional_text(name).map(|text| text.is_some()),
        None => Ok(false),
    };
    Ok(Factors { has_password: has("password_hash")?, has_totp: has("totp_secret")? })
}

/// A second factor to be set up: shown once.
pub struct Enrolment {
    /// The shared secret.
    pub secret: SharedSecret,
    /// The login that it is for.
    pub login: String,
}

/// The account that changes its own credentials, which it does by a login:
/// a token that leaked must not take over the account.
fn own(principal: &Principal) -> Result<Id, AuthError> {
    match (&principal.via, &principal.member) {
        (Via::Session { .. }, Some(member)) => Ok(member.clone()),
        _ => Err(Denied::Scope(Action::CredentialUpdate).into()),
    }
}

/// The login that goes on where the others end.
fn kept(principal: &Principal) -> Option<&Id> {
    match &principal.via {
        Via::Session { id } => Some(id),
        _ => None,
    }
}

impl Gate<'_> {
    async fn change(&self, principal: &Principal) -> Result<TenantTx, AuthError> {
        let action = Action::CredentialUpdate;
        Ok(TenantTx::write(self.store, principal, self.origin, action, None).await?)
    }

    /// Changes the password of `principal`, and ends its other logins.
    ///
    /// # Errors
    ///
    /// [`AuthError::Refused`] where the proof is wrong; [`AuthError::Field`]
    /// where the new password is not allowed.
    pub async fn change_password(
        &self,
        principal: &Principal,
        proof: Proof,
        new: Password,
    ) -> Result<(), AuthError> {
        let member = own(principal)?;
        let mut tx = self.change(principal).await?;
        let login = who(&mut tx, &member).await?.login;
        drop(tx);
        new.check(&login).map_err(|problem| AuthError::field("new_password", problem))?;
        let (action, who) = (Action::CredentialUpdate, Who::Member(&member));
        let proven = self.prove(principal, action, who, proof).await?;
        let hash = self.passwords.hash(new).await?;
        let mut tx = self.change(principal).await?;
        proven.take(&mut tx).await?;
        set_hash(&mut tx, &member, &hash).await?;
        end_all(&mut tx, &member, kept(principal)).await?;
        Ok(tx.commit(Entry::on(&member)).await?)
    }

    /// Makes a second factor for `principal`, which counts once it is confirmed.
    ///
    /// # Errors
    ///
    /// [`AuthError::Refused`] where the proof is wrong.
    pub async fn enrol(&self, principal: &Principal, proof: Proof) -> Result<Enrolment, AuthError> {
        let member = own(principal)?;
        let (action, by_id) = (Action::CredentialUpdate, Who::Member(&member));
        let proven = self.prove(principal, action, by_id, proof).await?;
        let secret = SharedSecret::fresh()?;
        let mut tx = self.change(principal).await?;
        let key = self.keys.org_for_writing(&mut tx).await?;
        proven.take(&mut tx).await?;
        let (org, sealed) = (tx.org(), key.seal(secret.text())?);
        tx.execute(ENROL, values![&org, &member, &sealed]).await?;
        let login = who(&mut tx, &member).await?.login;
        tx.commit(Entry::on(&member)).await?;
        Ok(Enrolment { secret, login })
    }

    /// Makes the second factor count, whose `code` the authenticator shows; the
    /// other logins of `principal` end.
    ///
    /// # Errors
    ///
    /// [`AuthError::Field`] where nothing waits to be confirmed, or the code is
    /// wrong.
    pub async fn confirm(&self, principal: &Principal, code: &str) -> Result<(), AuthError> {
        let member = own(principal)?;
        let wrong = || AuthError::field("code", "is not the code of a second factor that waits");
        let mut tx = self.change(principal).await?;
        let org = tx.org();
        let key = self.keys.org_for_writing(&mut tx).await?;
        let row = tx.row(PENDING, values![&org, &member]).await?;
        let sealed = row.map(|row| row.optional_text("totp_pending")).transpose()?.flatten();
        let sealed = sealed.ok_or_else(wrong)?;
        let secret = SharedSecret::kept(key.open(&sealed)?);
        let step = secret.step(code.trim(), seconds(), None).ok_or_else(wrong)?;
        tx.execute(CONFIRM, values![&org, &member, &sealed, step]).await?;
        end_all(&mut tx, &member, kept(principal)).await?;
        Ok(tx.commit(Entry::on(&member)).await?)
    }

    /// Removes the second factor of `principal`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Refused`] where the proof is wrong.
    pub async fn remove_totp(&self, principal: &Principal, proof: Proof) -> Result<(), AuthError> {
        let member = own(principal)?;
        let (action, who) = (Action::CredentialUpdate, Who::Member(&member));
        let proven = self.prove(principal, action, who, proof).await?;
        let mut tx = self.change(principal).await?;
        proven.take(&mut tx).await?;
        let org = tx.org();
        tx.execute(REMOVE, values![&org, &member]).await?;
        Ok(tx.commit(Entry::on(&member)).await?)
    }
}

/// What a reset needs to know of an account.
struct Known {
    kind: String,
    role: OrgRole,
    login: String,
}

async fn who(tx: &mut TenantTx, member: &Id) -> Result<Known, AuthError> {
    let org = tx.org();
    let row = tx.row(WHO, values![&org, member]).await?;
    let row = row.ok_or_else(|| AuthError::absent(Action::MemberUpdate))?;
    Ok(Known {
        kind: row.text("kind")?,
        role: OrgRole::stored(&row.text("role")?),
        login: row.text("login")?,
    })
}

/// An administrator does not become an owner by resetting one.
async fn may_reset(tx: &mut TenantTx, member: &Id) -> Result<Known, AuthError> {
    let known = who(tx, member).await?;
    match known.role == OrgRole::Owner && !tx.principal().is_owner() {
        true => Err(Denied::Role(Action::MemberUpdate).into()),
        false => Ok(known),
    }
}

async fn set_hash(tx: &mut TenantTx, member: &Id, hash: &str) -> Result<(), StoreError> {
    let org = tx.org();
    tx.execute(SET_PASSWORD, values![&org, member, hash]).await?;
    Ok(())
}

/// Checks `password` as one that an administrator gives `member`, before it is
/// hashed: by `tx`, for [`Action::MemberUpdate`].
///
/// # Errors
///
/// Where the account is none of a person, the caller may not, or the password
/// is not allowed.
pub async fn check_reset(
    tx: &mut TenantTx,
    member: &Id,
    password: &Password,
) -> Result<(), AuthError> {
    let known = may_reset(tx, member).await?;
    if known.kind != "person" {
        return Err(AuthError::field("password", "a service account has none"));
    }
    password.check(&known.login).map_err(|problem| AuthError::field("password", problem))
}

/// Gives `member` the password with `hash`, unlocks the account and ends its
/// logins: by an administrator.
///
/// # Errors
///
/// Where the caller may not.
pub async fn reset_password(tx: &mut TenantTx, member: &Id, hash: &str) -> Result<(), AuthError> {
    may_reset(tx, member).await?;
    set_hash(tx, member, hash).await?;
    end_all(tx, member, None).await?;
    Ok(())
}

/// Removes the second factor of `member` and ends its logins: by an
/// administrator, where the authenticator is lost.
///
/// # Errors
///
/// Where the caller may not.
pub async fn reset_totp(tx: &mut TenantTx, member: &Id) -> Result<(), AuthError> {
    may_reset(tx, member).await?;
    let org = tx.org();
    tx.execute(REMOVE, values![&org, member]).await?;
    end_all(tx, member, None).await?;
    Ok(())
}
