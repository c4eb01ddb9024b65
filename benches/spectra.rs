//! Time per matrix of the batched eigensolver, on one core, packing included.
//!
//! `cargo bench -p hetero2-benches --bench spectra`; divide by the number of matrices given as
//! throughput. `benches/peers/eigvalsh.py` measures numpy on the same library.

#[path = "../tests/api/spectra/graphs.rs"]
mod spectra_graphs;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hetero2::random::PythonRandom;
use hetero2::spectra::{CpuBackend, Isa, SpectraBackend};
use spectra_graphs::{Graph, library, molecule};

fn backends() -> impl Iterator<Item = CpuBackend> {
    Isa::ALL.into_iter().rev().filter_map(CpuBackend::with_isa)
}

/// Sizes as in a drug-like library.
fn drug_like(criterion: &mut Criterion) {
    let graphs = library(8192, 1);
    let batch = Graph::views(&graphs);
    let mut group = criterion.benchmark_group("n~N(25,7)");
    group.throughput(Throughput::Elements(batch.len() as u64)).sample_size(10);
    for backend in backends() {
        group.bench_function(BenchmarkId::new("values", backend.name()), |bencher| {
            bencher.iter(|| backend.eigenvalues(black_box(&batch)));
        });
        group.bench_function(BenchmarkId::new("vectors", backend.name()), |bencher| {
            bencher.iter(|| backend.eigensystems(black_box(&batch[..2048])));
        });
    }
    group.finish();
}

/// How the cost grows with the order of the matrix.
fn by_order(criterion: &mut Criterion) {
    let backend = CpuBackend::new();
    let mut group = criterion.benchmark_group("by order");
    group.sample_size(10);
    for n in [8usize, 16, 24, 32, 48, 64, 96, 128, 192, 256] {
        let mut rng = PythonRandom::new(n as i64);
        let count = (400_000 / (n * n)).next_multiple_of(16).clamp(16, 1024);
        let graphs: Vec<Graph> = (0..count).map(|_| molecule(n, &mut rng)).collect();
        let batch = Graph::views(&graphs);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("values", n), |bencher| {
            bencher.iter(|| backend.eigenvalues(black_box(&batch)));
        });
        group.bench_function(BenchmarkId::new("vectors", n), |bencher| {
            bencher.iter(|| backend.eigensystems(black_box(&batch)));
        });
    }
    group.finish();
}

criterion_group!(benches, drug_like, by_order);
criterion_main!(benches);
