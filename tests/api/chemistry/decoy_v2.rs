//! Decoy set v2: what its decoys may look like, judged by other code than the
//! search's, and what the search may not depend on.

use std::collections::{BTreeMap, HashSet};

use chematic::core as cc;
use hetero2::decoy::{
    DecoyOutcome, DecoyRequest, DecoySet, DecoyStrategy, RuleCounters, SearchExtent, StrategyId,
    Warning, generate,
};
use hetero2::environment::{Commonness, EnvironmentTable};
use hetero2::molecule::{Molecule, ParseLimits};

fn molecule(smiles: &str) -> Molecule {
    Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap()
}

fn decoys(molecule: &Molecule, count: usize) -> DecoyOutcome {
    let (set, strategy) = (DecoySet::V2, DecoyStrategy::Exhaustive);
    generate(molecule, &DecoyRequest { count, seed: 0, set, strategy, hardness: None })
}

fn smiles(outcome: &DecoyOutcome) -> Vec<&str> {
    outcome.decoys.iter().map(|decoy| decoy.smiles()).collect()
}

/// The molecules of the demo library, every `step`-th one.
fn demo(step: usize) -> Vec<Molecule> {
    let lines = include_str!("../../../src/library/data/demo.smi").lines().step_by(step);
    lines.map(|line| molecule(line.split_whitespace().next().unwrap())).collect()
}

/// What the rules are about, by the chemistry crate alone.
#[derive(Debug)]
struct Facts {
    fragments: usize,
    formula: String,
    /// How many rings of each size below 5 or above 8 there are.
    odd_rings: BTreeMap<usize, usize>,
    environments: HashSet<u32>,
    flat: String,
}

impl Facts {
    fn of(smiles: &str) -> Self {
        let model = chematic::smiles::parse(smiles).unwrap();
        let mut odd_rings = BTreeMap::new();
        for ring in chematic::perception::find_sssr(&model).rings() {
            if ring.len() < 5 || ring.len() > 8 {
                *odd_rings.entry(ring.len()).or_default() += 1;
            }
        }
        let config = chematic::fp::RdkitMorganConfig::default();
        let morgan = chematic::fp::rdkit_morgan_fingerprint(&model, &config).unwrap();
        Self {
            fragments: smiles.split('.').count(),
            formula: chematic::chem::calc_mol_formula(&model),
            odd_rings,
            environments: morgan.sparse_counts.keys().copied().collect(),
            flat: flat(&model),
        }
    }

    fn rarest(&self) -> Commonness {
        let table = EnvironmentTable::embedded();
        self.environments.iter().map(|&id| table.commonness(id)).min().unwrap()
    }
}

/// The canonical SMILES without stereo, by the chemistry crate's own removal.
fn flat(model: &cc::Molecule) -> String {
    let bare = chematic::chem::remove_stereo(model);
    let text = chematic::smiles::rdkit_canonical_smiles(&bare).unwrap();
    molecule(&text).canonical_smiles().to_owned()
}

#[test]
fn every_decoy_keeps_every_rule() {
    let (mut checked, mut with_decoys) = (0, 0);
    for original in demo(3) {
        let outcome = decoys(&original, 20);
        with_decoys += usize::from(!outcome.decoys.is_empty());
        let facts = Facts::of(original.canonical_smiles());
        let rarest = facts.rarest();
        let mut seen = HashSet::from([facts.flat.clone()]);
        for decoy in &outcome.decoys {
            let found = Facts::of(decoy.smiles());
            let what = format!("{} -> {}", original.canonical_smiles(), decoy.smiles());
            assert_eq!(found.fragments, facts.fragments, "{what}");
            assert_eq!(found.formula, facts.formula, "{what}");
            for (size, count) in &found.odd_rings {
                assert!(facts.odd_rings.get(size) >= Some(count), "{size}-ring: {what}");
            }
            for id in found.environments.difference(&facts.environments) {
                let commonness = EnvironmentTable::embedded().commonness(*id);
                assert!(commonness > Commonness::UNKNOWN && commonness >= rarest, "{id}: {what}");
            }
            assert!(decoy.tanimoto().is_some_and(|tanimoto| tanimoto < 1.0), "{what}");
            assert!(StrategyId::V2.contains(&decoy.strategy), "{what}");
            assert!(seen.insert(found.flat), "stereoisomers: {what}");
            checked += 1;
        }
    }
    assert!(checked > 2_000 && with_decoys > 250, "{checked} decoys of {with_decoys} molecules");
}

#[test]
fn each_rule_turns_something_away() {
    let mut total = RuleCounters::default();
    for original in demo(20) {
        let rules = decoys(&original, 100).rules.unwrap();
        total.fragments += rules.fragments;
        total.rings += rules.rings;
        total.environments += rules.environments;
        total.stereoisomers += rules.stereoisomers;
        total.same_fingerprint += rules.same_fingerprint;
    }
    assert!(total.fragments > 0 && total.rings > 0 && total.environments > 0, "{total:?}");
}

