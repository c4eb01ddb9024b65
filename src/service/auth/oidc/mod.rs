//! Logging in by an organisation's identity provider (OpenID Connect): the code
//! flow with PKCE. It must not know HTTP of its own clients, nor passwords.
//!
//! A login under way is bound to the browser that began it, and taken up once.
//! Signature, issuer, audience, expiry and nonce are checked by `openidconnect`.

mod account;
mod flow;
mod provider;

pub use flow::{Callback, Started};
pub use provider::{OidcSettings, ProviderConfig, Providers, Provision};

pub(crate) use account::ALL as ACCOUNT_STATEMENTS;
pub(crate) use flow::ALL as FLOW_STATEMENTS;

use super::AuthError;
use crate::store::StoreError;
use crate::tenancy::Denied;

/// Why a login by a provider is not made. Texts name no secret, code or token.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The file of the set-up.
    #[error("{path}: {reason}")]
    Settings {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The provider is not reached, or answers what it must not.
    #[error("the identity provider {provider} failed: {reason}")]
    Provider {
        /// Its name.
        provider: String,
        /// What failed.
        reason: String,
    },
    /// There is no provider of that name, or none of a login under way.
    #[error("there is no such login under way")]
    Unknown,
    /// The login is refused: the reason is for the trail and the log.
    #[error("the login is refused: {0}")]
    Refused(&'static str),
    /// Too many logins are under way.
    #[error("too many logins are under way: try again")]
    Busy,
    /// The account or its session.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for OidcError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl From<Denied> for OidcError {
    fn from(denied: Denied) -> Self {
        Self::Auth(denied.into())
    }
}
