//! How are molecules scored by a command of the user's? Starts it, gives it SMILES,
//! reads its scores, and says of each molecule what came of it. Knows nothing of
//! runs, rows and decoys.
//!
//! One process serves many batches (`docs/scorers.md`). Whatever is wrong with an
//! answer, none of its scores is used: the process ends, and the batch is asked again
//! in smaller parts, until the molecule that is at fault stands alone.

mod answer;
mod pool;
mod process;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::Unscored;
pub use pool::{Scorer, Wanted};

/// Most molecules of a batch.
pub const MAX_BATCH: u32 = 1_000_000;

/// Most processes of one scorer.
pub const MAX_PROCESSES: u32 = 256;

/// A command that scores molecules.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreCommand {
    /// What the shell runs (`sh -c` on Unix, `cmd /C` on Windows).
    pub command: String,
    /// Whether one process serves all batches.
    pub lifetime: Lifetime,
    /// Molecules of a batch, 1 to [`MAX_BATCH`].
    pub batch: usize,
    /// How long a batch may take.
    pub timeout: Duration,
    /// Processes side by side; without it one for each GPU that
    /// `CUDA_VISIBLE_DEVICES` lists, else one.
    pub processes: Option<usize>,
    /// Molecules that are scored twice, to see that their scores stay as they are.
    pub checked: usize,
    /// Crashes, time-outs and unreadable answers that are borne.
    pub max_failures: u32,
}

impl ScoreCommand {
    /// This command with batches of 1,024 molecules of at most 10 minutes.
    #[must_use]
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            lifetime: Lifetime::Task,
            batch: 1_024,
            timeout: Duration::from_mins(10),
            processes: None,
            checked: 16,
            max_failures: 100,
        }
    }
}

/// How long a process of a scorer lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as there are batches: an empty line ends each.
    Task,
    /// One batch: its input ends with it.
    Batch,
}

/// What came of the molecules of a run or a shard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoringCounts {
    /// Distinct molecules that were asked for, originals and decoys.
    pub molecules: u64,
    /// Molecules among them without a score.
    pub unscored: u64,
    /// Those by why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u64>,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<NamedMolecule>,
}

/// Molecules without a score that are named; all are counted.
pub const NAMED: usize = 1_000;

/// A molecule without a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedMolecule {
    /// Its canonical SMILES.
    pub smiles: String,
    /// Why it has none.
    pub why: String,
}

impl ScoringCounts {
    /// Counts a molecule.
    pub fn add(&mut self, smiles: &str, score: &Result<f64, Unscored>) {
        self.molecules += 1;
        if let Err(why) = score {
            self.unscored += 1;
            *self.reasons.entry(why.word().to_owned()).or_default() += 1;
            if self.named.len() < NAMED {
                let (smiles, why) = (smiles.to_owned(), why.to_string());
                self.named.push(NamedMolecule { smiles, why });
            }
        }
    }

    /// Adds those of another part. A molecule of both counts twice.
    pub fn merge(&mut self, other: Self) {
        self.molecules += other.molecules;
        self.unscored += other.unscored;
        for (word, count) in other.reasons {
            *self.reasons.entry(word).or_default() += count;
        }
        let room = NAMED.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(room));
    }
}

/// Why a scorer cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScorerError {
    /// The command cannot be started.
    #[error("the score command {command:?} cannot be started")]
    Start {
        /// The command.
        command: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It gave no score of any molecule.
    #[error("the score command gave no score of {molecule}, its first molecule: {problem}{said}")]
    NoScore {
        /// The last molecule that it was given.
        molecule: String,
        /// What came instead.
        problem: String,
        /// The end of its standard error.
        said: LastWords,
    },
    /// It ended before it gave a score of any molecule.
    #[error(
        "the score command ended before it scored {molecule}, its first molecule: {problem}{said}"
    )]
    Crashed {
        /// The last molecule that it was given.
        molecule: String,
        /// How it ended.
        problem: String,
        /// The end of its standard error.
        said: LastWords,
    },
    /// It gave no answer to its first molecule.
    #[error(
        "the score command gave no answer to its first molecule, {molecule}, for {seconds} s{said}"
    )]
    Silent {
        /// The molecule.
        molecule: String,
        /// How long.
        seconds: f64,
        /// The end of its standard error.
        said: LastWords,
    },
    /// It scored one molecule twice, differently.
    #[error(
        "the score command gave {molecule} the score {first} and, among other molecules, {second}: a score must depend on the molecule alone"
    )]
    Differs {
        /// The molecule.
        molecule: String,
        /// What it got first.
        first: String,
        /// What it got then.
        second: String,
    },
    /// It failed too often.
    #[error(
        "the score command failed {failures} times, the last time at {molecule}: {problem}{said}"
    )]
    TooManyFailures {
        /// How often.
        failures: u32,
        /// The molecule or the first of the molecules that it was given.
        molecule: String,
        /// What happened.
        problem: String,
        /// The end of its standard error.
        said: LastWords,
    },
    /// It was asked to stop.
    #[error("stopped while molecules were scored")]
    Cancelled,
}

/// The end of what a process wrote to its standard error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastWords(pub String);

impl std::fmt::Display for LastWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&str> = self.0.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            return f.write_str("; it wrote nothing to standard error");
        }
        f.write_str("; its standard error ends with:")?;
        let begin = lines.len().saturating_sub(20);
        lines[begin..].iter().try_for_each(|line| {
            // What a process writes must not steer the terminal.
            let line: String = line.chars().filter(|c| !c.is_control()).take(400).collect();
            write!(f, "\n    {line}")
        })
    }
}
