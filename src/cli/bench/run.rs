//! `bench run`: whole runs, each in a process of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;

use hetero2::bench::{Curve, Plot, RunMeasurement, Spread, measure_run};
use hetero2::decoy::DecoySet;
use hetero2::files::Scratch;
use hetero2::pack::report::grouped;
use hetero2::run::{LibraryInput, RunConfig, RunRequest, ScoreMode};

use super::super::arguments::{
    BackendArguments, GlobalArguments, OutputArguments, ReadingArguments, SettingsArguments,
};
use super::super::failure::{Failure, VERIFICATION};
use super::super::output::print_json;
use super::super::stop;
use super::table::{Cell, Column, Table};
use super::{Report, ResultArguments, all_cores, thread_counts};

/// Measure whole runs, from the library to the pack, and check that all give the same content
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hetero2 bench run --decoys 2
  hetero2 bench run --library library.smi.zst --decoys 0 --threads 1,2,4 --svg runs.svg
  hetero2 bench run --library library.csv --repeats 1 --warm-up 0 --json

Each run is a process of its own, and its pack goes to a temporary folder (TMPDIR) that is removed.
Wall time holds the start of the process. Peak RSS is the largest resident memory of a run.
Exit codes: 0 done; 2 wrong usage or input; 3 two runs gave different content; 4 stopped.")]
pub struct RunBenchArguments {
    /// Library; the shipped demo library without it
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// Numbers of threads, comma-separated; all cores without it
    #[arg(short, long, value_name = "N,N…", value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// Runs with each number of threads, of which the median is taken
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Runs before the first measurement
    #[arg(long, value_name = "W", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1000))]
    warm_up: u32,
    #[command(flatten)]
    results: ResultArguments,
    #[command(flatten)]
    backend: BackendArguments,
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Do one run into this folder and print its measurement: what each
    /// process of the benchmark is started with.
    #[arg(long, value_name = "DIR", hide = true, requires = "once_threads")]
    once_in: Option<PathBuf>,
    /// Threads of that run.
    #[arg(long, value_name = "N", hide = true, requires = "once_in")]
    once_threads: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Results {
    rows: u64,
    decoys: u32,
    content_digest: String,
    measurements: Vec<Measured>,
}

/// The runs with one number of threads.
#[derive(Debug, Serialize)]
struct Measured {
    threads: u16,
    wall_s: Spread,
    molecules_per_s: Spread,
    /// User and system time of all threads.
    cpu_s: Option<Spread>,
    /// Largest over the runs, MiB.
    peak_rss_mib: Option<f64>,
    /// Medians of the stages.
    plan_s: f64,
    shards_s: f64,
    reduce_s: f64,
    /// From the start of the process until the first rows were computed, at
    /// most: the end of the process counts as well.
    first_rows_s: f64,
    /// Speed-up over the fewest threads, over what would be ideal.
    efficiency: f64,
}

/// Runs `bench run`.
pub fn run(arguments: &RunBenchArguments, global: &GlobalArguments) -> Result<ExitCode, Failure> {
    if let Some((dir, threads)) = arguments.once_in.as_deref().zip(arguments.once_threads) {
        return once(arguments, dir, threads);
    }
    arguments.results.check()?;
    arguments.config()?;
    let library = match arguments.library.as_deref() {
        Some(path) if path == Path::new("-") => {
            let why = anyhow!("--library -: standard input can be read once only; give a file");
            return Err(Failure::usage(why));
        }
        Some(path) => path.display().to_string(),
        None => "the shipped demo library".to_owned(),
    };
    stop::listen();
    let threads = thread_counts(&arguments.threads, &[all_cores()]);
    let mut runs = Vec::new();
    for &threads in &threads {
        for repeat in 0..arguments.warm_up + arguments.repeats {
            let run = in_a_process(threads)?;
            tracing::info!(threads, wall_s = run.wall_s, "one run is done");
            if repeat >= arguments.warm_up {
                runs.push((threads, run));
            }
        }
    }
    let content_digest = common_digest(&runs)?;
    let rows = runs.first().map_or(0, |(_, run)| run.rows);
    let measurements = summarise(&threads, &runs);
    let (table, plot) = (table(&measurements, rows), plot(&measurements, &library));
    let decoys = arguments.settings.decoys;
    let results = Results { rows, decoys, content_digest: content_digest.clone(), measurements };
    let mut report = Report::new("run", library, arguments.warm_up, arguments.repeats, results);
    report.notes.push(format!("{} rows, {decoys} decoys a molecule", grouped(rows)));
    report.notes.push(format!("content digest of every run: {content_digest}"));
    report.publish(&arguments.results, (&table, &plot), global)?;
    Ok(ExitCode::SUCCESS)
}

impl RunBenchArguments {
    /// The configuration that is measured, with the decoys that figures were
    /// published for.
    fn config(&self) -> Result<RunConfig, Failure> {
        self.settings.decoy.refuse_file("bench run")?;
        self.settings.config(ScoreMode::Mock, DecoySet::V1)
    }
}

/// The process that is measured.
fn once(arguments: &RunBenchArguments, dir: &Path, threads: usize) -> Result<ExitCode, Failure> {
    let library = arguments.library.clone().map_or(LibraryInput::Demo, LibraryInput::File);
    let config = arguments.config()?;
    let request = RunRequest {
        read_options: arguments.reading.options(),
        output: arguments.output.output(),
        backend: arguments.backend.choice()?,
        threads: Some(threads),
        ..RunRequest::new(library, dir.to_owned(), config)
    };
    print_json(&measure_run(&request)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Starts this program once more with the same arguments for a single run.
fn in_a_process(threads: u16) -> Result<RunMeasurement, Failure> {
    let scratch = Scratch::passing("hetero2-bench")
        .context("cannot make a temporary folder; set TMPDIR to one that is writable")
        .map_err(Failure::other)?;
    let program =
        std::env::current_exe().context("cannot find this program").map_err(Failure::other)?;
    let start = Instant::now();
    let done = Command::new(program)
        .args(std::env::args_os().skip(1))
        .args([OsString::from("--once-in"), scratch.path().join("run").into()])
        .args(["--once-threads".to_owned(), threads.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start this program for a run")
        .map_err(Failure::other)?;
    let wall_s = start.elapsed().as_secs_f64();
    if stop::requested() {
        return Err(Failure::stopped("stopped: nothing was measured to its end"));
    }
    if !done.status.success() {
        let why = anyhow!("a measured run failed ({}); its message is above", done.status);
        let code = done.status.code().and_then(|code| u8::try_from(code).ok());
        return Err(Failure::coded(code.unwrap_or(1), why));
    }
    let run: RunMeasurement = serde_json::from_slice(&done.stdout)
        .context("a measured run printed no measurement")
        .map_err(Failure::other)?;
    // What the process took beyond the run: its start, mostly.
    let around = (wall_s - run.wall_s).max(0.0);
    Ok(RunMeasurement { wall_s, first_rows_s: run.first_rows_s + around, ..run })
}

/// The content digest of all runs, which must be one.
fn common_digest(runs: &[(u16, RunMeasurement)]) -> Result<String, Failure> {
    let check = || {
        let Some((_, first)) = runs.first() else { bail!("nothing was measured") };
        if let Some((threads, other)) =
            runs.iter().find(|(_, run)| run.content_digest != first.content_digest)
        {
            bail!(
                "a run on {threads} thread(s) gave the content digest {}, another one {}; keep the \
                 library as it is while it is measured, else report this",
                other.content_digest,
                first.content_digest
            );
        }
        Ok(first.content_digest.clone())
    };
    check().map_err(|error| Failure::coded(VERIFICATION, error))
}

fn summarise(threads: &[u16], runs: &[(u16, RunMeasurement)]) -> Vec<Measured> {
    let mut measured: Vec<Measured> = Vec::new();
    for &threads in threads {
        let of = |get: &dyn Fn(&RunMeasurement) -> Option<f64>| -> Option<Spread> {
            let runs = runs.iter().filter(|(t, _)| *t == threads);
            Spread::of(&runs.map(|(_, run)| get(run)).collect::<Option<Vec<f64>>>()?)
        };
        let median =
            |get: fn(&RunMeasurement) -> f64| of(&|r| Some(get(r))).map_or(0.0, |s| s.median);
        let speed = of(&|r| Some(r.rows as f64 / r.wall_s));
        let Some((wall_s, molecules_per_s)) = of(&|r| Some(r.wall_s)).zip(speed) else { continue };
        let first = measured
            .first()
            .map_or((threads, molecules_per_s.median), |m| (m.threads, m.molecules_per_s.median));
        let ideal = first.1 * f64::from(threads) / f64::from(first.0);
        let peak = of(&|r| Some(r.usage?.peak_rss_bytes as f64));
        measured.push(Measured {
            threads,
            wall_s,
            molecules_per_s,
            cpu_s: of(&|r| Some(r.usage?.cpu_s)),
            peak_rss_mib: peak.map(|bytes| bytes.max / f64::from(1 << 20)),
            plan_s: median(|r| r.plan_s),
            shards_s: median(|r| r.shards_s),
            reduce_s: median(|r| r.reduce_s),
            first_rows_s: median(|r| r.first_rows_s),
            efficiency: molecules_per_s.median / ideal,
        });
    }
    measured
}

fn table(measurements: &[Measured], rows: u64) -> Table {
    let column = |heading, name| Column { heading, name };
    let mut table = Table::new(&[
        column("threads", "threads"),
        column("molecules/s", "molecules_per_s_median"),
        column("wall s", "wall_s_median"),
        column("q1", "wall_s_q1"),
        column("q3", "wall_s_q3"),
        column("min", "wall_s_min"),
        column("max", "wall_s_max"),
        column("CPU s", "cpu_s_median"),
        column("CPU ms/molecule", "cpu_ms_per_molecule"),
        column("plan s", "plan_s"),
        column("shards s", "shards_s"),
        column("reduce s", "reduce_s"),
        column("first rows s", "first_rows_s"),
        column("peak RSS MiB", "peak_rss_mib"),
        column("efficiency", "efficiency"),
    ]);
    for m in measurements {
        let wall = &m.wall_s;
        let cpu = m.cpu_s.map(|cpu| cpu.median);
        let each = cpu.filter(|_| rows > 0).map(|cpu| 1e3 * cpu / rows as f64);
        let mut row = vec![Cell::text(m.threads.to_string())];
        row.push(Cell::number(m.molecules_per_s.median, 0));
        row.extend([wall.median, wall.q1, wall.q3, wall.min, wall.max].map(|s| Cell::number(s, 3)));
        row.extend([Cell::maybe(cpu, 3), Cell::maybe(each, 4)]);
        row.extend([m.plan_s, m.shards_s, m.reduce_s, m.first_rows_s].map(|s| Cell::number(s, 3)));
        row.extend([Cell::maybe(m.peak_rss_mib, 0), Cell::number(m.efficiency, 2)]);
        table.push(row);
    }
    table
}

/// Molecules per second by threads, beside what would be ideal.
fn plot(measurements: &[Measured], library: &str) -> Plot {
    let points = || measurements.iter().map(|m| (f64::from(m.threads), m.molecules_per_s));
    let ideal = points().filter_map(|(threads, _)| {
        let (first, speed) = points().next()?;
        Some((threads, Spread::of(&[speed.median * threads / first])?))
    });
    let mut curves = vec![
        Curve { name: "measured".into(), points: points().collect() },
        Curve { name: "ideal".into(), points: ideal.collect() },
    ];
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Plot {
        title: format!("whole runs, {library}"),
        x: "threads".into(),
        y: "molecules/s".into(),
        curves,
    }
}
