//! `bench`: how fast is this program on this machine?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;

use hetero2::bench::{Machine, Plot};
use hetero2::contract::version::VERSION;

use super::arguments::GlobalArguments;
use super::failure::Failure;
use super::force::ForceArguments;
use super::output::{print_json, print_text};
use table::Table;

mod run;
mod scale;
mod spectra;
mod table;

/// Measure how fast this program is on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 bench spectra                          eigenvalues, by order and on the demo library
  hetero2 bench run --decoys 2                   whole runs on the demo library
  hetero2 bench scale                            states of polymers of up to a million atoms
  hetero2 bench run --library library.smi.zst --decoys 0 --threads 1,2 --csv runs.csv

Each figure is the median of repeated measurements after a warm-up, with its quartiles (q1 to q3).
Nothing but the files asked for is left behind.")]
pub struct BenchArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Spectra(spectra::SpectraArguments),
    Run(run::RunBenchArguments),
    Scale(scale::ScaleArguments),
}

/// Where results go besides the terminal.
#[derive(Debug, clap::Args)]
struct ResultArguments {
    /// Also write the results as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also draw the results as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    force: ForceArguments,
}

impl ResultArguments {
    /// Fails where a file would have to be replaced: before anything is measured.
    fn check(&self) -> Result<(), Failure> {
        let mut files = [&self.csv, &self.svg].into_iter().flatten();
        files.try_for_each(|path| self.force.check(path))
    }
}

/// Runs `bench`.
pub fn bench(arguments: &BenchArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Spectra(arguments) => spectra::spectra(arguments, global),
        Action::Run(arguments) => run::run(arguments, global),
        Action::Scale(arguments) => scale::scale(arguments, global),
    }
}

/// What was measured, where and how often.
#[derive(Debug, Serialize)]
struct Report<M> {
    benchmark: &'static str,
    version: &'static str,
    commit: &'static str,
    machine: Machine,
    library: String,
    warm_up: u32,
    repeats: u32,
    /// Further facts in words, for the terminal alone.
    #[serde(skip)]
    notes: Vec<String>,
    #[serde(flatten)]
    results: M,
}

impl<M: Serialize> Report<M> {
    fn new(
        benchmark: &'static str,
        library: String,
        warm_up: u32,
        repeats: u32,
        results: M,
    ) -> Self {
        let machine = Machine::this();
        let notes = Vec::new();
        let (version, commit) = (VERSION, env!("HETERO2_COMMIT"));
        Self { benchmark, version, commit, machine, library, warm_up, repeats, notes, results }
    }

    fn heading(&self) -> String {
        let Machine { cpu, cores, system } = &self.machine;
        let cpu = cpu.as_deref().unwrap_or("unknown processor");
        let mut text = format!(
            "hetero2 {} ({}) on {cpu}, {cores} cores, {system}\nlibrary: {}\n\
             medians of {} measurements after {} for warming up\n",
            self.version, self.commit, self.library, self.repeats, self.warm_up
        );
        for note in &self.notes {
            text.push_str(note);
            text.push('\n');
        }
        text
    }

    /// Prints the results, and writes the files that were asked for.
    fn publish(
        &self,
        files: &ResultArguments,
        (table, plot): (&Table, &Plot),
        global: &GlobalArguments,
    ) -> Result<(), Failure> {
        if global.json {
            print_json(self)?;
        } else {
            print_text(&format!("{}\n{}", self.heading(), table.text()))?;
        }
        if let Some(path) = &files.csv {
            files.force.write(path, &table.csv().map_err(Failure::other)?)?;
        }
        if let Some(path) = &files.svg {
            files.force.write(path, plot.to_svg().map_err(Failure::other)?.as_bytes())?;
        }
        Ok(())
    }
}

/// Threads that this machine runs at once.
fn all_cores() -> u16 {
    std::thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(u16::MAX))
}

/// Numbers of threads to measure, ascending: those asked for, or the others.
fn thread_counts(asked: &[u16], otherwise: &[u16]) -> Vec<u16> {
    let mut counts = if asked.is_empty() { otherwise.to_vec() } else { asked.to_vec() };
    counts.sort_unstable();
    counts.dedup();
    counts
}
