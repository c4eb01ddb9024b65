//! `bench spectra`: matrices per second of each backend.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use hetero2::bench::{
    BenchError, Curve, MatrixSet, Plot, SpectraBench, SpectraMeasurement, Subject, Work, graphs,
};
use hetero2::library::Source;
use hetero2::spectra::{BackendChoice, BackendKind, CpuBackend, Isa, Precision, open_backend};

use super::super::arguments::{BackendArguments, GlobalArguments, ReadingArguments};
use super::super::failure::Failure;
use super::table::{Cell, Column, Table};
use super::{Report, ResultArguments, all_cores, thread_counts};

/// Entries of the matrices of one order in a measurement, where that gives no
/// fewer matrices than the bound below and no more than were asked for.
const ENTRIES: usize = 2_000_000;
const FEWEST: usize = 16;
/// Molecules that are read of the library, unless more matrices are asked for.
const MOLECULES: usize = 8_192;

/// Measure matrices per second: each backend, by order, and with the sizes of a library
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 bench spectra
  hetero2 bench spectra --sizes 16,32,64 --library library.smi.gz --svg spectra.svg
  hetero2 bench spectra --instruction-sets --threads 1 --json

values: eigenvalues; densities: eigenvalues and densities of shells, as for H. Times hold packing
and output; CPU is the time of all threads. The matrices of an order are molecule-like graphs,
always the same; those of the library are the H of its molecules, repeated where they are fewer
than --matrices.")]
pub struct SpectraArguments {
    /// Orders of the matrices, comma-separated, 1 to 2000 each
    #[arg(long, value_name = "N,N…", value_delimiter = ',', default_value = "8,16,25,32,64,128,256",
        value_parser = clap::value_parser!(u16).range(1..=2000))]
    sizes: Vec<u16>,
    /// Library whose sizes are measured; the shipped demo library without it
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Numbers of threads, comma-separated; 1 and all cores without it
    #[arg(short, long, value_name = "N,N…", value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    #[command(flatten)]
    backend: BackendArguments,
    /// Measure every instruction set of the CPU, not only the widest
    #[arg(long)]
    instruction_sets: bool,
    /// Measurements of which the median is taken
    #[arg(long, value_name = "R", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Calls before the first measurement
    #[arg(long, value_name = "W", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1000))]
    warm_up: u32,
    /// Matrices of a measurement, at most: devices may want more at a time
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    matrices: u32,
    #[command(flatten)]
    results: ResultArguments,
}

#[derive(Debug, Serialize)]
struct Results {
    measurements: Vec<SpectraMeasurement>,
}

/// Runs `bench spectra`.
pub fn spectra(
    arguments: &SpectraArguments,
    global: &GlobalArguments,
) -> Result<ExitCode, Failure> {
    arguments.results.check()?;
    let library = match &arguments.library {
        Some(path) => path.display().to_string(),
        None => "the shipped demo library".to_owned(),
    };
    let molecules = of_library(arguments, &library)?;
    let (least, mean, largest) = molecules.orders();
    let note = format!(
        "\"library\": {} molecules of {least} to {largest} heavy atoms, mean {mean:.1}",
        molecules.matrices.len()
    );
    let sizes = arguments.sizes.iter();
    let most = arguments.matrices as usize;
    let mut sets: Vec<MatrixSet> = sizes.map(|&n| of_order(n.into(), most)).collect();
    sets.push(molecules);
    let (warm_up, repeats) = (arguments.warm_up, arguments.repeats);
    let bench = SpectraBench { warm_up, repeats };
    let measurements = bench.measure(&subjects(arguments)?, &sets).map_err(failure)?;
    let (table, plot) = (table(&measurements), plot(&measurements));
    let mut report = Report::new("spectra", library, warm_up, repeats, Results { measurements });
    report.notes.push(note);
    report.publish(&arguments.results, (&table, &plot), global)?;
    Ok(ExitCode::SUCCESS)
}

