//! Checks of the container, the checksums, the manifest and the JSON files.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Findings, finding, listed};
use crate::pack::error::PackError;
use crate::pack::manifest::{
    self, CHECKSUMS, MANIFEST, MANIFEST_SCHEMA, Manifest, PROVENANCE, PROVENANCE_SCHEMA, ZIP,
};
use crate::pack::source::PackSource;
use hetero2_common::files::{FileDigest, Sha256Digest, digest_reader};
use hetero2_contract::Metrics;
use hetero2_contract::manifest::LIBRARY_FILE;
use hetero2_contract::metrics::METRICS_SCHEMA;
use hetero2_contract::summary_metadata::METADATA_SCHEMA;

/// Files without which there is no pack.
const REQUIRED: [&str; 8] = [
    "summary.csv",
    "summary.parquet",
    "decoys.parquet",
    "metrics.json",
    "summary_metadata.json",
    MANIFEST,
    PROVENANCE,
    CHECKSUMS,
];
/// Files that a pack has unless the user left them out.
const EXPECTED: [&str; 4] =
    ["index.md", "index.html", "operator_features.csv", "hardness_curve.md"];

/// Size and SHA-256 by name.
pub type Digests = BTreeMap<String, FileDigest>;

/// Digests of every file but the zip inside; notes what cannot be read.
pub fn digests(source: &mut PackSource, findings: &mut Findings) -> Result<Digests, PackError> {
    let names: Vec<String> = source.entries().keys().filter(|n| *n != ZIP).cloned().collect();
    let mut digests = Digests::new();
    let mut problems = Vec::new();
    for name in names {
        let size = source.entries()[&name].bytes;
        let path = source.path().join(&name);
        let digest = source.reader(&name).and_then(|mut reader| {
            digest_reader(&mut reader).map_err(PackError::io("read", &path))
        });
        match digest {
            Ok(digest) if digest.bytes == size => drop(digests.insert(name, digest)),
            Ok(digest) => {
                problems.push(format!("{name}: {} bytes where {size} are due", digest.bytes));
            }
            Err(e) => problems.push(finding(e)?),
        }
    }
    findings.conclude("readable", &problems, format!("{} files", digests.len()));
    Ok(digests)
}

/// Names, links, duplicates, encryption.
pub fn container(source: &PackSource, findings: &mut Findings) {
    findings.conclude("container", source.problems(), "flat names, regular files");
}

/// Whether the files of a pack are there.
pub fn required(source: &PackSource, findings: &mut Findings) {
    let missing = |names: &[&str]| {
        let absent = |n: &&&str| !source.entries().contains_key(**n);
        names.iter().filter(absent).map(|n| format!("{n} is missing")).collect::<Vec<_>>()
    };
    findings.conclude("required files", &missing(&REQUIRED), "all there");
    let unexpected = missing(&EXPECTED);
    if !unexpected.is_empty() {
        findings.warn("report files", listed(&unexpected));
    }
}

/// Every checksum; missing and unlisted files.
pub fn checksums(
    source: &mut PackSource,
    digests: &Digests,
    findings: &mut Findings,
) -> Result<(), PackError> {
    const NAME: &str = "checksums";
    let listed = match source.text(CHECKSUMS).and_then(|text| manifest::parse_checksums(&text)) {
        Ok(listed) => listed,
        Err(e) => {
            findings.fail(NAME, finding(e)?);
            return Ok(());
        }
    };
    let mut problems = Vec::new();
    for (name, sha256) in &listed {
        match digests.get(name) {
            None => problems.push(format!("{name:?} is listed but missing or unreadable")),
            Some(digest) if digest.sha256 != *sha256 => problems.push(format!("{name} differs")),
            Some(_) => {}
        }
    }
    for name in digests.keys().filter(|n| *n != CHECKSUMS && !listed.contains_key(*n)) {
        problems.push(format!("{name} is not listed"));
    }
    findings.conclude(NAME, &problems, format!("{} files match", listed.len()));
    Ok(())
}

/// A manifest that could be read.
pub struct FoundManifest {
    pub manifest: Manifest,
    /// See [`manifest::manifest_digest`].
    pub digest: Sha256Digest,
}

