//! `run`: a library in, an evidence pack out.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use hetero2::decoy::{DecoyStrategy, TanimotoRange};
use hetero2::library::{Format, ReadOptions};
use hetero2::operator::{EdgeWeights, Physics};
use hetero2::pack::report::grouped;
use hetero2::run::{
    Artifacts, Connectivity, LibraryInput, MAX_SHARDS, PackOutput, Resume, RunConfig, RunReport,
    RunRequest, ScoreMode, SeedStrategy, TruthInput, ZipOutput,
};
use hetero2::spectra::Precision;

use super::devices::BackendArguments;
use super::failure::Failure;
use super::progress::watched;
use super::{GlobalArguments, print_json, print_text};

/// Default run directory.
const DEFAULT_OUT: &str = "hetero2-run";

/// Turn a library of molecules into an evidence pack
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArguments {
    #[command(flatten)]
    request: RequestArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    backend: BackendArguments,
    /// Worker threads; all cores without it
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Go on from what an interrupted run left in DIR
    #[arg(long)]
    resume: bool,
}

/// What is run: the library, the scores, the settings.
#[derive(Debug, clap::Args)]
pub struct RequestArguments {
    /// Library: .smi, .csv, .tsv, .sdf or .parquet, also .gz or .zst; - reads standard input; the
    /// shipped demo library without it
    library: Option<PathBuf>,
    /// Run directory; the pack is written to DIR/pack
    #[arg(short, long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// Scores of the model under audit (hetero_scores.v1 as JSON, CSV or Parquet); stand-in scores
    /// that say nothing of any model without it
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// SHA-256 that the scores file must have
    #[arg(long, value_name = "HEX", requires = "scores")]
    scores_sha256: Option<String>,
    #[command(flatten)]
    truth: TruthArguments,
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Number of shards, 1 to 100000; at most one for 4,096 rows, of about 16,384 rows without it.
    /// No result depends on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SHARDS)))]
    shards: Option<u32>,
}

/// How the pack is written.
#[derive(Debug, clap::Args)]
pub struct OutputArguments {
    /// Do not write evidence_pack.zip
    #[arg(long)]
    no_zip: bool,
}

/// What decides a run's results.
#[derive(Debug, clap::Args)]
pub struct SettingsArguments {
    /// Decoys per molecule, 0 to 10000; 0 computes spectra only
    #[arg(long, value_name = "K", default_value_t = 20)]
    pub decoys: u32,
    /// Seed of the run
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,
    /// One seed for all rows, or one per row: seed XOR CRC-32 of the id
    #[arg(long, value_enum, default_value_t = SeedStrategyName::Global)]
    pub seed_strategy: SeedStrategyName,
    /// Operators: L, H = L + V, or both
    #[arg(long, value_enum, default_value_t = PhysicsName::Both)]
    pub physics: PhysicsName,
    /// Edge weights of W and WH = W + V; neither is computed when unweighted
    #[arg(long, value_enum, default_value_t = EdgeWeightsName::Unweighted)]
    pub edge_weights: EdgeWeightsName,
    /// Scale of the potential V, dimensionless, within ±1e6
    #[arg(long, value_name = "GAMMA", default_value_t = 1.0, allow_negative_numbers = true)]
    pub potential_scale: f64,
    /// Every swap in a seeded order, or the published random draws
    #[arg(long, value_enum, default_value_t = DecoyStrategyName::Exhaustive)]
    pub decoy_strategy: DecoyStrategyName,
    /// Keep only decoys whose Tanimoto similarity lies in this range, as in 0.65..0.95
    #[arg(long, value_name = "MIN..MAX")]
    pub hard_decoys: Option<TanimotoRange>,
    /// Skip molecules with more heavy atoms; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub max_atoms: u32,
    /// Compute molecules of several fragments instead of skipping them
    #[arg(long)]
    pub allow_disconnected: bool,
    /// light: tables, metrics, report; full: also spectra, descriptors and pairs
    #[arg(long, value_enum, default_value_t = ArtifactsName::Light)]
    pub artifacts: ArtifactsName,
    /// double: 8 decimals, the same on every device; screening: eigenvalues of 4 decimals, in single
    /// precision on GPUs, the last of which may differ between devices
    #[arg(long, value_enum, default_value_t = PrecisionName::Double)]
    pub precision: PrecisionName,
    /// End a row that takes longer than this many seconds as ERROR timeout
    #[arg(long, value_name = "S")]
    pub timeout_per_row: Option<f64>,
}

