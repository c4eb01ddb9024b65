//! Bytes kept outside the database: by name in a directory or a bucket, each
//! one a standard age file for its project's key. It must not know what the
//! bytes are for, nor HTTP.
//!
//! The organisation's key is wrapped by a [`KeyProvider`], the project's by the
//! organisation's, and each is an age identity: with the provider's key, the
//! rows of `data_key` and the program `age`, an operator recovers every byte
//! without this server.

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

pub use error::{KeyError, ObjectError};
pub use keys::{
    DataKey, FileProvider, KeyProvider, Keyring, OrgKey, Rotated, Secret, VaultProvider, armor,
    dearmor, rotate,
};
pub use open::{Plain, open};
pub use seal::{Sealed, Sealing};
pub use store::{Objects, Put};
pub use sweep::{SweepError, Swept, sweep};
pub use verify::{Damage, Verified, VerifyError, verify};

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
}

/// Most plain bytes of an upload unless the server is set up otherwise, and the
/// most that it can be set up to: an object in a bucket has at most 80 GiB here.
pub const LARGEST_UPLOAD: u64 = 64 << 30;
