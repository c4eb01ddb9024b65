//! `spectrum`: the density of states of one graph of any size.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hetero2::density::{
    DensityError, DensityMethod, DensityRequest, EigenvalueRange, Found, GraphDensity, NamedGraph,
    density, density_svg, read_matrix_market,
};
use hetero2::molecule::{HeavyGraph, MolecularGraph, MoleculeError, ParseLimits};
use hetero2::operator::{
    AtomTable, EdgeWeights, GraphOperators, Operator, OperatorSettings, PotentialScale,
    SymmetricMatrix,
};
use hetero2::pack::report::grouped;
use hetero2::spectra::large::MomentRequest;
use serde::Serialize;

use super::arguments::{BackendArguments, GlobalArguments};
use super::failure::Failure;
use super::force::ForceArguments;
use super::granted::threads;
use super::output::{print_json, print_text};

/// Rows of the table on a terminal.
const SHOWN: usize = 16;

/// Count the states of one graph: its density, gap and highest eigenvalue
///
/// Nothing is diagonalised: states below an energy are counted by the signs of the pivots of a
/// sparse elimination, so that a polymer of a million atoms takes seconds. Each count is that of an
/// energy within `slack` of the one asked for, and exact unless an eigenvalue lies that close. For
/// graphs with too much fill they are estimated with random vectors (kernel polynomial method).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 spectrum 'CC(=O)Oc1ccccc1C(=O)O'
  hetero2 spectrum chain:1000000 --operator l --svg chain.svg
  hetero2 spectrum styrene:8000 --edge-weights bond-order --operator wh --csv styrene.csv
  hetero2 spectrum matrix.mtx --from -2 --to 6

The graph is a Matrix Market file (*.mtx, symmetric), else chain:N, ring:N, branched:N or styrene:N
(carbon atoms; a branch of two atoms or an aromatic ring at every second atom of a chain), else a
SMILES. Exit codes: 0 done; 2 wrong usage or input; 1 failed.")]
pub struct SpectrumArguments {
    /// Matrix Market file, chain:N, ring:N, branched:N, styrene:N, or a SMILES
    #[arg(allow_hyphen_values = true)]
    graph: String,
    /// Which operator: L, H, W or WH; W and WH need --edge-weights. Not for files
    #[arg(long, value_name = "X", default_value = "h", value_parser = operator)]
    operator: Operator,
    /// How W and WH weigh bonds
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    edge_weights: EdgeWeights,
    /// Scale of the potential V, dimensionless, within ±1e6
    #[arg(long, value_name = "GAMMA", default_value_t)]
    potential_scale: PotentialScale,
    /// Energies at which states are counted
    #[arg(long, value_name = "N", default_value_t = 257, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    energies: u32,
    /// The lowest energy; a bound of the spectrum without it
    #[arg(long, value_name = "E", requires = "to")]
    from: Option<f64>,
    /// The highest energy; a bound of the spectrum without it
    #[arg(long, value_name = "E", requires = "from")]
    to: Option<f64>,
    /// How states are counted
    #[arg(long, value_enum, value_name = "METHOD", default_value_t)]
    method: DensityMethod,
    /// Random vectors of an estimate: its error falls with the root of their number
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1024))]
    vectors: u32,
    /// Chebyshev moments of an estimate: its resolution is π/2 times the width of the spectrum,
    /// divided by them
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(4..=65_536))]
    moments: u32,
    /// What the vectors are drawn with
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u32,
    #[command(flatten)]
    backend: BackendArguments,
    /// Write energy, states below, slack and error as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw the density as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    force: ForceArguments,
    /// Worker threads; without it as many as the job has cores, else all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

fn operator(name: &str) -> Result<Operator, hetero2::contract::UnknownName> {
    name.to_ascii_uppercase().parse()
}

#[derive(Serialize)]
struct Report<'a> {
    graph: &'a str,
    operator: Option<String>,
    #[serde(flatten)]
    density: &'a GraphDensity,
}