/// Known outcomes.
#[derive(Debug, clap::Args)]
pub struct TruthArguments {
    /// Known outcomes (customer_truth.v1) to hold the audits against, as `cost-lift` does
    #[arg(long, value_name = "FILE", requires = "budget")]
    truth: Option<PathBuf>,
    /// SHA-256 that the known outcomes must have
    #[arg(long, value_name = "HEX", requires = "truth")]
    truth_sha256: Option<String>,
    /// Molecules that can be afforded, at least 1
    #[arg(long, value_name = "K", requires = "truth")]
    budget: Option<usize>,
}

impl TruthArguments {
    /// The outcomes, where some were given.
    pub fn input(&self) -> Option<TruthInput> {
        let (path, budget) = self.truth.clone().zip(self.budget)?;
        Some(TruthInput { path, sha256: self.truth_sha256.clone(), budget })
    }
}

/// How the library is read.
#[derive(Debug, clap::Args)]
pub struct ReadingArguments {
    /// Format of the library; by its name and content without it
    #[arg(long, value_enum)]
    pub format: Option<FormatName>,
    /// Column or property that holds the SMILES
    #[arg(long, value_name = "NAME")]
    pub smiles_column: Option<String>,
    /// Column or property that holds the id
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
}

const EXAMPLES: &str = "Examples:
  hetero2 run                                       the shipped demo library
  hetero2 run library.smi.gz --out screen --decoys 10
  hetero2 run library.csv --out screen --scores scores.json --hard-decoys 0.65..0.95
  hetero2 run library.parquet --out screen --edge-weights bond-order-delta-chi --artifacts full
  zcat library.smi.gz | hetero2 run - --format smiles --out screen
  hetero2 run library.smi.gz --out screen --scores scores.csv --truth truth.csv --budget 100
  hetero2 run library.smi.gz --out screen --backend gpu
  hetero2 run library.smi.gz --out screen --resume  after an interruption";

/// `--seed-strategy`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SeedStrategyName {
    /// One seed for all rows
    Global,
    /// Seed XOR CRC-32 of the row's id
    #[value(alias = "per_row")]
    PerRow,
}

impl From<SeedStrategyName> for SeedStrategy {
    fn from(name: SeedStrategyName) -> Self {
        match name {
            SeedStrategyName::Global => Self::Global,
            SeedStrategyName::PerRow => Self::PerRow,
        }
    }
}

/// `--physics`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PhysicsName {
    /// The Laplacian L only
    Topological,
    /// The Hamiltonian H only
    Hamiltonian,
    /// L and H
    Both,
}

impl From<PhysicsName> for Physics {
    fn from(name: PhysicsName) -> Self {
        match name {
            PhysicsName::Topological => Self::Topological,
            PhysicsName::Hamiltonian => Self::Hamiltonian,
            PhysicsName::Both => Self::Both,
        }
    }
}

/// `--edge-weights`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum EdgeWeightsName {
    /// No weighted operators
    Unweighted,
    /// Bond orders
    #[value(alias = "bond_order")]
    BondOrder,
    /// Bond orders scaled by electronegativity differences
    #[value(alias = "bond_order_delta_chi")]
    BondOrderDeltaChi,
}

impl From<EdgeWeightsName> for EdgeWeights {
    fn from(name: EdgeWeightsName) -> Self {
        match name {
            EdgeWeightsName::Unweighted => Self::Unweighted,
            EdgeWeightsName::BondOrder => Self::BondOrder,
            EdgeWeightsName::BondOrderDeltaChi => Self::BondOrderDeltaChi,
        }
    }
}

/// `--decoy-strategy`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DecoyStrategyName {
    /// The published random draws
    Published,
    /// Every swap, strictest strategy first
    Exhaustive,
}

impl From<DecoyStrategyName> for DecoyStrategy {
    fn from(name: DecoyStrategyName) -> Self {
        match name {
            DecoyStrategyName::Published => Self::Published,
            DecoyStrategyName::Exhaustive => Self::Exhaustive,
        }
    }
}

/// `--artifacts`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ArtifactsName {
    /// Tables, metrics, report
    Light,
    /// Also spectra, descriptors and pairs
    Full,
}

impl From<ArtifactsName> for Artifacts {
    fn from(name: ArtifactsName) -> Self {
        match name {
            ArtifactsName::Light => Self::Light,
            ArtifactsName::Full => Self::Full,
        }
    }
}

/// `--precision`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionName {
    /// Double precision, the same bytes on every device
    Double,
    /// Four decimals, for GPUs without double precision
    Screening,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::Double => Self::Double,
            PrecisionName::Screening => Self::Screening,
        }
    }
}

/// `--format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FormatName {
    /// Comma-separated values with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
    /// SMILES and a name on each line
    Smiles,
    /// Structure-data file, V2000 or V3000
    Sdf,
    /// Apache Parquet
    Parquet,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Csv => Self::Csv,
            FormatName::Tsv => Self::Tsv,
            FormatName::Smiles => Self::Smiles,
            FormatName::Sdf => Self::Sdf,
            FormatName::Parquet => Self::Parquet,
        }
    }
}

