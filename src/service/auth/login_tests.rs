//! Logins and credentials against a database.

use super::credential::{self, Enrolment};
use super::fixture::Fixture;
use super::login::{Gate, LoggedIn, Proof};
use super::password::{Password, Passwords};
use super::session::Policy;
use super::totp::SharedSecret;
use super::{AuthError, session};
use crate::object::{FileProvider, Keyring, rotate};
use crate::tenancy::{Action, Denied, OrgRole, Origin, Principal, TenantTx, Via};
use crate::trail::Entry;

const PASSWORD: &str = "correct horse battery";

/// An organisation whose owner has a password.
struct Desk {
    fixture: Fixture,
    keys: Keyring,
    passwords: Passwords,
    policy: Policy,
    origin: Origin,
    _folder: tempfile::TempDir,
}

fn proof(password: &str, code: Option<&str>) -> Proof {
    Proof { password: Password::new(password.into()), code: code.map(str::to_owned) }
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = FileProvider::open_or_create(&folder.path().join("master.key")).unwrap();
        let desk = Self {
            fixture: Fixture::new().await,
            keys: Keyring::new(Box::new(provider)),
            passwords: Passwords::default(),
            policy: Policy::default(),
            origin: Origin::local(),
            _folder: folder,
        };
        let hash = desk.passwords.hash(Password::new(PASSWORD.into())).await.unwrap();
        let mut tx = desk.fixture.write(Action::MemberUpdate).await;
        credential::reset_password(&mut tx, &desk.fixture.owner, &hash).await.unwrap();
        tx.commit(Entry::on(&desk.fixture.owner)).await.unwrap();
        desk
    }

    fn gate(&self) -> Gate<'_> {
        Gate {
            store: &self.fixture.store,
            keys: &self.keys,
            passwords: &self.passwords,
            policy: &self.policy,
            origin: &self.origin,
        }
    }

    async fn login(&self, password: &str, code: Option<&str>) -> Result<LoggedIn, AuthError> {
        self.gate().login("acme", "olga", proof(password, code)).await
    }

    /// The owner, logged in.
    fn owner(&self, login: &LoggedIn) -> Principal {
        let via = Via::Session { id: login.session.id.clone() };
        let member = Some(self.fixture.owner.clone());
        Principal { org: login.org.clone(), member, role: OrgRole::Owner, via }
    }

    async fn count(&self, text: &'static str) -> i64 {
        self.fixture.number(text).await
    }
}

#[tokio::test]
async fn a_password_logs_in_and_nothing_else_does() {
    let desk = Desk::new().await;
    let login = desk.login(PASSWORD, None).await.unwrap();
    assert_eq!(login.session.method, "password");
    let principal = desk.fixture.cookie(&login.cookie).await.unwrap();
    assert_eq!(principal.member.as_ref(), Some(&desk.fixture.owner));
    let gate = desk.gate();
    for (org, login, password) in [
        ("acme", "olga", "correct horse batterz"),
        ("acme", "ann", PASSWORD),
        ("acme", "robot", PASSWORD),
        ("acme", "nobody", PASSWORD),
        ("other", "olga", PASSWORD),
        ("", "", ""),
    ] {
        let refused = gate.login(org, login, proof(password, None)).await;
        assert!(matches!(refused, Err(AuthError::Refused)), "{org} {login}");
    }
    // Each is in the trail of the organisation it was about, without what was
    // typed as login.
    let refused = "SELECT COUNT(*) AS n FROM audit_event WHERE outcome = 'refused'";
    assert_eq!(desk.count(refused).await, 4);
    let typed = "SELECT COUNT(*) AS n FROM audit_event WHERE object LIKE '%nobody%'";
    assert_eq!(desk.count(typed).await, 0);
}

#[tokio::test]
async fn five_failures_lock_for_longer_each_time() {
    let desk = Desk::new().await;
    let minutes = "SELECT (locked_until - 0) / 60000 AS n FROM member WHERE login = 'olga'";
    for round in [15, 30, 60, 120, 120] {
        for _ in 0..5 {
            assert!(desk.login("wrong wrong wrong", None).await.is_err());
        }
        let now = crate::time::Instant::now().0 / 60_000;
        let locked = desk.count(minutes).await - now;
        assert!((round - 1..=round).contains(&locked), "{locked} minutes for {round}");
        // The right password neither helps, nor is it told so.
        assert!(matches!(desk.login(PASSWORD, None).await, Err(AuthError::Refused)));
        desk.fixture.run("UPDATE member SET locked_until = 1 WHERE login = 'olga'").await;
    }
    let locks = "SELECT COUNT(*) AS n FROM audit_event WHERE reason = 'wrong password, locked'";
    assert_eq!(desk.count(locks).await, 5);
    assert_eq!(
        desk.count("SELECT COUNT(*) AS n FROM audit_event WHERE reason = 'locked'").await,
        5
    );
    desk.login(PASSWORD, None).await.unwrap();
    let failures = "SELECT failures AS n FROM member WHERE login = 'olga'";
    assert_eq!(desk.count(failures).await, 0);
}

#[tokio::test]
async fn many_at_once_guess_no_more_than_five() {
    let desk = Desk::new().await;
    let tries: Vec<_> = (0..12).map(|_| desk.login("wrong wrong wrong", None)).collect();
    for refused in futures_util::future::join_all(tries).await {
        assert!(matches!(refused, Err(AuthError::Refused)));
    }
    assert_eq!(desk.count("SELECT failures AS n FROM member WHERE login = 'olga'").await, 5);
    assert!(desk.login(PASSWORD, None).await.is_err());
}

