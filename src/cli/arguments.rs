//! Groups of options that several subcommands have, and the typed requests that
//! they stand for.

use std::path::PathBuf;

use hetero2::audit::ActiveIf;
use hetero2::decoy::DecoySet;
use hetero2::demo::{ACTIVE_IF, BUDGET as BUDGET_OF_DEMO, DemoInputs, DemoModel};
use hetero2::library::{Format, ReadOptions};
use hetero2::operator::{EdgeWeights, Physics};
use hetero2::run::{
    Artifacts, Connectivity, LibraryInput, MAX_AUDIT_TOP, MAX_SHARDS, MissingOriginal, PackOutput,
    RunConfig, RunRequest, ScoreMode, SeedStrategy, TruthInput, ZipOutput,
};
use hetero2::spectra::{AdapterChoice, BackendChoice, BackendKind, Precision};

use super::decoy_arguments::DecoyArguments;
use super::failure::Failure;
use super::library_files::LibraryArguments;
use super::scorer_arguments::{LockArguments, ScorerArguments};

/// Default run directory.
const DEFAULT_OUT: &str = "hetero2-run";

/// Options of every subcommand.
#[derive(Debug, Clone, clap::Args)]
pub struct GlobalArguments {
    /// Print one JSON document on standard output instead of text
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Log more to standard error: -v what happens, -vv details
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Everywhere")]
    pub quiet: bool,
}

/// What is run: the library, the scores, the settings.
#[derive(Debug, clap::Args)]
pub struct RequestArguments {
    #[command(flatten)]
    library: LibraryArguments,
    /// The shipped demo: molecules with known activities on factor Xa, their decoys, and this model's
    /// scores
    #[arg(long, value_enum, value_name = "MODEL", conflicts_with_all = ["library", "files_from", "scores", "score_command", "truth", "train"])]
    demo: Option<DemoModel>,
    /// Run directory; the pack is written to DIR/pack
    #[arg(short, long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// Scores of the model under audit (hetero_scores.v1 as JSON, CSV or Parquet); mock, or none:
    /// stand-in scores that say nothing of any model
    #[arg(long, value_name = "FILE", conflicts_with = "score_command")]
    scores: Option<PathBuf>,
    /// SHA-256 that the scores file must have
    #[arg(long, value_name = "HEX", requires = "scores")]
    scores_sha256: Option<String>,
    #[command(flatten)]
    scorer: ScorerArguments,
    #[command(flatten)]
    score_lock: LockArguments,
    #[command(flatten)]
    truth: TruthArguments,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Score of originals that the scores do not have; without it such rows are skipped as
    /// missing_original_score
    #[arg(long, value_name = "X", requires = "scores", allow_negative_numbers = true)]
    default_original_score: Option<f64>,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Audit only the N best originals by their scores, of equal scores the earlier rows: what a budget
    /// would buy. The others are skipped as below_audit_top
    #[arg(long, value_name = "N", requires = "scores",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_AUDIT_TOP)))]
    audit_top: Option<u32>,
    /// Number of shards, 1 to 100000; at most one for 4,096 rows, of about 16,384 rows without it.
    /// No result depends on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SHARDS)))]
    shards: Option<u32>,
}

/// How the pack is written.
#[derive(Debug, clap::Args)]
pub struct OutputArguments {
    /// Do not write evidence_pack.zip
    #[arg(long, conflicts_with = "zip")]
    no_zip: bool,
    /// Write evidence_pack.zip also where the pack is larger than 16 GiB
    #[arg(long)]
    zip: bool,
}

/// What decides a run's results.
#[derive(Debug, clap::Args)]
pub struct SettingsArguments {
    /// Decoys per molecule, 0 to 10000; 0 computes spectra only; auto: as many as it takes for a
    /// tenth of the molecules to stand out at a false-discovery rate of 0.05
    #[arg(long, value_name = "K", default_value = "20", value_parser = decoys)]
    pub decoys: u32,
    /// Seed of the run
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,
    /// One seed for all rows, or one per row: seed XOR CRC-32 of the id
    #[arg(long, value_enum, default_value_t = SeedStrategy::Global)]
    pub seed_strategy: SeedStrategy,
    /// Operators: L, H = L + V, or both
    #[arg(long, value_enum, default_value_t = Physics::Both)]
    pub physics: Physics,
    /// Edge weights of W and WH = W + V; neither is computed when unweighted
    #[arg(long, value_enum, default_value_t = EdgeWeights::Unweighted)]
    pub edge_weights: EdgeWeights,
    /// Scale of the potential V, dimensionless, within ±1e6
    #[arg(long, value_name = "GAMMA", default_value_t = 1.0, allow_negative_numbers = true)]
    pub potential_scale: f64,
    #[command(flatten)]
    pub decoy: DecoyArguments,
    /// Skip molecules with more heavy atoms; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub max_atoms: u32,
    /// Compute molecules of several fragments instead of skipping them
    #[arg(long, conflicts_with_all = ["largest_fragment", "strip_salts"])]
    pub allow_disconnected: bool,
    /// Of molecules of several fragments, compute the one with the most heavy atoms
    #[arg(long, conflicts_with = "strip_salts")]
    pub largest_fragment: bool,
    /// Leave out salts and solvents of molecules of several fragments, as ChEMBL's structure pipeline
    /// does; what is still of several fragments is skipped
    #[arg(long)]
    pub strip_salts: bool,
    /// light: tables, metrics, report; full: also spectra, descriptors and pairs
    #[arg(long, value_enum, default_value_t = Artifacts::Light)]
    pub artifacts: Artifacts,
    /// double: 8 decimals, the same on every device; screening: eigenvalues of 4 decimals, in single
    /// precision on GPUs, the last of which may differ between devices
    #[arg(long, value_enum, default_value_t = Precision::Double)]
    pub precision: Precision,
    /// End a row that takes longer than this many seconds as ERROR timeout
    #[arg(long, value_name = "S")]
    pub timeout_per_row: Option<f64>,
}

