//! Secrets that are shown once and kept as digests: how they are made, written
//! and compared. It must not know the database, nor HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::id::{Id, Kind};

/// Bytes of a secret.
const BYTES: usize = 32;

/// Characters of a secret as base64url without padding.
const CHARACTERS: usize = 43;

/// Characters of an id after its prefix.
const ID_CHARACTERS: usize = 26;

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Text that must reach one reader and no log: it has no `Debug`, and its
/// memory is cleared.
pub type SecretText = Zeroizing<String>;

/// 256 random bits. Without `Debug`, so that no log shows them.
pub struct Secret(Zeroizing<[u8; BYTES]>);

impl Secret {
    /// A fresh secret.
    ///
    /// # Errors
    ///
    /// Where the system has no randomness.
    pub fn fresh() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        getrandom::fill(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    /// Reads what [`Secret::text`] wrote; none where it is not well formed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != CHARACTERS {
            return None;
        }
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let mut bytes = Zeroizing::new([0; BYTES]);
        if decoded.len() != BYTES {
            return None;
        }
        bytes.copy_from_slice(&decoded);
        Some(Self(bytes))
    }

    /// The secret as 43 characters of base64url.
    #[must_use]
    pub fn text(&self) -> SecretText {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// What is stored: SHA-256 of the bytes as hex. The secret is random, so a
    /// slow hash would add nothing.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_slice()))
    }

    /// Whether `stored` is this secret's hash, in time that does not depend on
    /// where they differ.
    #[must_use]
    pub fn matches(&self, stored: &str) -> bool {
        self.hash().as_bytes().ct_eq(stored.as_bytes()).into()
    }
}

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A bearer token: `h2t_…`.
    Token,
    /// A login's cookie: `h2s_…`.
    Session,
}

impl CredentialKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Token => "h2t_",
            Self::Session => "h2s_",
        }
    }

    fn id_kind(self) -> Kind {
        match self {
            Self::Token => Kind::Token,
            Self::Session => Kind::Session,
        }
    }
}

/// A secret and the place where its hash is looked for.
pub struct Credential {
    /// The organisation whose transaction finds it.
    pub org: Id,
    /// The token's or the session's id.
    pub id: Id,
    /// What proves it.
    pub secret: Secret,
    kind: CredentialKind,
}

impl Credential {
    /// A fresh credential of `org`.
    ///
    /// # Errors
    ///
    /// Where the system has no randomness.
    pub fn fresh(kind: CredentialKind, org: &Id) -> Result<Self, NoRandomness> {
        let (org, id) = (org.clone(), Id::fresh(kind.id_kind()));
        Ok(Self { org, id, secret: Secret::fresh()?, kind })
    }

    /// Reads what [`Credential::text`] wrote. What is not well formed is
    /// unknown, like one that never was.
    #[must_use]
    pub fn parse(kind: CredentialKind, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(kind.prefix())?;
        let (org, rest) = rest.split_at_checked(ID_CHARACTERS)?;
        let (id, rest) = rest.split_at_checked(ID_CHARACTERS)?;
        Some(Self {
            org: Id::parse(Kind::Org, &format!("{}_{org}", Kind::Org.prefix()))?,
            id: Id::parse(kind.id_kind(), &format!("{}_{id}", kind.id_kind().prefix()))?,
            secret: Secret::parse(rest.strip_prefix('_')?)?,
            kind,
        })
    }

    /// What its holder sends.
    #[must_use]
    pub fn text(&self) -> SecretText {
        let (org, id) = (suffix(&self.org), suffix(&self.id));
        Zeroizing::new(format!("{}{org}{id}_{}", self.kind.prefix(), self.secret.text().as_str()))
    }
}

/// An id without its prefix.
fn suffix(id: &Id) -> &str {
    id.as_str().split_once('_').map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_read_as_written() {
        for kind in [CredentialKind::Token, CredentialKind::Session] {
            let written = Credential::fresh(kind, &Id::fresh(Kind::Org)).unwrap();
            let text = written.text();
            assert_eq!(text.len(), 4 + 26 + 26 + 1 + 43);
            let read = Credential::parse(kind, &text).unwrap();
            assert_eq!((&read.org, &read.id), (&written.org, &written.id));
            assert!(read.secret.matches(&written.secret.hash()));
        }
    }

    #[test]
    fn a_credential_of_another_kind_or_form_is_unknown() {
        let text = Credential::fresh(CredentialKind::Token, &Id::fresh(Kind::Org)).unwrap().text();
        assert!(Credential::parse(CredentialKind::Session, &text).is_none());
        let mut wrong: Vec<String> = (0..text.len()).map(|end| text[..end].to_owned()).collect();
        wrong.push(format!("{}A", text.as_str()));
        wrong.push(format!("{}+", &text[..text.len() - 1]));
        wrong.push(text.to_uppercase());
        wrong.push(format!("h2t_{}", "é".repeat(50)));
        for text in wrong {
            assert!(Credential::parse(CredentialKind::Token, &text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_secret_matches_its_own_hash_alone() {
        let (one, other) = (Secret::fresh().unwrap(), Secret::fresh().unwrap());
        assert!(one.matches(&one.hash()));
        assert!(!one.matches(&other.hash()));
        assert!(!one.matches(""));
    }
}
