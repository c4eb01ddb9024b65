//! The rows of a wave on all threads: begun chunk by chunk, then their spectra
//! by the order of the matrices, so that those of one order, which may be rows
//! far apart, fill the lanes of the eigenvalue kernel. Knows nothing of files.

use rayon::prelude::*;

use hetero2_library::Record;

use super::compute::{Engine, Matrices, RowOutcome, with_matrices};
use super::large::LARGE_ORDER;
use crate::run::error::RunError;
use crate::run::observer::{Event, Observer};

/// Most rows that one task begins, so that tasks balance.
const CHUNK_ROWS: usize = 512;

/// Matrices of one order that fill the widest vectors; tasks cut between them.
const FULL_VECTORS: usize = 16;

/// Most work between two looks at whether to stop, in units of [`work`]: a few
/// seconds of one thread, and a whole wave of matrices of orders up to 100.
const PASS_WORK: u64 = 1 << 32;

/// Work for each node of a matrix that is not diagonalised.
const LARGE_WORK: u64 = 4096;

/// Rows of a chunk, and their matrices until they have spectra.
type Chunk = (Vec<RowOutcome>, Vec<Option<Matrices>>);

/// A row with matrices.
type Row<'a> = (&'a mut RowOutcome, &'a Matrices);

/// The outcomes of the records, in order; of fewer when the observer asks to
/// stop meanwhile. Progress counts a row when it is begun, which is most of its
/// work.
pub(crate) fn compute_wave(
    engine: &Engine<'_>,
    records: &[Record],
    observer: &dyn Observer,
) -> Result<Vec<RowOutcome>, RunError> {
    let chunk = (records.len().div_ceil(4 * rayon::current_num_threads())).clamp(1, CHUNK_ROWS);
    let begun: Vec<Option<Chunk>> = records
        .par_chunks(chunk)
        .map(|chunk| {
            if observer.is_cancelled() {
                return None;
            }
            let begun = engine.begin(chunk);
            observer.event(Event::Computed { rows: chunk.len() as u64 });
            Some(begun)
        })
        .collect();
    let (mut outcomes, mut matrices) = (Vec::with_capacity(records.len()), Vec::new());
    for chunk in begun.into_iter().map_while(|chunk| chunk) {
        outcomes.extend(chunk.0);
        matrices.extend(chunk.1);
    }
    let mut done = 0;
    // What was begun is finished, unless that takes long.
    while done < outcomes.len() && (done == 0 || !observer.is_cancelled()) {
        let rows = pass(&matrices[done..]);
        let (outcomes, matrices) = (&mut outcomes[done..][..rows], &matrices[done..][..rows]);
        add_spectra(engine, with_matrices(outcomes, matrices).collect())?;
        done += rows;
    }
    outcomes.truncate(done);
    Ok(outcomes)
}

/// What the spectra of a row cost, about.
fn work(order: usize) -> u64 {
    let order = order as u64;
    if order > LARGE_ORDER as u64 { order * LARGE_WORK } else { order.saturating_pow(3) }
}

/// How many of these rows are a pass.
fn pass(matrices: &[Option<Matrices>]) -> usize {
    let mut sum = 0_u64;
    let fits = |matrices: &&Option<Matrices>| {
        sum = sum.saturating_add(matrices.as_ref().map_or(0, |m| work(m.order())));
        sum <= PASS_WORK
    };
    matrices.iter().take_while(fits).count().max(1)
}

/// Adds their spectra to rows, whose order is of no matter.
fn add_spectra(engine: &Engine<'_>, mut rows: Vec<Row<'_>>) -> Result<(), RunError> {
    rows.sort_by_key(|(_, matrices)| matrices.order());
    let all: u64 = rows.iter().map(|(_, matrices)| work(matrices.order())).sum();
    let share = all / (4 * rayon::current_num_threads() as u64);
    let tasks = tasks(&mut rows, share, |(_, matrices)| matrices.order());
    Ok(tasks.into_par_iter().try_for_each(|rows| engine.add_spectra(rows))?)
}

