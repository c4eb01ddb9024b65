//! An organisation in a temporary SQLite for unit tests: an owner, a member and
//! a service account.

use std::time::Duration;

use super::secret::SecretText;
use super::session::{NewSession, Policy};
use super::token::NewToken;
use super::{Presented, authenticate, session, token};
use crate::id::{Id, Kind};
use crate::store::{Address, Statement, Store, migrate, values};
use crate::tenancy::{Action, OrgRole, Origin, Principal, Scope, TenantTx, Via};
use crate::time::Instant;
use crate::trail::Entry;

/// The organisation, open.
pub(crate) struct Fixture {
    pub store: Store,
    pub org: Id,
    pub owner: Id,
    pub member: Id,
    pub service: Id,
    _dir: tempfile::TempDir,
}

const ORG: Statement = Statement::new(
    "ORG",
    "INSERT INTO org (id, slug, name, created_at) VALUES ($1, 'acme', 'Acme', 1)",
);
const MEMBER: Statement = Statement::new(
    "MEMBER",
    "INSERT INTO member (org_id, id, kind, login, name, role, created_at) \
     VALUES ($1, $2, $3, $4, $4, $5, 1)",
);

impl Fixture {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::sqlite(&dir.path().join("t.db"));
        let store = Store::open_as_owner(&address).await.unwrap();
        migrate::migrate(&store).await.unwrap();
        let org = Id::fresh(Kind::Org);
        let mut raw = store.begin_write().await.unwrap();
        raw.execute(ORG, values![&org]).await.unwrap();
        let mut ids = Vec::new();
        for (kind, login, role) in [
            ("person", "olga", "owner"),
            ("person", "ann", "member"),
            ("service", "robot", "member"),
        ] {
            let id = Id::fresh(Kind::Member);
            raw.execute(MEMBER, values![&org, &id, kind, login, role]).await.unwrap();
            ids.push(id);
        }
        raw.commit().await.unwrap();
        let [owner, member, service] = <[Id; 3]>::try_from(ids).unwrap();
        Self { store, org, owner, member, service, _dir: dir }
    }

    pub fn principal(&self, member: &Id, role: OrgRole) -> Principal {
        let via = Via::Session { id: Id::fresh(Kind::Session) };
        Principal { org: self.org.clone(), member: Some(member.clone()), role, via }
    }

    /// A transaction of the owner.
    pub async fn write(&self, action: Action) -> TenantTx {
        let principal = self.principal(&self.owner, OrgRole::Owner);
        TenantTx::write(&self.store, &principal, &Origin::local(), action, None).await.unwrap()
    }

    /// A transaction of the owner that only reads.
    pub async fn read(&self, action: Action) -> TenantTx {
        let principal = self.principal(&self.owner, OrgRole::Owner);
        TenantTx::read(&self.store, &principal, &Origin::local(), action, None).await.unwrap()
    }

    /// A transaction of the member.
    pub async fn as_member(&self, action: Action) -> TenantTx {
        let principal = self.principal(&self.member, OrgRole::Member);
        TenantTx::write(&self.store, &principal, &Origin::local(), action, None).await.unwrap()
    }

    pub async fn token(&self, scope: Scope) -> SecretText {
        let mut tx = self.write(Action::TokenCreate).await;
        let new = NewToken {
            member: self.owner.clone(),
            name: "test".into(),
            scope,
            project: None,
            expires_at: Instant::now().plus(Duration::from_secs(60)),
        };
        let (token, text) = token::create(&mut tx, new).await.unwrap();
        tx.commit(Entry::on(&token.id)).await.unwrap();
        text
    }

    pub async fn session(&self, member: &Id) -> SecretText {
        let mut tx = self.write(Action::Login).await;
        let credential = session::credential(&self.org).unwrap();
        let new =
            NewSession { credential: &credential, member, method: "password", id_token: None };
        let (session, text) = session::create(&mut tx, &new, &Policy::default()).await.unwrap();
        tx.commit(Entry::on(&session.id)).await.unwrap();
        text
    }

    pub async fn bearer(&self, text: &str) -> Option<Principal> {
        let presented = Presented::Bearer(text);
        authenticate(&self.store, presented, &Origin::local(), &Policy::default()).await.unwrap()
    }

    pub async fn cookie(&self, text: &str) -> Option<Principal> {
        let presented = Presented::Cookie(text);
        authenticate(&self.store, presented, &Origin::local(), &Policy::default()).await.unwrap()
    }

    /// Runs SQL past the statements of the server.
    pub async fn run(&self, text: &'static str) {
        let mut raw = self.store.begin_write().await.unwrap();
        raw.execute(Statement::new("test", text), &[]).await.unwrap();
        raw.commit().await.unwrap();
    }

    /// The number in column `n` of the first row.
    pub async fn number(&self, text: &'static str) -> i64 {
        let mut raw = self.store.begin_read().await.unwrap();
        let row = raw.row(Statement::new("test", text), &[]).await.unwrap();
        row.unwrap().number("n").unwrap()
    }
}
