//! A transaction that sees one organisation. It must not know what a row means.
//!
//! On PostgreSQL the organisation is set locally for row-level security; every
//! statement names it besides, which is all that SQLite has.

use super::{Action, Need, Origin, Principal, ProjectRole};
use crate::id::{Id, Kind};
use crate::store::{
    Columns, Engine, RawTx, Statement, Store, StoreError, Values, statements, values,
};
use crate::time::Instant;
use crate::trail::{Entry, Outcome};

statements! {
    /// The greatest of the roles that a member has in a project, by hand or by
    /// its groups.
    PROJECT_ROLE = "SELECT role FROM project_member \
        WHERE org_id = $1 AND project_id = $2 AND member_id = $3 \
        UNION ALL \
        SELECT map.role FROM group_map map JOIN group_member member \
            ON member.org_id = map.org_id AND member.group_id = map.group_id \
        WHERE map.org_id = $1 AND map.project_id = $2 AND member.member_id = $3";
    LIVE_PROJECT = "SELECT id FROM project WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL";
}
pub(crate) use ALL as STATEMENTS;

/// For PostgreSQL alone.
const SET_ORG: Statement = Statement::new("SET_ORG", "SELECT set_config('app.org', $1, true)");

/// Why an act is not done.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The thing does not exist, or not for the one who asks: these are one.
    #[error("there is no such thing here")]
    Absent(Action),
    /// The thing is known to the one who asks, who may not do this.
    #[error("the role does not allow {}", .0.code())]
    Role(Action),
    /// The token's scope does not allow it.
    #[error("the token's scope does not allow {}", .0.code())]
    Scope(Action),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A transaction for one principal and one act, rolled back where it is
/// dropped. One that changed something ends only with its entry in the trail.
pub struct TenantTx {
    raw: RawTx,
    engine: Engine,
    principal: Principal,
    origin: Origin,
    action: Action,
    project: Option<Id>,
}

impl TenantTx {
    /// Begins a transaction that only reads, for `action` in `project`, where
    /// it is about one.
    ///
    /// # Errors
    ///
    /// Where `principal` may not.
    pub async fn read(
        store: &Store,
        principal: &Principal,
        origin: &Origin,
        action: Action,
        project: Option<&Id>,
    ) -> Result<Self, Denied> {
        let raw = store.begin_read().await?;
        Self::authorise(store, raw, principal, origin, action, project).await
    }

    /// Begins a transaction that may write; as [`TenantTx::read`].
    ///
    /// # Errors
    ///
    /// As for [`TenantTx::read`].
    pub async fn write(
        store: &Store,
        principal: &Principal,
        origin: &Origin,
        action: Action,
        project: Option<&Id>,
    ) -> Result<Self, Denied> {
        let raw = store.begin_write().await?;
        Self::authorise(store, raw, principal, origin, action, project).await
    }

    async fn authorise(
        store: &Store,
        mut raw: RawTx,
        principal: &Principal,
        origin: &Origin,
        action: Action,
        project: Option<&Id>,
    ) -> Result<Self, Denied> {
        enter(store, &mut raw, &principal.org).await?;
        let mut tx = Self {
            raw,
            engine: store.engine(),
            principal: principal.clone(),
            origin: origin.clone(),
            action,
            project: project.cloned(),
        };
        tx.check(action, project).await?;
        Ok(tx)
    }

    /// Absent comes before forbidden: who cannot see a project learns nothing.
    async fn check(&mut self, action: Action, project: Option<&Id>) -> Result<(), Denied> {
        let role = match project {
            None => None,
            Some(project) => {
                let is_live = self.is_live(project).await?;
                let role = self.project_role(project).await?;
                let is_seen = role.is_some() || super::sees_every_project(self.principal.role);
                if !is_live || !is_seen || !self.principal.reaches(project) {
                    return Err(Denied::Absent(action));
                }
                role
            }
        };
        if !self.principal.scope_allows(action) {
            return Err(Denied::Scope(action));
        }
        // What these may do does not depend on roles.
        if matches!(self.principal.via, super::Via::System | super::Via::Worker { .. }) {
            return Ok(());
        }
        match action.need().is_met(self.principal.role, role) {
            true => Ok(()),
            false => Err(Denied::Role(action)),
        }
    }

