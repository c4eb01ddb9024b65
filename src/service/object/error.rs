//! What can be wrong with stored bytes and with keys. It must not know who
//! asked for them.

use crate::id::Id;
use crate::store::StoreError;
use crate::tenancy::Denied;

/// Why stored bytes are not had, or not kept. Objects go by their names, which
/// tell nothing of what they hold.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The address is of no store of objects.
    #[error("{0:?} is no address of objects: a directory or s3://BUCKET/PREFIX is")]
    Address(String),
    /// The store refused or could not be reached.
    #[error("the store of objects failed at {action} of {name}")]
    Store {
        /// What was being done.
        action: &'static str,
        /// To which object.
        name: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// A directory of objects could not be made or read.
    #[error("the directory of objects {path} cannot be used")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The object that a row names is not there.
    #[error("object {0} is missing from the store")]
    Missing(String),
    /// The object is longer or shorter than it was when it was written.
    #[error("object {name} has {found} bytes where {expected} were written")]
    Size {
        /// Which.
        name: String,
        /// Bytes written.
        expected: u64,
        /// Bytes there now.
        found: u64,
    },
    /// The object begins with another header: another file was put in its
    /// place, or its first bytes were changed.
    #[error("object {0} is not the file that was written: its header differs")]
    Swapped(String),
    /// The project's key does not open the object.
    #[error("object {name} is not for key {key}")]
    WrongKey {
        /// Which object.
        name: String,
        /// The key that its row names.
        key: Id,
    },
    /// A chunk of the object does not authenticate.
    #[error("object {name} is damaged: {reason}")]
    Damaged {
        /// Which.
        name: String,
        /// What age says.
        reason: String,
    },
    /// The plain bytes are not those that were stored.
    #[error("object {name} holds {found}, not {expected}")]
    Digest {
        /// Which.
        name: String,
        /// SHA-256 in its row.
        expected: String,
        /// SHA-256 of what it holds.
        found: String,
    },
    /// The bytes could not be sealed.
    #[error("age refused to encrypt")]
    Seal(#[source] std::io::Error),
}

impl ObjectError {
    pub(crate) fn at(
        action: &'static str,
        name: &str,
    ) -> impl FnOnce(object_store::Error) -> Self + use<> {
        let name = name.to_owned();
        move |source| match source {
            object_store::Error::NotFound { .. } => Self::Missing(name),
            source => Self::Store { action, name, source },
        }
    }

    /// Whether the stored bytes are not what the database says: somebody
    /// changed, removed or replaced them.
    #[must_use]
    pub fn is_tampering(&self) -> bool {
        matches!(
            self,
            Self::Missing(_)
                | Self::Size { .. }
                | Self::Swapped(_)
                | Self::WrongKey { .. }
                | Self::Damaged { .. }
                | Self::Digest { .. }
        )
    }
}

/// Why work over all objects of an organisation ended early.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The store of objects failed.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server may not.
    #[error(transparent)]
    Denied(#[from] Denied),
}

/// Why a key is not had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file of the master key cannot be used.
    #[error("the master key {path} cannot be used: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// The key manager could not be asked.
    #[error("the key manager at {address} cannot be reached")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The key manager refused.
    #[error("the key manager at {address} answers {status}: {reason}")]
    Refused {
        /// Where.
        address: String,
        /// Its status.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// A key was wrapped by something else than what is asked to unwrap it.
    #[error("key {key} was wrapped by {wrapped_by}; this server has {ours}")]
    OtherProvider {
        /// Which.
        key: Id,
        /// What wrapped it.
        wrapped_by: String,
        /// What is here.
        ours: String,
    },
    /// A wrapped key does not open, or holds no key.
    #[error("key {key} does not unwrap: {reason}")]
    Unwrap {
        /// Which.
        key: Id,
        /// Why.
        reason: String,
    },
    /// A key could not be wrapped.
    #[error("a key cannot be wrapped: {0}")]
    Wrap(String),
    /// A row names a key that is not there, or that was destroyed.
    #[error("there is no key {0}")]
    Absent(Id),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
