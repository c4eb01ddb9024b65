//! What can end a run.

use std::path::{Path, PathBuf};

use hetero2_audit::{CostLiftError, ScoresError, TruthError};
use hetero2_common::threads::ThreadsError;
use hetero2_evidence::pack::PackError;
use hetero2_library::LibraryError;

use super::config::ConfigError;
use crate::scorer::ScorerError;

/// Why a run ended without a pack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A configuration value out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The library cannot be read.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// More parts than files.
    #[error("{parts} parts of {files} files: a file is planned by one part")]
    TooManyParts {
        /// Parts asked for.
        parts: u32,
        /// Files of the library.
        files: usize,
    },
    /// Parts of a plan are not there.
    #[error("{} of {of} parts are not planned in {}: {}", missing.len(), path.display(), incomplete(missing, &[]))]
    MissingParts {
        /// The run directory.
        path: PathBuf,
        /// Parts that there should be.
        of: u32,
        /// Those that are not there.
        missing: Vec<u32>,
    },
    /// A library of no files.
    #[error("the library has no files")]
    NoLibrary,
    /// The scores cannot be used.
    #[error("the scores in {path} cannot be used")]
    Scores {
        /// File given.
        path: PathBuf,
        /// Why.
        source: ScoresError,
    },
    /// The command that gives scores cannot be used.
    #[error(transparent)]
    Scorer(#[from] Box<ScorerError>),
    /// The scores of this plan are given by a command, and there is none here.
    #[error("the scores of {} are given by a command, which is not given here: {command:?}", path.display())]
    NoScorer {
        /// The run directory.
        path: PathBuf,
        /// The command that the plan names.
        command: String,
    },
    /// The command that is given is not that of the plan.
    #[error("{} was planned for the score command {planned:?}, not {given:?}", path.display())]
    OtherScorer {
        /// The run directory.
        path: PathBuf,
        /// The command of the plan.
        planned: String,
        /// The command given.
        given: String,
    },
    /// What a command cannot be asked for.
    #[error("scores that a command gives do not go with {what}")]
    NotScorable {
        /// What.
        what: &'static str,
    },
    /// The lock file of the command's environment cannot be read.
    #[error("the lock file {} of the score command cannot be read", path.display())]
    ScoreLock {
        /// File given.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Two shards have two scores of one molecule.
    #[error(
        "two processes of the score command gave {molecule} two scores, {first} and {second}: a score must depend on the molecule alone"
    )]
    ScoresDiffer {
        /// SMILES of the molecule.
        molecule: String,
        /// One score.
        first: String,
        /// Another.
        second: String,
    },
    /// A shard has no score of a molecule that another one has a score of.
    #[error(
        "{} has no score of {molecule}, to which another process of the score command gave {score}: \
         remove that directory, and compute the shard again; its other scores are kept",
        shard.display()
    )]
    ScoreMissing {
        /// Directory of the shard that has none.
        shard: PathBuf,
        /// SMILES of the molecule.
        molecule: String,
        /// The score.
        score: String,
    },
    /// Scores of originals are by id, and two molecules have the same one.
    #[error(
        "two molecules of different scores have the id {id:?}: scores are kept by id, so ids must differ"
    )]
    SameId {
        /// The id.
        id: String,
    },
    /// A side input is not the one that was expected.
    #[error(
        "{path} has SHA-256 {found}, not the expected {expected}: another file, or a changed one"
    )]
    WrongDigest {
        /// File given.
        path: PathBuf,
        /// Digest of the file.
        found: String,
        /// Digest asked for.
        expected: String,
    },
    /// The known outcomes cannot be used.
    #[error("{path}", path = path.display())]
    Truth {
        /// File given.
        path: PathBuf,
        /// Why.
        source: TruthError,
    },
    /// The training molecules cannot be used.
    #[error("the training molecules in {name} cannot be used: {why}")]
    Training {
        /// Name of the file.
        name: String,
        /// Why.
        why: String,
    },
    /// The file of decoys, or of molecules to match, cannot be used.
    #[error("the decoys in {path} cannot be used: {why}", path = path.display())]
    Decoys {
        /// File given.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// None of the scores belongs to a decoy or an original of the run.
    #[error(
        "none of the {keys} keys of the scores belongs to the {decoys} decoys and {originals} \
         originals of this run: were seed, number and kind of decoys the same?"
    )]
    NoScoreMatches {
        /// Keys of the scores: decoys and originals.
        keys: u64,
        /// Decoys of the run.
        decoys: u64,
        /// Originals that were to be audited.
        originals: u64,
    },
    /// The audits cannot be held against known outcomes.
    #[error("no report with {truth}")]
    CostLift {
        /// Name of the outcomes.
        truth: String,
        /// Why not.
        source: CostLiftError,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A `plan.json` that is none.
    #[error("{path} is no plan of this program ({why})")]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The run directory holds something else.
    #[error("{path} is not empty and holds no run")]
    NotARun {
        /// The directory.
        path: PathBuf,
    },
    /// The run directory holds another run.
    #[error("{path} holds a run with another {what}")]
    OtherRun {
        /// The directory.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The run directory holds this run, unfinished.
    #[error("{path} holds this run unfinished")]
    Unfinished {
        /// The directory.
        path: PathBuf,
    },
    /// Another process works in the run directory.
    #[error("another run is at work in {path}: wait for its end")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The packed records of a shard are not what the plan says.
    #[error("{path} is not as it was planned ({why})")]
    DamagedRecords {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// Rows name too many score files.
    #[error(
        "the library names more than {limit} score files: put the scores into one table with a molecule_id column"
    )]
    TooManyScoreFiles {
        /// Most files allowed.
        limit: usize,
    },
    /// What is given as a pack is none.
    #[error("{path} is no pack: give the directory or the zip of one", path = path.display())]
    NoPack {
        /// The path given.
        path: PathBuf,
        /// Why it cannot be read.
        source: PackError,
    },
    /// A pack fails verification.
    #[error("the pack {path} is not whole ({why})", path = path.display())]
    DamagedPack {
        /// The pack.
        path: PathBuf,
        /// The first check that failed.
        why: String,
    },
    /// A pack whose decoys cannot be audited with other scores.
    #[error("the pack {path} cannot be audited again: {why}", path = path.display())]
    NotRescorable {
        /// The pack.
        path: PathBuf,
        /// Why not, and what to do.
        why: String,
    },
    /// The place for a new pack is taken.
    #[error("{path} holds something already", path = path.display())]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// Not every shard is there to be merged.
    #[error("{} of {shards} shards in {} cannot be merged: {}", missing.len() + damaged.len(),
        path.display(), incomplete(missing, damaged))]
    Incomplete {
        /// The run directory.
        path: PathBuf,
        /// Shards of the plan.
        shards: usize,
        /// Shards that are not there.
        missing: Vec<u32>,
        /// Shards that are there but not whole, and why.
        damaged: Vec<(u32, String)>,
    },
    /// A shard that the plan does not have.
    #[error("there is no shard {index}: the plan has {shards}, numbered from 0")]
    NoShard {
        /// Number asked for.
        index: u32,
        /// Shards of the plan.
        shards: usize,
    },
    /// A directory without a plan.
    #[error("{path} holds no plan", path = path.display())]
    NoPlan {
        /// The directory.
        path: PathBuf,
    },
    /// A plan that another version made.
    #[error("{} was planned by version {found}, this is {}: use that version, or plan again in another directory",
        path.display(), hetero2_contract::version::VERSION)]
    OtherVersion {
        /// The run directory.
        path: PathBuf,
        /// Version that made the plan.
        found: String,
    },
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] hetero2_common::files::FileError),
    /// Reading or writing the pack or a table failed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A spectrum could not be computed.
    #[error(transparent)]
    Spectra(#[from] hetero2_spectra::SpectraError),
    /// A density of states could not be laid out.
    #[error(transparent)]
    Dos(#[from] hetero2_spectra::dos::DosError),
    /// The worker threads could not be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// Shards cannot be computed here.
    #[error("cannot begin: {why}")]
    Unavailable {
        /// Why.
        why: String,
    },
    /// The run was asked to stop.
    #[error("stopped; what is finished is kept")]
    Cancelled,
}

impl RunError {
    /// Adapter for errors of the system.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }
}

/// Most shards that an error names.
const NAMED: usize = 20;

fn incomplete(missing: &[u32], damaged: &[(u32, String)]) -> String {
    let missing = missing.iter().map(|index| format!("{index} is missing"));
    let damaged = damaged.iter().map(|(index, why)| format!("{index} is damaged ({why})"));
    let mut parts: Vec<String> = missing.chain(damaged).collect();
    if parts.len() > NAMED {
        let more = parts.len() - NAMED;
        parts.truncate(NAMED);
        parts.push(format!("and {more} more"));
    }
    parts.join(", ")
}