/// Known outcomes, and what the model was trained on.
#[derive(Debug, clap::Args)]
pub struct TruthArguments {
    /// Known outcomes: molecule_id with active (1/0, true/false, PASS/FAIL), or with value and
    /// --active-if, or customer_truth.v1. Only with outcomes can scores be supported
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Which values of the outcomes are active, as in '>=8.5' or '<100'
    #[arg(long, value_name = "RULE", requires = "truth", allow_hyphen_values = true)]
    active_if: Option<ActiveIf>,
    /// SHA-256 that the known outcomes must have
    #[arg(long, value_name = "HEX", requires = "truth")]
    truth_sha256: Option<String>,
    /// Molecules that can be afforded, at least 1; 100 without it
    #[arg(long, value_name = "K", requires = "truth")]
    budget: Option<usize>,
    /// Molecules that the model was trained on: a library, or a table of smiles with active, label or
    /// value. Adds controls that know them, and leaves their outcomes out
    #[arg(long, value_name = "FILE")]
    pub train: Option<PathBuf>,
}

/// Molecules that can be afforded where nobody says.
const BUDGET: usize = 100;

impl TruthArguments {
    /// The outcomes, where some were given.
    pub fn input(&self) -> Option<TruthInput> {
        Some(TruthInput {
            path: self.truth.clone()?,
            active_if: self.active_if,
            sha256: self.truth_sha256.clone(),
            budget: self.budget.unwrap_or(BUDGET),
        })
    }
}

/// How the library is read.
#[derive(Debug, clap::Args)]
pub struct ReadingArguments {
    /// Format of the library; by its name and content without it
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Column or property that holds the SMILES
    #[arg(long, value_name = "NAME")]
    pub smiles_column: Option<String>,
    /// Column or property that holds the id
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
}

/// Which device computes spectra.
#[derive(Debug, Clone, clap::Args)]
pub struct BackendArguments {
    /// Device that computes spectra; no result in double precision depends on it
    #[arg(long, value_enum, default_value_t = BackendKind::Auto)]
    backend: BackendKind,
    /// GPU adapter by number or part of its name, as `hetero2 devices` lists them; a software
    /// adapter is used only if named
    #[arg(long, value_name = "NAME|INDEX")]
    gpu_adapter: Option<AdapterChoice>,
}

impl BackendArguments {
    /// The choice that these options make.
    pub fn choice(&self) -> Result<BackendChoice, Failure> {
        let kind = self.backend;
        if kind == BackendKind::Cpu && self.gpu_adapter.is_some() {
            let why = "--gpu-adapter names a GPU, --backend cpu uses none: drop one of them";
            return Err(Failure::usage(anyhow::Error::msg(why)));
        }
        Ok(BackendChoice { kind, adapter: self.gpu_adapter.clone(), ..BackendChoice::default() })
    }
}

impl SettingsArguments {
    /// What becomes of molecules of several fragments.
    fn connectivity(&self) -> Connectivity {
        match (self.allow_disconnected, self.largest_fragment, self.strip_salts) {
            (true, _, _) => Connectivity::Any,
            (_, true, _) => Connectivity::LargestFragment,
            (_, _, true) => Connectivity::WithoutSalts,
            (false, false, false) => Connectivity::Required,
        }
    }

    /// The configuration that these options ask for; decoys of set `default`
    /// where they name none.
    pub fn config(&self, score_mode: ScoreMode, default: DecoySet) -> Result<RunConfig, Failure> {
        let decoys = self.decoy.chosen(default)?;
        Ok(RunConfig {
            decoys: self.decoys,
            seed: self.seed,
            seed_strategy: self.seed_strategy,
            decoy_set: decoys.set,
            decoy_strategy: decoys.strategy,
            hard_decoys: self.decoy.hard_decoys,
            physics: self.physics,
            edge_weights: self.edge_weights,
            potential_scale: self.potential_scale,
            max_atoms: self.max_atoms,
            connectivity: self.connectivity(),
            timeout_per_row_s: self.timeout_per_row,
            artifacts: self.artifacts,
            precision: self.precision,
            ..RunConfig::for_evidence(score_mode)
        })
    }
}