/// Runs `spectrum`.
pub fn spectrum(
    arguments: &SpectrumArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    let files = [&arguments.csv, &arguments.svg].into_iter().flatten();
    files.clone().try_for_each(|path| arguments.force.check(path))?;
    let is_file = Path::new(&arguments.graph).extension().is_some_and(|end| end == "mtx");
    let matrix = if is_file { file(&arguments.graph)? } else { matrix(arguments)? };
    let range = arguments.from.zip(arguments.to);
    let threads = threads(arguments.threads);
    let (vectors, moments, seed) = (arguments.vectors, arguments.moments, arguments.seed);
    let request = DensityRequest {
        energies: arguments.energies,
        range,
        method: arguments.method,
        moments: MomentRequest { vectors, moments, seed },
        backend: arguments.backend.choice()?,
        threads,
    };
    let found = density(&matrix.view(), &request).map_err(failure)?;
    let operator = (!is_file).then(|| arguments.operator.to_string());
    let title = format!(
        "{}{}: {} states",
        shortened(&arguments.graph),
        operator.as_ref().map(|operator| format!(", {operator}")).unwrap_or_default(),
        grouped(found.order as u64)
    );
    if let Some(path) = &arguments.csv {
        arguments.force.write(path, csv(&found).as_bytes())?;
    }
    if let Some(path) = &arguments.svg {
        let svg = density_svg(&found, &title).map_err(Failure::other)?;
        arguments.force.write(path, svg.as_bytes())?;
    }
    if global.json {
        print_json(&Report { graph: &arguments.graph, operator, density: &found })?;
    } else {
        print_text(&text(&title, &found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn failure(error: DensityError) -> Failure {
    Failure::usage(error)
}

fn file(path: &str) -> Result<SymmetricMatrix, Failure> {
    let wrong = |error: anyhow::Error| Failure::usage(error.context(path.to_owned()));
    let file = File::open(path).map_err(|error| wrong(error.into()))?;
    read_matrix_market(BufReader::new(file)).map_err(|error| wrong(error.into()))
}

/// The operator of a named graph or a SMILES.
fn matrix(arguments: &SpectrumArguments) -> Result<SymmetricMatrix, Failure> {
    let graph = graph(&arguments.graph)?;
    let settings = OperatorSettings {
        edge_weights: arguments.edge_weights,
        potential_scale: arguments.potential_scale,
        ..OperatorSettings::default()
    };
    let operators =
        GraphOperators::build(&graph, AtomTable::embedded(), &settings).map_err(Failure::usage)?;
    operators.matrix(arguments.operator).ok_or_else(|| {
        Failure::usage(anyhow::anyhow!(
            "{} is a weighted operator: say how bonds are weighted with --edge-weights",
            arguments.operator
        ))
    })
}

fn graph(text: &str) -> Result<HeavyGraph, Failure> {
    let is_named = text
        .split_once(':')
        .is_some_and(|(_, atoms)| !atoms.is_empty() && atoms.bytes().all(|b| b.is_ascii_digit()));
    if is_named {
        return Ok(text.parse::<NamedGraph>().map_err(Failure::usage)?.graph());
    }
    let read = MolecularGraph::from_smiles(text.as_bytes(), &ParseLimits::default());
    let graph = match read.map(|molecule| molecule.graph) {
        Err(MoleculeError::TooLarge(_)) => {
            HeavyGraph::as_written(text.as_bytes(), &ParseLimits::as_written())
        }
        read => read,
    };
    graph.map_err(|error| Failure::usage(anyhow::anyhow!("{:?}: {error}", shortened(text))))
}

/// A text of at most 60 letters.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn csv(found: &GraphDensity) -> String {
    let mut text = "energy,states_below,slack,error\n".to_owned();
    for point in &found.points {
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{},{},{:e},{}", point.energy, point.below, point.slack, point.error);
    }
    text
}

fn text(title: &str, found: &GraphDensity) -> String {
    let mut text = format!("{title}\n");
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<22} {value}");
    };
    line("entries off diagonal", grouped(found.edges as u64));
    let middle = |range: &EigenvalueRange| range.low + (range.high - range.low) / 2.0;
    match &found.found {
        Found::Exact { lowest, highest, gap, gap_error, .. } => {
            line("lowest eigenvalue", format!("{:.10}", middle(lowest)));
            line("highest eigenvalue", format!("{:.10}", middle(highest)));
            if let Some((gap, error)) = gap.zip(*gap_error) {
                line("gap", format!("{gap:.6e} ± {error:.1e}"));
            }
            let slack = found.points.iter().map(|point| point.slack).fold(0.0, f64::max);
            line("counted", format!("exactly, at energies within {slack:.1e}"));
        }
        Found::Estimated { vectors, moments, seed, resolution, device } => {
            line("estimated by", device.clone());
            line("with", format!("{vectors} vectors (seed {seed}), {moments} moments"));
            line("resolution", format!("{resolution:.3}"));
            let error = found.points.iter().map(|point| point.error).fold(0.0, f64::max);
            line("largest error", format!("{error:.1} states"));
        }
    }
    let highest = found.bins().map(|bin| bin.1).fold(0.0, f64::max);
    let _ = writeln!(text, "\n      energy    states below    states per energy and atom");
    let bins: Vec<(f64, f64)> = found.bins().collect();
    let part = bins.len().div_ceil(SHOWN);
    for (points, bins) in found.points[1..].chunks(part).zip(bins.chunks(part)) {
        let Some(last) = points.last() else { continue };
        let mean = bins.iter().map(|bin| bin.1).sum::<f64>() / bins.len() as f64;
        let bar = if highest > 0.0 { (30.0 * mean / highest).round() as usize } else { 0 };
        let _ = writeln!(
            text,
            "{:>12.4} {:>15} {mean:>12.4}  {}",
            last.energy,
            grouped(last.below.round() as u64),
            "#".repeat(bar)
        );
    }
    text
}
