//! Ids of what the server keeps: which kind, and no more. They must not say
//! whose a thing is, nor whether it exists.

use std::fmt;

use data_encoding::{Encoding, Specification};
use serde::Serialize;

/// What an id names: its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An organisation.
    Org,
    /// An account of an organisation: a person or a service account.
    Member,
    /// A group of members.
    Group,
    /// A bearer token.
    Token,
    /// A login.
    Session,
    /// A project.
    Project,
    /// An upload under way.
    Upload,
    /// Stored bytes.
    Blob,
    /// A dataset.
    Dataset,
    /// A request to compute.
    Job,
    /// One attempt of a job.
    Run,
    /// An event of the audit trail.
    Event,
    /// A wrapped data key.
    DataKey,
    /// A request over HTTP.
    Request,
    /// A signed link.
    Link,
    /// What one attempt used.
    Usage,
    /// A pool of workers.
    Pool,
    /// A worker.
    Worker,
}

impl Kind {
    /// The characters before the underscore.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Org => "org",
            Self::Member => "mem",
            Self::Group => "grp",
            Self::Token => "tok",
            Self::Session => "ses",
            Self::Project => "prj",
            Self::Upload => "upl",
            Self::Blob => "blb",
            Self::Dataset => "dat",
            Self::Job => "job",
            Self::Run => "run",
            Self::Event => "evt",
            Self::DataKey => "key",
            Self::Request => "req",
            Self::Link => "lnk",
            Self::Usage => "use",
            Self::Pool => "wpl",
            Self::Worker => "wrk",
        }
    }
}

/// Characters of an id after its prefix and underscore.
const CHARACTERS: usize = 26;

/// A prefix, an underscore and 26 characters of Crockford's base32 over a
/// UUIDv7 (RFC 9562): ids of one kind sort by the millisecond of their making.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// A fresh id.
    #[must_use]
    pub fn fresh(kind: Kind) -> Self {
        let uuid = uuid::Uuid::now_v7();
        Self(format!("{}_{}", kind.prefix(), crockford().encode(uuid.as_bytes())))
    }

    /// `text` as an id of `kind`; none where it is not well formed, which is
    /// answered like an id that does not exist.
    #[must_use]
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(kind.prefix())?.strip_prefix('_')?;
        let well_formed = rest.len() == CHARACTERS
            && crockford().decode(rest.as_bytes()).is_ok_and(|bytes| bytes.len() == 16);
        well_formed.then(|| Self(text.to_owned()))
    }

    /// An id read from the database, which holds only well-formed ones.
    #[must_use]
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Crockford's base32 in lower case, without check symbols.
fn crockford() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.encoding().unwrap_or(data_encoding::BASE32HEX_NOPAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_well_formed_and_of_their_kind() {
        let id = Id::fresh(Kind::Project);
        assert_eq!(id.as_str().len(), 4 + CHARACTERS);
        assert_eq!(Id::parse(Kind::Project, id.as_str()), Some(id.clone()));
        assert_eq!(Id::parse(Kind::Upload, id.as_str()), None);
        for text in ["", "prj_", "prj_0", "prj_../../etc/passwd", &format!("{id}0")] {
            assert_eq!(Id::parse(Kind::Project, text), None, "{text}");
        }
    }

    #[test]
    fn later_ids_sort_later() {
        let early = Id::fresh(Kind::Run);
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(early < Id::fresh(Kind::Run));
    }
}
