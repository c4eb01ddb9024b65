//! The names of a run directory's files: the only place that spells them.

use std::path::{Path, PathBuf};

/// A run directory (`docs/architecture.md`, "Run directory").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// The run directory at `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The plan: configuration, input digests, shard table.
    #[must_use]
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    /// Marks the directory as a run's, so that what it holds may be removed.
    #[must_use]
    pub fn mark(&self) -> PathBuf {
        self.root.join(".hetero2-run")
    }

    /// Held by the process that works in the directory.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Folder of the packed input records.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.root.join("library")
    }

    /// One file of packed input records, by its number.
    #[must_use]
    pub fn library_file(&self, number: u64) -> PathBuf {
        self.library().join(packed_name(number))
    }

    /// Folder of the side inputs, copied as they were ingested.
    #[must_use]
    pub fn inputs(&self) -> PathBuf {
        self.root.join("inputs")
    }

    /// One side input, by its SHA-256.
    #[must_use]
    pub fn input(&self, sha256: &str) -> PathBuf {
        self.inputs().join(sha256)
    }

    /// Folder of the finished shards.
    #[must_use]
    pub fn shards(&self) -> PathBuf {
        self.root.join("shards")
    }

    /// One finished shard.
    #[must_use]
    pub fn shard(&self, index: u32) -> PathBuf {
        self.shards().join(format!("{index:05}"))
    }

    /// What an attempt at a shard left that was asked to stop.
    #[must_use]
    pub fn checkpoint(&self, index: u32) -> PathBuf {
        self.shards().join(format!("{index:05}.checkpoint"))
    }

    /// Folder of logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Structured log of the attempts at a shard.
    #[must_use]
    pub fn shard_log(&self, index: u32) -> PathBuf {
        self.logs().join(format!("{index:05}.jsonl"))
    }

    /// Folder of what was submitted to a scheduler.
    #[must_use]
    pub fn submit(&self) -> PathBuf {
        self.root.join("submit")
    }

    /// The evidence pack.
    #[must_use]
    pub fn pack(&self) -> PathBuf {
        self.root.join("pack")
    }
}

/// Name of a file of packed input records, by its number.
pub(super) fn packed_name(number: u64) -> String {
    format!("{number:05}.arrow")
}
