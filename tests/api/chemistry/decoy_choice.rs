//! Decoys that are chosen: those that were given, and those that match.

use hetero2::decoy::{
    DecoyOutcome, DecoyPool, DecoyRequest, DecoySet, DecoyStrategy, MAX_SIMILARITY, PoolMolecule,
    Properties, Warning, of_given,
};
use hetero2::molecule::{Molecule, ParseLimits};

fn molecule(smiles: &str) -> Molecule {
    Molecule::from_smiles(smiles.as_bytes(), &ParseLimits::default()).unwrap()
}

fn request(set: DecoySet, count: usize, seed: i64) -> DecoyRequest {
    DecoyRequest { count, seed, set, strategy: DecoyStrategy::Exhaustive, hardness: None }
}

fn smiles(outcome: &DecoyOutcome) -> Vec<&str> {
    outcome.decoys.iter().map(|decoy| decoy.smiles()).collect()
}

#[test]
fn given_decoys_keep_their_order_and_lose_what_is_none() {
    let ethanol = molecule("CCO");
    let listed = ["NCC", "OCC", "C1CC", "CCN", "CCC", "CCCl"];
    let found = of_given(&ethanol, listed, &request(DecoySet::Given, 2, 0));
    assert_eq!(smiles(&found), ["CCN", "CCC"]);
    assert_eq!((found.counters.attempts, found.counters.duplicate), (5, 2));
    assert!(found.warnings.contains(&Warning::UnreadableDecoys(1)), "{:?}", found.warnings);
    let why = |warning: &Warning| matches!(warning, Warning::UnreadableDecoy(why) if why.starts_with("C1CC: "));
    assert!(found.warnings.iter().any(why), "{:?}", found.warnings);
    let hard = DecoyRequest {
        hardness: Some("0.9..1".parse().unwrap()),
        ..request(DecoySet::Given, 9, 0)
    };
    assert!(of_given(&ethanol, listed, &hard).decoys.is_empty());
}

/// The shipped library as a pool.
fn pool(reverse: bool) -> DecoyPool {
    let lines = include_str!("../../../src/library/data/demo.smi").lines();
    let read = lines.map(|line| molecule(line.split_whitespace().next().unwrap()));
    let mut molecules: Vec<PoolMolecule> =
        read.filter_map(|read| PoolMolecule::of(&read).unwrap()).collect();
    if reverse {
        molecules.reverse();
    }
    DecoyPool::new(molecules)
}

#[test]
fn matched_decoys_have_near_properties_and_another_structure() {
    let pool = pool(false);
    let (mut decoys, mut complete) = (0, 0);
    for original in pool.molecules().iter().step_by(25) {
        let original = molecule(&original.smiles);
        let found = pool.decoys(&original, &request(DecoySet::Matched, 5, 0));
        let wanted = Properties::of(&original).unwrap();
        let flat = original.smiles_without_stereo().unwrap();
        complete += usize::from(found.decoys.len() == 5);
        let mut last = 0;
        for decoy in &found.decoys {
            let other = molecule(decoy.smiles());
            let has = Properties::of(&other).unwrap();
            assert!((has.charge - wanted.charge).abs() <= 1);
            assert!((has.heavy_atoms - wanted.heavy_atoms).abs() <= 8);
            assert!((has.logp - wanted.logp).abs() <= 250 && (has.tpsa - wanted.tpsa).abs() <= 300);
            assert!(decoy.tanimoto().unwrap() <= MAX_SIMILARITY);
            assert_ne!(other.smiles_without_stereo().unwrap(), flat);
            // Narrow windows come first.
            let window = hetero2::decoy::WINDOWS.iter().position(|window| {
                (has.heavy_atoms - wanted.heavy_atoms).abs() <= window.heavy_atoms
                    && (has.logp - wanted.logp).abs() <= window.logp
                    && (has.tpsa - wanted.tpsa).abs() <= window.tpsa
                    && (has.hbd - wanted.hbd).abs() <= window.hbd
                    && (has.hba - wanted.hba).abs() <= window.hba
                    && (has.rotatable_bonds - wanted.rotatable_bonds).abs()
                        <= window.rotatable_bonds
                    && (has.charge - wanted.charge).abs() <= window.charge
            });
            assert!(window.unwrap() >= last);
            last = window.unwrap();
            decoys += 1;
        }
    }
    assert!(decoys > 150 && complete > 25, "{decoys} decoys, {complete} complete");
}

#[test]
fn matched_decoys_depend_on_the_seed_and_not_on_the_order_of_the_pool() {
    let (forwards, backwards) = (pool(false), pool(true));
    let mut differ = 0;
    for original in forwards.molecules().iter().step_by(100) {
        let original = molecule(&original.smiles);
        let of = |pool: &DecoyPool, seed| {
            let found = pool.decoys(&original, &request(DecoySet::Matched, 3, seed));
            smiles(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of(&forwards, 0), of(&backwards, 0));
        differ += usize::from(of(&forwards, 0) != of(&forwards, 1));
    }
    assert!(differ > 3, "{differ}");
}

#[test]
fn a_pool_gives_no_stereoisomer_whatever_its_similarity() {
    let original = molecule("C[C@H](N)C(=O)O");
    let entry = |smiles: &str| PoolMolecule::of(&molecule(smiles)).unwrap().unwrap();
    let pool = DecoyPool::new(["C[C@@H](N)C(=O)O", "CC(N)C(=O)O", "OCC(=O)CN"].map(entry).into());
    let any = DecoyRequest {
        hardness: Some("0..1".parse().unwrap()),
        ..request(DecoySet::Matched, 9, 0)
    };
    let found = pool.decoys(&original, &any);
    assert_eq!(smiles(&found), ["NCC(=O)CO"], "{:?}", found.counters);
}