/// The manifest against the files; returns it where it can be read.
pub fn manifest(
    source: &mut PackSource,
    digests: &Digests,
    findings: &mut Findings,
) -> Result<Option<FoundManifest>, PackError> {
    let found = match read_manifest(source) {
        Ok(found) => found,
        Err(e) => {
            findings.fail("manifest", finding(e)?);
            return Ok(None);
        }
    };
    let manifest = &found.manifest;
    let mut problems = Vec::new();
    let mut listed: BTreeMap<&str, FileDigest> = BTreeMap::new();
    for file in &manifest.files {
        if listed.insert(&file.name, file.digest).is_some() {
            problems.push(format!("{:?} is listed twice", file.name));
        }
        match digests.get(&file.name) {
            None => problems.push(format!("{:?} is listed but missing", file.name)),
            Some(digest) if *digest != file.digest => {
                problems.push(format!("{} has another size or digest", file.name));
            }
            Some(_) => {}
        }
    }
    for name in digests.keys().filter(|n| !manifest::is_outside_content(n)) {
        if !listed.contains_key(name.as_str()) {
            problems.push(format!("{name} is not listed"));
        }
    }
    for input in &manifest.body.inputs {
        let inside = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\\');
        let plain = match input.role == LIBRARY_FILE {
            true => input.name.split('/').all(inside),
            false => !input.name.contains(['/', '\\']),
        };
        if !plain {
            problems.push(format!("input {:?} is a path", input.name));
        }
    }
    findings.conclude("manifest", &problems, format!("{} files match", listed.len()));
    let computed = manifest::content_digest(digests);
    if manifest.content_digest == computed {
        findings.pass("content digest", computed.to_string());
    } else {
        findings.fail(
            "content digest",
            format!("the files give {computed}, the manifest says {}", manifest.content_digest),
        );
    }
    Ok(Some(found))
}

fn read_manifest(source: &mut PackSource) -> Result<FoundManifest, PackError> {
    let path = source.path().join(MANIFEST);
    let document: Value = source.json(MANIFEST)?;
    let digest = manifest::manifest_digest(&document);
    let manifest = serde_json::from_value(document).map_err(PackError::json(&path))?;
    Ok(FoundManifest { manifest, digest })
}

/// Every JSON file is JSON without NaN; the layouts are known. Returns the
/// metrics, or what is wrong with them.
pub fn json(
    source: &mut PackSource,
    findings: &mut Findings,
) -> Result<Result<Metrics, String>, PackError> {
    let names: Vec<String> =
        source.entries().keys().filter(|n| n.ends_with(".json")).cloned().collect();
    let mut problems = Vec::new();
    let mut versions = Vec::new();
    let mut metrics = Err("metrics.json cannot be read".to_owned());
    for name in &names {
        // The parser refuses NaN and Infinity, which are not JSON.
        let read = match expected_version(name) {
            None => source.check_json(name),
            Some(expected) => source.json::<Value>(name).map(|value| {
                versions.extend(wrong_version(name, expected, &value));
                if name == "metrics.json" {
                    metrics =
                        serde_json::from_value(value).map_err(|e| format!("metrics.json: {e}"));
                }
            }),
        };
        if let Err(e) = read {
            problems.push(finding(e)?);
        }
    }
    findings.conclude("JSON", &problems, format!("{} files, no NaN", names.len()));
    findings.conclude("schema versions", &versions, "all known");
    Ok(metrics)
}

/// What every document of a pack says of itself.
#[derive(Deserialize)]
struct Versioned {
    schema_version: Option<String>,
}

fn expected_version(name: &str) -> Option<&'static str> {
    Some(match name {
        MANIFEST => MANIFEST_SCHEMA,
        PROVENANCE => PROVENANCE_SCHEMA,
        "metrics.json" => METRICS_SCHEMA,
        "summary_metadata.json" => METADATA_SCHEMA,
        _ => return None,
    })
}

fn wrong_version(name: &str, expected: &str, value: &Value) -> Option<String> {
    let found = Versioned::deserialize(value).ok().and_then(|document| document.schema_version);
    let found = found.as_deref();
    (found != Some(expected))
        .then(|| format!("{name}: {:?} where {expected:?} is known", found.unwrap_or("no version")))
}

/// The zip beside the files holds the same files.
pub fn inner_zip(
    source: &PackSource,
    digests: &Digests,
    findings: &mut Findings,
) -> Result<(), PackError> {
    const NAME: &str = "zip";
    if source.is_zip() || !source.entries().contains_key(ZIP) {
        return Ok(());
    }
    let mut zip = match PackSource::open(&source.path().join(ZIP)) {
        Ok(zip) => zip,
        Err(e) => {
            findings.fail(NAME, finding(e)?);
            return Ok(());
        }
    };
    let mut problems = Vec::new();
    let mut scratch = Findings::default();
    let inside = self::digests(&mut zip, &mut scratch)?;
    problems.extend(
        scratch.0.into_iter().filter(|c| c.outcome != super::Outcome::Pass).map(|c| c.detail),
    );
    for (name, digest) in digests {
        if inside.get(name) != Some(digest) {
            problems.push(format!("{name} is missing or differs"));
        }
    }
    for name in inside.keys().filter(|name| !digests.contains_key(*name)) {
        problems.push(format!("{name} is in the zip alone"));
    }
    findings.conclude(NAME, &problems, format!("{} files, the same", inside.len()));
    Ok(())
}
