//! Which scores a row is audited with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};

use hetero2_audit::{DecoyHash, OriginalSource, Score, ScoreLimits, ScoreTable, ScoresError};
use hetero2_chemistry::molecule::{Molecule, ParseLimits};
use hetero2_library::{Record, text_of};

use crate::run::config::{MissingOriginal, ScoreMode};
use crate::run::error::RunError;
use crate::run::layout::RunDir;
use crate::run::plan::{InputFile, Plan, RowScores};

/// The scores of a run, loaded once and shared by its threads.
pub enum ScoreSource {
    /// Stand-in scores derived from hashes.
    Mock,
    /// One table for every row.
    Table(Box<ScoreTable>),
    /// A command gives them, shard by shard.
    Command,
    /// A table of its own for each file that rows name.
    PerRow(BTreeMap<String, Result<ScoreTable, String>>),
}

/// The scores of one row.
#[derive(Clone, Copy)]
pub(crate) enum RowScoring<'a> {
    /// It has none.
    None,
    /// Stand-in scores.
    Mock,
    /// This table.
    Table(&'a ScoreTable),
    /// It names a file that cannot be used.
    Unusable(&'a str),
}

impl ScoreSource {
    /// Loads the scores that a plan names from its run directory.
    ///
    /// # Errors
    /// [`RunError::Scores`] when the run's own score file breaks its contract;
    /// a file that only rows name ends those rows instead.
    pub fn load(dir: &RunDir, plan: &Plan) -> Result<Self, RunError> {
        if plan.config.score_mode == ScoreMode::Mock {
            return Ok(Self::Mock);
        }
        if plan.scorer.is_some() {
            return Ok(Self::Command);
        }
        if let Some(input) = &plan.scores {
            return Ok(Self::Table(Box::new(load_table(dir, input)?)));
        }
        let tables = plan.row_scores.iter().map(|(name, scores)| {
            let table = match scores {
                RowScores::Unusable(why) => Err(why.clone()),
                RowScores::Copied(input) => File::open(dir.input(&input.sha256.to_string()))
                    .map_err(|e| e.to_string())
                    .and_then(|file| read_table(file, &input.name).map_err(|e| e.to_string())),
            };
            (name.clone(), table)
        });
        Ok(Self::PerRow(tables.collect()))
    }

    /// Name of the scoring model, where one table for every row gives it.
    #[must_use]
    pub fn score_key(&self) -> Option<&str> {
        match self {
            Self::Table(table) => table.score_key(),
            Self::Mock | Self::Command | Self::PerRow(_) => None,
        }
    }

    /// The scores of a row.
    pub(crate) fn of_row(&self, record: &Record) -> RowScoring<'_> {
        match self {
            Self::Mock => RowScoring::Mock,
            Self::Command => RowScoring::None,
            Self::Table(table) => RowScoring::Table(table),
            Self::PerRow(tables) => {
                let found = record.scores_input.as_ref().and_then(|name| tables.get(name));
                match found {
                    None => RowScoring::None,
                    Some(Ok(table)) => RowScoring::Table(table),
                    Some(Err(why)) => RowScoring::Unusable(why),
                }
            }
        }
    }
}

/// What is known of an original's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OriginalScore {
    /// The scores have it.
    Given(Score),
    /// They do not; it counts as this.
    Defaulted(Score),
    /// They do not.
    Missing,
}

impl RowScoring<'_> {
    /// Score of the original, and where it comes from.
    pub fn original(&self, id: &str, missing: MissingOriginal) -> OriginalScore {
        let Self::Table(table) = self else {
            return OriginalScore::Given(Score::ORIGINAL_DEFAULT);
        };
        match (table.original(id), missing) {
            ((score, OriginalSource::Molecule | OriginalSource::File), _) => {
                OriginalScore::Given(score)
            }
            ((score, OriginalSource::Default), MissingOriginal::PublishedScore) => {
                OriginalScore::Defaulted(score)
            }
            ((_, OriginalSource::Default), MissingOriginal::Score(score)) => {
                OriginalScore::Defaulted(Score { score, weight: 1.0 })
            }
            ((_, OriginalSource::Default), MissingOriginal::Skip) => OriginalScore::Missing,
        }
    }

    /// Score of a decoy of this row, if it has one.
    pub fn decoy(&self, hash: &DecoyHash) -> Option<Score> {
        match self {
            Self::Mock => Some(Score { score: hash.mock_score(), weight: 1.0 }),
            Self::Table(table) => table.decoy(hash),
            Self::None | Self::Unusable(_) => None,
        }
    }
}

/// Loads the scores for all rows from a run directory.
pub(crate) fn load_table(dir: &RunDir, input: &InputFile) -> Result<ScoreTable, RunError> {
    let path = dir.input(&input.sha256.to_string());
    let file = File::open(&path).map_err(|e| RunError::io("read", &path, e))?;
    read_table(file, &input.name)
        .map_err(|source| RunError::Scores { path: input.name.clone().into(), source })
}

/// Reads a score file in the format that its name tells, without the ending of
/// a compression, or else its content.
fn read_table(mut file: File, name: &str) -> Result<ScoreTable, ScoresError> {
    let limits = ScoreLimits::default();
    let canonicalise = |smiles: &str| {
        let molecule = Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default());
        molecule.map(|m| m.canonical_smiles().to_owned()).ok()
    };
    let lower = name.to_ascii_lowercase();
    let inner = COMPRESSED.iter().find_map(|ending| lower.strip_suffix(ending)).unwrap_or(&lower);
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    if inner.ends_with(".parquet") || inner.ends_with(".pq") || magic == b"PAR1" {
        return ScoreTable::from_parquet(file, &limits, &canonicalise);
    }
    let text = text_of(file, name).map_err(|error| io::Error::other(error.to_string()))?;
    let mut text = BufReader::new(text);
    let first = text.fill_buf()?.trim_ascii_start();
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let by_name = TABLES.iter().any(|ending| inner.ends_with(ending));
    match by_name || !(inner.ends_with(".json") || first.is_empty() || first.starts_with(b"{")) {
        true => ScoreTable::from_csv(text, &limits, &canonicalise),
        false => ScoreTable::from_json(text, &limits),
    }
}

/// Endings of compressed files.
pub(crate) const COMPRESSED: [&str; 6] = [".gz", ".bgz", ".zst", ".zstd", ".bz2", ".xz"];

/// Endings of tables of text.
const TABLES: [&str; 3] = [".csv", ".tsv", ".tab"];
