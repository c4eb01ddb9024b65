//! Addresses of libraries: which names are addresses, and what of one may be
//! shown and recorded. Opens nothing.

use std::path::Path;

use super::error::LibraryError;

/// A library's address, `SCHEME://…`, as it was given: it may hold a password or
/// a signature, so only [`shown`](Self::shown) may be told.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    text: String,
}

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// S3, or what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// A web server.
    Web,
}

/// Where a library's file at an address was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The address, without user, password, query and fragment.
    pub address: String,
    /// What the server called the state of it that was read (ETag), where it did.
    pub e_tag: Option<String>,
}

impl Origin {
    /// That of a path, if it is an address; nobody asked the server.
    pub(super) fn without_tag(path: &Path) -> Option<Self> {
        Address::of(path).map(|address| Self { address: address.shown(), e_tag: None })
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.shown()).finish()
    }
}

impl Address {
    /// The address, where the path is one, and no file of that name is there.
    pub fn of(path: &Path) -> Option<Self> {
        let text = path.to_str()?;
        let (scheme, _) = text.split_once("://")?;
        let known = scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (known && !path.exists()).then(|| Self { text: text.to_owned() })
    }

    fn split(&self) -> (&str, &str) {
        self.text.split_once("://").unwrap_or((&self.text, ""))
    }

    /// Where it leads; `None` for what is not read.
    pub fn store(&self) -> Option<Store> {
        match self.split().0.to_ascii_lowercase().as_str() {
            "s3" | "s3a" => Some(Store::S3),
            "gs" => Some(Store::Gcs),
            "http" | "https" => Some(Store::Web),
            _ => None,
        }
    }

    /// Host or bucket without user and password, and what follows it: of a web
    /// server without query and fragment, where signatures are.
    fn place(&self) -> (&str, &str) {
        let rest = self.split().1;
        let rest = match self.store() {
            Some(Store::S3 | Store::Gcs) => rest,
            Some(Store::Web) | None => &rest[..rest.find(['?', '#']).unwrap_or(rest.len())],
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (host.rsplit_once('@').map_or(host, |(_, host)| host), path.trim_start_matches('/'))
    }

    /// The address without user, password and signature.
    pub fn shown(&self) -> String {
        let (host, path) = self.place();
        format!("{}://{host}/{path}", self.split().0)
    }

    /// What follows the last slash, without query: the name of the file.
    pub fn name(&self) -> String {
        let (host, path) = self.place();
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.is_empty() { host.to_owned() } else { name.to_owned() }
    }

    /// An error for whoever cannot read it.
    pub fn unread(&self, cure: &'static str) -> LibraryError {
        LibraryError::Address { address: self.shown(), cure }
    }
}

#[cfg(feature = "remote")]
impl Address {
    /// What stands before `://`.
    pub fn scheme(&self) -> &str {
        self.split().0
    }

    /// As it was given, with its secrets.
    pub fn secret_text(&self) -> &str {
        &self.text
    }

    /// Bucket and key of an object; whether a user was named, which is not read.
    pub fn bucket_and_key(&self) -> (&str, &str) {
        self.place()
    }

    /// Whether it names a user or a password.
    pub fn has_user(&self) -> bool {
        let rest = self.split().1;
        rest[..rest.find('/').unwrap_or(rest.len())].contains('@')
    }
}

/// Whether a library is at an address, `SCHEME://…`, and no file.
#[must_use]
pub fn is_address(path: &Path) -> bool {
    Address::of(path).is_some()
}

/// What may be told of a path: an address without user, password and signature;
/// any other as it is.
#[must_use]
pub fn shown(path: &Path) -> String {
    Address::of(path).map_or_else(|| path.display().to_string(), |address| address.shown())
}

/// The name of a library's file: the last part of its path or address.
#[must_use]
pub fn name_of(path: &Path) -> String {
    match Address::of(path) {
        Some(address) => address.name(),
        None => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Address {
        Address::of(Path::new(text)).unwrap()
    }

    #[test]
    fn secrets_are_not_shown() {
        for (text, shown, name) in [
            ("s3://bucket/a/b.smi", "s3://bucket/a/b.smi", "b.smi"),
            ("s3://key:secret@bucket/b?c.smi", "s3://bucket/b?c.smi", "b?c.smi"),
            ("gs://bucket", "gs://bucket/", "bucket"),
            ("https://u:p@h:8/a/b.csv.gz?X-Sig=s3cr3t#x", "https://h:8/a/b.csv.gz", "b.csv.gz"),
            ("http://h?sig=s3cr3t/x", "http://h/", "h"),
            ("ftp://u:p@h/a.smi", "ftp://h/a.smi", "a.smi"),
        ] {
            assert_eq!((of(text).shown().as_str(), of(text).name().as_str()), (shown, name));
            assert!(!format!("{:?}", of(text)).contains("s3cr3t"));
        }
        for text in ["a.smi", "C://x.smi", "-", "a b://c"] {
            assert!(!is_address(Path::new(text)), "{text}");
        }
    }
}
