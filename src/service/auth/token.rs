//! Bearer tokens: for what, for how long, and who may make and revoke them. It
//! must not know HTTP.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::AuthError;
use super::secret::{Credential, CredentialKind, SecretText};
use super::session::{Whose, narrowed, own_unless_manager};
use crate::id::Id;
use crate::store::{Columns, StoreError, statements, values};
use crate::tenancy::{
    Action, Denied, OrgRole, Principal, Scope, TenantTx, Via, manages, sees_every_project,
};
use crate::time::Instant;

statements! {
    INSERT = "INSERT INTO token (org_id, id, member_id, name, secret_hash, scope, project_id, \
            created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    HOLDER = "SELECT kind, role, disabled_at FROM member WHERE org_id = $1 AND id = $2";
    COUNT = "SELECT COUNT(*) AS live FROM token \
        WHERE org_id = $1 AND member_id = $2 AND revoked_at IS NULL AND expires_at > $3";
    LIST = "SELECT id, member_id, name, scope, project_id, created_at, last_used_at, expires_at, \
            revoked_at \
        FROM token WHERE org_id = $1 AND (member_id = $2 OR $2 = '') AND id < $3 \
        ORDER BY id DESC LIMIT $4";
    GET = "SELECT id, member_id, name, scope, project_id, created_at, last_used_at, expires_at, \
            revoked_at \
        FROM token WHERE org_id = $1 AND id = $2 AND (member_id = $3 OR $3 = '')";
    REVOKE = "UPDATE token SET revoked_at = $3 \
        WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL AND (member_id = $4 OR $4 = '')";
    REVOKE_ALL = "UPDATE token SET revoked_at = $3 \
        WHERE org_id = $1 AND member_id = $2 AND revoked_at IS NULL";
}

/// The longest life of a token.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Live tokens of one account at most.
pub const PER_MEMBER: i64 = 100;

/// Characters of a token's name at most.
const NAME: usize = 100;

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    /// Its id.
    #[schema(value_type = String, example = "tok_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub id: Id,
    /// The account that it acts for.
    #[schema(value_type = String, example = "mem_01jdq0v8w3e8tav4k1m2n3p4q5")]
    pub member: Id,
    /// What it is called by whoever made it.
    pub name: String,
    /// What it may be used for at most.
    pub scope: Scope,
    /// The one project that it is for, if it is for one.
    #[schema(value_type = Option<String>)]
    pub project: Option<Id>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Instant>,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Instant>,
}

impl Token {
    fn read(row: &Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id("id")?,
            member: row.id("member_id")?,
            name: row.text("name")?,
            // The least, where the database holds another program's word.
            scope: Scope::from_word(&row.text("scope")?).unwrap_or(Scope::Read),
            project: row.optional_text("project_id")?.map(Id::stored),
            created_at: Instant(row.number("created_at")?),
            last_used_at: row.optional_number("last_used_at")?.map(Instant),
            expires_at: Instant(row.number("expires_at")?),
            revoked_at: row.optional_number("revoked_at")?.map(Instant),
        })
    }
}

/// A token that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The account that it acts for: the caller's own, or for an administrator
    /// a service account's.
    pub member: Id,
    /// What to call it.
    pub name: String,
    /// What it may be used for at most.
    pub scope: Scope,
    /// The one project that it is for.
    pub project: Option<Id>,
    /// When it ends.
    pub expires_at: Instant,
}

