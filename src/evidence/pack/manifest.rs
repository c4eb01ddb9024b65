//! `manifest.json`, `provenance.json`, `checksums.sha256` and the content
//! digest: what a pack says about itself.
//!
//! The manifest is the same for every run of one configuration. What may differ
//! between two runs is in the provenance alone, so the manifest's file list does
//! not have it; `checksums.sha256` covers both.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::PackError;
pub use super::ro_crate::RO_CRATE;
use hetero2_common::files::{FileDigest, Sha256Digest};
use hetero2_contract::SpectraCounts;

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the provenance.
pub const PROVENANCE: &str = "provenance.json";
/// Name of the checksum list.
pub const CHECKSUMS: &str = "checksums.sha256";
/// Name of the zip.
pub const ZIP: &str = "evidence_pack.zip";

/// Version of the manifest's layout.
pub const MANIFEST_SCHEMA: &str = "hetero2_manifest.v1";
/// Version of the provenance's layout.
pub const PROVENANCE_SCHEMA: &str = "hetero2_provenance.v1";

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
    /// What it was used as: `library`, `scores`, `truth`.
    pub role: String,
    /// Its file name, without directories.
    pub name: String,
    /// Size and SHA-256.
    #[serde(flatten)]
    pub digest: FileDigest,
}

impl Input {
    /// An input by the last part of its path.
    #[must_use]
    pub fn new(role: &str, path: &Path, digest: FileDigest) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self { role: role.to_owned(), name, digest }
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
    pub notes: Map<String, Value>,
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
    /// SHA-256 over the files' names and digests, see [`content_digest`].
    pub content_digest: Sha256Digest,
}

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
    /// Further facts.
    #[serde(default)]
    pub notes: Map<String, Value>,
}

/// Whether `name` is a file that the content digest leaves out.
#[must_use]
pub fn is_outside_content(name: &str) -> bool {
    matches!(name, MANIFEST | PROVENANCE | RO_CRATE | CHECKSUMS | ZIP)
}

/// SHA-256 over the content's `<sha256>  <name>` lines in ascending order of
/// names (bytewise), each ended by a newline: the lines of `checksums.sha256`
/// without those of the manifest, the provenance and the crate's metadata. Equal digests mean equal
/// evidence.
#[must_use]
pub fn content_digest(files: &BTreeMap<String, FileDigest>) -> Sha256Digest {
    let mut hasher = Sha256::new();
    for (name, digest) in files.iter().filter(|(name, _)| !is_outside_content(name)) {
        hasher.update(checksum_line(name, &digest.sha256));
    }
    Sha256Digest::from_hasher(hasher)
}

/// The bytes of `checksums.sha256` for `files`, as `sha256sum -c` reads them.
#[must_use]
pub fn checksums(files: &BTreeMap<String, FileDigest>) -> String {
    files
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), CHECKSUMS | ZIP))
        .map(|(name, digest)| checksum_line(name, &digest.sha256))
        .collect()
}

/// Reads a checksum list.
///
/// # Errors
/// A line is not `<64 hex digits>  <name>`, or a name comes twice.
pub fn parse_checksums(text: &str) -> Result<BTreeMap<String, Sha256Digest>, PackError> {
    let fail = |line: usize, what: &str| PackError::Schema {
        path: CHECKSUMS.into(),
        detail: format!("line {line}: {what}"),
    };
    let mut listed = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        let (digest, name) =
            line.split_once("  ").ok_or_else(|| fail(i + 1, "not `<sha256>  <name>`"))?;
        let digest = digest.parse().map_err(|_| fail(i + 1, "not a SHA-256 digest"))?;
        if listed.insert(name.to_owned(), digest).is_some() {
            return Err(fail(i + 1, "a name that was listed before"));
        }
    }
    Ok(listed)
}

/// Checks that `name` may be a file of a pack: flat, portable, visible.
///
/// # Errors
/// [`PackError::Name`] says what is wrong.
pub fn check_name(name: &str) -> Result<(), PackError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let detail = if name.is_empty() || name.len() > 200 {
        "it must have 1 to 200 characters"
    } else if !name.bytes().all(allowed) {
        "only letters, digits, `.`, `_` and `-` are"
    } else if name.starts_with(['.', '-']) {
        "it must not begin with `.` or `-`"
    } else {
        return Ok(());
    };
    Err(PackError::Name { name: name.to_owned(), detail })
}

fn checksum_line(name: &str, digest: &Sha256Digest) -> String {
    format!("{digest}  {name}\n")
}