#[test]
fn swaps_that_keep_typed_bonds_come_first() {
    for original in demo(50) {
        let outcome = decoys(&original, 50);
        let families: Vec<_> = outcome.decoys.iter().map(|decoy| decoy.strategy).collect();
        let first_chain = families.iter().position(|&family| family > StrategyId::Swap);
        let singles = &families[..first_chain.unwrap_or(families.len())];
        assert!(singles.is_sorted(), "{families:?}");
        for decoy in &outcome.decoys {
            let links = match decoy.strategy {
                StrategyId::Chain2 => 2,
                StrategyId::Chain3 => 3,
                _ => 1,
            };
            assert_eq!(decoy.swaps.len(), links);
        }
        let exact = matches!(outcome.extent, SearchExtent::Exhausted { .. });
        assert!(exact || !outcome.decoys.is_empty() || outcome.counters.attempts > 100);
    }
}

#[test]
fn decoys_do_not_depend_on_how_atoms_are_numbered() {
    for original in demo(40) {
        let model = chematic::smiles::parse(original.canonical_smiles()).unwrap();
        let wanted = decoys(&original, 20);
        for seed in 0..3 {
            let text = chematic::smiles::random_smiles(&model, seed);
            let Ok(shuffled) = Molecule::from_smiles(text.as_bytes(), &ParseLimits::default())
            else {
                continue;
            };
            if shuffled.canonical_smiles() != original.canonical_smiles() {
                continue;
            }
            assert_eq!(smiles(&decoys(&shuffled, 20)), smiles(&wanted), "{text}");
        }
    }
}

#[test]
fn the_seed_decides_which_decoys_are_taken() {
    let original = molecule("CC(=O)Nc1ccc(OCC(O)CNC(C)C)cc1");
    let request = |seed| {
        let (set, strategy) = (DecoySet::V2, DecoyStrategy::Exhaustive);
        DecoyRequest { count: 10, seed, set, strategy, hardness: None }
    };
    let (one, two) = (generate(&original, &request(1)), generate(&original, &request(2)));
    assert_eq!(smiles(&one), smiles(&generate(&original, &request(1))));
    assert_ne!(smiles(&one), smiles(&two));
}

#[test]
fn molecules_beyond_the_quick_path_get_decoys_or_say_why() {
    // Isotopes, salts, a metal, nothing to swap.
    let labelled = decoys(&molecule("[2H]C([2H])(O)CCNC(=O)c1ccccc1OC"), 5);
    assert!(labelled.warnings.contains(&Warning::ChainsNotTried));
    for decoy in decoys(&molecule("CCOC(=O)CCNC.Cl"), 5).decoys {
        assert_eq!(decoy.smiles().split('.').count(), 2);
    }
    let none = decoys(&molecule("c1ccccc1"), 5);
    assert!(none.decoys.is_empty());
    assert_eq!(none.extent, SearchExtent::Exhausted { distinct: 0 });
}

/// A cubic graph of carbons in LCF notation: a ring with chords.
fn cage(atoms: usize, chords: &[i64]) -> Molecule {
    let mut smiles = String::new();
    let mut free: Vec<usize> = (1..100).rev().collect();
    let mut open = BTreeMap::new();
    let chord = |v: usize| (v as i64 + chords[v % chords.len()]).rem_euclid(atoms as i64) as usize;
    for v in 0..atoms {
        smiles.push('C');
        let ends = [(0, atoms - 1), (v.min(chord(v)), v.max(chord(v)))];
        for end in ends.into_iter().filter(|&(a, b)| v == a || v == b) {
            let number = match open.remove(&end) {
                Some(number) => {
                    free.push(number);
                    number
                }
                None => *open.entry(end).or_insert_with(|| free.pop().unwrap()),
            };
            smiles.push_str(&format!("%{number:02}"));
        }
    }
    molecule(&smiles)
}

#[test]
fn the_search_among_the_swaps_of_a_cage_is_bounded() {
    // Gray's graph: 5,562 swaps of two of its 54 bonds, few of them different.
    let gray = cage(54, &[-25, 7, -7, 13, -13, 25]);
    assert_eq!((gray.atom_count(), gray.bonds().len()), (54, 81));
    for (set, most) in [(DecoySet::V1, 600), (DecoySet::V2, 150)] {
        let strategy = DecoyStrategy::Exhaustive;
        let request = DecoyRequest { count: 1_000, seed: 0, set, strategy, hardness: None };
        let outcome = generate(&gray, &request);
        assert!(outcome.counters.attempts <= most, "{set:?} {:?}", outcome.counters);
        let bounded = Warning::CageSwapsBounded(outcome.counters.attempts);
        assert!(outcome.warnings.contains(&bounded), "{set:?} {:?}", outcome.warnings);
    }
}
