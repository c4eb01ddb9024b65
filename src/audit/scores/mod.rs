//! `hetero_scores.v1`: scores computed elsewhere, from JSON, CSV or Parquet,
//! looked up by decoy hash. Knows nothing of the models that made them.

mod head;
mod json;
pub(super) mod limits;
mod parquet;
mod rows;
mod table;

use std::io::Read;

use hetero2_contract::DecoyHash;
use hetero2_contract::spreadsheet::guarded;
use table::HashedScores;

/// Identifier of the scores format.
pub const SCORES_SCHEMA: &str = "hetero_scores.v1";

/// A score and its weight in the AUC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The model's score, higher is better; finite.
    pub score: f64,
    /// Weight; finite and not negative.
    pub weight: f64,
}

impl Score {
    /// What an original has where no file says otherwise: score 1, weight 1.
    pub const ORIGINAL_DEFAULT: Self = Self { score: 1.0, weight: 1.0 };
}

/// Where an original's score comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginalSource {
    /// Its own row, by molecule id.
    Molecule,
    /// The file's one score for all originals.
    File,
    /// The default: the file says nothing.
    Default,
}

/// Limits on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreLimits {
    /// Most scores of one file. A score takes 40 bytes, one more than 100 bytes
    /// where its weight is not 1.
    pub max_entries: usize,
}

impl Default for ScoreLimits {
    /// 50 million scores: 2 GB where all are used and weights are 1.
    fn default() -> Self {
        Self { max_entries: 50_000_000 }
    }
}

