//! Bytes kept outside the database: by name in a directory or a bucket, each
//! one a standard age file for its project's key. It must not know what the
//! bytes are for, nor HTTP.
//!
//! The organisation's key is wrapped by a [`KeyProvider`], the project's by the
//! organisation's, and each is an age identity: with the provider's key, the
//! rows of `data_key` and the program `age`, an operator recovers every byte
//! without this server.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::id::Id;

mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod keys;
mod name;
mod open;
mod seal;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod verify;

pub use error::{KeyError, ObjectError, StorageError};
pub use keys::{
    DataKey, FileProvider, KeyProvider, Keyring, OrgKey, Rotated, Secret, VaultProvider, armor,
    dearmor, rotate,
};
pub use open::{Plain, open};
pub use seal::{Sealed, Sealing};
pub use store::{Objects, Put};
pub use sweep::{Swept, sweep};
pub use verify::{Damage, Verified, verify};

pub(crate) use keys::STATEMENTS as KEY_STATEMENTS;
pub(crate) use name::{blob_name, mac, part_name};
pub(crate) use sweep::STATEMENTS as SWEEP_STATEMENTS;
pub(crate) use verify::STATEMENTS as VERIFY_STATEMENTS;

/// Where bytes are kept, and the keys that they are kept under.
pub struct Depot {
    /// The store of objects.
    pub objects: Objects,
    /// The keys.
    pub keys: Keyring,
    /// Most plain bytes of an upload.
    pub largest_upload: u64,
    joining: Mutex<HashSet<Id>>,
}

impl Depot {
    /// Bytes in `objects`, encrypted under `keys`; uploads of at most
    /// `largest_upload` plain bytes.
    #[must_use]
    pub fn new(objects: Objects, keys: Keyring, largest_upload: u64) -> Self {
        Self { objects, keys, largest_upload, joining: Mutex::default() }
    }

    /// Claims the joining of an upload's parts until the claim is dropped; none
    /// where this process is at it already.
    pub(crate) fn claim(&self, upload: &Id) -> Option<Claim<'_>> {
        let mut joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        joining.insert(upload.clone()).then(|| Claim { depot: self, upload: upload.clone() })
    }
}

/// An upload that is being joined.
pub(crate) struct Claim<'a> {
    depot: &'a Depot,
    upload: Id,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let joining = &self.depot.joining;
        joining.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.upload);
    }
}

/// Most plain bytes of an upload unless the server is set up otherwise, and the
/// most that it can be set up to: an object in a bucket has at most 80 GiB here.
pub const LARGEST_UPLOAD: u64 = 64 << 30;
