//! One principal at work in one project, for acts that take several
//! transactions: bytes stream between them, and no transaction waits for bytes.
//! It must not know what the acts are.

use super::{Action, Denied, Origin, Principal, TenantTx};
use crate::id::Id;
use crate::store::Store;

/// Makes transactions for one principal in one project. Each authorises again:
/// a role that was taken meanwhile ends the act.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// The database.
    pub store: &'a Store,
    /// Who asks.
    pub principal: &'a Principal,
    /// Where the request came from.
    pub origin: &'a Origin,
    /// The project.
    pub project: &'a Id,
}

impl Door<'_> {
    /// A transaction that only reads.
    ///
    /// # Errors
    ///
    /// Where the principal may not.
    pub async fn read(&self, action: Action) -> Result<TenantTx, Denied> {
        TenantTx::read(self.store, self.principal, self.origin, action, Some(self.project)).await
    }

    /// A transaction that may write.
    ///
    /// # Errors
    ///
    /// Where the principal may not.
    pub async fn write(&self, action: Action) -> Result<TenantTx, Denied> {
        TenantTx::write(self.store, self.principal, self.origin, action, Some(self.project)).await
    }
}
