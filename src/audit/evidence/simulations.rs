//! What the statistics promise, held against simulated scores.

use std::collections::BTreeMap;

use hetero2_common::rounding::round8;
use hetero2_contract::evidence::{ControlName, Evidence, EvidenceVerdict, EvidenceWarning};

use super::models::{Features, SeparabilityFit, SeparabilityUnit};
use super::resample::Numbers;
use super::{
    ControlAudit, DISCOVERY_LEVEL, DiscoveryTable, EvidenceRow, EvidenceTable, Given, Key,
    MAX_UNITS, Outcome, PairCounts, RowChance, SIGNAL_SHARE, Scaffold, Training, decoys_needed,
};

/// How a simulated library looks.
#[derive(Debug, Clone, Copy)]
struct Library {
    units: u64,
    decoys: u64,
    /// Rows of each unit.
    repeats: u64,
    decoys_are: Decoys,
    scaffolds: Scaffolds,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Decoys {
    Own,
    /// Three consecutive units have their first five decoys in common.
    Shared,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scaffolds {
    Own,
    /// Of 1, 2, 4, … 32 units, over and again; originals of one scaffold are
    /// preferred or disliked alike, to this extent.
    Unequal(f64),
}

/// Uniform over 0..1.
pub(super) fn uniform(numbers: &mut Numbers) -> f64 {
    (numbers.next() >> 11) as f64 / (1u64 << 53) as f64
}

/// Roughly normal: twelve uniform numbers less their mean.
pub(super) fn normal(numbers: &mut Numbers) -> f64 {
    (0..12).map(|_| uniform(numbers)).sum::<f64>() - 6.0
}

/// A scattered key.
pub(super) fn key(kind: u64, index: u64) -> Key {
    Key(Numbers::new(kind.wrapping_mul(0x1234_5678_9abc_def1) ^ index).next())
}

/// One row from its scores.
pub(super) fn audited<'a>(
    row: u64,
    unit: Key,
    scaffold: Scaffold,
    decoys: &'a [Key],
    score: f64,
    decoy_scores: &[f64],
) -> EvidenceRow<'a> {
    let audit = ControlAudit::of(score, decoy_scores.iter().copied()).unwrap();
    let as_high = decoy_scores.iter().filter(|decoy| **decoy >= score).count() as u64 + 1;
    let labelings = decoy_scores.len() as u64 + 1;
    let mut pairs = PairCounts::default();
    for decoy in decoy_scores {
        let pair = crate::ScoredPair { original: score, decoy: *decoy };
        pairs.add(hetero2_contract::HardnessBin::Hard, pair);
    }
    EvidenceRow {
        row,
        unit,
        scaffold,
        decoys,
        score,
        auc: audit.auc,
        verdict: audit.verdict,
        chance: Some(RowChance { labelings, as_high, passing: 1 }),
        pairs,
        outcome: None,
        training: Training::Apart,
        controls: &[],
    }
}

/// Random scores, the same for the same structure.
fn random(library: Library, seed: u64) -> Evidence {
    let mut numbers = Numbers::new(seed.wrapping_mul(0xabcd_ef12_3457) ^ library.units);
    let mut table = EvidenceTable::new(&[]);
    let mut shared = Vec::new();
    let (mut scaffold, mut left, mut size, mut liking) = (0, 0, 1, 0.0);
    for unit in 0..library.units {
        if unit % 3 == 0 {
            shared = (0..5).map(|_| uniform(&mut numbers)).collect();
        }
        if left == 0 {
            (scaffold, left) = (scaffold + 1, size);
            size = if size == 32 { 1 } else { 2 * size };
            liking = match library.scaffolds {
                Scaffolds::Own => 0.0,
                Scaffolds::Unequal(extent) => extent * normal(&mut numbers),
            };
        }
        left -= 1;
        let common = |decoy: u64| library.decoys_are == Decoys::Shared && decoy < 5;
        let keys: Vec<Key> = (0..library.decoys)
            .map(|d| if common(d) { key(1, unit / 3 * 5 + d) } else { key(2, unit << 20 | d) })
            .collect();
        let scores: Vec<f64> = (0..library.decoys)
            .map(|d| if common(d) { shared[d as usize] } else { uniform(&mut numbers) })
            .collect();
        let score = uniform(&mut numbers) + liking;
        let of_scaffold = match library.scaffolds {
            Scaffolds::Own => Scaffold::Acyclic,
            Scaffolds::Unequal(_) => Scaffold::Of(key(3, scaffold)),
        };
        for repeat in 0..library.repeats {
            let row = unit * library.repeats + repeat;
            table.add(&audited(row, key(4, unit), of_scaffold, &keys, score, &scores));
        }
    }
    table.conclude(&Given::default())
}

