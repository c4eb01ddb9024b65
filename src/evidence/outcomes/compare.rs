//! Several models on one library, side by side: what each pack concludes.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::OutcomesError;
use crate::pack::manifest::MANIFEST;
use crate::pack::{PackError, PackSource, read_manifest};
use hetero2_common::files::Sha256Digest;
use hetero2_contract::Metrics;
use hetero2_contract::evidence::{CostLiftV2, Evidence};

/// What one pack says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedPack {
    /// Where it lies.
    pub path: PathBuf,
    /// Name of the scoring model, where the scores give one; else the name of
    /// the scores file.
    pub model: String,
    /// File name of the library.
    pub library: String,
    /// Digest of the library.
    pub library_sha256: Option<Sha256Digest>,
    /// Content digest of the pack.
    pub content_digest: Sha256Digest,
    /// What it concludes; none in packs of the published kind and of stand-ins.
    pub evidence: Option<Evidence>,
    /// What a budget buys, where there are outcomes.
    pub budget: Option<CostLiftV2>,
}

/// Several packs side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// In the order in which they were given.
    pub packs: Vec<ComparedPack>,
    /// Whether they are of one library and configuration, but for the scores;
    /// others are not comparable figure by figure.
    pub comparable: Comparable,
}

/// Whether figures of several packs may be held against one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparable {
    /// They are of one library and configuration.
    Yes,
    /// They are of different libraries.
    DifferentLibraries,
    /// They are of one library, with different decoys, seeds or limits.
    DifferentSettings,
}

/// Reads what packs conclude; directories or zips.
///
/// # Errors
/// [`OutcomesError`] where there is no pack, or it cannot be read.
pub fn compare_packs(paths: &[PathBuf]) -> Result<Comparison, OutcomesError> {
    let mut packs = Vec::new();
    let mut settings = Vec::new();
    for path in paths {
        let (pack, config) = read(path)?;
        packs.push(pack);
        settings.push(config);
    }
    let libraries = packs.windows(2).all(|two| two[0].library_sha256 == two[1].library_sha256);
    let same = settings.windows(2).all(|two| two[0] == two[1]);
    let comparable = match (libraries, same) {
        (true, true) => Comparable::Yes,
        (true, false) => Comparable::DifferentSettings,
        (false, _) => Comparable::DifferentLibraries,
    };
    Ok(Comparison { packs, comparable })
}

fn read(path: &Path) -> Result<(ComparedPack, serde_json::Value), OutcomesError> {
    let manifest = read_manifest(path)?;
    let mut source = PackSource::open(path)?;
    let input = |role: &str| manifest.body.inputs.iter().find(|input| input.role == role);
    let named = manifest.body.notes.score_key.clone();
    let model = named
        .or_else(|| input("scores").map(|input| input.name.clone()))
        .unwrap_or_else(|| "stand-in scores".to_owned());
    let library = input("library").ok_or_else(|| PackError::Schema {
        path: path.join(MANIFEST),
        detail: "it names no library".into(),
    })?;
    let metrics: Metrics = document(&mut source, "metrics.json")?;
    let budget = match source.entries().contains_key("cost_lift_v2.json") {
        true => Some(document(&mut source, "cost_lift_v2.json")?),
        false => None,
    };
    let pack = ComparedPack {
        path: path.to_owned(),
        model,
        library: library.name.clone(),
        library_sha256: Some(library.digest.sha256),
        content_digest: manifest.content_digest,
        evidence: metrics.evidence,
        budget,
    };
    Ok((pack, manifest.body.config))
}

fn document<T: serde::de::DeserializeOwned>(
    source: &mut PackSource,
    name: &str,
) -> Result<T, OutcomesError> {
    let path = source.path().join(name);
    let bytes = source.bytes(name)?;
    Ok(serde_json::from_slice(&bytes).map_err(PackError::json(&path))?)
}
