//! Time of concluding from audited rows, on one thread: 20,000 molecules of 20
//! decoys with every control and outcomes. `cargo bench -p hetero2-benches
//! --bench evidence`; divide by the elements given as throughput.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hetero2::audit::evidence::{
    ControlAudit, EvidenceRow, EvidenceTable, Given, Key, Outcome, PairCounts, RowChance, Scaffold,
    Training,
};
use hetero2::contract::evidence::ControlName;

const MOLECULES: u64 = 20_000;
const DECOYS: u64 = 20;

/// A scattered number.
fn scatter(seed: u64) -> u64 {
    let mixed = (seed ^ seed >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn score(seed: u64) -> f64 {
    (scatter(seed) >> 11) as f64 / (1u64 << 53) as f64
}

fn gather() -> EvidenceTable {
    let mut table = EvidenceTable::new(&ControlName::ALL);
    for row in 0..MOLECULES {
        let seed = |what: u64, decoy: u64| row * 1_000 + what * 30 + decoy;
        let decoys: Vec<Key> = (0..DECOYS).map(|d| Key(scatter(seed(0, d)))).collect();
        let audit = |what: u64| {
            ControlAudit::of(score(seed(what, 29)), (0..DECOYS).map(|d| score(seed(what, d))))
        };
        let controls: Vec<_> = (2..).map(audit).take(ControlName::ALL.len()).collect();
        let Some(model) = audit(1) else { continue };
        let as_high = 1 + ((1.0 - model.auc) * DECOYS as f64).round() as u64;
        table.add(&EvidenceRow {
            row,
            unit: Key(scatter(row)),
            scaffold: Scaffold::Of(Key(scatter(row / 4))),
            decoys: &decoys,
            score: model.score,
            auc: model.auc,
            verdict: model.verdict,
            chance: Some(RowChance { labelings: DECOYS + 1, as_high, passing: 1 }),
            pairs: PairCounts::default(),
            outcome: Some(if row.is_multiple_of(10) { Outcome::Active } else { Outcome::Inactive }),
            training: Training::Apart,
            controls: &controls,
        });
    }
    table
}

fn evidence(criterion: &mut Criterion) {
    let table = gather();
    let mut group = criterion.benchmark_group("evidence");
    group.throughput(Throughput::Elements(MOLECULES)).sample_size(10);
    group.bench_function("gather", |bench| bench.iter(gather));
    group.bench_function("conclude", |bench| {
        bench.iter(|| black_box(&table).conclude(&Given::default()));
    });
    group.bench_function("cost_lift", |bench| bench.iter(|| black_box(&table).cost_lift(1_000)));
    group.finish();
}

criterion_group!(benches, evidence);
criterion_main!(benches);
