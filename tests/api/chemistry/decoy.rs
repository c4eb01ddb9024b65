//! Decoys: the published strategies, the exhaustive one, and what must hold
//! for every decoy whatever made it.

use std::collections::HashSet;
use std::io::Read;

use hetero2::contract::Warning;
use hetero2::decoy::{
    Decoy, DecoyHash, DecoyOutcome, DecoyRequest, DecoySet, DecoyStrategy, HardnessBin,
    Interrupted, SearchExtent, StrategyId, TanimotoRange, TanimotoRangeError, generate,
    generate_while,
};
use hetero2::molecule::{BondKind, BondSwap, Molecule, ParseLimits, Rewirer};
use hetero2::random::PythonRandom;
use serde_json::Value;

fn molecule(smiles: &str) -> Molecule {
    Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap()
}

/// Every `step`-th molecule of the fixture library.
fn library(step: usize) -> impl Iterator<Item = Molecule> {
    include_str!("../../../fixtures/decoys/molecules.smi").lines().step_by(step).map(molecule)
}

fn decoys(molecule: &Molecule, count: usize, strategy: DecoyStrategy) -> DecoyOutcome {
    generate(
        molecule,
        &DecoyRequest { count, seed: 0, set: DecoySet::V1, strategy, hardness: None },
    )
}

fn shown(outcome: &DecoyOutcome) -> Vec<String> {
    outcome.warnings.iter().map(Warning::to_string).collect()
}

fn smiles(outcome: &DecoyOutcome) -> Vec<&str> {
    outcome.decoys.iter().map(Decoy::smiles).collect()
}

/// One published request and its result.
struct Published {
    record: Value,
}

impl Published {
    fn all() -> Vec<Self> {
        let packed = include_bytes!("../../../fixtures/decoys/published.jsonl.gz");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        text.lines().map(|line| Self { record: serde_json::from_str(line).unwrap() }).collect()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.record[key].as_str()
    }

