//! `manifest.json`, `provenance.json`, `checksums.sha256` and the content
//! digest: what a pack says about itself.
//!
//! The manifest is the same for every run of one configuration. What may differ
//! between two runs is in the provenance alone, so the manifest's file list does
//! not have it; `checksums.sha256` covers both.

use std::collections::BTreeMap;

pub use hetero2_contract::manifest::{
    Input, ListedFile, MANIFEST_SCHEMA, Manifest, ManifestBody, ManifestNotes, Seeds, Tool,
};
pub use hetero2_contract::provenance::{PROVENANCE_SCHEMA, Provenance, ProvenanceNotes};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::PackError;
pub use super::ro_crate::RO_CRATE;
use hetero2_common::files::{FileDigest, Sha256Digest};

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the provenance.
pub const PROVENANCE: &str = "provenance.json";
/// Name of the checksum list.
pub const CHECKSUMS: &str = "checksums.sha256";
/// Name of the zip.
pub const ZIP: &str = "evidence_pack.zip";

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

/// SHA-256 over the manifest's canonical form: the document without `tool`, as
/// JSON with sorted keys and without blanks or line breaks. It binds what the
/// content digest does not: configuration, seeds, inputs and notes, together
/// with the files. Equal for runs of one manifest by any build of one version.
///
/// ```
/// use hetero2_evidence::pack::manifest::manifest_digest;
/// use serde_json::json;
/// let of = |seed, commit| {
///     manifest_digest(&json!({ "seeds": { "seed": seed }, "tool": { "commit": commit } }))
/// };
/// assert_eq!(of(1, "a"), of(1, "b"));
/// assert_ne!(of(1, "a"), of(2, "a"));
/// ```
#[must_use]
pub fn manifest_digest(document: &Value) -> Sha256Digest {
    let mut document = super::json::sorted(document.clone());
    if let Value::Object(map) = &mut document {
        map.remove("tool");
    }
    Sha256Digest::of(document.to_string().as_bytes())
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