/// Turns a SMILES as a customer wrote it into the canonical SMILES whose hash
/// is the key; `None` where it is not valid.
pub type Canonicalise<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a scores file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScoresError {
    /// Not JSON, or not of the shape of `hetero_scores.v1`.
    #[error("the scores file is not usable as {SCORES_SCHEMA} JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The schema version is missing or another one.
    #[error(
        "the scores file has the schema_version {found}; write \"schema_version\": \
         \"{SCORES_SCHEMA}\""
    )]
    SchemaVersion {
        /// As written, or `none`.
        found: String,
    },
    /// More scores than allowed.
    #[error("the scores file has more than {limit} scores; split the library, or raise the limit")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// A column that is needed is missing.
    #[error("the scores table has no column {needed}; it has: {found}")]
    MissingColumn {
        /// What is needed.
        needed: &'static str,
        /// What is there.
        found: String,
    },
    /// A column has a type that cannot be read.
    #[error("column {column} of the scores table has the type {found}; write {expected}")]
    ColumnType {
        /// The column.
        column: &'static str,
        /// Its type.
        found: String,
        /// Types that can be read.
        expected: &'static str,
    },
    /// A cell cannot be used.
    #[error("scores table, {unit} {at}, column {column}: {value:?} {problem}")]
    Cell {
        /// `line` (CSV) or `row` (Parquet).
        unit: &'static str,
        /// Which, from 1.
        at: u64,
        /// The column.
        column: &'static str,
        /// The offending value, shortened.
        value: String,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// One key has two different scores.
    #[error("the scores table gives {key} two different scores; keep one of its rows")]
    Conflict {
        /// The decoy's hash, or the SHA-256 of a molecule id.
        key: String,
    },
    /// CSV that cannot be read.
    #[error("the scores table cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// Parquet that cannot be read.
    #[error("the scores table cannot be read as Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// Arrow data that cannot be read.
    #[error("the scores table cannot be read as Parquet: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// The bytes cannot be read.
    #[error("the scores file cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Scores by decoy, and of originals.
///
/// Memory: 40 bytes a decoy, plus a side entry for weights other than 1.
///
/// ```
/// use hetero2_audit::{DecoyHash, ScoreLimits, ScoreTable};
/// let ethanol = DecoyHash::of_smiles("CCO");
/// let json = format!(
///     r#"{{"schema_version":"hetero_scores.v1","decoys":{{"{ethanol}":{{"score":0.25}}}}}}"#
/// );
/// let table = ScoreTable::from_json(json.as_bytes(), &ScoreLimits::default())?;
/// assert_eq!(table.decoy(&ethanol).map(|s| (s.score, s.weight)), Some((0.25, 1.0)));
/// assert_eq!(table.original("any").0.score, 1.0);
/// # Ok::<(), hetero2_audit::ScoresError>(())
/// ```
#[derive(Debug, Default)]
pub struct ScoreTable {
    decoys: HashedScores,
    originals: HashedScores,
    original: Option<Score>,
    score_key: Option<String>,
    unscored_rows: u64,
}

impl ScoreTable {
    /// Reads `hetero_scores.v1` JSON as a stream.
    ///
    /// Unknown keys are ignored. A decoy without `score` has 0, without `weight`
    /// 1; an original without either has 1. Where a decoy stands twice the last
    /// one counts, as in any JSON object. Numbers must be numbers, not text.
    ///
    /// # Errors
    /// [`ScoresError`], with line and column where the text is at fault.
    pub fn from_json(reader: impl Read, limits: &ScoreLimits) -> Result<Self, ScoresError> {
        json::read(reader, limits)
    }

    /// Reads CSV with a header of `decoy_hash` or `decoy_smiles`, `score`, and
    /// optionally `weight`, `molecule_id` and `role` (`original` or `decoy`).
    ///
    /// Columns are separated by comma, semicolon, tab or bar, as the header shows or
    /// a `sep=` line before it says; letter case and blanks of names do not matter.
    /// Other columns are ignored. Where a row has both, the hash counts. An
    /// empty `score`, `NA`, `None` or `null` leaves the row unscored
    /// ([`ScoreTable::unscored_rows`]), such a weight is 1. Rows of role `original` score the molecule they
    /// name, or all originals where they name none. A key may stand twice with
    /// the same score, not with two.
    ///
    /// # Errors
    /// [`ScoresError`], naming line, column and value.
    pub fn from_csv(
        reader: impl Read,
        limits: &ScoreLimits,
        canonicalise: Canonicalise<'_>,
    ) -> Result<Self, ScoresError> {
        rows::read_csv(reader, limits, canonicalise)
    }

    /// Reads Parquet with the columns of [`ScoreTable::from_csv`]. Hashes may
    /// be text or 32 raw bytes; scores and weights any number type; ids also
    /// numbers, as far as their text is exact.
    ///
    /// # Errors
    /// [`ScoresError`], naming row, column and value.
    pub fn from_parquet(
        reader: impl ::parquet::file::reader::ChunkReader + 'static,
        limits: &ScoreLimits,
        canonicalise: Canonicalise<'_>,
    ) -> Result<Self, ScoresError> {
        parquet::read(reader, limits, canonicalise)
    }

    /// The score of a decoy, if the file has one.
    #[must_use]
    pub fn decoy(&self, hash: &DecoyHash) -> Option<Score> {
        self.decoys.get(hash)
    }

    /// The score of an original: its own, else the file's, else the default.
    #[must_use]
    pub fn original(&self, molecule_id: &str) -> (Score, OriginalSource) {
        // Tables have ids as they are, or as the program's own CSV has them.
        let of = |id: &str| self.originals.get(&DecoyHash::of_smiles(id));
        if self.originals.len() > 0
            && let Some(score) = of(molecule_id).or_else(|| of(&guarded(molecule_id)))
        {
            return (score, OriginalSource::Molecule);
        }
        match self.original {
            Some(score) => (score, OriginalSource::File),
            None => (Score::ORIGINAL_DEFAULT, OriginalSource::Default),
        }
    }

    /// The name of the scoring model, if the file gives one.
    #[must_use]
    pub fn score_key(&self) -> Option<&str> {
        self.score_key.as_deref()
    }

    /// Decoys with a score.
    #[must_use]
    pub fn decoys(&self) -> usize {
        self.decoys.len()
    }

    /// Originals with a score of their own.
    #[must_use]
    pub fn originals(&self) -> usize {
        self.originals.len()
    }

    /// Table rows whose score is empty.
    #[must_use]
    pub fn unscored_rows(&self) -> u64 {
        self.unscored_rows
    }
}

/// Whether a number may be a score.
fn usable_score(score: f64) -> bool {
    score.is_finite()
}

/// Whether a number may be a weight.
fn usable_weight(weight: f64) -> bool {
    weight.is_finite() && weight >= 0.0
}