fn called_better(library: Library, seeds: u64) -> u64 {
    let better = |seed: &u64| random(library, *seed).chance.unwrap().better_than_chance;
    (0..seeds).filter(better).count() as u64
}

/// So many seeds, or as many as `HETERO2_SIMULATION_SEEDS` says.
fn seeds(usual: u64) -> u64 {
    std::env::var("HETERO2_SIMULATION_SEEDS").map_or(usual, |seeds| seeds.parse().unwrap())
}

#[test]
fn random_scores_are_rarely_better_than_chance() {
    for units in [5, 20, 100, 1_000] {
        for decoys_are in [Decoys::Own, Decoys::Shared] {
            let seeds = seeds((300_000 / units).min(1_000));
            let library =
                Library { units, decoys: 20, repeats: 1, decoys_are, scaffolds: Scaffolds::Own };
            let called = called_better(library, seeds);
            println!("{library:?}: {called} of {seeds}");
            assert!(called * 20 <= seeds, "{called} of {seeds}: {library:?}");
            // Rows that repeat change nothing, whatever the seed.
            let twenty = Library { repeats: 20, ..library };
            for seed in 0..(seeds / 50).max(3) {
                let (once, repeated) = (random(library, seed), random(twenty, seed));
                assert_eq!(once.chance, repeated.chance, "{library:?}");
                assert_eq!(once.audit_auc, repeated.audit_auc, "{library:?}");
            }
        }
    }
}

#[test]
fn scores_that_like_scaffolds_are_rarely_better_than_chance() {
    for units in [63, 630] {
        for decoys in [5, 20] {
            for extent in [0.2, 1.0] {
                let scaffolds = Scaffolds::Unequal(extent);
                let library =
                    Library { units, decoys, repeats: 1, decoys_are: Decoys::Own, scaffolds };
                let seeds = seeds(300);
                let called = called_better(library, seeds);
                println!("{library:?}: {called} of {seeds}");
                assert!(called * 20 <= seeds, "{called} of {seeds}: {library:?}");
            }
        }
    }
}

/// Structures of ten environments of 400; originals have one more of five, which
/// their library shares and no decoy has.
fn structures(units: u64, decoys: u64) -> Vec<SeparabilityUnit> {
    let mut numbers = Numbers::new(99);
    let mut features = |shared: Option<u32>| Features {
        descriptors: Vec::new(),
        environments: (0..10).map(|_| numbers.below(400)).chain(shared).collect(),
    };
    let unit = |unit: u64| SeparabilityUnit {
        unit: key(1, unit),
        scaffold: Scaffold::Of(key(2, unit / 2)),
        original: features(Some(400 + unit as u32 % 5)),
        decoys: (0..decoys).map(|d| (key(3, unit * decoys + d), features(None))).collect(),
    };
    (0..units).map(unit).collect()
}

