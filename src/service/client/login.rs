//! Which server, and with which token: kept in a file that only its owner
//! reads.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::ClientError;

/// A server and a token for it. Without `Debug`: no log shows the token.
pub struct Login {
    url: String,
    token: Zeroizing<String>,
    certificate: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    url: String,
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
}

/// Characters of a token before its secret: prefix, organisation, token.
const BEFORE_SECRET: usize = 4 + 26 + 26;

/// Where the login is kept: `hetero2/remote.json` in `XDG_CONFIG_HOME`, or in
/// `.config` of the home directory.
#[must_use]
pub fn login_file() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || set("HOME").or_else(|| set("USERPROFILE")).unwrap_or_default().join(".config");
    set("XDG_CONFIG_HOME").unwrap_or_else(home).join("hetero2").join("remote.json")
}

/// The address of a server, without a slash at its end.
///
/// # Errors
///
/// Where it is none, or a token would cross a network in the clear.
pub(crate) fn safe_address(url: &str) -> Result<String, ClientError> {
    let refused = || ClientError::Address(url.chars().take(100).collect());
    let parsed = url::Url::parse(url).map_err(|_| refused())?;
    let is_loopback = match parsed.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let is_safe = parsed.scheme() == "https" || (parsed.scheme() == "http" && is_loopback);
    let is_plain = parsed.username().is_empty()
        && parsed.password().is_none()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    if !is_safe || !is_plain {
        return Err(refused());
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

impl Login {
    /// The server at `url`, used with `token`; `certificate` is a PEM of who
    /// vouches for it, where the system does not.
    ///
    /// # Errors
    ///
    /// Where `url` or `token` is not well formed, or the token would cross a
    /// network in the clear.
    pub fn new(url: &str, token: &str, certificate: Option<String>) -> Result<Self, ClientError> {
        let url = safe_address(url)?;
        let token = token.trim();
        let is_token = token.starts_with("h2t_")
            && token.len() > BEFORE_SECRET
            && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !is_token {
            return Err(ClientError::Token);
        }
        Ok(Self { url, token: Zeroizing::new(token.to_owned()), certificate })
    }

    /// Reads what [`Login::store`] wrote.
    ///
    /// # Errors
    ///
    /// Where nobody is logged in, or the file is none of ours.
    pub fn read(path: &Path) -> Result<Self, ClientError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ClientError::LoggedOut(path.to_owned()));
            }
            Err(error) => return Err(ClientError::at("reading", path)(error)),
        };
        let stored: Stored =
            serde_json::from_str(&text).map_err(|_| ClientError::LoggedOut(path.to_owned()))?;
        let token = Zeroizing::new(stored.token);
        Self::new(&stored.url, &token, stored.certificate)
    }

    /// Keeps the login in `path`, for its owner alone.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written: then the former one is as it was.
    pub fn store(&self, path: &Path) -> Result<(), ClientError> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        std::fs::create_dir_all(folder).map_err(ClientError::at("making", folder))?;
        let stored = Stored {
            url: self.url.clone(),
            token: self.token.to_string(),
            certificate: self.certificate.clone(),
        };
        let text = serde_json::to_string_pretty(&stored).map(Zeroizing::new);
        drop(Zeroizing::new(stored.token));
        let text = text.map_err(|error| ClientError::Answer(error.to_string()))?;
        // Temporary files are their owner's alone.
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        });
        written.map_err(ClientError::at("writing", path))
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The organisation, which the token names.
    #[must_use]
    pub fn org(&self) -> String {
        let bare: String = self.token.chars().skip(4).take(26).collect();
        format!("org_{bare}")
    }

    pub(super) fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    pub(super) fn bearer(&self) -> reqwest::header::HeaderValue {
        let text = Zeroizing::new(format!("Bearer {}", self.token.as_str()));
        let mut value = reqwest::header::HeaderValue::from_str(&text)
            .unwrap_or(reqwest::header::HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    pub(super) fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.url.clone(), source: source.without_url() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> String {
        format!("h2t_{}{}_{}", "0".repeat(26), "1".repeat(26), "s".repeat(43))
    }

    #[test]
    fn tokens_never_cross_a_network_in_the_clear() {
        for url in ["https://h2.example.org", "http://127.0.0.1:8080/", "http://[::1]:80"] {
            Login::new(url, &token(), None).map(drop).unwrap();
        }
        for url in [
            "http://h2.example.org",
            "http://127.0.0.1.example.org",
            "ftp://localhost",
            "https://user:word@h2.example.org",
            "h2.example.org",
            "",
        ] {
            assert!(Login::new(url, &token(), None).is_err(), "{url}");
        }
        for token in ["", "h2t_", "h2s_abc", &format!("{}\r\nx: y", token())] {
            assert!(Login::new("https://h2.example.org", token, None).is_err(), "{token}");
        }
    }

    #[test]
    fn a_login_is_kept_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hetero2/remote.json");
        assert!(matches!(Login::read(&path), Err(ClientError::LoggedOut(_))));
        let login = Login::new("https://h2.example.org/", &token(), None).unwrap();
        login.store(&path).unwrap();
        login.store(&path).unwrap();
        let found = Login::read(&path).unwrap();
        assert_eq!(
            (found.url(), found.org()),
            ("https://h2.example.org", format!("org_{}", "0".repeat(26)))
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
