//! `bench scale`: seconds of counts of states, by graph and atoms.

use std::process::ExitCode;

use serde::Serialize;

use hetero2::bench::{
    BenchError, Curve, DeviceMeasurement, Plot, ScaleBench, ScaleMeasurement, Spread, exponent,
};
use hetero2::density::{MOST_ATOMS, NamedGraph, Shape};
use hetero2::spectra::{AdapterChoice, BackendChoice, BackendKind};

use super::super::arguments::GlobalArguments;
use super::super::failure::Failure;
use super::table::{Cell, Column, Table};
use super::{Report, ResultArguments};

/// Measure counts of states of chains, rings and polymers, by their atoms
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 bench scale
  hetero2 bench scale --gpu                      also estimates on a GPU: from how many atoms on it pays
  hetero2 bench scale --sizes 1000,10000 --dense-up-to 0 --csv scale.csv --svg scale.svg

total: ordering the atoms of a Laplacian and counting its states at all energies, on one thread.
chosen: energies, chosen
where states are, that know the states as well. dense: all eigenvalues by the dense kernel. estimate: 64 moments of 16 random vectors.")]
pub struct ScaleArguments {
    /// Numbers of atoms, comma-separated
    #[arg(long, value_name = "N,N…", value_delimiter = ',', default_value = "20,100,1000,10000,100000,1000000",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_ATOMS)))]
    sizes: Vec<u32>,
    /// Energies at which states are counted
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    energies: u32,
    /// Graphs of at most so many atoms are diagonalised, too
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    dense_up_to: u32,
    /// Measurements of which the median is taken
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Also measure estimates on a GPU
    #[arg(long)]
    gpu: bool,
    /// GPU adapter by number or part of its name; a software adapter is used only if named
    #[arg(long, value_name = "NAME|INDEX", requires = "gpu")]
    gpu_adapter: Option<AdapterChoice>,
    #[command(flatten)]
    results: ResultArguments,
}

#[derive(Debug, Serialize)]
struct Results {
    measurements: Vec<ScaleMeasurement>,
    exponent_polymers: Option<f64>,
    exponent_rings: Option<f64>,
}

/// Runs `bench scale`.
pub fn scale(arguments: &ScaleArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    arguments.results.check()?;
    let (energies, dense_up_to) = (arguments.energies, arguments.dense_up_to);
    let adapter = arguments.gpu_adapter.clone();
    let kind = BackendKind::Gpu;
    let gpu = arguments.gpu.then(|| BackendChoice { kind, adapter, ..BackendChoice::default() });
    let bench = ScaleBench { energies, dense_up_to, repeats: arguments.repeats, gpu };
    let mut measurements = Vec::new();
    for shape in Shape::ALL {
        for &atoms in &arguments.sizes {
            let found = bench.measure(NamedGraph { shape, atoms }).map_err(failure)?;
            measurements.push(found.measurement);
        }
    }
    let exponent_polymers = exponent(&measurements, |shape| !shape.has_rings());
    let exponent_rings = exponent(&measurements, Shape::has_rings);
    let floors = floors(&measurements);
    let (table, plot) = (table(&measurements), plot(&measurements));
    let results = Results { measurements, exponent_polymers, exponent_rings };
    let library = "none: named graphs".to_owned();
    let mut report = Report::new("scale", library, 0, arguments.repeats, results);
    for (name, found) in [("polymers", exponent_polymers), ("rings", exponent_rings)] {
        if let Some(found) = found {
            report.notes.push(format!("{name}: time grows as atoms to the {found:.3}"));
        }
    }
    report.notes.extend(floors);
    report.publish(&arguments.results, (&table, &plot), global)?;
    Ok(ExitCode::SUCCESS)
}