/// Scores that weigh environments at random know nothing, and all molecules of a
/// library gain or lose by them together.
#[test]
fn scores_of_random_environments_are_rarely_not_refuted() {
    let units = structures(200, 20);
    let first = |unit: &SeparabilityUnit| {
        let mut few = unit.clone();
        few.decoys.truncate(4);
        few
    };
    let few: Vec<SeparabilityUnit> = units.iter().map(first).collect();
    let separability = SeparabilityFit::fit(&few, 512).unwrap().report().clone();
    let seeds = seeds(200);
    let (mut not_refuted, mut better_than_own_decoys) = (0, 0);
    for seed in 0..seeds {
        let mut numbers = Numbers::new(50_000 + seed);
        let weights: Vec<f64> = (0..512).map(|_| normal(&mut numbers)).collect();
        let score = |features: &Features| {
            features.environments.iter().map(|e| weights[*e as usize]).sum::<f64>()
        };
        let mut table = EvidenceTable::new(&[]);
        for (row, unit) in (0..).zip(&units) {
            let keys: Vec<Key> = unit.decoys.iter().map(|(key, _)| *key).collect();
            let decoys: Vec<f64> = unit.decoys.iter().map(|(_, own)| score(own)).collect();
            let own = score(&unit.original);
            table.add(&audited(row, unit.unit, unit.scaffold, &keys, own, &decoys));
        }
        let verdict =
            |separability| table.conclude(&Given { separability, ..Given::default() }).verdict;
        let called = |verdict| u64::from(verdict == EvidenceVerdict::NotRefuted);
        not_refuted += called(verdict(Some(separability.clone())));
        better_than_own_decoys += called(verdict(None));
    }
    println!(
        "spread {}: not refuted {not_refuted}, by sampling alone {better_than_own_decoys} of {seeds}",
        separability.random_weights_spread
    );
    assert!(not_refuted * 20 <= seeds, "{not_refuted} of {seeds}");
    // Intervals over clusters do not see it.
    assert!(better_than_own_decoys * 10 > seeds, "{better_than_own_decoys} of {seeds}");
}

/// A warning names the number of decoys with which discoveries can be reached.
#[test]
fn too_few_decoys_for_discoveries_are_named() {
    let warned = |decoys: u64| {
        let library = Library {
            units: 60,
            decoys,
            repeats: 1,
            decoys_are: Decoys::Own,
            scaffolds: Scaffolds::Own,
        };
        let found = random(library, 1);
        let warning = found.warnings.iter().find_map(|warning| match warning {
            EvidenceWarning::DiscoveriesNeedDecoys(decoys) => Some(*decoys),
            _ => None,
        });
        (warning, found.discoveries.unwrap().smallest_share)
    };
    assert_eq!(warned(18), (Some(199), None));
    assert_eq!(warned(20), (Some(199), Some(round8(58.0 / 60.0))));
    assert_eq!(warned(199), (None, Some(0.1)));
}

/// A tenth of the molecules win against all their decoys, the others score at
/// random, against as many decoys as the rule asks for.
#[test]
fn discoveries_are_true_and_found() {
    let decoys = decoys_needed(DISCOVERY_LEVEL, SIGNAL_SHARE);
    let (mut false_share, mut signal_share) = (0.0, 0.0);
    let seeds = seeds(200);
    for seed in 0..seeds {
        let mut numbers = Numbers::new(seed);
        let mut table = DiscoveryTable::default();
        let mut true_hits = 0;
        let mut share = 0.0;
        for unit in 0..200 {
            let signal = unit % 10 == 0;
            let as_high = if signal { 1 } else { 1 + u64::from(numbers.below(decoys as u32 + 1)) };
            let chance = RowChance { labelings: decoys + 1, as_high, passing: 1 };
            table.add(chance);
            true_hits += u64::from(signal);
            share += if as_high > decoys.div_ceil(2) { -1.0 } else { 1.0 } / 200.0;
        }
        let found = table.discoveries(DISCOVERY_LEVEL).unwrap();
        assert!(found.discoveries >= true_hits, "seed {seed}: {found:?}");
        false_share += (found.discoveries - true_hits) as f64 / found.discoveries as f64;
        signal_share += share;
    }
    let (false_share, signal_share) = (false_share / seeds as f64, signal_share / seeds as f64);
    println!("false discoveries {false_share}, signal share {signal_share}");
    assert!(false_share <= DISCOVERY_LEVEL, "{false_share}");
    assert!((0.05..=0.11).contains(&signal_share), "{signal_share}");
}

