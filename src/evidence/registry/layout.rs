//! Where things lie in a registry.

use std::path::{Path, PathBuf};

/// What the name of a file of signatures ends in.
pub(super) const SIGNATURES: &str = ".intoto.jsonl";

/// A registry's directory.
#[derive(Debug, Clone)]
pub(super) struct Registry(PathBuf);

impl Registry {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Entries, one a line.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }

    /// Digest of the last entry, and how many there are.
    pub fn head(&self) -> PathBuf {
        self.0.join("HEAD")
    }

    /// Held while an entry is appended.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub fn packs(&self) -> PathBuf {
        self.0.join("packs")
    }

    /// A pack, by the name that it is stored under.
    pub fn pack(&self, stored: &str) -> PathBuf {
        self.packs().join(stored)
    }

    /// Signatures of a pack, where `hetero2 verify` looks for them.
    pub fn signatures(&self, stored: &str) -> PathBuf {
        self.packs().join(format!("{stored}{SIGNATURES}"))
    }
}