impl SettingsArguments {
    /// The configuration that these options ask for.
    pub fn config(&self, score_mode: ScoreMode) -> RunConfig {
        RunConfig {
            decoys: self.decoys,
            seed: self.seed,
            seed_strategy: self.seed_strategy.into(),
            decoy_strategy: self.decoy_strategy.into(),
            hard_decoys: self.hard_decoys,
            physics: self.physics.into(),
            edge_weights: self.edge_weights.into(),
            potential_scale: self.potential_scale,
            max_atoms: self.max_atoms,
            connectivity: if self.allow_disconnected {
                Connectivity::Any
            } else {
                Connectivity::Required
            },
            score_mode,
            timeout_per_row_s: self.timeout_per_row,
            artifacts: self.artifacts.into(),
            precision: self.precision.into(),
            ..RunConfig::default()
        }
    }
}

impl ReadingArguments {
    /// The reader's options.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.format.map(Format::from),
            smiles_column: self.smiles_column.clone(),
            id_column: self.id_column.clone(),
            ..ReadOptions::default()
        }
    }
}

impl RequestArguments {
    /// The request for a new run.
    pub fn request(&self) -> RunRequest {
        let score_mode =
            if self.scores.is_some() { ScoreMode::ExternalScores } else { ScoreMode::Mock };
        let library = self.library.clone().map_or(LibraryInput::Demo, LibraryInput::File);
        RunRequest {
            read_options: self.reading.options(),
            scores: self.scores.clone(),
            scores_sha256: self.scores_sha256.clone(),
            truth: self.truth.input(),
            shards: self.shards,
            ..RunRequest::new(library, self.out.clone(), self.settings.config(score_mode))
        }
    }
}

impl OutputArguments {
    /// Where the pack goes: into the run directory.
    pub fn output(&self) -> PackOutput {
        PackOutput {
            zip: if self.no_zip { ZipOutput::Omitted } else { ZipOutput::Written },
            ..PackOutput::default()
        }
    }
}

/// Runs `run`.
pub fn run(arguments: &RunArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    let request = RunRequest {
        output: arguments.output.output(),
        resume: if arguments.resume { Resume::Continue } else { Resume::Fresh },
        threads: arguments.threads.map(usize::from),
        backend: arguments.backend.choice()?,
        ..arguments.request.request()
    };
    let report = execute(&request, global)?;
    print_report(&report, global)?;
    if report.already_complete && !global.json {
        print_text("  this run was complete already: nothing was computed\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a request under a progress display that Ctrl-C can stop.
pub fn execute(request: &RunRequest, global: &GlobalArguments) -> Result<RunReport, Failure> {
    let result = watched(global, |progress| hetero2::run::run(request, progress));
    Ok(result?)
}

/// Prints the outcome of a run: a table, or the report as JSON.
pub fn print_report(report: &RunReport, global: &GlobalArguments) -> Result<(), Failure> {
    if global.json {
        return print_json(report);
    }
    print_text(&summary(report))
}

fn summary(report: &RunReport) -> String {
    let mut text = String::new();
    let rows = report.counts.ok + report.counts.skip + report.counts.error;
    let share = |n: u64| if rows == 0 { 0.0 } else { 100.0 * n as f64 / rows as f64 };
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<16} {value}");
    };
    line("rows", grouped(rows));
    for (name, count) in
        [("OK", report.counts.ok), ("SKIP", report.counts.skip), ("ERROR", report.counts.error)]
    {
        line(name, format!("{:<10} {:5.1} %", grouped(count), share(count)));
    }
    for (reason, count) in report.top_reasons.iter().take(5) {
        line("", format!("{:<10} {reason}", grouped(*count)));
    }
    let optional = |value: Option<f64>| value.map_or_else(|| "none".into(), |v| v.to_string());
    let scores = match report.score_mode {
        ScoreMode::Mock => "stand-ins derived from hashes: they say nothing of any model",
        ScoreMode::ExternalScores => "external",
    };
    line("scores", scores.to_owned());
    line(
        "PASS rate",
        format!(
            "{} of {} audited rows",
            report.pass_rate.map_or_else(|| "none".into(), |r| format!("{:.1} %", 100.0 * r)),
            grouped(report.rows_audited)
        ),
    );
    line("median slack", optional(report.median_slack));
    if !report.already_complete {
        line("time", format!("{:.1} s, {:.0} rows/s", report.seconds, report.rows_per_second));
    }
    line("pack", report.pack.display().to_string());
    line("report", report.pack.join("index.html").display().to_string());
    line("content digest", report.content_digest.clone());
    text
}