/// Longest line of a library for a run without a bound on atoms: a polymer of a million.
const LONGEST_LINE: usize = 32 << 20;

impl ReadingArguments {
    /// The reader's options for a run with this bound on atoms; 0 stands for none.
    pub fn options_for(&self, max_atoms: u32) -> ReadOptions {
        let options = self.options();
        match max_atoms {
            0 => ReadOptions { max_line_bytes: LONGEST_LINE, ..options },
            _ => options,
        }
    }

    /// The reader's options.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.format,
            smiles_column: self.smiles_column.clone(),
            id_column: self.id_column.clone(),
            ..ReadOptions::default()
        }
    }
}

impl RequestArguments {
    /// The files of the demo, where that is asked for: by name, or by nothing at
    /// all. They are there as long as the value is.
    pub fn demo(&self) -> Result<Option<DemoInputs>, Failure> {
        let TruthArguments { truth, train, .. } = &self.truth;
        let nothing = !self.library.is_given()
            && self.scorer.score_command.is_none()
            && [&self.scores, truth, train].iter().all(|it| it.is_none());
        let model = self.demo.or(nothing.then_some(DemoModel::Honest));
        model.map(DemoModel::inputs).transpose().map_err(Failure::other)
    }

    /// The request for a new run: of the demo where its files are given.
    pub fn request(&self, demo: Option<&DemoInputs>) -> Result<RunRequest, Failure> {
        let request = self.own_request()?;
        let Some(demo) = demo else { return Ok(request) };
        Ok(RunRequest {
            library: LibraryInput::LabelledDemo,
            scores: Some(demo.scores.clone()),
            truth: Some(TruthInput {
                path: demo.outcomes.clone(),
                active_if: Some(ACTIVE_IF.parse().map_err(Failure::other)?),
                sha256: None,
                budget: BUDGET_OF_DEMO,
            }),
            training: demo.training.clone(),
            config: RunConfig { score_mode: ScoreMode::ExternalScores, ..request.config },
            ..request
        })
    }

    /// What would be refused before any file is opened.
    #[cfg(feature = "service")]
    pub fn check(&self) -> Result<(), Failure> {
        self.config()?.validate().map_err(Failure::usage)
    }

    /// The scores, unless they are stand-ins.
    fn own_scores(&self) -> Option<PathBuf> {
        self.scores.clone().filter(|path| path.as_os_str() != MOCK)
    }

    /// The configuration that the options ask for.
    fn config(&self) -> Result<RunConfig, Failure> {
        let is_scored = self.own_scores().is_some() || self.scorer.score_command.is_some();
        let score_mode = if is_scored { ScoreMode::ExternalScores } else { ScoreMode::Mock };
        Ok(RunConfig {
            missing_original: self
                .default_original_score
                .map_or(MissingOriginal::Skip, MissingOriginal::Score),
            audit_top: self.audit_top,
            ..self.settings.config(score_mode, DecoySet::V2)?
        })
    }

    /// The request that the options ask for.
    fn own_request(&self) -> Result<RunRequest, Failure> {
        let scores = self.own_scores();
        let library = self.library.input()?;
        let config = self.config()?;
        Ok(RunRequest {
            read_options: self.reading.options_for(self.settings.max_atoms),
            scores,
            scores_sha256: self.scores_sha256.clone(),
            scorer: self.scorer.input(&self.score_lock),
            truth: self.truth.input(),
            training: self.truth.train.clone(),
            decoys_file: self.settings.decoy.file(),
            shards: self.shards,
            ..RunRequest::new(library, self.out.clone(), config)
        })
    }
}

/// `--scores` of stand-in scores.
const MOCK: &str = "mock";

/// A number of decoys, or `auto`.
fn decoys(text: &str) -> Result<u32, String> {
    match text {
        "auto" => Ok(AUTO_DECOYS),
        number => number.parse().map_err(|_| {
            "neither a number, 0 to 10000, nor auto; 20 is the default, and 0 computes spectra only"
                .to_owned()
        }),
    }
}

/// Decoys with which a tenth of the molecules can stand out at a false-discovery
/// rate of 0.05: the smallest k with k ≥ 1 / (0.05 · 0.1) − 1.
const AUTO_DECOYS: u32 = 199;

impl OutputArguments {
    /// Where the pack goes: into the run directory.
    pub fn output(&self) -> PackOutput {
        PackOutput {
            zip: match (self.no_zip, self.zip) {
                (true, _) => ZipOutput::Omitted,
                (false, true) => ZipOutput::Written,
                (false, false) => ZipOutput::default(),
            },
            ..PackOutput::default()
        }
    }
}
