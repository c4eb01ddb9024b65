//! What the shards of a plan will take: some of its rows are computed and thrown away.
//! Knows nothing of schedulers; no result depends on what it finds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hetero2_common::files::Scratch;
use hetero2_common::threads::on_threads;
use hetero2_library::Record;
use hetero2_spectra::CpuBackend;

use super::decoy_source::DecoySource;
use super::error::RunError;
use super::layout::RunDir;
use super::observer::Observer;
use super::plan::{Plan, open_packed};
use super::provenance::{core_time, peak_memory};
use super::shard::{Engine, ScoreSource, Tables, compute_wave, wave_rows};

/// Rows of the first measurement.
const FIRST_ROWS: u64 = 200;
/// Rows of the second, at most, where the first was quick: vectors are full then.
const MOST_ROWS: u64 = 1_600;
/// Time that the second may take, about.
const TIME: Duration = Duration::from_secs(5);
/// Most memory of the rows that are held at a time, in bytes: a run stays within that.
const WAVES: u64 = 1 << 30;
/// Packed files that rows are taken from, evenly spaced.
const FILES: u64 = 16;

/// What the shards of a plan will take on machines like this one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Rows that were computed to find out.
    pub rows_measured: u64,
    /// Time of one core for all shards, without GPUs and without the reduction.
    pub core_time: Duration,
    /// Memory of a shard, in bytes, where the system tells it.
    pub memory: Option<u64>,
}

impl Estimate {
    /// Time of one core for so many of the plan's rows.
    #[must_use]
    pub fn core_time_of(&self, rows: u64, plan: &Plan) -> Duration {
        self.core_time.mul_f64(rows as f64 / plan.rows.max(1) as f64)
    }
}

/// Measures rows of a plan on one thread of this machine.
///
/// # Errors
/// [`RunError`] when the packed records or the scores cannot be read, or the
/// observer asks to stop.
pub fn estimate(dir: &RunDir, plan: &Plan, observer: &dyn Observer) -> Result<Estimate, RunError> {
    let scores = ScoreSource::load(dir, plan)?;
    estimate_with(dir, plan, &scores, observer)
}

/// [`estimate`], with the scores that the plan names.
pub(crate) fn estimate_with(
    dir: &RunDir,
    plan: &Plan,
    scores: &ScoreSource,
    observer: &dyn Observer,
) -> Result<Estimate, RunError> {
    let decoys = Arc::new(DecoySource::load(dir, plan)?);
    let backend = CpuBackend::new();
    let engine = Engine::new(&plan.config, &backend, scores)
        .with_decoys(&decoys)
        .auditing_up_to(plan.audit_last);
    let before = peak_memory();
    let measure = |rows| on_threads(Some(1), || measured(dir, plan, &engine, rows, observer))?;
    let mut found = measure(FIRST_ROWS)?;
    let quick = TIME.as_secs_f64() / found.seconds.max(1e-3) * found.rows as f64;
    let more = (quick as u64).min(MOST_ROWS);
    if more >= 2 * FIRST_ROWS && plan.rows > FIRST_ROWS {
        found = measure(more)?;
    }
    let row = found.seconds / found.rows.max(1) as f64;
    let memory = peak_memory().zip(before).map(|(after, before)| {
        let row = after.saturating_sub(before) / found.rows.max(1);
        // One wave is computed while another is written, of each of two shards.
        before + (4 * row * wave_rows(plan.config.decoys) as u64).min(WAVES)
    });
    let core_time = Duration::try_from_secs_f64(row * plan.rows as f64).unwrap_or(Duration::MAX);
    Ok(Estimate { rows_measured: found.rows, core_time, memory })
}

struct Measured {
    rows: u64,
    /// Of one core.
    seconds: f64,
}

/// Computes some rows from all over the library, and writes them where they vanish.
fn measured(
    dir: &RunDir,
    plan: &Plan,
    engine: &Engine<'_>,
    rows: u64,
    observer: &dyn Observer,
) -> Result<Measured, RunError> {
    let records = sample(dir, plan, rows)?;
    let scratch = Scratch::passing("hetero2-estimate")?;
    let mut tables = Tables::create(scratch.path())?;
    let (began, clock) = (core_time(), Instant::now());
    let quiet = Unheard(observer);
    let outcomes = compute_wave(engine, &records, &quiet)?;
    observer.check_cancelled()?;
    tables.write(&outcomes)?;
    tables.end()?;
    let wall = clock.elapsed();
    let seconds = core_time().zip(began).map_or(wall, |(now, began)| now.saturating_sub(began));
    Ok(Measured { rows: records.len() as u64, seconds: seconds.as_secs_f64() })
}

/// So many rows, evenly spaced in evenly spaced files; all of them where there are
/// not more.
fn sample(dir: &RunDir, plan: &Plan, rows: u64) -> Result<Vec<Record>, RunError> {
    let files = plan.packed.len() as u64;
    let taken = files.min(FILES);
    let mut sample = Vec::new();
    for number in 0..taken {
        let Some(file) = plan.packed.get((number * files / taken) as usize) else { continue };
        let wanted = rows.div_ceil(taken).clamp(1, file.rows.max(1));
        let is_taken = |record: &Record| {
            let at = record.row.saturating_sub(file.first_row);
            (at + 1) * wanted / file.rows.max(1) > at * wanted / file.rows.max(1)
        };
        for batch in open_packed(dir, file)? {
            sample.extend(batch?.into_iter().filter(is_taken));
        }
    }
    Ok(sample)
}

/// Rows that are thrown away are no progress.
struct Unheard<'a>(&'a dyn Observer);

impl Observer for Unheard<'_> {
    fn event(&self, _event: super::observer::Event) {}

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
