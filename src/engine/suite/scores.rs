//! `hetero_scores.v1` documents of the suites: the pilot's, and its variants
//! known to be bad and good. Written byte for byte as published.

use serde::{Serialize, Serializer};

use hetero2_audit::SCORES_SCHEMA;
use hetero2_common::random::PythonRandom;

/// Scores by decoy hash, in the order in which they were made; the order decides which random
/// number a decoy gets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SuiteScores {
    original: f64,
    decoys: Vec<(String, f64)>,
}

/// Order of the keys in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyOrder {
    /// As the scores were made.
    AsMade,
    /// Ascending, at every level.
    Sorted,
}

impl SuiteScores {
    pub fn new(original: f64) -> Self {
        Self { original, decoys: Vec::new() }
    }

    /// Adds a decoy; one that is there keeps its place.
    pub fn add(&mut self, hash: &str, score: f64) {
        match self.decoys.iter_mut().find(|(known, _)| known == hash) {
            Some((_, known)) => *known = score,
            None => self.decoys.push((hash.to_owned(), score)),
        }
    }

    /// One score for everything.
    pub fn constant(&self, score: f64) -> Self {
        self.map(score, || score)
    }

    /// Scores of a seeded generator: the original's first, then the decoys' in
    /// their order.
    pub fn random(&self, seed: i64) -> Self {
        let mut generator = PythonRandom::new(seed);
        let original = generator.random();
        self.map(original, || generator.random())
    }

    /// The original above all decoys.
    pub fn separating(&self) -> Self {
        self.map(1.0, || 0.0)
    }

    fn map(&self, original: f64, mut score: impl FnMut() -> f64) -> Self {
        Self {
            original,
            decoys: self.decoys.iter().map(|(hash, _)| (hash.clone(), score())).collect(),
        }
    }

    /// The document, indented by two, without a newline at its end.
    pub fn to_json(&self, order: KeyOrder) -> String {
        let mut decoys: Vec<&(String, f64)> = self.decoys.iter().collect();
        let (schema_version, original) = (SCORES_SCHEMA, Entry::new(self.original));
        let text = match order {
            KeyOrder::AsMade => {
                let decoys = Decoys(decoys);
                serde_json::to_string_pretty(&AsMade { schema_version, original, decoys })
            }
            KeyOrder::Sorted => {
                decoys.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                let decoys = Decoys(decoys);
                serde_json::to_string_pretty(&Sorted { decoys, original, schema_version })
            }
        };
        // Plain structs with text keys and finite numbers always serialise.
        text.unwrap_or_default()
    }
}

#[derive(Serialize)]
struct AsMade<'a> {
    schema_version: &'static str,
    original: Entry,
    decoys: Decoys<'a>,
}

#[derive(Serialize)]
struct Sorted<'a> {
    decoys: Decoys<'a>,
    original: Entry,
    schema_version: &'static str,
}

#[derive(Serialize)]
struct Entry {
    score: f64,
    weight: f64,
}

impl Entry {
    fn new(score: f64) -> Self {
        Self { score, weight: 1.0 }
    }
}

struct Decoys<'a>(Vec<&'a (String, f64)>);

impl Serialize for Decoys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(hash, score)| (hash, Entry::new(*score))))
    }
}