    /// Whether the organisation has `project`, seen by the principal or not.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn is_live(&mut self, project: &Id) -> Result<bool, StoreError> {
        let org = self.org();
        Ok(self.row(LIVE_PROJECT, values![&org, project]).await?.is_some())
    }

    /// The principal's role in `project`.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn project_role(&mut self, project: &Id) -> Result<Option<ProjectRole>, StoreError> {
        match self.principal.via {
            super::Via::System => return Ok(Some(ProjectRole::Admin)),
            super::Via::Worker { .. } => return Ok(Some(ProjectRole::Run)),
            _ => {}
        }
        let Some(member) = self.principal.member.clone() else { return Ok(None) };
        let org = self.principal.org.clone();
        let rows = self.rows(PROJECT_ROLE, values![&org, project, &member]).await?;
        let mut greatest = None;
        for row in rows {
            greatest = greatest.max(ProjectRole::from_word(&row.text("role")?));
        }
        Ok(greatest)
    }

    /// Who asks.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The organisation.
    #[must_use]
    pub fn org(&self) -> Id {
        self.principal.org.clone()
    }

    /// Which database it is in.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Where the request came from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Runs a statement that gives no rows, and gives how many it changed.
    ///
    /// # Errors
    ///
    /// Where the database refuses.
    pub async fn execute(
        &mut self,
        statement: Statement,
        values: Values<'_>,
    ) -> Result<u64, StoreError> {
        self.raw.execute(statement, values).await
    }

    /// The rows that `statement` gives.
    ///
    /// # Errors
    ///
    /// Where the database refuses.
    pub async fn rows(
        &mut self,
        statement: Statement,
        values: Values<'_>,
    ) -> Result<Vec<Columns>, StoreError> {
        self.raw.rows(statement, values).await
    }

    /// The first row that `statement` gives.
    ///
    /// # Errors
    ///
    /// Where the database refuses.
    pub async fn row(
        &mut self,
        statement: Statement,
        values: Values<'_>,
    ) -> Result<Option<Columns>, StoreError> {
        self.raw.row(statement, values).await
    }

    /// Writes the act's entry in the trail and commits both.
    ///
    /// # Errors
    ///
    /// Where the database refuses: then neither holds.
    pub async fn commit(mut self, entry: Entry) -> Result<(), StoreError> {
        self.record(&entry, Outcome::Done, None).await?;
        self.raw.commit().await
    }

    /// Commits the entry of an act that was refused, which changed nothing but
    /// what counts refusals.
    ///
    /// # Errors
    ///
    /// Where the database refuses.
    pub async fn commit_refusal(mut self, entry: Entry, reason: &str) -> Result<(), StoreError> {
        self.record(&entry, Outcome::Refused, Some(reason)).await?;
        self.raw.commit().await
    }

    /// Commits what is no act of anybody: when a credential was last used, a
    /// login that somebody began at an identity provider.
    ///
    /// # Errors
    ///
    /// Where the database refuses.
    pub(crate) async fn commit_bookkeeping(self) -> Result<(), StoreError> {
        self.raw.commit().await
    }

    async fn record(
        &mut self,
        entry: &Entry,
        outcome: Outcome,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let project = entry.project.as_ref().or(self.project.as_ref());
        let event = Event { action: self.action.code(), entry, project, outcome, reason };
        event.insert(&mut self.raw, &self.principal, &self.origin).await
    }
}

/// Lets a transaction see the rows of `org` alone.
async fn enter(store: &Store, raw: &mut RawTx, org: &Id) -> Result<(), StoreError> {
    if store.engine() == Engine::Postgres {
        raw.rows(SET_ORG, values![org]).await?;
    }
    Ok(())
}

/// A line of the trail, but for who and whence.
struct Event<'a> {
    action: &'a str,
    entry: &'a Entry,
    project: Option<&'a Id>,
    outcome: Outcome,
    reason: Option<&'a str>,
}

impl Event<'_> {
    async fn insert(
        &self,
        raw: &mut RawTx,
        principal: &Principal,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let id = Id::fresh(Kind::Event);
        let values = values![
            &principal.org,
            &id,
            principal.member.as_ref(),
            principal.via.label(),
            self.action,
            self.entry.object.as_deref(),
            self.project,
            self.outcome.word(),
            self.reason,
            Instant::now(),
            &origin.request,
            &origin.address,
            self.entry.before.as_deref(),
            self.entry.after.as_deref(),
        ];
        raw.execute(crate::trail::INSERT, values).await?;
        Ok(())
    }
}

/// Records that `action` was refused to `principal`, in a transaction of its
/// own: the act's was rolled back.
///
/// # Errors
///
/// Where the database refuses.
pub async fn record_refusal(
    store: &Store,
    principal: &Principal,
    origin: &Origin,
    action: &str,
    entry: &Entry,
    reason: &str,
) -> Result<(), StoreError> {
    let mut raw = store.begin_write().await?;
    enter(store, &mut raw, &principal.org).await?;
    let project = entry.project.as_ref();
    let event = Event { action, entry, project, outcome: Outcome::Refused, reason: Some(reason) };
    event.insert(&mut raw, principal, origin).await?;
    raw.commit().await
}

/// Keeps the list of needs honest: a project's act needs a project.
#[must_use]
pub fn is_about_a_project(action: Action) -> bool {
    matches!(action.need(), Need::Project(_) | Need::ProjectOr(..))
}
