//! The master key as a file at the server: an age identity file that only its
//! owner reads. It must not know what the keys that it wraps encrypt.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519;
use futures_util::future::{BoxFuture, FutureExt as _};
use zeroize::Zeroizing;

use super::{KeyProvider, Secret, open_text, seal_text};
use crate::id::Id;
use crate::object::KeyError;
use crate::time::Instant;

/// Wraps with the first identity of a file; unwraps with any of them, so that
/// a new master key is put in front of the old one until all is wrapped again.
pub struct FileProvider {
    path: PathBuf,
    identities: Vec<x25519::Identity>,
}

impl FileProvider {
    /// Reads the identities in `path`, or makes the file with a fresh one where
    /// there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or made, holds no identity, or others may read
    /// it.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        if !path.exists() {
            create(path).map_err(|error| refused(path, &error))?;
        }
        Self::open(path)
    }

    /// Reads the identities in `path`.
    ///
    /// # Errors
    ///
    /// As for [`FileProvider::open_or_create`], and where there is none.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        refuse_others(path)?;
        let text = std::fs::read_to_string(path).map_err(|error| refused(path, &error))?;
        let text = Zeroizing::new(text);
        let lines = text.lines().map(str::trim);
        let identities = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.parse().map_err(|_| refused(path, &"a line is no age identity")))
            .collect::<Result<Vec<x25519::Identity>, _>>()?;
        match identities.is_empty() {
            true => Err(refused(path, &"it holds no age identity")),
            false => Ok(Self { path: path.to_owned(), identities }),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn refused(path: &Path, reason: &dyn std::fmt::Display) -> KeyError {
    KeyError::File { path: path.display().to_string(), reason: reason.to_string() }
}

#[cfg(unix)]
fn refuse_others(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).map_err(|error| refused(path, &error))?;
    match metadata.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err(refused(path, &"others than its owner may use it: chmod 600")),
    }
}

#[cfg(not(unix))]
fn refuse_others(_: &Path) -> Result<(), KeyError> {
    Ok(())
}

/// Appears whole or not at all, and never in place of another.
fn create(path: &Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory)?;
    let identity = x25519::Identity::generate();
    // Temporary files are their owner's alone.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    let text = Zeroizing::new(format!(
        "# created: {}\n# public key: {}\n{}\n",
        Instant::now().rfc3339(),
        identity.to_public(),
        identity.to_string().expose_secret(),
    ));
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => std::fs::File::open(directory)?.sync_all(),
        // Another server made it meanwhile.
        Err(_) if path.exists() => Ok(()),
        Err(error) => Err(error.error),
    }
}

impl KeyProvider for FileProvider {
    fn label(&self) -> String {
        match self.identities.first() {
            Some(identity) => format!("file:{}", identity.to_public()),
            None => "file".to_owned(),
        }
    }

    fn wrap<'a>(&'a self, secret: &'a Secret) -> BoxFuture<'a, Result<String, KeyError>> {
        let wrapped = match self.identities.first() {
            Some(identity) => seal_text(&identity.to_public(), secret),
            None => Err(refused(&self.path, &"it holds no age identity")),
        };
        std::future::ready(wrapped).boxed()
    }

    fn unwrap<'a>(
        &'a self,
        key: &'a Id,
        wrapped: &'a str,
        wrapped_by: &'a str,
    ) -> BoxFuture<'a, Result<Secret, KeyError>> {
        let named =
            |identity: &&x25519::Identity| wrapped_by == format!("file:{}", identity.to_public());
        let unwrapped = match self.identities.iter().find(named) {
            Some(identity) => open_text(identity, key, wrapped),
            None => Err(self.other(key, wrapped_by)),
        };
        std::future::ready(unwrapped).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Kind;

    #[tokio::test]
    async fn a_master_key_is_made_once_and_unwraps_what_it_wrapped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys/master.key");
        let first = FileProvider::open_or_create(&path).unwrap();
        let again = FileProvider::open_or_create(&path).unwrap();
        assert_eq!(first.label(), again.label());
        let (key, secret) = (Id::fresh(Kind::DataKey), Secret::new("a secret".to_owned()));
        let wrapped = first.wrap(&secret).await.unwrap();
        assert!(!wrapped.contains("a secret"));
        let unwrapped = again.unwrap(&key, &wrapped, &first.label()).await.unwrap();
        assert_eq!(unwrapped.reveal(), secret.reveal());

        let other = directory.path().join("other.key");
        let other = FileProvider::open_or_create(&other).unwrap();
        let refused = other.unwrap(&key, &wrapped, &first.label()).await;
        assert!(matches!(refused, Err(KeyError::OtherProvider { .. })));
        let refused = other.unwrap(&key, &wrapped, &other.label()).await;
        assert!(matches!(refused, Err(KeyError::Unwrap { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_master_key_that_others_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        FileProvider::open_or_create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(FileProvider::open(&path), Err(KeyError::File { .. })));
    }
}
