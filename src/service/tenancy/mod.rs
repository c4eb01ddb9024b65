//! Organisations kept apart: who asks, and transactions that see one
//! organisation alone. It must not know HTTP.

mod door;
mod matrix;
mod transaction;

pub use door::Door;
pub use matrix::{Action, Need, OrgRole, ProjectRole, Scope, manages, sees_every_project};
pub(crate) use transaction::STATEMENTS;
pub use transaction::{Denied, TenantTx, is_about_a_project, record_refusal};

use crate::id::Id;

/// How somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A bearer token.
    Token {
        /// Which.
        id: Id,
        /// What it may be used for at most.
        scope: Scope,
        /// The one project that it is for, if it is for one.
        project: Option<Id>,
    },
    /// A login.
    Session {
        /// Which.
        id: Id,
    },
    /// A signed link, on behalf of the member who made it.
    Link {
        /// Which.
        id: Id,
    },
    /// A pool's token: a worker at the jobs that it leased, in a job's project.
    Worker {
        /// Which worker.
        id: Id,
        /// Of which pool.
        pool: Id,
    },
    /// Nothing yet: a login under way.
    Login,
    /// The server itself, or an administrator at its machine.
    System,
}

impl Via {
    /// The credential's id in the audit trail.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Token { id, .. }
            | Self::Session { id }
            | Self::Link { id }
            | Self::Worker { id, .. } => id.as_str(),
            Self::Login => "login",
            Self::System => "system",
        }
    }
}

/// Who asks: an account of one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The organisation.
    pub org: Id,
    /// The account; none for the server itself.
    pub member: Option<Id>,
    /// Its role in the organisation.
    pub role: OrgRole,
    /// How it proved who it is.
    pub via: Via,
}

impl Principal {
    /// The server itself, at work for `org`.
    #[must_use]
    pub fn system(org: Id) -> Self {
        Self { org, member: None, role: OrgRole::Owner, via: Via::System }
    }

    /// A worker of `pool`, at work for `org`: it does what its leases need, and
    /// nothing else.
    #[must_use]
    pub fn worker(org: Id, id: Id, pool: Id) -> Self {
        Self { org, member: None, role: OrgRole::Member, via: Via::Worker { id, pool } }
    }

    /// Whether it may act on owners: an owner, or the server itself.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.role == OrgRole::Owner || self.via == Via::System
    }

    /// Who is named as the maker of what it makes.
    #[must_use]
    pub fn maker(&self) -> Id {
        self.member.clone().unwrap_or_else(|| Id::stored("system".into()))
    }

    /// Whether the credential may be used for `action`, whatever the roles.
    #[must_use]
    pub fn scope_allows(&self, action: Action) -> bool {
        match &self.via {
            // A project's token may know its organisation's name, and no more
            // of what is beyond the project.
            Via::Token { scope, project, .. } => {
                let is_within =
                    project.is_none() || is_about_a_project(action) || action == Action::OrgRead;
                is_within && *scope >= action.scope()
            }
            Via::Link { .. } => action == Action::DataRead,
            Via::Worker { .. } => {
                matches!(action, Action::JobWork | Action::UploadRead | Action::UploadWrite)
            }
            Via::Login => action == Action::Login,
            Via::Session { .. } | Via::System => true,
        }
    }

    /// Whether the credential may be used in `project`.
    #[must_use]
    pub fn reaches(&self, project: &Id) -> bool {
        match &self.via {
            Via::Token { project: Some(only), .. } => only == project,
            _ => true,
        }
    }
}

/// Where a request came from, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The request.
    pub request: String,
    /// The peer's address, without its port.
    pub address: String,
    /// Where the request is in its trace (a `traceparent`), for work that comes
    /// of it.
    pub trace: Option<String>,
}

impl Origin {
    /// An act of the server itself, or at its machine.
    #[must_use]
    pub fn local() -> Self {
        Self {
            request: Id::fresh(crate::id::Kind::Request).to_string(),
            address: "local".into(),
            trace: None,
        }
    }
}
