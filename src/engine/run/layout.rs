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

    /// Folder of the parts that the library is planned in.
    #[must_use]
    pub fn parts(&self) -> PathBuf {
        self.root.join("parts")
    }

    /// One such part, which is laid out as a run directory.
    #[must_use]
    pub fn part(&self, index: u32) -> Self {
        Self::new(self.parts().join(format!("{index:05}")))
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

    /// Folder of the scores that a command gives, until the pack holds them.
    #[must_use]
    pub fn scores(&self) -> PathBuf {
        self.root.join("scores")
    }

    /// Scores that a command gave to molecules of one shard, by hash, as they came.
    #[must_use]
    pub fn shard_scores(&self, index: u32) -> PathBuf {
        self.scores().join(format!("{index:05}.csv"))
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

    /// A checkpoint of a shard, by its number: the rows since the one before.
    #[must_use]
    pub fn checkpoint(&self, index: u32, number: usize) -> PathBuf {
        self.shards().join(match number {
            0 => format!("{index:05}.checkpoint"),
            number => format!("{index:05}.checkpoint-{number}"),
        })
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

/// Packed files that lie in the folder itself; folders of 1,000 take the others.
const PACKED_AT_TOP: u64 = 900;

/// Name of a file of packed input records below their folder, by its number. No
/// folder has more than 1,000 entries, for any number of rows that a plan may
/// have.
pub(super) fn packed_name(number: u64) -> String {
    if number < PACKED_AT_TOP {
        return format!("{number:05}.arrow");
    }
    let (million, thousand) = (number / 1_000_000, number / 1_000 % 1_000);
    format!("{million:03}/{thousand:03}/{number:05}.arrow")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_folder_of_packed_files_has_more_than_a_thousand_entries() {
        assert_eq!(packed_name(899), "00899.arrow");
        assert_eq!(packed_name(900), "000/000/00900.arrow");
        assert_eq!(packed_name(1_234_567), "001/234/1234567.arrow");
        let mut entries: BTreeMap<String, std::collections::BTreeSet<String>> = BTreeMap::new();
        for number in (0..3_000).chain(999_000..1_002_000) {
            let name = packed_name(number);
            let mut folder = String::new();
            for part in name.split('/') {
                entries.entry(folder.clone()).or_default().insert(part.to_owned());
                folder = format!("{folder}/{part}");
            }
        }
        assert!(entries.values().all(|names| names.len() <= 1_000));
        // 2^40 rows, 16,384 a file.
        const { assert!(PACKED_AT_TOP + (1 << 40) / 16_384 / 1_000_000 < 1_000) };
    }
}