    fn texts(&self, key: &str) -> Vec<&str> {
        self.record[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
    }

    fn outcome(&self) -> Option<DecoyOutcome> {
        let text = self.text("smiles").unwrap();
        let molecule = Molecule::from_smiles(text.as_bytes(), &ParseLimits::default()).ok()?;
        let request = DecoyRequest {
            count: self.record["count"].as_u64().unwrap() as usize,
            seed: self.record["seed"].as_i64().unwrap(),
            set: DecoySet::V1,
            strategy: DecoyStrategy::Published,
            hardness: self.text("hardness").map(|range| range.parse().unwrap()),
        };
        Some(generate(&molecule, &request))
    }

    fn same_counters(&self, outcome: &DecoyOutcome) -> bool {
        let have = outcome.counters;
        [
            ("attempts", have.attempts),
            ("sanitize_fail", have.sanitize_fail),
            ("duplicate", have.duplicate),
            ("no_candidate_swap", have.no_candidate_swap),
            ("hardness_reject", have.hardness_reject),
        ]
        .iter()
        .all(|(key, have)| self.record["counters"][*key].as_u64().unwrap_or(0) == *have)
    }

    fn same_tanimoto(&self, outcome: &DecoyOutcome) -> bool {
        let Some(want) = self.record["tanimoto"].as_array() else { return true };
        outcome
            .decoys
            .iter()
            .map(|decoy| decoy.tanimoto().unwrap())
            .eq(want.iter().map(|value| value.as_f64().unwrap()))
    }
}

#[test]
fn published_decoys_are_those_of_the_python_implementation() {
    let records = Published::all();
    let total = records.len();
    let (mut strategy, mut counters, mut warnings, mut lists, mut tanimoto) = (0, 0, 0, 0, 0);
    for record in &records {
        let Some(outcome) = record.outcome() else { continue };
        strategy += usize::from(outcome.strategy.map(StrategyId::name) == record.text("strategy"));
        counters += usize::from(record.same_counters(&outcome));
        warnings += usize::from(record.texts("warnings") == shown(&outcome));
        let same = record.texts("decoys") == smiles(&outcome);
        lists += usize::from(same);
        tanimoto += usize::from(record.same_tanimoto(&outcome));
        if std::env::var_os("HETERO2_SHOW").is_some() && !same {
            println!("{} {:?}", record.record, smiles(&outcome));
        }
    }
    println!(
        "of {total}: strategy {strategy}, counters {counters}, warnings {warnings}, lists {lists}, \
         tanimoto {tanimoto}"
    );
    let at_least = |share: f64| (total as f64 * share).ceil() as usize;
    assert!(strategy >= total - 1, "strategy {strategy} of {total}");
    assert!(counters >= at_least(0.99), "counters {counters} of {total}");
    assert!(warnings >= at_least(0.99), "warnings {warnings} of {total}");
    assert!(lists >= at_least(0.97), "lists {lists} of {total}");
    assert!(tanimoto >= at_least(0.98), "tanimoto {tanimoto} of {total}");
}

#[test]
fn no_decoy_depends_on_the_numbering_of_its_graph() {
    let mut rng = PythonRandom::new(11);
    let mut compared = 0;
    for molecule in library(1) {
        let rewirer = Rewirer::new(&molecule).unwrap();
        let mut swaps = admissible_swaps(&rewirer);
        rng.shuffle(&mut swaps);
        for swap in swaps.into_iter().take(15) {
            let graph = rewirer.swapped(swap).unwrap();
            let mut order: Vec<u32> = (0..graph.atom_count() as u32).collect();
            rng.shuffle(&mut order);
            let hash = |graph: hetero2::molecule::EditableGraph| {
                graph.sanitized().ok().map(|decoy| DecoyHash::of_smiles(decoy.canonical_smiles()))
            };
            let renumbered = graph.renumbered(&order).unwrap();
            assert_eq!(hash(graph), hash(renumbered), "{molecule:?} {swap:?} {order:?}");
            compared += 1;
        }
    }
    assert!(compared > 3_000, "only {compared} decoys compared");
}

fn admissible_swaps(rewirer: &Rewirer<'_>) -> Vec<BondSwap> {
    let candidates = rewirer.candidates(BondKind::Any);
    let pairs = (0..candidates.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    pairs
        .flat_map(|(i, j)| {
            let ((a, b), (c, d)) = (candidates[i], candidates[j]);
            [BondSwap { a, b, c, d }, BondSwap { a, b, c: d, d: c }]
        })
        .filter(|swap| rewirer.allows(*swap))
        .collect()
}

#[test]
fn a_decoy_is_another_molecule_of_the_same_atoms_and_reads_back_as_itself() {
    for original in library(3) {
        let outcome = decoys(&original, 8, DecoyStrategy::Exhaustive);
        let mut hashes = HashSet::new();
        for decoy in &outcome.decoys {
            assert_ne!(decoy.smiles(), original.canonical_smiles());
            assert_eq!(molecule(decoy.smiles()).canonical_smiles(), decoy.smiles());
            assert_eq!(decoy.hash, DecoyHash::of_smiles(decoy.smiles()));
            assert!(hashes.insert(decoy.hash), "{} twice", decoy.smiles());
            let mut atoms = original.graph().atomic_numbers.clone();
            let perceived = decoy.molecule.molecule().unwrap();
            let mut others = perceived.graph().atomic_numbers.clone();
            atoms.sort_unstable();
            others.sort_unstable();
            assert_eq!(atoms, others, "{}", decoy.smiles());
            assert_eq!(original.graph().bonds.len(), perceived.graph().bonds.len());
        }
    }
}

#[test]
fn exhaustive_finds_at_least_what_the_published_way_finds() {
    let (mut more, mut molecules) = (0, 0);
    for original in library(6) {
        let published = decoys(&original, 20, DecoyStrategy::Published);
        let exhaustive = decoys(&original, 20, DecoyStrategy::Exhaustive);
        let (few, many) = (published.decoys.len(), exhaustive.decoys.len());
        assert!(many >= few, "{original:?}: {many} < {few}");
        match exhaustive.extent {
            SearchExtent::CountReached => assert_eq!(many, 20),
            SearchExtent::Exhausted { distinct } => assert_eq!(many, distinct),
            other => panic!("{original:?}: {other:?}"),
        }
        more += usize::from(many > few);
        molecules += 1;
    }
    assert!(more * 2 > molecules, "more in {more} of {molecules} only");
}

#[test]
fn exhaustive_contains_every_published_decoy_when_it_exhausts_the_swaps() {
    for original in library(12) {
        let exhaustive = decoys(&original, 100_000, DecoyStrategy::Exhaustive);
        assert!(matches!(exhaustive.extent, SearchExtent::Exhausted { .. }), "{original:?}");
        let all: HashSet<&str> = smiles(&exhaustive).into_iter().collect();
        for decoy in smiles(&decoys(&original, 20, DecoyStrategy::Published)) {
            assert!(all.contains(decoy), "{original:?}: {decoy} missing");
        }
        assert!(exhaustive.decoys.is_sorted_by_key(|decoy| decoy.strategy));
    }
}

#[test]
fn the_same_request_gives_the_same_decoys_and_another_seed_another_choice() {
    let original = molecule("CC(C)Cc1ccc(C(C)C(=O)NCCOC(=O)CCCl)cc1");
    for strategy in [DecoyStrategy::Published, DecoyStrategy::Exhaustive] {
        let with_seed = |seed| {
            let request =
                DecoyRequest { count: 5, seed, set: DecoySet::V1, strategy, hardness: None };
            let outcome = generate(&original, &request);
            smiles(&outcome).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(with_seed(1), with_seed(1));
        assert_ne!(with_seed(1), with_seed(2));
        // Seeds beyond 32 bits and below zero are seeds like any other.
        assert_eq!(with_seed(i64::MIN).len(), 5);
        assert_ne!(with_seed(1 << 40), with_seed(1 << 41));
    }
}

#[test]
fn hard_mode_lets_only_its_range_through() {
    let range: TanimotoRange = "0.40..0.80".parse().unwrap();
    let mut found = 0;
    for original in library(10) {
        for strategy in [DecoyStrategy::Published, DecoyStrategy::Exhaustive] {
            let request = DecoyRequest {
                count: 4,
                seed: 0,
                set: DecoySet::V1,
                strategy,
                hardness: Some(range),
            };
            let outcome = generate(&original, &request);
            for decoy in &outcome.decoys {
                assert!(range.contains(decoy.tanimoto().unwrap()));
                found += 1;
            }
            let short = outcome.decoys.len() < 4;
            let said = outcome.warnings.iter().any(|w| matches!(w, Warning::TooFewHardDecoys(_)));
            assert!(said || !short, "{original:?}: {:?}", outcome.warnings);
        }
    }
    assert!(found > 50, "only {found}");
}

#[test]
fn no_decoys_asked_for_or_possible_is_no_error() {
    for strategy in [DecoyStrategy::Published, DecoyStrategy::Exhaustive] {
        assert!(decoys(&molecule("CCOC(C)CN"), 0, strategy).decoys.is_empty());
        for text in ["C", "[Na+].[Cl-]", "C#C", "[H][H]", "*", "CC"] {
            let outcome = decoys(&molecule(text), 3, strategy);
            assert!(outcome.decoys.is_empty(), "{text}: {:?}", smiles(&outcome));
        }
    }
    let none = decoys(&molecule("C"), 3, DecoyStrategy::Exhaustive);
    assert_eq!(none.extent, SearchExtent::Exhausted { distinct: 0 });
    assert_eq!(none.strategy, None);
}

#[test]
fn work_on_a_huge_molecule_is_bounded() {
    let text = format!("{}N", "CO".repeat(1_000));
    let request = DecoyRequest {
        count: 1_000,
        seed: 0,
        set: DecoySet::V1,
        strategy: DecoyStrategy::Exhaustive,
        hardness: Some(TanimotoRange::new(0.0, 0.0).unwrap()),
    };
    let outcome = generate(&molecule(&text), &request);
    let SearchExtent::Truncated { swaps_tried } = outcome.extent else { panic!("{outcome:?}") };
    assert!((40..100).contains(&swaps_tried), "{swaps_tried} swaps");
}

#[test]
fn a_search_can_be_interrupted_but_never_gives_half_a_result() {
    let original = molecule("CC(C)Cc1ccc(C(C)C(=O)NCCOC(=O)CCCl)cc1");
    for strategy in [DecoyStrategy::Published, DecoyStrategy::Exhaustive] {
        let request =
            DecoyRequest { count: 20, seed: 0, set: DecoySet::V1, strategy, hardness: None };
        let asked = std::cell::Cell::new(0);
        let five_times = || asked.replace(asked.get() + 1) < 5;
        let stopped = generate_while(&original, &request, &five_times);
        assert_eq!(stopped.unwrap_err(), Interrupted);
        assert!(generate_while(&original, &request, &|| true).is_ok());
    }
}

#[test]
fn names_on_disk_are_the_published_ones() {
    for strategy in StrategyId::V1 {
        assert_eq!(serde_json::to_value(strategy).unwrap(), strategy.name());
    }
    assert_eq!(serde_json::to_value(DecoyStrategy::Exhaustive).unwrap(), "exhaustive");
    assert_eq!(serde_json::to_value(HardnessBin::Medium).unwrap(), HardnessBin::Medium.as_str());
    let hash = DecoyHash::of_smiles("C");
    assert_eq!(serde_json::to_value(hash).unwrap(), hash.to_string());
    assert_eq!(hash.to_string().len(), 64);
}

#[test]
fn ranges_and_bins_are_closed_where_they_say() {
    let range: TanimotoRange = "0.65..0.95".parse().unwrap();
    assert_eq!(range, TanimotoRange::new(0.65, 0.95).unwrap());
    assert_eq!(range.to_string().parse(), Ok(range));
    for text in ["", "0.5", "0.5..", "a..b", "0.5-0.7"] {
        assert!(
            matches!(text.parse::<TanimotoRange>(), Err(TanimotoRangeError::Form(_))),
            "{text}"
        );
    }
    for text in ["0.9..0.1", "-0.1..0.5", "0.5..1.1", "nan..1", "0..inf"] {
        let error = text.parse::<TanimotoRange>();
        assert!(matches!(error, Err(TanimotoRangeError::Bounds { .. })), "{text}");
    }
    let stored = serde_json::to_string(&range).unwrap();
    assert_eq!(serde_json::from_str::<TanimotoRange>(&stored).unwrap(), range);
    assert!(serde_json::from_str::<TanimotoRange>(r#"{"min":0.9,"max":0.1}"#).is_err());
    assert_eq!(HardnessBin::of(Some(0.49)), HardnessBin::Easy);
    assert_eq!(HardnessBin::of(Some(0.50)), HardnessBin::Medium);
    assert_eq!(HardnessBin::of(Some(0.70)), HardnessBin::Hard);
}
