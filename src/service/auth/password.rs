//! Passwords as argon2id hashes: which are allowed, and how they are made and
//! compared without exhausting memory. It must not know accounts.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

use super::secret::SecretText;

/// Fewest characters.
pub const SHORTEST: usize = 12;

/// Most bytes.
pub const LONGEST: usize = 1024;

/// How long a login waits for others before it is told to come again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Hashes at once at most, 19 MiB each.
const MOST_AT_ONCE: usize = 8;

/// What is compared where there is no account: it takes as long, and no
/// password gives it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$aGV0ZXJvMi1ub2JvZHk\
    $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password is not hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many logins at once.
    #[error("too many passwords are being compared: try again")]
    Busy,
    /// The hash could not be made.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// A password as somebody typed it. Without `Debug`, and wiped when dropped.
pub struct Password(SecretText);

impl Password {
    /// Guards `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// What is wrong with it as the new password of `login`.
    ///
    /// # Errors
    ///
    /// What it must be.
    pub fn check(&self, login: &str) -> Result<(), &'static str> {
        if self.0.chars().count() < SHORTEST || self.0.len() > LONGEST {
            return Err("12 characters at least, 1,024 bytes at most");
        }
        match self.0.to_lowercase() == login.to_lowercase() {
            true => Err("not the login"),
            false => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl PartialSchema for Password {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::Password,
            )))
            .into()
    }
}

impl ToSchema for Password {}

/// Makes and compares hashes, so many at once.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new(cores.min(MOST_AT_ONCE))))
    }
}

impl Passwords {
    async fn permit(&self) -> Result<OwnedSemaphorePermit, PasswordError> {
        let permit = tokio::time::timeout(LONGEST_WAIT, self.0.clone().acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or(PasswordError::Busy)
    }

    /// The hash of `password`, with its parameters and a fresh salt: OWASP's
    /// argon2id, 19 MiB and two passes.
    ///
    /// # Errors
    ///
    /// Where too many are at work, or the system has no randomness.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        let permit = self.permit().await?;
        let hashed = tokio::task::spawn_blocking(move || {
            let hashed = Argon2::default().hash_password(password.0.as_bytes());
            drop(permit);
            hashed.map(|hash| hash.to_string()).map_err(|error| error.to_string())
        });
        let hashed = hashed.await.unwrap_or_else(|error| Err(error.to_string()));
        hashed.map_err(PasswordError::Hash)
    }

    /// Whether `password` gives `stored`. Without a hash to compare, as much
    /// work and no.
    ///
    /// # Errors
    ///
    /// Where too many are at work.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        let permit = self.permit().await?;
        let verified = tokio::task::spawn_blocking(move || {
            let exists = stored.is_some();
            let hash = stored.as_deref().unwrap_or(NOBODY);
            let gives = PasswordHash::new(hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.0.as_bytes(), &hash).is_ok()
            });
            drop(permit);
            exists && gives
        });
        Ok(verified.await.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_is_of_its_password_alone() {
        let passwords = Passwords::default();
        let hash = passwords.hash(password("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = |text: &str, hash: Option<String>| passwords.verify(password(text), hash);
        assert!(verify("correct horse battery", Some(hash.clone())).await.unwrap());
        assert!(!verify("correct horse batterz", Some(hash.clone())).await.unwrap());
        assert!(!verify("correct horse battery", None).await.unwrap());
        assert!(!verify("correct horse battery", Some("no hash".into())).await.unwrap());
        assert_ne!(hash, passwords.hash(password("correct horse battery")).await.unwrap());
    }

    #[test]
    fn nobodys_hash_takes_as_much_work() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = argon2::Params::try_from(&nobody).unwrap();
        let real = Argon2::default().hash_password(b"correct horse battery").unwrap();
        let real = argon2::Params::try_from(&real).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (real.m_cost(), real.t_cost(), real.p_cost())
        );
        assert_eq!(nobody.hash.map(|hash| hash.len()), Some(32));
    }

    #[test]
    fn short_huge_and_obvious_passwords_are_refused() {
        let ok = |text: &str| password(text).check("ada@example.org").is_ok();
        assert!(ok("twelve chars"));
        assert!(ok(&"é".repeat(12)));
        assert!(!ok("eleven char"));
        assert!(!ok(&"x".repeat(1025)));
        assert!(!ok("Ada@Example.org"));
    }
}
