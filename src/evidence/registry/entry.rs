//! What the log says of a published pack.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::RegistryError;
use crate::outcomes::accept_pack;
use crate::pack::manifest::{CHECKSUMS, Input, Manifest, PROVENANCE, Provenance, Tool};
use crate::pack::{PackSource, VerifyReport, read_manifest};
use hetero2_audit::Decision;
use hetero2_common::files::{FileDigest, Sha256Digest};
use hetero2_contract::{AucInterpretation, Metrics, StatusCounts};

/// Version of an entry's layout.
pub const ENTRY_SCHEMA: &str = "hetero2_registry_entry.v1";

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// [`ENTRY_SCHEMA`].
    pub schema_version: String,
    /// Number of the entry, from 0.
    pub sequence: u64,
    /// SHA-256 of the line before, without its newline; zeros for the first.
    pub previous: Sha256Digest,
    /// When, by the publisher's clock: UTC, `2026-01-31T23:59:59Z`.
    pub published_at: String,
    /// Content digest of the pack, and its name in the registry where it is the
    /// first of that content.
    pub content_digest: Sha256Digest,
    /// Digest of its manifest, which binds configuration, seeds and inputs to
    /// the content; entries of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<Sha256Digest>,
    /// SHA-256 of the pack's `checksums.sha256`, which covers its other files.
    pub checksums_sha256: Sha256Digest,
    /// Files of the pack.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The program that made the pack.
    pub tool: Tool,
    /// How it was made.
    pub command: Recipe,
    /// What came out.
    pub outcome: Outcome,
    /// Content digests of published packs that this one builds on, as the
    /// publisher says.
    pub parents: Vec<Sha256Digest>,
    /// Content digest of the pack whose decoys were audited, as the provenance
    /// of a pack of `hetero2 audit` says.
    pub audited_pack: Option<Sha256Digest>,
    /// Signatures that lay beside the pack. More may follow behind them.
    pub signatures: Option<FileDigest>,
}

/// How a pack was made: what `hetero2 rerun` needs, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// `run`, or `audit` for new scores on the decoys of another pack.
    pub name: String,
    /// Inputs with their digests.
    pub inputs: Vec<Input>,
    /// The full configuration as it was used.
    pub config: Value,
}

/// What came out of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What `hetero2 accept` says.
    pub decision: Decision,
    /// Rows of the library.
    pub rows: u64,
    /// Rows by status: OK, SKIP, ERROR.
    #[schemars(with = "Value")]
    pub counts: StatusCounts,
    /// Share of PASS among the OK rows with a verdict.
    pub pass_rate: Option<f64>,
    /// Median slack of the OK rows.
    pub median_slack: Option<f64>,
    /// What the AUC by hardness means.
    #[schemars(with = "Option<String>")]
    pub interpretation: Option<AucInterpretation>,
}

/// What of an entry follows from the pack at `path`, of which `report` is the
/// verification; sequence and link are the log's.
pub(super) fn describe(path: &Path, report: &VerifyReport) -> Result<Entry, RegistryError> {
    let manifest = read_manifest(path)?;
    let mut source = PackSource::open(path)?;
    let provenance: Provenance = source.json(PROVENANCE)?;
    let metrics: Metrics = source.json("metrics.json")?;
    let audited_pack = provenance.notes.audited_pack_content_digest;
    // A pack that passed verification has both.
    let checksums = report.digests.get(CHECKSUMS).map(|digest| digest.sha256);
    let (Some(checksums_sha256), Some(content_digest)) = (checksums, report.content_digest) else {
        let why = "its files have no digest".to_owned();
        return Err(RegistryError::DamagedPack { path: path.to_owned(), why });
    };
    Ok(Entry {
        schema_version: ENTRY_SCHEMA.to_owned(),
        sequence: 0,
        previous: Sha256Digest::from([0; 32]),
        published_at: String::new(),
        content_digest,
        manifest_digest: report.manifest_digest,
        checksums_sha256,
        files: report.files,
        bytes: report.bytes,
        command: recipe(&manifest, audited_pack),
        tool: manifest.body.tool,
        outcome: Outcome {
            decision: accept_pack(path, None)?.decision,
            rows: report.rows.unwrap_or_default(),
            counts: metrics.counts,
            pass_rate: metrics.audit_slack_stats_ok.pass_rate_ok,
            median_slack: metrics.audit_slack_stats_ok.median_slack_ok,
            interpretation: Some(metrics.decoy_realism.interpretation.auc_interpretation),
        },
        parents: Vec::new(),
        audited_pack,
        signatures: None,
    })
}

fn recipe(manifest: &Manifest, audited_pack: Option<Sha256Digest>) -> Recipe {
    Recipe {
        name: if audited_pack.is_some() { "audit" } else { "run" }.to_owned(),
        inputs: manifest.body.inputs.clone(),
        config: manifest.body.config.clone(),
    }
}
