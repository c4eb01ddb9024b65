//! `batch`: the command line of the Python implementation, for scripts that
//! have it. The pack's files come to lie directly in the output directory.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgAction;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use hetero2::contract::FormulaText;
use hetero2::decoy::{DecoyStrategy, TanimotoRange};
use hetero2::operator::{EdgeWeights, Physics};
use hetero2::run::{
    Artifacts, Connectivity, LibraryInput, PackOutput, Reports, Resume, RunConfig, RunRequest,
    ScoreMode, SeedStrategy, ZipOutput,
};

use super::arguments::{GlobalArguments, ReadingArguments};
use super::failure::Failure;
use super::run::{execute, print_report};

/// Run with the command line of the Python implementation
///
/// Same flags, same files, published decoys. New scripts are better served by `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 batch --input molecules.csv --out_dir out --k_decoys 20 --seed_strategy per_row
  hetero2 batch --input molecules.csv --out_dir out --score_mode external_scores \\
      --scores_input scores.json --zip_pack")]
pub struct BatchArguments {
    /// Library with the columns id, smiles and, optionally, scores_input
    #[arg(long)]
    input: PathBuf,
    /// Output directory
    #[arg(long, default_value = "out")]
    out_dir: PathBuf,
    /// light: tables, metrics, report; full: also spectra, descriptors and pairs
    #[arg(long, value_enum, default_value_t = Artifacts::Full)]
    artifacts: Artifacts,
    /// Decoys per molecule, 0 to 10000
    #[arg(long, default_value_t = 20)]
    k_decoys: u32,
    /// Seed of the run
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: i64,
    /// Time stamp to record in provenance.json instead of the present time
    #[arg(long, default_value = "")]
    timestamp: String,
    /// Scores for every row
    #[arg(long)]
    scores_input: Option<PathBuf>,
    /// Stand-in scores, or those of scores_input
    #[arg(long, default_value_t = ScoreMode::Mock, value_parser = score_modes())]
    score_mode: ScoreMode,
    /// Skip molecules with more heavy atoms; 0 for no limit
    #[arg(long, default_value_t = 200)]
    guardrails_max_atoms: u32,
    /// Skip molecules of several fragments (--no-guardrails-require-connected computes them)
    #[arg(long, overrides_with = "no_guardrails_require_connected")]
    guardrails_require_connected: bool,
    #[arg(long, hide = true)]
    no_guardrails_require_connected: bool,
    /// Keep only decoys within the range of Tanimoto similarity below
    #[arg(long)]
    decoy_hard_mode: bool,
    /// Smallest similarity in hard mode, 0 to 1
    #[arg(long, default_value_t = 0.65)]
    decoy_hard_tanimoto_min: f64,
    /// Largest similarity in hard mode, 0 to 1
    #[arg(long, default_value_t = 0.95)]
    decoy_hard_tanimoto_max: f64,
    /// Operators: L, H = L + V, or both
    #[arg(long, value_enum, default_value_t = Physics::Topological)]
    physics_mode: Physics,
    /// Edge weights of W and WH = W + V
    #[arg(long, value_enum, default_value_t = EdgeWeights::Unweighted)]
    edge_weight_mode: EdgeWeights,
    /// Scale of the potential V, dimensionless
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    potential_scale_gamma: f64,
    /// The potential of H and WH; the self-consistent one is not written to packs yet
    #[arg(long, default_value = "static", value_parser = ["static"])]
    potential_mode: String,
    /// How densities of states are integrated; only the fixed grid is written to packs yet
    #[arg(long, default_value = "baseline", value_parser = ["baseline"])]
    integrator_mode: String,
    /// One seed for all rows, or one per row: seed XOR CRC-32 of the id
    #[arg(long, value_enum, default_value_t = SeedStrategy::Global)]
    seed_strategy: SeedStrategy,
    /// Worker threads
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// End a row that takes longer than this many seconds as ERROR timeout
    #[arg(long)]
    timeout_s: Option<f64>,
    /// Accepted and without effect: workers are threads
    #[arg(long, hide = true)]
    maxtasksperchild: Option<u32>,
    /// Go on from what an interrupted run left
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace the run that the output directory holds
    #[arg(long)]
    overwrite: bool,
    /// Write evidence_pack.zip
    #[arg(long)]
    zip_pack: bool,
    /// Do not write index.md and index.html
    #[arg(long, action = ArgAction::SetTrue)]
    no_index: bool,
    /// Accepted and without effect: a pack without a manifest could not be verified
    #[arg(long, action = ArgAction::SetTrue)]
    no_manifest: bool,
    #[command(flatten)]
    reading: ReadingArguments,
}

