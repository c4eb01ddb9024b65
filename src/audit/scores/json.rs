//! `hetero_scores.v1` JSON, read as a stream.

use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use super::limits::{Format, LimitedReader};
use super::table::{Builder, Duplicates};
use super::{
    SCORES_SCHEMA, Score, ScoreLimits, ScoreTable, ScoresError, usable_score, usable_weight,
};
use hetero2_contract::DecoyHash;

const BUFFER: usize = 1 << 17;

pub(super) fn read(reader: impl Read, limits: &ScoreLimits) -> Result<ScoreTable, ScoresError> {
    let limited = LimitedReader::new(reader, Format::Json)?;
    let mut text = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, limited));
    let mut file = File::new(limits);
    let outcome = FileSeed(&mut file).deserialize(&mut text).and_then(|()| text.end());
    if let Some(error) = file.error.take() {
        return Err(error);
    }
    outcome?;
    if !file.version_seen {
        return Err(ScoresError::SchemaVersion { found: "none".to_owned() });
    }
    Ok(ScoreTable {
        decoys: file.decoys.finish()?,
        original: file.original,
        score_key: file.score_key,
        ..ScoreTable::default()
    })
}

/// What has been read, and an error that serde cannot carry.
struct File {
    decoys: Builder,
    decoys_seen: bool,
    version_seen: bool,
    original: Option<Score>,
    score_key: Option<String>,
    error: Option<ScoresError>,
}

impl File {
    fn new(limits: &ScoreLimits) -> Self {
        Self {
            decoys: Builder::new(Duplicates::LastWins, limits.max_entries),
            decoys_seen: false,
            version_seen: false,
            original: None,
            score_key: None,
            error: None,
        }
    }

    fn fail<E: serde::de::Error>(&mut self, error: ScoresError) -> E {
        let text = E::custom(&error);
        self.error = Some(error);
        text
    }
}

struct FileSeed<'a>(&'a mut File);

impl<'de> DeserializeSeed<'de> for FileSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FileSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of {SCORES_SCHEMA}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "schema_version" => {
                    let found: serde_json::Value = map.next_value()?;
                    if found != SCORES_SCHEMA {
                        let found = short(&found.to_string());
                        return Err(self.0.fail(ScoresError::SchemaVersion { found }));
                    }
                    self.0.version_seen = true;
                }
                "score_key" => {
                    let name: Option<String> = map.next_value()?;
                    self.0.score_key =
                        name.map(|n| n.trim().to_owned()).filter(|name| !name.is_empty());
                }
                "original" => {
                    let original: Option<Original> = map.next_value().map_err(|error| {
                        A::Error::custom(format_args!(
                            "the original: {error}; its score and weight must be JSON numbers"
                        ))
                    })?;
                    let score = original.map(|o| Score { score: o.score, weight: o.weight });
                    score.map_or(Ok(()), |s| check(&"the original", s))?;
                    self.0.original = score;
                }
                "decoys" => {
                    if std::mem::replace(&mut self.0.decoys_seen, true) {
                        return Err(A::Error::custom("\"decoys\" stands twice; merge the two"));
                    }
                    map.next_value_seed(DecoysSeed(self.0))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct DecoysSeed<'a>(&'a mut File);

impl<'de> DeserializeSeed<'de> for DecoysSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DecoysSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of decoy hashes")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(hash) = map.next_key_seed(HashSeed)? {
            let decoy: Decoy = map.next_value().map_err(|error| {
                A::Error::custom(format_args!(
                    "the decoy {hash}: {error}; its score and weight must be JSON numbers (no \
                     NaN, null or text): leave out a decoy that has none"
                ))
            })?;
            let score = Score { score: decoy.score, weight: decoy.weight };
            check(&hash, score)?;
            if let Err(error) = self.0.decoys.add(hash, score) {
                return Err(self.0.fail(error));
            }
        }
        Ok(())
    }
}

/// A key of the decoys, parsed without being copied.
struct HashSeed;

impl<'de> DeserializeSeed<'de> for HashSeed {
    type Value = DecoyHash;

    fn deserialize<D: serde::Deserializer<'de>>(self, text: D) -> Result<DecoyHash, D::Error> {
        text.deserialize_str(self)
    }
}

impl Visitor<'_> for HashSeed {
    type Value = DecoyHash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decoy hash")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<DecoyHash, E> {
        text.parse().map_err(|error| {
            E::custom(format_args!(
                "the decoy key {:?} is {error}; key decoys by the SHA-256 of their canonical SMILES",
                short(text)
            ))
        })
    }
}

fn one() -> f64 {
    1.0
}

#[derive(Deserialize)]
struct Decoy {
    #[serde(default)]
    score: f64,
    #[serde(default = "one")]
    weight: f64,
}

#[derive(Deserialize)]
struct Original {
    #[serde(default = "one")]
    score: f64,
    #[serde(default = "one")]
    weight: f64,
}

fn check<E: serde::de::Error>(whose: &dyn fmt::Display, score: Score) -> Result<(), E> {
    if !usable_score(score.score) {
        return Err(E::custom(format_args!("the score of {whose} is not a finite number")));
    }
    if !usable_weight(score.weight) {
        let weight = score.weight;
        return Err(E::custom(format_args!(
            "the weight of {whose} is {weight}; weights must be finite and not negative"
        )));
    }
    Ok(())
}

/// At most 80 characters of a value, for messages.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
