//! Who may do what: a closed table of acts and the roles that they need. It
//! must not know how an act is done, nor who the caller is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an account may do in its organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrgRole {
    /// Everything, and naming other owners.
    Owner,
    /// Members, groups, projects' metadata; data only with a project's role.
    Admin,
    /// Reads metadata and the audit trail; changes nothing.
    Auditor,
    /// Makes projects, and works in those it is a member of.
    Member,
}

/// What an account may do in a project; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProjectRole {
    /// Reads data and results.
    View,
    /// Uploads and runs.
    Run,
    /// Members, datasets' deletion, the project itself.
    Admin,
}

/// What a token may be used for at most; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Acts that change nothing.
    Read,
    /// Uploads, datasets, projects.
    Write,
    /// Members, groups, tokens and roles.
    Admin,
}

/// Makes the words of an enumeration, which the database and JSON share.
macro_rules! words {
    ($type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word in JSON and in the database.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(OrgRole { Owner = "owner", Admin = "admin", Auditor = "auditor", Member = "member" });
words!(ProjectRole { View = "view", Run = "run", Admin = "admin" });
words!(Scope { Read = "read", Write = "write", Admin = "admin" });

impl OrgRole {
    /// The role of a word in the database; an unknown one, of a newer server,
    /// may do least.
    #[must_use]
    pub fn stored(word: &str) -> Self {
        Self::from_word(word).unwrap_or(Self::Member)
    }
}

impl ProjectRole {
    /// As [`OrgRole::stored`].
    #[must_use]
    pub fn stored(word: &str) -> Self {
        Self::from_word(word).unwrap_or(Self::View)
    }
}

/// Whom an act is open to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Any account of the organisation.
    Anyone,
    /// An account with one of these roles.
    Org(&'static [OrgRole]),
    /// At least this role in the project.
    Project(ProjectRole),
    /// At least this role in the project, or one of these in the organisation:
    /// metadata, never data.
    ProjectOr(ProjectRole, &'static [OrgRole]),
}

const MANAGE: &[OrgRole] = &[OrgRole::Owner, OrgRole::Admin];
const OVERSEE: &[OrgRole] = &[OrgRole::Owner, OrgRole::Admin, OrgRole::Auditor];
const MAKE: &[OrgRole] = &[OrgRole::Owner, OrgRole::Admin, OrgRole::Member];

/// Makes the closed list of acts.
macro_rules! actions {
    ($($(#[$meta:meta])* $variant:ident = $code:literal, $scope:ident, $need:expr;)+) => {
        /// Everything that the server can be asked to do for an account.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$meta])* $variant),+ }

        impl Action {
            /// Every act.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the audit trail.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The least scope of a token that may be used for it.
            #[must_use]
            pub fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope),+ }
            }

            /// Whom it is open to.
            #[must_use]
            pub fn need(self) -> Need {
                match self { $(Self::$variant => $need),+ }
            }
        }
    };
}

actions! {
    /// Reading the organisation's name.
    OrgRead = "org.read", Read, Need::Anyone;
    /// Renaming the organisation.
    OrgUpdate = "org.update", Admin, Need::Org(MANAGE);
    /// Reading accounts.
    MemberRead = "member.read", Read, Need::Org(OVERSEE);
    /// Making an account.
    MemberCreate = "member.create", Admin, Need::Org(MANAGE);
    /// Changing an account's name, role or state.
    MemberUpdate = "member.update", Admin, Need::Org(MANAGE);
    /// Deleting an account.
    MemberDelete = "member.delete", Admin, Need::Org(MANAGE);
    /// Changing one's own password or second factor.
    CredentialUpdate = "credential.update", Admin, Need::Anyone;
    /// Reading groups.
    GroupRead = "group.read", Read, Need::Org(OVERSEE);
    /// Making, changing, filling and mapping groups.
    GroupManage = "group.manage", Admin, Need::Org(MANAGE);
    /// Reading one's tokens; an administrator reads everyone's.
    TokenRead = "token.read", Read, Need::Anyone;
    /// Making a token for oneself; an administrator for a service account.
    TokenCreate = "token.create", Admin, Need::Anyone;
    /// Revoking a token.
    TokenRevoke = "token.revoke", Admin, Need::Anyone;
    /// Reading one's logins; an administrator reads everyone's.
    SessionRead = "session.read", Read, Need::Anyone;
    /// Ending a login.
    SessionEnd = "session.end", Write, Need::Anyone;
    /// Logging in.
    Login = "login", Read, Need::Anyone;
    /// Reading the audit trail.
    AuditRead = "audit.read", Read, Need::Org(OVERSEE);
    /// Replacing the keys that wrap keys.
    KeyRotate = "key.rotate", Admin, Need::Org(MANAGE);
    /// Making a project, whose administrator its maker is.
    ProjectCreate = "project.create", Write, Need::Org(MAKE);
    /// Reading a project's name and description.
    ProjectRead = "project.read", Read, Need::ProjectOr(ProjectRole::View, OVERSEE);
    /// Changing a project.
    ProjectUpdate = "project.update", Write, Need::Project(ProjectRole::Admin);
    /// Deleting a project.
    ProjectDelete = "project.delete", Write, Need::Project(ProjectRole::Admin);
    /// Reading who works in a project.
    ProjectMemberRead = "project_member.read", Read, Need::ProjectOr(ProjectRole::View, OVERSEE);
    /// Giving and taking roles in a project.
    ProjectMemberManage = "project_member.manage", Admin,
        Need::ProjectOr(ProjectRole::Admin, MANAGE);
    /// Reading uploads under way.
    UploadRead = "upload.read", Read, Need::Project(ProjectRole::Run);
    /// Uploading.
    UploadWrite = "upload.write", Write, Need::Project(ProjectRole::Run);
    /// Reading datasets' names, sizes and digests.
    DatasetRead = "dataset.read", Read, Need::Project(ProjectRole::View);
    /// Making a dataset of an upload.
    DatasetCreate = "dataset.create", Write, Need::Project(ProjectRole::Run);
    /// Changing a dataset's name or description.
    DatasetUpdate = "dataset.update", Write, Need::Project(ProjectRole::Run);
    /// Deleting a dataset.
    DatasetDelete = "dataset.delete", Write, Need::Project(ProjectRole::Admin);
    /// Reading a dataset's bytes.
    DataRead = "data.read", Read, Need::Project(ProjectRole::View);
    /// Making a link that reads a dataset's bytes for a few minutes.
    LinkCreate = "link.create", Read, Need::Project(ProjectRole::View);
    /// Removing uploads that expired and objects that no row names.
    StorageSweep = "storage.sweep", Admin, Need::Org(MANAGE);
    /// Reading what the organisation may use, and uses.
    QuotaRead = "quota.read", Read, Need::Anyone;
    /// Giving the organisation a plan; at the server's machine alone.
    QuotaSet = "quota.set", Admin, Need::Org(&[]);
    /// Reading what each attempt used, and statements.
    UsageRead = "usage.read", Read, Need::Org(OVERSEE);
    /// Closing the statements of months that ended; the server alone.
    StatementClose = "statement.close", Admin, Need::Org(&[]);
    /// Removing what is too old; the server alone.
    Sweep = "sweep", Admin, Need::Org(&[]);
    /// Reading jobs and their history.
    JobRead = "job.read", Read, Need::Project(ProjectRole::View);
    /// Submitting a job.
    JobSubmit = "job.submit", Write, Need::Project(ProjectRole::Run);
    /// Cancelling, holding, releasing and trying again a job.
    JobControl = "job.control", Write, Need::Project(ProjectRole::Run);
    /// Reading what a run made.
    ArtifactRead = "artifact.read", Read, Need::Project(ProjectRole::View);
    /// What a worker does for a job that it leased; workers alone.
    JobWork = "job.work", Admin, Need::Org(&[]);
    /// Reading runs.
    RunRead = "run.read", Read, Need::Project(ProjectRole::View);
}

impl Need {
    /// Whether an account with role `org` in the organisation and `project` in
    /// the project that the act is about may do it.
    #[must_use]
    pub fn is_met(self, org: OrgRole, project: Option<ProjectRole>) -> bool {
        let at_least = |least| project.is_some_and(|role| role >= least);
        match self {
            Self::Anyone => true,
            Self::Org(roles) => roles.contains(&org),
            Self::Project(least) => at_least(least),
            Self::ProjectOr(least, roles) => at_least(least) || roles.contains(&org),
        }
    }
}

/// Whether a role reads the metadata of every project.
#[must_use]
pub fn sees_every_project(role: OrgRole) -> bool {
    OVERSEE.contains(&role)
}

/// Whether a role manages other accounts.
#[must_use]
pub fn manages(role: OrgRole) -> bool {
    MANAGE.contains(&role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_takes_a_role_in_the_project() {
        for action in [Action::DataRead, Action::DatasetRead, Action::RunRead] {
            assert!(!action.need().is_met(OrgRole::Owner, None), "{action:?}");
            assert!(action.need().is_met(OrgRole::Member, Some(ProjectRole::View)), "{action:?}");
        }
    }

    #[test]
    fn an_auditor_changes_nothing() {
        for action in Action::ALL.iter().filter(|action| action.scope() != Scope::Read) {
            let own = [
                Action::CredentialUpdate,
                Action::TokenCreate,
                Action::TokenRevoke,
                Action::SessionEnd,
            ];
            let may = action.need().is_met(OrgRole::Auditor, None);
            assert_eq!(may, own.contains(action), "{action:?}");
        }
    }

    #[test]
    fn names_of_acts_are_unique() {
        let codes: std::collections::BTreeSet<_> =
            Action::ALL.iter().map(|action| action.code()).collect();
        assert_eq!(codes.len(), Action::ALL.len());
    }
}
