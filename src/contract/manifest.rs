//! `manifest.json`: what a pack was made from, the same for every run of one
//! configuration.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::{FileDigest, Sha256Digest};

/// Version of the manifest's layout.
pub const MANIFEST_SCHEMA: &str = "hetero2_manifest.v1";

/// The program that made a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit that it was built from, where known.
    pub commit: Option<String>,
}

/// Seeds of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seeds {
    /// The run's seed.
    pub seed: i64,
    /// How rows get theirs from it, as published.
    pub strategy: String,
}

/// An input of a run, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// What it was used as: `library`, `scores`, `truth`; each of several files of
    /// a library is a `library_file`.
    pub role: String,
    /// Its file name, without directories; of a `library_file` its path below the
    /// folder that all of them lie in.
    pub name: String,
    /// Size and SHA-256.
    #[serde(flatten)]
    pub digest: FileDigest,
    /// Rows of a `library_file`: files follow one another in the order of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// Role of one of several files of a library.
pub const LIBRARY_FILE: &str = "library_file";

impl Input {
    /// An input by the last part of its path.
    #[must_use]
    pub fn new(role: &str, path: &Path, digest: FileDigest) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self { role: role.to_owned(), name, digest, rows: None }
    }
}

/// What the manifest says besides the files: everything that a rerun needs.
///
/// Must not depend on when, where or how fast the run was: no thread counts, no
/// paths, no times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ManifestBody {
    /// The program.
    pub tool: Tool,
    /// The full configuration as it was used.
    pub config: Value,
    /// Seeds.
    pub seeds: Seeds,
    /// Inputs with their digests.
    pub inputs: Vec<Input>,
    /// SHA-256 of the atom table.
    pub atom_table_sha256: Sha256Digest,
    /// Further facts, such as the provenance of scores.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    pub notes: ManifestNotes,
}

/// What a rerun needs to know of the inputs besides their digests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ManifestNotes {
    /// Rows of the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Name of the scoring model, where the scores have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_key: Option<String>,
    /// The budget that known outcomes are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth_budget: Option<u64>,
    /// Which values of the known outcomes are hits, as in `>=8.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth_active_if: Option<String>,
    /// How the library was read, as its readers have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_options: Option<Value>,
    /// What other versions note.
    #[serde(flatten)]
    pub further: Map<String, Value>,
}

/// A file of the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedFile {
    /// Name in the pack.
    pub name: String,
    /// Size and SHA-256.
    #[serde(flatten)]
    pub digest: FileDigest,
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema_version: String,
    /// What does not come from the files.
    #[serde(flatten)]
    pub body: ManifestBody,
    /// Every file of the content, by name.
    pub files: Vec<ListedFile>,
    /// SHA-256 over the files' names and digests, see `content_digest`.
    pub content_digest: Sha256Digest,
}
