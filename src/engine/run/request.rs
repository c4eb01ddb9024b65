//! What a caller asks a run for: typed, already parsed.

use std::path::PathBuf;
use std::time::Duration;

use hetero2_audit::ActiveIf;
use hetero2_evidence::pack::ZipOutput;
use hetero2_library::ReadOptions;
use hetero2_spectra::BackendChoice;

use super::config::RunConfig;
use crate::scorer::ScoreCommand;

/// The library of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryInput {
    /// The library that ships with the program.
    Demo,
    /// The molecules with known activities that ship with the program.
    LabelledDemo,
    /// A file, or standard input for `-`.
    File(PathBuf),
    /// Several files, in this order.
    Files(Vec<PathBuf>),
}

impl LibraryInput {
    /// The files: none of a shipped library.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Demo | Self::LabelledDemo => &[],
            Self::File(file) => std::slice::from_ref(file),
            Self::Files(files) => files,
        }
    }
}

/// Known outcomes, and the budget to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthInput {
    /// A `customer_truth.v1` table, or one of labels or values.
    pub path: PathBuf,
    /// Which values are hits, where the table has values.
    pub active_if: Option<ActiveIf>,
    /// Expected SHA-256 of the table, hexadecimal.
    pub sha256: Option<String>,
    /// Molecules that can be afforded (K), at least 1.
    pub budget: usize,
}

/// A command that gives scores, and what its environment was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorerInput {
    /// The command.
    pub command: ScoreCommand,
    /// The lock file of its environment, whose digest is noted.
    pub lock: Option<PathBuf>,
}

/// Whether a run may go on from what an earlier one left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// The run directory must be new, or hold this very run finished.
    Fresh,
    /// Finished shards of the same plan are kept.
    Continue,
    /// Whatever run the directory holds is removed first.
    Overwrite,
}

/// Which reports a pack holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reports {
    /// `index.md` and `index.html`.
    Written,
    /// Neither.
    Omitted,
}

/// One run.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// Input molecules.
    pub library: LibraryInput,
    /// How to read them.
    pub read_options: ReadOptions,
    /// Scores for the whole run.
    pub scores: Option<PathBuf>,
    /// Expected SHA-256 of the scores, lower-case hex.
    pub scores_sha256: Option<String>,
    /// Instead of scores, the command that gives them.
    pub scorer: Option<ScorerInput>,
    /// Known outcomes to hold the audits against.
    pub truth: Option<TruthInput>,
    /// Molecules that the model was trained on.
    pub training: Option<PathBuf>,
    /// What the decoy set chooses from: the decoys of each molecule, or molecules
    /// to match.
    pub decoys_file: Option<PathBuf>,
    /// Run directory.
    pub out: PathBuf,
    /// Where the pack goes.
    pub output: PackOutput,
    /// Configuration.
    pub config: RunConfig,
    /// What to do about an earlier run.
    pub resume: Resume,
    /// Worker threads; all cores without it.
    pub threads: Option<usize>,
    /// Number of shards; without it about 16,384 rows each.
    pub shards: Option<u32>,
    /// Time of one core that a shard shall take, about, where the number of shards is
    /// not given: rows are measured while the run is planned.
    pub shard_core_time: Option<Duration>,
    /// Device that computes spectra.
    pub backend: BackendChoice,
}

/// Where the pack of a run goes, and in what form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackOutput {
    /// Directory of the pack, where it shall not lie in the run directory.
    pub pack: Option<PathBuf>,
    /// Whether to zip the pack.
    pub zip: ZipOutput,
    /// Whether to write the reports.
    pub reports: Reports,
    /// Times to record in the provenance instead of the present ones.
    pub timestamp: Option<String>,
    /// Further facts for the provenance: what the caller knows of where it ran.
    pub notes: serde_json::Map<String, serde_json::Value>,
}

impl Default for PackOutput {
    /// A pack with reports in the run directory, zipped unless it is large.
    fn default() -> Self {
        let (zip, notes) = (ZipOutput::default(), serde_json::Map::new());
        Self { pack: None, zip, reports: Reports::Written, timestamp: None, notes }
    }
}

impl RunRequest {
    /// A run of this configuration over this library, into `out`.
    #[must_use]
    pub fn new(library: LibraryInput, out: PathBuf, config: RunConfig) -> Self {
        Self {
            library,
            read_options: ReadOptions::default(),
            scores: None,
            scores_sha256: None,
            scorer: None,
            truth: None,
            training: None,
            decoys_file: None,
            out,
            output: PackOutput::default(),
            config,
            resume: Resume::Fresh,
            threads: None,
            shards: None,
            shard_core_time: None,
            backend: BackendChoice::default(),
        }
    }
}