/// Cuts rows, sorted by order, into tasks of at least this share of the work
/// but the last, of which each fills as many vectors as it can.
fn tasks<R>(rows: &mut [R], share: u64, order: impl Fn(&R) -> usize) -> Vec<&mut [R]> {
    let (mut tasks, mut rest) = (Vec::new(), rows);
    while !rest.is_empty() {
        let (mut rows, mut sum) = (0, 0);
        while rows < rest.len() && (rows == 0 || sum < share) {
            let n = order(&rest[rows]);
            let equal = rest[rows..].iter().take(FULL_VECTORS).take_while(|row| order(row) == n);
            let taken = equal.count();
            rows += taken;
            sum += taken as u64 * work(n);
        }
        let (task, later) = rest.split_at_mut(rows);
        tasks.push(task);
        rest = later;
    }
    tasks
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::run::{RunConfig, ScoreSource, Silent};
    use hetero2_spectra::CpuBackend;

    fn records(count: u64) -> Vec<Record> {
        let smiles = |row: u64| match row % 17 {
            0 => "not a molecule".into(),
            1 => String::new(),
            _ => format!("{}O", "C".repeat(3 + (row * 7 % 61) as usize)),
        };
        let record = |row| Record {
            row,
            id: row.to_string(),
            smiles: smiles(row).into_bytes(),
            scores_input: None,
            problem: None,
            line: row + 1,
        };
        (0..count).map(record).collect()
    }

    #[test]
    fn a_row_does_not_depend_on_its_wave_or_the_threads() {
        let config = RunConfig { decoys: 0, ..RunConfig::default() };
        let backend = CpuBackend::new();
        let engine = Engine::new(&config, &backend, &ScoreSource::Mock);
        let records = records(700);
        let apart: Vec<RowOutcome> =
            records.chunks(1).flat_map(|record| engine.compute(record).unwrap()).collect();
        assert!(apart.iter().filter(|row| row.spectrum.is_some()).count() > 500);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let together = pool.install(|| compute_wave(&engine, &records, &Silent)).unwrap();
            assert_eq!(together, apart, "{threads} threads");
        }
        assert_eq!(engine.compute(&records).unwrap(), apart);
    }

    /// Asks to stop once so many rows are begun.
    struct StopAfter(usize, AtomicUsize);

    impl Observer for StopAfter {
        fn event(&self, event: Event) {
            if let Event::Computed { rows } = event {
                self.1.fetch_add(rows as usize, Ordering::Relaxed);
            }
        }

        fn is_cancelled(&self) -> bool {
            self.1.load(Ordering::Relaxed) >= self.0
        }
    }

    #[test]
    fn a_stopped_wave_gives_the_rows_that_were_begun() {
        let config = RunConfig { decoys: 0, ..RunConfig::default() };
        let backend = CpuBackend::new();
        let engine = Engine::new(&config, &backend, &ScoreSource::Mock);
        let records = records(80);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for (stop, rows) in [(0, 0), (1, 20), (21, 40), (80, 80)] {
            let observer = StopAfter(stop, AtomicUsize::new(0));
            let found = pool.install(|| compute_wave(&engine, &records, &observer)).unwrap();
            assert_eq!(found, engine.compute(&records[..rows]).unwrap());
        }
    }

    #[test]
    fn tasks_fill_vectors_and_share_the_work() {
        let mut orders: Vec<usize> = (10..50).flat_map(|n| vec![n; 5 + n * 13 % 70]).collect();
        let whole = orders.clone();
        let all: u64 = orders.iter().map(|&n| work(n)).sum();
        let tasks = tasks(&mut orders, all / 8, |&n| n);
        assert!((6..=8).contains(&tasks.len()), "{}", tasks.len());
        let mut groups = vec![0; 50];
        for task in &tasks {
            for group in task.chunk_by(|a, b| a == b) {
                groups[group[0]] += group.len().div_ceil(FULL_VECTORS);
            }
        }
        for (n, &vectors) in groups.iter().enumerate() {
            let count = whole.iter().filter(|&&order| order == n).count();
            assert_eq!(vectors, count.div_ceil(FULL_VECTORS), "order {n}");
        }
        assert_eq!(tasks.concat(), whole);
    }

    #[test]
    fn large_matrices_are_cut_into_passes() {
        let config = RunConfig { decoys: 0, max_atoms: 2000, ..RunConfig::default() };
        let backend = CpuBackend::new();
        let engine = Engine::new(&config, &backend, &ScoreSource::Mock);
        let long = Record { smiles: vec![b'C'; 1400], ..records(3).remove(2) };
        let (_, matrices) = engine.begin(&[&records(1)[..], &[long.clone(), long]].concat());
        // One such matrix is more than half of a pass.
        assert_eq!(pass(&matrices), 2);
        assert_eq!(pass(&matrices[2..]), 1);
        assert_eq!(pass(&[None, None, None]), 3);
    }
}
