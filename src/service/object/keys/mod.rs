//! The hierarchy of keys: who holds the private halves, and how they are
//! wrapped. It must not know what they encrypt.
//!
//! A secret is wiped when it is dropped, and has no `Debug`.

mod armor;
mod file;
mod ring;
mod rotate;
mod vault;

pub use armor::{armor, dearmor};
pub use file::FileProvider;
pub use ring::Keyring;
pub use rotate::{Rotated, rotate};
pub use vault::VaultProvider;

pub(crate) use ring::STATEMENTS;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use super::KeyError;
use crate::id::Id;

/// A secret as text, wiped when it is dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Guards `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for what encrypts or compares it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What wraps the keys of organisations: a file at the server, or a key
/// manager elsewhere.
pub trait KeyProvider: Send + Sync {
    /// Says what wraps, without a secret: what unwraps must be the same.
    fn label(&self) -> String;

    /// Wraps `secret` into text that is safe to store.
    fn wrap<'a>(&'a self, secret: &'a Secret) -> BoxFuture<'a, Result<String, KeyError>>;

    /// Unwraps what was wrapped for `key`.
    fn unwrap<'a>(
        &'a self,
        key: &'a Id,
        wrapped: &'a str,
        wrapped_by: &'a str,
    ) -> BoxFuture<'a, Result<Secret, KeyError>>;

    /// That `key` was wrapped by another provider.
    fn other(&self, key: &Id, wrapped_by: &str) -> KeyError {
        let (key, wrapped_by) = (key.clone(), wrapped_by.to_owned());
        KeyError::OtherProvider { key, wrapped_by, ours: self.label() }
    }
}

/// The key of an organisation, which wraps those of its projects.
pub struct OrgKey {
    id: Id,
    identity: x25519::Identity,
}

/// The key of a project, for which its objects are encrypted.
pub struct DataKey {
    id: Id,
    identity: x25519::Identity,
}

/// Makes what both keys can do.
macro_rules! key {
    ($type:ty) => {
        impl $type {
            /// A fresh key.
            #[must_use]
            pub(super) fn fresh() -> Self {
                let id = Id::fresh(crate::id::Kind::DataKey);
                Self { id, identity: x25519::Identity::generate() }
            }

            /// The key called `id` of its text.
            pub(super) fn read(id: Id, text: &str) -> Result<Self, KeyError> {
                match text.trim().parse() {
                    Ok(identity) => Ok(Self { id, identity }),
                    Err(reason) => {
                        let reason = str::to_owned(reason);
                        Err(KeyError::Unwrap { key: id, reason })
                    }
                }
            }

            /// Its id.
            #[must_use]
            pub fn id(&self) -> &Id {
                &self.id
            }

            /// The private half, which opens.
            #[must_use]
            pub fn identity(&self) -> &dyn age::Identity {
                &self.identity
            }

            /// The public half, for which is encrypted.
            #[must_use]
            pub fn recipient(&self) -> x25519::Recipient {
                self.identity.to_public()
            }

            /// The private half as the program `age` reads it.
            #[must_use]
            pub fn secret(&self) -> Secret {
                Secret::new(self.identity.to_string().expose_secret().to_owned())
            }

            /// A code that only this key gives of `parts`, for one purpose.
            pub(crate) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
                super::mac(self.secret().reveal().as_bytes(), purpose, parts)
            }
        }
    };
}
key!(OrgKey);
key!(DataKey);

impl OrgKey {
    /// Wraps the key of a project: an armored age file for this key.
    pub(super) fn wrap(&self, key: &DataKey) -> Result<String, KeyError> {
        seal_text(&self.recipient(), &key.secret())
    }

    /// Encrypts `secret` for this key.
    pub(crate) fn seal(&self, secret: &Secret) -> Result<String, KeyError> {
        seal_text(&self.recipient(), secret)
    }

    /// Decrypts what [`OrgKey::seal`] gave.
    pub(crate) fn open(&self, sealed: &str) -> Result<Secret, KeyError> {
        open_text(&self.identity, &self.id, sealed)
    }

    /// Unwraps the key `id` of a project.
    pub(super) fn unwrap(&self, id: &Id, wrapped: &str) -> Result<DataKey, KeyError> {
        DataKey::read(id.clone(), open_text(&self.identity, id, wrapped)?.reveal())
    }
}

/// Encrypts `secret` for `recipient`, armored.
fn seal_text(recipient: &x25519::Recipient, secret: &Secret) -> Result<String, KeyError> {
    let sealed = age::encrypt(recipient, secret.reveal().as_bytes());
    sealed.map(|sealed| armor(&sealed)).map_err(|error| KeyError::Wrap(error.to_string()))
}

/// Decrypts what [`seal_text`] gave.
fn open_text(identity: &x25519::Identity, key: &Id, wrapped: &str) -> Result<Secret, KeyError> {
    let refused = |reason: String| KeyError::Unwrap { key: key.clone(), reason };
    let sealed = dearmor(wrapped).ok_or_else(|| refused("it is no armored age file".into()))?;
    let plain = age::decrypt(identity, &sealed).map_err(|error| refused(error.to_string()))?;
    let plain = Zeroizing::new(plain);
    let text = std::str::from_utf8(&plain).map_err(|error| refused(error.to_string()))?;
    Ok(Secret::new(text.to_owned()))
}
