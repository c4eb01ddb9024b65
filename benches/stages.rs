//! CPU time of each stage of a run on the molecules of the demo library, on one
//! thread. `benches/spectra.rs` measures the eigensolver by order.
//!
//! `cargo bench -p hetero2-benches --bench stages`, with `-- decoys` after it
//! for one stage; divide by the elements given as throughput.
//! `benches/compare.sh` compares two revisions, `benches/peers/run.sh` RDKit
//! and numpy.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use hetero2::audit::{AuditSettings, Item, Label, evaluate, significance};
use hetero2::bench::{MatrixSet, Usage, graphs};
use hetero2::decoy::{DecoyRequest, DecoySet, DecoyStrategy, generate};
use hetero2::library::{ReadOptions, Record, Source, demo};
use hetero2::molecule::{EditableGraph, Molecule, MoleculeError, ParseLimits};
use hetero2::operator::{AtomTable, GraphOperators, OperatorSettings};
use hetero2::pack::rows::{DecoyRow, MoleculeRow, SpectrumRow};
use hetero2::pack::tables::{TableRow, TableWriter};
use hetero2::run::{
    Engine, LibraryInput, PackOutput, RowOutcome, RunConfig, RunDir, RunRequest, ScoreSource,
    ShardWorker, Silent, plan, reduce,
};
use hetero2::spectra::{BackendChoice, CpuBackend, SpectraBackend};

/// Molecules of the stages that take milliseconds each.
const FEW: usize = 100;

/// CPU time of the process: who else uses the machine matters less than to wall
/// time, and waiting for a disk not at all.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = f64;
    type Value = f64;

    fn start(&self) -> f64 {
        Usage::now().expect("a system that tells CPU time").cpu_s
    }

    fn end(&self, start: f64) -> f64 {
        self.start() - start
    }

    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn zero(&self) -> f64 {
        0.0
    }

    /// Nanoseconds, as the formatter takes them.
    fn to_f64(&self, seconds: &f64) -> f64 {
        1e9 * seconds
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn records() -> Vec<Record> {
    demo().expect("the demo library").collect::<Result<_, _>>().expect("whole rows")
}

fn read(record: &Record) -> Molecule {
    let molecule = Molecule::from_smiles(&record.smiles, &ParseLimits::default());
    molecule.expect("the demo library holds molecules")
}

/// Molecules that nothing was asked of yet: they keep what was.
fn fresh(records: &[Record]) -> Vec<Molecule> {
    records.iter().map(read).collect()
}

/// Measures what `work` does to each of some fresh molecules.
fn each(
    group: &mut BenchmarkGroup<'_, CpuTime>,
    name: &str,
    records: &[Record],
    work: impl Fn(&Molecule) -> f64,
) {
    group.throughput(Throughput::Elements(records.len() as u64)).sample_size(10);
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            || fresh(records),
            |molecules| {
                let sum: f64 = molecules.iter().map(|molecule| work(black_box(molecule))).sum();
                (sum, molecules)
            },
            BatchSize::PerIteration,
        );
    });
}

/// Rows of a library by format, decompression included.
fn reading(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("library");
    let mut bench = |name: &str, bytes: Vec<u8>| {
        let open = move |bytes: &Vec<u8>| {
            let reader = std::io::Cursor::new(bytes.clone());
            Source::from_reader(reader, name, ReadOptions::default()).expect("a library")
        };
        group.throughput(Throughput::Elements(open(&bytes).count() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| open(black_box(&bytes)).count()));
    };
    let fixture = |name: &str| {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).expect(name)
    };
    bench("demo.smi", fixture("demo.smi").repeat(20));
    // zstd and gzip files may be joined; each part is decompressed by itself.
    bench("small.smi.zst", fixture("libraries/small.smi.zst").repeat(100));
    bench("small.sdf", fixture("libraries/small.sdf").repeat(10));
    let csv = String::from_utf8(fixture("libraries/small.csv")).expect("text");
    let (header, rows) = csv.split_once('\n').expect("a header");
    bench("small.csv", format!("{header}\n{}", rows.repeat(500)).into_bytes());
    group.finish();
}