fn now_code(secret: &SharedSecret, drift: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret.text().reveal()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let seconds = i64::try_from(super::login::seconds()).unwrap() + 30 * drift;
    totp.generate(u64::try_from(seconds).unwrap()).to_string()
}

async fn enrolled(desk: &Desk) -> (Principal, Enrolment) {
    let login = desk.login(PASSWORD, None).await.unwrap();
    let owner = desk.owner(&login);
    let gate = desk.gate();
    let wrong = gate.enrol(&owner, proof("wrong wrong wrong", None)).await;
    assert!(matches!(wrong, Err(AuthError::Refused)));
    let enrolment = gate.enrol(&owner, proof(PASSWORD, None)).await.unwrap();
    (owner, enrolment)
}

#[tokio::test]
async fn a_second_factor_counts_once_confirmed_and_each_code_once() {
    let desk = Desk::new().await;
    let (owner, enrolment) = enrolled(&desk).await;
    let gate = desk.gate();
    // Not yet.
    desk.login(PASSWORD, None).await.unwrap();
    let other = desk.login(PASSWORD, None).await.unwrap();
    assert!(gate.confirm(&owner, "000000").await.is_err());
    gate.confirm(&owner, &now_code(&enrolment.secret, -1)).await.unwrap();
    assert!(desk.fixture.cookie(&other.cookie).await.is_none(), "others end");
    // Now it does; the code that confirmed is used up, the next ones work once.
    assert!(desk.login(PASSWORD, None).await.is_err());
    assert!(desk.login(PASSWORD, Some(&now_code(&enrolment.secret, -1))).await.is_err());
    let code = now_code(&enrolment.secret, 0);
    let login = desk.login(PASSWORD, Some(&code)).await.unwrap();
    assert_eq!(login.session.method, "password+totp");
    assert!(desk.login(PASSWORD, Some(&code)).await.is_err(), "used up");
    assert!(desk.login(PASSWORD, Some(&now_code(&enrolment.secret, 3))).await.is_err());
    // Failures of either factor are counted together.
    assert!(desk.login("wrong wrong wrong", None).await.is_err());
    let locks = "SELECT COUNT(*) AS n FROM audit_event WHERE reason = 'wrong code'";
    assert_eq!(desk.count(locks).await, 4);
    // The secret is not in the database.
    let leaked = "SELECT COUNT(*) AS n FROM member WHERE totp_secret NOT LIKE '%AGE ENCRYPTED%'";
    assert_eq!(desk.count(leaked).await, 0);
}

#[tokio::test]
async fn a_second_factor_outlives_a_rotation_and_is_reset_by_an_administrator() {
    let desk = Desk::new().await;
    let (owner, enrolment) = enrolled(&desk).await;
    desk.gate().confirm(&owner, &now_code(&enrolment.secret, -1)).await.unwrap();
    let tx = desk.fixture.write(Action::KeyRotate).await;
    rotate(&desk.keys, tx).await.unwrap();
    desk.login(PASSWORD, Some(&now_code(&enrolment.secret, 0))).await.unwrap();

    // An administrator who is no owner does not reset one.
    let admin = desk.fixture.principal(&desk.fixture.member, OrgRole::Admin);
    let (store, action) = (&desk.fixture.store, Action::MemberUpdate);
    let mut tx = TenantTx::write(store, &admin, &desk.origin, action, None).await.unwrap();
    let refused = credential::reset_totp(&mut tx, &desk.fixture.owner).await;
    assert!(matches!(refused, Err(AuthError::Denied(Denied::Role(_)))));
    let refused = credential::reset_password(&mut tx, &desk.fixture.owner, "x").await;
    assert!(matches!(refused, Err(AuthError::Denied(Denied::Role(_)))));
    drop(tx);
    let mut tx = desk.fixture.write(action).await;
    credential::reset_totp(&mut tx, &desk.fixture.owner).await.unwrap();
    tx.commit(Entry::on(&desk.fixture.owner)).await.unwrap();
    desk.login(PASSWORD, None).await.unwrap();
}

#[tokio::test]
async fn a_password_is_changed_by_a_login_that_knows_it() {
    let desk = Desk::new().await;
    let (first, second) =
        (desk.login(PASSWORD, None).await.unwrap(), desk.login(PASSWORD, None).await.unwrap());
    let owner = desk.owner(&first);
    let gate = desk.gate();
    let new = || Password::new("another horse battery".into());
    let short = gate.change_password(&owner, proof(PASSWORD, None), Password::new("x".into()));
    assert!(matches!(short.await, Err(AuthError::Field { field: "new_password", .. })));
    let wrong = gate.change_password(&owner, proof("wrong wrong wrong", None), new()).await;
    assert!(matches!(wrong, Err(AuthError::Refused)));
    let mut token = owner.clone();
    let id = crate::id::Id::fresh(crate::id::Kind::Token);
    token.via = Via::Token { id, scope: crate::tenancy::Scope::Admin, project: None };
    let refused = gate.change_password(&token, proof(PASSWORD, None), new()).await;
    assert!(matches!(refused, Err(AuthError::Denied(Denied::Scope(_)))));
    gate.change_password(&owner, proof(PASSWORD, None), new()).await.unwrap();
    assert!(desk.fixture.cookie(&first.cookie).await.is_some());
    assert!(desk.fixture.cookie(&second.cookie).await.is_none());
    assert!(desk.login(PASSWORD, None).await.is_err());
    desk.login("another horse battery", None).await.unwrap();
    let mut tx = desk.fixture.read(Action::SessionRead).await;
    let live = session::list(&mut tx, session::Whose::Everybody, &desk.policy, "t", 9).await;
    assert_eq!(live.unwrap().len(), 2);
}