/// The words of a score mode; the Python implementation takes a hyphen, too.
fn score_modes() -> impl TypedValueParser<Value = ScoreMode> {
    let word = |mode: ScoreMode| PossibleValue::new(mode.as_str());
    PossibleValuesParser::new([
        word(ScoreMode::Mock),
        word(ScoreMode::ExternalScores).alias("external-scores"),
    ])
    .try_map(|word| word.replace('-', "_").parse::<ScoreMode>())
}

/// Runs `batch`.
pub fn batch(arguments: &BatchArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let request = request(arguments)?;
    if arguments.no_manifest {
        tracing::warn!("--no_manifest has no effect: a pack without it could not be verified");
    }
    let report = execute(&request, global)?;
    print_report(&report, global)?;
    Ok(ExitCode::SUCCESS)
}

fn request(arguments: &BatchArguments) -> Result<RunRequest, Failure> {
    let hard_decoys = arguments
        .decoy_hard_mode
        .then(|| {
            TanimotoRange::new(arguments.decoy_hard_tanimoto_min, arguments.decoy_hard_tanimoto_max)
        })
        .transpose()
        .map_err(Failure::usage)?;
    let score_mode = arguments.score_mode;
    if score_mode == ScoreMode::Mock && arguments.scores_input.is_some() {
        tracing::warn!("--scores_input is ignored: --score_mode is mock");
    }
    let config = RunConfig {
        decoys: arguments.k_decoys,
        seed: arguments.seed,
        seed_strategy: arguments.seed_strategy,
        decoy_strategy: DecoyStrategy::Published,
        hard_decoys,
        physics: arguments.physics_mode,
        edge_weights: arguments.edge_weight_mode,
        potential_scale: arguments.potential_scale_gamma,
        max_atoms: arguments.guardrails_max_atoms,
        connectivity: if arguments.no_guardrails_require_connected {
            Connectivity::Any
        } else {
            Connectivity::Required
        },
        score_mode,
        timeout_per_row_s: arguments.timeout_s,
        artifacts: arguments.artifacts,
        // As the Python implementation writes it.
        formula_text: FormulaText::AsIs,
        ..RunConfig::default()
    };
    let name = arguments.out_dir.file_name().unwrap_or_else(|| "out".as_ref());
    // A pack directory holds the pack and nothing else, so the work lies beside.
    let work = arguments.out_dir.with_file_name(format!(".{}.hetero2-run", name.display()));
    Ok(RunRequest {
        read_options: arguments.reading.options_for(arguments.guardrails_max_atoms),
        scores: arguments
            .scores_input
            .clone()
            .filter(|path| score_mode == ScoreMode::ExternalScores && !path.as_os_str().is_empty()),
        output: PackOutput {
            pack: Some(arguments.out_dir.clone()),
            zip: if arguments.zip_pack { ZipOutput::Written } else { ZipOutput::Omitted },
            reports: if arguments.no_index { Reports::Omitted } else { Reports::Written },
            timestamp: Some(arguments.timestamp.clone()).filter(|text| !text.is_empty()),
            ..PackOutput::default()
        },
        resume: match (arguments.resume, arguments.overwrite) {
            (true, _) => Resume::Continue,
            (_, true) => Resume::Overwrite,
            _ => Resume::Fresh,
        },
        threads: Some(usize::from(arguments.workers)),
        ..RunRequest::new(LibraryInput::File(arguments.input.clone()), work, config)
    })
}