/// The same where half of the molecules have fewer decoys than the rule asks
/// for, as many as exist: discoveries stay true, and there are some.
#[test]
fn discoveries_stay_true_where_decoys_run_out() {
    let most = decoys_needed(DISCOVERY_LEVEL, SIGNAL_SHARE);
    let (mut false_share, mut hits, mut signals) = (0.0, 0, 0);
    let seeds = seeds(200);
    for seed in 0..seeds {
        let mut numbers = Numbers::new(7_000 + seed);
        let mut table = DiscoveryTable::default();
        let mut chances = Vec::new();
        for unit in 0..200 {
            let decoys = if unit % 2 == 0 { most } else { 10 + u64::from(numbers.below(50)) };
            let signal = unit % 10 < 1;
            // A signal wins against nearly all.
            let below = if signal { 2 } else { decoys as u32 + 1 };
            let as_high = 1 + u64::from(numbers.below(below));
            let chance = RowChance { labelings: decoys + 1, as_high, passing: 1 };
            table.add(chance);
            chances.push((signal, chance));
        }
        let discovered = |chance: &RowChance| {
            table.q_value(*chance, DISCOVERY_LEVEL).is_some_and(|q| q <= DISCOVERY_LEVEL)
        };
        let found: Vec<bool> =
            chances.iter().filter(|(_, c)| discovered(c)).map(|(signal, _)| *signal).collect();
        let wrong = found.iter().filter(|signal| !**signal).count();
        false_share += wrong as f64 / found.len().max(1) as f64;
        hits += found.len() - wrong;
        signals += chances.iter().filter(|(signal, _)| *signal).count();
    }
    let false_share = false_share / seeds as f64;
    println!("false discoveries {false_share}, {hits} of {signals} signals found");
    assert!(false_share <= DISCOVERY_LEVEL, "{false_share}");
    assert!(hits > 0);
}

/// The shipped negative control: random scores over ten molecules, twenty rows
/// each. Taken for 200 independent rows they are significant.
#[test]
fn the_shipped_random_scores_are_not_significant() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/audit/known_bad_runs.json.gz");
    let file = flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap());
    let runs: serde_json::Value = serde_json::from_reader(file).unwrap();
    let mut rows: BTreeMap<String, (f64, Vec<Key>, Vec<f64>)> = BTreeMap::new();
    for pair in runs["BAD-random"]["pairs"].as_array().unwrap() {
        let (original, decoy) = (pair[1].as_f64().unwrap(), pair[2].as_f64());
        let row = rows.entry(pair[3].as_str().unwrap().to_owned()).or_default();
        row.0 = original;
        row.1.extend(decoy.map(|_| Key::of(pair[4].as_str().unwrap())));
        row.2.extend(decoy);
    }
    let mut table = EvidenceTable::new(&[]);
    let mut wins = Vec::new();
    for (place, (id, (score, keys, decoys))) in (0..).zip(&rows) {
        let Some(audit) = ControlAudit::of(*score, decoys.iter().copied()) else { continue };
        wins.push(audit.auc);
        let unit = Key::of(id.rsplit_once('_').unwrap().0);
        table.add(&audited(place, unit, Scaffold::Acyclic, keys, *score, decoys));
    }
    let evidence = table.conclude(&Given::default());
    assert_eq!((evidence.units.rows, evidence.units.units), (wins.len() as u64, 10));
    assert!(!evidence.chance.unwrap().better_than_chance);
    assert_eq!(evidence.verdict, EvidenceVerdict::Inconclusive);
    assert_eq!(evidence.discoveries.unwrap().discoveries, 0);
    // As 200 independent rows: about four standard errors above chance.
    let (count, mean) = (wins.len() as f64, wins.iter().sum::<f64>() / wins.len() as f64);
    let squares: f64 = wins.iter().map(|win| (win - mean) * (win - mean)).sum();
    assert!((mean - 0.5) / libm::sqrt(squares / count / (count - 1.0)) > 3.0, "{mean}");
}

