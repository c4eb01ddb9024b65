//! Ed25519 keys as files: PKCS#8 PEM and public key PEM, as OpenSSL writes them.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::{DecodePublicKey as _, EncodePublicKey as _};
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::SignatureError;
use hetero2_common::files::{AtomicFile, FileError, Occupied, Readers, Sha256Digest, disk};

/// Key files are a few hundred bytes; anything longer is no key.
const MAX_KEY_FILE: u64 = 16 << 10;

/// SHA-256 of a public key in its DER form (SubjectPublicKeyInfo), in hex. The
/// same as `openssl pkey -pubin -in KEY.pub -outform DER | sha256sum`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct KeyId(String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What signs.
pub struct PrivateKey(SigningKey);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

impl PrivateKey {
    /// Reads a PKCS#8 PEM file.
    ///
    /// # Errors
    /// [`SignatureError::NotAKey`] where it is no unencrypted Ed25519 key.
    pub fn read(path: &Path) -> Result<Self, SignatureError> {
        let text = read_key_file(path, "private")?;
        warn_if_others_can_read(path);
        match SigningKey::from_pkcs8_pem(&text) {
            Ok(key) => Ok(Self(key)),
            Err(_) if text.contains("ENCRYPTED") => {
                Err(not_a_key(path, "private", "it is encrypted; decrypt it with `openssl pkey`"))
            }
            Err(_) if text.contains("PUBLIC KEY") => {
                Err(not_a_key(path, "private", "it is a public key; give the other file"))
            }
            Err(e) => Err(not_a_key(path, "private", &format!("{e}; `keygen` makes one"))),
        }
    }

    /// The key that checks what this one signs.
    ///
    /// # Errors
    /// The encoder fails, which it does not on a valid key.
    pub fn public(&self) -> Result<PublicKey, SignatureError> {
        PublicKey::new(self.0.verifying_key())
    }

    /// The signature of `message`, 64 bytes; the same each time.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// What checks a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    id: KeyId,
}

impl PublicKey {
    fn new(key: VerifyingKey) -> Result<Self, SignatureError> {
        let der =
            key.to_public_key_der().map_err(|e| SignatureError::Encoding { why: e.to_string() })?;
        Ok(Self { key, id: KeyId(Sha256Digest::of(der.as_bytes()).to_string()) })
    }

    /// Reads a public key PEM file.
    ///
    /// # Errors
    /// [`SignatureError::NotAKey`] where it is no Ed25519 public key.
    pub fn read(path: &Path) -> Result<Self, SignatureError> {
        let text = read_key_file(path, "public")?;
        match VerifyingKey::from_public_key_pem(&text) {
            Ok(key) if key.is_weak() => {
                Err(not_a_key(path, "public", "it is a weak key, which anyone can sign for"))
            }
            Ok(key) => Self::new(key),
            Err(_) if text.contains("PRIVATE KEY") => {
                Err(not_a_key(path, "public", "it is a private key; give its .pub file"))
            }
            Err(e) => Err(not_a_key(path, "public", &e.to_string())),
        }
    }

    /// What the key is known by.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Whether `signature` is one of `message` by the owner of this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

/// Makes a key pair: `path` gets the private key, readable by its owner alone,
/// `path` with `.pub` appended the public one. Returns the public key and its
/// file.
///
/// # Errors
/// [`SignatureError::KeyExists`] where either file exists; nothing is left
/// where one of them cannot be written.
pub fn create_key(path: &Path) -> Result<(PublicKey, PathBuf), SignatureError> {
    let public_path = public_path(path);
    if let Some(path) = [path, &public_path].into_iter().find(|p| p.symlink_metadata().is_ok()) {
        return Err(SignatureError::KeyExists { path: path.to_owned() });
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(SignatureError::Random)?;
    let encoding = |why: String| SignatureError::Encoding { why };
    // Without the public part: version 1 of PKCS#8, which every tool reads.
    let pair = KeypairBytes { secret_key: secret, public_key: None };
    let private = pair.to_pkcs8_pem(LineEnding::LF).map_err(|e| encoding(e.to_string()))?;
    let key = SigningKey::from_bytes(&secret).verifying_key();
    let public = key.to_public_key_pem(LineEnding::LF).map_err(|e| encoding(e.to_string()))?;
    write_new(path, private.as_bytes(), Readers::Owner)?;
    if let Err(error) = write_new(&public_path, public.as_bytes(), Readers::All) {
        let _ = disk::remove_file(path);
        return Err(error);
    }
    Ok((PublicKey::new(key)?, public_path))
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".pub");
    PathBuf::from(name)
}

/// Writes a file that must not exist.
fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), SignatureError> {
    let written = AtomicFile::begin(path, Occupied::Refuse, readers).and_then(|mut file| {
        file.write_all(bytes).map_err(FileError::io("write", path))?;
        file.finish()
    });
    match written {
        Ok(_) => Ok(()),
        Err(e) if e.source.kind() == io::ErrorKind::AlreadyExists => {
            Err(SignatureError::KeyExists { path: path.to_owned() })
        }
        Err(e) => Err(e.into()),
    }
}

fn read_key_file(path: &Path, kind: &'static str) -> Result<String, SignatureError> {
    let file = File::open(path).map_err(FileError::io("read", path))?;
    let mut bytes = Vec::new();
    file.take(MAX_KEY_FILE + 1).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    if bytes.len() as u64 > MAX_KEY_FILE {
        return Err(not_a_key(path, kind, "it is too long for a key"));
    }
    String::from_utf8(bytes).map_err(|_| not_a_key(path, kind, "it is not PEM text"))
}

fn not_a_key(path: &Path, kind: &'static str, detail: &str) -> SignatureError {
    SignatureError::NotAKey { path: path.to_owned(), kind, detail: detail.to_owned() }
}

fn warn_if_others_can_read(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0) {
            tracing::warn!("others can read the private key {}: chmod 600", path.display());
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
