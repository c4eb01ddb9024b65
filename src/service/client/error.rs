//! What goes wrong between the client and its server.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde::Deserialize;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is logged in.
    #[error("{0} names no server: log in first")]
    LoggedOut(PathBuf),
    /// The address is of no server.
    #[error("{0:?} is no address of a server: https://HOST is, and http://127.0.0.1:PORT")]
    Address(String),
    /// The token is none.
    #[error("that is no token of a server: it begins with h2t_")]
    Token,
    /// The token is none of a pool.
    #[error("that is no token of a pool of workers: it begins with h2w_")]
    PoolToken,
    /// The certificate is not readable.
    #[error("the certificate is not readable as PEM: {0}")]
    Certificate(String),
    /// A file could not be read or written.
    #[error("{action} {path}")]
    File {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The file is there already.
    #[error("{0} exists, and is not overwritten")]
    Exists(PathBuf),
    /// The file changed while it was sent.
    #[error("{0} changed while it was read")]
    Changed(PathBuf),
    /// The server could not be reached.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("the server answers {status} {code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its stable code.
        code: String,
        /// Its words.
        detail: String,
    },
    /// The answer is none of this API.
    #[error("the answer is none of a server of this kind: {0}")]
    Answer(String),
    /// There is none of the name.
    #[error("there is no {what} {name} here, or the token does not see it")]
    Absent {
        /// Of what.
        what: &'static str,
        /// The name or id.
        name: String,
    },
    /// Several have the name.
    #[error("several datasets are called {name}: give an id of {}", ids.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// What came is not what was stored.
    #[error("the bytes that came have SHA-256 {found}, not {expected}; they were thrown away")]
    Digest {
        /// What was stored.
        expected: String,
        /// What came.
        found: String,
    },
}

#[derive(Deserialize)]
struct Document {
    code: String,
    detail: String,
}

impl ClientError {
    pub(super) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// The error that a problem document says.
    pub(crate) fn of_problem(status: StatusCode, text: &[u8]) -> Self {
        let document = serde_json::from_slice(text).unwrap_or_else(|_| Document {
            code: "unknown".to_owned(),
            detail: status.canonical_reason().unwrap_or("no reason").to_owned(),
        });
        Self::Refused { status: status.as_u16(), code: document.code, detail: document.detail }
    }

    /// The stable code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