/// What is made of each molecule.
fn chemistry(criterion: &mut Criterion<CpuTime>) {
    let records = records();
    let mut group = criterion.benchmark_group("molecule");
    group.throughput(Throughput::Elements(records.len() as u64)).sample_size(10);
    group.bench_function("parse, sanitise, canonicalise", |bencher| {
        bencher.iter_with_large_drop(|| fresh(black_box(&records)));
    });
    let graph = |molecule: &Molecule| EditableGraph::of(molecule).expect("an editable graph");
    let graphs: Vec<EditableGraph> = fresh(&records).iter().map(graph).collect();
    group.bench_function("sanitise, canonicalise a changed graph", |bencher| {
        bencher.iter(|| graphs.iter().filter(|g| black_box(g).sanitized().is_ok()).count());
    });
    let settings = OperatorSettings::default();
    each(&mut group, "assemble L and H", &records, |m| {
        let built = GraphOperators::build(m.graph(), AtomTable::embedded(), &settings);
        built.map_or(0.0, |operators| operators.n() as f64)
    });
    each(&mut group, "Morgan fingerprint", &records, |m| {
        m.fingerprint().map_or(0.0, |bits| bits.tanimoto(&bits))
    });
    type Property = fn(&Molecule) -> Result<f64, MoleculeError>;
    let properties: [(&str, Property); 5] = [
        ("molecular weight", Molecule::mw),
        ("logP", Molecule::logp),
        ("TPSA", Molecule::tpsa),
        ("QED", Molecule::qed),
        ("all six descriptors", |m| m.descriptors().map(|d| d.qed)),
    ];
    for (name, property) in properties {
        each(&mut group, name, &records, |m| property(m).expect("a descriptor"));
    }
    group.finish();
}

/// The operator H of each molecule, as often as fills the lanes of the kernel.
fn spectra(criterion: &mut Criterion<CpuTime>) {
    let matrices = graphs::of_library(demo().expect("the demo library"), "demo", usize::MAX);
    let set = MatrixSet { name: "demo".into(), matrices: matrices.expect("matrices"), count: 7992 };
    let (batch, backend) = (set.batch(), CpuBackend::new());
    let mut group = criterion.benchmark_group("spectra");
    group.throughput(Throughput::Elements(batch.len() as u64)).sample_size(10);
    group.bench_function("eigenvalues", |bencher| {
        bencher.iter(|| backend.eigenvalues(black_box(&batch)));
    });
    group.bench_function("local spectra", |bencher| {
        bencher.iter(|| backend.local_spectra(black_box(&batch)));
    });
    group.finish();
}

fn decoys(criterion: &mut Criterion<CpuTime>) {
    let records = &records()[..FEW];
    let mut group = criterion.benchmark_group("decoys");
    for (name, strategy, count) in [
        ("published, 2", DecoyStrategy::Published, 2),
        ("published, 20", DecoyStrategy::Published, 20),
        ("exhaustive, 20", DecoyStrategy::Exhaustive, 20),
    ] {
        let request = DecoyRequest { count, seed: 0, set: DecoySet::V1, strategy, hardness: None };
        each(&mut group, name, records, |m| generate(m, &request).decoys.len() as f64);
    }
    group.finish();
}

/// The audit of a molecule from scores to p-value.
fn audit(criterion: &mut Criterion<CpuTime>) {
    let settings = AuditSettings::default();
    let mut group = criterion.benchmark_group("audit");
    for decoys in [2, 20, 200] {
        let item = |label, score| Item { label, score, weight: 1.0 };
        let negative = |i: i32| item(Label::Negative, f64::from(i * 7 % 20) / 20.0);
        let items: Vec<Item> =
            std::iter::once(item(Label::Positive, 0.9)).chain((0..decoys).map(negative)).collect();
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{decoys} decoys"), |bencher| {
            bencher.iter(|| {
                let audit = evaluate(black_box(&items), &settings)?;
                significance(&items, &audit, &settings)
            });
        });
    }
    group.finish();
}

