//! What can be wrong with an address, told without its secrets.

use std::error::Error;
use std::io;

use super::super::address::Address;
use super::super::error::LibraryError;

/// Characters of a server's or the system's reason that are shown.
const SHOWN: usize = 200;

/// Why an address cannot be read, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    what: String,
    cure: &'static str,
}

impl Trouble {
    pub fn new(what: impl Into<String>, cure: &'static str) -> Self {
        Self { what: what.into(), cure }
    }

    pub fn too_large(size: u64, most: u64) -> Self {
        let what = format!("it has {size} bytes, and Parquet of at most {most} is fetched");
        Self::new(what, "copy it to this machine, or split it")
    }

    pub fn changed() -> Self {
        Self::new("it changed while it was read", "read it again when it is complete")
    }

    /// Of a request. Texts of servers may repeat keys and tokens: they are left
    /// out, and the queries of addresses with them.
    pub fn of_request(error: &object_store::Error) -> Self {
        use object_store::Error as E;
        let credentials = "set the credentials of the store in the environment, as AWS_… or \
                           GOOGLE_…, or AWS_SKIP_SIGNATURE=true or GOOGLE_SKIP_SIGNATURE=true for \
                           a public bucket";
        match error {
            E::NotFound { .. } => Self::new("there is nothing", "check the address"),
            E::PermissionDenied { .. } => Self::new("the server denies access", credentials),
            E::Unauthenticated { .. } => Self::new("the server asks who reads", credentials),
            E::Precondition { .. } => Self::changed(),
            E::NotSupported { .. } | E::NotImplemented { .. } => Self::new(
                format!("the server cannot do this: {}", innermost(error)),
                "copy it to this machine",
            ),
            E::InvalidPath { .. } => Self::new(innermost(error), "check the address"),
            _ => Self::new(
                innermost(error),
                "check the address, the connection and the credentials in the environment",
            ),
        }
    }

    /// As an error of the library.
    pub fn of(self, address: &Address) -> LibraryError {
        LibraryError::Remote { address: address.shown(), what: self.what, cure: self.cure }
    }

    /// As an error of reading.
    pub fn while_reading(self, shown: &str) -> io::Error {
        io::Error::other(format!("{shown}: {} ({})", self.what, self.cure))
    }
}

/// The reason below all others, without what may hold a secret.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    redacted(&last.to_string())
}

/// A reason without a server's document, and with addresses as they may be shown.
fn redacted(text: &str) -> String {
    let text = &text[..text.find(['<', '{', '\n']).unwrap_or(text.len())];
    let words = text.split_whitespace().map(|word| {
        let Some(at) = word.find("://") else { return word.to_owned() };
        let (scheme, rest) = word.split_at(at + 3);
        let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        format!("{scheme}{}{path}", host.rsplit_once('@').map_or(host, |(_, host)| host))
    });
    let text = words.collect::<Vec<_>>().join(" ");
    text.chars().take(SHOWN).collect::<String>().trim_end_matches([':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_no_secret() {
        for (text, expected) in [
            ("Connection refused (os error 111)", "Connection refused (os error 111)"),
            ("400 Bad Request: <Error><Token-0>s3cr3t</Token-0>", "400 Bad Request"),
            ("for url (https://u:s3cr3t@h/a.smi?sig=s3cr3t)", "for url (https://h/a.smi"),
            ("401 {\"token\": \"s3cr3t\"}", "401"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
