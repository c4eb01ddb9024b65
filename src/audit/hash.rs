//! SHA-256 keys of decoys.

use sha2::{Digest, Sha256};

/// SHA-256 of a decoy's canonical SMILES: what scores are keyed by.
///
/// ```
/// let hash = hetero2_audit::DecoyHash::of_smiles("CCO");
/// let text = hash.to_string();
/// assert_eq!(text.len(), 64);
/// assert_eq!(text.parse(), Ok(hash));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecoyHash(pub [u8; 32]);

/// A text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 in hexadecimal (64 digits)")]
pub struct NotAHash;

impl DecoyHash {
    /// The hash of a canonical SMILES text.
    #[must_use]
    pub fn of_smiles(canonical: &str) -> Self {
        Self(Sha256::digest(canonical.as_bytes()).into())
    }

    /// The score a decoy has in mock mode: its hash's first 48 bits as a
    /// fraction of the largest such number, so uniform over 0 ..= 1.
    #[must_use]
    pub fn mock_score(&self) -> f64 {
        let head = self.0[..6].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        head as f64 / ((1u64 << 48) - 1) as f64
    }
}

impl std::fmt::Display for DecoyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for DecoyHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAHash)?;
        Ok(Self(bytes))
    }
}

impl serde::Serialize for DecoyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