/// Decoys, controls, and the rest of a row.
type FullRow = (Vec<Key>, Vec<Option<ControlAudit>>, EvidenceRow<'static>);

/// Rows of a library with everything: repeated molecules, controls, outcomes.
fn everything(rows: u64) -> Vec<FullRow> {
    let mut numbers = Numbers::new(77);
    let mut row = |row: u64| {
        let unit = row % (rows * 3 / 4);
        let keys: Vec<Key> = (0..6).map(|d| key(1, unit * 5 + d)).collect();
        let scores: Vec<f64> = (0..6).map(|_| uniform(&mut numbers)).collect();
        let active = unit.is_multiple_of(3);
        let score = uniform(&mut numbers) + if active { 0.5 } else { 0.0 };
        let random = |numbers: &mut Numbers| {
            let decoys: Vec<f64> = (0..6).map(|_| uniform(numbers)).collect();
            ControlAudit::of(uniform(numbers), decoys)
        };
        let controls = vec![random(&mut numbers), random(&mut numbers)];
        let scaffold = match unit % 4 {
            0 => Scaffold::Acyclic,
            _ => Scaffold::Of(key(3, unit / 5)),
        };
        let mut audited = audited(row, key(2, unit), scaffold, &[], score, &scores);
        audited.outcome = match unit % 7 {
            0 => None,
            _ if active => Some(Outcome::Active),
            _ => Some(Outcome::Inactive),
        };
        (keys, controls, EvidenceRow { decoys: &[], controls: &[], ..audited })
    };
    (0..rows).map(&mut row).collect()
}

#[test]
fn partitions_give_the_same_document() {
    let rows = everything(900);
    let controls = [ControlName::Qed, ControlName::SaScore];
    for limit in [MAX_UNITS, 100] {
        let gather = |rows: &[FullRow]| {
            let mut table = EvidenceTable::with_limit(&controls, limit);
            for (decoys, controls, row) in rows {
                table.add(&EvidenceRow { decoys, controls, ..*row });
            }
            table
        };
        let text = |table: &EvidenceTable| {
            let given = Given { cliffs: vec![(key(2, 3), key(2, 4))], ..Given::default() };
            let evidence = serde_json::to_string(&table.conclude(&given)).unwrap();
            evidence + &serde_json::to_string(&table.cost_lift(50)).unwrap()
        };
        let whole = gather(&rows);
        let kept = whole.conclude(&Given::default()).units.units;
        assert!(if limit == 100 { (20..=100).contains(&kept) } else { kept == 675 }, "{kept}");
        let expected = text(&whole);
        for size in [1, 64, 500] {
            let mut merged = whole.empty();
            rows.chunks(size).for_each(|part| merged.merge(&gather(part)));
            assert_eq!(text(&merged), expected, "parts of {size}, limit {limit}");
        }
    }
}

/// A score that knows activity is supported; one that knows plausibility, or
/// that is turned around, never is.
#[test]
fn outcomes_support_what_knows_activity_and_nothing_else() {
    let mut verdicts: BTreeMap<(&str, EvidenceVerdict), u32> = BTreeMap::new();
    let trials = 40;
    for seed in 0..trials {
        for model in ["honest", "inverted", "plausible", "random"] {
            let mut numbers = Numbers::new(1_000 + seed);
            let mut table = EvidenceTable::new(&[ControlName::Constant, ControlName::SaScore]);
            for unit in 0..200 {
                let (active, noise) = (unit % 3 == 0, normal(&mut numbers));
                let signal = if active { 1.5 } else { 0.0 };
                let decoy_noise: Vec<f64> = (0..20).map(|_| normal(&mut numbers)).collect();
                let plausible = 2.5 + 0.3 * normal(&mut numbers);
                let score = match model {
                    "honest" => signal + noise,
                    "inverted" => 3.0 - signal + noise,
                    "plausible" => plausible + noise,
                    _ => noise,
                };
                let constant = ControlAudit::of(0.0, [0.0; 20]);
                let sa = ControlAudit::of(plausible, decoy_noise.iter().map(|n| 0.3 * n));
                let keys: Vec<Key> = (0..20).map(|d| key(1, unit * 20 + d)).collect();
                let scaffold = Scaffold::Of(key(3, unit / 2));
                let row = audited(unit, key(2, unit), scaffold, &keys, score, &decoy_noise);
                let outcome = Some(if active { Outcome::Active } else { Outcome::Inactive });
                table.add(&EvidenceRow { outcome, controls: &[constant, sa], ..row });
            }
            let found = table.conclude(&Given::default());
            *verdicts.entry((model, found.verdict)).or_default() += 1;
        }
    }
    println!("{verdicts:?}");
    let count = |model, verdict| verdicts.get(&(model, verdict)).copied().unwrap_or(0);
    assert_eq!(count("honest", EvidenceVerdict::Supported), trials as u32);
    assert_eq!(count("inverted", EvidenceVerdict::Refuted), trials as u32);
    for model in ["plausible", "random"] {
        assert!(count(model, EvidenceVerdict::Supported) <= 1, "{model}");
    }
    assert!(count("random", EvidenceVerdict::Refuted) >= 36);
}