/// What is measured: the CPU, a GPU, or with `auto` the CPU and the GPU that
/// can be used, if any.
fn subjects(arguments: &SpectraArguments) -> Result<Vec<Subject>, Failure> {
    let choice = arguments.backend.choice()?;
    let mut subjects = Vec::new();
    if choice.kind != BackendKind::Gpu {
        let threads = thread_counts(&arguments.threads, &[1, all_cores()]);
        let threads: Vec<usize> = threads.into_iter().map(usize::from).collect();
        let cpus: Vec<CpuBackend> = if arguments.instruction_sets {
            Isa::ALL.into_iter().rev().filter_map(CpuBackend::with_isa).collect()
        } else {
            vec![CpuBackend::new()]
        };
        let cpu = |backend| Subject { backend: Box::new(backend), threads: threads.clone() };
        subjects.extend(cpus.into_iter().map(cpu));
    }
    if choice.kind != BackendKind::Cpu {
        let gpu = BackendChoice { kind: BackendKind::Gpu, ..choice.clone() };
        match open_backend(&gpu, Precision::Double) {
            // It takes whole batches, so one thread feeds it.
            Ok(backend) => subjects.push(Subject { backend, threads: vec![1] }),
            Err(why) if choice.kind == BackendKind::Gpu || choice.adapter.is_some() => {
                return Err(Failure::usage(why));
            }
            Err(why) => tracing::info!("no GPU is measured: {why}"),
        }
    }
    Ok(subjects)
}

fn of_order(n: usize, most: usize) -> MatrixSet {
    let count = (ENTRIES / (n * n)).max(FEWEST).min(most);
    MatrixSet { name: n.to_string(), matrices: hetero2::spectra::sample::of_order(n, count), count }
}

fn of_library(arguments: &SpectraArguments, name: &str) -> Result<MatrixSet, Failure> {
    let source = match &arguments.library {
        Some(path) => Source::open(path, &arguments.reading.options()),
        None => hetero2::library::demo(),
    };
    let source = source.map_err(Failure::usage)?;
    let count = arguments.matrices as usize;
    let matrices = graphs::of_library(source, name, count.max(MOLECULES)).map_err(failure)?;
    Ok(MatrixSet { name: "library".into(), matrices, count })
}

fn failure(error: BenchError) -> Failure {
    match error {
        BenchError::Library(_) | BenchError::NoMatrices { .. } => Failure::usage(error),
        error => Failure::other(error),
    }
}

fn table(measurements: &[SpectraMeasurement]) -> Table {
    let both = |heading, name| Column { heading, name };
    let csv = |name| Column { heading: "", name };
    let mut table = Table::new(&[
        both("backend", "backend"),
        both("threads", "threads"),
        both("work", "work"),
        both("order", "set"),
        csv("mean_order"),
        both("matrices", "matrices"),
        both("µs/matrix", "us_per_matrix_median"),
        both("q1", "us_per_matrix_q1"),
        both("q3", "us_per_matrix_q3"),
        both("min", "us_per_matrix_min"),
        both("max", "us_per_matrix_max"),
        both("CPU µs", "cpu_us_per_matrix_median"),
        both("matrices/s", "matrices_per_s_median"),
    ]);
    for m in measurements {
        let us = &m.us_per_matrix;
        let mut row = vec![
            Cell::text(&m.backend),
            Cell::text(m.threads.to_string()),
            Cell::text(m.work.name()),
            Cell::text(&m.set),
            Cell::number(m.mean_order, 1),
            Cell::text(m.matrices.to_string()),
        ];
        row.extend([us.median, us.q1, us.q3, us.min, us.max].map(|x| Cell::number(x, 2)));
        row.push(Cell::maybe(m.cpu_us_per_matrix.map(|cpu| cpu.median), 2));
        row.push(Cell::number(m.matrices_per_s.median, 0));
        table.push(row);
    }
    table
}

/// Eigenvalues by order, a curve for each backend and number of threads, and
/// a point beside it for the library.
fn plot(measurements: &[SpectraMeasurement]) -> Plot {
    let mut curves: Vec<Curve> = Vec::new();
    for m in measurements.iter().filter(|m| m.work == Work::Values) {
        let of_library = m.set == "library";
        let suffix = if of_library { ", library" } else { "" };
        let name = format!("{}, {} thread(s){suffix}", m.backend, m.threads);
        let point = (m.mean_order, m.matrices_per_s);
        match curves.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { name, points: vec![point] }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Plot {
        title: "eigenvalues of molecule-like graphs".into(),
        x: "order of the matrix".into(),
        y: "matrices/s".into(),
        curves,
    }
}