/// Makes a token and gives its text, which is not kept.
///
/// # Errors
///
/// [`AuthError::Field`] where a field does not fit; [`AuthError::Denied`]
/// where the caller may not make a token for that account or project, or with
/// that scope.
pub async fn create(tx: &mut TenantTx, new: NewToken) -> Result<(Token, SecretText), AuthError> {
    let now = Instant::now();
    check_fields(&new, now)?;
    check_scope(tx.principal(), &new)?;
    check_holder(tx, &new.member).await?;
    check_project(tx, new.project.as_ref()).await?;
    let org = tx.org();
    let live = tx.row(COUNT, values![&org, &new.member, now]).await?;
    if live.map_or(Ok(0), |row| row.number("live"))? >= PER_MEMBER {
        return Err(AuthError::field("member", "the account has too many live tokens"));
    }
    let credential = Credential::fresh(CredentialKind::Token, &org)?;
    let hash = credential.secret.hash();
    let values = values![
        &org,
        &credential.id,
        &new.member,
        &new.name,
        &hash,
        new.scope.word(),
        new.project.as_ref(),
        now,
        new.expires_at,
    ];
    tx.execute(INSERT, values).await?;
    let text = credential.text();
    let token = Token {
        id: credential.id,
        member: new.member,
        name: new.name,
        scope: new.scope,
        project: new.project,
        created_at: now,
        last_used_at: None,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    Ok((token, text))
}

fn check_fields(new: &NewToken, now: Instant) -> Result<(), AuthError> {
    let characters = new.name.chars().count();
    if characters == 0 || characters > NAME || new.name.chars().any(char::is_control) {
        return Err(AuthError::field("name", "needs 1 to 100 characters, none of them control"));
    }
    if new.expires_at <= now {
        return Err(AuthError::field("expires_at", "is past"));
    }
    if new.expires_at > now.plus(LONGEST) {
        return Err(AuthError::field("expires_at", "is more than 365 days away"));
    }
    Ok(())
}

/// A token makes none that may do more than itself.
fn check_scope(principal: &Principal, new: &NewToken) -> Result<(), AuthError> {
    match &principal.via {
        Via::Token { scope, .. } if new.scope > *scope => {
            Err(AuthError::field("scope", "is beyond that of the token that asks"))
        }
        Via::Token { project: Some(only), .. } if new.project.as_ref() != Some(only) => {
            Err(AuthError::field("project", "is beyond that of the token that asks"))
        }
        _ => Ok(()),
    }
}

async fn check_holder(tx: &mut TenantTx, member: &Id) -> Result<(), AuthError> {
    let principal = tx.principal().clone();
    let is_own = principal.member.as_ref() == Some(member);
    if !is_own && !manages(principal.role) {
        return Err(AuthError::absent(Action::TokenCreate));
    }
    let row = tx.row(HOLDER, values![&principal.org, member]).await?;
    let row = row.ok_or_else(|| AuthError::absent(Action::TokenCreate))?;
    if is_own || principal.via == Via::System {
        return Ok(());
    }
    if row.text("kind")? != "service" {
        return Err(AuthError::field("member", "is a person, who makes their own tokens"));
    }
    // An administrator does not become an owner by a service account.
    if OrgRole::from_word(&row.text("role")?) == Some(OrgRole::Owner)
        && principal.role != OrgRole::Owner
    {
        return Err(Denied::Role(crate::tenancy::Action::TokenCreate).into());
    }
    if row.optional_number("disabled_at")?.is_some() {
        return Err(AuthError::field("member", "is disabled"));
    }
    Ok(())
}

async fn check_project(tx: &mut TenantTx, project: Option<&Id>) -> Result<(), AuthError> {
    let Some(project) = project else { return Ok(()) };
    let is_live = tx.is_live(project).await?;
    let role = tx.project_role(project).await?;
    match is_live && (role.is_some() || sees_every_project(tx.principal().role)) {
        true => Ok(()),
        false => Err(AuthError::field("project", "does not exist here")),
    }
}

/// Tokens with ids less than `before`, newest first: one's own; of everybody
/// for whoever oversees accounts.
///
/// # Errors
///
/// [`AuthError::Denied`] where another account's are asked for by somebody who
/// does not oversee accounts.
pub async fn list(
    tx: &mut TenantTx,
    whose: Whose<'_>,
    before: &str,
    limit: i64,
) -> Result<Vec<Token>, AuthError> {
    let org = tx.org();
    let member = narrowed(tx, whose)?;
    let rows = tx.rows(LIST, values![&org, &member, before, limit]).await?;
    Ok(rows.iter().map(Token::read).collect::<Result<_, _>>()?)
}

/// One token: one's own; anybody's for whoever oversees accounts.
///
/// # Errors
///
/// [`AuthError::Denied`] where there is none for the one who asks.
pub async fn get(tx: &mut TenantTx, token: &Id) -> Result<Token, AuthError> {
    let org = tx.org();
    let member = narrowed(tx, Whose::Everybody)?;
    let row = tx.row(GET, values![&org, token, &member]).await?;
    Ok(Token::read(&row.ok_or_else(|| AuthError::absent(Action::TokenRead))?)?)
}

/// Revokes a token: one's own, or anybody's by an administrator.
///
/// # Errors
///
/// [`AuthError::Denied`] where there is none that lives for the one who asks.
pub async fn revoke(tx: &mut TenantTx, token: &Id) -> Result<(), AuthError> {
    let (org, member) = (tx.org(), own_unless_manager(tx));
    match tx.execute(REVOKE, values![&org, token, Instant::now(), &member]).await? {
        0 => Err(AuthError::absent(Action::TokenRevoke)),
        _ => Ok(()),
    }
}

/// Revokes every token of `member`, and gives how many.
///
/// # Errors
///
/// Where the database fails.
pub async fn revoke_all(tx: &mut TenantTx, member: &Id) -> Result<u64, StoreError> {
    let org = tx.org();
    tx.execute(REVOKE_ALL, values![&org, member, Instant::now()]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::fixture::Fixture;
    use crate::tenancy::Action;

    fn asked(member: &Id) -> NewToken {
        NewToken {
            member: member.clone(),
            name: "ci".into(),
            scope: Scope::Write,
            project: None,
            expires_at: Instant::now().plus(Duration::from_secs(60)),
        }
    }

    #[tokio::test]
    async fn fields_that_do_not_fit_are_named() {
        let fixture = Fixture::new().await;
        let good = asked(&fixture.owner);
        let now = Instant::now();
        let wrong = [
            ("name", NewToken { name: String::new(), ..good.clone() }),
            ("name", NewToken { name: "é".repeat(101), ..good.clone() }),
            ("name", NewToken { name: "a\nb".into(), ..good.clone() }),
            ("expires_at", NewToken { expires_at: now, ..good.clone() }),
            (
                "expires_at",
                NewToken {
                    expires_at: now.plus(LONGEST + Duration::from_secs(60)),
                    ..good.clone()
                },
            ),
            ("project", NewToken { project: Some(Id::fresh(crate::id::Kind::Project)), ..good }),
        ];
        for (expected, new) in wrong {
            let mut tx = fixture.write(Action::TokenCreate).await;
            match create(&mut tx, new).await {
                Err(AuthError::Field { field, .. }) => assert_eq!(field, expected),
                _ => panic!("{expected} was taken"),
            }
        }
    }

    #[tokio::test]
    async fn a_token_makes_none_beyond_itself() {
        let fixture = Fixture::new().await;
        let mut principal = fixture.principal(&fixture.owner, OrgRole::Owner);
        let id = Id::fresh(crate::id::Kind::Token);
        principal.via = Via::Token { id, scope: Scope::Admin, project: None };
        let new = asked(&fixture.owner);
        assert!(check_scope(&principal, &new).is_ok());
        principal.via = match principal.via {
            Via::Token { id, .. } => Via::Token { id, scope: Scope::Read, project: None },
            other => other,
        };
        assert!(check_scope(&principal, &new).is_err());
    }

    #[tokio::test]
    async fn people_make_their_own_and_administrators_those_of_services() {
        let fixture = Fixture::new().await;
        let mut tx = fixture.as_member(Action::TokenCreate).await;
        let refused = create(&mut tx, asked(&fixture.owner)).await;
        assert!(matches!(refused, Err(AuthError::Denied(Denied::Absent(_)))));
        drop(tx);
        let mut tx = fixture.write(Action::TokenCreate).await;
        let refused = create(&mut tx, asked(&fixture.member)).await;
        assert!(matches!(refused, Err(AuthError::Field { field: "member", .. })));
        let (token, _) = create(&mut tx, asked(&fixture.service)).await.unwrap();
        tx.commit(crate::trail::Entry::on(&token.id)).await.unwrap();

        // Others neither see nor revoke it; its administrator does.
        let mut tx = fixture.as_member(Action::TokenRevoke).await;
        assert_eq!(list(&mut tx, Whose::Everybody, "u", 10).await.unwrap(), Vec::new());
        assert!(matches!(revoke(&mut tx, &token.id).await, Err(AuthError::Denied(_))));
        drop(tx);
        let mut tx = fixture.write(Action::TokenRevoke).await;
        assert_eq!(list(&mut tx, Whose::Everybody, "u", 10).await.unwrap().len(), 1);
        revoke(&mut tx, &token.id).await.unwrap();
        assert!(matches!(revoke(&mut tx, &token.id).await, Err(AuthError::Denied(_))));
    }
}
