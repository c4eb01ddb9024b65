//! Where things lie in a registry.

use std::path::{Path, PathBuf};

use hetero2_common::files::Sha256Digest;

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

    pub fn pack(&self, digest: &Sha256Digest) -> PathBuf {
        self.packs().join(digest.to_string())
    }

    /// Signatures of a pack, where `hetero2 verify` looks for them.
    pub fn signatures(&self, digest: &Sha256Digest) -> PathBuf {
        self.packs().join(format!("{digest}.intoto.jsonl"))
    }
}
