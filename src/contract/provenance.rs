//! `provenance.json`: when, where and how fast a pack was made.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Sha256Digest;
use crate::spectra_counts::SpectraCounts;

/// Version of the provenance's layout.
pub const PROVENANCE_SCHEMA: &str = "hetero2_provenance.v1";

/// `provenance.json`: what may differ between two runs of one manifest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// When the run began, RFC 3339.
    pub started_at: Option<String>,
    /// When the pack was complete, RFC 3339.
    pub finished_at: Option<String>,
    /// Wall-clock time, seconds.
    pub runtime_s_total: Option<f64>,
    /// Rows per second of wall-clock time.
    pub throughput_rows_per_s: Option<f64>,
    /// Host names.
    pub hosts: Vec<String>,
    /// Processors and accelerators that computed spectra.
    pub devices: Vec<String>,
    /// What became of the spectra, where a GPU took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spectra: Option<SpectraCounts>,
    /// Threads per process.
    pub threads: Option<u64>,
    /// Shards that the run was cut into.
    pub shards: Option<u64>,
    /// What scheduled the shards.
    pub scheduler: Option<String>,
    /// Where the files of the library were read, of those at addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub library_origins: Vec<LibraryOrigin>,
    /// Further facts.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    pub notes: ProvenanceNotes,
}

/// A file of the library that was read at an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LibraryOrigin {
    /// Name of the file, as the manifest has it.
    pub name: String,
    /// The address, without user, password, query and fragment.
    pub address: String,
    /// What the server called this state of it (ETag), where it called it anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// SHA-256 of the bytes that were read.
    pub sha256: Sha256Digest,
}

/// The command that gave the scores of a pack, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreCommandNote {
    /// What the shell ran.
    pub command: String,
    /// The lock file of its environment, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockFile>,
    /// Molecules that it was asked for; one of several shards counts in each.
    pub molecules: u64,
    /// Molecules among them that have no score.
    pub unscored: u64,
    /// Those by why: `not_a_number`, `missing_line`, `too_many_lines`, `crash`,
    /// `timeout`, `long_line`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<UnscoredMolecule>,
}

/// The lock file of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockFile {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}

impl From<(String, Sha256Digest)> for LockFile {
    fn from((name, sha256): (String, Sha256Digest)) -> Self {
        Self { name, sha256 }
    }
}

/// A molecule that a command gave no score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnscoredMolecule {
    /// Its canonical SMILES.
    pub smiles: String,
    /// Why it has none.
    pub why: String,
}

/// Further facts of how a pack was made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProvenanceNotes {
    /// Content digest of the pack whose decoys were audited again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audited_pack_content_digest: Option<Sha256Digest>,
    /// Computing time of all shards together, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computing_s: Option<f64>,
    /// The command that gave the scores, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_command: Option<ScoreCommandNote>,
    /// Core hours of all shards: the time of each attempt on each of its threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_hours: Option<f64>,
    /// Most memory that a process computing shards had, bytes, where systems told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// What other versions note.
    #[serde(flatten)]
    pub further: Map<String, Value>,
}