/// From how many atoms on a GPU estimates faster than all cores, and the least that a call takes.
fn floors(measurements: &[ScaleMeasurement]) -> Vec<String> {
    let measured: Vec<(u32, &DeviceMeasurement)> =
        measurements.iter().filter_map(|m| Some((m.atoms, m.on_gpu.as_ref()?))).collect();
    let Some((_, first)) = measured.first() else { return Vec::new() };
    let least = measured.iter().map(|(_, m)| m.device_s).fold(f64::INFINITY, f64::min);
    let slower = measured.iter().filter(|(_, m)| m.times_cores <= 1.0).map(|(atoms, _)| *atoms);
    let slowest = slower.max().unwrap_or(0);
    let faster = measured.iter().map(|(atoms, _)| *atoms).filter(|atoms| *atoms > slowest).min();
    let from =
        faster.map_or("at no measured size".to_owned(), |atoms| format!("from {atoms} atoms on"));
    vec![format!(
        "{}: estimates faster than all cores {from}; a call takes {least:.3} s at least",
        first.device
    )]
}

fn failure(error: BenchError) -> Failure {
    match error {
        #[cfg(feature = "gpu")]
        BenchError::Gpu(hetero2::spectra::gpu::GpuMomentsError::Adapter(why)) => {
            Failure::usage(why)
        }
        #[cfg(not(feature = "gpu"))]
        BenchError::Adapter(why) => Failure::usage(why),
        error => Failure::other(error),
    }
}

fn table(measurements: &[ScaleMeasurement]) -> Table {
    let both = |heading, name| Column { heading, name };
    let mut table = Table::new(&[
        both("graph", "graph"),
        both("atoms", "atoms"),
        both("energies", "energies"),
        both("prepare s", "prepare_s_median"),
        both("count s", "count_s_median"),
        both("total s", "total_s_median"),
        both("ns/atom/energy", "ns_per_atom_and_energy"),
        both("slack", "largest_slack"),
        both("estimate s", "estimate_s"),
        both("cores s", "estimate_cores_s"),
        both("GPU s", "estimate_gpu_s"),
        both("x cores", "gpu_times_cores"),
        both("chosen", "chosen_energies"),
        both("chosen s", "chosen_s"),
        both("dense s", "dense_s"),
        both("x dense", "times_dense"),
    ]);
    for m in measurements {
        let gpu = m.on_gpu.as_ref();
        let each = m.count_s.median * 1e9 / (f64::from(m.atoms) * f64::from(m.energies));
        table.push(vec![
            Cell::text(m.graph.shape.name()),
            Cell::text(m.atoms.to_string()),
            Cell::text(m.energies.to_string()),
            Cell::number(m.prepare_s.median, 5),
            Cell::number(m.count_s.median, 5),
            Cell::number(m.total_s.median, 5),
            Cell::number(each, 2),
            Cell::text(format!("{:.0e}", m.largest_slack)),
            Cell::number(m.estimate_s, 5),
            Cell::maybe(gpu.map(|gpu| gpu.cores_s), 5),
            Cell::maybe(gpu.map(|gpu| gpu.device_s), 5),
            Cell::maybe(gpu.map(|gpu| gpu.times_cores), 2),
            Cell::text(m.chosen_energies.to_string()),
            Cell::number(m.chosen_s, 5),
            Cell::maybe(m.dense_s, 4),
            Cell::maybe(m.times_dense, 1),
        ]);
    }
    table
}

/// Seconds by atoms, a curve for each shape, and those of the dense kernel.
fn plot(measurements: &[ScaleMeasurement]) -> Plot {
    let mut curves = Vec::new();
    for shape in Shape::ALL {
        let of_shape = || measurements.iter().filter(move |m| m.graph.shape == shape);
        let place = |m: &ScaleMeasurement| f64::from(m.atoms);
        let points = of_shape().map(|m| (place(m), m.total_s)).collect();
        curves.push(Curve { name: shape.name().into(), points });
        let dense: Vec<(f64, Spread)> =
            of_shape().filter_map(|m| Some((place(m), Spread::of(&[m.dense_s?])?))).collect();
        if shape == Shape::Chain && !dense.is_empty() {
            curves.push(Curve { name: "chain, dense".into(), points: dense });
        }
    }
    let (x, y) = ("atoms".into(), "seconds, one thread".into());
    Plot { title: "states of graphs, counted".into(), x, y, curves }
}