fn config(decoys: u32) -> RunConfig {
    RunConfig { decoys, ..RunConfig::default() }
}

fn outcomes(decoys: u32, records: &[Record]) -> Vec<RowOutcome> {
    let (config, scores, backend) = (config(decoys), ScoreSource::Mock, CpuBackend::new());
    Engine::new(&config, &backend, &scores).compute(records).expect("spectra")
}

/// Whole rows in memory: chemistry, spectra, features, audit.
fn rows(criterion: &mut Criterion<CpuTime>) {
    let records = records();
    let mut group = criterion.benchmark_group("rows");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    for (decoys, records) in [(0, &records[..]), (2, &records[..FEW]), (20, &records[..FEW])] {
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_function(format!("{decoys} decoys"), |bencher| {
            bencher.iter(|| outcomes(decoys, black_box(records)).len());
        });
    }
    group.finish();
}

/// As many times the rows as make flushing cheap beside writing.
const COPIES: usize = 40;

fn write_table<R: TableRow>(path: &Path, rows: &[R]) {
    let mut table = TableWriter::create(path).expect("a table");
    (0..COPIES).for_each(|_| table.write(rows).expect("rows"));
    table.finish().expect("a finished table");
}

/// Tables of a pack, written and flushed to the device.
fn tables(criterion: &mut Criterion<CpuTime>) {
    let outcomes = outcomes(2, &records()[..FEW]);
    let molecules: Vec<MoleculeRow> = outcomes.iter().map(|o| o.molecule.clone()).collect();
    let decoys: Vec<DecoyRow> = outcomes.iter().flat_map(|o| o.decoys.clone()).collect();
    let spectra: Vec<SpectrumRow> = outcomes.iter().filter_map(|o| o.spectrum.clone()).collect();
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let path = scratch.path().join("table.parquet");
    let mut group = criterion.benchmark_group("table");
    group.sample_size(10);
    group.throughput(Throughput::Elements((COPIES * molecules.len()) as u64));
    group.bench_function("molecules", |bencher| bencher.iter(|| write_table(&path, &molecules)));
    group.throughput(Throughput::Elements((COPIES * decoys.len()) as u64));
    group.bench_function("decoys", |bencher| bencher.iter(|| write_table(&path, &decoys)));
    group.throughput(Throughput::Elements((COPIES * spectra.len()) as u64));
    group.bench_function("spectra", |bencher| bencher.iter(|| write_table(&path, &spectra)));
    group.finish();
}

/// From shards to the pack, and the check of the pack.
fn packs(criterion: &mut Criterion<CpuTime>) {
    let rows = records().len() as u64;
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("pack");
    group.sample_size(10).throughput(Throughput::Elements(rows));
    for decoys in [0, 2] {
        let shards = scratch.path().join(format!("shards {decoys}"));
        let request = RunRequest::new(LibraryInput::Demo, shards.clone(), config(decoys));
        plan(&request, &Silent).expect("a plan");
        let worker =
            ShardWorker::open(&RunDir::new(&shards), &BackendChoice::cpu()).expect("a worker");
        worker.compute(0, &Silent).expect("a shard");
        let run = scratch.path().join(format!("run {decoys}"));
        let fresh = || {
            let _ = fs::remove_dir_all(&run);
            copy(&shards, &run);
            RunDir::new(&run)
        };
        let finish = |run: RunDir| reduce(&run, &PackOutput::default(), Some(1), &Silent);
        group.bench_function(format!("reduce, {decoys} decoys"), |bencher| {
            bencher.iter_batched(
                fresh,
                |run| finish(run).expect("a pack"),
                BatchSize::PerIteration,
            );
        });
        let pack = finish(fresh()).expect("a pack").pack;
        group.bench_function(format!("verify, {decoys} decoys"), |bencher| {
            bencher.iter(|| hetero2::pack::verify(black_box(&pack)).expect("a pack"));
        });
    }
    group.finish();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file");
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = reading, chemistry, spectra, decoys, audit, rows, tables, packs
}
criterion_main!(benches);
